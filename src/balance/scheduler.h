/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "io/batch.h"

struct balancer;
struct service;

/*
 * A scheduler: one file sched_NAME.c that defines `scheduler_NAME`, and one word in meson.build.
 */
struct scheduler {
	const char *name;
	/*
	 * Worker: the number of the server for the first packet of a session. Not called when there
	 * is no usable server.
	 */
	uint32_t (*choose)(struct balancer *b, const struct service *service, const struct pkt *p);
	/* Does choosing again for the same packet give another server? */
	bool by_turns;
	/*
	 * Control: what choosing needs beyond the list of servers, one block for free(), or NULL when
	 * there is no memory. Not called for a service without usable servers; NULL: nothing needed.
	 */
	void *(*prepare)(const struct service *service);
};

/*
 * Worker: what choose() says, but of those servers that are not overloaded (overload.h); 0 when all
 * are. Who goes by address finds the next one that is not, from a place that the address gives.
 */
uint32_t scheduler_choose(struct balancer *b, const struct service *service, const struct pkt *p);

const struct scheduler *scheduler_find(const char *name); // NULL when there is none

/*
 * For those that choose by address: a hash of the client's address (with its port when the service
 * says so) that two directors agree on, and of the address that it asked for.
 */
uint64_t scheduler_hash_source(const struct service *service, const struct pkt *p);
uint64_t scheduler_hash_destination(const struct pkt *p);
/* Of the QUIC connection ID in a UDP packet; of the client's address when it has none. */
uint64_t scheduler_hash_quic(const struct service *service, const struct pkt *p);

/* The usable servers in an order, and with a hash, that depend on nothing but their addresses. */
struct scheduler_server {
	uint64_t hash;
	uint32_t server, weight;
};
/* One block for free() with service->server_count entries, or NULL. */
struct scheduler_server *scheduler_servers(const struct service *service);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "balance/counts.h"
#include "base/memory.h"
#include "io/batch.h"

/*
 * Templates of persistent services: which real server the clients of a network stay with. Of one
 * worker; only that worker calls these functions. See persistence.c for the theory.
 */
enum { PERSISTENCE_MAX = 1 << 20, PERSISTENCE_SECONDS_MAX = 2678400 /* 31 days */ };

struct persistence_key {
	uint8_t client[16]; // the network's address: what the mask leaves; IPv4: the first four
	uint32_t service;
	uint8_t ipv6;
	uint8_t spare[3]; // zero: keys are compared as bytes
};
_Static_assert(sizeof(struct persistence_key) == 24, "no padding");

struct persistence_template {
	struct persistence_key key;
	uint32_t server;
	uint32_t next;	  // in its hash chain, or in the free list
	uint32_t last;	  // persistence.now at the last connection
	uint32_t seconds; // how long it lives after that
	uint16_t generation;
	uint8_t in_use;
	uint8_t spare[5];
};
_Static_assert(sizeof(struct persistence_template) == 48, "three cache lines hold four");

struct persistence {
	struct persistence_template *templates; // numbers 1 to PERSISTENCE_MAX
	uint32_t *heads;
	struct server_count *server_counts;
	uint32_t high, free, used;
	uint32_t sweep; // next one that the housekeeping looks at
	uint32_t now;	// seconds; does not wrap in a lifetime, as the batch's clock does
	uint64_t full;	// connections that found no room for a template
	struct memory template_memory, head_memory;
};

struct service;
struct balancer;

int persistence_create(struct persistence *p, unsigned int worker, struct server_count *counts);
void persistence_destroy(struct persistence *p);

/* The network that a packet's client belongs to, as the service's mask has it. */
struct persistence_key persistence_key(const struct service *service, const struct pkt *p);
/* Which worker keeps the template of this packet's client? */
unsigned int persistence_home(const struct service *service, const struct pkt *p,
			      unsigned int workers);

/*
 * The real server of the first packet of a connection: that of the template when there is one and
 * its server may still be used, else one that the scheduler chooses. At the home worker only.
 * 0: there is none.
 */
uint32_t persistence_choose(struct balancer *b, const struct service *service, const struct pkt *p);
/* Where there is no template: one that follows from the client's network; 0: there is none. */
uint32_t persistence_by_hash(const struct service *service, const struct pkt *p);
/* May a worker use this number that another one has chosen for a packet of the service? */
bool persistence_is_current(const struct service *service, uint32_t server);

/* Forget templates whose time is over; looks at up to `budget` of them. */
void persistence_tidy(struct persistence *p, unsigned int budget);

/* Control: what template 1 to `high` is, read while its worker goes on; false: not in use. */
struct persistence_view {
	struct persistence_key key;
	uint32_t server;
	uint32_t expires;    // seconds left
	unsigned int worker; // filled in by whoever knows
};
bool persistence_view(const struct persistence *p, uint32_t number, struct persistence_view *out);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "balance/server.h"
#include "base/drops.h"
#include "io/batch.h"
#include "session/session.h"

struct balancer;
struct service;

/*
 * A forwarding mode: one file mode_NAME.c that defines `mode_NAME`, and one word in meson.build.
 * It exists only at the first packet, when it fills in how packets are changed (session.form) and
 * the other direction's key: what packets of direction 0 are rewritten to. The session is zero but
 * for key[0], server and timeouts. Returns DROP_none or the reason why no session can be made.
 */
struct mode {
	const char *name;
	bool translates; // a server of the other family gets packets of its own: a wide session
	bool one_way;	 // servers answer clients by themselves
	enum drop (*bind)(struct balancer *b, const struct service *service,
			  const struct server *server, const struct pkt *p, struct session *s);
};

/* The port that a first packet is to have at its server, network byte order. */
static inline uint16_t mode_server_port(const struct server *server, const struct pkt *p)
{
	if (server->port)
		return server->port;
	return p->flags & PKT_IPV6 ? p->key6.destination_port : p->key4.destination_port;
}

const struct mode *mode_find(const char *name); // NULL when there is none

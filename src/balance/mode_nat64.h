/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "balance/balancer.h"
#include "balance/server.h"
#include "balance/service_data.h"

/* Is the server of the other family than this packet of a client? */
static inline bool nat64_applies(const struct server *server, const struct pkt *p)
{
	return (server->addr.family == AF_INET6) != !!(p->flags & PKT_IPV6);
}

/*
 * Fill in the server's side of a session whose families differ, with a port of this local address,
 * which is of the server's family. 0, or -ENOSPC when it has none left.
 */
int nat64_bind(struct balancer *b, const struct server *server, const struct service_local *local,
	       const struct pkt *p, struct session *s, struct port_history *history);

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * NAT: the server sees the client's own address and port, and answers through weir, which is its
 * gateway (or at least on its way to the clients). Only the destination is changed on the way to
 * the server, only the source on the way back, so there is no local port to choose.
 *
 * The tuple (server, client) is the client's choice. When it asks two services on the same real
 * server from the same port at the same time, the answers could not be told apart: the later
 * connection is refused until the client tries another port.
 */
#include <string.h>

#include "balance/balancer.h"
#include "balance/server.h"
#include "balance/service_data.h"

static bool nat_is_itself(const struct server *server, const struct pkt *p)
{
	return p->flags & PKT_IPV6 ? memcmp(server->addr.bytes, p->key6.source, 16) == 0
				   : server->addr.v4 == p->key4.source;
}

static bool nat_bind6(struct balancer *b, const struct server *server, const struct pkt *p,
		      struct key6 *key)
{
	memcpy(key->source, server->addr.bytes, 16);
	memcpy(key->destination, p->key6.source, 16);
	key->source_port = mode_server_port(server, p);
	key->destination_port = p->key6.source_port;
	key->zone_protocol = p->key6.zone_protocol;
	return table_find6(b->table, key, key6_hash(key)) == 0;
}

static bool nat_bind4(struct balancer *b, const struct server *server, const struct pkt *p,
		      struct key4 *key)
{
	*key = key4_make(server->addr.v4, p->key4.source, mode_server_port(server, p),
			 p->key4.source_port, p->key4.zone_protocol);
	return table_find4(b->table, key, key4_hash(key)) == 0;
}

static enum drop nat_bind(struct balancer *b, const struct service *service,
			  const struct server *server, const struct pkt *p, struct session *s)
{
	bool free;

	if (nat_is_itself(server, p))
		return DROP_server_is_client;
	free = p->flags & PKT_IPV6 ? nat_bind6(b, server, p, session_key6(s, 1))
				   : nat_bind4(b, server, p, &s->key4[1]);
	s->form = FORM_REWRITE;
	return free ? DROP_none : DROP_nat_tuple_taken;
}

const struct mode mode_nat = {.name = "nat", .bind = nat_bind};

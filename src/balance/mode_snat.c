/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * SNAT: hosts without an address of the outside reach it. The "real servers" of such a service are
 * WAN addresses: the scheduler chooses the one that the destination will see, with a port from the
 * same allocator as FullNAT's, so that one WAN address carries 64,512 connections to every
 * destination. When all of them are in use the next WAN address is tried.
 *
 * The packet goes where it was sent to, by the session's own route (FORM_ROUTED). Of ICMP echoes
 * the identifier stands for the port (FORM_ECHO).
 */
#include <string.h>

#include "balance/balancer.h"
#include "balance/server.h"
#include "balance/service_data.h"
#include "net/nexthop.h"
#include "net/route.h"

static enum drop snat_route(const struct pkt *p)
{
	uint16_t nexthop = p->flags & PKT_IPV6 ? route_lookup6(p->key6.destination, p->hash, NULL)
					       : route_lookup4(p->key4.destination, p->hash, NULL);

	return nexthop == NEXTHOP_NONE	      ? DROP_no_route
	       : nexthop == NEXTHOP_BLACKHOLE ? DROP_route_blackhole
					      : DROP_none;
}

/* A port of this WAN address towards the packet's destination. */
static int snat_port(struct balancer *b, const struct server *server, const struct pkt *p,
		     struct session *s)
{
	struct port_history ignored;

	if (p->flags & PKT_IPV6) {
		struct key6 *key = session_key6(s, 1);

		memcpy(key->source, p->key6.destination, 16);
		memcpy(key->destination, server->addr.bytes, 16);
		key->source_port = p->key6.destination_port;
		key->zone_protocol = pkt_protocol(p); // outside, wherever it comes from
		return ports_choose6(&b->ports, b->table, key, b->seconds, &ignored);
	}
	s->key4[1] = key4_make(p->key4.destination, server->addr.v4, p->key4.destination_port, 0,
			       pkt_protocol(p));
	return ports_choose4(&b->ports, b->table, &s->key4[1], b->seconds, &ignored);
}

/* The others, when the one that was chosen has no port left. */
static int snat_port_of_others(struct balancer *b, const struct service *service,
			       const struct pkt *p, struct session *s)
{
	uint32_t chosen = s->server;

	for (uint32_t i = 0; i < service->server_count; i++) {
		uint32_t other = service->servers[i].server;

		if (other != chosen && snat_port(b, &server_table[other], p, s) == 0) {
			s->server = other;
			return 0;
		}
	}
	return -1;
}

static enum drop snat_bind(struct balancer *b, const struct service *service,
			   const struct server *server, const struct pkt *p, struct session *s)
{
	uint8_t protocol = pkt_protocol(p);
	enum drop reason = snat_route(p);

	if (reason != DROP_none)
		return reason;
	if (snat_port(b, server, p, s) < 0 && snat_port_of_others(b, service, p, s) < 0) {
		b->ports_exhausted++;
		return DROP_no_local_port;
	}
	s->form = FORM_REWRITE | FORM_PORT | FORM_ROUTED;
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
		s->form |= FORM_ECHO;
	return DROP_none;
}

const struct mode mode_snat = {.name = "snat", .bind = snat_bind};

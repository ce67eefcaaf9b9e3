/* SPDX-License-Identifier: BSD-3-Clause */

/* A session remembers its next hop towards the client until any route or neighbour changes. */
#include "net/route.h"

#include <string.h>

#include "path/worker.h"

/* Towards the source of one direction's key; that is what a key of either family begins with. */
static uint16_t route_of_end(struct session *s, unsigned int direction, bool wide, uint32_t hash)
{
	return route_of_address(session_key(s, wide, direction),
				session_key_is_ipv6(s, wide, direction), hash);
}

/* The client's own neighbour, of a symmetric session whose interface works. */
static bool route_is_symmetric(const struct worker *w, const struct session *s)
{
	const struct iface *iface;

	if (!(s->flags & SESSION_EXTRA) || table_extra(&w->table, s)->client_iface == 0)
		return false;
	iface = iface_get(table_extra(&w->table, s)->client_iface);
	return iface && iface->up;
}

uint16_t route_of_client(struct worker *w, struct session *s, bool wide, uint32_t hash)
{
	// Not remembered: the server may come back before another route changes.
	if (unlikely(server_table[s->server].gone))
		return NEXTHOP_NONE;
	if (unlikely(route_is_symmetric(w, s))) {
		s->nexthop = NEXTHOP_SYMMETRIC;
		s->epoch = w->epoch;
		return s->nexthop;
	}
	s->nexthop = route_of_end(s, 0, wide, hash);
	s->epoch = w->epoch;
	return s->nexthop;
}

uint16_t route_of_destination(struct worker *w, struct session *s, bool wide, uint32_t hash)
{
	if (unlikely(s->flags & SESSION_EXTRA))
		return route_of_end(s, 1, wide, hash); // no room to remember it
	if (likely(s->out.known && s->out.epoch == w->epoch))
		return s->out.nexthop;
	if (unlikely(server_table[s->server].gone))
		return NEXTHOP_NONE;
	s->out.nexthop = route_of_end(s, 1, wide, hash);
	s->out.epoch = w->epoch;
	s->out.known = s->out.nexthop != NEXTHOP_UNRESOLVED;
	return s->out.nexthop;
}

uint16_t route_of_address(const uint8_t *address, bool ipv6, uint32_t hash)
{
	struct addr destination = {.family = ipv6 ? AF_INET6 : AF_INET};
	uint16_t iface = 0, nexthop;

	memcpy(destination.bytes, address, ipv6 ? 16 : 4);
	nexthop = ipv6 ? route_lookup6(destination.bytes, hash, &iface)
		       : route_lookup4(destination.v4, hash, &iface);
	if (nexthop == NEXTHOP_UNRESOLVED && iface)
		neigh_request(iface, &destination);
	return nexthop;
}

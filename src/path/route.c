/* SPDX-License-Identifier: BSD-3-Clause */

/* Towards the client: a session remembers its next hop until any route or neighbour changes. */
#include "net/route.h"

#include <string.h>

#include "path/worker.h"

uint16_t route_of_client(struct worker *w, struct session *s, bool ipv6, uint32_t hash)
{
	uint16_t iface = 0;

	if (ipv6)
		s->nexthop = route_lookup6(session_key6(s, 0)->source, hash, &iface);
	else
		s->nexthop = route_lookup4(s->key4[0].source, hash, &iface);
	s->epoch = w->epoch;
	if (s->nexthop == NEXTHOP_UNRESOLVED && iface) {
		struct addr client = ipv6 ? addr_v6(session_key6(s, 0)->source)
					  : addr_v4(s->key4[0].source);

		neigh_request(iface, &client);
	}
	return s->nexthop;
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

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

#include "base/addr.h"
#include "net/nexthop.h"

/*
 * Routes: the mirror of Linux's local, main and default tables, in one trie of each family that is
 * changed in place (net/fib.c).
 *
 * Worker side. Returns a next hop number: a real one (>= NEXTHOP_FIRST), or one of the NEXTHOP_
 * words. `hash` chooses among the legs of a multipath route. An on-link destination is looked up
 * among the neighbours; when it is not there, NEXTHOP_UNRESOLVED is returned and `*iface`, if not
 * NULL, says on which interface it would be (0: it is a gateway, which control keeps resolved).
 */
uint16_t route_lookup4(uint32_t destination_be, uint32_t hash, uint16_t *iface);
uint16_t route_lookup6(const uint8_t destination[16], uint32_t hash, uint16_t *iface);

/*
 * Worker side: ask Linux to resolve an on-link neighbour. Lossy and cheap (a ring to the control
 * thread, which asks the kernel); ask again when nothing has happened after a second.
 */
void neigh_request(uint16_t iface, const struct addr *destination);

/* Start and stop the tables; `workers` is how many threads look up. */
int route_start(unsigned int workers);
void route_stop(void);

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Route lookup: the trie (fib.c) leads from an address to a route group (group.c), the flow's hash
 * to a slot of the group, and an on-link slot to the neighbour table (neigh.c).
 */
#include "net/route.h"

#include <stddef.h>

#include "io/rcu.h"
#include "net/fib.h"
#include "net/group.h"
#include "net/neigh.h"
#include "net/nexthop.h"
#include "net/path.h"
#include "net/retire.h"

static uint16_t route_resolve(uint32_t group, const struct addr *destination, uint32_t hash,
			      uint16_t *iface)
{
	uint32_t slot = __atomic_load_n(&group_table[group].slot[hash % PATH_SLOTS],
					__ATOMIC_RELAXED);
	uint16_t number;

	if (!(slot & GROUP_ON_LINK)) {
		if (iface)
			*iface = 0; // nobody to ask for: control keeps gateways resolved
		return slot;
	}
	number = neigh_lookup(group_slot_iface(slot), destination, group_slot_mtu(slot));
	if (iface)
		*iface = number == NEXTHOP_UNRESOLVED ? group_slot_iface(slot) : 0;
	return number;
}

uint16_t route_lookup4(uint32_t destination_be, uint32_t hash, uint16_t *iface)
{
	struct addr destination = {.family = AF_INET, .v4 = destination_be};

	return route_resolve(fib_lookup4(destination_be), &destination, hash, iface);
}

uint16_t route_lookup6(const uint8_t destination[16], uint32_t hash, uint16_t *iface)
{
	struct addr addr = addr_v6(destination);

	return route_resolve(fib_lookup6(destination), &addr, hash, iface);
}

int route_start(unsigned int workers)
{
	int result;

	result = fib_start();
	if (result < 0)
		return result;
	result = nexthop_start();
	if (result < 0)
		goto stop_fib;
	result = neigh_start();
	if (result < 0)
		goto stop_nexthop;
	result = group_start();
	if (result < 0)
		goto stop_neigh;
	result = path_start();
	if (result < 0)
		goto stop_group;
	return 0;

stop_group:
	group_stop();
stop_neigh:
	neigh_stop();
stop_nexthop:
	nexthop_stop();
stop_fib:
	fib_stop();
	return result;
}

void route_stop(void)
{
	// What was handed over for a grace period earlier comes back before its table goes.
	rcu_wait(rcu_token());
	rcu_poll();
	path_stop();
	group_stop();
	neigh_stop();
	retire_stop();
	nexthop_stop();
	fib_stop();
}

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * Next hops and paths: the two tables that workers read for each packet they send.
 *
 * A next hop is one neighbour on one interface with its Ethernet header ready to copy. Its
 * contents never change while a worker may see it: a neighbour that moves gets a new number, the
 * paths that used the old one are rewritten (one 16-bit store a slot), `route_epoch` is raised, and
 * the old number is freed after a grace period.
 *
 * A path is how one destination that the control thread keeps watch over (a real server) is
 * reached: sixteen next hop numbers, chosen from by the flow's hash, repeated by weight.
 */
enum {
	NEXTHOP_NONE = 0,	// no route to the destination
	NEXTHOP_UNRESOLVED = 1, // on link or by a gateway whose MAC is not known (yet)
	NEXTHOP_BLACKHOLE = 2,	// the route says blackhole, unreachable or prohibit
	NEXTHOP_LOCAL = 3,	// the address is Linux's own: punt
	NEXTHOP_SYMMETRIC = 4,	// of a session: the neighbour that its client comes by
	NEXTHOP_FIRST = 16,	// first real one
	NEXTHOP_MAX = 65536,
	NEXTHOP_TUNNEL = 1, // header_len of a next hop that is a tunnel
	PATH_SLOTS = 16,
	PATH_NONE = 0, // a path of nobody, which leads nowhere
	PATH_MAX_COUNT = 1 << 20,
};

struct nexthop {
	uint8_t header[22]; // Ethernet header with VLAN tags, destination first; its last two
			    // bytes are zero: output writes the packet's own Ethernet type there
	uint8_t header_len; // 14, 18 or 22, NEXTHOP_TUNNEL; 0: this number is not in use
	uint8_t port;	    // index of the port to send on
	uint16_t iface;	    // index of the logical interface
	uint16_t mtu;	    // of the route or interface, the IP datagram's limit
	struct addr addr;   // of the neighbour, for people
	uint8_t spare[16];  // zero
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct nexthop) == 64, "a next hop is one cache line");

struct path {
	uint16_t nexthop[PATH_SLOTS]; // atomic, relaxed; control writes
};
_Static_assert(sizeof(struct path) == 32, "two paths in a cache line");

extern struct nexthop *nexthop_table; // NEXTHOP_MAX entries
extern struct path *path_table;	      // PATH_MAX_COUNT entries, reserved, touched as used; 0 unused
extern uint16_t *path_single; // of each path: what all its slots hold, 0 where they differ; dense
extern uint8_t route_epoch;   // atomic; raised whenever any route or neighbour changed

/* Worker: which next hop does a flow with this hash take to a watched destination? */
static inline uint16_t path_nexthop(uint32_t path, uint32_t hash)
{
	uint16_t single = __atomic_load_n(&path_single[path], __ATOMIC_RELAXED);

	if (__builtin_expect(single != 0, 1))
		return single;
	return __atomic_load_n(&path_table[path].nexthop[hash % PATH_SLOTS], __ATOMIC_RELAXED);
}

/*
 * Control: watch a destination. The kernel is asked to keep its neighbour (the host itself or its
 * gateways) resolved, and the path follows routes and neighbours until path_release(). Paths are
 * shared by address and counted. Returns the number, or 0 when the table is full.
 */
uint32_t path_watch(const struct addr *destination);
void path_release(uint32_t path);

/*
 * Control, and only for net/: take a number for a neighbour, or NEXTHOP_UNRESOLVED when all are in
 * use; give it back (it stays as it is until the grace period after the next raise of the epoch).
 */
struct iface;
struct rte_ether_addr;
uint16_t nexthop_create(const struct iface *iface, const struct addr *addr,
			const struct rte_ether_addr *mac, uint16_t mtu);
void nexthop_release(uint16_t number);
unsigned int nexthop_count(void);
int nexthop_start(void);
void nexthop_stop(void);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/addr.h"
#include "net/iface.h"
#include "net/nexthop.h"
#include "net/punt.h"

/*
 * What stands in for net/ in packet tests: interfaces, routes and next hops that a test sets, no
 * Linux behind them. Punted packets are given to a function of the lab.
 */
enum { FAKE_IFACES = 8, FAKE_NEXTHOPS = 64 };

extern struct iface fake_iface[FAKE_IFACES]; // by index; 0 is none

void fake_start(void); // no routes, no next hops, interfaces down
void fake_iface_up(unsigned int index, const char *name, uint16_t port, uint8_t last_of_mac);
/* On an interface that is there; its MAC ends in the index. */
void fake_vlan(unsigned int index, const char *name, unsigned int parent, uint16_t type,
	       uint16_t id);
void fake_vni(unsigned int index, const char *name, uint32_t vni);
void fake_nexthop(uint16_t number, uint16_t iface, uint8_t last_of_mac, uint16_t mtu);
/* Whatever is routed to a tunnel interface. */
void fake_tunnel_nexthop(uint16_t number, uint16_t iface);
/* A host on the link: its next hop, with an MTU of 1500, and the route to it. */
void fake_neighbour(uint16_t number, uint16_t iface, uint8_t last_of_mac, const char *address);
/* Prefix by longest match; a next hop of NEXTHOP_UNRESOLVED is on link of `iface`. */
void fake_route(const char *prefix, uint16_t nexthop, uint16_t iface);
/* What the kernel mirror does after any change: paths follow, the epoch is raised. */
void fake_routes_changed(void);

/* Neighbours that were asked for since fake_start(), and the last of them. */
extern unsigned int fake_neigh_requests;
extern struct addr fake_neigh_last;
/* Called in the middle of a batch, when a neighbour is asked for. */
extern void (*fake_neigh_hook)(void);

/* Takes the packet and returns true, or refuses it as the policers do. */
extern bool (*fake_punt)(uint16_t iface, enum punt_class class, struct rte_mbuf *packet);
extern unsigned int fake_punt_rate; // above 0: so many less one pass the policers, and then none

unsigned int fake_paths(void); // how many are watched

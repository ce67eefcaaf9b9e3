/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "base/addr.h"
#include "base/error.h"
#include "net/iface.h"

/*
 * The rtnetlink mirror (control thread): links, addresses, routes, next hop objects and neighbours
 * of the namespace that weir was started in flow into iface, route, nexthop and path tables.
 */
int kernel_start(struct error *error);
void kernel_stop(void);
/* The netlink sockets, to be watched for reading; kernel_read() takes in all that is there. */
int kernel_fd(void);
void kernel_read(void);
/* Housekeeping about every 50 ms: publish a burst, run due dumps, serve neigh_request(). */
void kernel_tick(void);

/* Add an address to an interface's TAP, or take it away. -EEXIST, -ENODEV, ... */
int kernel_address_add(struct iface *iface, const struct prefix *address);
int kernel_address_delete(struct iface *iface, const struct prefix *address);
/* The interface whose TAP carries the address, or NULL. */
struct iface *kernel_address_owner(const struct addr *address);
struct kernel_address;
/*
 * All addresses of our interfaces, those first that came last. `usable`: as the source of packets
 * that have a choice, that is neither tentative nor deprecated.
 */
void kernel_addresses_visit(void (*visit)(const struct iface *iface,
					  const struct kernel_address *address, bool usable,
					  void *arg),
			    void *arg);
/* The networks that our interfaces are on, by the addresses of their TAPs; at most `max`. */
struct kernel_network {
	struct iface *iface;
	struct prefix prefix;
};
unsigned int kernel_networks(struct kernel_network *out, unsigned int max);

/*
 * The same for a host prefix on any link of Linux, by its ifindex. Linux will not choose an IPv6
 * address that was put there so as the source of connections of its own (it is "deprecated").
 */
int kernel_vip_add(int link, const struct prefix *vip);
int kernel_vip_delete(int link, const struct prefix *vip);
bool kernel_vip_stands(int link, const struct prefix *vip);
/* A number that is another one after an address of any interface has come or gone. */
uint64_t kernel_address_generation(void);

/*
 * Changes that a door asks for, written through to Linux (kernel_put.c): 0 or Linux's negative
 * errno, and kernel_reason() has Linux's words for it. `exclusive`: -EEXIST when it is there. The
 * mirror knows of the change when they return.
 */
enum { KERNEL_FOREVER = -1 };

struct kernel_address {
	struct prefix prefix;
	struct addr broadcast; // AF_UNSPEC: none
	uint8_t scope;	       // RT_SCOPE_
	int64_t valid;	       // seconds, or KERNEL_FOREVER
	int64_t preferred;
	uint32_t metric; // of the route to its network; 0: as Linux likes
};
int kernel_address_put(struct iface *iface, const struct kernel_address *address, bool exclusive);
/* This very prefix on the interface's TAP as Linux has it, or NULL. */
const struct kernel_address *kernel_address_get(const struct iface *iface,
						const struct prefix *address);
/* Is it an address of this host, on whatever interface? */
bool kernel_address_known(const struct addr *address);

struct kernel_route {
	struct prefix prefix;
	struct iface *iface; // NULL when deleting: any
	struct addr gateway; // AF_UNSPEC: on the link
	struct addr source;  // AF_UNSPEC: Linux chooses
	uint32_t metric;     // 0: Linux's default
	uint16_t mtu;	     // 0: the interface's
	uint8_t scope;	     // RT_SCOPE_
	bool onlink;	     // the gateway is on the link, whatever routes say
	bool local;	     // for Linux itself, in table local
};
int kernel_route_put(const struct kernel_route *route, bool exclusive);
/* By destination, and what else is given; -ESRCH when there is none. */
int kernel_route_delete(const struct kernel_route *route);
/* Does Linux have it, as far as destination, metric and interface tell? */
bool kernel_route_present(const struct kernel_route *route);
/* The interface of ours on whose link Linux finds an address, or NULL. */
struct iface *kernel_route_iface(const struct addr *address);

/*
 * The gateway of Linux's route to an address through an interface of ours: 0, AF_UNSPEC when the
 * address is on the link; -ENETUNREACH when there is no such route.
 */
int kernel_route_gateway(const struct addr *address, struct addr *gateway);
/* The interface of ours that the route to an address leads through, or NULL. */
struct iface *kernel_route_towards(const struct addr *address);

int kernel_neighbour_put(const struct iface *iface, const struct addr *address,
			 const struct rte_ether_addr *mac, bool exclusive);
int kernel_neighbour_delete(const struct iface *iface, const struct addr *address);

/* Of any interface of Linux. */
int kernel_link_set_up(int index, bool up);
bool kernel_link_is_up(int index); // false also when it is not known
int kernel_link_set_mac(int index, const struct rte_ether_addr *mac);

/* What Linux said of the last change that it refused: its own words, or those of the errno. */
const char *kernel_reason(int code);

/* Arrays of objects for REST, `weirctl route` and `weirctl neighbour`; the caller owns them. */
json_t *kernel_routes_json(void);
json_t *kernel_neighbours_json(void);
json_t *kernel_addresses_json(void);

/*
 * The routes in pieces, for there may be a million of them: an array with the routes of up to
 * `prefixes` destinations, or NULL at the end. What changes in between is shown or not.
 */
struct kernel_listing;
struct kernel_listing *kernel_listing_open(void); // NULL: no memory
json_t *kernel_listing_next(struct kernel_listing *listing, unsigned int prefixes);
void kernel_listing_close(struct kernel_listing *listing);

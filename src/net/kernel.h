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

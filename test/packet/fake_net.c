/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_net.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/fib.h"
#include "net/kernel.h"
#include "net/neigh.h"
#include "net/retire.h"
#include "net/route.h"
#include "net/vlan.h"

enum { ROUTES = 32, PATHS = 1024, NO_ROUTE = 0 };

struct route {
	struct prefix prefix;
	uint16_t nexthop, iface;
};

struct iface fake_iface[FAKE_IFACES];
struct iface *iface_table[IFACE_MAX];
struct nexthop *nexthop_table;
struct path *path_table;
uint16_t *path_single; // all zero: every path is looked up slot by slot
uint8_t route_epoch;

unsigned int fake_neigh_requests;
struct addr fake_neigh_last;
void (*fake_neigh_hook)(void);
bool (*fake_punt)(uint16_t iface, enum punt_class class, struct rte_mbuf *packet);
unsigned int fake_punt_rate;
void (*punt_worker_wake)(unsigned int worker);
unsigned int (*punt_worker_choose)(const struct rte_mbuf *packet);

static struct nexthop nexthops[FAKE_NEXTHOPS];
static struct route routes[ROUTES];
static unsigned int route_count;
static struct path paths[PATHS];
static uint16_t singles[PATHS];
static struct {
	struct addr destination;
	unsigned int users;
} watched[PATHS];

void fake_start(void)
{
	nexthop_table = nexthops;
	path_table = paths;
	path_single = singles;
	memset(nexthops, 0, sizeof(nexthops));
	memset(fake_iface, 0, sizeof(fake_iface));
	memset(iface_table, 0, sizeof(iface_table));
	memset(paths, 0, sizeof(paths));
	memset(watched, 0, sizeof(watched));
	for (unsigned int i = NO_ROUTE + 1; i < route_count; i++)
		fib_clear(&routes[i].prefix, NULL, NO_ROUTE);
	if (route_count == 0 && fib_start() < 0)
		abort();
	route_count = NO_ROUTE + 1;
	fake_neigh_requests = 0;
	fake_neigh_hook = NULL;
	fake_punt_rate = 0;
}

void fake_iface_up(unsigned int index, const char *name, uint16_t port, uint8_t last_of_mac)
{
	struct iface *iface = &fake_iface[index];

	*iface = (struct iface){
		.index = index,
		.port = port,
		.tap_fd = -1,
		.mtu = 1500,
		.up = true,
		.mac = {{2, 0, 0, 0, 0, last_of_mac}},
	};
	snprintf(iface->name, sizeof(iface->name), "%s", name);
	iface_table[index] = iface;
}

void fake_vlan(unsigned int index, const char *name, unsigned int parent, uint16_t type,
	       uint16_t id)
{
	static struct vlans vlans[FAKE_IFACES];
	struct iface *under = &fake_iface[parent], *iface = &fake_iface[index];
	uint16_t tag[2] = {rte_cpu_to_be_16(type), rte_cpu_to_be_16(id)};

	fake_iface_up(index, name, under->port, index);
	iface->kind = IFACE_VLAN;
	iface->parent = parent;
	memcpy(iface->tags, under->tags, under->tag_bytes);
	memcpy(iface->tags + under->tag_bytes, tag, sizeof(tag));
	iface->tag_bytes = under->tag_bytes + sizeof(tag);
	if (!under->vlans)
		memset(&vlans[parent], 0, sizeof(vlans[parent]));
	under->vlans = &vlans[parent];
	vlans[parent].index[type == RTE_ETHER_TYPE_QINQ][id] = index;
}

void fake_vni(unsigned int index, const char *name, uint32_t vni)
{
	fake_iface_up(index, name, 0, index);
	fake_iface[index].kind = IFACE_VNI;
	fake_iface[index].vni = vni;
}

void fake_nexthop(uint16_t number, uint16_t iface, uint8_t last_of_mac, uint16_t mtu)
{
	struct nexthop *n = &nexthops[number];

	assert(number < FAKE_NEXTHOPS);
	memset(n, 0, sizeof(*n));
	memcpy(n->header, (uint8_t[]){2, 0, 0, 0, 0x0c, last_of_mac}, 6);
	memcpy(n->header + 6, &fake_iface[iface].mac, 6);
	memcpy(n->header + 12, fake_iface[iface].tags, fake_iface[iface].tag_bytes);
	n->header_len = 14 + fake_iface[iface].tag_bytes;
	n->port = fake_iface[iface].port;
	n->iface = iface;
	n->mtu = mtu;
}

void fake_route(const char *prefix, uint16_t nexthop, uint16_t iface)
{
	struct prefix parsed;
	unsigned int i;

	if (prefix_parse(prefix, &parsed) < 0)
		abort();
	for (i = NO_ROUTE + 1; i < route_count; i++)
		if (routes[i].prefix.len == parsed.len &&
		    addr_equal(&routes[i].prefix.addr, &parsed.addr))
			break;
	assert(i < ROUTES);
	routes[i] = (struct route){.prefix = parsed, .nexthop = nexthop, .iface = iface};
	if (i < route_count)
		return;
	route_count++;
	if (fib_set(&parsed, i) < 0)
		abort();
}

/* As a worker does it: what weir itself pays for a lookup is measured, too. */
static uint16_t lookup(uint32_t number, uint16_t *iface)
{
	const struct route *route = &routes[number];

	if (number == NO_ROUTE)
		return NEXTHOP_NONE;
	if (iface && route->nexthop == NEXTHOP_UNRESOLVED)
		*iface = route->iface;
	return route->nexthop;
}

uint16_t route_lookup4(uint32_t destination, uint32_t hash, uint16_t *iface)
{
	return lookup(fib_lookup4(destination), iface);
}

uint16_t route_lookup6(const uint8_t destination[16], uint32_t hash, uint16_t *iface)
{
	return lookup(fib_lookup6(destination), iface);
}

static void path_fill(unsigned int path)
{
	const struct addr *destination = &watched[path].destination;
	uint16_t nexthop = destination->family == AF_INET6
				   ? route_lookup6(destination->bytes, 0, NULL)
				   : route_lookup4(destination->v4, 0, NULL);

	for (unsigned int i = 0; i < PATH_SLOTS; i++)
		paths[path].nexthop[i] = nexthop;
}

void fake_routes_changed(void)
{
	for (unsigned int i = 1; i < PATHS; i++)
		if (watched[i].users)
			path_fill(i);
	route_epoch++;
}

void route_changed(void)
{
	route_epoch++;
}

/* Routes are taken away between two tests: nobody looks them up. */
void retire(struct retired *object, void (*reclaim)(struct retired *self))
{
	reclaim(object);
}

uint32_t path_watch(const struct addr *destination)
{
	unsigned int empty = 0;

	for (unsigned int i = PATHS - 1; i > 0; i--) {
		if (watched[i].users == 0) {
			empty = i;
		} else if (addr_equal(&watched[i].destination, destination)) {
			watched[i].users++;
			return i;
		}
	}
	if (empty) {
		watched[empty].destination = *destination;
		watched[empty].users = 1;
		path_fill(empty);
	}
	return empty;
}

void path_release(uint32_t path)
{
	assert(watched[path].users > 0);
	watched[path].users--;
}

unsigned int fake_paths(void)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < PATHS; i++)
		count += watched[i].users;
	return count;
}

void neigh_request(uint16_t iface, const struct addr *destination)
{
	fake_neigh_requests++;
	fake_neigh_last = *destination;
	if (fake_neigh_hook)
		fake_neigh_hook();
}

uint64_t kernel_address_generation(void)
{
	return 0;
}

void kernel_addresses_visit(void (*visit)(const struct iface *iface,
					  const struct kernel_address *address, bool usable,
					  void *arg),
			    void *arg)
{
}

void fake_neighbour(uint16_t number, uint16_t iface, uint8_t last_of_mac, const char *address)
{
	char prefix[PREFIX_TEXT];

	fake_nexthop(number, iface, last_of_mac, 1500);
	if (addr_parse(address, &nexthops[number].addr) < 0)
		abort();
	snprintf(prefix, sizeof(prefix), "%s", address);
	fake_route(prefix, number, 0);
}

bool punt_allows(unsigned int worker, enum punt_class class, uint64_t now)
{
	return fake_punt_rate == 0 || (fake_punt_rate > 1 && fake_punt_rate-- > 0);
}

void punt_refused(unsigned int worker, enum punt_class class)
{
}

bool punt_queue(unsigned int worker, uint16_t iface, enum punt_class class, struct rte_mbuf *packet)
{
	return fake_punt(iface, class, packet);
}

bool punt_to_kernel(unsigned int worker, uint16_t iface, enum punt_class class,
		    struct rte_mbuf *packet, uint64_t now)
{
	return punt_queue(worker, iface, class, packet);
}

unsigned int punt_from_kernel(unsigned int worker, struct rte_mbuf **packets, unsigned int max)
{
	return 0;
}

bool punt_pending(unsigned int worker)
{
	return false;
}

void punt_wake(unsigned int worker)
{
}

struct iface *iface_find(const char *name)
{
	return NULL;
}

/* A tunnel interface: its next hop is fake_tunnel_nexthop()'s. */
int iface_add(const struct iface *made, struct iface **out, struct error *error)
{
	unsigned int index = 1;

	while (index < FAKE_IFACES && iface_table[index])
		index++;
	if (index == FAKE_IFACES)
		return -ENOSPC;
	fake_iface_up(index, made->name, made->port, index);
	fake_iface[index].kind = made->kind;
	fake_iface[index].mtu = made->mtu;
	*out = &fake_iface[index];
	return 0;
}

void iface_remove(struct iface *iface)
{
	iface_table[iface->index] = NULL;
}

void fake_tunnel_nexthop(uint16_t number, uint16_t iface)
{
	fake_nexthop(number, iface, iface, fake_iface[iface].mtu);
	nexthops[number].header_len = NEXTHOP_TUNNEL;
}

void neigh_without_arp(uint16_t iface)
{
}

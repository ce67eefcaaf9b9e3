/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Paths: how each watched destination (a real server) is reached.
 *
 * A watch holds on to the route group that its address leads to, and hears of changes of the
 * group's gateways through it; for legs on which the destination itself is the neighbour, it holds
 * on to that neighbour. What it cannot hear is that another prefix now covers its address:
 * therefore, after routes have changed, all watches look their address up again, in slices, oldest
 * first (about 100 ns each).
 *
 * Control thread only. Workers read path_table: sixteen numbers, each one atomic store.
 */
#include "net/path.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "net/fib.h"
#include "net/group.h"
#include "net/map.h"
#include "net/neigh.h"
#include "net/nexthop.h"
#include "net/retire.h"

#include <rte_jhash.h>

struct watch {
	struct map_node node;
	struct retired retired;
	TAILQ_ENTRY(watch) all;
	struct addr addr;
	uint32_t number;
	uint32_t references;
	uint32_t reviewed; // generation of routes in which it was looked at
	struct group_user group;
	unsigned int neighbour_count; // the destination on each leg's link
	struct watch_neighbour *neighbours;
};

struct watch_neighbour {
	struct neigh_user user;
	struct watch *watch;
};

struct path *path_table;
uint16_t *path_single;

static struct memory table_memory, single_memory, pointer_memory, free_memory;
static struct watch **watch_pointers; // by number
static uint32_t *numbers_free;
static uint32_t numbers_free_count, numbers_made;
static struct map watch_map;
static TAILQ_HEAD(, watch) watch_all; // those that were looked at longest ago come first
static uint32_t route_generation;

int path_start(void)
{
	numbers_free_count = 0;
	numbers_made = 1; // 0 means none
	TAILQ_INIT(&watch_all);
	if (memory_map(&table_memory, "paths", PATH_MAX_COUNT * sizeof(*path_table), MEMORY_LARGE) <
		    0 ||
	    memory_map(&single_memory, "path-singles", PATH_MAX_COUNT * sizeof(*path_single),
		       MEMORY_LARGE) < 0 ||
	    memory_map(&pointer_memory, "watches", PATH_MAX_COUNT * sizeof(*watch_pointers),
		       MEMORY_SMALL) < 0 ||
	    memory_map(&free_memory, "path-numbers", PATH_MAX_COUNT * sizeof(*numbers_free),
		       MEMORY_SMALL) < 0 ||
	    map_create(&watch_map, 1024) < 0) {
		path_stop();
		return -ENOMEM;
	}
	path_table = table_memory.base;
	path_single = single_memory.base;
	watch_pointers = pointer_memory.base;
	numbers_free = free_memory.base;
	return 0;
}

unsigned int path_count(void)
{
	return watch_map.count;
}

static void watch_neighbours_drop(struct watch *watch)
{
	for (unsigned int i = 0; i < watch->neighbour_count; i++)
		neigh_detach(&watch->neighbours[i].user);
	free(watch->neighbours);
	watch->neighbours = NULL;
	watch->neighbour_count = 0;
}

static void path_summarize(uint32_t number)
{
	const struct path *path = &path_table[number];
	uint16_t single = path->nexthop[0];

	for (unsigned int slot = 1; slot < PATH_SLOTS; slot++)
		if (path->nexthop[slot] != single)
			single = 0;
	__atomic_store_n(&path_single[number], single, __ATOMIC_RELAXED);
}

static void watch_fill(struct watch *watch)
{
	const struct group *group = watch->group.group;
	struct path *path = &path_table[watch->number];
	uint16_t ways[GROUP_LEGS_MAX], weights[GROUP_LEGS_MAX];
	bool usable[GROUP_LEGS_MAX];
	uint8_t slots[PATH_SLOTS];
	uint16_t number = NEXTHOP_UNRESOLVED;
	bool any = false;

	if (group->number < GROUP_FIRST)
		number = group_table[group->number].slot[0];
	for (unsigned int i = 0; i < group->leg_count; i++) {
		const struct group_leg *leg = &group->legs[i];
		struct neigh *neigh = leg->gateway.neigh;

		if (i < watch->neighbour_count && watch->neighbours[i].user.neigh)
			neigh = watch->neighbours[i].user.neigh;
		weights[i] = leg->leg.weight;
		ways[i] = neigh ? neigh_nexthop(neigh, leg->leg.mtu) : NEXTHOP_UNRESOLVED;
		usable[i] = leg_usable(&leg->leg) && ways[i] >= NEXTHOP_FIRST;
	}
	if (group->leg_count)
		any = group_share(weights, usable, group->leg_count, slots);
	for (unsigned int slot = 0; slot < PATH_SLOTS; slot++)
		__atomic_store_n(&path->nexthop[slot], any ? ways[slots[slot]] : number,
				 __ATOMIC_RELAXED);
	path_summarize(watch->number);
	route_changed();
}

static void watch_neighbour_changed(struct neigh_user *user)
{
	watch_fill(((struct watch_neighbour *)user)->watch);
}

static void watch_group_changed(struct group_user *user)
{
	watch_fill((struct watch *)((char *)user - offsetof(struct watch, group)));
}

static bool group_on_link(const struct group *group)
{
	for (unsigned int i = 0; i < group->leg_count; i++)
		if (group->legs[i].leg.gateway.family == AF_UNSPEC)
			return true;
	return false;
}

/* Take hold of the destination as a neighbour on each leg that ends at the link. */
static int watch_neighbours_take(struct watch *watch, const struct group *group)
{
	int result;

	if (!group_on_link(group))
		return 0;
	watch->neighbours = calloc(group->leg_count, sizeof(*watch->neighbours));
	if (!watch->neighbours)
		return -ENOMEM;
	watch->neighbour_count = group->leg_count;
	for (unsigned int i = 0; i < group->leg_count; i++) {
		watch->neighbours[i].watch = watch;
		if (group->legs[i].leg.gateway.family != AF_UNSPEC)
			continue;
		result = neigh_attach(&watch->neighbours[i].user, group->legs[i].leg.iface,
				      &watch->addr, watch_neighbour_changed);
		if (result < 0) {
			watch_neighbours_drop(watch);
			return result;
		}
	}
	return 0;
}

/* Look the address up and hold on to what it leads to now. */
static void watch_review(struct watch *watch)
{
	uint32_t number = watch->addr.family == AF_INET6 ? fib_lookup6(watch->addr.bytes)
							 : fib_lookup4(watch->addr.v4);
	struct group *group = group_get(number);

	watch->reviewed = route_generation;
	TAILQ_REMOVE(&watch_all, watch, all);
	TAILQ_INSERT_TAIL(&watch_all, watch, all);
	if (watch->group.group == group)
		return;
	watch_neighbours_drop(watch);
	group_detach(&watch->group);
	group_attach(&watch->group, group, watch_group_changed);
	if (watch_neighbours_take(watch, group) < 0)
		log_error("no memory to watch a destination");
	watch_fill(watch);
}

void path_routes_changed(void)
{
	route_generation++;
}

bool path_review(unsigned int budget)
{
	struct watch *watch;

	while ((watch = TAILQ_FIRST(&watch_all)) && watch->reviewed != route_generation) {
		if (budget-- == 0)
			return true;
		watch_review(watch);
	}
	return false;
}

uint32_t path_watch(const struct addr *destination)
{
	uint32_t hash = rte_jhash(destination, sizeof(*destination), 0);
	struct watch *watch;

	for (struct map_node *node = map_first(&watch_map, hash); node; node = map_next(node)) {
		watch = (struct watch *)node;
		if (addr_equal(&watch->addr, destination)) {
			watch->references++;
			return watch->number;
		}
	}
	if (!numbers_free_count && numbers_made == PATH_MAX_COUNT)
		return 0;
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		return 0;
	watch->number = numbers_free_count ? numbers_free[--numbers_free_count] : numbers_made++;
	watch->addr = *destination;
	watch->references = 1;
	watch_pointers[watch->number] = watch;
	map_insert(&watch_map, &watch->node, hash);
	TAILQ_INSERT_TAIL(&watch_all, watch, all);
	watch_review(watch);
	return watch->number;
}

static void watch_reclaim(struct retired *retired)
{
	struct watch *watch = (struct watch *)((char *)retired - offsetof(struct watch, retired));

	numbers_free[numbers_free_count++] = watch->number;
	free(watch);
}

static void watch_destroy(struct watch *watch)
{
	watch_neighbours_drop(watch);
	group_detach(&watch->group);
	TAILQ_REMOVE(&watch_all, watch, all);
	map_remove(&watch_map, &watch->node);
	watch_pointers[watch->number] = NULL;
	for (unsigned int slot = 0; slot < PATH_SLOTS; slot++)
		__atomic_store_n(&path_table[watch->number].nexthop[slot], NEXTHOP_NONE,
				 __ATOMIC_RELAXED);
	path_summarize(watch->number);
	retire(&watch->retired, watch_reclaim);
}

void path_release(uint32_t path)
{
	struct watch *watch = path ? watch_pointers[path] : NULL;

	if (!watch)
		return;
	assert(watch->references);
	if (--watch->references == 0)
		watch_destroy(watch);
}

void path_stop(void)
{
	struct watch *watch;

	while ((watch = TAILQ_FIRST(&watch_all)))
		watch_destroy(watch);
	retire_stop();
	map_destroy(&watch_map);
	memory_unmap(&table_memory);
	memory_unmap(&single_memory);
	memory_unmap(&pointer_memory);
	memory_unmap(&free_memory);
}

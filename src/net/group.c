/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Route groups. A full BGP table leads to a handful of gateways: the trie maps prefixes to groups,
 * and a group holds its ways out ("legs") in sixteen slots that are chosen from by a flow's hash.
 * When a gateway changes, only the group is rewritten, however many prefixes lead there.
 *
 * A leg whose gateway does not answer, or whose interface is down, gives its slots to the others,
 * and these keep theirs, so that only the flows of the lost leg move. When no leg is left, all
 * slots say NEXTHOP_UNRESOLVED. A leg without gateway leaves the last step, the neighbour, to the
 * worker.
 *
 * Control thread only, but group_table, which workers read: one atomic word a slot, so that a flow
 * sees the old or the new way. A number is given out again after a grace period.
 */
#include "net/group.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "net/iface.h"

#include <rte_jhash.h>

struct group_slots *group_table;

static struct memory table_memory;
static struct group **group_pointers; // by number
static uint32_t *numbers_free;
static uint32_t numbers_free_count;
static struct map group_map;

static void group_store(uint32_t number, unsigned int slot, uint32_t value)
{
	__atomic_store_n(&group_table[number].slot[slot], value, __ATOMIC_RELAXED);
}

static int group_start_specials(void)
{
	static const uint16_t meaning[GROUP_FIRST] = {
		[GROUP_NONE] = NEXTHOP_NONE,
		[GROUP_BLACKHOLE] = NEXTHOP_BLACKHOLE,
		[GROUP_LOCAL] = NEXTHOP_LOCAL,
	};

	for (uint32_t number = 0; number < GROUP_FIRST; number++) {
		struct group *group = calloc(1, sizeof(*group));

		if (!group)
			return -ENOMEM;
		group->number = number;
		LIST_INIT(&group->users);
		group_pointers[number] = group;
		for (unsigned int slot = 0; slot < PATH_SLOTS; slot++)
			group_store(number, slot, meaning[number]);
	}
	return 0;
}

int group_start(void)
{
	group_pointers = calloc(GROUP_MAX, sizeof(*group_pointers));
	numbers_free = calloc(GROUP_MAX, sizeof(*numbers_free));
	numbers_free_count = 0;
	if (!group_pointers || !numbers_free || map_create(&group_map, 256) < 0 ||
	    memory_map(&table_memory, "groups", GROUP_MAX * sizeof(*group_table), MEMORY_SMALL) < 0)
		goto stop;
	group_table = table_memory.base;
	if (group_start_specials() < 0)
		goto stop;
	for (uint32_t number = GROUP_MAX - 1; number >= GROUP_FIRST; number--)
		numbers_free[numbers_free_count++] = number;
	return 0;

stop:
	group_stop();
	return -ENOMEM;
}

void group_stop(void)
{
	for (uint32_t number = 0; group_pointers && number < GROUP_FIRST; number++)
		free(group_pointers[number]);
	memory_unmap(&table_memory);
	free(group_pointers);
	free(numbers_free);
	map_destroy(&group_map);
	group_table = NULL;
	group_pointers = NULL;
	numbers_free = NULL;
}

struct group *group_get(uint32_t number)
{
	return group_pointers[number];
}

struct group *group_special(uint32_t number)
{
	assert(number < GROUP_FIRST);
	group_pointers[number]->references++;
	return group_pointers[number];
}

bool leg_usable(const struct leg *leg)
{
	const struct iface *iface = iface_get(leg->iface);

	return iface && iface->up;
}

/* Largest remainder: how many of `total` slots each leg gets. */
static void share_by_weight(const uint16_t *weights, const bool *usable, unsigned int count,
			    unsigned int total, unsigned int *shares)
{
	uint32_t sum = 0, rest[GROUP_LEGS_MAX];
	unsigned int given = 0;

	for (unsigned int i = 0; i < count; i++)
		sum += usable[i] ? weights[i] : 0;
	for (unsigned int i = 0; i < count; i++) {
		uint32_t part = usable[i] ? weights[i] * total : 0;

		shares[i] = part / sum;
		rest[i] = part % sum;
		given += shares[i];
	}
	for (; given < total; given++) {
		unsigned int largest = 0;

		for (unsigned int i = 1; i < count; i++)
			if (rest[i] > rest[largest])
				largest = i;
		shares[largest]++;
		rest[largest] = 0;
	}
}

bool group_share(const uint16_t *weights, const bool *usable, unsigned int count,
		 uint8_t slots[PATH_SLOTS])
{
	bool all[GROUP_LEGS_MAX], lost[PATH_SLOTS], any = false;
	unsigned int shares[GROUP_LEGS_MAX], slot = 0, orphans = 0;

	assert(count >= 1 && count <= GROUP_LEGS_MAX);
	for (unsigned int i = 0; i < count; i++) {
		all[i] = true;
		any |= usable[i];
	}
	if (!any)
		return false;
	share_by_weight(weights, all, count, PATH_SLOTS, shares);
	for (unsigned int i = 0; i < count; i++) {
		for (unsigned int n = 0; n < shares[i]; n++, slot++) {
			slots[slot] = i;
			lost[slot] = !usable[i];
			orphans += lost[slot];
		}
	}
	if (!orphans)
		return true;
	share_by_weight(weights, usable, count, orphans, shares);
	for (unsigned int i = 0, next = 0; i < count; i++) {
		for (unsigned int n = 0; n < shares[i]; n++, next++) {
			while (!lost[next])
				next++;
			slots[next] = i;
		}
	}
	return true;
}

/* Write the slots as things are now, and tell the users. */
static void group_fill(struct group *group)
{
	uint32_t ways[GROUP_LEGS_MAX];
	uint16_t weights[GROUP_LEGS_MAX];
	bool usable[GROUP_LEGS_MAX];
	uint8_t slots[PATH_SLOTS];
	struct group_user *user;

	for (unsigned int i = 0; i < group->leg_count; i++) {
		const struct leg *leg = &group->legs[i].leg;
		struct neigh *gateway = group->legs[i].gateway.neigh;

		weights[i] = leg->weight;
		if (leg->gateway.family == AF_UNSPEC) {
			ways[i] = group_slot_on_link(leg->iface, leg->mtu);
			usable[i] = leg_usable(leg);
		} else {
			ways[i] = gateway ? neigh_nexthop(gateway, leg->mtu) : NEXTHOP_UNRESOLVED;
			usable[i] = leg_usable(leg) && ways[i] >= NEXTHOP_FIRST;
		}
	}
	if (group_share(weights, usable, group->leg_count, slots)) {
		for (unsigned int slot = 0; slot < PATH_SLOTS; slot++)
			group_store(group->number, slot, ways[slots[slot]]);
	} else {
		for (unsigned int slot = 0; slot < PATH_SLOTS; slot++)
			group_store(group->number, slot, NEXTHOP_UNRESOLVED);
	}
	LIST_FOREACH (user, &group->users, link)
		user->changed(user);
	route_changed();
}

static void gateway_changed(struct neigh_user *user)
{
	struct group_leg *leg =
		(struct group_leg *)((char *)user - offsetof(struct group_leg, gateway));

	group_fill(leg->group);
}

static int leg_compare(const void *a, const void *b)
{
	const struct leg *left = a, *right = b;
	int order = addr_compare(&left->gateway, &right->gateway);

	if (order)
		return order;
	if (left->iface != right->iface)
		return left->iface - right->iface;
	if (left->mtu != right->mtu)
		return left->mtu - right->mtu;
	return left->weight - right->weight;
}

static bool group_is(const struct group *group, const struct leg *legs, unsigned int count)
{
	if (group->leg_count != count)
		return false;
	for (unsigned int i = 0; i < count; i++)
		if (leg_compare(&group->legs[i].leg, &legs[i]))
			return false;
	return true;
}

static struct group *group_create(const struct leg *legs, unsigned int count, uint32_t hash)
{
	struct group *group;

	if (!numbers_free_count)
		return NULL;
	group = calloc(1, sizeof(*group) + count * sizeof(group->legs[0]));
	if (!group)
		return NULL;
	group->references = 1;
	group->leg_count = count;
	LIST_INIT(&group->users);
	for (unsigned int i = 0; i < count; i++) {
		struct group_leg *leg = &group->legs[i];

		leg->leg = legs[i];
		leg->group = group;
		if (legs[i].gateway.family == AF_UNSPEC) {
			if (legs[i].mtu)
				neigh_add_mtu(legs[i].iface, legs[i].mtu);
		} else if (neigh_attach(&leg->gateway, legs[i].iface, &legs[i].gateway,
					gateway_changed) < 0) {
			goto detach;
		}
	}
	group->number = numbers_free[--numbers_free_count];
	group_pointers[group->number] = group;
	map_insert(&group_map, &group->node, hash);
	group_fill(group);
	return group;

detach:
	for (unsigned int i = 0; i < count; i++)
		neigh_detach(&group->legs[i].gateway);
	free(group);
	return NULL;
}

struct group *group_acquire(struct leg *legs, unsigned int count)
{
	uint32_t hash;

	assert(count >= 1 && count <= GROUP_LEGS_MAX);
	qsort(legs, count, sizeof(*legs), leg_compare);
	hash = rte_jhash(legs, count * sizeof(*legs), count);
	for (struct map_node *node = map_first(&group_map, hash); node; node = map_next(node)) {
		struct group *group = (struct group *)node;

		if (group_is(group, legs, count)) {
			group->references++;
			return group;
		}
	}
	return group_create(legs, count, hash);
}

static void group_reclaim(struct retired *retired)
{
	struct group *group = (struct group *)((char *)retired - offsetof(struct group, retired));

	numbers_free[numbers_free_count++] = group->number;
	free(group);
}

void group_release(struct group *group)
{
	assert(group->references);
	if (--group->references || group->number < GROUP_FIRST)
		return;
	assert(LIST_EMPTY(&group->users));
	map_remove(&group_map, &group->node);
	group_pointers[group->number] = NULL;
	for (unsigned int i = 0; i < group->leg_count; i++)
		neigh_detach(&group->legs[i].gateway);
	retire(&group->retired, group_reclaim);
}

void group_attach(struct group_user *user, struct group *group,
		  void (*changed)(struct group_user *self))
{
	group->references++;
	user->group = group;
	user->changed = changed;
	LIST_INSERT_HEAD(&group->users, user, link);
}

void group_detach(struct group_user *user)
{
	struct group *group = user->group;

	if (!group)
		return;
	LIST_REMOVE(user, link);
	user->group = NULL;
	group_release(group);
}

void group_iface_changed(uint16_t iface)
{
	for (uint32_t number = GROUP_FIRST; number < GROUP_MAX; number++) {
		struct group *group = group_pointers[number];

		for (unsigned int i = 0; group && i < group->leg_count; i++) {
			if (group->legs[i].leg.iface == iface) {
				group_fill(group);
				break;
			}
		}
	}
}

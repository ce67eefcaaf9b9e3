/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/addr.h"
#include "net/map.h"
#include "net/neigh.h"
#include "net/nexthop.h"
#include "net/retire.h"

/*
 * Route groups: what a prefix leads to, shared by all prefixes that lead to the same. See group.c.
 */
enum {
	GROUP_NONE = 0, // no route, or one through an interface that is not ours
	GROUP_BLACKHOLE = 1,
	GROUP_LOCAL = 2,
	GROUP_FIRST = 3,
	GROUP_MAX = 1 << 16,
	GROUP_LEGS_MAX = 64,
};

/* One way out: a gateway (family AF_UNSPEC: the destination is on the link) on an interface. */
struct leg {
	uint16_t iface;
	uint16_t weight; // from 1
	uint16_t mtu;	 // of the route; 0: the interface's
	uint16_t zero;
	struct addr gateway;
};

/* What workers see: a next hop number, or GROUP_ON_LINK with interface and MTU. */
struct group_slots {
	uint32_t slot[PATH_SLOTS]; // atomic, relaxed
};
#define GROUP_ON_LINK 0x80000000u
static inline uint32_t group_slot_on_link(uint16_t iface, uint16_t mtu)
{
	return GROUP_ON_LINK | (uint32_t)mtu << 12 | iface;
}
static inline uint16_t group_slot_iface(uint32_t slot)
{
	return slot & 0xfff;
}
static inline uint16_t group_slot_mtu(uint32_t slot)
{
	return slot >> 12 & 0xffff;
}

extern struct group_slots *group_table; // GROUP_MAX entries

struct group;
struct group_leg {
	struct leg leg;
	struct neigh_user gateway;
	struct group *group;
};

struct group {
	struct map_node node;
	struct retired retired;
	uint32_t number;
	uint32_t references;
	LIST_HEAD(, group_user) users;
	unsigned int leg_count;
	struct group_leg legs[];
};

/* Whoever wants to know when a way out of a group changes. */
struct group_user {
	LIST_ENTRY(group_user) link;
	struct group *group;
	void (*changed)(struct group_user *self);
};

int group_start(void);
void group_stop(void);

/*
 * The group with these legs (in any order; sorted in place), counted; or one of the three without
 * legs. NULL when there is no memory or no number left.
 */
struct group *group_acquire(struct leg *legs, unsigned int count);
struct group *group_special(uint32_t number);
void group_release(struct group *group);
struct group *group_get(uint32_t number);

void group_attach(struct group_user *user, struct group *group,
		  void (*changed)(struct group_user *self));
void group_detach(struct group_user *user);

/* Interface went up or down, came or went: which legs are of use has changed. */
void group_iface_changed(uint16_t iface);
bool leg_usable(const struct leg *leg);

/*
 * Share PATH_SLOTS slots among legs by weight: writes the leg's place into each slot. Slots of legs
 * that are not usable go to usable ones, without moving the others. False: no leg is usable.
 */
bool group_share(const uint16_t *weights, const bool *usable, unsigned int count,
		 uint8_t slots[PATH_SLOTS]);

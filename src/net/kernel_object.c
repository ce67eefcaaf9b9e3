/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Next hop objects (`ip nexthop`, as FRR uses them): a route may name one by number and say nothing
 * else, and changes when the object does. A group names other objects. Linux takes objects away
 * without a word to routes, and some of them without a word at all (when a link goes down).
 */
#include "net/kernel_mirror.h"

#include <errno.h>
#include <linux/nexthop.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/log.h"
#include "net/map.h"

struct object_member {
	uint32_t id;
	uint16_t weight;
};

struct object {
	struct map_node node; // hash: the number itself
	LIST_ENTRY(object) all;
	uint32_t id;
	uint32_t generation, touched;
	bool deleted;
	bool blackhole;
	struct rib_leg leg; // of a single one
	unsigned int member_count;
	struct object_member *members; // of a group
};

static struct map object_map;
static LIST_HEAD(, object) object_all;
static uint32_t object_generation;
static bool dump_running;
static bool objects_changed; // since the routes were told

int object_start(void)
{
	LIST_INIT(&object_all);
	object_generation = 0;
	dump_running = false;
	return map_create(&object_map, 64);
}

static void object_destroy(struct object *object)
{
	map_remove(&object_map, &object->node);
	LIST_REMOVE(object, all);
	free(object->members);
	free(object);
}

void object_stop(void)
{
	while (!LIST_EMPTY(&object_all))
		object_destroy(LIST_FIRST(&object_all));
	map_destroy(&object_map);
}

static struct object *object_search(uint32_t id)
{
	struct map_node *node = map_first(&object_map, id);

	return (struct object *)node; // one number, one object
}

static struct object *object_create(uint32_t id)
{
	struct object *object = calloc(1, sizeof(*object));

	if (!object)
		return NULL;
	objects_changed = true;
	object->id = id;
	LIST_INSERT_HEAD(&object_all, object, all);
	map_insert(&object_map, &object->node, id);
	return object;
}

static void object_set_members(struct object *object, const struct nlattr *group)
{
	const struct nexthop_grp *entries = group ? mnl_attr_get_payload(group) : NULL;
	unsigned int count = group ? mnl_attr_get_payload_len(group) / sizeof(*entries) : 0;
	struct object_member *members = count ? calloc(count, sizeof(*members)) : NULL;

	if (count && !members) {
		log_error("no memory for a group of next hops");
		count = 0;
	}
	for (unsigned int i = 0; i < count; i++) {
		members[i].id = entries[i].id;
		// Newer kernels have the high bits of the weight in what was reserved.
		members[i].weight = (entries[i].resvd1 << 8 | entries[i].weight) + 1;
	}
	objects_changed |= count != object->member_count ||
			   (count && memcmp(members, object->members, count * sizeof(*members)));
	free(object->members);
	object->members = members;
	object->member_count = count;
}

static void object_set(struct object *object, const struct nhmsg *info,
		       const struct nlattr **attributes)
{
	bool blackhole = attributes[NHA_BLACKHOLE] != NULL;
	struct rib_leg leg = {.weight = 1};

	// An encapsulation (MPLS, SRv6) is not for us: treat it as somebody else's interface.
	if (!attributes[NHA_ENCAP])
		leg.link = attribute_u32(attributes[NHA_OIF], 0);
	attribute_addr(attributes[NHA_GATEWAY], info->nh_family, &leg.gateway);
	objects_changed |= object->deleted || object->blackhole != blackhole ||
			   object->leg.link != leg.link ||
			   !addr_equal(&object->leg.gateway, &leg.gateway);
	object->deleted = false;
	object->blackhole = blackhole;
	object->leg = leg;
	object_set_members(object, attributes[NHA_GROUP]);
}

static void objects_tell(void)
{
	if (objects_changed)
		rib_objects_changed();
	objects_changed = false;
}

static void object_delete(struct object *object)
{
	object->deleted = true;
	object->touched = object_generation;
	if (!dump_running)
		object_destroy(object);
	objects_changed = true;
	objects_tell();
	// Its IPv4 routes are gone, and nobody tells.
	kernel_want_dumps(DUMPS_ROUTES);
}

void object_message(const struct nlmsghdr *message, bool event)
{
	const struct nhmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attributes[ATTRIBUTES_MAX];
	struct object *object;
	uint32_t id;

	attributes_of_message(message, sizeof(*info), attributes);
	id = attribute_u32(attributes[NHA_ID], 0);
	if (!id || attributes[NHA_FDB])
		return;
	object = object_search(id);
	if (message->nlmsg_type == RTM_DELNEXTHOP) {
		if (object)
			object_delete(object);
		return;
	}
	if (!object)
		object = object_create(id);
	if (!object) {
		log_error("no memory for a next hop object");
		return;
	}
	if (event)
		object->touched = object_generation;
	else if (object->touched == object_generation)
		return;
	object->generation = object_generation;
	object_set(object, info, attributes);
	if (event)
		objects_tell();
}

void object_dump_begin(void)
{
	object_generation++;
	dump_running = true;
}

void object_dump_end(bool complete)
{
	dump_running = false;
	for (struct object *object = LIST_FIRST(&object_all), *next; object; object = next) {
		next = LIST_NEXT(object, all);
		if (object->deleted || (complete && object->generation != object_generation &&
					object->touched != object_generation)) {
			objects_changed = true;
			object_destroy(object);
		}
	}
	objects_tell();
}

int object_legs(uint32_t id, struct rib_leg *legs, unsigned int max, bool *blackhole)
{
	const struct object *object = object_search(id);
	unsigned int count = 0;

	*blackhole = false;
	if (!object || object->deleted)
		return -ENOENT;
	if (!object->member_count) {
		*blackhole = object->blackhole;
		if (object->blackhole || !max)
			return 0;
		legs[0] = object->leg;
		return 1;
	}
	for (unsigned int i = 0; i < object->member_count && count < max; i++) {
		const struct object *member = object_search(object->members[i].id);

		if (!member || member->deleted || member->member_count)
			continue;
		*blackhole |= member->blackhole;
		if (member->blackhole)
			continue;
		legs[count] = member->leg;
		legs[count++].weight = object->members[i].weight;
	}
	return count;
}

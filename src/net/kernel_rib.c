/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The routing information base: what Linux has told of its routes, and which of them the data path
 * obeys.
 *
 * A prefix keeps its routes in Linux's order of preference: table local before main before default
 * (Linux searches the first two as one as long as there are no rules of one's own), then the lower
 * metric. The first one that counts decides: through our interfaces a group of its legs, for an
 * address of this host GROUP_LOCAL, for an interface that is not ours GROUP_NONE, which shadows
 * shorter prefixes just as it does in Linux.
 *
 * Messages only change this table and mark prefixes as changed. rib_apply() brings them into the
 * trie in slices, so that a full BGP table does not hold up the control thread.
 *
 * Of IPv6, Linux tells a multipath route as a set of legs that grows and shrinks: an append names
 * the whole new set, a deletion the leg that is gone; but two routes without gateways of the same
 * prefix and metric stay two routes. Of IPv4, it does not tell that routes vanish with their link
 * or next hop object: then they are taken away here, and a dump makes sure.
 *
 * What concerns all prefixes (the end of a dump, a link that went down, ...) is a reason for a pass
 * over them, in slices as well.
 */
#include "net/kernel_rib.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "net/fib.h"
#include "net/path.h"
#include "net/retire.h"

#include <rte_jhash.h>

enum { SCAN_SHARE = 4 }; // looking at a prefix costs less than bringing it into the trie

struct rib_list rib_all = TAILQ_HEAD_INITIALIZER(rib_all);

static struct map rib_map;
static struct rib_list rib_changed;
static uint32_t rib_generation[2];
static bool dump_running[2];
static uint32_t refused_count;

/* Why all prefixes have to be looked at. */
enum rib_scan {
	SCAN_SWEEP4 = 1 << 0, // a dump is over: take away what it did not name
	SCAN_SWEEP6 = 1 << 1,
	SCAN_LINKS = 1 << 2,   // a link went down or away
	SCAN_OBJECTS = 1 << 3, // a next hop object changed
	SCAN_ALL = 1 << 4,     // an interface became ours or ceased to be
};
static unsigned int scan_running, scan_wanted; // masks of reasons
static struct rib_cursor scan_cursor;

static LIST_HEAD(, rib_cursor) cursor_all;

void rib_cursor_open(struct rib_cursor *cursor)
{
	cursor->next = TAILQ_FIRST(&rib_all);
	LIST_INSERT_HEAD(&cursor_all, cursor, all);
}

struct rib_prefix *rib_cursor_next(struct rib_cursor *cursor)
{
	struct rib_prefix *entry = cursor->next;

	if (entry)
		cursor->next = TAILQ_NEXT(entry, all);
	return entry;
}

void rib_cursor_close(struct rib_cursor *cursor)
{
	LIST_REMOVE(cursor, all);
}

int rib_start(void)
{
	TAILQ_INIT(&rib_all);
	TAILQ_INIT(&rib_changed);
	memset(rib_generation, 0, sizeof(rib_generation));
	memset(dump_running, 0, sizeof(dump_running));
	refused_count = 0;
	scan_wanted = 0;
	LIST_INIT(&cursor_all);
	rib_cursor_open(&scan_cursor);
	scan_cursor.next = NULL;
	return map_create(&rib_map, 1024);
}

unsigned int rib_count(void)
{
	return rib_map.count;
}

static unsigned int family_index(const struct prefix *prefix)
{
	return prefix->addr.family == AF_INET6;
}

static struct rib_prefix *rib_find(const struct prefix *prefix)
{
	uint32_t hash = rte_jhash(&prefix->addr, sizeof(prefix->addr), prefix->len);

	for (struct map_node *node = map_first(&rib_map, hash); node; node = map_next(node)) {
		struct rib_prefix *entry = (struct rib_prefix *)node;

		if (entry->prefix.len == prefix->len &&
		    addr_equal(&entry->prefix.addr, &prefix->addr))
			return entry;
	}
	return NULL;
}

const struct rib_route *rib_route_find(const struct prefix *prefix, bool local, uint32_t metric,
				       int link)
{
	const struct rib_prefix *entry = rib_find(prefix);
	const struct rib_route *route = entry ? entry->routes : NULL;

	for (; route; route = route->next)
		if (route->table == (local ? RT_TABLE_LOCAL : RT_TABLE_MAIN) &&
		    route->metric == metric && route->leg_count && route->legs[0].link == link)
			return route;
	return NULL;
}

const struct rib_prefix *rib_search(const struct addr *addr)
{
	struct prefix prefix = {.addr = *addr, .len = addr->family == AF_INET6 ? 128 : 32};

	for (;;) {
		const struct rib_prefix *entry = rib_find(&prefix);

		if (entry && entry->routes)
			return entry;
		if (prefix.len == 0)
			return NULL;
		prefix.len--;
		prefix.addr.bytes[prefix.len / 8] &= ~(0x80 >> prefix.len % 8);
	}
}

static struct rib_prefix *rib_get(const struct prefix *prefix)
{
	struct rib_prefix *entry = rib_find(prefix);

	if (entry)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->prefix = *prefix;
	map_insert(&rib_map, &entry->node,
		   rte_jhash(&prefix->addr, sizeof(prefix->addr), prefix->len));
	TAILQ_INSERT_TAIL(&rib_all, entry, all);
	return entry;
}

static void rib_mark(struct rib_prefix *entry)
{
	if (entry->dirty)
		return;
	entry->dirty = true;
	TAILQ_INSERT_TAIL(&rib_changed, entry, changed);
}

static void rib_free_routes(struct rib_prefix *entry)
{
	for (struct rib_route *route = entry->routes, *next; route; route = next) {
		next = route->next;
		free(route);
	}
	entry->routes = NULL;
}

static void rib_free(struct rib_prefix *entry)
{
	struct rib_cursor *cursor;

	LIST_FOREACH (cursor, &cursor_all, all)
		if (cursor->next == entry)
			cursor->next = TAILQ_NEXT(entry, all);
	if (entry->dirty)
		TAILQ_REMOVE(&rib_changed, entry, changed);
	refused_count -= entry->refused;
	rib_free_routes(entry);
	map_remove(&rib_map, &entry->node);
	TAILQ_REMOVE(&rib_all, entry, all);
	free(entry);
}

void rib_stop(void)
{
	struct rib_prefix *entry;

	while ((entry = TAILQ_FIRST(&rib_all))) {
		if (entry->group) {
			fib_clear(&entry->prefix, NULL, 0);
			group_release(entry->group);
		}
		rib_free(entry);
	}
	map_destroy(&rib_map);
}

/* Preference among routes of one prefix; the lower, the better. */
static int rib_compare(const struct rib_route *a, const struct rib_route *b)
{
	if (a->table != b->table)
		return a->table > b->table ? -1 : 1; // local 255, main 254, default 253
	if (a->tos != b->tos)
		return a->tos > b->tos ? -1 : 1;
	return (a->metric > b->metric) - (a->metric < b->metric);
}

int rib_leg_compare(const struct rib_leg *a, const struct rib_leg *b)
{
	if (a->link != b->link)
		return a->link < b->link ? -1 : 1;
	return addr_compare(&a->gateway, &b->gateway);
}

static bool leg_in(const struct rib_leg *leg, const struct rib_route *route)
{
	for (unsigned int i = 0; i < route->leg_count; i++)
		if (rib_leg_compare(leg, &route->legs[i]) == 0)
			return true;
	return false;
}

/* Is each leg of one also a leg of the other? */
static bool legs_within(const struct rib_route *part, const struct rib_route *whole)
{
	for (unsigned int i = 0; i < part->leg_count; i++)
		if (!leg_in(&part->legs[i], whole))
			return false;
	return part->object == whole->object;
}

static bool legs_same(const struct rib_route *a, const struct rib_route *b)
{
	return a->leg_count == b->leg_count && legs_within(a, b);
}

static bool weights_same(const struct rib_route *a, const struct rib_route *b)
{
	for (unsigned int i = 0; i < a->leg_count; i++)
		if (a->legs[i].weight != b->legs[i].weight)
			return false;
	return true;
}

/* Legs are sorted, so equal routes have them at the same places. */
static bool route_same(const struct rib_route *a, const struct rib_route *b)
{
	return rib_compare(a, b) == 0 && a->type == b->type && a->mtu == b->mtu &&
	       a->foreign == b->foreign && legs_same(a, b) && weights_same(a, b);
}

/* May Linux (IPv6) have joined the two to a multipath route? */
static bool route_joinable(const struct rib_route *route)
{
	return route->leg_count && route->legs[0].gateway.family != AF_UNSPEC;
}

/* Which existing one does a route that comes take the place of? NULL: of none. */
static struct rib_route **rib_replaced(struct rib_prefix *entry, const struct rib_route *route,
				       enum rib_how how)
{
	bool ipv6 = entry->prefix.addr.family == AF_INET6;

	for (struct rib_route **link = &entry->routes; *link; link = &(*link)->next) {
		if (rib_compare(*link, route) != 0)
			continue;
		// A dump that names a route twice means two, which differ in what we do not look at.
		if (how == RIB_DUMPED && (*link)->generation == route->generation)
			continue;
		if (legs_same(*link, route))
			return link;
		if (how == RIB_DUMPED)
			continue;
		if (how == RIB_REPLACED &&
		    (!ipv6 || route_joinable(*link) == route_joinable(route)))
			return link;
		if (ipv6 && route_joinable(*link) && legs_within(*link, route))
			return link;
	}
	return NULL;
}

/* Does an existing route of equal preference stand before the one that comes? */
static bool route_precedes(const struct rib_route *old, const struct rib_route *route,
			   enum rib_how how)
{
	int order = rib_compare(old, route);

	if (order)
		return order < 0;
	switch (how) {
	case RIB_DUMPED:
		// A dump tells the order; what it has not named yet may be gone.
		return old->generation == route->generation;
	case RIB_APPENDED:
		return true;
	default:
		return false;
	}
}

static void rib_insert(struct rib_prefix *entry, struct rib_route *route, enum rib_how how)
{
	struct rib_route **link = &entry->routes;

	while (*link && route_precedes(*link, route, how))
		link = &(*link)->next;
	route->next = *link;
	*link = route;
}

/*
 * Which of several routes of equal preference a message meant can be more than it says, and one
 * that we have already may be a second one that differs in the order of its legs only: have a dump
 * tell what there is, and in which order.
 */
static void rib_doubt(const struct rib_prefix *entry)
{
	bool doubtful = entry->doubtful;

	for (const struct rib_route *route = entry->routes; route && route->next;
	     route = route->next)
		doubtful |= rib_compare(route, route->next) == 0;
	if (doubtful)
		kernel_want_dumps(1 << (family_index(&entry->prefix) ? DUMP_ROUTE6 : DUMP_ROUTE4));
}

void rib_add(const struct prefix *prefix, struct rib_route *route, enum rib_how how)
{
	uint32_t generation = rib_generation[family_index(prefix)];
	struct rib_prefix *entry = rib_get(prefix);
	struct rib_route **place, *old, *first;

	if (!entry) {
		log_error("no memory for a route");
		free(route);
		return;
	}
	if (how == RIB_DUMPED && entry->touched == generation) {
		free(route); // an event was newer
		return;
	}
	route->generation = generation;
	first = entry->routes;
	place = rib_replaced(entry, route, how);
	old = place ? *place : NULL;
	if (old && (how == RIB_ADDED || how == RIB_APPENDED) && legs_same(old, route))
		entry->doubtful = true;
	if (place && how != RIB_DUMPED) {
		route->next = old->next;
		*place = route;
	} else {
		if (place)
			*place = old->next;
		rib_insert(entry, route, how);
	}
	// Whether it is the first one, or was, or the same as before, is all that matters.
	if (!old || !route_same(old, route) || (first == old) != (entry->routes == route))
		rib_mark(entry);
	free(old);
	if (how != RIB_DUMPED) {
		entry->touched = generation;
		rib_doubt(entry);
	}
}

/* Take legs away; true when some are left. */
static bool legs_subtract(struct rib_route *from, const struct rib_route *legs)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < from->leg_count; i++)
		if (!leg_in(&from->legs[i], legs))
			from->legs[left++] = from->legs[i];
	from->leg_count = left;
	return left != 0;
}

static struct rib_route **rib_deleted(struct rib_prefix *entry, const struct rib_route *route)
{
	bool ipv6 = entry->prefix.addr.family == AF_INET6;
	struct rib_route **similar = NULL;
	unsigned int similars = 0;

	for (struct rib_route **link = &entry->routes; *link; link = &(*link)->next) {
		if (rib_compare(*link, route) != 0 || (*link)->type != route->type)
			continue;
		if (legs_same(*link, route))
			return link;
		if (ipv6 && legs_within(route, *link))
			return link;
		similar = link;
		similars++;
	}
	// It went through changes that we were not told of.
	return similars == 1 ? similar : NULL;
}

static void rib_unlink(struct rib_prefix *entry, struct rib_route **place)
{
	struct rib_route *route = *place;

	*place = route->next;
	free(route);
	rib_mark(entry);
}

void rib_delete(const struct prefix *prefix, const struct rib_route *route)
{
	struct rib_prefix *entry = rib_find(prefix);
	struct rib_route **place;

	if (!entry)
		return;
	entry->touched = rib_generation[family_index(prefix)];
	place = rib_deleted(entry, route);
	if (!place)
		return;
	if (prefix->addr.family == AF_INET6 && !legs_same(*place, route) &&
	    legs_within(route, *place) && route->leg_count && legs_subtract(*place, route))
		rib_mark(entry);
	else
		rib_unlink(entry, place);
	rib_doubt(entry);
}

void rib_dump_begin(uint8_t family)
{
	rib_generation[family == AF_INET6]++;
	dump_running[family == AF_INET6] = true;
}

static void rib_scan_for(enum rib_scan reason)
{
	scan_wanted |= reason;
}

void rib_dump_end(uint8_t family, bool complete)
{
	dump_running[family == AF_INET6] = false;
	if (!complete)
		return;
	rib_scan_for(family == AF_INET6 ? SCAN_SWEEP6 : SCAN_SWEEP4);
}

void rib_links_changed(void)
{
	rib_scan_for(SCAN_LINKS);
}

void rib_objects_changed(void)
{
	rib_scan_for(SCAN_OBJECTS);
}

void rib_all_changed(void)
{
	rib_scan_for(SCAN_ALL);
}

bool rib_scanning(void)
{
	return scan_cursor.next || scan_wanted;
}

/*
 * Linux takes an IPv4 route away without a message when the last of its links goes down, and any
 * route when that link is gone. Addresses outlive their link's being down, and the legs of next hop
 * objects are for a dump to tell.
 */
static bool route_lost(const struct rib_prefix *entry, const struct rib_route *route)
{
	bool down_suffices = entry->prefix.addr.family == AF_INET && route->type == RTN_UNICAST;

	if (route->object || !route->leg_count)
		return false;
	for (unsigned int i = 0; i < route->leg_count; i++) {
		const struct kernel_link *link = link_find(route->legs[i].link);

		if (link && (!down_suffices || (link->flags & IFF_UP)))
			return false;
	}
	return true;
}

/* What the pass that is under way has to do with one prefix. */
static void rib_scan_one(struct rib_prefix *entry)
{
	bool ipv6 = entry->prefix.addr.family == AF_INET6;
	uint32_t generation = rib_generation[ipv6];
	bool sweep = (scan_running & (ipv6 ? SCAN_SWEEP6 : SCAN_SWEEP4)) &&
		     entry->touched != generation;
	struct rib_route **place = &entry->routes;

	if (sweep)
		entry->doubtful = false;
	// After a sweep, there may be room for what was refused.
	if ((scan_running & (SCAN_ALL | SCAN_LINKS)) || (sweep && entry->refused))
		rib_mark(entry);
	while (*place) {
		struct rib_route *route = *place;

		if ((sweep && route->generation != generation) ||
		    ((scan_running & SCAN_LINKS) && route_lost(entry, route))) {
			rib_unlink(entry, place);
			continue;
		}
		if (route->object && (scan_running & SCAN_OBJECTS))
			rib_mark(entry);
		place = &route->next;
	}
	if (!entry->routes && !entry->group && !entry->dirty && !dump_running[ipv6])
		rib_free(entry);
}

/* One pass over all prefixes for all reasons that have come up; true: it is not over. */
static bool rib_scan(unsigned int budget)
{
	if (!scan_cursor.next) {
		scan_running = scan_wanted;
		scan_wanted = 0;
		scan_cursor.next = scan_running ? TAILQ_FIRST(&rib_all) : NULL;
	}
	while (scan_cursor.next && budget--)
		rib_scan_one(rib_cursor_next(&scan_cursor));
	if (scan_cursor.next)
		return true;
	return scan_wanted != 0;
}

unsigned int rib_route_legs(const struct rib_route *route, struct rib_leg *legs, unsigned int max,
			    bool *blackhole)
{
	unsigned int count = route->leg_count < max ? route->leg_count : max;

	*blackhole = false;
	if (route->object) {
		int known = object_legs(route->object, legs, max, blackhole);

		if (known >= 0)
			return known;
	}
	memcpy(legs, route->legs, count * sizeof(*legs));
	return count;
}

/* The group of a unicast route: the legs on our interfaces. */
static struct group *group_of_legs(const struct rib_route *route)
{
	struct rib_leg from[GROUP_LEGS_MAX];
	struct leg legs[GROUP_LEGS_MAX];
	unsigned int count = 0, total;
	bool blackhole;

	total = rib_route_legs(route, from, GROUP_LEGS_MAX, &blackhole);
	for (unsigned int i = 0; i < total; i++) {
		const struct iface *iface = iface_find_kernel(from[i].link);

		if (iface)
			legs[count++] = (struct leg){
				.iface = iface->index,
				.weight = from[i].weight,
				.mtu = route->mtu,
				.gateway = from[i].gateway,
			};
	}
	if (count)
		return group_acquire(legs, count);
	return group_special(blackhole ? GROUP_BLACKHOLE : GROUP_NONE);
}

static struct group *group_of_route(const struct rib_route *route)
{
	switch (route->type) {
	case RTN_UNICAST:
		return route->foreign ? group_special(GROUP_NONE) : group_of_legs(route);
	case RTN_LOCAL:
	case RTN_BROADCAST:
	case RTN_ANYCAST:
	case RTN_MULTICAST:
		return group_special(GROUP_LOCAL);
	case RTN_BLACKHOLE:
	case RTN_UNREACHABLE:
	case RTN_PROHIBIT:
		return group_special(GROUP_BLACKHOLE);
	default:
		return group_special(GROUP_NONE);
	}
}

/* Routes for a type of service, and those that refer to the next table, do not decide. */
const struct rib_route *rib_best(const struct rib_prefix *entry)
{
	const struct rib_route *route = entry->routes;

	while (route && (route->tos || route->type == RTN_THROW))
		route = route->next;
	return route;
}

/* The longest prefix in the trie that contains this one, if it matters to the trie. */
static const struct rib_prefix *rib_cover(const struct rib_prefix *entry)
{
	struct prefix shorter = entry->prefix;

	while (shorter.len > fib_cover_limit(&entry->prefix) + 1) {
		struct rib_prefix *cover;

		shorter.len--;
		shorter.addr.bytes[shorter.len / 8] &= ~(0x80 >> shorter.len % 8);
		cover = rib_find(&shorter);
		if (cover && cover->group)
			return cover;
	}
	return NULL;
}

static void rib_withdraw(struct rib_prefix *entry)
{
	const struct rib_prefix *cover = rib_cover(entry);

	fib_clear(&entry->prefix, cover ? &cover->prefix : NULL, cover ? cover->group->number : 0);
	group_release(entry->group);
	entry->group = NULL;
}

/* A route that does not fit must not be silently missing: say so once. */
static void rib_refuse(struct rib_prefix *entry)
{
	char text[PREFIX_TEXT];

	entry->refused = true;
	if (refused_count++ == 0)
		log_error("no room in the forwarding tables for %s and maybe more routes",
			  prefix_format(&entry->prefix, text));
}

static void rib_install(struct rib_prefix *entry, struct group *group)
{
	struct group *old = entry->group;

	if (group == old) {
		if (group)
			group_release(group); // one reference is enough
		return;
	}
	path_routes_changed();
	route_changed();
	if (!group) {
		rib_withdraw(entry);
		return;
	}
	if (fib_set(&entry->prefix, group->number) < 0) {
		group_release(group);
		rib_refuse(entry);
		return;
	}
	entry->group = group;
	if (old)
		group_release(old);
}

bool rib_apply(unsigned int budget)
{
	struct rib_prefix *entry;

	if (rib_scan(SCAN_SHARE * budget))
		return true;
	while ((entry = TAILQ_FIRST(&rib_changed))) {
		const struct rib_route *best;
		struct group *group;

		if (budget-- == 0)
			return true;
		best = rib_best(entry);
		group = best ? group_of_route(best) : NULL;
		TAILQ_REMOVE(&rib_changed, entry, changed);
		entry->dirty = false;
		refused_count -= entry->refused;
		entry->refused = false;
		if (best && !group)
			rib_refuse(entry);
		else
			rib_install(entry, group);
		if (!entry->routes && !entry->group && !dump_running[family_index(&entry->prefix)])
			rib_free(entry);
	}
	return false;
}

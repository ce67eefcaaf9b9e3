/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "net/group.h"
#include "net/kernel_mirror.h"
#include "net/map.h"

/*
 * The routes of Linux's local, main and default tables as they were told, by prefix. See
 * kernel_rib.c. Control thread only.
 */
struct rib_route {
	struct rib_route *next; // of the same prefix, in order of preference
	uint32_t table;		// RT_TABLE_LOCAL, _MAIN, _DEFAULT
	uint32_t metric;
	uint32_t object;     // next hop object, or 0
	uint32_t generation; // of the dump that saw it last
	uint16_t mtu;	     // 0: none of its own
	uint8_t tos;
	uint8_t type; // RTN_
	uint8_t protocol;
	uint8_t scope;
	bool has_source; // behind the legs
	bool foreign;	 // an encapsulation or a source prefix: never for the data path
	uint16_t leg_count;
	uint16_t source_at; // legs_subtract() may lower leg_count
	struct rib_leg legs[];
};

struct rib_prefix {
	struct map_node node;
	struct prefix prefix;
	struct rib_route *routes;
	struct group *group; // that is in the trie, or NULL
	bool dirty;
	bool refused;	  // the trie or the group table was full
	bool doubtful;	  // Linux may have another route that looks like one we have
	uint32_t touched; // generation in which an event spoke of it
	TAILQ_ENTRY(rib_prefix) all;
	TAILQ_ENTRY(rib_prefix) changed;
};
TAILQ_HEAD(rib_list, rib_prefix);
extern struct rib_list rib_all;

/* A place in rib_all that stays good while prefixes come and go. */
struct rib_cursor {
	struct rib_prefix *next; // NULL: at the end
	LIST_ENTRY(rib_cursor) all;
};
void rib_cursor_open(struct rib_cursor *cursor);
struct rib_prefix *rib_cursor_next(struct rib_cursor *cursor); // NULL at the end
void rib_cursor_close(struct rib_cursor *cursor);

enum rib_how {
	RIB_DUMPED,   // a dump names it
	RIB_ADDED,    // before those of equal preference
	RIB_APPENDED, // behind them
	RIB_REPLACED, // in place of the first of them
};

/* The source address that it prefers, or NULL: one more leg's gateway, for few routes have one. */
static inline const struct addr *rib_route_source(const struct rib_route *route)
{
	return route->has_source ? &route->legs[route->source_at].gateway : NULL;
}

/* A route of that prefix in the main or local table, by metric and first link; NULL: none. */
const struct rib_route *rib_route_find(const struct prefix *prefix, bool local, uint32_t metric,
				       int link);
/* The longest prefix with routes that contains an address, or NULL. */
const struct rib_prefix *rib_search(const struct addr *addr);

/* Take in a route, which becomes the table's; a malloced one with its legs sorted. */
void rib_add(const struct prefix *prefix, struct rib_route *route, enum rib_how how);
/* `route` tells which; for IPv6 it may name some of the legs only. Stays the caller's. */
void rib_delete(const struct prefix *prefix, const struct rib_route *route);
/* The legs that it has now, by its next hop object if it has one; *blackhole as in object_legs. */
unsigned int rib_route_legs(const struct rib_route *route, struct rib_leg *legs, unsigned int max,
			    bool *blackhole);
int rib_leg_compare(const struct rib_leg *a, const struct rib_leg *b); // without weight
/* The route of a prefix that decides, or NULL. */
const struct rib_route *rib_best(const struct rib_prefix *entry);

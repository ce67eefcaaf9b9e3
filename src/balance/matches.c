/* SPDX-License-Identifier: BSD-3-Clause */
#include "balance/matches.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

#include "balance/address_set.h"
#include "io/rcu.h"
#include "net/nexthop.h"
#include "net/route.h"
#include "tunnel/vm_table.h"

struct match_list {
	unsigned int count;
	struct match_rule rule[];
};

static struct match_list *published; // NULL: no match at all
static bool echo_wanted; // never taken back, so that sessions of a match that goes live on

/* Control */

static int rule_compare(const void *a, const void *b)
{
	const struct match_rule *x = a, *y = b;

	return match_compare(&x->match, &y->match);
}

static void list_publish(struct match_list *list)
{
	struct match_list *old = published;

	for (unsigned int i = 0; list && i < list->count; i++)
		if (match_takes_protocol(&list->rule[i].match, IPPROTO_ICMP) ||
		    match_takes_protocol(&list->rule[i].match, IPPROTO_ICMPV6))
			__atomic_store_n(&echo_wanted, true, __ATOMIC_RELAXED);
	__atomic_store_n(&published, list, __ATOMIC_RELEASE);
	if (old)
		rcu_defer(free, old);
}

/* The rules that are there but for one, with room for another. */
static struct match_list *list_without(uint32_t number)
{
	unsigned int count = published ? published->count : 0;
	struct match_list *list = calloc(1, sizeof(*list) + (count + 1) * sizeof(*list->rule));

	for (unsigned int i = 0; list && i < count; i++)
		if (published->rule[i].number != number)
			list->rule[list->count++] = published->rule[i];
	return list;
}

int matches_put(const struct match_rule *rule)
{
	struct match_list *list = list_without(rule->number);

	if (!list)
		return -ENOMEM;
	if (list->count == MATCHES_MAX) {
		free(list);
		return -ENOSPC;
	}
	list->rule[list->count++] = *rule;
	qsort(list->rule, list->count, sizeof(*list->rule), rule_compare);
	list_publish(list);
	return 0;
}

void matches_remove(uint32_t number)
{
	struct match_list *list;

	if (published && published->count == 1 && published->rule[0].number == number) {
		list_publish(NULL);
		return;
	}
	list = list_without(number);
	if (!list)
		abort(); // a list that names a service which is freed must not stay
	list_publish(list);
}

void matches_stop(void)
{
	free(published);
	published = NULL;
	echo_wanted = false;
}

/* Worker */

static const struct match_list *list_get(void)
{
	return __atomic_load_n(&published, __ATOMIC_ACQUIRE);
}

bool matches_want_echo(void)
{
	return __atomic_load_n(&echo_wanted, __ATOMIC_RELAXED);
}

struct tuple {
	struct addr source, destination;
	uint16_t source_port, destination_port; // host byte order
};

static void tuple_of(const struct pkt *p, struct tuple *t)
{
	if (p->flags & PKT_IPV6) {
		t->source = addr_v6(p->key6.source);
		t->destination = addr_v6(p->key6.destination);
		t->source_port = rte_be_to_cpu_16(p->key6.source_port);
		t->destination_port = rte_be_to_cpu_16(p->key6.destination_port);
	} else {
		t->source = addr_v4(p->key4.source);
		t->destination = addr_v4(p->key4.destination);
		t->source_port = rte_be_to_cpu_16(p->key4.source_port);
		t->destination_port = rte_be_to_cpu_16(p->key4.destination_port);
	}
}

/* Addresses that mean something on one link only: nobody routes them. */
static bool addr_is_link_local(const struct addr *a)
{
	return a->family == AF_INET ? a->bytes[0] == 169 && a->bytes[1] == 254
				    : a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/* What weir itself answers for is no destination of SNAT, a hairpin to itself included. */
static bool tuple_is_routable(const struct tuple *t)
{
	return !addr_is_link_local(&t->source) && !addr_is_link_local(&t->destination) &&
	       !addr_is_multicast(&t->destination) && !addr_is_unspecified(&t->destination) &&
	       !address_set_has(ADDRESS_VIP, &t->destination) &&
	       !address_set_has(ADDRESS_LOCAL, &t->destination);
}

/* The next hop to the destination, and the interface that it is on, 0 when that is not known. */
static uint16_t tuple_route(const struct pkt *p, const struct tuple *t, uint16_t *iface)
{
	uint16_t nexthop;

	*iface = 0;
	nexthop = p->flags & PKT_IPV6 ? route_lookup6(t->destination.bytes, p->hash, iface)
				      : route_lookup4(t->destination.v4, p->hash, iface);
	if (nexthop >= NEXTHOP_FIRST)
		*iface = nexthop_table[nexthop].iface;
	return nexthop;
}

static bool rule_takes(const struct match_rule *rule, const struct pkt *p, const struct tuple *t)
{
	return rule->match.vni == pkt_zone(p) &&
	       match_takes_protocol(&rule->match, pkt_protocol(p)) &&
	       rule->match.family == t->source.family && (rule->in == 0 || rule->in == p->iface) &&
	       match_range_takes(&rule->match.source, &t->source, t->source_port) &&
	       match_range_takes(&rule->match.destination, &t->destination, t->destination_port);
}

/* Of a VM to one of its own VNI, or to weir there: that never goes out. */
static bool is_inside(const struct pkt *p)
{
	uint32_t zone = pkt_zone(p);

	return zone && (p->flags & PKT_IPV6 ? vm_find6(zone, p->key6.destination)
					    : vm_find4(zone, p->key4.destination));
}

const struct service *matches_find(const struct pkt *p)
{
	const struct match_list *list = list_get();
	bool routed = false;
	struct tuple tuple;
	uint16_t out;

	if (!list || is_inside(p))
		return NULL;
	tuple_of(p, &tuple);
	for (unsigned int i = 0; i < list->count; i++) {
		const struct match_rule *rule = &list->rule[i];

		if (!rule_takes(rule, p, &tuple))
			continue;
		// Only now is it worth a lookup: most packets that come here are taken by none.
		if (!routed &&
		    (!tuple_is_routable(&tuple) || tuple_route(p, &tuple, &out) == NEXTHOP_LOCAL))
			return NULL;
		routed = true;
		if (rule->out == 0 || rule->out == out)
			return rule->service;
	}
	return NULL;
}

bool matches_is_undecided(const struct pkt *p)
{
	const struct match_list *list = list_get();
	struct tuple tuple;
	uint16_t out;

	if (!list)
		return false;
	tuple_of(p, &tuple);
	for (unsigned int i = 0; i < list->count; i++)
		if (list->rule[i].out && rule_takes(&list->rule[i], p, &tuple))
			return tuple_is_routable(&tuple) &&
			       tuple_route(p, &tuple, &out) == NEXTHOP_UNRESOLVED && out == 0;
	return false;
}

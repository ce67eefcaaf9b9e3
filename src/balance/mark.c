/* SPDX-License-Identifier: BSD-3-Clause */
#include "balance/mark.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

#include "io/rcu.h"

/* One immutable list, replaced as a whole and freed after a grace period. */
struct mark_list {
	unsigned int count;
	struct mark_rule rules[];
};

static struct mark_list *marks; // atomic; NULL: no rules

int mark_publish(const struct mark_rule *rules, unsigned int count)
{
	struct mark_list *list = NULL, *old = marks;

	if (count > 0) {
		list = malloc(sizeof(*list) + count * sizeof(*rules));
		if (!list)
			return -ENOMEM;
		list->count = count;
		memcpy(list->rules, rules, count * sizeof(*rules));
	}
	__atomic_store_n(&marks, list, __ATOMIC_RELEASE);
	if (old)
		rcu_defer(free, old);
	return 0;
}

void mark_stop(void)
{
	free(marks);
	marks = NULL;
}

static bool prefix_fits(const struct prefix *prefix, const struct addr *addr)
{
	return prefix->addr.family == AF_UNSPEC || prefix_contains(prefix, addr);
}

uint32_t mark_of_packet(uint64_t *hits, const struct pkt *p)
{
	const struct mark_list *list = __atomic_load_n(&marks, __ATOMIC_ACQUIRE);
	bool ipv6 = p->flags & PKT_IPV6;
	struct addr source, destination;
	uint16_t port;

	if (!list)
		return 0;
	source = ipv6 ? addr_v6(p->key6.source) : addr_v4(p->key4.source);
	destination = ipv6 ? addr_v6(p->key6.destination) : addr_v4(p->key4.destination);
	port = rte_be_to_cpu_16(ipv6 ? p->key6.destination_port : p->key4.destination_port);
	for (unsigned int i = 0; i < list->count; i++) {
		const struct mark_rule *rule = &list->rules[i];

		if ((rule->protocol && rule->protocol != pkt_protocol(p)) || port < rule->port ||
		    port > rule->port_end || (rule->iface && rule->iface != p->iface) ||
		    !prefix_fits(&rule->destination, &destination) ||
		    !prefix_fits(&rule->source, &source))
			continue;
		if (hits)
			hits[rule->counter]++;
		return rule->mark;
	}
	return 0;
}

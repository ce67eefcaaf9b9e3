/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * For each local address and transport (SCTP too, where the device knows it) as many rules as there are slots, the values of the lowest
 * bits of the port number. A mask of the lowest bits is what most devices can match; ranges are
 * not. Slot s belongs to worker s modulo their number; where that is no power of two there are four
 * times as many slots as workers at least, so that no worker has a quarter more than another.
 */
#include "io/steer_flow.h"

#include "base/log.h"

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_errno.h>
#include <rte_flow.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_EACH = 4 };

/* SCTP is the last: where a device cannot match it, its packets alone are handed over. */
static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};
enum { PROTOCOLS_NEEDED = 2 };

/* The rules of one local address on one port. */
struct flow_address {
	struct flow_address *next;
	struct port *port;
	struct addr local;
	unsigned int count;
	void *rules[];
};

static struct flow_address *addresses;

/* rte_flow */

static void pattern_l3(struct rte_flow_item *item, const struct addr *local, void *spec, void *mask)
{
	if (local->family == AF_INET6) {
		struct rte_flow_item_ipv6 *s = spec, *m = mask;

		memcpy(s->hdr.dst_addr, local->bytes, 16);
		memset(m->hdr.dst_addr, 0xff, 16);
		item->type = RTE_FLOW_ITEM_TYPE_IPV6;
	} else {
		struct rte_flow_item_ipv4 *s = spec, *m = mask;

		s->hdr.dst_addr = local->v4;
		m->hdr.dst_addr = UINT32_MAX;
		item->type = RTE_FLOW_ITEM_TYPE_IPV4;
	}
	item->spec = spec;
	item->mask = mask;
}

static void pattern_l4(struct rte_flow_item *item, const struct steer_rule *rule, void *spec,
		       void *mask)
{
	const rte_be16_t value = rte_cpu_to_be_16(rule->value), bits = rte_cpu_to_be_16(rule->mask);

	if (rule->protocol == IPPROTO_TCP) {
		((struct rte_flow_item_tcp *)spec)->hdr.dst_port = value;
		((struct rte_flow_item_tcp *)mask)->hdr.dst_port = bits;
		item->type = RTE_FLOW_ITEM_TYPE_TCP;
	} else if (rule->protocol == IPPROTO_SCTP) {
		((struct rte_flow_item_sctp *)spec)->hdr.dst_port = value;
		((struct rte_flow_item_sctp *)mask)->hdr.dst_port = bits;
		item->type = RTE_FLOW_ITEM_TYPE_SCTP;
	} else {
		((struct rte_flow_item_udp *)spec)->hdr.dst_port = value;
		((struct rte_flow_item_udp *)mask)->hdr.dst_port = bits;
		item->type = RTE_FLOW_ITEM_TYPE_UDP;
	}
	item->spec = spec;
	item->mask = mask;
}

/* Build the rule and have DPDK look at it, or take it. The rule's handle; any pointer for a look. */
static void *flow_rule(uint16_t dpdk_port, const struct steer_rule *rule, bool take, char *why,
		       size_t size)
{
	union {
		struct rte_flow_item_ipv4 v4;
		struct rte_flow_item_ipv6 v6;
		struct rte_flow_item_tcp tcp;
		struct rte_flow_item_udp udp;
		struct rte_flow_item_sctp sctp;
	} l3 = {0}, l3_mask = {0}, l4 = {0}, l4_mask = {0};
	struct rte_flow_item pattern[] = {
		{.type = RTE_FLOW_ITEM_TYPE_ETH}, {0}, {0}, {.type = RTE_FLOW_ITEM_TYPE_END}};
	const struct rte_flow_action_queue queue = {.index = rule->queue};
	const struct rte_flow_action actions[] = {
		{.type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &queue},
		{.type = RTE_FLOW_ACTION_TYPE_END},
	};
	const struct rte_flow_attr attributes = {.ingress = 1};
	struct rte_flow_error error = {.message = NULL};
	void *handle = NULL;
	int result = 0;

	pattern_l3(&pattern[1], &rule->local, &l3, &l3_mask);
	pattern_l4(&pattern[2], rule, &l4, &l4_mask);
	if (take)
		handle = rte_flow_create(dpdk_port, &attributes, pattern, actions, &error);
	else
		result = rte_flow_validate(dpdk_port, &attributes, pattern, actions, &error);
	if (take ? handle != NULL : result == 0)
		return take ? handle : (void *)rule;
	snprintf(why, size, "it takes no rules (%.50s)",
		 error.message ? error.message
		 : result == 0 ? rte_strerror(rte_errno)
			       : rte_strerror(-result));
	return NULL;
}

static bool flow_validate(uint16_t dpdk_port, const struct steer_rule *rule, char *why, size_t size)
{
	return flow_rule(dpdk_port, rule, false, why, size) != NULL;
}

static void *flow_create(uint16_t dpdk_port, const struct steer_rule *rule, char *why, size_t size)
{
	return flow_rule(dpdk_port, rule, true, why, size);
}

static void flow_destroy(uint16_t dpdk_port, void *handle)
{
	struct rte_flow_error error = {.message = NULL};

	if (rte_flow_destroy(dpdk_port, handle, &error) < 0)
		log_warning("a rule of DPDK port %u cannot be taken away: %s", dpdk_port,
			    error.message ? error.message : rte_strerror(rte_errno));
}

static const struct steer_flow_device flow_rte = {
	.validate = flow_validate,
	.create = flow_create,
	.destroy = flow_destroy,
};
const struct steer_flow_device *steer_flow_device = &flow_rte;

/* What is asked of it */

unsigned int steer_flow_slots(unsigned int workers)
{
	return rte_is_power_of_2(workers) ? workers : rte_align32pow2(SLOTS_EACH * workers);
}

static struct steer_rule rule_of(const struct addr *local, unsigned int workers, unsigned int which)
{
	unsigned int slots = steer_flow_slots(workers), slot = which % slots;

	return (struct steer_rule){
		.local = *local,
		.protocol = protocols[which / slots],
		.value = slot,
		.mask = slots - 1,
		.queue = slot % workers,
	};
}

bool steer_flow_probe(const struct port *port, unsigned int workers, char *why, size_t size)
{
	const struct addr any = addr_v4(rte_cpu_to_be_32(0xc0000201)); // 192.0.2.1, nobody's
	struct steer_rule rule = rule_of(&any, workers, workers - 1);

	if (port->rx_queue_count < workers) {
		snprintf(why, size, "it has %u receive queues for %u workers", port->rx_queue_count,
			 workers);
		return false;
	}
	// One DPDK port for each queue (AF_XDP): no rule can lead from one to the other.
	if (port->dpdk_port_count != 1) {
		snprintf(why, size, "it takes no rules: each queue is a device of its own");
		return false;
	}
	return steer_flow_device->validate(port->queues[0].dpdk_port, &rule, why, size);
}

/* Take rules away until so many are left. */
static void rules_shorten(struct flow_address *a, unsigned int left)
{
	while (a->count > left)
		steer_flow_device->destroy(a->port->queues[0].dpdk_port, a->rules[--a->count]);
}

static void flow_address_free(struct flow_address *a)
{
	rules_shorten(a, 0);
	free(a);
}

void steer_flow_add(struct port *port, unsigned int workers, const struct addr *local)
{
	unsigned int slots = steer_flow_slots(workers), count = RTE_DIM(protocols) * slots;
	char why[80] = "out of memory", text[ADDR_TEXT];
	struct flow_address *a;

	if (port->steering != STEERING_FLOW)
		return;
	a = calloc(1, sizeof(*a) + count * sizeof(*a->rules));
	if (!a)
		goto refused;
	a->port = port;
	a->local = *local;
	for (; a->count < count; a->count++) {
		struct steer_rule rule = rule_of(local, workers, a->count);

		a->rules[a->count] = steer_flow_device->create(port->queues[0].dpdk_port, &rule,
							       why, sizeof(why));
		if (!a->rules[a->count] && a->count < PROTOCOLS_NEEDED * slots)
			goto free_rules;
		if (!a->rules[a->count]) {
			rules_shorten(a, PROTOCOLS_NEEDED * slots);
			log_info("port %s: SCTP to local address %s is handed over: %s",
				 port->config.name, addr_format(local, text), why);
			break;
		}
	}
	a->next = addresses;
	addresses = a;
	port->flow_rules += a->count;
	return;

free_rules:
	flow_address_free(a);
refused:
	port->flow_refused++;
	log_warning("port %s: packets to local address %s are handed over: %s", port->config.name,
		    addr_format(local, text), why);
}

void steer_flow_remove(struct port *port, const struct addr *local)
{
	for (struct flow_address **link = &addresses; *link; link = &(*link)->next) {
		struct flow_address *a = *link;

		if (a->port != port || memcmp(&a->local, local, sizeof(*local)) != 0)
			continue;
		*link = a->next;
		port->flow_rules -= a->count;
		flow_address_free(a);
		return;
	}
}

void steer_flow_clear(struct port *port)
{
	for (struct flow_address **link = &addresses; *link;) {
		struct flow_address *a = *link;

		if (a->port != port) {
			link = &a->next;
			continue;
		}
		*link = a->next;
		flow_address_free(a);
	}
	port->flow_rules = 0;
}

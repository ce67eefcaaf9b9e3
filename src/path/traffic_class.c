/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Which queue a frame goes to: from the root down, the first rule of each node that takes the frame
 * leads to a child. The frame is looked at as it stands on the wire, on its way in before input()
 * and on its way out after all that is done to it, so that nothing has to be remembered of it. What
 * cannot be read (a fragment without ports, a truncated header) is taken by no rule that asks for
 * it, and stays in the root.
 */
#include <netinet/in.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>

#include "net/vlan.h"
#include "path/traffic.h"

enum { EXTENSIONS_MAX = 4 };

struct tuple {
	bool is_ip, has_ports;
	uint8_t family, protocol, tos;
	uint8_t tag_bytes;
	uint16_t ports[2]; // host byte order
	struct addr source, destination;
};

static const uint8_t *bytes_at(const struct rte_mbuf *m, unsigned int offset, unsigned int length)
{
	return rte_pktmbuf_data_len(m) >= offset + length
		       ? rte_pktmbuf_mtod_offset(m, const uint8_t *, offset)
		       : NULL;
}

static void ports_read(const struct rte_mbuf *m, unsigned int offset, struct tuple *t)
{
	const uint8_t *l4 = bytes_at(m, offset, 4);

	if (!l4 || (t->protocol != IPPROTO_TCP && t->protocol != IPPROTO_UDP &&
		    t->protocol != IPPROTO_SCTP))
		return;
	t->has_ports = true;
	for (unsigned int i = 0; i < 2; i++)
		t->ports[i] = (uint16_t)(l4[2 * i] << 8 | l4[2 * i + 1]);
}

static void ipv4_read(const struct rte_mbuf *m, unsigned int offset, struct tuple *t)
{
	const struct rte_ipv4_hdr *ip = (const void *)bytes_at(m, offset, sizeof(*ip));

	if (!ip)
		return;
	t->is_ip = true;
	t->family = AF_INET;
	t->protocol = ip->next_proto_id;
	t->tos = ip->type_of_service;
	t->source = addr_v4(ip->src_addr);
	t->destination = addr_v4(ip->dst_addr);
	if (!(ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK)))
		ports_read(m, offset + (ip->version_ihl & 15) * 4, t);
}

static void ipv6_read(const struct rte_mbuf *m, unsigned int offset, struct tuple *t)
{
	const struct rte_ipv6_hdr *ip = (const void *)bytes_at(m, offset, sizeof(*ip));
	const uint8_t *header;

	if (!ip)
		return;
	t->is_ip = true;
	t->family = AF_INET6;
	t->protocol = ip->proto;
	t->tos = (uint8_t)(rte_be_to_cpu_32(ip->vtc_flow) >> 20);
	t->source = addr_v6(ip->src_addr);
	t->destination = addr_v6(ip->dst_addr);
	offset += sizeof(*ip);
	for (unsigned int i = 0; i < EXTENSIONS_MAX; i++) {
		if (t->protocol != IPPROTO_HOPOPTS && t->protocol != IPPROTO_DSTOPTS &&
		    t->protocol != IPPROTO_ROUTING && t->protocol != IPPROTO_FRAGMENT)
			break;
		header = bytes_at(m, offset, 8);
		if (!header)
			return;
		if (t->protocol == IPPROTO_FRAGMENT && (header[2] || header[3] & 0xf8)) {
			t->protocol = header[0];
			return;
		}
		offset += t->protocol == IPPROTO_FRAGMENT ? 8u : (header[1] + 1u) * 8;
		t->protocol = header[0];
	}
	ports_read(m, offset, t);
}

static void tuple_read(const struct rte_mbuf *m, struct tuple *t)
{
	unsigned int offset = 2 * RTE_ETHER_ADDR_LEN;
	const uint8_t *at;
	uint16_t type = 0;

	t->is_ip = t->has_ports = false;
	t->tos = t->tag_bytes = 0;
	for (unsigned int tags = 0; tags <= VLAN_TAGS; tags++) {
		at = bytes_at(m, offset, 2);
		if (!at)
			return;
		memcpy(&type, at, 2);
		if (!vlan_is_tag(type))
			break;
		offset += sizeof(struct rte_vlan_hdr);
		t->tag_bytes += sizeof(struct rte_vlan_hdr);
	}
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV4))
		ipv4_read(m, offset + 2, t);
	else if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
		ipv6_read(m, offset + 2, t);
}

/* The tags without priority and the like. */
static bool tags_equal(const struct rte_mbuf *m, const struct traffic_rule *rule)
{
	const uint8_t *tags = bytes_at(m, 2 * RTE_ETHER_ADDR_LEN, rule->tag_bytes);

	for (unsigned int i = 0; tags && i < rule->tag_bytes; i += 4)
		if (memcmp(tags + i, rule->tags + i, 2) || tags[i + 3] != rule->tags[i + 3] ||
		    ((tags[i + 2] ^ rule->tags[i + 2]) & 15))
			return false;
	return tags != NULL;
}

static bool range_takes(const struct match_range *range, const struct addr *addr,
			const struct tuple *t, uint16_t port)
{
	return t->has_ports || !range->port_last ? match_range_takes(range, addr, port) : false;
}

/* Sets know packets by their keys. */
static bool set_takes(const struct traffic_tree *tree, const struct traffic_rule *rule,
		      const struct rte_mbuf *m, const struct tuple *t)
{
	struct pkt p = {.mbuf = (struct rte_mbuf *)m, .iface = tree->iface};

	if (t->family == AF_INET6) {
		p.flags = PKT_IPV6;
		memcpy(p.key6.source, t->source.bytes, sizeof(p.key6.source));
		memcpy(p.key6.destination, t->destination.bytes, sizeof(p.key6.destination));
		p.key6.source_port = rte_cpu_to_be_16(t->ports[0]);
		p.key6.destination_port = rte_cpu_to_be_16(t->ports[1]);
		p.key6.zone_protocol = t->protocol;
	} else {
		p.key4 = (struct key4){
			.source = t->source.v4,
			.destination = t->destination.v4,
			.source_port = rte_cpu_to_be_16(t->ports[0]),
			.destination_port = rte_cpu_to_be_16(t->ports[1]),
			.zone_protocol = t->protocol,
		};
	}
	return set_has_packet(rule->set, &p, rule->destination);
}

static bool rule_takes(const struct traffic_tree *tree, const struct traffic_rule *rule,
		       const struct rte_mbuf *m, const struct tuple *t)
{
	const struct match *match = &rule->match;

	if (!t->is_ip || t->family != match->family ||
	    (rule->packets == TRAFFIC_VLAN && t->tag_bytes == 0))
		return false;
	if (rule->in && rule->in != m->vlan_tci_outer)
		return false;
	if (rule->set)
		return set_takes(tree, rule, m, t);
	if (match->protocol && match->protocol != t->protocol)
		return false;
	if (rule->tag_bytes && (t->tag_bytes != rule->tag_bytes || !tags_equal(m, rule)))
		return false;
	return range_takes(&match->source, &t->source, t, t->ports[0]) &&
	       range_takes(&match->destination, &t->destination, t, t->ports[1]);
}

unsigned int traffic_classify(const struct traffic_tree *tree, const struct rte_mbuf *m,
			      unsigned int *band)
{
	const struct traffic_node *node = tree->nodes;
	struct tuple tuple = {0};
	unsigned int at = 0, i;

	tuple_read(m, &tuple);
	*band = traffic_band(tuple.tos);
	do {
		node = &tree->nodes[at];
		for (i = 0; i < node->rule_count; i++)
			if (rule_takes(tree, &tree->rules[node->rule_first + i], m, &tuple))
				break;
		if (i == node->rule_count)
			return at;
		at = tree->rules[node->rule_first + i].target;
	} while (at != TRAFFIC_DROP);
	return TRAFFIC_DROP;
}

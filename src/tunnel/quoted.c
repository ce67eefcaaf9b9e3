/* SPDX-License-Identifier: BSD-3-Clause */
#include "tunnel/quoted.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

enum { GRE_HEADER = 4, GUE_HEADER = 4, PORTS = 4 };

/* The outer IP header; returns its length, 0 when it is none or a later fragment. */
static unsigned int outer_parse(const uint8_t *bytes, unsigned int length, bool ipv6,
				struct quoted *q, uint8_t *protocol)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)bytes;
	unsigned int header;

	if (ipv6) {
		if (length < sizeof(struct rte_ipv6_hdr) || bytes[0] >> 4 != 6)
			return 0;
		*protocol = ((const struct rte_ipv6_hdr *)bytes)->proto;
		q->to = addr_v6(((const struct rte_ipv6_hdr *)bytes)->dst_addr);
		return sizeof(struct rte_ipv6_hdr);
	}
	header = length >= sizeof(*ip) ? (bytes[0] & 0xf) * 4 : 0;
	if (header < sizeof(*ip) || header > length || bytes[0] >> 4 != 4 ||
	    (ip->fragment_offset & RTE_BE16(0x1fff)) != 0)
		return 0;
	*protocol = ip->next_proto_id;
	q->to = addr_v4(ip->dst_addr);
	return header;
}

static int gre_parse(const uint8_t *gre, unsigned int length, struct quoted *q)
{
	uint16_t flags, type;

	if (length < GRE_HEADER)
		return -EINVAL;
	memcpy(&flags, gre, 2);
	memcpy(&type, gre + 2, 2);
	if ((flags & RTE_BE16(0x7fff)) != 0) // a key, a number, routing, a version: not ours
		return -ENOENT;
	if (type != RTE_BE16(RTE_ETHER_TYPE_IPV4) && type != RTE_BE16(RTE_ETHER_TYPE_IPV6))
		return -ENOENT;
	q->type = TUNNEL_GRE;
	q->ipv6 = type == RTE_BE16(RTE_ETHER_TYPE_IPV6);
	q->outer += flags ? 2 * GRE_HEADER : GRE_HEADER;
	return 0;
}

static int gue_parse(const uint8_t *udp, unsigned int length, struct quoted *q)
{
	const uint8_t *gue = udp + sizeof(struct rte_udp_hdr);

	if (length < sizeof(struct rte_udp_hdr) + GUE_HEADER)
		return -EINVAL;
	if (gue[0] != 0 || (gue[1] != IPPROTO_IPIP && gue[1] != IPPROTO_IPV6) || gue[2] || gue[3])
		return -ENOENT;
	q->type = TUNNEL_GUE;
	q->ipv6 = gue[1] == IPPROTO_IPV6;
	memcpy(&q->port, udp + 2, 2);
	q->outer += sizeof(struct rte_udp_hdr) + GUE_HEADER;
	return 0;
}

/* Is enough of the packet inside quoted to know its flow? */
static int inner_check(const uint8_t *inner, const struct quoted *q)
{
	unsigned int header = sizeof(struct rte_ipv6_hdr);

	if (q->length == 0)
		return -EINVAL;
	if (inner[0] >> 4 != (q->ipv6 ? 6 : 4))
		return -EINVAL;
	if (!q->ipv6) {
		header = (inner[0] & 0xf) * 4;
		if (header < sizeof(struct rte_ipv4_hdr))
			return -EINVAL;
	}
	return q->length < header + PORTS ? -EINVAL : 0;
}

int quoted_parse(const uint8_t *bytes, unsigned int length, bool ipv6, struct quoted *q)
{
	uint8_t protocol;
	int status = 0;

	memset(q, 0, sizeof(*q));
	q->outer = outer_parse(bytes, length, ipv6, q, &protocol);
	if (q->outer == 0)
		return -ENOENT;
	if (protocol == IPPROTO_GRE)
		status = gre_parse(bytes + q->outer, length - q->outer, q);
	else if (protocol == IPPROTO_UDP)
		status = gue_parse(bytes + q->outer, length - q->outer, q);
	else if (protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6)
		q->ipv6 = protocol == IPPROTO_IPV6;
	else
		status = -ENOENT;
	if (status < 0)
		return status;
	if (q->outer > length)
		return -EINVAL;
	q->length = length - q->outer;
	return inner_check(bytes + q->outer, q);
}

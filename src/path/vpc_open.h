/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <string.h>

#include <rte_ip.h>
#include <rte_mbuf_ptype.h>
#include <rte_udp.h>

#include "path/bfd.h"
#include "path/vpc.h"
#include "tunnel/decapsulate.h"
#include "tunnel/device.h"
#include "tunnel/vxlan.h"

/*
 * Going inside a VXLAN packet (RFC 7348), for input.c alone: inline, since a VPC gateway does it for
 * half of its packets.
 */

/* vpc_input.c: of a tunnel interface to that host, with a VNI that the VPC does not know? */
bool vpc_is_of_interface(const struct pkt *p);

/* Is this UDP packet, whose lengths have been checked, a VXLAN packet to weir? */
static inline bool vpc_is_tunnel(const struct pkt *p)
{
	const uint8_t *l3 = pkt_l3(p);
	uint32_t to;

	// Inside a VXLAN packet it is UDP as any other.
	if ((p->flags & (PKT_MULTICAST | PKT_FROM_KERNEL)) || p->l3 > L3_OUTER_MAX)
		return false;
	memcpy(&to, l3 + 16, 4);
	if (p->flags & PKT_IPV6 ? !vxlan.has_v6 || memcmp(l3 + 24, vxlan.v6, 16) != 0
				: vxlan.v4 == 0 || to != vxlan.v4)
		return false;
	return likely(__atomic_load_n(&tunnel_device_count, __ATOMIC_RELAXED) == 0) ||
	       !vpc_is_of_interface(p);
}

/* UDP header and all behind it; its lengths have been checked. */
static inline unsigned int vpc_datagram(const struct pkt *p)
{
	return rte_be_to_cpu_16(((const struct rte_udp_hdr *)pkt_l4(p))->dgram_len);
}

/* What stands behind the datagram is not the sender's. */
static inline void vpc_cut_padding(struct pkt *p, unsigned int datagram)
{
	unsigned int end = p->l3 + p->l4 + datagram, length = rte_pktmbuf_pkt_len(p->mbuf);

	if (unlikely(length > end))
		rte_pktmbuf_trim(p->mbuf, length - end);
}

/* What the outer header says of congestion goes inside, as far as the packet there can be read. */
static inline enum drop vpc_mark_inside(const struct pkt *p, uint16_t type)
{
	const uint8_t *outer = pkt_l3(p);
	uint8_t *inner = pkt_l4(p) + VXLAN_INNER;
	unsigned int at = inner - rte_pktmbuf_mtod(p->mbuf, uint8_t *);

	if ((type != RTE_BE16(RTE_ETHER_TYPE_IPV4) && type != RTE_BE16(RTE_ETHER_TYPE_IPV6)) ||
	    rte_pktmbuf_data_len(p->mbuf) < at + sizeof(struct rte_ipv4_hdr))
		return DROP_none;
	return decapsulate_ecn(p->flags & PKT_IPV6 ? outer[0] << 4 | outer[1] >> 4 : outer[1],
			       inner, type == RTE_BE16(RTE_ETHER_TYPE_IPV6));
}

static inline enum drop vpc_open(const struct pkt *p, unsigned int datagram, uint32_t *vni,
				 uint16_t *type)
{
	unsigned int there = rte_pktmbuf_data_len(p->mbuf) - p->l3 - p->l4;
	const uint8_t *l4 = pkt_l4(p);
	enum drop reason;

	if (unlikely(p->l4 != (p->flags & PKT_IPV6 ? 40 : 20)))
		return DROP_vxlan_outer;
	there = RTE_MIN(there, datagram);
	reason = decapsulate_vxlan(l4, there, vni);
	if (unlikely(reason != DROP_none))
		return reason;
	memcpy(type, l4 + VXLAN_INNER - sizeof(*type), sizeof(*type));
	if (unlikely(*vni == 0 || !vni_is_known(*vni)) &&
	    !(*type == RTE_BE16(RTE_ETHER_TYPE_IPV4) &&
	      bfd_is_inside(l4 + VXLAN_INNER, there - VXLAN_INNER)))
		return DROP_vxlan_unknown_vni;
	return unlikely(vlan_is_tag(*type)) ? DROP_vxlan_inner_vlan : vpc_mark_inside(p, *type);
}

/* Go inside: p->l3 becomes what stands behind the inner Ethernet header. Or drop. */
static inline bool vpc_decapsulate(struct pkt *p, uint32_t *vni, uint16_t *type)
{
	unsigned int datagram = vpc_datagram(p);
	enum drop reason = vpc_open(p, datagram, vni, type);

	if (unlikely(reason != DROP_none)) {
		pkt_drop(p, reason);
		return false;
	}
	vpc_cut_padding(p, datagram);
	// What the device says of checksums is about the outer headers.
	p->mbuf->ol_flags &= ~(RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK);
	p->mbuf->packet_type = RTE_PTYPE_TUNNEL_VXLAN |
			       (p->flags & PKT_IPV6 ? RTE_PTYPE_L3_IPV6 : RTE_PTYPE_L3_IPV4);
	p->l3 += p->l4 + VXLAN_INNER;
	return true;
}

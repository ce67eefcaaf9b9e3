/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * VXLAN, on the way in (RFC 7348). Only the offset of the IP header moves: the outer headers stay
 * where they are, because who sent them is compared with the VM table when the VM is known. Of
 * which family they are is noted in the mbuf's packet type, in DPDK's own words.
 */
#include "path/vpc.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf_ptype.h>
#include <rte_udp.h>

#include "path/bfd.h"
#include "path/vpc_learn.h"
#include "tunnel/decapsulate.h"
#include "tunnel/device.h"
#include "tunnel/vxlan.h"

/* A tunnel interface to that host may have a VNI that the VPC does not know. */
static bool is_of_interface(const struct pkt *p)
{
	const uint8_t *l3 = pkt_l3(p), *vxlan_header = pkt_l4(p) + sizeof(struct rte_udp_hdr);
	struct addr local, remote;
	uint32_t from, to;

	if (likely(__atomic_load_n(&tunnel_device_count, __ATOMIC_RELAXED) == 0) ||
	    vxlan_header + TUNNEL_VXLAN_HEADER >
		    rte_pktmbuf_mtod_offset(p->mbuf, uint8_t *, rte_pktmbuf_data_len(p->mbuf)) ||
	    vni_is_known(vxlan_header[4] << 16 | vxlan_header[5] << 8 | vxlan_header[6]))
		return false;
	memcpy(&from, l3 + 12, 4);
	memcpy(&to, l3 + 16, 4);
	remote = p->flags & PKT_IPV6 ? addr_v6(l3 + 8) : addr_v4(from);
	local = p->flags & PKT_IPV6 ? addr_v6(l3 + 24) : addr_v4(to);
	return device_is_between(&local, &remote, TUNNEL_KIND_VXLAN);
}

bool vpc_is_tunnel(const struct pkt *p)
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
	return !is_of_interface(p);
}

/* UDP header and all behind it; its lengths have been checked. */
static unsigned int datagram_length(const struct pkt *p)
{
	return rte_be_to_cpu_16(((const struct rte_udp_hdr *)pkt_l4(p))->dgram_len);
}

/* What stands behind the datagram is not the sender's. */
static void cut_padding(struct pkt *p, unsigned int datagram)
{
	unsigned int end = p->l3 + p->l4 + datagram, length = rte_pktmbuf_pkt_len(p->mbuf);

	if (length > end)
		rte_pktmbuf_trim(p->mbuf, length - end);
}

/* What the outer header says of congestion goes inside, as far as the packet there can be read. */
static enum drop mark_inside(const struct pkt *p, uint16_t type)
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

static enum drop open_outer(const struct pkt *p, uint32_t *vni, uint16_t *type)
{
	unsigned int datagram = datagram_length(p), header = p->flags & PKT_IPV6 ? 40 : 20;
	unsigned int there = rte_pktmbuf_data_len(p->mbuf) - p->l3 - p->l4;
	struct tunnel_outer outer;
	enum drop reason;

	if (p->l4 != header)
		return DROP_vxlan_outer;
	reason = decapsulate(pkt_l4(p), IPPROTO_UDP, RTE_MIN(there, datagram), datagram, &outer);
	if (reason != DROP_none)
		return reason;
	*vni = outer.key;
	memcpy(type, pkt_l4(p) + VXLAN_INNER - sizeof(*type), sizeof(*type));
	if ((outer.key == 0 || !vni_is_known(outer.key)) &&
	    !(*type == RTE_BE16(RTE_ETHER_TYPE_IPV4) && there >= VXLAN_INNER &&
	      bfd_is_inside(pkt_l4(p) + VXLAN_INNER, there - VXLAN_INNER)))
		return DROP_vxlan_unknown_vni;
	return vlan_is_tag(*type) ? DROP_vxlan_inner_vlan : mark_inside(p, *type);
}

bool vpc_decapsulate(struct pkt *p, uint32_t *vni, uint16_t *type)
{
	enum drop reason = open_outer(p, vni, type);

	if (reason != DROP_none) {
		pkt_drop(p, reason);
		return false;
	}
	cut_padding(p, datagram_length(p));
	// What the device says of checksums is about the outer headers.
	p->mbuf->ol_flags &= ~(RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK);
	p->mbuf->packet_type = RTE_PTYPE_TUNNEL_VXLAN |
			       (p->flags & PKT_IPV6 ? RTE_PTYPE_L3_IPV6 : RTE_PTYPE_L3_IPV4);
	p->l3 += p->l4 + VXLAN_INNER;
	return true;
}

static bool outer_is_ipv6(const struct pkt *p)
{
	return (p->mbuf->packet_type & RTE_PTYPE_L3_MASK) == RTE_PTYPE_L3_IPV6;
}

void vpc_outer_source(const struct pkt *p, struct addr *source)
{
	bool ipv6 = outer_is_ipv6(p);
	const uint8_t *outer = pkt_l3(p) - (ipv6 ? VXLAN_OUTER6 : VXLAN_OUTER4);
	uint32_t v4;

	memcpy(&v4, outer + 12, 4);
	*source = ipv6 ? addr_v6(outer + 8) : addr_v4(v4);
}

void vpc_restore(struct pkt *p)
{
	p->l3 -= outer_is_ipv6(p) ? VXLAN_OUTER6 : VXLAN_OUTER4;
}

void vpc_name_drop(struct pkt *p)
{
	switch (p->drop) {
	case DROP_ipv4_short:
	case DROP_ipv4_total_length:
	case DROP_ipv6_short:
	case DROP_ipv6_payload_length:
	case DROP_frame_truncated:
		p->drop = DROP_vxlan_inner_truncated;
		break;
	}
}

bool vpc_is_from_host(const struct pkt *p, const struct vm *vm, const struct vm_host *host)
{
	bool ipv6 = outer_is_ipv6(p);
	const uint8_t *outer = pkt_l3(p) - (ipv6 ? VXLAN_OUTER6 : VXLAN_OUTER4);

	if (likely(vm_host_is(host, outer + (ipv6 ? 8 : 12), ipv6)))
		return true;
	// One that was learned is where it spoke last.
	return !vm->learned && (vni_get(vm->vni).flags & VNI_TRUSTED);
}

static bool has_mac_of(const struct pkt *p, const struct vm *vm)
{
	uint64_t mac = __atomic_load_n(&vm->mac, __ATOMIC_RELAXED);

	return memcmp(pkt_l3(p) - VXLAN_INNER_SOURCE, &mac, RTE_ETHER_ADDR_LEN) == 0;
}

uint32_t vpc_sender(struct worker *w, struct pkt *p)
{
	uint32_t zone = pkt_zone(p);
	uint32_t number = p->flags & PKT_IPV6 ? vm_find6(zone, p->key6.source)
					      : vm_find4(zone, p->key4.source);
	const struct vm *vm = &vm_table[number];
	const struct vm_host *host = vm_host_of(vm); // of number 0 there is none

	if (!host) {
		vpc_learn(w, p, number, DROP_vpc_unknown_vm);
		return 0;
	}
	if (!vpc_is_from_host(p, vm, host) || (vm->learned && !has_mac_of(p, vm))) {
		vpc_learn(w, p, number, DROP_vpc_wrong_host);
		return 0;
	}
	vm_learn_spoke(&w->learner, number, w->batch.seconds);
	return number;
}

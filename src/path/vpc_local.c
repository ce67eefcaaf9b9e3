/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a VM asks weir's own addresses in its VNI: who has them (ARP, RFC 826; neighbour discovery,
 * RFC 4861), and whether they are there (ping). The worker answers in the buffer of the question,
 * and with weir's one MAC, which all gateways of a group have. Everything else inside a VNI that is
 * neither TCP nor UDP ends here.
 */
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_ip.h>

#include "base/csum.h"
#include "path/bfd.h"
#include "path/vpc.h"
#include "tunnel/vxlan.h"

enum {
	ARP_LENGTH = sizeof(struct rte_arp_hdr),
	SOLICITATION = 24, // without options
	OPTION = 8,	   // with a link-layer address
	ANSWER_TTL = 64,
	ND_HOP_LIMIT = 255,
};

/* Is the address weir's own in the packet's VNI? */
static bool address_is_own(uint32_t number)
{
	return __atomic_load_n(&vm_table[number].own, __ATOMIC_RELAXED) > 0;
}

/* The answer is complete at p->l3: `length` bytes of `type` to the VM that has asked. */
static void local_send(struct worker *w, struct batch *b, unsigned int at, uint32_t vm,
		       uint16_t type, unsigned int length)
{
	const struct vm_host *host = vm_host_of(&vm_table[vm]);
	struct pkt *p = &b->pkt[at];

	p->hash = vm * 0x9e3779b1; // VMs differ in the outer source port
	b->nexthop[at] = host ? path_nexthop(host->path, p->hash) : NEXTHOP_NONE;
	p->fate = FATE_SEND;
	vpc_wrap(w, p, vm, type, length, 0);
}

/* Bytes behind p->l3 that are in the first segment. */
static unsigned int local_there(const struct pkt *p)
{
	return rte_pktmbuf_data_len(p->mbuf) - p->l3;
}

void vpc_arp_answer(struct rte_arp_hdr *arp, const uint8_t mac[6])
{
	struct rte_arp_ipv4 *data = &arp->arp_data;
	uint32_t target = data->arp_tip;

	arp->arp_opcode = RTE_BE16(RTE_ARP_OP_REPLY);
	data->arp_tha = data->arp_sha;
	data->arp_tip = data->arp_sip;
	memcpy(&data->arp_sha, mac, RTE_ETHER_ADDR_LEN);
	data->arp_sip = target;
}

static void local_arp(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	struct rte_arp_hdr *arp = (struct rte_arp_hdr *)pkt_l3(p);
	struct rte_arp_ipv4 *data = &arp->arp_data;
	uint32_t zone = pkt_zone(p), vm;

	if (local_there(p) < ARP_LENGTH) {
		pkt_drop(p, DROP_vxlan_inner_truncated);
		return;
	}
	if (arp->arp_hardware != RTE_BE16(RTE_ARP_HRD_ETHER) ||
	    arp->arp_protocol != RTE_BE16(RTE_ETHER_TYPE_IPV4) || arp->arp_hlen != 6 ||
	    arp->arp_plen != 4 || arp->arp_opcode != RTE_BE16(RTE_ARP_OP_REQUEST) ||
	    !address_is_own(vm_find4(zone, data->arp_tip))) {
		pkt_drop(p, DROP_vpc_no_service);
		return;
	}
	p->key4.source = data->arp_sip;
	vm = vpc_sender(w, p);
	if (vm == 0)
		return;
	vpc_arp_answer(arp, vxlan.mac);
	local_send(w, b, at, vm, RTE_BE16(RTE_ETHER_TYPE_ARP), ARP_LENGTH);
}

/* The packet becomes `length` bytes long behind p->l3, in one segment. */
static bool local_resize(struct pkt *p, unsigned int length)
{
	struct rte_mbuf *m = p->mbuf;
	unsigned int there = local_there(p);

	if (length > there && length - there > rte_pktmbuf_tailroom(m)) {
		pkt_drop(p, DROP_no_headroom);
		return false;
	}
	rte_pktmbuf_free(m->next);
	m->next = NULL;
	m->nb_segs = 1;
	m->data_len = m->pkt_len = p->l3 + length;
	return true;
}

bool vpc_solicitation(struct pkt *p, unsigned int length, uint8_t target[16])
{
	const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)pkt_l3(p);
	const uint8_t *icmp = pkt_l4(p);

	if (p->l4 != sizeof(*ip) || length < SOLICITATION || ip->hop_limits != ND_HOP_LIMIT ||
	    icmp[1] != 0 ||
	    csum_fold(csum_pseudo6(ip->src_addr, IPPROTO_ICMPV6, length) +
		      csum_bytes(icmp, length)) != 0xffff) {
		pkt_drop(p, DROP_icmp_error_malformed);
		return false;
	}
	memcpy(target, icmp + 8, 16);
	return true;
}

unsigned int vpc_advertisement(struct pkt *p, const uint8_t target[16], const uint8_t mac[6])
{
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)pkt_l3(p);
	unsigned int answer = SOLICITATION + OPTION;
	uint8_t *icmp = pkt_l4(p);
	uint16_t sum;

	if (!local_resize(p, sizeof(*ip) + answer))
		return 0;
	memcpy(ip->dst_addr, ip->src_addr, 16);
	memcpy(ip->src_addr, target, 16);
	ip->payload_len = rte_cpu_to_be_16(answer);
	memset(icmp, 0, answer);
	icmp[0] = ND_NEIGHBOR_ADVERT;
	icmp[4] = 0x60; // solicited, override
	memcpy(icmp + 8, target, 16);
	icmp[SOLICITATION] = ND_OPT_TARGET_LINKADDR;
	icmp[SOLICITATION + 1] = 1;
	memcpy(icmp + SOLICITATION + 2, mac, RTE_ETHER_ADDR_LEN);
	sum = ~csum_fold(csum_pseudo6(ip->src_addr, IPPROTO_ICMPV6, answer) +
			 csum_bytes(icmp, answer));
	memcpy(icmp + 2, &sum, 2);
	return sizeof(*ip) + answer;
}

/* A solicitation, `length` bytes, becomes an advertisement. */
static void local_solicitation(struct worker *w, struct batch *b, unsigned int at,
			       unsigned int length)
{
	struct pkt *p = &b->pkt[at];
	uint8_t target[16];
	uint32_t vm;

	if (!vpc_solicitation(p, length, target))
		return;
	if (!address_is_own(vm_find6(pkt_zone(p), target))) {
		pkt_drop(p, DROP_vpc_no_service);
		return;
	}
	vm = vpc_sender(w, p);
	length = vm ? vpc_advertisement(p, target, vxlan.mac) : 0;
	if (length > 0)
		local_send(w, b, at, vm, RTE_BE16(RTE_ETHER_TYPE_IPV6), length);
}

/* The first word of an echo's ICMP header changes from request to reply, and its checksum. */
static void echo_turn(uint8_t *icmp, uint8_t reply)
{
	uint16_t before, after, *sum = (uint16_t *)(icmp + 2);

	memcpy(&before, icmp, 2);
	icmp[0] = reply;
	memcpy(&after, icmp, 2);
	*sum = csum_apply(*sum, csum_difference(before, after));
}

static void local_echo4(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)pkt_l3(p);
	uint32_t asked = ip->dst_addr, vm = vpc_sender(w, p);

	if (vm == 0)
		return;
	echo_turn(pkt_l4(p), ICMP_ECHOREPLY);
	ip->dst_addr = ip->src_addr;
	ip->src_addr = asked;
	ip->time_to_live = ANSWER_TTL;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = ~csum_fold(csum_bytes(ip, p->l4));
	local_send(w, b, at, vm, RTE_BE16(RTE_ETHER_TYPE_IPV4), rte_be_to_cpu_16(ip->total_length));
}

static void local_echo6(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)pkt_l3(p);
	uint32_t vm = vpc_sender(w, p);
	uint8_t asked[16];

	if (vm == 0)
		return;
	echo_turn(pkt_l4(p), ICMP6_ECHO_REPLY);
	memcpy(asked, ip->dst_addr, 16);
	memcpy(ip->dst_addr, ip->src_addr, 16);
	memcpy(ip->src_addr, asked, 16);
	ip->hop_limits = ANSWER_TTL;
	local_send(w, b, at, vm, RTE_BE16(RTE_ETHER_TYPE_IPV6),
		   sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len));
}

/* The answer to a ping of Linux's, on the TAP of this VNI. */
static bool local_is_reply(const struct pkt *p, uint32_t own, uint8_t reply)
{
	return *pkt_l4(p) == reply && vm_table[own].local && vni_get(pkt_zone(p)).iface;
}

static void local_reply(struct worker *w, struct pkt *p)
{
	uint32_t vm = vpc_sender(w, p);

	if (vm != 0)
		vpc_tap_punt(p, &vm_table[vm]);
}

static void local_ipv4(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)pkt_l3(p);

	if (ip->fragment_offset & RTE_BE16(0x3fff))
		pkt_drop(p, DROP_vxlan_inner_fragment);
	else if (bfd_is_of_tunnel(p, pkt_zone(p)))
		bfd_take_inside(w, b, at);
	else if (ip->next_proto_id == IPPROTO_ICMP && *pkt_l4(p) == ICMP_ECHO &&
		 address_is_own(vm_find4(pkt_zone(p), ip->dst_addr)))
		local_echo4(w, b, at);
	else if (ip->next_proto_id == IPPROTO_ICMP &&
		 local_is_reply(p, vm_find4(pkt_zone(p), ip->dst_addr), ICMP_ECHOREPLY))
		local_reply(w, p);
	else
		pkt_drop(p, DROP_vpc_no_service);
}

static void local_ipv6(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)pkt_l3(p);
	unsigned int length = sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len) - p->l4;

	if (pkt_protocol(p) == IPPROTO_FRAGMENT)
		pkt_drop(p, DROP_vxlan_inner_fragment);
	else if (pkt_protocol(p) != IPPROTO_ICMPV6)
		pkt_drop(p, DROP_vpc_no_service);
	else if (local_there(p) < p->l4 + length)
		pkt_drop(p, DROP_vpc_no_service); // in pieces: nothing that is answered is so long
	else if (*pkt_l4(p) == ND_NEIGHBOR_SOLICIT)
		local_solicitation(w, b, at, length);
	else if (*pkt_l4(p) == ICMP6_ECHO_REQUEST &&
		 address_is_own(vm_find6(pkt_zone(p), ip->dst_addr)))
		local_echo6(w, b, at);
	else if (local_is_reply(p, vm_find6(pkt_zone(p), ip->dst_addr), ICMP6_ECHO_REPLY))
		local_reply(w, p);
	else
		pkt_drop(p, DROP_vpc_no_service);
}

void vpc_local(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	uint16_t type;

	memcpy(&type, pkt_l3(p) - sizeof(type), sizeof(type));
	if (p->flags & PKT_FROM_KERNEL)
		vpc_tap_local(w, b, at);
	else if (type == RTE_BE16(RTE_ETHER_TYPE_ARP))
		local_arp(w, b, at);
	else if (type == RTE_BE16(RTE_ETHER_TYPE_IPV4))
		local_ipv4(w, b, at);
	else if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
		local_ipv6(w, b, at);
	else
		pkt_drop(p, DROP_vpc_no_service);
}

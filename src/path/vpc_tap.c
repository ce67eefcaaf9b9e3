/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The TAP of a VNI: Linux inside a VNI, with weir's local addresses there, for health checks and for
 * people. What Linux sends comes in as any frame from a TAP and gets the VNI as its zone.
 *
 * TCP and UDP share the local addresses with FullNAT. As on the underlay, each connection that Linux
 * makes gets a session, under its own port when that is free, so that FullNAT does not take it; the
 * session has SESSION_LOCAL and SESSION_VPC, and the number of its VM. Other packets to VMs are put
 * into VXLAN packets as they are. Of what VMs send, Linux gets the answers: packets of these
 * sessions, errors about them, and echo replies. A VM begins nothing with Linux.
 *
 * ARP requests and neighbour solicitations are answered with what the VM table says.
 */
#include "path/vpc.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_ip.h>

#include "net/nexthop.h"
#include "path/forward.h"
#include "tunnel/vxlan.h"

static uint32_t number_of(const struct pkt *p, bool source)
{
	uint32_t zone = pkt_zone(p);

	return p->flags & PKT_IPV6 ? vm_find6(zone, source ? p->key6.source : p->key6.destination)
				   : vm_find4(zone, source ? p->key4.source : p->key4.destination);
}

static bool is_from_local(const struct pkt *p)
{
	return __atomic_load_n(&vm_table[number_of(p, true)].local, __ATOMIC_RELAXED);
}

bool vpc_tap_input(struct pkt *p, bool flow)
{
	uint32_t zone = iface_get(p->iface)->vni << 8;

	if (p->l4 == 0) // no IP packet, or one that is malformed
		memset(&p->key6, 0, sizeof(p->key6));
	if (p->flags & PKT_IPV6)
		p->key6.zone_protocol |= zone;
	else
		p->key4.zone_protocol |= zone;
	return flow && !(p->flags & PKT_ICMP_ERROR) && is_from_local(p) &&
	       vm_host_of(&vm_table[number_of(p, false)]);
}

/* The frame at p->l3 goes back to Linux: `from` is the station that it comes from. */
static void frame_punt(struct pkt *p, const struct iface *iface, uint64_t from)
{
	struct rte_ether_hdr *ether;

	if (!iface) {
		pkt_drop(p, DROP_iface_down);
		return;
	}
	ether = (struct rte_ether_hdr *)(pkt_l3(p) - sizeof(*ether));
	ether->dst_addr = iface->mac;
	memcpy(&ether->src_addr, &from, sizeof(ether->src_addr));
	rte_pktmbuf_adj(p->mbuf, p->l3 - sizeof(*ether));
	p->l3 = sizeof(*ether);
	p->iface = iface->index;
	p->fate = FATE_PUNT;
}

void vpc_tap_punt(struct pkt *p, const struct vm *from)
{
	frame_punt(p, iface_get(vni_get(from->vni).iface),
		   __atomic_load_n(&from->mac, __ATOMIC_RELAXED));
}

/* Into a VXLAN packet, as it is. */
static void send_to(struct worker *w, struct batch *b, unsigned int at, uint32_t number,
		    unsigned int length)
{
	const struct vm *vm = &vm_table[number];
	const struct vm_host *host = vm_host_of(vm);
	struct pkt *p = &b->pkt[at];
	uint16_t nexthop;

	if (!host) {
		pkt_drop(p, DROP_vpc_unknown_vm);
		return;
	}
	p->hash = number * 0x9e3779b1;
	nexthop = path_nexthop(host->path, p->hash);
	if (nexthop >= NEXTHOP_FIRST && length > vxlan_mtu(host, nexthop_table[nexthop].mtu)) {
		pkt_drop(p, DROP_too_big);
		return;
	}
	b->nexthop[at] = nexthop;
	p->fate = FATE_SEND;
	vpc_encapsulate(w, p, number);
}

static void local_arp(struct pkt *p)
{
	struct rte_arp_hdr *arp = (struct rte_arp_hdr *)pkt_l3(p);
	const struct vm *vm;
	uint64_t mac;

	if (rte_pktmbuf_data_len(p->mbuf) < p->l3 + sizeof(*arp) ||
	    arp->arp_protocol != RTE_BE16(RTE_ETHER_TYPE_IPV4) ||
	    arp->arp_opcode != RTE_BE16(RTE_ARP_OP_REQUEST)) {
		pkt_drop(p, DROP_vpc_not_for_vm);
		return;
	}
	vm = &vm_table[vm_find4(pkt_zone(p), arp->arp_data.arp_tip)];
	if (!vm_host_of(vm)) {
		pkt_drop(p, DROP_vpc_unknown_vm);
		return;
	}
	mac = __atomic_load_n(&vm->mac, __ATOMIC_RELAXED);
	vpc_arp_answer(arp, (const uint8_t *)&mac);
	frame_punt(p, iface_get(p->iface), mac);
}

static void local_solicitation(struct pkt *p, unsigned int length)
{
	uint8_t target[16];
	const struct vm *vm;
	uint64_t mac;

	if (!vpc_solicitation(p, length, target))
		return;
	vm = &vm_table[vm_find6(pkt_zone(p), target)];
	if (!vm_host_of(vm)) {
		pkt_drop(p, DROP_vpc_unknown_vm);
		return;
	}
	mac = __atomic_load_n(&vm->mac, __ATOMIC_RELAXED);
	if (vpc_advertisement(p, target, (const uint8_t *)&mac) > 0)
		frame_punt(p, iface_get(p->iface), mac);
}

void vpc_tap_local(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	unsigned int length;
	uint16_t type;

	memcpy(&type, pkt_l3(p) - sizeof(type), sizeof(type));
	if (type == RTE_BE16(RTE_ETHER_TYPE_ARP)) {
		local_arp(p);
		return;
	}
	if (p->l4 == 0) {
		pkt_drop(p, DROP_vpc_not_for_vm);
		return;
	}
	length = forward_length(p, pkt_l3(p));
	if (pkt_protocol(p) == IPPROTO_ICMPV6 && length >= p->l4 + 24u &&
	    rte_pktmbuf_data_len(p->mbuf) >= p->l3 + length && *pkt_l4(p) == ND_NEIGHBOR_SOLICIT)
		local_solicitation(p, length - p->l4);
	else if (!is_from_local(p) || number_of(p, false) == 0)
		pkt_drop(p, DROP_vpc_not_for_vm);
	else
		send_to(w, b, at, number_of(p, false), length);
}

/* This host is the end of it, not a hop: the TTL stays. */
void vpc_tap_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s,
		     unsigned int direction)
{
	struct pkt *p = &b->pkt[at];
	uint8_t *l3 = pkt_l3(p);

	if (pkt_protocol(p) != IPPROTO_UDP)
		forward_event(w, b, p, s, direction);
	rewrite_keep_ttl(l3, p->flags & PKT_IPV6);
	forward_rewrite(p, l3, s, direction);
	if (direction == 0)
		send_to(w, b, at, session_vm(s), forward_length(p, l3));
	else
		vpc_tap_punt(p, &vm_table[session_vm(s)]);
}

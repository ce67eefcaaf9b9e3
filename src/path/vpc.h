/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_mbuf_ptype.h>

#include "net/vlan.h"
#include "path/worker.h"
#include "tunnel/vm_table.h"
#include "tunnel/vxlan.h"

/*
 * Packets from inside VNIs, and back into them. A packet of the zone lane, or whose key has a zone,
 * came in a VXLAN packet; the outer headers still stand in front of it, until it is sent.
 */

/* Where the IP header of a packet begins at most that is not inside a VXLAN packet. */
enum { L3_OUTER_MAX = RTE_ETHER_HDR_LEN + VLAN_TAGS * sizeof(struct rte_vlan_hdr) };

/* vpc_input.c: the outer header's. */
void vpc_outer_source(const struct pkt *p, struct addr *source);
/* vpc_input.c: a drop for what the inner packet is. */
void vpc_name_drop(struct pkt *p);
/* vpc_input.c: as it came, for another worker to go inside again. */
void vpc_restore(struct pkt *p);
/* vpc_input.c: the number of the VM that it comes from, 0: its fate is settled. */
uint32_t vpc_sender(struct worker *w, struct pkt *p);

/* vpc.c: before a packet of a VNI may make a session; false: its fate is settled. */
bool vpc_first(struct worker *w, struct batch *b, unsigned int at);
/* vpc.c: the session that it makes is the VM's. */
void vpc_bind(const struct pkt *p, struct session *s);
/*
 * vpc.c: a packet, or a fragment that is not from a VM, of a session with SESSION_VPC. True: it has a new
 * session and is to be forwarded.
 */
bool vpc_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s,
		 unsigned int direction);
/* vpc.c: the session's VM is still there, and the packet comes from its host. Or its fate is settled. */
bool vpc_admit(struct worker *w, struct pkt *p, const struct session *s, unsigned int direction);
/* vpc.c: the way on, and the longest IP packet that it takes, 0: not known. */
uint16_t vpc_nexthop(struct worker *w, const struct pkt *p, struct session *s,
		     unsigned int direction);
unsigned int vpc_mtu(struct worker *w, const struct pkt *p, struct session *s,
		     unsigned int direction);
/* vpc.c: the longest IP packet that may go back to the VM that this one comes from. */
unsigned int vpc_mtu_back(const struct pkt *p);
/* vpc.c: put the outer headers to the VM's host before an IP packet, or before `length` bytes. */
bool vpc_encapsulate(struct worker *w, struct pkt *p, uint32_t vm);
bool vpc_wrap(struct worker *w, struct pkt *p, uint32_t vm, uint16_t type, unsigned int length,
	      uint8_t tos);
/* vpc.c: send an IP packet, which weir has made itself, to the VM that it is addressed to. */
void vpc_answer(struct worker *w, struct batch *b, unsigned int at);
/* vpc.c: ask for the lines that forwarding will read. */
void vpc_prefetch(const struct worker *w, const struct batch *b);

/* vpc_local.c: ARP, neighbour discovery and ping for weir's own addresses in a VNI. */
void vpc_local(struct worker *w, struct batch *b, unsigned int at);
/* vpc_local.c: whose MAC does a neighbour solicitation ask for? False: dropped. */
bool vpc_solicitation(struct pkt *p, unsigned int length, uint8_t target[16]);
/* vpc_local.c: it becomes the advertisement that answers it; returns its length, 0: dropped. */
unsigned int vpc_advertisement(struct pkt *p, const uint8_t target[16], const uint8_t mac[6]);
/* vpc_local.c: an ARP request becomes the answer. */
void vpc_arp_answer(struct rte_arp_hdr *arp, const uint8_t mac[6]);

/*
 * vpc_tap.c: a parsed frame that Linux sends on the TAP of a VNI goes into its zone. True: as a flow,
 * else by vpc_tap_local().
 */
bool vpc_tap_input(struct pkt *p, bool flow);
void vpc_tap_local(struct worker *w, struct batch *b, unsigned int at);
/* vpc_tap.c: a packet of a session between Linux and a VM. */
void vpc_tap_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s,
		     unsigned int direction);
/* vpc_tap.c: give an IP packet out of a VNI to Linux, on the VNI's TAP. */
void vpc_tap_punt(struct pkt *p, const struct vm *from);

static inline bool vpc_tap_is(const struct pkt *p)
{
	const struct iface *iface = iface_get(p->iface);

	return iface && iface->kind == IFACE_VNI;
}

/* Of a session with SESSION_VPC: the number of its VM, */
static inline uint32_t vpc_vm(const struct session *s)
{
	uint32_t vm = server_table[s->server].vm;

	return vm ? vm : session_vm(s);
}

/*
 * The same, of a packet's session: where the client is the VM, nothing but the session's line is read.
 * Packets of a VM have a zone.
 */
static inline uint32_t vpc_vm_of(const struct pkt *p, const struct session *s)
{
	bool client = (pkt_zone(p) != 0) == !(p->session & ENTRY_REVERSE);

	return likely(client) ? session_vm(s) : server_table[s->server].vm;
}

/* ... and the direction of packets that go to it. Server 0, of SESSION_LOCAL, is no VM. */
static inline unsigned int vpc_direction(const struct session *s)
{
	return server_table[s->server].vm || (s->flags & SESSION_LOCAL) ? 0 : 1;
}

/* Does a session hold a next hop towards its client? Not when that is a VM. */
static inline bool vpc_client_is_routed(const struct session *s)
{
	return !(s->flags & SESSION_VPC) || server_table[s->server].vm;
}

static inline bool vpc_outer_is_ipv6(const struct pkt *p)
{
	return (p->mbuf->packet_type & RTE_PTYPE_L3_MASK) == RTE_PTYPE_L3_IPV6;
}

/* Does it come from the host that the VM is on, or need it not? */
static inline bool vpc_is_from_host(const struct pkt *p, const struct vm *vm,
				    const struct vm_host *host)
{
	bool ipv6 = vpc_outer_is_ipv6(p);
	const uint8_t *outer = pkt_l3(p) - (ipv6 ? VXLAN_OUTER6 : VXLAN_OUTER4);

	if (likely(vm_host_is(host, outer + (ipv6 ? 8 : 12), ipv6)))
		return true;
	// One that was learned is where it spoke last.
	return !vm->learned && (vni_get(vm->vni).flags & VNI_TRUSTED);
}

/* Sessions of a VM that went end; those of a real server wait for it to come back. */
static inline bool vpc_is_gone(const struct session *s)
{
	return !server_table[s->server].vm &&
	       __atomic_load_n(&vm_table[session_vm(s)].host, __ATOMIC_RELAXED) == 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Sessions between VMs and the underlay. The VM is the client, or the real server. What comes out of
 * the VNI has to have the host that the VM table names as its outer source, and leaves as a plain
 * packet; what comes from the underlay leaves in a VXLAN packet to the VM's host. Where the VM is,
 * is looked up in its line for each packet, so that a move takes effect at once.
 *
 * Between the two stands the same rewrite as for any session. Sessions of this kind have
 * SESSION_VPC, which forward() tests together with SESSION_LOCAL: plain sessions pay nothing.
 */
#include "path/vpc.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include <rte_ether.h>
#include <rte_prefetch.h>

#include "balance/matches.h"
#include "balance/server.h"
#include "net/nexthop.h"
#include "path/answer.h"
#include "path/forward.h"
#include "path/fragment.h"
#include "path/odd.h"
#include "path/vpc_learn.h"
#include "session/l4_tcp.h"
#include "tunnel/vxlan.h"

static const struct vm *vm_of(const struct session *s)
{
	return &vm_table[vpc_vm(s)];
}

/* An echo request that a match of SNAT takes (input() makes a flow of none other). */
static bool is_ping_out(const struct pkt *p)
{
	uint8_t request = p->flags & PKT_IPV6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;

	return *pkt_l4(p) == request && matches_find(p);
}

bool vpc_first(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	uint8_t protocol = pkt_protocol(p);

	if ((protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) && !is_ping_out(p)) {
		vpc_local(w, b, at);
		return false;
	}
	return vpc_sender(w, p) != 0;
}

/* Should the VM go just now, number 0 is one that is gone. */
void vpc_bind(const struct pkt *p, struct session *s)
{
	bool ipv6 = p->flags & PKT_IPV6, tap = p->flags & PKT_FROM_KERNEL;
	uint32_t zone = pkt_zone(p);

	s->flags |= SESSION_VPC;
	session_set_vm(s, ipv6 ? vm_find6(zone, tap ? p->key6.destination : p->key6.source)
			       : vm_find4(zone, tap ? p->key4.destination : p->key4.source));
}

bool vpc_admit(struct worker *w, struct pkt *p, const struct session *s, unsigned int direction)
{
	const struct vm *vm = vm_of(s);
	const struct vm_host *host = vm_host_of(vm);

	if (unlikely(!host)) {
		pkt_drop(p, DROP_vpc_unknown_vm);
		return false;
	}
	if (direction != vpc_direction(s) && unlikely(!vpc_is_from_host(p, vm, host))) {
		vpc_learn(w, p, vpc_vm(s), DROP_vpc_wrong_host);
		return false;
	}
	return true;
}

uint16_t vpc_nexthop(struct worker *w, const struct pkt *p, struct session *s,
		     unsigned int direction)
{
	const struct vm_host *host;

	if (direction != vpc_direction(s))
		return s->flags & SESSION_LOCAL ? NEXTHOP_LOCAL
						: route_of_session(w, p, s, direction);
	host = vm_host_of(vm_of(s));
	return host ? path_nexthop(host->path, p->hash) : NEXTHOP_NONE;
}

/* Of packets inside the VNI, when those to the host may be `mtu` bytes long. */
static unsigned int inner_mtu(const struct vm *vm, unsigned int mtu)
{
	const struct vm_host *host = vm_host_of(vm);
	uint16_t limit = vni_get(vm->vni).mtu;

	mtu = host ? vxlan_mtu(host, mtu) : 0;
	return limit ? RTE_MIN(mtu, limit) : mtu;
}

static unsigned int mtu_by(const struct session *s, unsigned int direction, uint16_t nexthop)
{
	if (nexthop < NEXTHOP_FIRST)
		return 0;
	return direction != vpc_direction(s) ? nexthop_table[nexthop].mtu
					     : inner_mtu(vm_of(s), nexthop_table[nexthop].mtu);
}

unsigned int vpc_mtu(struct worker *w, const struct pkt *p, struct session *s,
		     unsigned int direction)
{
	return mtu_by(s, direction, vpc_nexthop(w, p, s, direction));
}

unsigned int vpc_mtu_back(const struct pkt *p)
{
	uint32_t zone = pkt_zone(p);
	const struct vm *vm = &vm_table[p->flags & PKT_IPV6 ? vm_find6(zone, p->key6.source)
							    : vm_find4(zone, p->key4.source)];
	const struct vm_host *host = vm_host_of(vm);
	uint16_t nexthop = host ? path_nexthop(host->path, p->hash) : NEXTHOP_NONE;

	return nexthop >= NEXTHOP_FIRST ? inner_mtu(vm, nexthop_table[nexthop].mtu)
					: RTE_ETHER_MTU - VXLAN_OUTER6;
}

/*
 * Out of the VNI it may be cut as any packet. VXLAN packets are not (RFC 7348, 4.3), and cutting what
 * is inside would have the VM put together what a server should have sent in smaller pieces.
 */
static void forward_too_big(struct worker *w, struct batch *b, unsigned int at, bool to_vm,
			    uint16_t nexthop, unsigned int length, unsigned int mtu)
{
	struct pkt *p = &b->pkt[at];

	if (!to_vm && fragment_allowed(p))
		fragment_forward_cut(w, b, at, nexthop, length);
	else if (fragment_is_later(p))
		pkt_drop(p, DROP_needs_fragmentation);
	else
		answer_too_big(w, b, at, mtu);
}

/* A packet of a session whose VM and server are there. */
static void forward_there(struct worker *w, struct batch *b, unsigned int at, struct session *s,
			  unsigned int direction)
{
	struct pkt *p = &b->pkt[at];
	const uint8_t *l3 = pkt_l3(p);
	unsigned int length = forward_length(p, l3), mtu;
	bool to_vm = direction == vpc_direction(s);
	uint16_t nexthop;

	if (unlikely(l3[p->flags & PKT_IPV6 ? 7 : 8] <= 1)) {
		if (fragment_is_later(p))
			pkt_drop(p, DROP_ttl_exceeded);
		else
			answer_ttl_exceeded(w, b, at);
		return;
	}
	nexthop = vpc_nexthop(w, p, s, direction);
	mtu = mtu_by(s, direction, nexthop);
	if (unlikely(nexthop >= NEXTHOP_FIRST && length > mtu)) {
		forward_too_big(w, b, at, to_vm, nexthop, length, mtu);
		return;
	}
	if (!fragment_change(w, b, p, s, direction, length, mtu > length ? mtu - length : 0))
		return;
	b->nexthop[at] = nexthop;
	p->fate = FATE_SEND;
	if (to_vm)
		vpc_encapsulate(w, p, vpc_vm(s));
}

/* Any packet, and any fragment. */
static __attribute__((noinline)) bool forward_any(struct worker *w, struct batch *b,
						  unsigned int at, struct session *s,
						  unsigned int direction)
{
	struct pkt *p = &b->pkt[at];
	uint32_t entry = p->session & ~ENTRY_REVERSE;

	if (!vpc_admit(w, p, s, direction))
		return false;
	if (unlikely(s->flags & SESSION_LOCAL)) {
		vpc_tap_forward(w, b, at, s, direction);
		return false;
	}
	if (unlikely(server_table[s->server].gone)) {
		if (!(p->flags & PKT_LOCAL))
			return odd_gone(w, b, at, s, direction);
		pkt_drop(p, DROP_server_gone);
		return false;
	}
	forward_there(w, b, at, s, direction);
	if (unlikely(s->form & FORM_ONE_PACKET) && direction == 1)
		session_end(w, entry);
	return false;
}

/* Neither a fragment nor an event, nothing that only some sessions have, and time to live. */
static inline bool is_ordinary(const struct pkt *p, const struct session *s, const uint8_t *l3)
{
	return !((p->flags & PKT_LOCAL) || (p->tcp_flags & TCP_EVENTS) ||
		 (s->flags & (SESSION_ACTIVE | SESSION_EXTRA)) != SESSION_ACTIVE ||
		 (s->form & (FORM_KIND | FORM_ECHO | FORM_ONE_PACKET | FORM_ROUTED)) ||
		 l3[p->flags & PKT_IPV6 ? 7 : 8] <= 1);
}

/* Does an IP packet fit the way, in a VXLAN packet where it goes to the VM? */
static inline bool is_fitting(const struct vm *vm, const struct vm_host *host, bool to_vm,
			      unsigned int length, unsigned int mtu)
{
	unsigned int limit;

	if (!to_vm)
		return length <= mtu;
	limit = vni_get(vm->vni).mtu;
	return length <= vxlan_mtu(host, mtu) && (limit == 0 || length <= limit);
}

/* A packet of one segment into a VXLAN packet. What is behind the datagram must not travel on. */
static inline bool encapsulate(struct worker *w, struct pkt *p, const struct vm *vm,
			       const struct vm_host *host, unsigned int length)
{
	bool ipv6 = p->flags & PKT_IPV6;
	unsigned int by = vxlan_overhead(host);
	uint8_t *l3 = pkt_l3(p);
	const struct vxlan_packet packet = {
		.hash = p->hash,
		.length = length,
		.id = rte_cpu_to_be_16(++w->tunnel_id * w->count + w->index),
		.tos = unlikely(ipv6) ? l3[0] << 4 | l3[1] >> 4 : l3[1],
		.type = unlikely(ipv6) ? RTE_BE16(RTE_ETHER_TYPE_IPV6)
				       : RTE_BE16(RTE_ETHER_TYPE_IPV4),
	};
	struct rte_mbuf *m = p->mbuf;

	if (unlikely(m->nb_segs > 1 || host->ipv6 || p->l3 != RTE_ETHER_HDR_LEN ||
		     rte_pktmbuf_headroom(m) < by))
		return vpc_encapsulate(w, p, vm - vm_table);
	m->pkt_len = m->data_len = RTE_ETHER_HDR_LEN + by + length;
	m->data_off -= by;
	vxlan_put(vm, host, l3 - by, &packet);
	p->l4 = sizeof(struct rte_ipv4_hdr);
	p->flags &= ~PKT_IPV6;
	return true;
}

/*
 * An ordinary packet; all others are told apart by one test. `to_vm` is a constant where this is
 * called.
 */
static inline __attribute__((always_inline)) bool forward_way(struct worker *w, struct batch *b,
							      unsigned int at, struct session *s,
							      bool to_vm, unsigned int direction)
{
	struct pkt *p = &b->pkt[at];
	const struct vm *vm = &vm_table[vpc_vm_of(p, s)];
	const struct vm_host *host = vm_host_of(vm);
	uint8_t *l3 = pkt_l3(p);
	unsigned int length = forward_length(p, l3);
	uint16_t nexthop;

	// A server that is gone leads nowhere, and so does, by a path, one in a VNI.
	if (unlikely(!host || server_path[s->server] == PATH_NONE || !is_ordinary(p, s, l3)))
		return forward_any(w, b, at, s, direction);
	if (!to_vm && unlikely(!vpc_is_from_host(p, vm, host)))
		return forward_any(w, b, at, s, direction);
	nexthop = path_nexthop(to_vm ? host->path : server_path[s->server], p->hash);
	if (unlikely(nexthop < NEXTHOP_FIRST ||
		     !is_fitting(vm, host, to_vm, length, nexthop_table[nexthop].mtu)))
		return forward_any(w, b, at, s, direction);
	forward_rewrite(p, l3, s, to_vm);
	forward_count(w, s, to_vm, length);
	b->nexthop[at] = nexthop;
	p->fate = FATE_SEND;
	if (to_vm)
		encapsulate(w, p, vm, host, length);
	return false;
}

bool vpc_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s,
		 unsigned int direction)
{
	return direction == 1 ? forward_way(w, b, at, s, true, direction)
			      : forward_way(w, b, at, s, false, direction);
}

bool vpc_wrap(struct worker *w, struct pkt *p, uint32_t number, uint16_t type, unsigned int length,
	      uint8_t tos)
{
	const struct vm *vm = &vm_table[number];
	const struct vm_host *host = vm_host_of(vm);
	struct vxlan_packet packet = {
		.hash = p->hash,
		.length = length,
		.id = rte_cpu_to_be_16(++w->tunnel_id * w->count + w->index),
		.tos = tos,
		.type = type,
	};

	if (!host) {
		pkt_drop(p, DROP_vpc_unknown_vm);
		return false;
	}
	// Of an answer: the headers in which the packet came that is answered.
	if (p->l3 > RTE_ETHER_HDR_LEN) {
		rte_pktmbuf_adj(p->mbuf, p->l3 - RTE_ETHER_HDR_LEN);
		p->l3 = RTE_ETHER_HDR_LEN;
	}
	// A short frame is padded: what is behind the datagram must not travel on inside.
	if (rte_pktmbuf_pkt_len(p->mbuf) > p->l3 + length)
		rte_pktmbuf_trim(p->mbuf, rte_pktmbuf_pkt_len(p->mbuf) - p->l3 - length);
	if (unlikely(!rte_pktmbuf_prepend(p->mbuf, vxlan_overhead(host)))) {
		pkt_drop(p, DROP_no_headroom);
		return false;
	}
	vxlan_put(vm, host, pkt_l3(p), &packet);
	if (host->ipv6)
		vxlan_checksum(p->mbuf, p->l3);
	p->l4 = host->ipv6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr);
	p->flags = host->ipv6 ? p->flags | PKT_IPV6 : p->flags & ~PKT_IPV6;
	return true;
}

bool vpc_encapsulate(struct worker *w, struct pkt *p, uint32_t vm)
{
	const uint8_t *l3 = pkt_l3(p);
	bool ipv6 = p->flags & PKT_IPV6;

	return vpc_wrap(w, p, vm,
			ipv6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6) : RTE_BE16(RTE_ETHER_TYPE_IPV4),
			forward_length(p, l3), ipv6 ? l3[0] << 4 | l3[1] >> 4 : l3[1]);
}

void vpc_answer(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	const uint8_t *l3 = pkt_l3(p);
	uint32_t zone = pkt_zone(p), to, number;
	const struct vm_host *host;

	memcpy(&to, l3 + 16, 4);
	number = p->flags & PKT_IPV6 ? vm_find6(zone, l3 + 24) : vm_find4(zone, to);
	host = vm_host_of(&vm_table[number]);
	b->nexthop[at] = host ? path_nexthop(host->path, p->hash) : NEXTHOP_NONE;
	p->fate = FATE_SEND;
	vpc_encapsulate(w, p, number);
}

/* The session's line says which VM, the VM's line which host, and the host's line which path. */
void vpc_prefetch(const struct worker *w, const struct batch *b)
{
	uint32_t numbers[BATCH];
	unsigned int count = 0;

	for (unsigned int i = 0; i < b->known.count; i++) {
		const struct pkt *p = &b->pkt[b->known.at[i]];
		const struct session *s = table_session(&w->table, p->session);

		if (!(s->flags & SESSION_VPC))
			continue;
		numbers[count] = vpc_vm_of(p, s);
		rte_prefetch0(&vm_table[numbers[count++]]);
		if (pkt_zone(p) == 0) // where the outer headers will stand
			rte_prefetch0_write(pkt_l3(p) - RTE_CACHE_LINE_SIZE);
	}
	for (unsigned int i = 0; i < count; i++)
		rte_prefetch0(&vm_host_table[vm_table[numbers[i]].host]);
}

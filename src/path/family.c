/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Sessions of two families: NAT64 and NAT46 (RFC 7915).
 *
 * The header of the one IP version is replaced by one of the other, in the packet's own buffer: the
 * transport header stays where it is and the new header is written before it, 20 bytes further on
 * or further back. The transport's checksum changes by the session's difference as in any rewrite,
 * since both pseudo-headers weigh the same but for the addresses. From here on the packet is one
 * of its new family for all that follows.
 *
 * Time to live and size are judged before that, so that what the sender is told is of its family.
 * A path between two families has two MTUs, 20 bytes apart. A sender of IPv6 need not make its
 * packets smaller than 1280 bytes, so IPv4 packets of up to 1260 are sent with leave to fragment,
 * and cut here where the first link already takes less.
 *
 * An IPv4 packet that may be cut and does not fit as IPv6 is cut into fragments of 1280 bytes (RFC
 * 7915, 4): its sender would not heed an error, and routers on the other side may not cut it. What
 * fits the first link goes whole; should another link on the way be narrower, that is told.
 */
#include "path/family.h"

#include <netinet/in.h>
#include <netinet/ip.h>

#include <rte_tcp.h>
#include <rte_udp.h>

#include "base/csum.h"
#include "path/answer.h"
#include "path/client_address.h"
#include "path/forward.h"
#include "path/fragment.h"
#include "session/l4_tcp.h"
#include "session/rewrite.h"
#include "session/segment.h"
#include "session/translate.h"

/*
 * Options are not carried over. Only a source route that is not used up asks for what cannot be
 * done without it.
 */
static bool options_allow(const uint8_t *l3, unsigned int end)
{
	for (unsigned int at = sizeof(struct rte_ipv4_hdr); at < end && l3[at] != IPOPT_EOL;) {
		if (l3[at] == IPOPT_NOP) {
			at++;
			continue;
		}
		if (at + 1 >= end || l3[at + 1] < 2 || at + l3[at + 1] > end)
			return true; // whatever it is, a source route is more than that
		if ((l3[at] == IPOPT_LSRR || l3[at] == IPOPT_SSRR) && l3[at + 1] >= 3 &&
		    l3[at + 2] <= l3[at + 1])
			return false;
		at += l3[at + 1];
	}
	return true;
}

/* The same of extension headers, which input() has walked: no routing header with segments left. */
static bool extensions_allow(const uint8_t *l3, unsigned int end)
{
	uint8_t next = ((const struct rte_ipv6_hdr *)l3)->proto;

	for (unsigned int at = sizeof(struct rte_ipv6_hdr); at < end;) {
		if (next == IPPROTO_ROUTING && l3[at + 3] != 0)
			return false;
		next = l3[at];
		at += (l3[at + 1] + 1) * 8;
	}
	return true;
}

/* May it leave in pieces, `length` bytes long as a packet of the other family? */
static bool may_cut(const struct pkt *p, unsigned int length)
{
	return p->flags & PKT_IPV6 ? length <= TRANSLATE_MAY_FRAGMENT : fragment_allowed(p);
}

/* Larger than the other side's MTU: the sender is told. */
static void too_big(struct worker *w, struct batch *b, unsigned int at, uint16_t mtu)
{
	if (!(b->pkt[at].flags & PKT_IPV6))
		answer_too_big(w, b, at, translate_mtu_to4(mtu));
	else
		answer_too_big(w, b, at, translate_mtu_to6(mtu));
}

/* What the packet forces before it may be translated. False: its fate is settled. */
static inline bool allowed(struct worker *w, struct batch *b, unsigned int at, bool ipv6)
{
	struct pkt *p = &b->pkt[at];
	const uint8_t *l3 = pkt_l3(p);
	unsigned int header = ipv6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr);

	if (unlikely(l3[ipv6 ? 7 : 8] <= 1)) {
		answer_ttl_exceeded(w, b, at);
		return false;
	}
	if (unlikely(p->l4 != header) &&
	    !(ipv6 ? extensions_allow(l3, p->l4) : options_allow(l3, p->l4))) {
		pkt_drop(p, DROP_source_route);
		return false;
	}
	return true;
}

/* A translated packet that is too large for its first link, in fragments. */
static __attribute__((noinline)) void cut(struct worker *w, struct pkt *p, uint16_t mtu)
{
	struct rte_ipv6_hdr *ip6 = (struct rte_ipv6_hdr *)pkt_l3(p);
	struct rte_ipv4_hdr *ip4 = (struct rte_ipv4_hdr *)ip6;
	uint32_t id;

	if (p->flags & PKT_IPV6) {
		id = frag_id(&w->frag, ip6->src_addr, ip6->dst_addr, true, w->index, w->count);
		fragment_cut6(p, RTE_MIN(mtu, TRANSLATE_IPV6_MTU), rte_cpu_to_be_32(id));
	} else {
		id = frag_id(&w->frag, &ip4->src_addr, &ip4->dst_addr, false, w->index, w->count);
		if ((ip4->fragment_offset & RTE_BE16(0x3fff)) == 0) // else it has one
			ip4->packet_id = rte_cpu_to_be_16(id);
		fragment_cut(p, mtu);
	}
}

/*
 * The header becomes one of the other family, still to be written. `whole`: the Ethernet header
 * moves along, as a next hop that is none needs it.
 */
static inline __attribute__((always_inline)) uint8_t *
header_turn(struct pkt *p, unsigned int transport, unsigned int header, bool whole)
{
	int by = transport - header - RTE_ETHER_HDR_LEN;
	struct rte_ether_hdr ether;
	struct rte_mbuf *m = p->mbuf;

	if (unlikely(by < 0 && -by > rte_pktmbuf_headroom(m)))
		return NULL;
	if (whole)
		ether = *rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	m->data_off += by;
	m->data_len -= by;
	m->pkt_len -= by;
	p->l3 = RTE_ETHER_HDR_LEN;
	p->l4 = header;
	p->flags ^= PKT_IPV6;
	// A server that is this host gets the frame as it came, but for what is in it.
	if (whole) {
		ether.ether_type = p->flags & PKT_IPV6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6)
						       : RTE_BE16(RTE_ETHER_TYPE_IPV4);
		*rte_pktmbuf_mtod(p->mbuf, struct rte_ether_hdr *) = ether;
	}
	return pkt_l3(p);
}

uint8_t *family_header(struct pkt *p, unsigned int transport, unsigned int header)
{
	return header_turn(p, transport, header, true);
}

/* An IPv4 sender may leave out the checksum of UDP; in IPv6 there has to be one (RFC 8200). */
static __attribute__((noinline)) void udp_sum(struct pkt *p)
{
	const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)pkt_l3(p);
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)pkt_l4(p);
	unsigned int length = rte_be_to_cpu_16(udp->dgram_len);
	uint16_t sum = ~csum_fold(csum_pseudo6(ip->src_addr, IPPROTO_UDP, length) +
				  segment_sum(p->mbuf, p->l3 + p->l4, length));

	udp->dgram_cksum = sum ? sum : 0xffff;
}

/* `header`: bytes of all headers from `l3` on, up to the transport's. */
static inline __attribute__((always_inline)) void to4(struct worker *w, struct pkt *p,
						      struct session *s, unsigned int direction,
						      uint8_t *l3, unsigned int header, bool whole)
{
	const struct key4 *image = session_key(s, true, direction ^ 1);
	uint8_t protocol = p->key6.zone_protocol, *l4 = l3 + header;
	struct translate t;

	translate_from6(&t, (const struct rte_ipv6_hdr *)l3, header, protocol, NULL);
	t.hop_limit--;
	header_turn(p, p->l3 + header, TRANSLATE_HEADER4, whole);
	translate_to4((struct rte_ipv4_hdr *)(l4 - TRANSLATE_HEADER4), &t, image->destination,
		      image->source, w->packet_id++);
	rewrite_l4(l4, protocol, image->destination_port | (uint32_t)image->source_port << 16,
		   rewrite_difference(s->l4_difference, direction), t.payload);
}

static inline __attribute__((always_inline)) bool to6(struct pkt *p, struct session *s,
						      unsigned int direction, uint8_t *l3,
						      unsigned int header, bool whole)
{
	const struct key6 *image = session_key6(s, direction ^ 1);
	uint8_t protocol = p->key4.zone_protocol, *l4 = l3 + header;
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)l4 - 1;
	struct translate t;

	translate_from4(&t, (const struct rte_ipv4_hdr *)l3);
	t.more = false; // fragments come another way
	t.offset = 0;
	t.hop_limit--;
	if (unlikely(!header_turn(p, p->l3 + header, sizeof(*ip), whole))) {
		pkt_drop(p, DROP_no_headroom);
		return false;
	}
	translate_to6(ip, &t, image->destination, image->source);
	rewrite_l4(l4, protocol, image->destination_port | (uint32_t)image->source_port << 16,
		   rewrite_difference(s->l4_difference, direction), t.payload);
	if (unlikely(protocol == IPPROTO_UDP && l4[CSUM_UDP] == 0 && l4[CSUM_UDP + 1] == 0))
		udp_sum(p);
	return true;
}

/* Any packet, by any next hop. */
static __attribute__((noinline)) void forward_any(struct worker *w, struct batch *b,
						  unsigned int at, struct session *s,
						  uint16_t nexthop, unsigned int length)
{
	struct pkt *p = &b->pkt[at];
	bool ipv6 = p->flags & PKT_IPV6, real = nexthop >= NEXTHOP_FIRST, large;
	unsigned int direction = p->session & ENTRY_REVERSE ? 1 : 0,
		     mtu = nexthop_table[nexthop].mtu;
	unsigned int after = length - p->l4 + (ipv6 ? TRANSLATE_HEADER4 : 40);

	if (unlikely(!allowed(w, b, at, ipv6)))
		return;
	large = real && after > mtu;
	if (unlikely(large) && !may_cut(p, after)) {
		too_big(w, b, at, mtu);
		return;
	}
	if (unlikely((p->tcp_flags & TCP_EVENTS) || !(s->flags & SESSION_ACTIVE)) &&
	    !forward_event(w, b, p, s, direction))
		return;
	if (unlikely(s->flags & SESSION_EXTRA) &&
	    !forward_extra(w, b, p, s, direction, nexthop_room(nexthop, after)))
		return;
	if (ipv6)
		to4(w, p, s, direction, pkt_l3(p), p->l4, !real);
	else if (!to6(p, s, direction, pkt_l3(p), p->l4, !real))
		return;
	if (unlikely(s->flags & SESSION_EXTRA) && direction == 0 && table_extra(&w->table, s)->uoa)
		client_address_datagram(w, p, s, nexthop_room(nexthop, after));
	forward_count(w, s, direction, length);
	b->nexthop[at] = nexthop;
	p->fate = FATE_SEND;
	if (unlikely(large))
		cut(w, p, mtu);
}

/*
 * An ordinary packet by a real next hop. Its family is a constant where this is called, and its
 * header has no options: not half of what forward_any() has to ask.
 */
static inline __attribute__((always_inline)) void
forward_ordinary(struct worker *w, struct batch *b, unsigned int at, struct session *s,
		 uint16_t nexthop, unsigned int length, bool ipv6)
{
	const unsigned int header = ipv6 ? sizeof(struct rte_ipv6_hdr)
					 : sizeof(struct rte_ipv4_hdr);
	const unsigned int other = ipv6 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr);
	struct pkt *p = &b->pkt[at];
	uint8_t *l3 = pkt_l3(p);

	if (unlikely((p->tcp_flags & TCP_EVENTS) || !(s->flags & SESSION_ACTIVE) ||
		     (s->flags & SESSION_EXTRA) || l3[ipv6 ? 7 : 8] <= 1 || p->l4 != header ||
		     length - header + other > nexthop_table[nexthop].mtu)) {
		forward_any(w, b, at, s, nexthop, length);
		return;
	}
	if (ipv6)
		to4(w, p, s, p->session & ENTRY_REVERSE ? 1 : 0, l3, header, false);
	else if (!to6(p, s, p->session & ENTRY_REVERSE ? 1 : 0, l3, header, false))
		return;
	forward_count(w, s, p->session & ENTRY_REVERSE ? 1 : 0, length);
	b->nexthop[at] = nexthop;
	p->fate = FATE_SEND;
}

void family_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s,
		    uint16_t nexthop, unsigned int length)
{
	if (unlikely(nexthop < NEXTHOP_FIRST))
		forward_any(w, b, at, s, nexthop, length);
	else if (b->pkt[at].flags & PKT_IPV6)
		forward_ordinary(w, b, at, s, nexthop, length, true);
	else
		forward_ordinary(w, b, at, s, nexthop, length, false);
}

/* What a piece of the packet's new family may have; a neighbour of its own takes no pieces. */
static unsigned int fragment_mtu(struct worker *w, const struct session *s, uint16_t nexthop)
{
	const struct iface *iface = NULL;

	if (nexthop >= NEXTHOP_FIRST)
		return nexthop_table[nexthop].mtu;
	if (nexthop == NEXTHOP_SYMMETRIC)
		iface = iface_get(table_extra(&w->table, s)->client_iface);
	return iface ? iface->mtu : UINT16_MAX;
}

/* May it leave, `length` bytes long as a packet of the other family? */
static bool fragment_judged(struct worker *w, struct batch *b, unsigned int at, uint16_t nexthop,
			    bool later, unsigned int length, unsigned int mtu)
{
	struct pkt *p = &b->pkt[at];
	bool ipv6 = p->flags & PKT_IPV6;
	const uint8_t *l4 = pkt_l4(p);

	if (!later && !allowed(w, b, at, ipv6))
		return false;
	if (!later && !ipv6 && pkt_protocol(p) == IPPROTO_UDP && l4[CSUM_UDP] == 0 &&
	    l4[CSUM_UDP + 1] == 0) {
		pkt_drop(p, DROP_fragment_family);
		return false;
	}
	if (length <= mtu || (nexthop >= NEXTHOP_FIRST && (ipv6 || fragment_allowed(p))))
		return true;
	if (later || ipv6)
		pkt_drop(p, DROP_too_big);
	else
		answer_too_big(w, b, at, translate_mtu_to4(mtu) - TRANSLATE_FRAGMENT_HEADER);
	return false;
}

/*
 * A fragment keeps its place and gets the other family's way to say it (RFC 7915, 4.1 and 5.1.1).
 * Its id is one of weir's by now (reassembly.c). The checksum is in the first and changes by the same
 * difference as a whole packet's: the pseudo-header speaks of the datagram.
 */
void family_fragment(struct worker *w, struct batch *b, unsigned int at, struct session *s,
		     uint16_t nexthop, bool later)
{
	struct pkt *p = &b->pkt[at];
	bool ipv6 = p->flags & PKT_IPV6;
	unsigned int direction = p->session & ENTRY_REVERSE ? 1 : 0, header;
	unsigned int before = forward_length(p, pkt_l3(p)), mtu = fragment_mtu(w, s, nexthop);
	uint8_t protocol = pkt_protocol(p), *l3 = pkt_l3(p), *l4 = pkt_l4(p);
	const struct key4 *k4 = session_key(s, true, direction ^ 1);
	const struct key6 *k6 = session_key6(s, direction ^ 1);
	struct translate t;

	if (ipv6)
		translate_from6(&t, (struct rte_ipv6_hdr *)l3, p->l4, protocol,
				l4 - TRANSLATE_FRAGMENT_HEADER);
	else
		translate_from4(&t, (struct rte_ipv4_hdr *)l3);
	header = ipv6 ? TRANSLATE_HEADER4 : translate_header6(&t);
	if (!fragment_judged(w, b, at, nexthop, later, header + t.payload, mtu))
		return;
	if (!later && ((p->tcp_flags & TCP_EVENTS) || !(s->flags & SESSION_ACTIVE)) &&
	    !forward_event(w, b, p, s, direction))
		return;
	if (!later && (s->flags & SESSION_EXTRA) && !forward_extra(w, b, p, s, direction, 0))
		return;
	t.hop_limit--;
	if (!family_header(p, p->l3 + p->l4, header)) {
		pkt_drop(p, DROP_no_headroom);
		return;
	}
	if (ipv6)
		translate_to4((struct rte_ipv4_hdr *)(l4 - header), &t, k4->destination, k4->source,
			      w->packet_id++);
	else
		translate_to6((struct rte_ipv6_hdr *)(l4 - header), &t, k6->destination,
			      k6->source);
	if (!later)
		rewrite_l4(l4, protocol,
			   ipv6 ? k4->destination_port | (uint32_t)k4->source_port << 16
				: k6->destination_port | (uint32_t)k6->source_port << 16,
			   rewrite_difference(s->l4_difference, direction), t.payload);
	forward_count(w, s, direction, before);
	b->nexthop[at] = nexthop;
	p->fate = FATE_SEND;
	if (header + t.payload > mtu)
		cut(w, p, mtu);
}

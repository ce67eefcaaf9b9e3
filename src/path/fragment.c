/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Forwarding of fragments: as any packet, but that only the first has a transport header.
 *
 * Fragmentation (RFC 791, 3.2): an IPv4 packet that does not fit its way and may be cut, or one of
 * IPv6 that was made here (RFC 8200, 4.5): a tunnel's outer packet, or a translated one. The pieces
 * are copies: a driver may not take buffers that share data, and what is cut is rare. Only options
 * that say so go into all pieces. A fragment that is cut further keeps its id and its place.
 */
#include "path/fragment.h"

#include <string.h>

#include <rte_ip.h>

#include "base/csum.h"
#include "path/answer.h"
#include "path/echo.h"
#include "path/family.h"
#include "path/forward.h"
#include "path/limit.h"
#include "path/vpc.h"
#include "session/l4_tcp.h"

enum { UNIT = 8, FRAGMENT_HEADER = 8, OPTION_END = 0, OPTION_NOP = 1, OPTION_COPIED = 0x80 };

bool fragment_allowed(const struct pkt *p)
{
	return !(p->flags & PKT_IPV6) && !(pkt_l3(p)[6] & 0x40);
}

/* The header of later pieces; returns its length. Options that are malformed are left out. */
static unsigned int header_later(const uint8_t *first, unsigned int length, uint8_t *out)
{
	unsigned int end = sizeof(struct rte_ipv4_hdr), padded;

	memcpy(out, first, end);
	for (unsigned int at = end; at < length && first[at] != OPTION_END;) {
		unsigned int size = first[at] == OPTION_NOP ? 1
				    : at + 1 < length	    ? first[at + 1]
							    : 0;

		if (size == 0 || (size < 2 && first[at] != OPTION_NOP) || at + size > length)
			break;
		if (first[at] & OPTION_COPIED) {
			memcpy(out + end, first + at, size);
			end += size;
		}
		at += size;
	}
	padded = RTE_ALIGN_CEIL(end, 4);
	memset(out + end, OPTION_END, padded - end);
	out[0] = 4 << 4 | padded / 4;
	return padded;
}

void fragment_begin(struct fragmentation *f, const struct rte_mbuf *m, unsigned int l3,
		    unsigned int mtu)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, l3);
	unsigned int header = (ip[0] & 0xf) * 4;
	uint16_t word = ip[6] << 8 | ip[7];

	memset(f, 0, sizeof(*f));
	f->m = m;
	f->l3 = l3;
	f->mtu = mtu;
	f->at = header;
	f->end = ip[2] << 8 | ip[3];
	f->offset = word & 0x1fff;
	f->more = word & 0x2000;
	f->header_length[0] = header;
	memcpy(f->header[0], ip, header);
	f->header_length[1] = header_later(ip, header, f->header[1]);
	if (f->offset > 0) { // what options it has are those that are copied
		f->header_length[1] = header;
		memcpy(f->header[1], ip, header);
	}
}

/*
 * Behind the fixed header stands nothing that would have to go into all pieces, because we made it:
 * at most the header of a fragment, which keeps its id and its place.
 */
void fragment_begin6(struct fragmentation *f, const struct rte_mbuf *m, unsigned int l3,
		     unsigned int mtu, uint32_t id)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(m, const struct rte_ipv6_hdr *, l3);
	struct rte_ipv6_hdr *header = (struct rte_ipv6_hdr *)f->header[0];
	const uint8_t *old = (const uint8_t *)(ip + 1);

	memset(f, 0, sizeof(*f));
	f->m = m;
	f->l3 = l3;
	f->mtu = mtu;
	f->ipv6 = true;
	f->at = sizeof(*ip);
	f->end = sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);
	*header = *ip;
	header->proto = IPPROTO_FRAGMENT;
	f->header[0][sizeof(*ip)] = ip->proto;
	memcpy(f->header[0] + sizeof(*ip) + 4, &id, 4);
	if (ip->proto == IPPROTO_FRAGMENT) {
		memcpy(f->header[0] + sizeof(*ip), old, FRAGMENT_HEADER);
		f->at += FRAGMENT_HEADER;
		f->offset = (old[2] << 8 | old[3]) / UNIT;
		f->more = old[3] & 1;
	}
	f->header_length[0] = f->header_length[1] = sizeof(*ip) + FRAGMENT_HEADER;
	memcpy(f->header[1], f->header[0], f->header_length[0]);
}

bool fragment_left(const struct fragmentation *f)
{
	return f->at < f->end;
}

/* The header of a piece says how long it is and where it belongs. */
static void header_finish(struct fragmentation *f, uint8_t *at, unsigned int header,
			  unsigned int length)
{
	bool more = f->more || fragment_left(f);

	if (f->ipv6) {
		struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)at;
		uint16_t place = rte_cpu_to_be_16(f->offset * UNIT | more);

		ip->payload_len = rte_cpu_to_be_16(FRAGMENT_HEADER + length);
		memcpy(at + sizeof(*ip) + 2, &place, 2);
	} else {
		struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)at;

		ip->total_length = rte_cpu_to_be_16(header + length);
		ip->fragment_offset = rte_cpu_to_be_16(f->offset | (more ? 0x2000 : 0));
		ip->hdr_checksum = 0;
		ip->hdr_checksum = ~csum_fold(csum_bytes(ip, header));
	}
}

struct rte_mbuf *fragment_next(struct fragmentation *f)
{
	struct rte_mbuf *piece = rte_pktmbuf_alloc(f->m->pool);
	unsigned int header = f->header_length[f->later], room, length, most;
	const void *bytes;
	uint8_t *at;

	if (!piece)
		return NULL;
	room = rte_pktmbuf_tailroom(piece) - f->l3;
	most = RTE_MIN(f->mtu, room);
	length = f->end - f->at;
	if (header + length > most)
		length = most > header ? (most - header) / UNIT * UNIT : 0;
	at = length ? (uint8_t *)rte_pktmbuf_append(piece, f->l3 + header + length) : NULL;
	if (!at) { // no way takes less than 68 bytes (RFC 791), but a route may say so
		rte_pktmbuf_free(piece);
		return NULL;
	}
	memset(at, 0, f->l3);
	at += f->l3;
	memcpy(at, f->header[f->later], header);
	bytes = rte_pktmbuf_read(f->m, f->l3 + f->at, length, at + header);
	if (bytes != at + header)
		memcpy(at + header, bytes, length);
	f->at += length;
	header_finish(f, at, header, length);
	f->offset += length / UNIT;
	f->later = true;
	piece->port = f->m->port;
	return piece;
}

void fragment_free(struct rte_mbuf *pieces)
{
	while (pieces) {
		struct rte_mbuf *next = pieces->next;

		pieces->next = NULL;
		rte_pktmbuf_free(pieces);
		pieces = next;
	}
}

struct rte_mbuf *fragment_all(const struct fragmentation *begun)
{
	struct rte_mbuf *first = NULL, **link = &first;
	struct fragmentation f = *begun;

	while (fragment_left(&f)) {
		*link = fragment_next(&f);
		if (!*link) {
			fragment_free(first);
			return NULL;
		}
		link = &(*link)->next;
	}
	return first;
}

static void cut(struct pkt *p, const struct fragmentation *f)
{
	struct rte_mbuf *pieces = fragment_all(f);

	if (!pieces) {
		pkt_drop(p, DROP_needs_fragmentation);
		return;
	}
	rte_pktmbuf_free(p->mbuf);
	p->mbuf = pieces;
	p->fate = FATE_PIECES;
}

void fragment_cut(struct pkt *p, unsigned int mtu)
{
	struct fragmentation f;

	fragment_begin(&f, p->mbuf, p->l3, mtu);
	cut(p, &f);
}

void fragment_cut6(struct pkt *p, unsigned int mtu, uint32_t id)
{
	struct fragmentation f;

	fragment_begin6(&f, p->mbuf, p->l3, mtu, id);
	cut(p, &f);
}

/* Its sender, unknown by now, is told when it sends that again. */
bool fragment_fit(struct worker *w, struct pkt *p, unsigned int mtu)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)pkt_l3(p);

	if (forward_length(p, pkt_l3(p)) <= mtu)
		return true;
	if (!fragment_allowed(p)) {
		pkt_drop(p, DROP_too_big);
		return false;
	}
	if ((ip->fragment_offset & RTE_BE16(0x3fff)) == 0)
		ip->packet_id = rte_cpu_to_be_16(
			frag_id(&w->frag, &ip->src_addr, &ip->dst_addr, false, w->index, w->count));
	fragment_cut(p, mtu);
	return p->fate == FATE_PIECES;
}

bool fragment_is_later(const struct pkt *p)
{
	const uint8_t *l3 = pkt_l3(p);

	if (!(p->flags & PKT_LOCAL))
		return false;
	if (p->flags & PKT_IPV6) // reassembly_take() has put l4 behind the fragment header
		return ((l3[p->l4 - 6] << 8 | l3[p->l4 - 5]) & 0xfff8) != 0;
	return ((l3[6] << 8 | l3[7]) & 0x1fff) != 0;
}

bool fragment_change(struct worker *w, struct batch *b, struct pkt *p, struct session *s,
		     unsigned int direction, unsigned int length, unsigned int room)
{
	if (fragment_is_later(p)) {
		rewrite_addresses(pkt_l3(p), s, direction, p->flags & PKT_IPV6);
	} else {
		if (((p->tcp_flags & TCP_EVENTS) || !(s->flags & SESSION_ACTIVE)) &&
		    !forward_event(w, b, p, s, direction))
			return false;
		if ((s->flags & SESSION_EXTRA) && !forward_extra(w, b, p, s, direction, room))
			return false;
		if (s->form & FORM_ECHO)
			echo_rewrite(p, pkt_l3(p), s, direction);
		else
			forward_rewrite(p, pkt_l3(p), s, direction);
	}
	forward_count(w, s, direction, length);
	return true;
}

/*
 * A packet that is sent in pieces. They need an id that no other datagram between these addresses
 * has: that of a fragment is such already, any other packet gets one. Packets that may be cut by
 * somebody else, further on, keep theirs: that would cost every one of them, and between a balancer
 * and its servers there is no narrower link.
 */
void fragment_forward_cut(struct worker *w, struct batch *b, unsigned int at, uint16_t nexthop,
			  unsigned int length)
{
	struct pkt *p = &b->pkt[at];
	struct session *s = table_session(&w->table, p->session);
	struct rte_ipv4_hdr *ip;

	if (!fragment_change(w, b, p, s, p->session & ENTRY_REVERSE ? 1 : 0, length, 0))
		return;
	ip = (struct rte_ipv4_hdr *)pkt_l3(p);
	if (!(p->flags & PKT_LOCAL)) {
		ip->packet_id = rte_cpu_to_be_16(
			frag_id(&w->frag, &ip->src_addr, &ip->dst_addr, false, w->index, w->count));
	}
	b->nexthop[at] = nexthop;
	fragment_cut(p, nexthop_table[nexthop].mtu); // and each piece gets a checksum
}

/* A fragment: as any packet, but that only the first has a transport header. */
void fragment_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s,
		      unsigned int direction)
{
	struct pkt *p = &b->pkt[at];
	unsigned int length = forward_length(p, pkt_l3(p));
	bool ipv6 = p->flags & PKT_IPV6, later = fragment_is_later(p);
	unsigned int ttl = pkt_l3(p)[ipv6 ? 7 : 8];
	uint16_t nexthop;
	bool too_big;

	s->stamp = b->seconds;
	if ((s->flags & SESSION_EXTRA) && !limit_forward(w, b, at, s))
		return;
	if (s->form & FORM_LENT) { // a flow of another worker for want of ports here
		pkt_drop(p, DROP_no_local_port);
		return;
	}
	if (s->flags & SESSION_VPC) {
		vpc_forward(w, b, at, s, direction);
		return;
	}
	if (s->flags & SESSION_LOCAL) {
		if (!later) {
			forward_local(w, b, p, s, direction);
			return;
		}
		rewrite_keep_ttl(pkt_l3(p), ipv6);
		rewrite_addresses(pkt_l3(p), s, direction, ipv6);
		p->fate = FATE_PUNT;
		return;
	}
	nexthop = route_of_session(w, p, s, direction);
	too_big = nexthop >= NEXTHOP_FIRST && length > nexthop_table[nexthop].mtu;
	if (later && ttl <= 1) {
		pkt_drop(p, DROP_ttl_exceeded); // errors are about first fragments (RFC 1812)
	} else if (later && !ipv6 && too_big && !fragment_allowed(p)) {
		pkt_drop(p, DROP_too_big);
	} else if ((s->form & FORM_KIND) == FORM_FAMILY) {
		family_fragment(w, b, at, s, nexthop, later);
	} else if (s->form & FORM_KIND) {
		forward_form(w, b, at, s, nexthop, length);
	} else if (ttl <= 1) {
		answer_ttl_exceeded(w, b, at);
	} else if (too_big && fragment_allowed(p)) {
		fragment_forward_cut(w, b, at, nexthop, length);
	} else if (too_big) {
		answer_too_big(w, b, at, nexthop_table[nexthop].mtu);
	} else {
		if (!fragment_change(w, b, p, s, direction, length, 0))
			return;
		b->nexthop[at] = nexthop;
		p->fate = FATE_SEND;
	}
}

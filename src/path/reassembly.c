/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Fragments follow their flow: virtual reassembly (RFC 7915 and RFC 6146 call it that, too).
 *
 * Only the first fragment of a datagram has the ports. It goes the way of any packet, and what
 * became of it is remembered by (source, destination, id, protocol); the others go the same way by
 * the same session, and those that come before it are held until it is here. Nothing is put
 * together, so a datagram may be of any length, and costs no copy.
 *
 * With several workers all fragments of a datagram meet at the worker that the hash of that tuple
 * names. It hands them on, with the ports in the mbuf, to the owner of the flow, which remembers
 * the datagram as well: only there is it known what the id becomes.
 *
 * Echoes of ICMP are flows where a match of SNAT wants them (echo.c), and so are their fragments.
 *
 * What could slip past a filter or mix datagrams up is dropped by name: first fragments without the
 * whole transport header and later ones that would overwrite it (RFC 1858, RFC 3128), overlapping
 * ones (RFC 5722; their datagram is poisoned), impossible lengths.
 */
#include <netinet/in.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_tcp.h>

#include "balance/matches.h"
#include "base/csum.h"
#include "io/handoff.h"
#include "path/echo.h"
#include "path/fragment.h"
#include "path/worker.h"
#include "session/rewrite.h"

enum { SHORT_HEADER = 8, DATAGRAM_MAX = UINT16_MAX, UNIT = 8 };

struct fragment {
	struct frag_key key;
	uint8_t *id;		     // in the packet
	unsigned int offset, length; // of the transport's bytes, in bytes
	unsigned int transport;	     // offset in the packet from the IP header
	bool last;
};

static bool is_echo(const struct pkt *p, uint8_t protocol)
{
	return protocol == (p->flags & PKT_IPV6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) &&
	       matches_want_echo();
}

/* What the headers say; false: a protocol whose fragments are not followed. */
static bool fragment_read(const struct pkt *p, struct fragment *x)
{
	uint8_t *l3 = pkt_l3(p);
	uint16_t word;

	memset(x, 0, sizeof(*x));
	if (p->flags & PKT_IPV6) {
		uint8_t *header = pkt_l4(p);

		if (rte_pktmbuf_data_len(p->mbuf) < p->l3 + p->l4 + 8u)
			return false;
		memcpy(x->key.source, l3 + 8, 32);
		memcpy(&word, header + 2, 2);
		word = rte_be_to_cpu_16(word);
		x->offset = word & 0xfff8;
		x->last = !(word & 1);
		x->id = header + 4;
		memcpy(&x->key.id, x->id, 4);
		x->key.protocol = header[0];
		x->key.ipv6 = 1;
		x->transport = p->l4 + 8;
		x->length = 40 + (l3[4] << 8 | l3[5]) - x->transport;
	} else {
		memcpy(x->key.source, l3 + 12, 4);
		memcpy(x->key.destination, l3 + 16, 4);
		memcpy(&word, l3 + 6, 2);
		word = rte_be_to_cpu_16(word);
		x->offset = (word & 0x1fff) * UNIT;
		x->last = !(word & 0x2000);
		x->id = l3 + 4;
		memcpy(&x->key.id, x->id, 2);
		x->key.protocol = l3[9];
		x->transport = p->l4;
		x->length = (l3[2] << 8 | l3[3]) - x->transport;
	}
	return x->key.protocol == IPPROTO_TCP || x->key.protocol == IPPROTO_UDP ||
	       is_echo(p, x->key.protocol);
}

/* The ports in the first fragment; of ICMP that is no echo, those that no echo has. */
static uint32_t fragment_ports(const struct pkt *p, const struct fragment *x)
{
	const uint8_t *l4 = pkt_l3(p) + x->transport;
	uint16_t echo[2] = {UINT16_MAX, UINT16_MAX};
	uint32_t ports;

	memcpy(&ports, l4, 4);
	if (is_echo(p, x->key.protocol)) {
		echo_ports(p, l4, echo);
		memcpy(&ports, echo, 4);
	}
	return ports;
}

static enum drop fragment_check(const struct pkt *p, const struct fragment *x)
{
	unsigned int there = rte_pktmbuf_data_len(p->mbuf) - p->l3 - x->transport;
	unsigned int header = x->key.protocol == IPPROTO_TCP ? sizeof(struct rte_tcp_hdr)
							     : (unsigned int)SHORT_HEADER;
	const uint8_t *l4 = pkt_l3(p) + x->transport;

	if (x->length == 0 || x->length > DATAGRAM_MAX || (!x->last && x->length % UNIT) ||
	    x->offset + x->length > DATAGRAM_MAX)
		return DROP_fragment_malformed;
	if (x->offset > 0)
		return x->offset < header ? DROP_fragment_tiny : DROP_none;
	if (rte_pktmbuf_data_len(p->mbuf) < p->l3 + x->transport || there < header ||
	    x->length < header)
		return DROP_fragment_tiny;
	if (x->key.protocol != IPPROTO_TCP)
		return DROP_none;
	header = (l4[12] >> 4) * 4;
	if (header < sizeof(struct rte_tcp_hdr))
		return DROP_tcp_header_length;
	return header > x->length || header > there ? DROP_fragment_tiny : DROP_none;
}

/* Forget a datagram; what is held of it is dropped. */
static void datagram_end(struct worker *w, struct frag *f, enum drop reason)
{
	struct rte_mbuf *m;

	while ((m = frag_take_held(&w->frag, f))) {
		w->drops[reason]++;
		rte_pktmbuf_free(m);
	}
	frag_remove(&w->frag, f);
}

void reassembly_expire(struct worker *w, uint64_t tsc)
{
	struct frag *f;

	while ((f = frag_expired(&w->frag, tsc)))
		datagram_end(w, f, DROP_fragment_expired);
}

unsigned int reassembly_released(struct worker *w, struct batch *b)
{
	struct rte_mbuf *packets[BATCH];
	unsigned int count = frag_ready(&w->frag, packets, BATCH - b->count);

	for (unsigned int i = 0; i < count; i++) {
		struct pkt *p = &b->pkt[b->count++];

		p->mbuf = packets[i];
		p->iface = packets[i]->port;
		p->flags = PKT_HANDED;
	}
	return count;
}

static struct frag *datagram_of(struct worker *w, const struct batch *b, const struct fragment *x)
{
	uint64_t deadline = b->tsc + FRAG_HOLD_SECONDS * w->hz;
	struct frag *f = frag_find(&w->frag, &x->key);

	if (!f)
		f = frag_add(&w->frag, &x->key, deadline);
	if (f)
		return f;
	datagram_end(w, frag_victim(&w->frag), DROP_fragment_table_full);
	return frag_add(&w->frag, &x->key, deadline);
}

static void datagram_decide(struct worker *w, const struct batch *b, struct frag *f,
			    enum frag_verdict verdict)
{
	frag_decide(&w->frag, f, verdict, b->tsc + FRAG_KNOWN_SECONDS * w->hz);
}

/*
 * An id between the addresses that the datagram is sent with. Between two families it has 16 bits
 * on either side (RFC 7915, 4.1 and 5.1.1), and the end of an IPv6 address stands for it.
 */
static uint32_t fragment_id(struct worker *w, const struct pkt *p, struct session *s, bool family)
{
	unsigned int other = p->session & ENTRY_REVERSE ? 0 : 1;
	bool wide = p->session & ENTRY_WIDE, ipv6 = session_key_is_ipv6(s, wide, other);
	unsigned int at = ipv6 && family ? 12 : 0;
	const struct key4 *k4 = session_key(s, wide, other);
	const struct key6 *k6 = session_key(s, wide, other);

	return frag_id(&w->frag, ipv6 ? (const void *)(k6->destination + at) : &k4->destination,
		       ipv6 ? (const void *)(k6->source + at) : &k4->source, ipv6 && !family,
		       w->index, w->count);
}

/* The fragments of a datagram are sent under one id that weir gives. */
static void fragment_number(struct worker *w, const struct pkt *p, const struct fragment *x,
			    struct frag *f)
{
	struct session *s = table_session(&w->table, p->session);
	bool ipv6 = p->flags & PKT_IPV6, family = (s->form & FORM_KIND) == FORM_FAMILY;

	if (!session_is_two_way(s) || (s->flags & SESSION_LOCAL))
		return;
	if (!f->numbered) {
		f->new_id = fragment_id(w, p, s, family);
		f->numbered = true;
	}
	if (ipv6) {
		uint32_t id = rte_cpu_to_be_32(f->new_id);

		memcpy(x->id, &id, 4);
	} else {
		struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)pkt_l3(p);
		uint16_t id = rte_cpu_to_be_16(f->new_id);

		ip->hdr_checksum = csum_replace16(ip->hdr_checksum, ip->packet_id, id);
		ip->packet_id = id;
	}
}

/* Give the packet the key of its flow. */
static void fragment_key(struct pkt *p, const struct fragment *x, uint32_t ports)
{
	if (p->flags & PKT_IPV6) {
		memcpy(p->key6.source, x->key.source, 32);
		memcpy(&p->key6.source_port, &ports, 4);
		p->key6.zone_protocol = x->key.protocol;
		p->hash = key6_hash(&p->key6);
	} else {
		memcpy(&p->key4.source, x->key.source, 4);
		memcpy(&p->key4.destination, x->key.destination, 4);
		memcpy(&p->key4.source_port, &ports, 4);
		p->key4.zone_protocol = x->key.protocol;
		p->hash = key4_hash(&p->key4);
	}
	p->l4 = x->transport;
	p->tcp_flags = x->offset == 0 && x->key.protocol == IPPROTO_TCP ? pkt_l4(p)[13] : 0;
}

/* The first fragment, with what it decides for the others. */
static void fragment_first(struct worker *w, struct batch *b, unsigned int at, struct frag *f)
{
	struct pkt *p = &b->pkt[at];

	if (p->session == 0)
		balance_first(w, b, at);
	if (p->session == 0 && p->fate == FATE_PUNT) {
		datagram_decide(w, b, f, FRAG_PUNT);
	} else if (p->session == 0) {
		f->reason = p->drop;
		datagram_decide(w, b, f, FRAG_DROP);
	}
}

/* It has no header of the transport's that could say what kind of traffic it is. */
static void fragment_punt(struct pkt *p)
{
	if (p->flags & PKT_IPV6)
		p->key6.zone_protocol = IPPROTO_FRAGMENT;
	else
		p->key4.zone_protocol = IPPROTO_FRAGMENT;
	p->fate = FATE_PUNT;
}

/* The ports are known, and this worker owns the flow. */
static void fragment_follow(struct worker *w, struct batch *b, unsigned int at,
			    const struct fragment *x, struct frag *f)
{
	struct pkt *p = &b->pkt[at];

	p->session = p->flags & PKT_IPV6 ? table_find6(&w->table, &p->key6, p->hash)
					 : table_find4(&w->table, &p->key4, p->hash);
	if (x->offset == 0)
		fragment_first(w, b, at, f);
	else if (p->session == 0 && f->verdict == FRAG_PUNT)
		fragment_punt(p);
	else if (p->session == 0)
		pkt_drop(p, f->verdict == FRAG_DROP ? f->reason : DROP_fragment_no_session);
	if (p->session) {
		fragment_number(w, p, x, f);
		lane_add(&b->known, at);
	}
}

static bool is_poisoned(const struct frag *f)
{
	return f->verdict == FRAG_DROP && f->reason == DROP_fragment_overlap;
}

/* What overlaps poisons its datagram: from now on nothing of it passes. */
static bool fragment_noted(struct worker *w, struct batch *b, struct pkt *p,
			   const struct fragment *x, struct frag *f)
{
	int result = frag_note(f, x->offset / UNIT, (x->offset + x->length + UNIT - 1) / UNIT,
			       x->last);

	if (is_poisoned(f))
		result = -EINVAL;
	if (result == 0)
		return true;
	pkt_drop(p, result == -ENOSPC ? DROP_fragment_scattered : DROP_fragment_overlap);
	if (result == -EINVAL) {
		struct rte_mbuf *m;

		while ((m = frag_take_held(&w->frag, f))) {
			w->drops[DROP_fragment_overlap]++;
			rte_pktmbuf_free(m);
		}
		f->reason = DROP_fragment_overlap;
		datagram_decide(w, b, f, FRAG_DROP);
	}
	return false;
}

/* A fragment at the worker where all of its datagram meet. */
static void fragment_meet(struct worker *w, struct batch *b, unsigned int at, struct fragment *x,
			  enum hand hand)
{
	struct pkt *p = &b->pkt[at];
	bool ours = w->count == 1 || hand == HAND_FOLLOW;
	struct frag *f;

	if (hand == HAND_RELEASED) {
		f = frag_find(&w->frag, &x->key);
		if (!f || f->released == 0) { // it had to give way meanwhile
			pkt_drop(p, DROP_fragment_table_full);
			return;
		}
		f->released--;
		if (is_poisoned(f)) {
			pkt_drop(p, f->reason);
			return;
		}
	} else {
		f = datagram_of(w, b, x);
		if (!fragment_noted(w, b, p, x, f))
			return;
	}
	if (f->verdict == FRAG_WAITING && (hand == HAND_FOLLOW || x->offset == 0)) {
		if (hand == HAND_FOLLOW)
			f->ports = p->mbuf->hash.fdir.hi;
		else
			f->ports = fragment_ports(p, x);
		datagram_decide(w, b, f, FRAG_PORTS);
		frag_release(&w->frag, f);
	}
	if (f->verdict == FRAG_WAITING) {
		tags_strip(p); // it comes back as one of this very interface
		p->mbuf->port = p->iface;
		p->mbuf->hash.usr = HAND_RELEASED; // how it comes back
		if (frag_hold(&w->frag, f, p->mbuf))
			p->fate = FATE_TAKEN;
		else
			pkt_drop(p, DROP_fragment_table_full);
		return;
	}
	fragment_key(p, x, f->ports);
	if (!ours && owner_of(w, p) != w->index) {
		p->mbuf->hash.fdir.hi = f->ports;
		b->owner[at] = owner_of(w, p);
		p->fate = FATE_FOLLOW;
	} else {
		fragment_follow(w, b, at, x, f);
	}
	if (frag_is_over(f))
		frag_remove(&w->frag, f);
}

bool reassembly_wants(const struct pkt *p)
{
	switch (pkt_protocol(p)) {
	case IPPROTO_ICMP:
		return !(p->flags & PKT_IPV6) && ((pkt_l3(p)[6] & 0x3f) | pkt_l3(p)[7]);
	case IPPROTO_TCP: // in the local lane as fragments only
	case IPPROTO_UDP:
	case IPPROTO_FRAGMENT:
		return true;
	}
	return false;
}

bool reassembly_take(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	enum hand hand = p->flags & PKT_HANDED ? p->mbuf->hash.usr : HAND_OWNER;
	struct fragment x;
	enum drop reason;

	if (!fragment_read(p, &x))
		return false;
	reason = fragment_check(p, &x);
	if (reason != DROP_none) {
		pkt_drop(p, reason);
		return true;
	}
	if (w->count > 1 && !(p->flags & PKT_HANDED)) {
		unsigned int owner = (uint64_t)frag_hash(&x.key) * w->count >> 32;

		if (owner != w->index) {
			p->fate = FATE_HAND;
			b->owner[at] = owner;
			b->hand[at] = HAND_OWNER;
			return true;
		}
	}
	fragment_meet(w, b, at, &x, hand);
	return true;
}

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Forward: apply what the session says. One lookup was made, one rewrite follows; nothing is
 * decided here any more but what the packet itself forces: its time to live, its size, and the
 * events of its protocol.
 */
#include <rte_prefetch.h>

#include "balance/server.h"
#include "net/nexthop.h"
#include "path/family.h"
#include "path/mss.h"
#include "path/room.h"
#include "session/l4_sctp.h"
#include "session/l4_tcp.h"
#include "session/rewrite.h"
#include "tunnel/template.h"

/* Of the IP packet: short frames are padded, and nobody wants padding counted. */
static inline unsigned int forward_length(const struct pkt *p, const uint8_t *l3)
{
	return unlikely(p->flags & PKT_IPV6) ? 40 + (l3[4] << 8 | l3[5]) : l3[2] << 8 | l3[3];
}

/* Sequence number after this segment, FIN counted, as the server will see it. */
static uint32_t tcp_end(const struct pkt *p, const struct session *s, const struct table *t)
{
	const uint8_t *l3 = pkt_l3(p), *l4 = pkt_l4(p);
	unsigned int header = (l4[12] >> 4) * 4;
	uint32_t sequence;

	memcpy(&sequence, l4 + 4, 4);
	return rte_be_to_cpu_32(sequence) + forward_length(p, l3) - p->l4 - header + 1 +
	       (s->flags & SESSION_EXTRA ? table_extra(t, s)->sequence_shift : 0);
}

/* Who closed first, and where the client's side ended: a server in TIME_WAIT remembers it. */
static void forward_fin(struct worker *w, struct batch *b, struct pkt *p, struct session *s,
			unsigned int direction)
{
	bool wide = p->session & ENTRY_WIDE;

	if (s->flags & SESSION_LOCAL)
		return;
	if (direction == 1) {
		s->flags |= SESSION_SERVER_FIN;
		if (!(s->flags & SESSION_CLIENT_FIN))
			s->flags |= SESSION_SERVER_FIRST;
		return;
	}
	s->flags |= SESSION_CLIENT_FIN;
	if (s->flags & SESSION_SERVER_FIRST)
		ports_remember(&w->balancer.ports, session_key(s, wide, 1),
			       session_key_is_ipv6(s, wide, 1), b->seconds,
			       tcp_end(p, s, &w->table));
}

/* An event with a tag that its receiver will not take changes nothing: it may be forged. */
static enum session_state forward_sctp(struct worker *w, const struct pkt *p, struct session *s,
				       unsigned int direction)
{
	struct session_extra *extra;

	if (p->tcp_flags != SCTP_NOTHING && (s->flags & SESSION_EXTRA)) {
		extra = table_extra(&w->table, s);
		sctp_tags_learn(extra, s->state, direction, pkt_l4(p), p->tcp_flags);
		if (p->tcp_flags != SCTP_INIT &&
		    !sctp_tag_fits(extra, direction, pkt_l4(p), p->tcp_flags))
			return s->state;
	}
	return sctp_next_state(s->state, direction, p->tcp_flags);
}

static __attribute__((noinline)) void forward_event(struct worker *w, struct batch *b,
						    struct pkt *p, struct session *s,
						    unsigned int direction)
{
	enum session_state state = s->state;

	if (pkt_protocol(p) == IPPROTO_TCP) {
		state = tcp_next_state(s->state, direction, p->tcp_flags);
		if (p->tcp_flags & TCP_FIN)
			forward_fin(w, b, p, s, direction);
		if ((p->tcp_flags & TCP_SYN) && !(s->flags & SESSION_LOCAL))
			mss_clamp(w, p, s);
	} else if (pkt_protocol(p) == IPPROTO_SCTP) {
		state = forward_sctp(w, p, s, direction);
	} else if (direction == 1) {
		state = STATE_UDP_NORMAL;
	}
	if (state != s->state)
		session_set_state(w, s, state);
}

/* Sequence numbers of a session that stands beyond an older one on the same port. */
static __attribute__((noinline)) void forward_shift(struct worker *w, struct pkt *p,
						    struct session *s, unsigned int direction)
{
	uint32_t shift = table_extra(&w->table, s)->sequence_shift;
	uint8_t *tcp = pkt_l4(p);
	unsigned int header = (tcp[12] >> 4) * 4;

	if (pkt_protocol(p) != IPPROTO_TCP)
		return;
	if (direction == 1) {
		tcp_shift_acknowledgement(tcp, header, -shift);
		return;
	}
	tcp_shift_sequence(tcp, shift);
	// A server refuses a SYN whose timestamp is older than the old connection's.
	if (p->tcp_flags & TCP_SYN)
		tcp_remove_timestamp(tcp, header);
}

static bool state_is_over(enum session_state state)
{
	return tcp_state_is_over(state) || sctp_state_is_over(state);
}

/*
 * A SYN or INIT on a session that is over: the client uses its port again. And, once any session of this
 * batch was made or ended, what lookup() found may be another session by now. Returns false when
 * the packet's fate is settled.
 */
static __attribute__((noinline)) bool forward_again(struct worker *w, struct batch *b,
						    unsigned int at)
{
	struct pkt *p = &b->pkt[at];

	p->session = p->flags & PKT_IPV6 ? table_find6(&w->table, &p->key6, p->hash)
					 : table_find4(&w->table, &p->key4, p->hash);
	if (p->session && !(p->session & ENTRY_REVERSE) &&
	    (p->tcp_flags & (TCP_EVENTS | TCP_ACK)) == TCP_SYN && !(p->flags & PKT_NEW) &&
	    state_is_over(table_session(&w->table, p->session)->state)) {
		session_end(w, p->session);
		p->session = 0;
	}
	if (p->session == 0 && (p->flags & PKT_ICMP_ERROR))
		pkt_drop(p, DROP_icmp_error_no_session);
	else if (p->session == 0)
		balance_first(w, b, at);
	return p->session != 0;
}

static inline bool forward_is_reuse(const struct pkt *p, const struct session *s)
{
	return (p->tcp_flags & (TCP_EVENTS | TCP_ACK)) == TCP_SYN && state_is_over(s->state);
}

/* What the packet forces before it may be rewritten. False: its fate is settled. */
static inline bool forward_allowed(struct worker *w, struct batch *b, unsigned int at,
				   const uint8_t *l3, unsigned int length, uint16_t nexthop)
{
	unsigned int ttl = unlikely(b->pkt[at].flags & PKT_IPV6) ? l3[7] : l3[8];

	if (unlikely(ttl <= 1)) {
		answer_ttl_exceeded(w, b, at);
		return false;
	}
	if (unlikely(nexthop >= NEXTHOP_FIRST && length > nexthop_table[nexthop].mtu)) {
		answer_too_big(w, b, at, nexthop_table[nexthop].mtu);
		return false;
	}
	return true;
}

static inline void forward_rewrite(const struct pkt *p, uint8_t *l3, struct session *s,
				   unsigned int direction)
{
	if (likely(!(p->flags & PKT_IPV6)))
		rewrite4(l3, l3 + p->l4, s, direction, p->key4.zone_protocol);
	else
		rewrite6(l3, l3 + p->l4, s, direction, p->key6.zone_protocol);
}

static inline void forward_count(struct worker *w, struct session *s, unsigned int direction,
				 unsigned int length)
{
	s->bytes[direction] += length;
	if (unlikely(++s->packets[direction] == UINT16_MAX))
		sweep_fold(w, s);
}

/* Between Linux and a local address: no routing, Linux has done it or will. */
static __attribute__((noinline)) void forward_local(struct worker *w, struct batch *b,
						    struct pkt *p, struct session *s,
						    unsigned int direction)
{
	uint8_t *l3 = pkt_l3(p);

	if (pkt_protocol(p) != IPPROTO_UDP)
		forward_event(w, b, p, s, direction);
	// This host is the end of it, not a hop: take back what the rewrite takes off the TTL.
	if (p->flags & PKT_IPV6) {
		l3[7]++;
	} else {
		struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)l3;

		ip->time_to_live++;
		ip->hdr_checksum = csum_apply(ip->hdr_checksum, RTE_BE16(0x0100));
	}
	forward_rewrite(p, l3, s, direction);
	p->fate = direction == 0 ? FATE_BARE : FATE_PUNT;
}

/* To a server of the other IP version, and back. */
static void forward_family(struct worker *w, struct batch *b, unsigned int at, struct session *s,
			   uint16_t nexthop, unsigned int length)
{
	unsigned int direction = b->pkt[at].session & ENTRY_REVERSE ? 1 : 0;
	struct pkt *p = &b->pkt[at];

	if (!family_allowed(w, b, at, length, nexthop))
		return;
	if (unlikely((p->tcp_flags & TCP_EVENTS) || !(s->flags & SESSION_ACTIVE)))
		forward_event(w, b, p, s, direction);
	if (unlikely(s->flags & SESSION_EXTRA))
		forward_shift(w, p, s, direction);
	if (!family_rewrite(w, p, s, direction))
		return;
	forward_count(w, s, direction, length);
	b->nexthop[at] = nexthop;
	p->fate = FATE_SEND;
}

/* What is not simply rewritten. */
static __attribute__((noinline)) void forward_form(struct worker *w, struct batch *b,
						   unsigned int at, struct session *s,
						   uint16_t nexthop, unsigned int length)
{
	switch (s->form & FORM_KIND) {
	case FORM_DIRECT:
	case FORM_TUNNEL:
		one_way_forward(w, b, at, s, nexthop, length);
		break;
	default:
		forward_family(w, b, at, s, nexthop, length);
	}
}

static inline void forward_one(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	struct session *s = table_session(&w->table, p->session);
	uint8_t *l3 = pkt_l3(p);
	unsigned int direction, length;
	uint16_t nexthop;

	if (unlikely(w->ended || forward_is_reuse(p, s))) {
		if (!forward_again(w, b, at))
			return;
		s = table_session(&w->table, p->session);
	}
	direction = p->session & ENTRY_REVERSE ? 1 : 0;
	if (unlikely(p->flags & PKT_ICMP_ERROR)) {
		if (likely(session_is_two_way(s)))
			icmp_error_forward(w, b, at, s, direction);
		else if (s->form & FORM_LENT)
			lend_forward(w, b, at, s);
		else
			one_way_icmp_error(w, b, at, s);
		return;
	}
	s->stamp = b->seconds;
	if (unlikely(s->flags & SESSION_LOCAL)) {
		if (s->form & FORM_LENT)
			lend_forward(w, b, at, s);
		else
			forward_local(w, b, p, s, direction);
		return;
	}
	nexthop = route_of_session(w, p, s, direction);
	length = forward_length(p, l3);
	if (unlikely(s->form & FORM_KIND)) {
		forward_form(w, b, at, s, nexthop, length);
		return;
	}
	if (unlikely(!forward_allowed(w, b, at, l3, length, nexthop)))
		return;
	if (unlikely((p->tcp_flags & TCP_EVENTS) || !(s->flags & SESSION_ACTIVE)))
		forward_event(w, b, p, s, direction);
	if (unlikely(s->flags & SESSION_EXTRA))
		forward_shift(w, p, s, direction);
	forward_rewrite(p, l3, s, direction);
	forward_count(w, s, direction, length);
	b->nexthop[at] = nexthop;
	p->fate = FATE_SEND;
}

/*
 * Towards a server, its number leads to its path and that to the next hop: two more lines, cold
 * where there are many servers. All of a batch are asked for together, one kind after the other.
 */
static inline void forward_prefetch(const struct worker *w, const struct batch *b)
{
	uint32_t servers[BATCH];
	unsigned int count = 0;

	for (unsigned int i = 0; i < b->known.count; i++) {
		const struct pkt *p = &b->pkt[b->known.at[i]];
		const struct session *s = table_session(&w->table, p->session);

		if (p->session & ENTRY_REVERSE)
			continue;
		servers[count] = s->server;
		if (unlikely((s->form & FORM_KIND) == FORM_TUNNEL))
			rte_prefetch0(&template_table[s->server]);
		rte_prefetch0(&server_path[servers[count++]]);
	}
	for (unsigned int i = 0; i < count; i++)
		rte_prefetch0(&path_single[server_path[servers[i]]]);
}

void forward(struct worker *w, struct batch *b)
{
	forward_prefetch(w, b);
	for (unsigned int i = 0; i < b->known.count; i++)
		forward_one(w, b, b->known.at[i]);
}

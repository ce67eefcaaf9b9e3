/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Forward: apply what the session says. One lookup was made, one rewrite follows; nothing is
 * decided here any more but what the packet itself forces: its time to live, its size, and the
 * events of its protocol.
 */
#include "path/forward.h"

#include <rte_prefetch.h>

#include "balance/server.h"
#include "net/nexthop.h"
#include "path/answer.h"
#include "path/echo.h"
#include "path/family.h"
#include "path/fragment.h"
#include "path/odd.h"
#include "path/one_way.h"
#include "path/reuse.h"
#include "path/vpc.h"
#include "session/l4_tcp.h"
#include "session/splice.h"
#include "tunnel/template.h"
#include "tunnel/vxlan.h"

/*
 * The session is over: the client may use its port again. And what lookup() found may be another
 * session, once one of this batch was made or ended. False: its fate is settled.
 */
static __attribute__((noinline)) bool forward_again(struct worker *w, struct batch *b,
						    unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	enum reuse reuse = REUSE_NOT;

	// A session of one datagram is not in the index: nobody but its packet knows it.
	if ((p->flags & PKT_NEW) && (table_session(&w->table, p->session)->form & FORM_ONE_PACKET))
		return true;
	p->session = p->flags & PKT_IPV6 ? table_find6(&w->table, &p->key6, p->hash)
					 : table_find4(&w->table, &p->key4, p->hash);
	if (p->session)
		reuse = reuse_judge(w, p, table_session(&w->table, p->session));
	if (reuse == REUSE_ENDS)
		session_end(w, p->session);
	if (reuse != REUSE_NOT)
		p->session = 0;
	if (p->session == 0 && (p->flags & PKT_ICMP_ERROR))
		pkt_drop(p, DROP_icmp_error_no_session);
	else if (p->session == 0 && (p->flags & PKT_LOCAL))
		pkt_drop(p, DROP_fragment_no_session);
	else if (p->session == 0)
		balance_first(w, b, at);
	return p->session != 0;
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
		if (fragment_allowed(&b->pkt[at])) {
			fragment_forward_cut(w, b, at, nexthop, length);
			return false;
		}
		answer_too_big(w, b, at, nexthop_table[nexthop].mtu);
		return false;
	}
	return true;
}

/* Between Linux and a local address: no routing, Linux has done it or will. */
__attribute__((noinline)) void forward_local(struct worker *w, struct batch *b, struct pkt *p,
					     struct session *s, unsigned int direction)
{
	uint8_t *l3 = pkt_l3(p);

	if (pkt_protocol(p) != IPPROTO_UDP)
		forward_event(w, b, p, s, direction);
	// This host is the end of it, not a hop: take back what the rewrite takes off the TTL.
	rewrite_keep_ttl(l3, p->flags & PKT_IPV6);
	forward_rewrite(p, l3, s, direction);
	p->fate = direction == 0 ? FATE_BARE : FATE_PUNT;
}

static void forward_one(struct worker *w, struct batch *b, unsigned int at);

/* What is not simply rewritten. */
__attribute__((noinline)) void forward_form(struct worker *w, struct batch *b, unsigned int at,
					    struct session *s, uint16_t nexthop,
					    unsigned int length)
{
	switch (s->form & FORM_KIND) {
	case FORM_REWRITE:
		echo_forward(w, b, at, s, nexthop, length);
		break;
	case FORM_DIRECT:
	case FORM_TUNNEL:
		one_way_forward(w, b, at, s, nexthop, length);
		break;
	default:
		family_forward(w, b, at, s, nexthop, length);
	}
}

static inline __attribute__((always_inline)) void
forward_plain(struct worker *w, struct batch *b, unsigned int at, struct session *s,
	      unsigned int direction, uint16_t nexthop, unsigned int length)
{
	struct pkt *p = &b->pkt[at];
	uint8_t *l3 = pkt_l3(p);

	if (unlikely(!forward_allowed(w, b, at, l3, length, nexthop)))
		return;
	if (unlikely((p->tcp_flags & TCP_EVENTS) || !(s->flags & SESSION_ACTIVE)) &&
	    !forward_event(w, b, p, s, direction))
		return;
	if (unlikely(s->flags & SESSION_EXTRA)) {
		if (session_extra_only_splices(table_extra(&w->table, s)))
			splice_segment(l3 + p->l4, table_extra(&w->table, s), direction);
		else if (!forward_extra(w, b, p, s, direction, nexthop_room(nexthop, length)))
			return;
		l3 = pkt_l3(p);
	}
	forward_rewrite(p, l3, s, direction);
	forward_count(w, s, direction, length);
	b->nexthop[at] = nexthop;
	p->fate = FATE_SEND;
}

/* What is not simply rewritten, or has no ordinary next hop. */
static __attribute__((noinline)) void forward_odd(struct worker *w, struct batch *b,
						  unsigned int at, struct session *s,
						  unsigned int direction, uint16_t nexthop,
						  unsigned int length)
{
	bool last = (s->form & FORM_ONE_PACKET) && (direction == 1 || !session_is_two_way(s));
	struct pkt *p = &b->pkt[at];
	uint32_t entry = p->session & ~ENTRY_REVERSE;

	if (nexthop == NEXTHOP_NONE && server_table[s->server].gone) {
		if (odd_gone(w, b, at, s, direction))
			forward_one(w, b, at); // it is the first packet of a new session
		return;
	}
	if (nexthop == NEXTHOP_SYMMETRIC && !odd_symmetric_allowed(w, b, at, s, length))
		return;
	if (s->form & (FORM_KIND | FORM_ECHO))
		forward_form(w, b, at, s, nexthop, length);
	else
		forward_plain(w, b, at, s, direction, nexthop, length);
	if (nexthop == NEXTHOP_SYMMETRIC && p->fate == FATE_SEND)
		odd_symmetric(w, p, s);
	if (last)
		session_end(w, entry);
}

/* An established session of the SYN proxy is not. */
static inline bool forward_may_be_odd(const struct worker *w, const struct session *s)
{
	return (s->flags & (SESSION_LOCAL | SESSION_VPC)) ||
	       !session_extra_only_splices(table_extra(&w->table, s));
}

static inline void forward_one(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	struct session *s = table_session(&w->table, p->session);
	unsigned int direction, length, nexthop;

	if (unlikely(w->ended ||
		     (!(s->flags & SESSION_ACTIVE) && reuse_judge(w, p, s) != REUSE_NOT))) {
		if (!forward_again(w, b, at))
			return;
		s = table_session(&w->table, p->session);
	}
	direction = p->session & ENTRY_REVERSE ? 1 : 0;
	if (unlikely(p->flags & (PKT_ICMP_ERROR | PKT_LOCAL))) {
		if (p->flags & PKT_LOCAL)
			fragment_forward(w, b, at, s, direction);
		else if (likely(session_is_two_way(s)))
			icmp_error_forward(w, b, at, s, direction);
		else if (s->form & FORM_LENT)
			lend_forward(w, b, at, s);
		else
			one_way_icmp_error(w, b, at, s);
		if (p->fate == FATE_SEND && b->nexthop[at] == NEXTHOP_SYMMETRIC)
			odd_symmetric(w, p, s);
		return;
	}
	s->stamp = b->seconds;
	if (unlikely(s->flags & (SESSION_LOCAL | SESSION_VPC | SESSION_EXTRA)) &&
	    forward_may_be_odd(w, s)) {
		enum odd odd = odd_forward(w, b, at, s, direction);

		if (odd == ODD_AGAIN)
			forward_one(w, b, at);
		if (odd != ODD_NOT)
			return;
	}
	nexthop = route_of_session(w, p, s, direction);
	length = forward_length(p, pkt_l3(p));
	if (unlikely(nexthop < NEXTHOP_FIRST ||
		     (s->form & (FORM_KIND | FORM_ECHO | FORM_ONE_PACKET)))) {
		if (nexthop < NEXTHOP_FIRST || (s->form & (FORM_ECHO | FORM_ONE_PACKET)))
			forward_odd(w, b, at, s, direction, nexthop, length);
		else if (session_is_two_way(s))
			family_forward(w, b, at, s, nexthop, length);
		else
			one_way_forward(w, b, at, s, nexthop, length);
	} else {
		forward_plain(w, b, at, s, direction, nexthop, length);
	}
}

/*
 * Towards a server, its number leads to its path and that to the next hop: two more lines, cold
 * where there are many servers. All of a batch are asked for together, one kind after the other.
 */
static inline void forward_prefetch(const struct worker *w, const struct batch *b)
{
	uint32_t servers[BATCH], count = 0;

	for (unsigned int i = 0; i < b->known.count; i++) {
		const struct pkt *p = &b->pkt[b->known.at[i]];
		const struct session *s = table_session(&w->table, p->session);

		if (unlikely(s->flags & SESSION_EXTRA))
			rte_prefetch0(table_extra(&w->table, s));
		if (p->session & ENTRY_REVERSE)
			continue;
		servers[count] = s->server;
		if (unlikely((s->form & FORM_KIND) == FORM_TUNNEL))
			template_prefetch(s->server, pkt_l3(p));
		rte_prefetch0(&server_path[servers[count++]]);
	}
	for (unsigned int i = 0; i < count; i++)
		rte_prefetch0(&path_single[server_path[servers[i]]]);
}

void forward(struct worker *w, struct batch *b)
{
	forward_prefetch(w, b);
	if (unlikely(vxlan.port != VXLAN_PORT_OFF))
		vpc_prefetch(w, b);
	for (unsigned int i = 0; i < b->known.count; i++)
		forward_one(w, b, b->known.at[i]);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Lent connections: no local port is wasted because it belongs to another worker.
 *
 * Local ports are divided among the workers, so that replies need no table to come home. When a
 * worker has none left towards a server, it gives the new connection to the next worker, which
 * treats it as its own: it chooses server and port, and replies come home to it by themselves. What
 * clients send still comes to the first worker, so that one remembers where it went: a session
 * with the client's key alone (FORM_LENT), which has all its packets handed over. It lives by the
 * timeouts of the service, as far as the client's packets tell the state.
 *
 * A worker that has no port either passes the connection on, and each remembers; after a round
 * through all workers it is refused.
 */
#include "path/forward.h"
#include "path/limit.h"
#include "path/room.h"
#include "session/l4_sctp.h"
#include "session/l4_tcp.h"

/* How often it has been passed on. */
unsigned int lend_hops(const struct pkt *p)
{
	if (p->flags & PKT_HANDED && p->mbuf->hash.usr & (HAND_SOURCE | HAND_ANSWERED))
		return limit_hops(p->mbuf->hash.usr);
	if (!(p->flags & PKT_HANDED) || p->mbuf->hash.usr < HAND_LENT ||
	    p->mbuf->hash.usr >= HAND_ASK)
		return 0;
	return p->mbuf->hash.usr - HAND_LENT + 1;
}

static void lend_state(struct session *s, const struct pkt *p)
{
	switch (pkt_protocol(p)) {
	case IPPROTO_TCP:
		s->state = tcp_next_state(s->state, 0, p->tcp_flags);
		break;
	case IPPROTO_SCTP:
		s->state = sctp_next_state_one_way(s->state, p->tcp_flags);
		break;
	case IPPROTO_UDP:
		s->state = STATE_UDP_NORMAL;
		break;
	default: // an echo, by SNAT
		s->state = STATE_ICMP_NORMAL;
	}
}

bool lend_begin(struct worker *w, const struct pkt *p, struct session *s)
{
	if (lend_hops(p) + 1 >= w->count)
		return false;
	s->form = FORM_DIRECT | FORM_LENT;
	s->flags = SESSION_LOCAL; // no server counts it and no route is looked up
	s->server = 0;
	s->nexthop = w->index + 1 < w->count ? w->index + 1 : 0;
	w->stats.lent++;
	return true;
}

void lend_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s)
{
	struct pkt *p = &b->pkt[at];
	unsigned int hops = lend_hops(p);

	if (!(p->flags & PKT_ICMP_ERROR))
		lend_state(s, p);
	if (hops + 1 >= w->count) {
		pkt_drop(p, DROP_no_local_port);
		return;
	}
	p->fate = FATE_HAND;
	b->owner[at] = s->nexthop;
	b->hand[at] = HAND_LENT + hops;
}

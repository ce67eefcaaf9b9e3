/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Events: packets that change the state of their session, or are changed for more than their
 * addresses. forward() comes here for the few that have an event, and for none of the others.
 */
#include "path/client_address.h"
#include "path/forward.h"
#include "path/mss.h"
#include "path/proxy_protocol.h"
#include "path/syn_proxy.h"
#include "session/l4_sctp.h"
#include "session/l4_tcp.h"
#include "session/splice.h"

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

bool forward_event(struct worker *w, struct batch *b, struct pkt *p, struct session *s,
		   unsigned int direction)
{
	enum session_state state = s->state;

	if (unlikely(state == STATE_SYN_PROXY))
		return syn_proxy_event(w, b, p, s, direction);
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
	return true;
}

/* Sequence numbers of a session that stands beyond an older one on the same port. */
static void event_shift(struct pkt *p, uint32_t shift, unsigned int direction)
{
	uint8_t *tcp = pkt_l4(p);
	unsigned int header = (tcp[12] >> 4) * 4;

	if (direction == 1) {
		tcp_shift_acknowledgement(tcp, header, -shift);
		return;
	}
	tcp_shift_sequence(tcp, shift);
	// A server refuses a SYN whose timestamp is older than the old connection's.
	if (p->tcp_flags & TCP_SYN)
		tcp_remove_timestamp(tcp, header);
}

bool forward_extra(struct worker *w, struct batch *b, struct pkt *p, struct session *s,
		   unsigned int direction, unsigned int room)
{
	struct session_extra *extra = table_extra(&w->table, s);

	if (extra->proxy.kind && direction == 0 &&
	    !proxy_protocol_from_client(w, b, p, s, extra, room))
		return false;
	if (!(s->flags & SESSION_EXTRA))
		return true; // that was all it was for
	if (extra->spliced)
		splice_segment(pkt_l4(p), extra, direction);
	else if (pkt_protocol(p) == IPPROTO_TCP && extra->sequence_shift)
		event_shift(p, extra->sequence_shift, direction);
	// The client may come by another neighbour from now on.
	if (extra->client_iface && direction == 0) {
		memcpy(extra->client_mac, rte_pktmbuf_mtod_offset(p->mbuf, uint8_t *, 6), 6);
		extra->client_iface = p->iface;
	}
	// Last: the extra line may go, and the headers may move.
	if (extra->proxy.kind && direction == 1)
		proxy_protocol_from_server(w, p, s, extra);
	else if (extra->toa)
		client_address_forward(w, p, s, direction, room);
	else if (extra->uoa && direction == 0 && (s->form & FORM_KIND) != FORM_FAMILY)
		client_address_datagram(w, p, s, room);
	return true;
}

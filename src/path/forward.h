/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "path/worker.h"
#include "session/rewrite.h"

/* What forwarding an ordinary packet, a fragment and a rare event have in common. */

/* Of the IP packet: short frames are padded, and nobody wants padding counted. */
static inline unsigned int forward_length(const struct pkt *p, const uint8_t *l3)
{
	return unlikely(p->flags & PKT_IPV6) ? 40 + (l3[4] << 8 | l3[5]) : l3[2] << 8 | l3[3];
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

/*
 * event.c: the session's state after the packet, and what else its event asks for. False: the
 * packet goes no further, its fate is settled.
 */
bool forward_event(struct worker *w, struct batch *b, struct pkt *p, struct session *s,
		   unsigned int direction);
/*
 * event.c: what the session's extra line asks for: sequence numbers, the way back to the client, an
 * option that tells the server who the client is. The packet may grow by `room` bytes, and its
 * headers may move. False: its fate is settled.
 */
bool forward_extra(struct worker *w, struct batch *b, struct pkt *p, struct session *s,
		   unsigned int direction, unsigned int room);

/* By how much a packet of this length may grow on its way. */
static inline unsigned int nexthop_room(uint16_t nexthop, unsigned int length)
{
	unsigned int mtu = nexthop >= NEXTHOP_FIRST ? nexthop_table[nexthop].mtu : 0;

	return mtu > length ? mtu - length : 0;
}

/* forward.c: between Linux and a local address; what is not simply rewritten. */
void forward_local(struct worker *w, struct batch *b, struct pkt *p, struct session *s,
		   unsigned int direction);
void forward_form(struct worker *w, struct batch *b, unsigned int at, struct session *s,
		  uint16_t nexthop, unsigned int length);
/* lend.c: how often a packet has been passed on; a packet of a session that another worker has. */
unsigned int lend_hops(const struct pkt *p);
void lend_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s);

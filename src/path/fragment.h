/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "path/worker.h"

/*
 * reassembly.c: may this packet of the local lane be a fragment of a flow? Follow the flow with one
 * that is not for Linux alone; false: it is of another protocol. Held ones that go on now; those
 * that have waited too long.
 */
bool reassembly_wants(const struct pkt *p);
bool reassembly_take(struct worker *w, struct batch *b, unsigned int at);
unsigned int reassembly_released(struct worker *w, struct batch *b);
void tags_strip(struct pkt *p); // tags.c: what leads to its interface is known
void reassembly_expire(struct worker *w, uint64_t tsc);

/* fragment.c: may the packet be cut? Its pieces, one after the other; NULL: no buffer. */
struct fragmentation {
	const struct rte_mbuf *m;
	unsigned int l3, mtu;
	unsigned int at, end; // what is left, from the IP header
	bool ipv6;
	uint16_t offset;  // of the next piece, in units of eight bytes
	bool more, later; // fragments follow the whole; this is not the first piece
	uint8_t header[2][60];
	unsigned int header_length[2];
};
bool fragment_allowed(const struct pkt *p);
void fragment_begin(struct fragmentation *f, const struct rte_mbuf *m, unsigned int l3,
		    unsigned int mtu);
/* The same of IPv6, whose sender we are: `id` in network byte order. */
void fragment_begin6(struct fragmentation *f, const struct rte_mbuf *m, unsigned int l3,
		     unsigned int mtu, uint32_t id);
bool fragment_left(const struct fragmentation *f);
struct rte_mbuf *fragment_next(struct fragmentation *f);
/* All pieces, each a whole frame, linked by their `next`; NULL: no buffers, or too small an MTU. */
struct rte_mbuf *fragment_all(const struct fragmentation *f);
/* Put the pieces in the packet's place, to be sent; or drop it by name. */
void fragment_cut(struct pkt *p, unsigned int mtu);
void fragment_cut6(struct pkt *p, unsigned int mtu, uint32_t id);
/* Of a packet that was judged without knowing the MTU: what is to be sent, in pieces if need be. */
bool fragment_fit(struct worker *w, struct pkt *p, unsigned int mtu);
void fragment_free(struct rte_mbuf *pieces);

/* fragment.c: a fragment, and not the first of its datagram, so that it has no transport header? */
bool fragment_is_later(const struct pkt *p);
/*
 * fragment.c: all that is done to a packet of which all is allowed: events, sequence numbers,
 * addresses, counters. `room`: by how many bytes it may grow. False: it goes no further.
 */
bool fragment_change(struct worker *w, struct batch *b, struct pkt *p, struct session *s,
		     unsigned int direction, unsigned int length, unsigned int room);

/*
 * fragment.c: forward a fragment; forward a packet that has to leave in pieces.
 */
void fragment_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s,
		      unsigned int direction);
void fragment_forward_cut(struct worker *w, struct batch *b, unsigned int at, uint16_t nexthop,
			  unsigned int length);

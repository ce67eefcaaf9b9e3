/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

#include <rte_mbuf.h>

#include "base/drops.h"

/*
 * The vocabulary of the packet path. A batch of up to BATCH packets walks the five stages; each
 * packet is described by one cache line. Lanes are arrays of packet numbers, so that a stage
 * touches only the packets that concern it; the output stage goes by arrival order again, so that
 * a flow is never reordered.
 */
enum { BATCH = 64 };

/* A tuple as it stands on the wire, in network byte order, compared as a whole. */
struct key4 {
	uint32_t source;
	uint32_t destination;
	uint16_t source_port;
	uint16_t destination_port;
	uint32_t zone_protocol; // zone << 8 | protocol, host byte order
} __attribute__((aligned(8)));

struct key6 {
	uint8_t source[16];
	uint8_t destination[16];
	uint16_t source_port;
	uint16_t destination_port;
	uint32_t zone_protocol;
} __attribute__((aligned(8)));

/* What becomes of a packet; output carries it out. */
enum fate {
	FATE_DROP,   // and pkt.drop says why
	FATE_SEND,   // by next hop batch.nexthop[i]
	FATE_PUNT,   // to Linux, on the interface it came from, unchanged
	FATE_HAND,   // to another worker
	FATE_BARE,   // by the port of its interface, Ethernet header as it is (from Linux)
	FATE_PIECES, // as FATE_SEND: several frames, linked by `next` of their mbufs
	FATE_FOLLOW, // as FATE_HAND, with the ports of its datagram in the mbuf
	FATE_TAKEN,  // nothing left to do: the packet was freed or is kept somewhere
};

enum pkt_flags {
	PKT_IPV6 = 1 << 0,
	PKT_HANDED = 1 << 1,	  // came from another worker: never hand it over again
	PKT_FROM_KERNEL = 1 << 2, // came from a TAP
	PKT_ICMP_ERROR = 1 << 3,  // the key is the quoted packet's, turned round
	PKT_LOCAL = 1 << 4,	  // in the local lane; in the known lane: a fragment
	PKT_MULTICAST = 1 << 5,	  // its Ethernet destination is no single station
	PKT_NEW = 1 << 6,	  // its session was made in this batch
	PKT_READY = 1 << 7,	  // not to be parsed: the worker before says why (io/handoff.h)
};

struct pkt {
	struct rte_mbuf *mbuf;
	union {
		struct key4 key4;
		struct key6 key6;
	};
	uint32_t hash;	  // of the key
	uint32_t session; // entry of the index (session/session.h), 0: none found
	uint16_t iface;	  // index of the logical interface it came by
	uint8_t l3;	  // offset of the IP header in the frame
	uint8_t l4;	  // offset of the transport header from the IP header
	uint8_t flags;
	uint8_t tcp_flags; // of TCP; of SCTP its event (session/l4_sctp.h); of others 0
	uint8_t fate;
	uint8_t drop;
};
_Static_assert(sizeof(struct pkt) == 64, "a packet is described by one cache line");

struct lane {
	uint8_t at[BATCH];
	unsigned int count;
};

struct batch {
	struct pkt pkt[BATCH];
	unsigned int count;
	struct lane flow;	 // TCP, UDP and ICMP errors: to be looked up
	struct lane local;	 // the rest: for Linux or for nobody
	struct lane miss;	 // of the flow lane: no session found
	struct lane known;	 // of the flow lane: with a session
	struct lane zone;	 // inside a VNI, and nothing to be looked up
	uint16_t nexthop[BATCH]; // of packets with FATE_SEND
	uint8_t owner[BATCH];	 // of packets with FATE_HAND: to whom,
	uint32_t hand[BATCH];	 // and why (io/handoff.h)
	uint64_t classified;	 // a bit for each packet whose
	uint32_t source[BATCH];	 // class (balance/source_list.h) is known
	uint16_t seconds;	 // the clock that sessions are stamped with
	uint64_t tsc;		 // when the batch was received
};

static inline void lane_add(struct lane *lane, unsigned int packet)
{
	lane->at[lane->count++] = packet;
}

static inline void pkt_drop(struct pkt *p, enum drop reason)
{
	p->fate = FATE_DROP;
	p->drop = reason;
}

static inline uint8_t *pkt_l3(const struct pkt *p)
{
	return rte_pktmbuf_mtod_offset(p->mbuf, uint8_t *, p->l3);
}

static inline uint8_t *pkt_l4(const struct pkt *p)
{
	return pkt_l3(p) + p->l4;
}

/* The VNI that it came in, 0: the underlay. Of packets that have a key. */
static inline uint32_t pkt_zone(const struct pkt *p)
{
	return (p->flags & PKT_IPV6 ? p->key6.zone_protocol : p->key4.zone_protocol) >> 8;
}

static inline uint8_t pkt_protocol(const struct pkt *p)
{
	return p->flags & PKT_IPV6 ? p->key6.zone_protocol : p->key4.zone_protocol;
}

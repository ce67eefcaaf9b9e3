/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/memory.h"
#include "session/offer.h"

/*
 * Handshakes with real servers that weir makes itself for clients that have proved their address,
 * and the packets that these clients have sent meanwhile. Of one worker, and bounded: both pools
 * are as large as they ever get.
 *
 * There is no timer for each. All that have been sent the same number of SYNs wait equally long, so
 * they stand in a list in the order of their deadlines, and only its first is ever looked at.
 */
enum {
	HANDSHAKES = 16384,	  // at a time
	HANDSHAKE_PACKETS = 4096, // held for all of them together
	HANDSHAKE_LISTS = 4,	  // those with more SYNs are in the last
};

struct handshake {
	uint32_t entry;		 // of the session
	uint32_t next, previous; // in its list; `next` also while it is free
	uint32_t first, last;	 // of the packets that are held
	uint64_t deadline;	 // TSC
	struct rte_mbuf *syn;	 // on its way to the server: how it is known from a client's
	struct offer offer;	 // of the client; `time` its latest, `time_echo` weir's own
	uint32_t isn, cookie;	 // sequence numbers of the client's SYN and of weir's SYN-ACK
	uint16_t iface;		 // by which the client comes,
	uint8_t mac[6];		 // from this neighbour
	uint16_t window;	 // of the client's latest segment
	uint16_t acks, acks_max; // of the client, without data
	uint8_t promised_scale;	 // weir's window scale, OFFER_NO_SCALE: none
	uint8_t sent, sent_max;	 // SYNs
	uint8_t held, held_max;	 // packets
	bool silent;		 // the server never answered
};

/* A packet that is held, or that goes into the next batch. */
struct handshake_packet {
	struct rte_mbuf *mbuf;
	uint32_t next;
};

struct handshakes {
	struct handshake *of;		 // by number, from 1
	struct handshake_packet *packet; // likewise
	uint32_t free, free_packet;	 // heads of lists
	uint32_t used, packets;
	uint32_t first[HANDSHAKE_LISTS], last[HANDSHAKE_LISTS];
	uint32_t ready, ready_last; // packets for the next batch
	uint64_t due;		    // TSC: no deadline is before
	struct memory memory, packet_memory;
};

int handshakes_create(struct handshakes *h, unsigned int worker);
void handshakes_destroy(struct handshakes *h); // and all packets; also of one that is all zero

/* Is there a free one? */
static inline bool handshake_room(const struct handshakes *h)
{
	return h->free != 0 && h->free_packet != 0;
}

/* A number, the rest zero; only where there is room. And back: how many packets were freed. */
uint32_t handshake_take(struct handshakes *h);
unsigned int handshake_give(struct handshakes *h, uint32_t number);

/* One more SYN was sent: wait until `deadline`. */
void handshake_wait(struct handshakes *h, uint32_t number, uint64_t deadline);
/* One whose deadline is over, in no list any more; 0: none. */
uint32_t handshake_expired(struct handshakes *h, uint64_t now);

/* Hold a packet for later; false: there is no room. */
bool handshake_hold(struct handshakes *h, uint32_t number, struct rte_mbuf *m);
/* Put a packet into the next batch; false: there is no room. */
bool handshake_ready(struct handshakes *h, struct rte_mbuf *m);
/* All that are held, in their order, into the next batch. */
void handshake_release(struct handshakes *h, uint32_t number);
/* The next one for the batch; NULL: none. */
struct rte_mbuf *handshake_next_ready(struct handshakes *h);

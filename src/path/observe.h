/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "net/nexthop.h"
#include "path/trace.h"
#include "path/worker.h"

/*
 * What trace and capture have in common: records of matching packets, filled in by the workers and
 * read by the control thread. Off, it costs one test of a pointer per batch.
 *
 * A record is taken from a ring of free ones when the packet has been parsed, while its bytes are
 * still as they arrived, and put into the ring of complete ones when its fate is known. When the
 * control thread reads too slowly there is no free record, and the packet is only counted.
 */
enum { RECORDS = 1024, RECORD_BYTES = 2048 };

struct record {
	uint64_t tsc;
	uint32_t worker;
	uint32_t length;   // of the frame as it arrived
	uint32_t captured; // bytes of it in `bytes`
	uint16_t iface, nexthop;
	uint8_t flags, tcp_flags, fate, drop;
	uint8_t l3, l4, protocol, state;
	uint8_t form;	      // of the session
	bool ipv6, sent_ipv6; // as it arrived, and as it left
	uint32_t session, server;
	union {
		struct key4 key4;
		struct key6 key6;
	};
	struct key6 sent; // source, destination and ports that it left with (IPv4: first 4 bytes)
	uint8_t bytes[RECORD_BYTES];
};

struct observer {
	struct packet_filter filter;
	uint32_t wanted; // records still to be taken; atomic
	uint32_t snap;	 // bytes of each frame to keep
	uint32_t unread; // control: records still to be read
	uint64_t missed; // matching packets for which no record was free; atomic
	struct rte_ring *free, *complete;
	struct record *records;
};

/* Control: switch on for all workers, -EBUSY when it is on. NULL of observer_get(): it is off. */
int observer_begin(const struct packet_filter *filter, uint32_t packets, uint32_t snap);
struct observer *observer_get(void);
/* Control: the next complete record or NULL; give it back with observer_return(). */
struct record *observer_next(void);
void observer_return(struct record *r);
/* A record in words: its stages and its fate, on one line. */
void record_describe(const struct record *r, char *text, unsigned int size);
bool observer_finished(void);
void observer_end(void);

static inline bool observe_active(const struct worker *w)
{
	return w->observed != NULL;
}

void observe_arrivals(struct worker *w, struct batch *b); // after input()
void observe_fates(struct worker *w, struct batch *b);	  // before output() sends anything

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "path/workers.h"

/*
 * One queueing discipline (queue for short): what waits in it, and when the next packet may go. See
 * traffic_queue.c. It knows neither ports nor workers, and time is given to it.
 */
enum traffic_kind { TRAFFIC_PFIFO, TRAFFIC_BFIFO, TRAFFIC_PFIFO_FAST, TRAFFIC_TBF };

enum {
	TRAFFIC_BANDS = 3,
	TRAFFIC_FAST_LIMIT = 1000,     // packets in a pfifo_fast, as in Linux
	TRAFFIC_BURST_MAX = 256 << 20, // bytes: what a bucket's 64 bits hold
	TRAFFIC_PRIORITIES = 16,
};

/* Handles are major << 16 | minor; these two are none that a user can write. */
#define TRAFFIC_ROOT	UINT32_C(0xffffffff)
#define TRAFFIC_INGRESS UINT32_C(0xfffffff1)

struct traffic_queue_spec {
	uint32_t handle;
	uint32_t parent;	 // of TRAFFIC_ROOT and TRAFFIC_INGRESS 0
	uint32_t kind;		 // enum traffic_kind
	uint32_t burst;		 // tbf: bytes
	uint32_t mtu;		 // tbf with a peak rate: bytes
	uint32_t zero;		 // no padding: two are the same when their bytes are
	uint64_t limit;		 // pfifo: packets; bfifo, tbf: bytes
	uint64_t rate, peakrate; // tbf: bit/s; peakrate 0: none
};

struct traffic_list {
	struct rte_mbuf *first, *last; // linked by `next`
};

/* Tokens are bits times `hz`, so that what a tick of the clock brings is a whole number. */
struct traffic_bucket {
	uint64_t tokens, last;
};

struct traffic_counts {
	uint64_t packets, bytes; // that went through
	uint64_t drops, overlimits;
};

/*
 * Of an ingress queue that polices: what one worker may still let in. `granted` only grows and is
 * written by the worker that keeps the bucket, the rest by the worker itself.
 */
struct traffic_share {
	uint64_t used; // atomic
	struct traffic_counts counts;
	uint64_t granted __attribute__((aligned(64))); // atomic
} __attribute__((aligned(64)));

struct traffic_queue {
	struct traffic_queue_spec spec; // limit, rates and sizes: atomic, control may change them
	uint64_t hz;
	// The worker that owns it:
	struct traffic_list band[TRAFFIC_BANDS];
	struct rte_mbuf *held;	 // the next to go, when it is known
	bool late;		 // and it has been counted as one that has to wait
	unsigned int turn;	 // who was asked last for the next: 0 the queue itself, or a child
	uint64_t packets, bytes; // that wait here, with `held`; atomic
	struct traffic_bucket bucket, peak;
	struct traffic_counts counts;
	unsigned int share_turn;
	struct traffic_share share[]; // of an ingress queue, by worker
};

/* `workers`: of an ingress queue, 0: of an egress queue. NULL: no memory. */
struct traffic_queue *traffic_queue_create(const struct traffic_queue_spec *spec, uint64_t hz,
					   unsigned int workers);
/* With what waits in it; returns how many packets that were. */
unsigned int traffic_queue_destroy(struct traffic_queue *q);
/* Another limit, rate or size of the same kind, while workers run. */
void traffic_queue_change(struct traffic_queue *q, const struct traffic_queue_spec *spec);

/* May a packet of `length` bytes be put in? A reason to drop it is counted, here and by name. */
enum traffic_verdict { TRAFFIC_TAKEN, TRAFFIC_FULL, TRAFFIC_TOO_LONG };
enum traffic_verdict traffic_queue_put(struct traffic_queue *q, struct rte_mbuf *m,
				       unsigned int band);
/* The first of its own packets; NULL: none. It still counts as waiting. */
struct rte_mbuf *traffic_queue_take(struct traffic_queue *q);
/* A packet of a child is the next: it waits here from now on. */
void traffic_queue_hold(struct traffic_queue *q, struct rte_mbuf *m);
/* May `held` go now? Takes its tokens then; the packet is the caller's. */
bool traffic_queue_may_send(struct traffic_queue *q, uint64_t now);

/* The band of a TOS or traffic class, as Linux has it. */
unsigned int traffic_band(uint8_t tos);
extern const uint8_t traffic_priomap[TRAFFIC_PRIORITIES];

/*
 * Policing. The owner: let the bucket fill and hand out what is in it. A worker: may it let in so
 * many bytes, and take them.
 */
void traffic_queue_grant(struct traffic_queue *q, unsigned int workers, uint64_t now);
bool traffic_queue_may_pass(const struct traffic_queue *q, unsigned int worker, uint32_t length);
void traffic_queue_pass(struct traffic_queue *q, unsigned int worker, uint32_t length);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Limits of a service: connections at a time; new connections, packets and bits per second; of the
 * service as a whole and of each source. What a service may have is leased to the workers
 * (credits.h) and never exceeded in sum. A rate is a bucket that holds a tenth of a second (at least
 * one packet or connection): in t seconds at most rate * (t + 0.1) pass, and one more for each worker.
 */
enum limit_kind { LIMIT_CONNECTIONS, LIMIT_NEW, LIMIT_PACKETS, LIMIT_BITS, LIMIT_KINDS };

/* What becomes of a new connection that is refused. A packet over its rate is always dropped. */
enum limit_reaction { LIMIT_DROP, LIMIT_RESET, LIMIT_PROHIBITED };

/* 0: no limit. */
struct limit_settings {
	uint64_t service[LIMIT_KINDS];
	uint64_t source[LIMIT_KINDS];
	uint8_t prefix4, prefix6; // the part of a source's address that counts
	uint8_t reaction;	  // enum limit_reaction
	uint8_t zero[5];	  // compared as a whole
};

/*
 * What one worker has of a service's limits, and counts. "c": control writes, "w": the worker.
 * `asked` and `refused` are of all that came; `refused` of sources stands apart.
 */
struct limit_share {
	uint64_t lease;		     // c: connections that it may have
	uint64_t cost[LIMIT_KINDS];  // c: of each one, in cycles << LIMIT_SHIFT; 0: no limit
	uint64_t next[LIMIT_KINDS];  // w: TSC by which what has passed is paid
	uint64_t asked[LIMIT_KINDS]; // w
	uint64_t refused[LIMIT_KINDS], source_refused[LIMIT_KINDS]; // w
} __attribute__((aligned(64)));

enum { LIMIT_SHIFT = 16 };
#define LIMIT_NOTHING UINT64_MAX // as a cost: the worker has no lease

/* Settings do not change: others are another object. */
struct limit {
	struct limit_settings settings;
	uint64_t source_cost[LIMIT_KINDS];
	int64_t source_part[LIMIT_KINDS]; // of its rate, that its home gives a worker at once
	bool metered;		    // packets or bits are limited, of the service or of sources
	bool by_source;		    // anything is limited of sources
	bool tracked;		    // ... other than new connections: sessions are counted for them
	struct limit_share share[]; // by worker
};

/* By service number, NULL: none; 0: that of all services together. Workers read. */
extern struct limit **limit_table;

int limit_start(void);
void limit_stop(void);
/* Atomic: raised when limits of packets or bits are set, which sessions that go on have to know. */
extern uint32_t limit_epoch;
/* Of all workers: cycles of the TSC in a second, and a bucket's depth. */
void limit_clock(uint64_t hz);
extern uint64_t limit_depth;

/* Control: the limits of a service; all zero, none. 0 or -ENOMEM. */
int limit_set(uint32_t service, const struct limit_settings *settings);
bool limit_is_any(const struct limit_settings *settings);
/* Control, about ten times a second: move leases. */
void limit_tick(void);
/* Control: how often each has refused since the settings are these, of the service and of sources. */
void limit_refusals(uint32_t service, uint64_t refused[LIMIT_KINDS],
		    uint64_t of_sources[LIMIT_KINDS]);

/* Worker. */
static inline struct limit *limit_of(uint32_t service)
{
	return __atomic_load_n(&limit_table[service], __ATOMIC_CONSUME);
}

/* Worker: pay for so many at this rate; false: it cannot. */
static inline bool limit_pay(uint64_t *next, uint64_t cost, uint64_t count, uint64_t tsc)
{
	uint64_t due = *next > tsc ? *next : tsc;

	if (cost == LIMIT_NOTHING || due - tsc >= limit_depth)
		return false;
	*next = due + (count * cost >> LIMIT_SHIFT) + 1;
	return true;
}

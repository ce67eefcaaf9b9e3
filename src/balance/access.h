/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "balance/set.h"
#include "base/drops.h"
#include "io/batch.h"

/*
 * Access lists: who may begin something with a service, or with any service of the node. Who is on
 * a list of those denied may not, whatever else is said of him; where there is a list of those
 * allowed, nobody else may.
 *
 * The lists of a service stand in a table by its number; number 0, which no service has, is the
 * node. Each list or set that is referred to has a counter in every worker: how often it decided.
 */
enum { ACCESS_NODE = 0, ACCESS_HITS = 1 << 20 };

/* One list or set that is referred to. */
struct access_entry {
	uint32_t list;	       // of the source classifier; 0: ask the set
	uint32_t hits;	       // number of its counter
	const struct set *set; // NULL: addresses that were written down
};

struct access {
	uint64_t mask;	  // bit (list % 64) of each list: classes without one of these are on none
	bool needs_frame; // sets ask for more than addresses and ports
	bool asks;	  // sets have to be asked
	uint16_t denied;  // entries that deny; they stand first
	uint16_t allowed; // entries behind them that allow
	uint32_t missed;  // counter of those who are on no list of those allowed
	struct access_entry entries[];
};

int access_start(unsigned int workers);
void access_stop(void);
/* Control. Takes it; NULL: nothing is said. The one before goes after a grace period. */
void access_publish(uint32_t number, struct access *access);
const struct access *access_current(uint32_t number);
/* Counters, 0: none is left. They count on from what they had: see access_hits(). */
uint32_t access_hits_take(void);
void access_hits_free(uint32_t hits);
uint64_t access_hits(uint32_t hits); // of all workers together
/*
 * Control: lists have changed, so that sessions may be there that would not be let in now. Workers
 * look at all of theirs once and end those, unless `keep`.
 */
void access_changed(void);
void access_set_keep(bool keep);

extern uint32_t access_epoch;		   // atomic: raised by access_changed()
extern bool access_keep;		   // atomic: sessions stay whatever lists say
extern uint32_t access_users;		   // atomic: numbers that have lists
extern const struct access **access_table; // atomic, by service number

/* The counters of a worker. */
uint64_t *access_worker_hits(unsigned int worker);

/*
 * Worker: what lists say of a packet whose source is of this class; DROP_none, or the reason to drop
 * it. `counters` may be NULL.
 */
enum drop access_judge(uint32_t number, const struct pkt *p, uint32_t class, uint64_t *counters);
/* The same by those that deny alone. */
bool access_denies(const struct access *access, const struct pkt *p, uint32_t class,
		   uint64_t *counters);

static inline bool access_in_use(void)
{
	return __atomic_load_n(&access_users, __ATOMIC_RELAXED) > 0;
}

static inline const struct access *access_of(uint32_t number)
{
	return __atomic_load_n(&access_table[number], __ATOMIC_ACQUIRE);
}

/* Can it only be judged as long as the frame is there? */
static inline bool access_needs_frame(uint32_t number)
{
	const struct access *access = access_of(number);

	return access && access->needs_frame;
}

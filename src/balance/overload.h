/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "balance/balancer.h"
#include "balance/server.h"

/*
 * Real servers that take so many connections and no more, as LVS has it: established and other ones
 * together. One that has reached its upper threshold is overloaded: nothing new goes to it until it
 * has fewer than the lower threshold, or than three quarters of the upper one where that is 0.
 *
 * The connections are counted over all workers by leased credits (balance/credits.h): the upper
 * threshold is never exceeded. One worker alone does all of it exactly; of several, each has a lease,
 * and control finds out that all of it is used, and that enough has come free.
 */

/* Control: the thresholds of a server, 0: none. 0 or -ENOMEM. */
int overload_set(uint32_t server, uint32_t upper, uint32_t lower);
/* Control: has it an upper threshold? */
bool overload_is_set(uint32_t server);
/* Control: does it refuse new connections, on all workers? */
bool overload_is_on(uint32_t server);
/* Control, about ten times a second: move leases. */
void overload_tick(void);
void overload_stop(void);

/* Worker: may it have no more connections? */
static inline bool overload_refuses(const struct balancer *b, uint32_t server)
{
	struct server_count *c = &b->server_counts[server];
	uint32_t lease = __atomic_load_n(&c->lease, __ATOMIC_RELAXED), held;

	if (likely(lease == 0))
		return false;
	held = c->active + c->inactive;
	// It was full, and has not been given another lease since.
	if (c->stopped == lease &&
	    held >= __atomic_load_n(&server_table[server].resume, __ATOMIC_RELAXED))
		return true;
	c->stopped = held >= lease - 1 ? lease : 0;
	return c->stopped != 0;
}

/* Worker: another connection of it has begun. */
static inline void overload_note(const struct balancer *b, uint32_t server)
{
	struct server_count *c = &b->server_counts[server];
	uint32_t lease = __atomic_load_n(&c->lease, __ATOMIC_RELAXED);

	if (unlikely(lease != 0) && c->active + c->inactive >= lease - 1)
		c->stopped = lease;
}

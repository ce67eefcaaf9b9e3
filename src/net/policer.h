/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * A rate limit with a burst, for one thread. It is kept as the time at which the packets let
 * through so far would have arrived if they had come at exactly the rate; a packet passes while
 * that is ahead of the clock by less than the burst. All times in cycles of the same clock.
 */
struct policer {
	uint64_t due;	// when the next packet is due at the rate
	uint64_t cost;	// cycles of one packet; 0: no limit
	uint64_t depth; // how far `due` may run ahead: (burst - 1) * cost
};

/* `share`: among how many threads the rate and the burst are divided. `per_second` 0: no limit. */
void policer_init(struct policer *p, uint32_t per_second, uint32_t burst, unsigned int share,
		  uint64_t hz);

/* May a packet pass now? If so it is counted. */
static inline bool policer_take(struct policer *p, uint64_t now)
{
	uint64_t due = p->due > now ? p->due : now;

	if (due - now > p->depth)
		return false;
	p->due = due + p->cost;
	return true;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "io/batch.h"

/*
 * Fairness of what a worker does for anybody: answers, and packets that wait for a neighbour. Each
 * has a bound that one flood can use up. Beyond it there is a reserve, only for prefixes (/24 of
 * IPv4, /48 of IPv6) that have had few in this window of time. Prefixes are counted in a few
 * hundred cells by a hash, whose key changes with each window: who shares a cell with a flood does
 * so for one window. A flood from all prefixes at once uses up the reserve as well.
 */
enum { SHARE_CELLS = 256 };

struct source_share {
	uint64_t until; // TSC at which the window ends
	uint32_t windows, reserve_used;
	uint16_t used[SHARE_CELLS];
};

/* A source takes one from what is there for all. */
void source_share_count(struct source_share *s, const struct pkt *p, uint64_t tsc, uint64_t window);
/* That is used up: may it have one of the `reserve`, being a prefix that has had less than `few`? */
bool source_share_take(struct source_share *s, const struct pkt *p, uint64_t tsc, uint64_t window,
		       unsigned int few, unsigned int reserve);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * What is due when: a heap of items that stand inside the targets. Times are milliseconds of a
 * monotonic clock.
 */
struct schedule_item {
	uint64_t due;
	uint32_t place; // in the heap, from 1; 0: not in it
};

/* Put it in, or move it to another time. -ENOMEM only when it was not in. */
int schedule_set(struct schedule_item *item, uint64_t due);
void schedule_remove(struct schedule_item *item);
/* The one that is due first; NULL: none. */
struct schedule_item *schedule_first(void);
void schedule_stop(void);

/*
 * Where in a span of so many milliseconds the number-th of any count of items stands, so that they
 * are spread evenly however many come and go: multiples of the golden ratio, modulo 1.
 */
uint32_t schedule_phase(uint32_t number, uint32_t span);
/*
 * When the next check begins, of one that stands at `base` in a grid of `interval`: at the next place
 * of the grid, which becomes the base, and up to a tenth of the interval later, so that checks do
 * not run in step with something else. It may be before `now`, by less than an interval.
 */
uint64_t schedule_next(uint64_t *base, uint64_t now, uint32_t interval, uint32_t random);

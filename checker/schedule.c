/* SPDX-License-Identifier: BSD-3-Clause */
#include "schedule.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* The time stands in the heap too: items are far apart in memory, and most need not be touched. */
struct entry {
	uint64_t due;
	struct schedule_item *item;
};

static struct {
	struct entry *entries; // from 1, as in a textbook
	uint32_t count, room;
} heap;

static void place(struct entry entry, uint32_t at)
{
	heap.entries[at] = entry;
	entry.item->place = at;
}

static void rise(struct entry entry, uint32_t at)
{
	for (; at > 1 && heap.entries[at / 2].due > entry.due; at /= 2)
		place(heap.entries[at / 2], at);
	place(entry, at);
}

static void sink(struct entry entry, uint32_t at)
{
	for (uint32_t child; (child = 2 * at) <= heap.count; at = child) {
		if (child < heap.count && heap.entries[child + 1].due < heap.entries[child].due)
			child++;
		if (heap.entries[child].due >= entry.due)
			break;
		place(heap.entries[child], at);
	}
	place(entry, at);
}

int schedule_set(struct schedule_item *item, uint64_t due)
{
	uint32_t room = heap.room ? 2 * heap.room : 256;
	struct entry entry = {.due = due, .item = item}, *larger;

	if (item->place != 0) {
		bool later = due > item->due;

		item->due = due;
		(later ? sink : rise)(entry, item->place);
		return 0;
	}
	item->due = due;
	if (heap.count + 1 >= heap.room) {
		larger = realloc(heap.entries, room * sizeof(*larger));
		if (larger == NULL)
			return -ENOMEM;
		heap.entries = larger;
		heap.room = room;
	}
	rise(entry, ++heap.count);
	return 0;
}

void schedule_remove(struct schedule_item *item)
{
	uint32_t at = item->place;
	struct entry last;

	if (at == 0)
		return;
	item->place = 0;
	last = heap.entries[heap.count--];
	if (last.item == item)
		return;
	rise(last, at);
	sink(last, last.item->place);
}

struct schedule_item *schedule_first(void)
{
	return heap.count > 0 ? heap.entries[1].item : NULL;
}

void schedule_stop(void)
{
	free(heap.entries);
	heap.entries = NULL;
	heap.count = 0;
	heap.room = 0;
}

uint32_t schedule_phase(uint32_t number, uint32_t span)
{
	return (uint32_t)(((uint64_t)(number * 2654435769u) * span) >> 32);
}

uint64_t schedule_next(uint64_t *base, uint64_t now, uint32_t interval, uint32_t random)
{
	if (*base <= now)
		*base += interval;
	if (*base + interval <= now) // far behind: nothing was checked for a while
		*base += (now - *base) / interval * interval;
	return *base + random % (interval / 10 + 1);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "schedule.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

static struct {
	struct schedule_item **items; // from 1, as in a textbook
	uint32_t count, room;
} heap;

static void place(struct schedule_item *item, uint32_t at)
{
	heap.items[at] = item;
	item->place = at;
}

static void rise(struct schedule_item *item, uint32_t at)
{
	for (; at > 1 && heap.items[at / 2]->due > item->due; at /= 2)
		place(heap.items[at / 2], at);
	place(item, at);
}

static void sink(struct schedule_item *item, uint32_t at)
{
	for (uint32_t child; (child = 2 * at) <= heap.count; at = child) {
		if (child < heap.count && heap.items[child + 1]->due < heap.items[child]->due)
			child++;
		if (heap.items[child]->due >= item->due)
			break;
		place(heap.items[child], at);
	}
	place(item, at);
}

int schedule_set(struct schedule_item *item, uint64_t due)
{
	uint32_t room = heap.room ? 2 * heap.room : 256;
	struct schedule_item **larger;

	item->due = due;
	if (item->place != 0) {
		rise(item, item->place);
		sink(item, item->place);
		return 0;
	}
	if (heap.count + 1 >= heap.room) {
		larger = realloc(heap.items, room * sizeof(struct schedule_item *));
		if (larger == NULL)
			return -ENOMEM;
		heap.items = larger;
		heap.room = room;
	}
	rise(item, ++heap.count);
	return 0;
}

void schedule_remove(struct schedule_item *item)
{
	uint32_t at = item->place;
	struct schedule_item *last;

	if (at == 0)
		return;
	item->place = 0;
	last = heap.items[heap.count--];
	if (last == item)
		return;
	rise(last, at);
	sink(last, last->place);
}

struct schedule_item *schedule_first(void)
{
	return heap.count > 0 ? heap.items[1] : NULL;
}

void schedule_stop(void)
{
	free(heap.items);
	heap.items = NULL;
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

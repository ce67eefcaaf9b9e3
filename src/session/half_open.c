/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A ring of session numbers, written when a session begins and looked at when there is no room for
 * another. Nobody takes a session out when it is established or ends: its place is stale then, and
 * new sessions pay for tidying, a few places each: a second cursor moves what is not stale towards
 * the head, so that the order stays. It begins when there are twice as many places as were needed
 * last time. So the ring is as long as there are half-open sessions, a few lines for healthy
 * traffic, and the sessions that it looks at are young and in the cache.
 *
 * It has room for three times as many places as there may be half-open sessions: tidying reads four
 * places for each one that is added. Only a client that repeats itself can fill it.
 */
#include "session/half_open.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

enum { RING_MIN = 64, TAKE_STEPS = 32, TIDY_STEPS = 4 };

int half_open_create(struct half_open *h, unsigned int worker, bool wide, uint64_t count)
{
	uint32_t places = rte_align32pow2(3 * count + 4 * RING_MIN);
	char label[32];

	snprintf(label, sizeof(label), "half-open%s-%u", wide ? "-wide" : "", worker);
	memset(h, 0, sizeof(*h));
	h->mask = places - 1;
	h->enough = RING_MIN;
	if (memory_map(&h->memory, label, places * sizeof(*h->ring), MEMORY_SMALL) < 0)
		return -ENOMEM;
	h->ring = h->memory.base;
	return 0;
}

void half_open_destroy(struct half_open *h)
{
	memory_unmap(&h->memory);
}

/* A few bits of the client's end. */
static uint16_t half_open_print(struct session *s, bool wide)
{
	const struct key4 *narrow = session_key(s, wide, 0);
	uint32_t source;

	if (!session_key_is_ipv6(s, wide, 0))
		return narrow->source ^ narrow->source >> 16 ^ narrow->source_port;
	memcpy(&source, session_key6(s, 0)->source + 12, sizeof(source));
	return source ^ source >> 16 ^ session_key6(s, 0)->source_port;
}

static struct session *half_open_session(const struct table *t, bool wide, uint32_t number)
{
	return table_session(t, number | (wide ? ENTRY_WIDE : 0));
}

static bool place_is_stale(const struct half_open_place *place, const struct table *t, bool wide)
{
	struct session *s = half_open_session(t, wide, place->number);

	return s->state == STATE_NONE || !(s->flags & SESSION_HALF_OPEN) ||
	       half_open_print(s, wide) != place->print;
}

static void half_open_tidy(struct half_open *h, const struct table *t, bool wide)
{
	if (!h->tidying) {
		if (h->tail - h->head < h->enough)
			return;
		h->tidying = true;
		h->keep = h->scan = h->head;
	}
	for (unsigned int i = 0; i < TIDY_STEPS && h->scan != h->tail; i++, h->scan++) {
		struct half_open_place place = h->ring[h->scan & h->mask];

		if (!place_is_stale(&place, t, wide))
			h->ring[h->keep++ & h->mask] = place;
	}
	if (h->scan == h->tail) {
		h->tail = h->keep;
		h->tidying = false;
		h->enough = RTE_MIN(2 * (h->tail - h->head) + RING_MIN, h->mask / 2 + 1);
	}
}

/*
 * A client that begins one connection from one port again and again leaves places that all look
 * like those of its last session. They must not fill the ring: the oldest place is forgotten.
 */
static void half_open_forget(struct half_open *h)
{
	if (!h->tidying || h->head != h->keep) {
		h->head++;
		return;
	}
	if (h->scan == h->head)
		h->scan++;
	h->head = h->keep = h->scan;
}

void half_open_add(struct half_open *h, struct table *t, bool wide, uint32_t number,
		   uint16_t seconds)
{
	half_open_tidy(h, t, wide);
	if (unlikely(h->tail - h->head > h->mask))
		half_open_forget(h);
	h->ring[h->tail++ & h->mask] = (struct half_open_place){
		.number = number,
		.print = half_open_print(half_open_session(t, wide, number), wide),
		.seconds = seconds,
	};
}

uint32_t half_open_take(struct half_open *h, struct table *t, bool wide, uint16_t seconds,
			uint16_t age)
{
	for (unsigned int i = 0; i < TAKE_STEPS; i++) {
		const struct half_open_place *oldest;

		if (h->tidying && h->head == h->keep)
			h->head = h->keep = h->scan;
		if (h->head == h->tail)
			return 0;
		oldest = &h->ring[h->head & h->mask];
		if (place_is_stale(oldest, t, wide)) {
			h->head++;
			continue;
		}
		if ((uint16_t)(seconds - oldest->seconds) < age)
			return 0;
		h->head++;
		return oldest->number | (wide ? ENTRY_WIDE : 0);
	}
	return 0;
}

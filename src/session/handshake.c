/* SPDX-License-Identifier: BSD-3-Clause */
#include "session/handshake.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int handshakes_create(struct handshakes *h, unsigned int worker)
{
	char name[32];
	int result;

	memset(h, 0, sizeof(*h));
	snprintf(name, sizeof(name), "handshakes-%u", worker);
	result = memory_map(&h->memory, name, (HANDSHAKES + 1) * sizeof(*h->of), MEMORY_SMALL);
	if (result < 0)
		return result;
	snprintf(name, sizeof(name), "held-%u", worker);
	result = memory_map(&h->packet_memory, name, (HANDSHAKE_PACKETS + 1) * sizeof(*h->packet),
			    MEMORY_SMALL);
	if (result < 0) {
		memory_unmap(&h->memory);
		return result;
	}
	h->of = h->memory.base;
	h->packet = h->packet_memory.base;
	for (uint32_t i = HANDSHAKES; i > 0; i--) {
		h->of[i].next = h->free;
		h->free = i;
	}
	for (uint32_t i = HANDSHAKE_PACKETS; i > 0; i--) {
		h->packet[i].next = h->free_packet;
		h->free_packet = i;
	}
	h->due = UINT64_MAX;
	return 0;
}

static void packet_give(struct handshakes *h, uint32_t number)
{
	h->packet[number].next = h->free_packet;
	h->free_packet = number;
	h->packets--;
}

static unsigned int packets_free(struct handshakes *h, uint32_t number)
{
	unsigned int count = 0;

	for (; number; count++) {
		uint32_t next = h->packet[number].next;

		rte_pktmbuf_free(h->packet[number].mbuf);
		packet_give(h, number);
		number = next;
	}
	return count;
}

void handshakes_destroy(struct handshakes *h)
{
	for (unsigned int list = 0; h->of && list < HANDSHAKE_LISTS; list++)
		for (uint32_t i = h->first[list]; i; i = h->of[i].next)
			packets_free(h, h->of[i].first);
	if (h->packet)
		packets_free(h, h->ready);
	memory_unmap(&h->packet_memory);
	memory_unmap(&h->memory);
	memset(h, 0, sizeof(*h));
}

uint32_t handshake_take(struct handshakes *h)
{
	uint32_t number = h->free;

	h->free = h->of[number].next;
	memset(&h->of[number], 0, sizeof(h->of[number]));
	h->used++;
	return number;
}

static unsigned int list_of(const struct handshake *one)
{
	return RTE_MIN(one->sent, HANDSHAKE_LISTS) - 1;
}

static void due_find(struct handshakes *h)
{
	h->due = UINT64_MAX;
	for (unsigned int list = 0; list < HANDSHAKE_LISTS; list++)
		if (h->first[list])
			h->due = RTE_MIN(h->due, h->of[h->first[list]].deadline);
}

/* Out of the list that it waits in, if any. */
static void list_leave(struct handshakes *h, uint32_t number)
{
	struct handshake *one = &h->of[number];
	unsigned int list;

	if (one->deadline == 0)
		return;
	list = list_of(one);
	if (one->previous)
		h->of[one->previous].next = one->next;
	else
		h->first[list] = one->next;
	if (one->next)
		h->of[one->next].previous = one->previous;
	else
		h->last[list] = one->previous;
	one->deadline = 0;
	one->next = one->previous = 0;
}

unsigned int handshake_give(struct handshakes *h, uint32_t number)
{
	struct handshake *one = &h->of[number];
	unsigned int freed;

	list_leave(h, number);
	freed = packets_free(h, one->first);
	one->next = h->free;
	h->free = number;
	h->used--;
	return freed;
}

void handshake_wait(struct handshakes *h, uint32_t number, uint64_t deadline)
{
	struct handshake *one = &h->of[number];
	unsigned int list;

	list_leave(h, number);
	one->sent++;
	one->deadline = deadline;
	list = list_of(one);
	one->previous = h->last[list];
	if (one->previous)
		h->of[one->previous].next = number;
	else
		h->first[list] = number;
	h->last[list] = number;
	h->due = RTE_MIN(h->due, deadline);
}

uint32_t handshake_expired(struct handshakes *h, uint64_t now)
{
	if (now < h->due)
		return 0;
	for (unsigned int list = 0; list < HANDSHAKE_LISTS; list++) {
		uint32_t number = h->first[list];

		if (number && h->of[number].deadline <= now) {
			list_leave(h, number);
			return number;
		}
	}
	due_find(h);
	return 0;
}

/* A place for a packet, at the end of a list. */
static bool packet_add(struct handshakes *h, uint32_t *first, uint32_t *last, struct rte_mbuf *m)
{
	uint32_t number = h->free_packet;

	if (number == 0)
		return false;
	h->free_packet = h->packet[number].next;
	h->packets++;
	h->packet[number] = (struct handshake_packet){.mbuf = m};
	if (*first)
		h->packet[*last].next = number;
	else
		*first = number;
	*last = number;
	return true;
}

bool handshake_hold(struct handshakes *h, uint32_t number, struct rte_mbuf *m)
{
	struct handshake *one = &h->of[number];

	if (one->held >= one->held_max || !packet_add(h, &one->first, &one->last, m))
		return false;
	one->held++;
	return true;
}

bool handshake_ready(struct handshakes *h, struct rte_mbuf *m)
{
	return packet_add(h, &h->ready, &h->ready_last, m);
}

void handshake_release(struct handshakes *h, uint32_t number)
{
	struct handshake *one = &h->of[number];

	if (one->first == 0)
		return;
	if (h->ready)
		h->packet[h->ready_last].next = one->first;
	else
		h->ready = one->first;
	h->ready_last = one->last;
	one->first = one->last = 0;
	one->held = 0;
}

struct rte_mbuf *handshake_next_ready(struct handshakes *h)
{
	uint32_t number = h->ready;
	struct rte_mbuf *m;

	if (number == 0)
		return NULL;
	h->ready = h->packet[number].next;
	m = h->packet[number].mbuf;
	packet_give(h, number);
	return m;
}

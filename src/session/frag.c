/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Datagrams in a hash table with chains, and two lists by age: those that wait for their first
 * fragment, which are the first to go when there is no room (a flood of fragments without a first
 * displaces itself), and those whose ports are known. As all of a list live equally long, the
 * oldest of it is the next to expire. A datagram that was seen whole is forgotten at once.
 *
 * Ids: each worker has its share of all numbers and counts through it, by pair of addresses, so
 * that datagrams of different clients behind one local address never have the same one at a time
 * (RFC 6864, RFC 7739).
 */
#include "session/frag.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

int frag_create(struct frag_table *t, unsigned int worker)
{
	size_t entries = (FRAG_DATAGRAMS + 1) * sizeof(*t->entry);
	char label[32];
	int result;

	memset(t, 0, sizeof(*t));
	snprintf(label, sizeof(label), "fragments-%u", worker);
	result = memory_map(&t->memory, label, entries + FRAG_BUCKETS * sizeof(*t->bucket),
			    MEMORY_SMALL);
	if (result < 0)
		return result;
	t->entry = t->memory.base;
	t->bucket = (uint32_t *)((char *)t->memory.base + entries);
	for (uint32_t i = FRAG_DATAGRAMS; i > 0; i--) {
		t->entry[i].next = t->free;
		t->free = i;
	}
	for (uint32_t i = FRAG_HELD; i > 0; i--) {
		t->held[i].next = t->held_free;
		t->held_free = i;
	}
	for (unsigned int i = 0; i < FRAG_COUNTERS; i++)
		t->counter[i] = hash_two((const uint64_t[]){i, worker});
	return 0;
}

void frag_destroy(struct frag_table *t)
{
	struct rte_mbuf *m;
	struct frag *f;

	if (!t->entry)
		return;
	while (t->used > 0 && (f = frag_victim(t))) {
		while ((m = frag_take_held(t, f)))
			rte_pktmbuf_free(m);
		frag_remove(t, f);
	}
	while (frag_ready(t, &m, 1) > 0)
		rte_pktmbuf_free(m);
	memory_unmap(&t->memory);
	t->entry = NULL;
}

uint32_t frag_hash(const struct frag_key *key)
{
	_Static_assert(sizeof(*key) == 40, "a key is five words");
	uint64_t words[5];

	memcpy(words, key, sizeof(words));
	return hash_five(words);
}

static uint32_t *bucket_of(struct frag_table *t, const struct frag_key *key)
{
	return &t->bucket[frag_hash(key) % FRAG_BUCKETS];
}

static uint32_t number_of(const struct frag_table *t, const struct frag *f)
{
	return f - t->entry;
}

static void list_append(struct frag_table *t, struct frag *f)
{
	struct frag_list *list = &t->list[f->verdict != FRAG_WAITING];

	f->newer = 0;
	f->older = list->newest;
	*(list->newest ? &t->entry[list->newest].newer : &list->oldest) = number_of(t, f);
	list->newest = number_of(t, f);
}

static void list_leave(struct frag_table *t, struct frag *f)
{
	struct frag_list *list = &t->list[f->verdict != FRAG_WAITING];

	*(f->older ? &t->entry[f->older].newer : &list->oldest) = f->newer;
	*(f->newer ? &t->entry[f->newer].older : &list->newest) = f->older;
}

struct frag *frag_find(struct frag_table *t, const struct frag_key *key)
{
	for (uint32_t i = *bucket_of(t, key); i; i = t->entry[i].next)
		if (memcmp(&t->entry[i].key, key, sizeof(*key)) == 0)
			return &t->entry[i];
	return NULL;
}

struct frag *frag_add(struct frag_table *t, const struct frag_key *key, uint64_t deadline)
{
	uint32_t number = t->free, *bucket = bucket_of(t, key);
	struct frag *f = &t->entry[number];

	if (number == 0)
		return NULL;
	t->free = f->next;
	memset(f, 0, sizeof(*f));
	f->key = *key;
	f->deadline = deadline;
	f->next = *bucket;
	*bucket = number;
	list_append(t, f);
	t->used++;
	return f;
}

struct frag *frag_victim(struct frag_table *t)
{
	uint32_t number = t->list[0].oldest ? t->list[0].oldest : t->list[1].oldest;

	return number ? &t->entry[number] : NULL;
}

struct frag *frag_expired(struct frag_table *t, uint64_t tsc)
{
	for (unsigned int i = 0; i < 2; i++)
		if (t->list[i].oldest && tsc > t->entry[t->list[i].oldest].deadline)
			return &t->entry[t->list[i].oldest];
	return NULL;
}

void frag_remove(struct frag_table *t, struct frag *f)
{
	uint32_t number = number_of(t, f), *link = bucket_of(t, &f->key);

	assert(f->held == 0);
	while (*link != number)
		link = &t->entry[*link].next;
	*link = f->next;
	list_leave(t, f);
	f->next = t->free;
	t->free = number;
	t->used--;
}

void frag_decide(struct frag_table *t, struct frag *f, enum frag_verdict verdict, uint64_t deadline)
{
	bool moves = (f->verdict == FRAG_WAITING) != (verdict == FRAG_WAITING);

	if (moves)
		list_leave(t, f);
	f->verdict = verdict;
	if (moves) {
		f->deadline = deadline;
		list_append(t, f);
	}
}

/* Add a range that overlaps none, joined to its neighbours. */
static int range_add(struct frag *f, unsigned int start, unsigned int end)
{
	unsigned int before = FRAG_RANGES, after = FRAG_RANGES;

	for (unsigned int i = 0; i < f->range_count; i++) {
		if (f->range[i].end == start)
			before = i;
		if (f->range[i].start == end)
			after = i;
	}
	if (before < FRAG_RANGES && after < FRAG_RANGES) {
		f->range[before].end = f->range[after].end;
		f->range[after] = f->range[--f->range_count];
	} else if (before < FRAG_RANGES) {
		f->range[before].end = end;
	} else if (after < FRAG_RANGES) {
		f->range[after].start = start;
	} else if (f->range_count < FRAG_RANGES) {
		f->range[f->range_count].start = start;
		f->range[f->range_count++].end = end;
	} else {
		return -ENOSPC;
	}
	return 0;
}

int frag_note(struct frag *f, unsigned int start, unsigned int end, bool last)
{
	for (unsigned int i = 0; i < f->range_count; i++) {
		if (start >= f->range[i].start && end <= f->range[i].end)
			return -EEXIST;
		if (start < f->range[i].end && end > f->range[i].start)
			return -EINVAL;
		if (last && f->range[i].end > start)
			return -EINVAL;
	}
	if (f->total && (last || end > f->total))
		return -EINVAL;
	if (last)
		f->total = end;
	return range_add(f, start, end);
}

bool frag_is_over(const struct frag *f)
{
	return f->total && f->range_count == 1 && f->range[0].start == 0 &&
	       f->range[0].end == f->total && f->held == 0 && f->released == 0;
}

/* Of the prefix that a datagram comes from: packets that are held. */
static uint16_t *share_of(struct frag_table *t, const struct frag_key *key)
{
	uint64_t words[2] = {0, key->ipv6};

	memcpy(words, key->source, key->ipv6 ? 6 : 3);
	return &t->held_share[(uint64_t)hash_two(words) * FRAG_SHARES >> 32];
}

bool frag_hold(struct frag_table *t, struct frag *f, struct rte_mbuf *m)
{
	uint32_t number = t->held_free;
	uint16_t *share = share_of(t, &f->key);

	if (number == 0 || t->custody == FRAG_HELD || f->held_count == FRAG_HELD_EACH)
		return false;
	if (t->custody >= FRAG_HELD / 2 && *share >= FRAG_HELD_FEW)
		return false;
	(*share)++;
	t->held_free = t->held[number].next;
	t->held[number] = (struct frag_held){.mbuf = m, .next = f->held};
	f->held = number;
	f->held_count++;
	t->custody++;
	return true;
}

struct rte_mbuf *frag_take_held(struct frag_table *t, struct frag *f)
{
	uint32_t number = f->held;

	if (number == 0)
		return NULL;
	f->held = t->held[number].next;
	f->held_count--;
	(*share_of(t, &f->key))--;
	t->held[number].next = t->held_free;
	t->held_free = number;
	t->custody--;
	return t->held[number].mbuf;
}

void frag_release(struct frag_table *t, struct frag *f)
{
	unsigned int count = f->held_count;

	for (unsigned int i = count; i > 0; i--)
		t->ready[(t->ready_first + t->ready_count + i - 1) % FRAG_HELD] = frag_take_held(t,
												 f);
	t->ready_count += count;
	t->custody += count;
	f->released += count;
}

unsigned int frag_ready(struct frag_table *t, struct rte_mbuf **packets, unsigned int max)
{
	unsigned int count = RTE_MIN(max, t->ready_count);

	for (unsigned int i = 0; i < count; i++)
		packets[i] = t->ready[(t->ready_first + i) % FRAG_HELD];
	t->ready_first = (t->ready_first + count) % FRAG_HELD;
	t->ready_count -= count;
	t->custody -= count;
	return count;
}

uint32_t frag_id(struct frag_table *t, const void *source, const void *destination, bool ipv6,
		 unsigned int worker, unsigned int workers)
{
	uint32_t share = ipv6 ? UINT32_MAX / workers : (UINT16_MAX + 1u) / workers;
	struct frag_key key;
	uint32_t *counter;

	memset(&key, 0, sizeof(key));
	memcpy(key.source, source, ipv6 ? 16 : 4);
	memcpy(key.destination, destination, ipv6 ? 16 : 4);
	counter = &t->counter[frag_hash(&key) % FRAG_COUNTERS];
	return worker * share + (*counter)++ % share;
}

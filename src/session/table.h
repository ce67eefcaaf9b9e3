/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/memory.h"
#include "io/batch.h"
#include "session/session.h"

/*
 * The session table of one worker: a pool of session lines of each width, and one index of both.
 *
 * The index is an array of 64-byte buckets, each with ten entries of a 16-bit signature and a
 * 32-bit name (see session.h), and a count of entries whose home it is but which found it full:
 * they stand in a bucket further on. With ten entries and a load of at most 0.6 few ever do, so
 * a lookup reads one bucket line and one session line, and both can be fetched ahead.
 */
enum { BUCKET_ENTRIES = 10 };

struct bucket {
	uint16_t signature[BUCKET_ENTRIES]; // 0: empty
	uint16_t overflow;		    // entries that went on from here to a later bucket
	uint16_t spare;
	uint32_t entry[BUCKET_ENTRIES];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct bucket) == 64, "a bucket is one cache line");

struct session_pool {
	struct memory memory;
	uint32_t capacity; // numbers 1 to capacity
	uint32_t used;
	uint32_t high; // highest number ever used: what a sweep has to look at
	uint32_t free; // head of the list of freed numbers
};

struct table {
	struct bucket *buckets;
	uint32_t bucket_count;
	struct session *narrow;	   // = pools[0].memory.base, one line each
	struct session_wide *wide; // = pools[1].memory.base
	struct session_extra *extra;
	struct session_pool pool[2]; // by width
	struct session_pool extra_pool;
	struct memory index_memory;
};

int table_create(struct table *t, unsigned int worker, uint64_t sessions, uint64_t sessions_wide,
		 bool huge);
void table_destroy(struct table *t);

/*
 * The lookup stage's heart: for each packet of the flow lane find its session, with the cache
 * misses of all overlapped; fills in pkt.session and sorts the lane into known and miss.
 */
extern void (*table_find_batch)(struct table *t, struct batch *b);
/* Choose the widest compare that this CPU has: "SSE4", "AVX2", "AVX-512" or "scalar". */
const char *table_choose_instructions(void);

/* One key, not batched. The entry or 0. */
uint32_t table_find4(const struct table *t, const struct key4 *key, uint32_t hash);
uint32_t table_find6(const struct table *t, const struct key6 *key, uint32_t hash);

/*
 * A new session line, zeroed but for its number; NULL when the pool is full. The caller fills in
 * both keys and then calls table_insert(), or gives the line back with table_free().
 */
struct session *table_allocate(struct table *t, bool wide, uint32_t *number);
void table_free(struct table *t, bool wide, uint32_t number);
/* Enter the keys, of a one-way session only the first; the caller made sure that none is there. */
void table_insert(struct table *t, bool wide, uint32_t number);
/* Take out the keys and free the line and its extra line. */
void table_remove(struct table *t, bool wide, uint32_t number);

/* The extra line of a session that has none yet; NULL when that pool is full. */
struct session_extra *table_extra_allocate(struct table *t, struct session *s);
/* Is there one more? */
static inline bool table_extra_room(const struct table *t)
{
	return t->extra_pool.used < t->extra_pool.capacity;
}
void table_extra_free(struct table *t, struct session *s);
static inline struct session_extra *table_extra(const struct table *t, const struct session *s)
{
	return &t->extra[s->extra];
}

static inline struct session *table_session(const struct table *t, uint32_t entry)
{
	uint32_t number = entry & ENTRY_NUMBER;

	return entry & ENTRY_WIDE ? &t->wide[number].head : &t->narrow[number];
}

static inline uint32_t key4_hash(const struct key4 *k)
{
	return hash_two((const uint64_t *)k);
}

static inline uint32_t key6_hash(const struct key6 *k)
{
	return hash_five((const uint64_t *)k);
}

/* Of the tuple of one direction. */
static inline uint32_t session_hash(struct session *s, bool wide, unsigned int direction)
{
	return session_key_is_ipv6(s, wide, direction) ? key6_hash(session_key6(s, direction))
						       : key4_hash(session_key(s, wide, direction));
}

static inline struct bucket *table_home(const struct table *t, uint32_t hash)
{
	return &t->buckets[(uint64_t)hash * t->bucket_count >> 32];
}

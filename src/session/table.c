/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The session table.
 *
 * A lookup of one packet alone waits for two cache misses in a row: the bucket, then the session
 * that the bucket names. A batch does not: the input stage has already asked for all bucket lines,
 * the first pass here compares signatures and asks for all session lines, and the second compares
 * keys. With a million sessions that is the difference between 1000 and 60 cycles a packet.
 *
 * Both sessions lines and index are used by one worker only; nothing is locked.
 */
#include "session/table.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_cpuflags.h>
#include <rte_prefetch.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

static inline uint16_t signature_of(uint32_t hash)
{
	uint16_t signature = hash;

	return signature ? signature : 1;
}

/* Bit i is set when entry i has the signature. The pieces below differ by instruction set only. */
#define MATCH_MASK ((1u << BUCKET_ENTRIES) - 1)

static inline __attribute__((always_inline)) uint32_t match_scalar(const struct bucket *b,
								   uint16_t signature)
{
	uint32_t mask = 0;

	for (unsigned int i = 0; i < BUCKET_ENTRIES; i++)
		mask |= (uint32_t)(b->signature[i] == signature) << i;
	return mask;
}

#ifdef __x86_64__
static inline __attribute__((always_inline)) uint32_t match_sse4(const struct bucket *b,
								 uint16_t signature)
{
	__m128i want = _mm_set1_epi16(signature);
	__m128i low = _mm_load_si128((const __m128i *)b->signature);
	__m128i high = _mm_cvtsi32_si128(*(const int *)&b->signature[8]);
	__m128i packed = _mm_packs_epi16(_mm_cmpeq_epi16(low, want), _mm_cmpeq_epi16(high, want));

	return _mm_movemask_epi8(packed) & MATCH_MASK;
}

static inline __attribute__((always_inline, target("avx2"))) uint32_t
match_avx2(const struct bucket *b, uint16_t signature)
{
	__m256i line = _mm256_load_si256((const __m256i *)b);
	__m256i equal = _mm256_cmpeq_epi16(line, _mm256_set1_epi16(signature));
	__m128i packed = _mm_packs_epi16(_mm256_castsi256_si128(equal),
					 _mm256_extracti128_si256(equal, 1));

	return _mm_movemask_epi8(packed) & MATCH_MASK;
}

static inline __attribute__((always_inline, target("avx512vl,avx512bw"))) uint32_t
match_avx512(const struct bucket *b, uint16_t signature)
{
	__m256i line = _mm256_load_si256((const __m256i *)b);

	return _mm256_cmpeq_epi16_mask(line, _mm256_set1_epi16(signature)) & MATCH_MASK;
}
#endif

/* Where there is one packet only: what every CPU has that DPDK runs on. */
#ifdef __x86_64__
#define match_one match_sse4
#else
#define match_one match_scalar
#endif

static inline bool key4_equal(const struct key4 *a, const struct key4 *b)
{
	const uint64_t *x = (const uint64_t *)a, *y = (const uint64_t *)b;

	return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

static inline bool key6_equal(const struct key6 *a, const struct key6 *b)
{
	const uint64_t *x = (const uint64_t *)a, *y = (const uint64_t *)b;

	return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4])) == 0;
}

/* Does the entry's session have this key in the entry's direction? */
static inline bool entry_is4(const struct table *t, uint32_t entry, const struct key4 *key)
{
	unsigned int direction = entry & ENTRY_REVERSE ? 1 : 0;

	return !(entry & ENTRY_WIDE) && key4_equal(&table_session(t, entry)->key4[direction], key);
}

/*
 * The same of a session of two families. Whoever chooses addresses cannot make an IPv6 tuple pass
 * for an IPv4 one: the form and the place itself say which it is.
 */
static bool entry_is_other4(const struct table *t, uint32_t entry, const struct key4 *key)
{
	unsigned int direction = entry & ENTRY_REVERSE ? 1 : 0;
	struct session *s = table_session(t, entry);

	return (entry & ENTRY_WIDE) && (s->form & FORM_KIND) == FORM_FAMILY &&
	       !session_key_is_ipv6(s, true, direction) &&
	       key4_equal(session_key(s, true, direction), key);
}

static inline bool entry_is6(const struct table *t, uint32_t entry, const struct key6 *key)
{
	unsigned int direction = entry & ENTRY_REVERSE ? 1 : 0;

	return (entry & ENTRY_WIDE) &&
	       key6_equal(session_key6(table_session(t, entry), direction), key);
}

static inline struct bucket *bucket_after(const struct table *t, struct bucket *b)
{
	return ++b == t->buckets + t->bucket_count ? t->buckets : b;
}

static uint32_t find_any(const struct table *t, const void *key, bool ipv6, uint32_t hash)
{
	struct bucket *b = table_home(t, hash);
	uint16_t signature = signature_of(hash);

	for (;;) {
		for (uint32_t mask = match_one(b, signature); mask; mask &= mask - 1) {
			uint32_t entry = b->entry[__builtin_ctz(mask)];

			if (ipv6 ? entry_is6(t, entry, key)
				 : entry_is4(t, entry, key) || entry_is_other4(t, entry, key))
				return entry;
		}
		if (b->overflow == 0)
			return 0;
		b = bucket_after(t, b);
	}
}

uint32_t table_find4(const struct table *t, const struct key4 *key, uint32_t hash)
{
	return find_any(t, key, false, hash);
}

uint32_t table_find6(const struct table *t, const struct key6 *key, uint32_t hash)
{
	return find_any(t, key, true, hash);
}

/* When the first candidate was another session, or one of two families: look at all candidates. */
static __attribute__((noinline)) uint32_t find_again(const struct table *t, const struct pkt *p)
{
	if (!(p->flags & PKT_IPV6) && entry_is_other4(t, p->session, &p->key4))
		return p->session;
	return find_any(t, &p->key4, p->flags & PKT_IPV6, p->hash);
}

static inline __attribute__((always_inline)) void
find_batch(struct table *t, struct batch *b,
	   uint32_t (*match)(const struct bucket *b, uint16_t signature))
{
	const struct lane *flow = &b->flow;
	unsigned int count = flow->count, known = 0, miss = 0;

	for (unsigned int i = 0; i < count; i++) {
		struct pkt *p = &b->pkt[flow->at[i]];
		const struct bucket *home = table_home(t, p->hash);
		uint32_t mask = match(home, signature_of(p->hash));

		// Session 0 of the narrow pool never matches: it stands for "look further on".
		p->session = mask ? home->entry[__builtin_ctz(mask)] : 0;
		if (mask) {
			struct session *s = table_session(t, p->session);

			__builtin_prefetch(s, 1, 3);
			if (p->session & ENTRY_WIDE)
				__builtin_prefetch((char *)s + 64, 1, 3);
		} else if (home->overflow) {
			p->session = ENTRY_REVERSE;
		}
	}
	for (unsigned int i = 0; i < count; i++) {
		unsigned int at = flow->at[i];
		struct pkt *p = &b->pkt[at];

		if (p->session != 0 && !(p->flags & PKT_IPV6 ? entry_is6(t, p->session, &p->key6)
							     : entry_is4(t, p->session, &p->key4)))
			p->session = find_again(t, p);
		b->known.at[known] = at;
		known += p->session != 0;
		b->miss.at[miss] = at;
		miss += p->session == 0;
	}
	b->known.count = known;
	b->miss.count = miss;
}

static void find_batch_scalar(struct table *t, struct batch *b)
{
	find_batch(t, b, match_scalar);
}

#ifdef __x86_64__
static void find_batch_sse4(struct table *t, struct batch *b)
{
	find_batch(t, b, match_sse4);
}

static __attribute__((target("avx2"))) void find_batch_avx2(struct table *t, struct batch *b)
{
	find_batch(t, b, match_avx2);
}

static __attribute__((target("avx512vl,avx512bw"))) void find_batch_avx512(struct table *t,
									   struct batch *b)
{
	find_batch(t, b, match_avx512);
}
#endif

void (*table_find_batch)(struct table *t, struct batch *b) = find_batch_scalar;

const char *table_choose_instructions(void)
{
#ifdef __x86_64__
	if (rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512VL) > 0 &&
	    rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512BW) > 0) {
		table_find_batch = find_batch_avx512;
		return "AVX-512";
	}
	if (rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX2) > 0) {
		table_find_batch = find_batch_avx2;
		return "AVX2";
	}
	table_find_batch = find_batch_sse4; // part of what DPDK itself asks for
	return "SSE4";
#else
	return "scalar";
#endif
}

static int pool_create(struct session_pool *pool, const char *name, unsigned int worker,
		       uint64_t capacity, size_t line, enum memory_pages pages)
{
	char label[32];

	memset(pool, 0, sizeof(*pool));
	if (capacity > ENTRY_NUMBER)
		return -EINVAL;
	pool->capacity = capacity;
	snprintf(label, sizeof(label), "%s-%u", name, worker);
	return memory_map(&pool->memory, label, (capacity + 1) * line, pages);
}

/* A free number, from the list in the lines themselves; 0 when all are taken. */
static uint32_t pool_take(struct session_pool *pool, size_t line)
{
	uint32_t number = pool->free;

	if (number) {
		memcpy(&pool->free, (char *)pool->memory.base + number * line, sizeof(uint32_t));
		// The next one to be taken: its line is cold, and here is some time until then.
		__builtin_prefetch((char *)pool->memory.base + pool->free * line, 1, 3);
	} else if (pool->high < pool->capacity)
		number = ++pool->high;
	else
		return 0;
	pool->used++;
	memset((char *)pool->memory.base + number * line, 0, line);
	return number;
}

static void pool_give(struct session_pool *pool, uint32_t number, size_t line)
{
	memcpy((char *)pool->memory.base + number * line, &pool->free, sizeof(uint32_t));
	pool->free = number;
	pool->used--;
}

int table_create(struct table *t, unsigned int worker, uint64_t sessions, uint64_t sessions_wide,
		 bool huge)
{
	enum memory_pages pages = huge ? MEMORY_HUGE : MEMORY_LARGE;
	char label[32];
	int result;

	memset(t, 0, sizeof(*t));
	// Two entries a session, ten to a bucket, five to six of which are in use when all is full.
	t->bucket_count = (sessions + sessions_wide) * 2 / 5.5 / (BUCKET_ENTRIES / 10) + 16;
	snprintf(label, sizeof(label), "index-%u", worker);
	result = memory_map(&t->index_memory, label, t->bucket_count * sizeof(struct bucket),
			    pages);
	if (result < 0)
		return result;
	result = pool_create(&t->pool[0], "sessions", worker, sessions, sizeof(struct session),
			     pages);
	if (result < 0)
		goto unmap_index;
	result = pool_create(&t->pool[1], "sessions-wide", worker, sessions_wide,
			     sizeof(struct session_wide), pages);
	if (result < 0)
		goto unmap_narrow;
	/*
	 * One for each: with a SYN proxy they all keep theirs. Without one hardly any is in use, so
	 * these pages are never reserved: what is not touched costs nothing.
	 */
	result = pool_create(&t->extra_pool, "extras", worker, sessions + sessions_wide,
			     sizeof(struct session_extra), MEMORY_LARGE);
	if (result < 0)
		goto unmap_wide;
	t->buckets = t->index_memory.base;
	t->narrow = t->pool[0].memory.base;
	t->wide = t->pool[1].memory.base;
	t->extra = t->extra_pool.memory.base;
	return 0;

unmap_wide:
	memory_unmap(&t->pool[1].memory);
unmap_narrow:
	memory_unmap(&t->pool[0].memory);
unmap_index:
	memory_unmap(&t->index_memory);
	return result;
}

void table_destroy(struct table *t)
{
	memory_unmap(&t->extra_pool.memory);
	memory_unmap(&t->pool[1].memory);
	memory_unmap(&t->pool[0].memory);
	memory_unmap(&t->index_memory);
}

static size_t line_size(bool wide)
{
	return wide ? sizeof(struct session_wide) : sizeof(struct session);
}

struct session *table_allocate(struct table *t, bool wide, uint32_t *number)
{
	*number = pool_take(&t->pool[wide], line_size(wide));
	if (*number == 0)
		return NULL;
	return table_session(t, *number | (wide ? ENTRY_WIDE : 0));
}

void table_free(struct table *t, bool wide, uint32_t number)
{
	struct session *s = table_session(t, number | (wide ? ENTRY_WIDE : 0));

	if (s->flags & SESSION_EXTRA)
		pool_give(&t->extra_pool, s->extra, sizeof(struct session_extra));
	s->state = STATE_NONE;
	pool_give(&t->pool[wide], number, line_size(wide));
}

static void entry_insert(struct table *t, uint32_t entry, uint32_t hash)
{
	struct bucket *b = table_home(t, hash);

	for (;; b = bucket_after(t, b)) {
		uint32_t empty = match_one(b, 0);

		if (empty) {
			unsigned int i = __builtin_ctz(empty);

			b->signature[i] = signature_of(hash);
			b->entry[i] = entry;
			return;
		}
		b->overflow++;
	}
}

static void entry_remove(struct table *t, uint32_t entry, uint32_t hash)
{
	struct bucket *b = table_home(t, hash);
	uint16_t signature = signature_of(hash);

	for (;; b = bucket_after(t, b)) {
		for (uint32_t mask = match_one(b, signature); mask; mask &= mask - 1) {
			unsigned int i = __builtin_ctz(mask);

			if (b->entry[i] == entry) {
				b->signature[i] = 0;
				return;
			}
		}
		// It went past here when it was entered, and is the one that is counted no more.
		assert(b->overflow > 0);
		b->overflow--;
	}
}

void table_insert(struct table *t, bool wide, uint32_t number)
{
	uint32_t entry = number | (wide ? ENTRY_WIDE : 0);
	struct session *s = table_session(t, entry);

	if (!(s->form & FORM_ONE_PACKET))
		entry_insert(t, entry, session_hash(s, wide, 0));
	if (session_is_two_way(s))
		entry_insert(t, entry | ENTRY_REVERSE, session_hash(s, wide, 1));
}

void table_remove(struct table *t, bool wide, uint32_t number)
{
	uint32_t entry = number | (wide ? ENTRY_WIDE : 0);
	struct session *s = table_session(t, entry);

	if (!(s->form & FORM_ONE_PACKET))
		entry_remove(t, entry, session_hash(s, wide, 0));
	if (session_is_two_way(s))
		entry_remove(t, entry | ENTRY_REVERSE, session_hash(s, wide, 1));
	table_free(t, wide, number);
}

struct session_extra *table_extra_allocate(struct table *t, struct session *s)
{
	uint32_t number = pool_take(&t->extra_pool, sizeof(struct session_extra));

	assert(!(s->flags & SESSION_EXTRA));
	if (number == 0)
		return NULL;
	s->extra = number;
	s->flags |= SESSION_EXTRA;
	return &t->extra[number];
}

void table_extra_free(struct table *t, struct session *s)
{
	assert(s->flags & SESSION_EXTRA);
	pool_give(&t->extra_pool, s->extra, sizeof(struct session_extra));
	s->extra = 0;
	s->flags &= ~SESSION_EXTRA;
}

struct key6 key6_turn(const struct key6 *k)
{
	struct key6 out;

	memcpy(out.source, k->destination, 16);
	memcpy(out.destination, k->source, 16);
	out.source_port = k->destination_port;
	out.destination_port = k->source_port;
	out.zone_protocol = k->zone_protocol;
	return out;
}

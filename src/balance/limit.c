/* SPDX-License-Identifier: BSD-3-Clause */
#include "balance/limit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balance/counts.h"
#include "balance/credits.h"
#include "balance/limit_mail.h"
#include "balance/service.h"
#include "base/memory.h"
#include "io/rcu.h"

/*
 * Control keeps, beside each published limit, who has which lease. A rate is leased as connections
 * are; what a worker makes of its part is a bucket of its own. `next` of a worker whose lease grew
 * keeps what it has paid.
 */
enum { DEPTH_PART = 10, RATE_MIN_BITS = 1000 };
enum { SOURCE_PARTS = 10, FRAME_BITS = 8 * 1514 };

struct leased {
	uint32_t service;
	struct limit *limit;
	struct credits_share *shares[LIMIT_KINDS]; // of each worker
	uint64_t *asked[LIMIT_KINDS];		   // by the last round
};

struct limit **limit_table;
uint32_t limit_epoch;
uint64_t limit_depth;
static uint64_t limit_hz;
static struct memory table_memory;
static struct leased *leased;
static unsigned int leased_count, leased_room;
static uint64_t token;
static bool moving;

int limit_start(void)
{
	int result = memory_map(&table_memory, "limits", SERVICE_MAX * sizeof(*limit_table),
				MEMORY_SMALL);

	if (result < 0)
		return result;
	limit_table = table_memory.base;
	result = limit_mail_start(counts_workers());
	if (result < 0) {
		memory_unmap(&table_memory);
		limit_table = NULL;
	}
	return result;
}

static void leased_free(struct leased *l)
{
	for (unsigned int kind = 0; kind < LIMIT_KINDS; kind++) {
		free(l->shares[kind]);
		free(l->asked[kind]);
	}
}

void limit_stop(void)
{
	for (unsigned int i = 0; i < leased_count; i++) {
		free(leased[i].limit);
		leased_free(&leased[i]);
	}
	free(leased);
	leased = NULL;
	leased_count = leased_room = 0;
	moving = false;
	limit_mail_stop();
	memory_unmap(&table_memory);
	limit_table = NULL;
}

void limit_clock(uint64_t hz)
{
	limit_hz = hz;
	limit_depth = hz / DEPTH_PART;
}

bool limit_is_any(const struct limit_settings *settings)
{
	for (unsigned int kind = 0; kind < LIMIT_KINDS; kind++)
		if (settings->service[kind] || settings->source[kind])
			return true;
	return false;
}

/* Rounded up: rather a little less than more. */
static uint64_t cost_of(uint64_t rate, enum limit_kind kind)
{
	if (rate == 0 || (kind == LIMIT_BITS && rate < RATE_MIN_BITS))
		return LIMIT_NOTHING;
	return (uint64_t)((((unsigned __int128)limit_hz << LIMIT_SHIFT) + rate - 1) / rate);
}

static void lease_show(const struct leased *l, enum limit_kind kind, unsigned int worker)
{
	uint64_t lease = l->shares[kind][worker].lease;
	struct limit_share *share = &l->limit->share[worker];

	if (kind == LIMIT_CONNECTIONS)
		__atomic_store_n(&share->lease, lease, __ATOMIC_RELEASE);
	else
		__atomic_store_n(&share->cost[kind], cost_of(lease, kind), __ATOMIC_RELEASE);
}

static uint64_t held_of(const struct leased *l, unsigned int worker)
{
	const struct service_count *c = &counts_services(worker)[l->service];

	return (uint64_t)__atomic_load_n(&c->active, __ATOMIC_RELAXED) +
	       __atomic_load_n(&c->inactive, __ATOMIC_RELAXED);
}

static void leased_move(struct leased *l)
{
	unsigned int workers = counts_workers();

	for (unsigned int kind = 0; kind < LIMIT_KINDS; kind++) {
		if (l->limit->settings.service[kind] == 0)
			continue;
		for (unsigned int i = 0; i < workers; i++) {
			struct credits_share *share = &l->shares[kind][i];
			uint64_t asked = __atomic_load_n(&l->limit->share[i].asked[kind],
							 __ATOMIC_RELAXED);

			share->held = kind == LIMIT_CONNECTIONS ? held_of(l, i) : 0;
			// Half of what it was: one quiet tenth of a second is no reason to move all.
			share->wanted = share->wanted / 2 + (asked - l->asked[kind][i]);
			l->asked[kind][i] = asked;
		}
		credits_move(l->limit->settings.service[kind], l->shares[kind], workers);
		for (unsigned int i = 0; i < workers; i++)
			lease_show(l, kind, i);
	}
}

static void moves_begin(void)
{
	moving = counts_workers() > 1;
	if (moving)
		token = rcu_token();
}

void limit_tick(void)
{
	if (leased_count == 0 || (moving && !rcu_passed(token)))
		return;
	for (unsigned int i = 0; i < leased_count; i++) {
		for (unsigned int kind = 0; moving && kind < LIMIT_KINDS; kind++)
			credits_settle(leased[i].shares[kind], counts_workers());
		leased_move(&leased[i]);
	}
	moves_begin();
}

/* What a source's home gives to another worker at once: a packet or connection at least. */
static void sources_prepare(struct limit *limit)
{
	static const uint64_t least[LIMIT_KINDS] = {
		[LIMIT_NEW] = 1, [LIMIT_PACKETS] = 1, [LIMIT_BITS] = FRAME_BITS};

	for (unsigned int kind = 0; kind < LIMIT_KINDS; kind++) {
		uint64_t rate = limit->settings.source[kind], part = rate / SOURCE_PARTS;

		limit->source_cost[kind] = rate ? cost_of(rate, kind) : 0;
		limit->source_part[kind] = part > least[kind] ? part : least[kind];
		limit->by_source |= rate != 0;
		limit->tracked |= rate != 0 && kind != LIMIT_NEW;
	}
}

static struct limit *limit_make(const struct limit_settings *settings)
{
	size_t size = sizeof(struct limit) + counts_workers() * sizeof(struct limit_share);
	struct limit *limit = aligned_alloc(64, (size + 63) / 64 * 64);

	if (!limit)
		return NULL;
	memset(limit, 0, size);
	limit->settings = *settings;
	sources_prepare(limit);
	limit->metered = settings->service[LIMIT_PACKETS] || settings->service[LIMIT_BITS] ||
			 settings->source[LIMIT_PACKETS] || settings->source[LIMIT_BITS];
	return limit;
}

static struct leased *leased_find(uint32_t service)
{
	for (unsigned int i = 0; i < leased_count; i++)
		if (leased[i].service == service)
			return &leased[i];
	return NULL;
}

static struct leased *leased_add(uint32_t service)
{
	struct leased new = {.service = service};

	if (leased_count == leased_room) {
		unsigned int room = leased_room ? 2 * leased_room : 16;
		struct leased *more = realloc(leased, room * sizeof(*more));

		if (!more)
			return NULL;
		leased = more;
		leased_room = room;
	}
	for (unsigned int kind = 0; kind < LIMIT_KINDS; kind++) {
		new.shares[kind] = calloc(counts_workers(), sizeof(*new.shares[kind]));
		new.asked[kind] = calloc(counts_workers(), sizeof(*new.asked[kind]));
		if (!new.shares[kind] || !new.asked[kind]) {
			leased_free(&new);
			return NULL;
		}
	}
	leased[leased_count] = new;
	return &leased[leased_count++];
}

static void leased_remove(struct leased *l)
{
	__atomic_store_n(&limit_table[l->service], NULL, __ATOMIC_RELEASE);
	rcu_defer(free, l->limit);
	leased_free(l);
	*l = leased[--leased_count];
}

int limit_set(uint32_t service, const struct limit_settings *settings)
{
	struct leased *l = limit_of(service) ? leased_find(service) : NULL;
	struct limit *limit, *old;

	if (!limit_is_any(settings)) {
		if (l)
			leased_remove(l);
		return 0;
	}
	if (l && memcmp(&l->limit->settings, settings, sizeof(*settings)) == 0)
		return 0;
	limit = limit_make(settings);
	if (!limit)
		return -ENOMEM;
	if (!l)
		l = leased_add(service);
	if (!l) {
		free(limit);
		return -ENOMEM;
	}
	old = l->limit;
	l->limit = limit;
	for (unsigned int kind = 0; kind < LIMIT_KINDS; kind++)
		memset(l->asked[kind], 0, counts_workers() * sizeof(*l->asked[kind]));
	leased_move(l);
	__atomic_store_n(&limit_table[service], limit, __ATOMIC_RELEASE);
	if (limit->metered)
		__atomic_store_n(&limit_epoch, limit_epoch + 1, __ATOMIC_RELEASE);
	if (old)
		rcu_defer(free, old);
	moves_begin();
	return 0;
}

void limit_refusals(uint32_t service, uint64_t refused[LIMIT_KINDS],
		    uint64_t of_sources[LIMIT_KINDS])
{
	const struct limit *limit = limit_of(service);

	memset(refused, 0, LIMIT_KINDS * sizeof(*refused));
	memset(of_sources, 0, LIMIT_KINDS * sizeof(*of_sources));
	for (unsigned int i = 0; limit && i < counts_workers(); i++) {
		const struct limit_share *share = &limit->share[i];

		for (unsigned int kind = 0; kind < LIMIT_KINDS; kind++) {
			refused[kind] += __atomic_load_n(&share->refused[kind], __ATOMIC_RELAXED);
			of_sources[kind] += __atomic_load_n(&share->source_refused[kind],
							    __ATOMIC_RELAXED);
		}
	}
}

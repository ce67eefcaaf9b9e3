/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Limits per source, over all workers.
 *
 * Each source has a home: a worker, by the hash of its prefix. The home has the source's account:
 * how many connections were given to workers and not come back, and for each rate a bucket. Nobody
 * else adds to it, so that it is never overdrawn.
 *
 * Another worker that is to begin a session of the source asks first: the packet itself goes to the
 * home and comes back, as for a persistent client. What the home gives is in a letter that
 * arrives before the packet: the credit of one connection, and a part of each rate. If the packet is lost, the credit is not: it is kept for
 * another connection, or goes back within two seconds. When a session ends its credit goes back at
 * once, so that a source whose connections come to one worker, or one after the other to
 * each, has as many as the limit says.
 *
 * Packets and bits of sessions are spent from what the home gave. A letter asks for more when half
 * of a tenth of a second's worth is left, again and again until it is there, so that a sender which
 * waits finds it; a TCP sender needs as much, or it loses its windows whole. The home keeps back a
 * quarter for a first packet at yet another worker. So the workers together let pass, in t
 * seconds, at most rate * (t + 0.1), and of each worker that the source's packets come to but its
 * home a tenth of a second's worth and one packet more.
 *
 * No letter is lost, because who finds the ring full keeps what it would have sent. A source that
 * anything is counted for is never forgotten: where a newcomer finds no room in its eight places,
 * it is refused.
 */
#include "balance/limit_source.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/hash.h"

enum {
	TICK_SHIFT = 16,    // of the TSC, about 30 us
	ASKS_IN_DEPTH = 16, // letters for more in a tenth of a second
	FORGOTTEN = 2,	    // ticks of whole seconds after which a packet is not waited for
	TIDY = 256,	    // sources that are looked at together
	LETTERS = 32,
};

int limit_sources_create(struct limit_sources *t, unsigned int worker, unsigned int workers)
{
	char name[32];
	int result;

	memset(t, 0, sizeof(*t));
	t->worker = worker;
	t->workers = workers;
	snprintf(name, sizeof(name), "sources-%u", worker);
	result = memory_map(&t->memory, name, LIMIT_SOURCES * sizeof(struct limit_source),
			    MEMORY_SMALL);
	if (result == 0)
		result = memory_map(&t->age_memory, name,
				    LIMIT_SOURCES * sizeof(struct limit_source_age), MEMORY_SMALL);
	if (result < 0) {
		limit_sources_destroy(t);
		return result;
	}
	t->sources = t->memory.base;
	t->ages = t->age_memory.base;
	return 0;
}

void limit_sources_destroy(struct limit_sources *t)
{
	memory_unmap(&t->age_memory);
	memory_unmap(&t->memory);
}

/* Which set, and by other bits which home: by `use`, so that a home uses all of its sets. */
static uint32_t key_hash(const struct limit_source_key *key, uint64_t use)
{
	uint64_t words[5] = {[4] = use};

	memcpy(words, key, sizeof(*key));
	return hash_five(words);
}

static uint32_t first_of(const struct limit_source_key *key)
{
	return ((uint64_t)key_hash(key, 1) * SOURCE_SETS >> 32) * SOURCE_WAYS;
}

unsigned int limit_source_home(const struct limit_sources *t, const struct limit_source_key *key)
{
	return t->workers == 1 ? t->worker : (uint64_t)key_hash(key, 2) * t->workers >> 32;
}

static bool is_home(const struct limit_sources *t, const struct limit_source_key *key)
{
	return limit_source_home(t, key) == t->worker;
}

static struct limit_source_age *age_of(const struct limit_sources *t,
				       const struct limit_source *source)
{
	return &t->ages[source - t->sources];
}

struct limit_source *limit_source_find(const struct limit_sources *t,
				       const struct limit_source_key *key)
{
	uint32_t first = first_of(key);

	for (unsigned int i = first; i < first + SOURCE_WAYS; i++)
		if (t->ages[i].in_use && memcmp(&t->sources[i].key, key, sizeof(*key)) == 0)
			return &t->sources[i];
	return NULL;
}

static uint32_t surplus_of(const struct limit_source *source)
{
	return source->credit > source->connections ? source->credit - source->connections : 0;
}

/* Elsewhere: connections that have begun or ended, credits that have come or gone. */
static void source_change(struct limit_sources *t, struct limit_source *source, int connections,
			  int credit)
{
	t->surplus -= surplus_of(source);
	source->connections += connections;
	source->credit += credit;
	t->surplus += surplus_of(source);
}

/* Is nothing counted for it? Then to forget it gives it nothing. */
static bool may_forget(const struct limit_sources *t, uint32_t number)
{
	const struct limit_source *source = &t->sources[number];
	const struct limit_source_age *age = &t->ages[number];
	bool recent = (uint16_t)(t->seconds - age->seconds) < FORGOTTEN;

	if (!age->in_use)
		return true;
	if (source->connections || source->credit || (age->asked && recent))
		return false;
	if (!is_home(t, &source->key))
		return source->left[LIMIT_BITS] >= 0 || !recent;
	for (unsigned int kind = LIMIT_NEW; kind < LIMIT_KINDS; kind++)
		if (source->next[kind] > t->tsc)
			return false;
	return true;
}

static bool is_older(const struct limit_sources *t, uint32_t a, uint32_t b)
{
	if (t->ages[a].in_use != t->ages[b].in_use)
		return !t->ages[a].in_use;
	return (uint16_t)(t->seconds - t->ages[a].seconds) >
	       (uint16_t)(t->seconds - t->ages[b].seconds);
}

struct limit_source *limit_source_get(struct limit_sources *t, const struct limit_source_key *key)
{
	struct limit_source *source = limit_source_find(t, key);
	uint32_t first = first_of(key), place = UINT32_MAX;

	for (uint32_t i = first; !source && i < first + SOURCE_WAYS; i++)
		if (may_forget(t, i) && (place == UINT32_MAX || is_older(t, i, place)))
			place = i;
	if (!source && place == UINT32_MAX) {
		t->full++;
		return NULL;
	}
	if (!source) {
		source = &t->sources[place];
		t->used += !t->ages[place].in_use;
		memset(source, 0, sizeof(*source));
		source->key = *key;
		t->ages[place] = (struct limit_source_age){.in_use = 1};
	}
	age_of(t, source)->seconds = t->seconds;
	return source;
}

void limit_source_key(struct limit_source_key *key, uint32_t service, bool ipv6,
		      const void *address, unsigned int bits)
{
	memset(key, 0, sizeof(*key));
	key->service = service;
	key->family = ipv6 ? AF_INET6 : AF_INET;
	key->bits = bits;
	memcpy(key->prefix, address, ipv6 ? 16 : 4);
	for (unsigned int i = 0; i < (ipv6 ? 16u : 4u); i++) {
		unsigned int kept = bits < 8 ? bits : 8;

		key->prefix[i] &= 0xff << (8 - kept);
		bits -= kept;
	}
}

/* Elsewhere. */
static bool lacks_connection(const struct limit *limit, const struct limit_source *source)
{
	return limit->settings.source[LIMIT_CONNECTIONS] && source->connections >= source->credit;
}

static bool lacks(const struct limit *limit, const struct limit_source *source,
		  enum limit_kind kind)
{
	return limit->settings.source[kind] && source->left[kind] <= 0;
}

bool limit_source_asks(struct limit_sources *t, const struct limit *limit,
		       const struct limit_source_key *key, bool again)
{
	struct limit_source *source;
	struct limit_source_age *age;

	if (is_home(t, key))
		return false;
	source = limit_source_get(t, key);
	if (!source) // it will be refused
		return false;
	if (!lacks_connection(limit, source) && !lacks(limit, source, LIMIT_NEW) &&
	    (again || (!lacks(limit, source, LIMIT_PACKETS) && !lacks(limit, source, LIMIT_BITS))))
		return false;
	age = age_of(t, source);
	age->asked += age->asked < UINT8_MAX;
	age->given = t->seconds;
	return true;
}

void limit_source_asked(struct limit_sources *t, const struct limit_source_key *key)
{
	struct limit_source *source = limit_source_find(t, key);

	if (source)
		age_of(t, source)->asked -= age_of(t, source)->asked > 0;
}

void limit_source_write(struct limit_sources *t, const struct limit_source_key *key)
{
	struct limit_letter letter = {.key = *key, .from = t->worker, .begins = true};

	limit_mail_send(t->worker, limit_source_home(t, key), &letter);
}

/* At the home: as much of `wanted` as the rate has now in a bucket of this depth. */
static uint64_t home_pays(const struct limit *limit, struct limit_source *source,
			  enum limit_kind kind, uint64_t wanted, uint64_t tsc, uint64_t depth)
{
	uint64_t cost = limit->source_cost[kind], due = source->next[kind], fits;

	due = due > tsc ? due : tsc;
	if (cost == 0 || cost == LIMIT_NOTHING || wanted == 0 || due - tsc >= depth)
		return 0;
	fits = (uint64_t)(((unsigned __int128)(tsc + depth - due) << LIMIT_SHIFT) / cost);
	fits = fits > 0 ? fits : 1; // as limit_pay() has it
	fits = fits < wanted ? fits : wanted;
	return limit_pay(&source->next[kind], cost, fits, tsc) ? fits : 0;
}

unsigned int limit_source_give(struct limit_sources *t, const struct limit *limit,
			       const struct limit_source_key *key, unsigned int asker)
{
	struct limit_letter letter = {.key = *key};
	struct limit_source *source;

	if (!is_home(t, key)) // another length of the prefix since it was asked
		return SOURCE_ADMITTED;
	source = limit_source_get(t, key);
	if (!source || !limit_mail_has_room(t->worker, asker))
		return SOURCE_NO_ROOM;
	if (limit->settings.source[LIMIT_CONNECTIONS]) {
		if (source->credit >= limit->settings.source[LIMIT_CONNECTIONS])
			return LIMIT_CONNECTIONS + 1;
		letter.connections = 1;
	}
	if (limit->source_cost[LIMIT_NEW]) {
		letter.amounts[LIMIT_NEW] = home_pays(limit, source, LIMIT_NEW, 1, t->tsc,
						      limit_depth);
		if (letter.amounts[LIMIT_NEW] == 0)
			return LIMIT_NEW + 1;
	}
	for (unsigned int kind = LIMIT_PACKETS; kind <= LIMIT_BITS; kind++)
		letter.amounts[kind] = home_pays(
			limit, source, kind, limit->source_part[kind] / 2 + 1, t->tsc, limit_depth);
	source->credit += letter.connections;
	limit_mail_send(t->worker, asker, &letter);
	return SOURCE_ADMITTED;
}

unsigned int limit_source_admits(struct limit_sources *t, const struct limit *limit,
				 const struct limit_source_key *key)
{
	struct limit_source *source = limit_source_get(t, key);

	if (!source)
		return SOURCE_NO_ROOM;
	if (is_home(t, key)) {
		if (limit->settings.source[LIMIT_CONNECTIONS] &&
		    source->credit >= limit->settings.source[LIMIT_CONNECTIONS])
			return LIMIT_CONNECTIONS + 1;
		return limit->source_cost[LIMIT_NEW] == 0 ||
				       home_pays(limit, source, LIMIT_NEW, 1, t->tsc, limit_depth)
			       ? SOURCE_ADMITTED
			       : LIMIT_NEW + 1;
	}
	if (lacks_connection(limit, source) || lacks(limit, source, LIMIT_NEW))
		return SOURCE_ASKS;
	if (limit->settings.source[LIMIT_NEW])
		source->left[LIMIT_NEW]--;
	return SOURCE_ADMITTED;
}

bool limit_source_begin(struct limit_sources *t, const struct limit_source_key *key)
{
	struct limit_source *source = limit_source_get(t, key);

	if (!source)
		return false;
	if (is_home(t, key)) {
		source->connections++;
		source->credit++;
	} else {
		source_change(t, source, 1, 0);
	}
	return true;
}

/* Elsewhere: give credits of connections back; if the ring is full, later. */
static void credit_return(struct limit_sources *t, struct limit_source *source, uint32_t count)
{
	struct limit_letter letter = {
		.key = source->key, .connections = -(int32_t)count, .from = t->worker};

	if (count > 0 && limit_mail_send(t->worker, limit_source_home(t, &source->key), &letter))
		source_change(t, source, 0, -(int)count);
}

void limit_source_end(struct limit_sources *t, const struct limit_source_key *key)
{
	struct limit_source *source = limit_source_find(t, key);

	if (!source || source->connections == 0)
		return;
	if (is_home(t, key)) {
		source->connections--;
		source->credit -= source->credit > 0;
		return;
	}
	source_change(t, source, -1, 0);
	// What was given for a packet that is still on its way here is kept for that.
	if (surplus_of(source) > 0)
		credit_return(t, source, age_of(t, source)->asked ? 1 : surplus_of(source));
}

void limit_source_leave(struct limit_sources *t, const struct limit_source_key *key)
{
	struct limit_source *source = limit_source_find(t, key);

	if (source && !is_home(t, key) && surplus_of(source) > 0)
		credit_return(t, source, 1);
}

/* Elsewhere: ask for more by a letter, not too often. */
static void source_writes(struct limit_sources *t, const struct limit *limit,
			  struct limit_source *source)
{
	struct limit_letter letter = {.key = source->key, .from = t->worker};
	struct limit_source_age *age = age_of(t, source);
	uint32_t now = t->tsc >> TICK_SHIFT;
	uint32_t wait = (limit_depth / ASKS_IN_DEPTH >> TICK_SHIFT) + 1;

	// It may be any time ago, or never: the clock goes round.
	if (age->ask_at - now - 1 < wait)
		return;
	age->ask_at = now + wait;
	for (unsigned int kind = LIMIT_PACKETS; kind <= LIMIT_BITS; kind++)
		if (limit->source_cost[kind] && source->left[kind] < limit->source_part[kind])
			letter.amounts[kind] = limit->source_part[kind] - source->left[kind];
	limit_mail_send(t->worker, limit_source_home(t, &source->key), &letter);
}

/* Whether more is given or not: its next packet may be long in coming, and is to find it. */
static void source_waits(struct limit_sources *t, struct limit_source *source)
{
	struct limit_source_age *age = age_of(t, source);

	if (age->waits || t->waiting_count == SOURCES_WAITING)
		return;
	age->waits = 1;
	t->waiting[t->waiting_count++] = source - t->sources;
}

static bool still_waits(const struct limit_sources *t, uint32_t number, const struct limit *limit)
{
	const struct limit_source *source = &t->sources[number];
	bool lacks = false;

	if (!limit || (uint16_t)(t->seconds - t->ages[number].seconds) > FORGOTTEN)
		return false;
	for (unsigned int kind = LIMIT_PACKETS; kind <= LIMIT_BITS; kind++)
		lacks |= limit->source_cost[kind] &&
			 source->left[kind] <= limit->source_part[kind] / 2;
	return lacks;
}

/* A few times in the time between two letters. */
static void waiting_ask(struct limit_sources *t)
{
	unsigned int kept = 0;

	if (t->waiting_count == 0 || t->tsc < t->waiting_due)
		return;
	t->waiting_due = t->tsc + limit_depth / ASKS_IN_DEPTH / 4;
	for (unsigned int i = 0; i < t->waiting_count; i++) {
		uint32_t number = t->waiting[i];
		const struct limit *limit = limit_of(t->sources[number].key.service);

		if (!t->ages[number].waits) // another source has its place
			continue;
		if (still_waits(t, number, limit)) {
			source_writes(t, limit, &t->sources[number]);
			t->waiting[kept++] = number;
		} else {
			t->ages[number].waits = 0;
		}
	}
	t->waiting_count = kept;
}

bool limit_source_pays(struct limit_sources *t, const struct limit *limit,
		       struct limit_source *source, enum limit_kind kind, uint64_t count)
{
	bool passes;

	if (limit->source_cost[kind] == 0)
		return true;
	if (is_home(t, &source->key))
		return limit_pay(&source->next[kind], limit->source_cost[kind], count, t->tsc);
	passes = source->left[kind] > 0;
	if (passes)
		source->left[kind] -= count;
	if (source->left[kind] <= limit->source_part[kind] / 2) {
		source_writes(t, limit, source);
		source_waits(t, source);
	}
	return passes;
}

/* At the home: what another worker gives back, has already, or wants. */
static void letter_to_home(struct limit_sources *t, const struct limit_letter *in)
{
	const struct limit *limit = limit_of(in->key.service);
	struct limit_letter out = {.key = in->key};
	struct limit_source *source = limit_source_get(t, &in->key);
	bool any = false;

	if (!source)
		return;
	if (in->connections < 0 && source->credit < (uint32_t)-in->connections)
		source->credit = source->connections;
	else
		source->credit += in->connections;
	if (!limit || !limit_mail_has_room(t->worker, in->from))
		return;
	if (in->begins) {
		limit_source_give(t, limit, &in->key, in->from);
		return;
	}
	for (unsigned int kind = LIMIT_PACKETS; kind <= LIMIT_BITS; kind++) {
		out.amounts[kind] = home_pays(limit, source, kind, in->amounts[kind], t->tsc,
					      limit_depth / 4 * 3);
		any |= out.amounts[kind] != 0;
	}
	if (any)
		limit_mail_send(t->worker, in->from, &out);
}

/* Elsewhere: what the home gives. */
static void letter_from_home(struct limit_sources *t, const struct limit_letter *in)
{
	struct limit_letter back = {
		.key = in->key, .connections = -in->connections, .from = t->worker};
	struct limit_source *source = limit_source_get(t, &in->key);

	if (!source) {
		if (in->connections)
			limit_mail_send(t->worker, limit_source_home(t, &in->key), &back);
		return;
	}
	source_change(t, source, 0, in->connections);
	if (in->connections)
		age_of(t, source)->given = t->seconds;
	for (unsigned int kind = LIMIT_NEW; kind < LIMIT_KINDS; kind++)
		source->left[kind] += in->amounts[kind];
}

void limit_sources_read(struct limit_sources *t)
{
	struct limit_letter letters[LETTERS];
	unsigned int count;

	if (t->workers == 1)
		return;
	do {
		count = limit_mail_receive(t->worker, letters, LETTERS);
		for (unsigned int i = 0; i < count; i++) {
			if (is_home(t, &letters[i].key))
				letter_to_home(t, &letters[i]);
			else
				letter_from_home(t, &letters[i]);
		}
	} while (count == LETTERS);
}

/* Credits that no connection has come for go back, a few sources at a time; and who waits asks. */
void limit_sources_tidy(struct limit_sources *t)
{
	waiting_ask(t);
	for (unsigned int i = 0; t->surplus > 0 && i < TIDY; i++) {
		struct limit_source *source = &t->sources[t->tidy_at];
		struct limit_source_age *age = &t->ages[t->tidy_at];

		t->tidy_at = (t->tidy_at + 1) % LIMIT_SOURCES;
		if (!age->in_use || (uint16_t)(t->seconds - age->given) < FORGOTTEN ||
		    surplus_of(source) == 0 || is_home(t, &source->key))
			continue;
		age->asked = 0;
		credit_return(t, source, surplus_of(source));
	}
}

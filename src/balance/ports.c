/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Local ports.
 *
 * A reply is known by (server, its port, local address, local port), so one local address carries
 * 64,512 connections to every server, and a port is free as long as no session has that very
 * tuple. The session table itself answers the question; what is kept here of a pair of local
 * address and server is one line with a cursor that goes round, so that the port that was used
 * longest ago comes first.
 *
 * Only where many ports are taken, or where a server closes first, a pair is given a map: a bit for
 * each port in use, so that the search never walks through long runs of taken ports, and for each
 * port when and at which sequence number its last connection ended. A Linux server that closed
 * first keeps the connection in TIME_WAIT for 60 seconds and answers a new SYN on the same tuple
 * only if its sequence number lies beyond the old one; otherwise the client waits a second. With
 * the map the new connection's sequence numbers can be shifted there.
 *
 * Maps are made for a few busy pairs and given back when they have been idle. When there are none
 * left, ports are still chosen rightly, only slower, and the second may be lost.
 */
#include "balance/ports.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_byteorder.h>

enum {
	PORT_SPACE = 65536,
	HEADS = PORTS_PAIRS_MAX,
	LOOKUPS_BEFORE_MAP = 16,
	WORDS = PORT_SPACE / 64,
	IDLE_SECONDS = 2 * PORTS_HOLD_SECONDS,
};

struct port_end {
	uint32_t sequence;
	uint16_t seconds;
	uint16_t known;
};

struct port_map {
	union {
		uint64_t taken[WORDS]; // ports in use, and those that other workers own
		uint32_t next_free;
	};
	struct port_end end[PORT_SPACE];
};

int ports_create(struct ports *p, unsigned int worker, unsigned int workers)
{
	char name[32];

	memset(p, 0, sizeof(*p));
	p->worker = worker;
	p->workers = workers;
	snprintf(name, sizeof(name), "port-pairs-%u", worker);
	if (memory_map(&p->pair_memory, name, (PORTS_PAIRS_MAX + 1UL) * sizeof(struct port_pair),
		       MEMORY_SMALL) < 0)
		return -ENOMEM;
	snprintf(name, sizeof(name), "port-heads-%u", worker);
	if (memory_map(&p->head_memory, name, HEADS * sizeof(uint32_t), MEMORY_SMALL) < 0)
		goto unmap_pairs;
	snprintf(name, sizeof(name), "port-maps-%u", worker);
	if (memory_map(&p->map_memory, name, (PORTS_MAPS_MAX + 1UL) * sizeof(struct port_map),
		       MEMORY_SMALL) < 0)
		goto unmap_heads;
	p->pairs = p->pair_memory.base;
	p->heads = p->head_memory.base;
	p->maps = p->map_memory.base;
	return 0;

unmap_heads:
	memory_unmap(&p->head_memory);
unmap_pairs:
	memory_unmap(&p->pair_memory);
	return -ENOMEM;
}

void ports_destroy(struct ports *p)
{
	memory_unmap(&p->map_memory);
	memory_unmap(&p->head_memory);
	memory_unmap(&p->pair_memory);
}

/* The key of the pair that a reverse key belongs to: the same without the local port. */
static uint32_t pair_key(const void *key, bool ipv6, struct key6 *out)
{
	uint64_t words[2];

	if (ipv6) {
		memcpy(out, key, sizeof(struct key6));
		out->destination_port = 0;
		return key6_hash(out);
	}
	// Whole words, as the key was written: pieces of other sizes would wait for the stores.
	key4_words(key, words);
	words[1] &= ~KEY4_DESTINATION_PORT;
	memset(out, 0, sizeof(*out));
	memcpy(out, words, sizeof(words));
	return hash_two(words);
}

static uint32_t *pair_head(struct ports *p, uint32_t hash)
{
	return &p->heads[hash % HEADS];
}

static struct port_pair *pair_find(struct ports *p, const void *key, bool ipv6)
{
	struct key6 wanted;
	uint32_t number = *pair_head(p, pair_key(key, ipv6, &wanted));

	for (; number; number = p->pairs[number].next) {
		struct port_pair *pair = &p->pairs[number];

		if (pair->ipv6 == ipv6 && memcmp(&pair->key6, &wanted, sizeof(wanted)) == 0)
			return pair;
	}
	return NULL;
}

static struct port_pair *pair_make(struct ports *p, const void *key, bool ipv6)
{
	struct key6 wanted;
	uint32_t hash = pair_key(key, ipv6, &wanted), *head = pair_head(p, hash);
	struct port_pair *pair;
	uint32_t number = p->pair_free;

	if (number)
		p->pair_free = p->pairs[number].next;
	else if (p->pair_high < PORTS_PAIRS_MAX)
		number = ++p->pair_high;
	else
		return NULL;
	pair = &p->pairs[number];
	memset(pair, 0, sizeof(*pair));
	pair->key6 = wanted;
	pair->ipv6 = ipv6;
	pair->in_use = 1;
	pair->cursor = hash; // begin anywhere, so that ports can not be guessed
	pair->next = *head;
	*head = number;
	return pair;
}

static void pair_free(struct ports *p, struct port_pair *pair)
{
	struct key6 wanted;
	uint32_t number = pair - p->pairs;
	uint32_t *link = pair_head(p, pair_key(&pair->key6, pair->ipv6, &wanted));

	while (*link != number)
		link = &p->pairs[*link].next;
	*link = pair->next;
	pair->in_use = 0;
	pair->next = p->pair_free;
	p->pair_free = number;
}

static void *key_set_port(void *key, bool ipv6, uint16_t port)
{
	if (ipv6)
		((struct key6 *)key)->destination_port = rte_cpu_to_be_16(port);
	else
		((struct key4 *)key)->destination_port = rte_cpu_to_be_16(port);
	return key;
}

/* How replies to this pair come home. */
static void pair_home(const struct ports *p, const struct port_pair *pair, struct steer_home *home)
{
	if (p->workers > 1 && p->home)
		p->home(home, &pair->key6, pair->ipv6);
	else
		*home = (struct steer_home){.workers = p->workers, .mask = UINT16_MAX};
}

/* Would a reply to this port reach this worker? */
static inline bool port_is_mine(const struct ports *p, const struct steer_home *home, uint16_t port)
{
	return p->workers == 1 || steer_home_worker(home, port) == p->worker;
}

static void map_make(struct ports *p, struct port_pair *pair, const struct steer_home *home)
{
	uint32_t number = p->map_free;
	struct port_map *map;

	if (number)
		p->map_free = p->maps[number].next_free;
	else if (p->map_high < PORTS_MAPS_MAX)
		number = ++p->map_high;
	else
		return;
	map = &p->maps[number];
	memset(map->taken, 0, sizeof(map->taken));
	memset(map->taken, 0xff, PORTS_FIRST / 8);
	// Alone, a worker owns them all, and most pairs are of such a one.
	for (unsigned int port = PORTS_FIRST; p->workers > 1 && port < PORT_SPACE; port++)
		if (!port_is_mine(p, home, port))
			map->taken[port / 64] |= 1UL << port % 64;
	pair->map = number;
}

/* Clears only what was written, so that a map that was hardly used stays hardly resident. */
static void map_free(struct ports *p, struct port_pair *pair)
{
	struct port_map *map = &p->maps[pair->map];

	for (unsigned int port = 0; port < PORT_SPACE; port++)
		if (map->end[port].known)
			map->end[port].known = 0;
	map->next_free = p->map_free;
	p->map_free = pair->map;
	pair->map = 0;
}

static struct port_map *pair_map(struct ports *p, const struct port_pair *pair)
{
	return pair->map ? &p->maps[pair->map] : NULL;
}

/* The next port from `from` on, round the end, that may be free; PORT_SPACE when none is left. */
static unsigned int port_next(const struct ports *p, const struct port_pair *pair,
			      const struct steer_home *home, unsigned int from)
{
	const struct port_map *map = pair->map ? &p->maps[pair->map] : NULL;

	if (!map) {
		if (from < PORTS_FIRST || from >= PORT_SPACE)
			from = PORTS_FIRST;
		// Never for long, unless a device gives this worker nothing at all.
		for (unsigned int tries = 0; !port_is_mine(p, home, from); tries++) {
			if (tries == PORT_SPACE)
				return PORT_SPACE;
			from = from + 1 < PORT_SPACE ? from + 1 : PORTS_FIRST;
		}
		return from;
	}
	from %= PORT_SPACE;
	for (unsigned int i = 0; i <= WORDS; i++) {
		unsigned int word = (from / 64 + i) % WORDS;
		uint64_t empty = ~map->taken[word];

		if (i == 0)
			empty &= ~0UL << from % 64;
		if (empty)
			return word * 64 + __builtin_ctzl(empty);
	}
	return PORT_SPACE;
}

static bool key_is_taken(const struct table *t, const void *key, bool ipv6)
{
	return ipv6 ? table_find6(t, key, key6_hash(key)) : table_find4(t, key, key4_hash(key));
}

static void port_taken(struct ports *p, struct port_pair *pair, unsigned int port, uint16_t seconds,
		       struct port_history *history)
{
	struct port_map *map = pair_map(p, pair);

	pair->used++;
	pair->last_used = seconds;
	history->recent = false;
	if (!map)
		return;
	map->taken[port / 64] |= 1UL << port % 64;
	if (map->end[port].known) {
		uint16_t age = seconds - map->end[port].seconds;

		history->recent = age <= PORTS_HOLD_SECONDS;
		history->sequence = map->end[port].sequence;
		map->end[port].known = 0;
	}
}

/*
 * The pair's next connection will most likely ask for the next port: fetch the bucket where that
 * one would stand. It is the one cache miss of a new connection that no batch can foresee.
 */
static void port_prefetch(const struct table *t, const void *key, bool ipv6, uint16_t port)
{
	struct key6 next;

	memcpy(&next, key, ipv6 ? sizeof(struct key6) : sizeof(struct key4));
	key_set_port(&next, ipv6, port + 1);
	__builtin_prefetch(table_home(t, ipv6 ? key6_hash(&next) : key4_hash((struct key4 *)&next)),
			   1, 3);
}

static int ports_choose(struct ports *p, const struct table *t, void *key, bool ipv6,
			uint16_t seconds, struct port_history *history)
{
	struct port_pair *pair = pair_find(p, key, ipv6);
	struct steer_home home;
	unsigned int port;

	if (!pair)
		pair = pair_make(p, key, ipv6);
	if (!pair)
		return -ENOSPC;
	pair_home(p, pair, &home);
	for (unsigned int tries = 0; tries < PORT_SPACE; tries++) {
		struct port_map *map = pair_map(p, pair);

		port = port_next(p, pair, &home, pair->cursor);
		if (port == PORT_SPACE)
			break;
		pair->cursor = port + 1;
		if (!key_is_taken(t, key_set_port(key, ipv6, port), ipv6)) {
			port_taken(p, pair, port, seconds, history);
			port_prefetch(t, key, ipv6, port);
			return 0;
		}
		if (map)
			map->taken[port / 64] |= 1UL << port % 64;
		else if (tries >= LOOKUPS_BEFORE_MAP)
			map_make(p, pair, &home);
	}
	pair->missed++;
	return -ENOSPC;
}

int ports_choose4(struct ports *p, const struct table *t, struct key4 *key, uint16_t seconds,
		  struct port_history *history)
{
	return ports_choose(p, t, key, false, seconds, history);
}

int ports_choose6(struct ports *p, const struct table *t, struct key6 *key, uint16_t seconds,
		  struct port_history *history)
{
	return ports_choose(p, t, key, true, seconds, history);
}

static int ports_take(struct ports *p, const struct table *t, const void *key, bool ipv6,
		      uint16_t port, uint16_t seconds)
{
	struct port_pair *pair = pair_find(p, key, ipv6);
	struct port_history ignored;
	struct steer_home home;

	if (key_is_taken(t, key, ipv6))
		return -EBUSY;
	if (!pair)
		pair = pair_make(p, key, ipv6);
	if (!pair)
		return -EBUSY;
	pair_home(p, pair, &home);
	if (!port_is_mine(p, &home, port))
		return -EBUSY;
	port_taken(p, pair, port, seconds, &ignored);
	return 0;
}

int ports_take4(struct ports *p, const struct table *t, const struct key4 *key, uint16_t seconds)
{
	return ports_take(p, t, key, false, rte_be_to_cpu_16(key->destination_port), seconds);
}

int ports_take6(struct ports *p, const struct table *t, const struct key6 *key, uint16_t seconds)
{
	return ports_take(p, t, key, true, rte_be_to_cpu_16(key->destination_port), seconds);
}

static uint16_t key_port(const void *key, bool ipv6)
{
	return rte_be_to_cpu_16(ipv6 ? ((const struct key6 *)key)->destination_port
				     : ((const struct key4 *)key)->destination_port);
}

void ports_release(struct ports *p, const void *key, bool ipv6, uint16_t seconds)
{
	struct port_pair *pair = pair_find(p, key, ipv6);
	uint16_t port = key_port(key, ipv6);
	struct port_map *map;

	if (!pair)
		return;
	pair->used--;
	pair->last_used = seconds;
	map = pair_map(p, pair);
	if (map && port >= PORTS_FIRST)
		map->taken[port / 64] &= ~(1UL << port % 64);
}

void ports_remember(struct ports *p, const void *key, bool ipv6, uint16_t seconds,
		    uint32_t sequence)
{
	struct port_pair *pair = pair_find(p, key, ipv6);

	if (!pair)
		return;
	if (!pair->map) {
		struct steer_home home;

		pair_home(p, pair, &home);
		map_make(p, pair, &home);
	}
	if (!pair->map)
		return;
	p->maps[pair->map].end[key_port(key, ipv6)] =
		(struct port_end){.sequence = sequence, .seconds = seconds, .known = 1};
}

bool ports_use(const struct ports *p, uint32_t number, struct port_use *out)
{
	const struct port_pair *pair = &p->pairs[number];

	if (!__atomic_load_n(&pair->in_use, __ATOMIC_RELAXED))
		return false;
	out->local = pair->ipv6 ? addr_v6(pair->key6.destination) : addr_v4(pair->key4.destination);
	out->used = __atomic_load_n(&pair->used, __ATOMIC_RELAXED);
	out->missed = __atomic_load_n(&pair->missed, __ATOMIC_RELAXED);
	return true;
}

void ports_tidy(struct ports *p, uint16_t seconds, unsigned int budget)
{
	for (; budget > 0 && p->pair_high > 0; budget--) {
		struct port_pair *pair;

		p->sweep = p->sweep < p->pair_high ? p->sweep + 1 : 1;
		pair = &p->pairs[p->sweep];
		if (!pair->in_use || pair->used > 0 ||
		    (uint16_t)(seconds - pair->last_used) < IDLE_SECONDS)
			continue;
		if (pair->map)
			map_free(p, pair);
		pair_free(p, pair);
	}
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/keyed.h"
#include "control/model.h"

/*
 * Entries are found by key, walked by slot (so that a long listing stands changes in between), and
 * chained by their last change, so that the oldest is at hand when there are too many.
 *
 * An entry whose server is no longer in the model is kept for an hour: a server that keepalived
 * removed because it failed is one of those that a person asks about.
 */
enum { HEALTH_GONE_KEEP = 3600 * 1000, HEALTH_STEP = 1024 };

static struct {
	struct keyed table;
	struct health_entry **slots;
	uint32_t slot_count, slot_room;
	uint32_t free_slot; // none below it is free
	struct health_entry *oldest, *newest;
	uint32_t tick_cursor;
} health = {.table = KEYED_INIT(sizeof(struct health_key))};

uint64_t health_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

char *health_time_format(uint64_t milliseconds, char text[static HEALTH_TIME])
{
	time_t seconds = (time_t)(milliseconds / 1000);
	struct tm parts;

	gmtime_r(&seconds, &parts);
	strftime(text, HEALTH_TIME, "%Y-%m-%dT%H:%M:%SZ", &parts);
	return text;
}

/* The chain, oldest first */

static void chain_remove(struct health_entry *entry)
{
	if (entry->older != NULL)
		entry->older->newer = entry->newer;
	else
		health.oldest = entry->newer;
	if (entry->newer != NULL)
		entry->newer->older = entry->older;
	else
		health.newest = entry->older;
}

static void chain_append(struct health_entry *entry)
{
	entry->older = health.newest;
	entry->newer = NULL;
	if (health.newest != NULL)
		health.newest->newer = entry;
	else
		health.oldest = entry;
	health.newest = entry;
}

/* Entries */

static struct health_key key_of(const struct service_key *service, const struct addr *addr,
				uint16_t port)
{
	struct health_key key;

	memset(&key, 0, sizeof(key));
	key.service = *service;
	key.addr = *addr;
	key.port = port;
	return key;
}

struct health_entry *health_find(const struct service_key *service, const struct addr *addr,
				 uint16_t port)
{
	const struct health_key key = key_of(service, addr, port);

	return keyed_find(&health.table, &key);
}

struct health_entry *health_next(uint32_t *cursor)
{
	while (*cursor < health.slot_count) {
		struct health_entry *entry = health.slots[(*cursor)++];

		if (entry != NULL)
			return entry;
	}
	return NULL;
}

static void entry_forget(struct health_entry *entry)
{
	keyed_remove(&health.table, &entry->key);
	chain_remove(entry);
	health.slots[entry->slot] = NULL;
	if (entry->slot < health.free_slot)
		health.free_slot = entry->slot;
	free(entry);
}

/* A free slot, or UINT32_MAX. */
static uint32_t slot_take(void)
{
	uint32_t room = health.slot_room ? 2 * health.slot_room : 256;
	struct health_entry **larger;

	while (health.free_slot < health.slot_count && health.slots[health.free_slot] != NULL)
		health.free_slot++;
	if (health.free_slot < health.slot_count)
		return health.free_slot;
	if (health.slot_count == health.slot_room) {
		larger = realloc(health.slots, room * sizeof(struct health_entry *));
		if (larger == NULL)
			return UINT32_MAX;
		health.slots = larger;
		health.slot_room = room;
	}
	return health.slot_count++;
}

static struct health_entry *entry_new(const struct health_key *key)
{
	struct health_entry *entry;
	uint32_t slot;

	if (health.table.count >= HEALTH_MAX)
		entry_forget(health.oldest);
	if (keyed_reserve(&health.table, 1) < 0)
		return NULL;
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL)
		return NULL;
	slot = slot_take();
	if (slot == UINT32_MAX) {
		free(entry);
		return NULL;
	}
	entry->key = *key;
	entry->slot = slot;
	health.slots[slot] = entry;
	keyed_insert(&health.table, entry);
	chain_append(entry);
	return entry;
}

void health_note(const struct service_key *service, const struct addr *addr, uint16_t port,
		 const char *state, const char *reason)
{
	const struct health_key key = key_of(service, addr, port);
	struct health_entry *entry = keyed_find(&health.table, &key);

	if (entry == NULL)
		entry = entry_new(&key);
	if (entry == NULL || strncmp(entry->state, state, sizeof(entry->state) - 1) == 0)
		return;
	snprintf(entry->state, sizeof(entry->state), "%s", state);
	snprintf(entry->reason, sizeof(entry->reason), "%s", reason);
	entry->since = health_clock();
	entry->changes++;
	chain_remove(entry);
	chain_append(entry);
}

void health_result(const struct service_key *service, const struct addr *addr, uint16_t port,
		   const char *result, uint16_t streak)
{
	struct health_entry *entry = health_find(service, addr, port);

	if (entry == NULL)
		return;
	snprintf(entry->result, sizeof(entry->result), "%s", result);
	entry->streak = streak;
}

static bool is_gone(const struct health_key *key)
{
	const struct model_service *service = model_find(&key->service);

	return service == NULL || model_service_find_server(service, &key->addr, key->port) == NULL;
}

void health_tick(void)
{
	uint64_t now = health_clock();

	for (uint32_t i = 0; i < HEALTH_STEP && i < health.slot_count; i++) {
		struct health_entry *entry;

		if (health.tick_cursor >= health.slot_count)
			health.tick_cursor = 0;
		entry = health.slots[health.tick_cursor++];
		if (entry != NULL && now > entry->since + HEALTH_GONE_KEEP && is_gone(&entry->key))
			entry_forget(entry);
	}
}

void health_stop(void)
{
	for (uint32_t i = 0; i < health.slot_count; i++)
		free(health.slots[i]);
	free(health.slots);
	keyed_free(&health.table);
	memset(&health, 0, sizeof(health));
	health.table.key_size = sizeof(struct health_key);
}

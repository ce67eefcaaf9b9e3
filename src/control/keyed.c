/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/keyed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Open addressing with linear probing, at most half full, so that runs stay short; removal shifts
 * the run back instead of leaving a mark. The hash is keyed by nothing: whoever may add services
 * may slow down the control thread in simpler ways.
 */
static uint32_t keyed_hash(const struct keyed *table, const void *key)
{
	const uint8_t *byte = key;
	uint64_t h = 0xcbf29ce484222325;

	for (uint32_t i = 0; i < table->key_size; i++)
		h = (h ^ byte[i]) * 0x100000001b3;
	h ^= h >> 32;
	return (uint32_t)(h ^ (h >> 15));
}

/* The slot of the key, or the free one where it would stand. Needs a free slot. */
static uint32_t keyed_slot(const struct keyed *table, const void *key)
{
	uint32_t mask = table->capacity - 1;
	uint32_t i = keyed_hash(table, key) & mask;

	while (table->slots[i] != NULL && memcmp(table->slots[i], key, table->key_size) != 0)
		i = (i + 1) & mask;
	return i;
}

void *keyed_find(const struct keyed *table, const void *key)
{
	return table->count == 0 ? NULL : table->slots[keyed_slot(table, key)];
}

int keyed_reserve(struct keyed *table, uint32_t more)
{
	struct keyed larger = {.key_size = table->key_size, .count = table->count};
	uint64_t needed = 2 * ((uint64_t)table->count + more);

	if (needed <= table->capacity)
		return 0;
	if (needed > UINT32_MAX / 2)
		return -ENOMEM;
	larger.capacity = table->capacity ? table->capacity : 16;
	while (larger.capacity < needed)
		larger.capacity *= 2;
	larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
	if (larger.slots == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < table->capacity; i++) {
		if (table->slots[i] != NULL)
			larger.slots[keyed_slot(&larger, table->slots[i])] = table->slots[i];
	}
	free(table->slots);
	*table = larger;
	return 0;
}

int keyed_insert(struct keyed *table, void *object)
{
	if (keyed_reserve(table, 1) < 0)
		return -ENOMEM;
	table->slots[keyed_slot(table, object)] = object;
	table->count++;
	return 0;
}

void *keyed_remove(struct keyed *table, const void *key)
{
	uint32_t mask = table->capacity - 1;
	uint32_t hole, i;
	void *object;

	if (table->count == 0)
		return NULL;
	hole = keyed_slot(table, key);
	object = table->slots[hole];
	if (object == NULL)
		return NULL;
	// Move back whatever could no longer be reached past the hole.
	for (i = (hole + 1) & mask; table->slots[i] != NULL; i = (i + 1) & mask) {
		uint32_t home = keyed_hash(table, table->slots[i]) & mask;

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			table->slots[hole] = table->slots[i];
			hole = i;
		}
	}
	table->slots[hole] = NULL;
	table->count--;
	return object;
}

void keyed_free(struct keyed *table)
{
	free(table->slots);
	table->slots = NULL;
	table->capacity = 0;
	table->count = 0;
}

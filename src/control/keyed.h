/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

/*
 * A hash table of objects that begin with their key: `key_size` bytes without padding, compared
 * as bytes. The table holds pointers, owns nothing, grows by itself. One thread.
 * To walk it: `slots` has `capacity` entries, NULL where there is nothing.
 */
struct keyed {
	void **slots;
	uint32_t capacity; // a power of two, or 0
	uint32_t count;
	uint32_t key_size;
};

#define KEYED_INIT(size)           \
	{                          \
		.key_size = (size) \
	}

/* The object, or NULL. */
void *keyed_find(const struct keyed *table, const void *key);
/* Room for one more, so that the next keyed_insert() cannot fail. -ENOMEM. */
int keyed_reserve(struct keyed *table, uint32_t more);
/* There must not be one of this key. 0 or -ENOMEM. */
int keyed_insert(struct keyed *table, void *object);
/* The object that was removed, or NULL. */
void *keyed_remove(struct keyed *table, const void *key);
void keyed_free(struct keyed *table);

/* SPDX-License-Identifier: BSD-3-Clause */
#include "balance/source_class.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balance/source_list.h"
#include "base/hash.h"
#include "base/memory.h"

/*
 * Interning: a hash of what classes mention leads to the class, so that two prefixes with the same
 * lists have the same number. A small cache remembers what became of a pair of classes, because a
 * list of a million prefixes asks the same of each.
 */
enum { CACHE = 1 << 14, MENTIONS_MAX = 2 * SOURCE_LISTS };

struct source_class *source_classes;

struct pair {
	uint32_t outer, own, result;
	uint32_t era; // of the cache's filling; another one: nothing
};

struct source_class_rest {
	uint32_t count;
	uint32_t classes[];
};

static struct {
	struct memory memory;
	uint32_t *table; // class numbers, 0: free, 1 is never used
	uint32_t table_size, used, made, live;
	uint32_t *unused;
	uint32_t unused_count, unused_room;
	struct source_class_rest *rest;
	uint32_t rest_room;
	struct pair *cache;
	uint32_t era;
	uint32_t *scratch;
	size_t mention_bytes;
} classes;

static uint64_t mentions_hash(const uint32_t *mentions, uint32_t count)
{
	uint64_t hash = count;

	for (uint32_t i = 0; i < count; i++)
		hash = hash_fold(hash ^ mentions[i] ^ 0x9e3779b97f4a7c15u, 0xd6e8feb86659fd93u);
	return hash;
}

int source_class_start(void)
{
	if (memory_map(&classes.memory, "source-classes",
		       SOURCE_CLASSES * sizeof(struct source_class), MEMORY_SMALL) < 0)
		return -ENOMEM;
	source_classes = classes.memory.base;
	classes.table_size = 1024;
	classes.table = calloc(classes.table_size, sizeof(*classes.table));
	classes.cache = calloc(CACHE, sizeof(*classes.cache));
	classes.scratch = malloc(MENTIONS_MAX * sizeof(*classes.scratch));
	classes.made = 1; // class 0 is there: no list
	classes.era = 1;
	return classes.table && classes.cache && classes.scratch ? 0 : -ENOMEM;
}

void source_class_stop(void)
{
	for (uint32_t i = 0; source_classes && i < classes.made; i++)
		free(source_classes[i].mentions);
	memory_unmap(&classes.memory);
	free(classes.table);
	free(classes.unused);
	free(classes.rest);
	free(classes.cache);
	free(classes.scratch);
	memset(&classes, 0, sizeof(classes));
	source_classes = NULL;
}

size_t source_class_bytes(void)
{
	return classes.made * sizeof(struct source_class) + classes.mention_bytes;
}

static uint32_t class_place(const uint32_t *mentions, uint32_t count)
{
	uint32_t place = mentions_hash(mentions, count) & (classes.table_size - 1);

	for (; classes.table[place]; place = (place + 1) & (classes.table_size - 1)) {
		const struct source_class *c = &source_classes[classes.table[place]];

		if (c->count == count && memcmp(c->mentions, mentions, count * 4) == 0)
			break;
	}
	return place;
}

/* Twice as many places. When there is no memory for them, the table fills up a little more. */
static void table_grow(void)
{
	uint32_t *old = classes.table, old_size = classes.table_size;
	uint32_t *table = calloc(2 * (size_t)old_size, sizeof(*table));

	if (!table)
		return;
	classes.table = table;
	classes.table_size = 2 * old_size;
	for (uint32_t i = 0; i < old_size; i++) {
		const struct source_class *c = &source_classes[old[i]];

		if (old[i])
			classes.table[class_place(c->mentions, c->count)] = old[i];
	}
	free(old);
}

/* Take out of an open table: what stands behind moves up. */
static void table_remove(uint32_t place)
{
	uint32_t mask = classes.table_size - 1, hole = place, at = place;

	for (;;) {
		const struct source_class *c;
		uint32_t home;

		at = (at + 1) & mask;
		if (!classes.table[at])
			break;
		c = &source_classes[classes.table[at]];
		home = mentions_hash(c->mentions, c->count) & mask;
		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		classes.table[hole] = classes.table[at];
		hole = at;
	}
	classes.table[hole] = 0;
}

static uint32_t class_number(void)
{
	if (classes.unused_count > 0)
		return classes.unused[--classes.unused_count];
	return classes.made < SOURCE_CLASSES ? classes.made++ : 0;
}

/* The class of exactly these mentions, with a reference. */
static uint32_t class_of(const uint32_t *mentions, uint32_t count)
{
	struct source_class *c;
	uint32_t place, number, *copy;

	if (count == 0)
		return 0;
	if (2 * classes.used >= classes.table_size)
		table_grow();
	if (classes.used + 1 >= classes.table_size)
		return SOURCE_NO_CLASS;
	place = class_place(mentions, count);
	number = classes.table[place];
	if (number) {
		source_classes[number].references++;
		return number;
	}
	copy = malloc(count * sizeof(*copy));
	number = copy ? class_number() : 0;
	if (!number) {
		free(copy);
		return SOURCE_NO_CLASS;
	}
	memcpy(copy, mentions, count * sizeof(*copy));
	c = &source_classes[number];
	c->mask = 0;
	for (uint32_t i = 0; i < count; i++)
		c->mask |= 1ull << ((mentions[i] >> 1) % 64);
	c->mentions = copy;
	c->count = count;
	c->references = 1;
	classes.table[place] = number;
	classes.used++;
	classes.mention_bytes += count * sizeof(*copy);
	return number;
}

void source_class_hold(uint32_t class)
{
	if (class)
		source_classes[class].references++;
}

void source_class_drop(uint32_t class)
{
	struct source_class *c = &source_classes[class];
	uint32_t count = classes.rest ? classes.rest->count : 0;

	if (class == 0 || --c->references > 0)
		return;
	table_remove(class_place(c->mentions, c->count));
	classes.used--;
	classes.era++; // whatever the cache says of it
	if (count == classes.rest_room) {
		uint32_t room = count ? 2 * count : 64;
		void *larger = realloc(classes.rest, sizeof(*classes.rest) + room * 4);

		if (!larger)
			return; // the number is lost, and nothing else
		classes.rest = larger;
		classes.rest->count = count;
		classes.rest_room = room;
	}
	classes.rest->classes[classes.rest->count++] = class;
}

struct source_class_rest *source_class_rest(void)
{
	struct source_class_rest *rest = classes.rest;

	classes.rest = NULL;
	classes.rest_room = 0;
	return rest;
}

void source_class_rest_free(struct source_class_rest *rest)
{
	for (uint32_t i = 0; i < rest->count; i++) {
		struct source_class *c = &source_classes[rest->classes[i]];

		classes.mention_bytes -= c->count * sizeof(*c->mentions);
		free(c->mentions);
		memset(c, 0, sizeof(*c));
		if (classes.unused_count == classes.unused_room) {
			uint32_t room = classes.unused_room ? 2 * classes.unused_room : 64;
			uint32_t *larger = realloc(classes.unused, room * sizeof(*larger));

			if (!larger)
				continue;
			classes.unused = larger;
			classes.unused_room = room;
		}
		classes.unused[classes.unused_count++] = rest->classes[i];
	}
	free(rest);
}

uint32_t source_class_with(uint32_t class, uint32_t list, bool nomatch)
{
	const struct source_class *c = &source_classes[class];
	uint32_t *out = classes.scratch, count = 0, i = 0;

	for (; i < c->count && c->mentions[i] >> 1 < list; i++)
		out[count++] = c->mentions[i];
	out[count++] = list << 1 | nomatch;
	for (i += i < c->count && c->mentions[i] >> 1 == list; i < c->count; i++)
		out[count++] = c->mentions[i];
	return class_of(out, count);
}

uint32_t source_class_without(uint32_t class, uint32_t list)
{
	const struct source_class *c = &source_classes[class];
	uint32_t *out = classes.scratch, count = 0;

	for (uint32_t i = 0; i < c->count; i++)
		if (c->mentions[i] >> 1 != list)
			out[count++] = c->mentions[i];
	return class_of(out, count);
}

static uint32_t class_merge(const struct source_class *outer, const struct source_class *own)
{
	uint32_t *out = classes.scratch, count = 0, i = 0, k = 0;

	while (i < outer->count || k < own->count) {
		uint32_t a = i < outer->count ? outer->mentions[i] >> 1 : UINT32_MAX;
		uint32_t b = k < own->count ? own->mentions[k] >> 1 : UINT32_MAX;

		out[count++] = b <= a ? own->mentions[k] : outer->mentions[i];
		i += a <= b;
		k += b <= a;
	}
	return class_of(out, count);
}

uint32_t source_class_inside(uint32_t outer, uint32_t own)
{
	struct pair *pair = &classes.cache[(outer * 0x9e3779b1u ^ own * 0x85ebca77u) >> 18];

	if (outer == 0 || own == 0) {
		source_class_hold(outer | own);
		return outer | own;
	}
	if (pair->era != classes.era || pair->outer != outer || pair->own != own) {
		uint32_t result = class_merge(&source_classes[outer], &source_classes[own]);

		if (result == SOURCE_NO_CLASS)
			return result;
		*pair = (struct pair){outer, own, result, classes.era};
		return result;
	}
	source_class_hold(pair->result);
	return pair->result;
}

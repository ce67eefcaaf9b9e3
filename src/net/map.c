/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/map.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int map_create(struct map *map, uint32_t buckets)
{
	assert(buckets && (buckets & (buckets - 1)) == 0);
	map->buckets = calloc(buckets, sizeof(*map->buckets));
	if (!map->buckets)
		return -ENOMEM;
	map->mask = buckets - 1;
	map->count = 0;
	return 0;
}

void map_destroy(struct map *map)
{
	free(map->buckets);
	*map = (struct map){0};
}

static void map_grow(struct map *map)
{
	struct map bigger;

	if (map->mask >= UINT32_MAX / 2 || map_create(&bigger, 2 * (map->mask + 1)) < 0)
		return;
	for (uint32_t i = 0; i <= map->mask; i++) {
		for (struct map_node *node = map->buckets[i], *next; node; node = next) {
			struct map_node **bucket = &bigger.buckets[node->hash & bigger.mask];

			next = node->next;
			node->next = *bucket;
			*bucket = node;
		}
	}
	bigger.count = map->count;
	free(map->buckets);
	*map = bigger;
}

void map_insert(struct map *map, struct map_node *node, uint32_t hash)
{
	struct map_node **bucket;

	if (map->count > map->mask)
		map_grow(map);
	bucket = &map->buckets[hash & map->mask];
	node->hash = hash;
	node->next = *bucket;
	*bucket = node;
	map->count++;
}

void map_remove(struct map *map, struct map_node *node)
{
	struct map_node **link = &map->buckets[node->hash & map->mask];

	while (*link != node) {
		assert(*link);
		link = &(*link)->next;
	}
	*link = node->next;
	map->count--;
}

struct map_node *map_first(const struct map *map, uint32_t hash)
{
	struct map_node *node = map->buckets ? map->buckets[hash & map->mask] : NULL;

	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct map_node *map_next(const struct map_node *node)
{
	uint32_t hash = node->hash;

	do
		node = node->next;
	while (node && node->hash != hash);
	return (struct map_node *)(uintptr_t)node;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

/*
 * A hash table whose nodes are embedded in what they find; for the control thread only (it moves
 * nodes while it grows). The caller compares keys itself:
 *
 *	for (node = map_first(&map, hash); node; node = map_next(node))
 *		if (same_key(node)) ...
 */
struct map_node {
	struct map_node *next;
	uint32_t hash;
};

struct map {
	struct map_node **buckets;
	uint32_t mask; // number of buckets - 1
	uint32_t count;
};

/* `buckets` is a power of two. -ENOMEM. */
int map_create(struct map *map, uint32_t buckets);
/* Frees the buckets only; the nodes are the caller's. */
void map_destroy(struct map *map);
/* Doubles the table when it is full; without memory for that, chains just get longer. */
void map_insert(struct map *map, struct map_node *node, uint32_t hash);
void map_remove(struct map *map, struct map_node *node);
struct map_node *map_first(const struct map *map, uint32_t hash);
struct map_node *map_next(const struct map_node *node);

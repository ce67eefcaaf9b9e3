/* SPDX-License-Identifier: BSD-3-Clause */
#include "balance/source_tree.h"

#include <errno.h>
#include <string.h>

#include "balance/source_list.h"
#include "balance/source_class.h"
#include "base/memory.h"

enum { TREE_MAX = 1 << 23 };

struct tree_node *tree_nodes;
uint32_t tree_roots[2];

static struct memory tree_memory;
static uint32_t tree_made, tree_free, tree_count;

int tree_start(void)
{
	if (memory_map(&tree_memory, "source-tree", TREE_MAX * sizeof(*tree_nodes), MEMORY_SMALL) <
	    0)
		return -ENOMEM;
	tree_nodes = tree_memory.base;
	tree_roots[0] = 1;
	tree_roots[1] = 2;
	tree_nodes[2].flags = TREE_IPV6;
	tree_made = 3;
	tree_free = 0;
	tree_count = 2;
	return 0;
}

void tree_stop(void)
{
	memory_unmap(&tree_memory);
	tree_nodes = NULL;
}

uint32_t tree_live(void)
{
	return tree_count;
}

static uint32_t node_take(const uint8_t *bytes, unsigned int len, uint8_t flags)
{
	uint32_t number = tree_free;
	struct tree_node *n;

	if (number)
		tree_free = tree_nodes[number].parent;
	else if (tree_made < TREE_MAX)
		number = tree_made++;
	else
		return 0;
	n = &tree_nodes[number];
	memset(n, 0, sizeof(*n));
	n->len = (uint8_t)len;
	n->flags = flags & TREE_IPV6;
	memcpy(n->bytes, bytes, (len + 7) / 8);
	if (len % 8)
		n->bytes[len / 8] &= (uint8_t)(0xff00 >> len % 8);
	tree_count++;
	return number;
}

static void node_give(uint32_t number)
{
	source_class_drop(tree_nodes[number].own);
	source_class_drop(tree_nodes[number].effect);
	tree_nodes[number].parent = tree_free;
	tree_free = number;
	tree_count--;
}

static unsigned int bit_of(const uint8_t *bytes, unsigned int at)
{
	return bytes[at / 8] >> (7 - at % 8) & 1;
}

/* How many of the first `most` bits are the same. */
static unsigned int bits_shared(const uint8_t *a, const uint8_t *b, unsigned int most)
{
	unsigned int at = 0;

	for (; at < most; at += 8) {
		uint8_t differ = a[at / 8] ^ b[at / 8];

		if (differ) {
			at += __builtin_clz(differ) - 24;
			break;
		}
	}
	return at < most ? at : most;
}

static void mark(uint32_t number, uint8_t flags)
{
	tree_nodes[number].flags |= flags & TREE_CHANGED;
	for (; number && !(tree_nodes[number].flags & TREE_DIRTY);
	     number = tree_nodes[number].parent)
		tree_nodes[number].flags |= TREE_DIRTY;
}

static void node_link(uint32_t parent, uint32_t child)
{
	tree_nodes[parent].child[bit_of(tree_nodes[child].bytes, tree_nodes[parent].len)] = child;
	tree_nodes[child].parent = parent;
}

/* A new node has what it is under, and also whether workers see that already. */
static void node_begin(uint32_t fresh, uint32_t under)
{
	tree_nodes[fresh].effect = tree_nodes[under].effect;
	tree_nodes[fresh].flags |= tree_nodes[under].flags & TREE_CHANGED;
	source_class_hold(tree_nodes[fresh].effect);
}

/* The node of this very prefix; `make`: a new one when there is none. 0: none, or no room. */
static uint32_t node_find(const struct prefix *prefix, bool make)
{
	bool ipv6 = prefix->addr.family == AF_INET6;
	const uint8_t *bytes = prefix->addr.bytes;
	uint32_t at = tree_roots[ipv6], child, fork, fresh;
	uint8_t flags = ipv6 ? TREE_IPV6 : 0;
	unsigned int shared = 0;

	for (;;) {
		if (tree_nodes[at].len == prefix->len)
			return at;
		child = tree_nodes[at].child[bit_of(bytes, tree_nodes[at].len)];
		if (!child)
			break;
		shared = tree_nodes[child].len < prefix->len ? tree_nodes[child].len : prefix->len;
		shared = bits_shared(tree_nodes[child].bytes, bytes, shared);
		if (shared < tree_nodes[child].len)
			break;
		at = child;
	}
	if (!make)
		return 0;
	fresh = node_take(bytes, prefix->len, flags);
	if (!fresh)
		return 0;
	if (child && shared < prefix->len) {
		fork = node_take(bytes, shared, flags);
		if (!fork) {
			node_give(fresh);
			return 0;
		}
		node_begin(fork, at);
		node_link(at, fork);
		node_link(fork, child);
		at = fork;
	} else if (child) {
		node_link(fresh, child);
	}
	node_begin(fresh, at);
	node_link(at, fresh);
	mark(fresh, 0);
	return fresh;
}

/*
 * Compute the classes anew from a node downwards, as far as they change. -ENOSPC leaves some as they
 * were; the caller puts the old state back, whose classes there were.
 */
static int spread(uint32_t number)
{
	struct tree_node *n = &tree_nodes[number];
	uint32_t effect = source_class_inside(tree_nodes[n->parent].effect, n->own);
	int status = 0;

	if (effect == SOURCE_NO_CLASS)
		return -ENOSPC;
	if (effect == n->effect) {
		source_class_drop(effect);
		return 0;
	}
	source_class_drop(n->effect);
	n->effect = effect;
	mark(number, TREE_CHANGED);
	for (unsigned int i = 0; i < 2; i++)
		if (n->child[i] && spread(n->child[i]) < 0)
			status = -ENOSPC;
	return status;
}

static int node_say(uint32_t number, uint32_t own)
{
	uint32_t old = tree_nodes[number].own;

	if (own == SOURCE_NO_CLASS)
		return -ENOSPC;
	tree_nodes[number].own = own;
	mark(number, 0);
	if (spread(number) < 0) {
		tree_nodes[number].own = old;
		spread(number);
		source_class_drop(own);
		return -ENOSPC;
	}
	source_class_drop(old);
	return 0;
}

int tree_put(uint32_t list, const struct prefix *prefix, bool nomatch)
{
	uint32_t number = node_find(prefix, true);

	if (!number)
		return -ENOMEM;
	return node_say(number, source_class_with(tree_nodes[number].own, list, nomatch));
}

void tree_remove(uint32_t list, const struct prefix *prefix)
{
	uint32_t number = node_find(prefix, false);

	if (number)
		node_say(number, source_class_without(tree_nodes[number].own, list));
}

uint32_t tree_tidy(uint32_t number)
{
	struct tree_node *n = &tree_nodes[number], *parent = &tree_nodes[n->parent];
	uint32_t rest = n->child[0] ? n->child[0] : n->child[1];

	if (n->own || (n->child[0] && n->child[1]) || n->parent == 0)
		return number;
	parent->child[bit_of(n->bytes, parent->len)] = rest;
	if (rest)
		tree_nodes[rest].parent = n->parent;
	node_give(number);
	return rest;
}

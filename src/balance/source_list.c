/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The source classifier, as workers read it.
 *
 * A table for each family has a slot for every value of the first 24 bits of an address: a class,
 * or the number of a node. A node decides by one byte: a bit for each of its values at which
 * something else begins, and for each such run a class or a further node. Bytes between the node
 * above and this one must be as in the node, or the address is outside of all that is in it. So a
 * lookup in a million IPv4 prefixes reads one cache line when they are not longer than /24, and two
 * otherwise; sparse IPv6 prefixes cost two or three. Nodes are multiples of a cache line, and one
 * with a single prefix in it is one.
 *
 * Control changes the tree of prefixes (source_tree.c), and source_commit() then walks what is
 * dirty in it: slots are painted with the classes of short prefixes, and nodes with something new
 * under them are made anew beside the old ones, which go back after a grace period. Nodes below
 * that have not changed are kept. So a change costs a few microseconds, plus a few for each
 * thousand longer prefixes or slots that it covers. The prefix of length 0 is a flag of its list.
 *
 * One control thread writes; workers read without locks, and see each prefix as it was or as it is.
 */
#include "balance/source_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_prefetch.h>

#include "balance/source_class.h"
#include "balance/source_tree.h"
#include "base/memory.h"
#include "io/rcu.h"

enum {
	SLOT_BITS = 24,
	SLOTS = 1 << SLOT_BITS,
	SLOT_BYTES = 3,
	LINE = 64,
	LINES = 1 << 24, // of nodes: 1 GB when all of them are used
	VALUES_FIRST = 3,
	NODE_LINES_MAX = 18,
};

struct source_node {
	uint64_t begins[4];		    // bit: another run than that of the value before
	uint8_t bytes[16 - SLOT_BYTES - 1]; // of the address, from byte SLOT_BYTES on
	uint8_t first, at;		    // compare bytes first to at - 1, decide by byte at
	uint8_t lines;			    // that it takes
	uint8_t spare;
	uint32_t outside;	      // class of addresses whose bytes differ
	uint32_t value[VALUES_FIRST]; // of each run, and more behind
} __attribute__((aligned(LINE)));
_Static_assert(sizeof(struct source_node) == LINE, "a node of one prefix is one cache line");

/* What workers may still read: waits for the end of a grace period. */
struct source_rest {
	struct source_class_rest *classes;
	uint32_t count;
	uint32_t nodes[];
};

uint8_t *source_everybody;
uint32_t source_everybody_count;

uint32_t *source_slots[2];
static struct memory slot_memory[2], line_memory;
static struct source_node *lines;
static uint32_t lines_made, lines_live;
static uint32_t lines_free[NODE_LINES_MAX]; // by size: the next one stands in value[0]
static struct source_rest *rest;
static uint32_t rest_room;
static bool short_of_memory;
static uint32_t *list_unused;
static uint32_t list_unused_count, lists_made;

int source_list_start(void)
{
	if (memory_map(&slot_memory[0], "source-slots", SLOTS * 4ull, MEMORY_LARGE) < 0 ||
	    memory_map(&slot_memory[1], "source-slots6", SLOTS * 4ull, MEMORY_SMALL) < 0 ||
	    memory_map(&line_memory, "source-nodes", (size_t)LINES * LINE, MEMORY_LARGE) < 0 ||
	    source_class_start() < 0 || tree_start() < 0)
		goto stop;
	source_slots[0] = slot_memory[0].base;
	source_slots[1] = slot_memory[1].base;
	lines = line_memory.base;
	lines_made = 1;
	lists_made = 1;
	source_everybody = calloc(SOURCE_LISTS, 1);
	list_unused = calloc(SOURCE_LISTS, sizeof(*list_unused));
	if (source_everybody && list_unused)
		return 0;
stop:
	source_list_stop();
	return -ENOMEM;
}

void source_list_stop(void)
{
	if (rest)
		free(rest->classes);
	free(rest);
	free(source_everybody);
	free(list_unused);
	memory_unmap(&slot_memory[0]);
	memory_unmap(&slot_memory[1]);
	memory_unmap(&line_memory);
	source_class_stop();
	tree_stop();
	rest = NULL;
	rest_room = 0;
	source_everybody = NULL;
	list_unused = NULL;
	lines = NULL;
	lines_live = list_unused_count = source_everybody_count = 0;
	memset(lines_free, 0, sizeof(lines_free));
}

size_t source_bytes(void)
{
	return 2 * (size_t)SLOTS * 4 + (size_t)lines_live * LINE +
	       tree_live() * sizeof(struct tree_node) + source_class_bytes();
}

/* Workers */

static inline bool node_holds(const struct source_node *node, const uint8_t *address)
{
	for (unsigned int i = node->first; i < node->at; i++)
		if (node->bytes[i - SLOT_BYTES] != address[i])
			return false;
	return true;
}

static inline uint32_t node_value(const struct source_node *node, uint8_t byte)
{
	unsigned int word = byte / 64;
	unsigned int run = __builtin_popcountll(node->begins[word] & (~0ull >> (63 - byte % 64)));

	for (unsigned int i = 0; i < word; i++)
		run += __builtin_popcountll(node->begins[i]);
	return node->value[run - 1];
}

static inline uint32_t node_find(const struct source_node *node, const uint8_t *address)
{
	return node_holds(node, address) ? node_value(node, address[node->at]) : node->outside;
}

uint32_t source_find(const uint8_t *address, bool ipv6)
{
	uint32_t value = __atomic_load_n(source_slot(address, ipv6), __ATOMIC_ACQUIRE);

	while (value & SOURCE_NODE)
		value = node_find(&lines[value & ~SOURCE_NODE], address);
	return value;
}

void source_prefetch_node(uint32_t value)
{
	rte_prefetch0(&lines[value & ~SOURCE_NODE]);
}

uint32_t source_step(uint32_t value, const uint8_t *address)
{
	value = node_find(&lines[value & ~SOURCE_NODE], address);
	if (source_is_unknown(value))
		source_prefetch_node(value);
	else
		rte_prefetch0(&source_classes[value]);
	return value;
}

/* Nodes */

static unsigned int lines_of(unsigned int values)
{
	return values <= VALUES_FIRST ? 1 : 1 + ((values - VALUES_FIRST) * 4 + LINE - 1) / LINE;
}

static uint32_t node_take(unsigned int size)
{
	uint32_t line = lines_free[size];

	if (line) {
		lines_free[size] = lines[line].value[0];
	} else if (lines_made + size <= LINES) {
		line = lines_made;
		lines_made += size;
	}
	lines_live += line ? size : 0;
	return line;
}

static void rest_free(void *arg)
{
	struct source_rest *r = arg;

	for (uint32_t i = 0; i < r->count; i++) {
		struct source_node *node = &lines[r->nodes[i]];

		node->value[0] = lines_free[node->lines];
		lines_free[node->lines] = r->nodes[i];
		lines_live -= node->lines;
	}
	if (r->classes)
		source_class_rest_free(r->classes);
	free(r);
}

static int rest_grow(void)
{
	uint32_t room = rest_room ? 2 * rest_room : 64;
	struct source_rest *larger = realloc(rest, sizeof(*rest) + room * sizeof(*rest->nodes));

	if (!larger)
		return -ENOMEM;
	if (!rest)
		memset(larger, 0, sizeof(*larger));
	rest = larger;
	rest_room = room;
	return 0;
}

/* The workers' node that begins at this node of the tree is not needed any more. */
static void node_retire(struct tree_node *n)
{
	uint32_t count = rest ? rest->count : 0;

	if (!n->handle)
		return;
	if (count < rest_room || rest_grow() == 0)
		rest->nodes[rest->count++] = n->handle;
	n->handle = 0; // without memory to remember it, its lines are lost
}

static uint32_t node_write(const uint32_t value[256])
{
	uint64_t begins[4] = {0};
	unsigned int values = 0, at = 0;
	struct source_node *node;
	uint32_t line;

	for (unsigned int i = 0; i < 256; i++) {
		if (i > 0 && value[i] == value[i - 1])
			continue;
		begins[i / 64] |= 1ull << i % 64;
		values++;
	}
	line = node_take(lines_of(values));
	if (!line)
		return 0;
	node = &lines[line];
	node->lines = (uint8_t)lines_of(values);
	memcpy(node->begins, begins, sizeof(begins));
	for (unsigned int i = 0; i < 256; i++)
		if (begins[i / 64] >> i % 64 & 1)
			node->value[at++] = value[i];
	return line;
}

static uint32_t region_make(unsigned int depth, uint32_t number, uint32_t outside);

/* Write what this part of the tree says into the values of a node that decides by byte `at`. */
static void region_paint(uint32_t number, uint32_t top, unsigned int at, uint32_t value[256])
{
	struct tree_node *n = &tree_nodes[number];
	unsigned int byte = n->bytes[at], count;

	if (n->len >= 8 * (at + 1)) {
		value[byte] = region_make(at + 1, number, value[byte]);
		return;
	}
	if (number != top)
		node_retire(n);
	n->flags &= TREE_IPV6;
	count = n->len >= 8 * at ? 1u << (8 * (at + 1) - n->len) : 256;
	for (unsigned int i = 0; i < count; i++)
		value[(n->len > 8 * at ? byte : 0) + i] = n->effect;
	for (unsigned int i = 0; i < 2; i++)
		if (n->child[i])
			region_paint(n->child[i], top, at, value);
}

/*
 * What workers are to find for addresses that agree with the tree's node in the first `depth` bytes:
 * a class, or a node with that flag. Around it all is of class `outside`.
 */
static uint32_t region_make(unsigned int depth, uint32_t number, uint32_t outside)
{
	struct tree_node *n = &tree_nodes[number];
	uint32_t value[256], line;
	unsigned int at;
	bool forked;

	while (n->len == 8 * depth) { // it is the whole region
		outside = n->effect;
		if (n->child[0] && n->child[1])
			break;
		node_retire(n);
		n->flags &= TREE_IPV6;
		number = n->child[0] ? n->child[0] : n->child[1];
		if (!number)
			return outside;
		n = &tree_nodes[number];
	}
	if (!(n->flags & TREE_DIRTY) && n->handle && n->depth == depth && n->outside == outside)
		return SOURCE_NODE | n->handle;
	node_retire(n);
	forked = n->child[0] && n->child[1];
	at = n->len / 8 - (n->len % 8 == 0 && n->len > 8 * depth && !forked);
	for (unsigned int i = 0; i < 256; i++)
		value[i] = outside;
	region_paint(number, number, at, value);
	n->flags &= TREE_IPV6;
	line = node_write(value);
	if (!line) {
		short_of_memory = true;
		return outside;
	}
	memcpy(lines[line].bytes, n->bytes + SLOT_BYTES, sizeof(lines[line].bytes));
	lines[line].first = (uint8_t)depth;
	lines[line].at = (uint8_t)at;
	lines[line].outside = outside;
	n->handle = line;
	n->depth = (uint8_t)depth;
	n->outside = outside;
	return SOURCE_NODE | line;
}

/* Commit */

static uint32_t tidy(uint32_t number)
{
	struct tree_node *n = &tree_nodes[number];

	if (!n->own && !(n->child[0] && n->child[1]) && n->parent)
		node_retire(n);
	return tree_tidy(number);
}

/* The same for all of a part that is dirty, the lowest first. */
static uint32_t tidy_all(uint32_t number)
{
	struct tree_node *n = &tree_nodes[number];

	if (!(n->flags & TREE_DIRTY))
		return number;
	for (unsigned int i = 0; i < 2; i++)
		if (n->child[i])
			tidy_all(n->child[i]);
	return tidy(number);
}

static uint32_t slot_of(const uint8_t *address)
{
	return (uint32_t)address[0] << 16 | (uint32_t)address[1] << 8 | address[2];
}

static void slot_store(bool ipv6, uint32_t slot, uint32_t value)
{
	if (source_slots[ipv6][slot] != value)
		__atomic_store_n(&source_slots[ipv6][slot], value, __ATOMIC_RELEASE);
}

/* All that stands in one slot. */
static void slot_make(uint32_t number, uint32_t around)
{
	bool ipv6 = tree_nodes[number].flags & TREE_IPV6;
	uint32_t slot = slot_of(tree_nodes[number].bytes);

	number = tidy_all(number);
	slot_store(ipv6, slot, number ? region_make(SLOT_BYTES, number, around) : around);
}

/* A prefix or fork of less than 24 bits: its slots that are under no child, and its children. */
static void tree_show(uint32_t number)
{
	struct tree_node *n = &tree_nodes[number];
	bool changed = n->flags & TREE_CHANGED, ipv6 = n->flags & TREE_IPV6;
	uint32_t at = slot_of(n->bytes), end = at + (1u << (SLOT_BITS - n->len));
	uint32_t children[2] = {n->child[0], n->child[1]};

	n->flags &= TREE_IPV6;
	for (unsigned int i = 0; i < 2; i++) {
		const struct tree_node *child = &tree_nodes[children[i]];
		uint32_t start, behind;

		if (!children[i])
			continue;
		start = slot_of(child->bytes);
		behind = start + (child->len >= SLOT_BITS ? 1 : 1u << (SLOT_BITS - child->len));
		for (; changed && at < start; at++)
			slot_store(ipv6, at, n->effect);
		if (child->len >= SLOT_BITS && (changed || child->flags & TREE_DIRTY))
			slot_make(children[i], n->effect);
		else if (child->flags & TREE_DIRTY)
			tree_show(children[i]);
		at = behind;
	}
	for (; changed && at < end; at++)
		slot_store(ipv6, at, n->effect);
	tidy(number);
}

int source_commit(void)
{
	struct source_class_rest *classes;

	short_of_memory = false;
	for (unsigned int family = 0; family < 2; family++)
		if (tree_nodes[tree_roots[family]].flags & TREE_DIRTY)
			tree_show(tree_roots[family]);
	classes = source_class_rest();
	if (!rest && classes && rest_grow() < 0)
		return -ENOMEM; // their numbers are lost
	if (classes)
		rest->classes = classes;
	if (rest && rcu_defer(rest_free, rest) == 0) {
		rest = NULL;
		rest_room = 0;
	}
	return short_of_memory ? -ENOMEM : 0;
}

/* Lists */

uint32_t source_list_take(void)
{
	if (list_unused_count > 0)
		return list_unused[--list_unused_count];
	return lists_made < SOURCE_LISTS ? lists_made++ : 0;
}

void source_list_free(uint32_t list)
{
	list_unused[list_unused_count++] = list;
}

static void everybody_set(uint32_t list, uint8_t bits)
{
	uint32_t count = source_everybody_count + !!bits - !!source_everybody[list];

	__atomic_store_n(&source_everybody[list], bits, __ATOMIC_RELAXED);
	__atomic_store_n(&source_everybody_count, count, __ATOMIC_RELAXED);
}

int source_put(uint32_t list, const struct prefix *prefix, bool nomatch)
{
	uint8_t bit = prefix->addr.family == AF_INET6 ? 2 : 1, bits = source_everybody[list];

	if (prefix->len > 0)
		return tree_put(list, prefix, nomatch);
	everybody_set(list, nomatch ? bits & ~bit : bits | bit);
	return 0;
}

void source_remove(uint32_t list, const struct prefix *prefix)
{
	uint8_t bit = prefix->addr.family == AF_INET6 ? 2 : 1;

	if (prefix->len > 0)
		tree_remove(list, prefix);
	else
		everybody_set(list, source_everybody[list] & ~bit);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The forwarding table: one trie for each family, changed in place.
 *
 * The root has an entry for every value of the first 16 bits, each node below for every value of
 * the next 8 bits. An entry is empty, a value, or the number of a node. A prefix is written into
 * the entries that it covers *in the one node that its length falls into*, never below. What it
 * means for longer addresses is kept in the `above` field of the nodes under those entries, and a
 * lookup remembers the last `above` that it passed: so changing a prefix costs at most the entries
 * of one node, however many prefixes lie under it, the default route included.
 *
 * One control thread writes, any number of workers read without locks. Each store is one aligned
 * word which makes the table correct for either the old or the new state of one prefix; a node is
 * filled in before it is linked, and reused only after a grace period.
 *
 * Why not rte_fib: it has no grace periods in 22.11, so that two copies have to be kept and each
 * change made twice, which for 256 k routes of each family takes 586 MB of the DPDK heap
 * (doc/decisions). Here nodes lie in a mapping of their own and cost memory only when they are used.
 */
#include "net/fib.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "net/retire.h"

enum {
	ROOT_BITS = 16,
	NODE_BITS = 8,
	ROOT_ENTRIES = 1 << ROOT_BITS,
	NODE_ENTRIES = 1 << NODE_BITS,
	NODE_MAX = 1 << 18, // about 300 MB if all of them are used; a full BGP table of both
			    // families takes less than half
};

#define ENTRY_NODE 0x80000000u // the rest is a node's number; otherwise value + 1, or 0: empty

struct fib_node {
	uint32_t entry[NODE_ENTRIES];
	uint32_t above; // the value of the parent's entry: what matches when nothing in here does
} __attribute__((aligned(64)));

/* What only the control thread needs to know of a node. */
struct node_control {
	struct retired retired;
	uint32_t parent;	     // 0: the root
	uint32_t place;		     // in the parent
	uint32_t free;		     // next free node
	uint16_t used;		     // entries that are not empty
	uint8_t depth[NODE_ENTRIES]; // bits of this node that the entry's prefix has; 0: no prefix
};

struct fib_root {
	uint32_t entry[ROOT_ENTRIES];
	uint32_t above; // the default route
	uint8_t depth[ROOT_ENTRIES];
};

static struct fib_root *fib_roots; // IPv4, IPv6
static struct fib_node *fib_nodes;
static struct node_control *fib_controls;
static struct memory root_memory, node_memory, control_memory;
static uint32_t nodes_made; // node 0 is not used, so that an entry of a node is never 0
static uint32_t nodes_free; // list of nodes given back
static uint32_t nodes_live;

/* One node or root while it is being changed. */
struct level {
	uint32_t *entry;
	uint8_t *depth;
	uint32_t node;	    // 0: the root
	unsigned int start; // how many bits of the address come before this level
	unsigned int bits;  // how many are decided here
};

int fib_start(void)
{
	nodes_made = 1;
	nodes_free = 0;
	nodes_live = 0;
	if (memory_map(&root_memory, "fib-roots", 2 * sizeof(*fib_roots), MEMORY_SMALL) < 0 ||
	    memory_map(&node_memory, "fib-nodes", NODE_MAX * sizeof(*fib_nodes), MEMORY_SMALL) <
		    0 ||
	    memory_map(&control_memory, "fib-control", NODE_MAX * sizeof(*fib_controls),
		       MEMORY_SMALL) < 0) {
		fib_stop();
		return -ENOMEM;
	}
	fib_roots = root_memory.base;
	fib_nodes = node_memory.base;
	fib_controls = control_memory.base;
	return 0;
}

void fib_stop(void)
{
	memory_unmap(&root_memory);
	memory_unmap(&node_memory);
	memory_unmap(&control_memory);
}

size_t fib_bytes(void)
{
	return 2 * sizeof(*fib_roots) + nodes_live * (sizeof(*fib_nodes) + sizeof(*fib_controls));
}

static struct fib_root *fib_root(const struct prefix *prefix)
{
	return &fib_roots[prefix->addr.family == AF_INET6];
}

static uint32_t fib_load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void fib_store(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static uint32_t fib_walk(const struct fib_root *root, const uint8_t *bytes)
{
	uint32_t best = fib_load(&root->above);
	uint32_t entry = fib_load(&root->entry[bytes[0] << 8 | bytes[1]]);

	for (bytes += 2; entry & ENTRY_NODE; bytes++) {
		const struct fib_node *node = &fib_nodes[entry & ~ENTRY_NODE];
		uint32_t above = fib_load(&node->above);

		if (above)
			best = above;
		entry = fib_load(&node->entry[*bytes]);
	}
	if (entry)
		best = entry;
	return best ? best - 1 : 0;
}

uint32_t fib_lookup4(uint32_t address_be)
{
	return fib_walk(&fib_roots[0], (const uint8_t *)&address_be);
}

uint32_t fib_lookup6(const uint8_t address[16])
{
	return fib_walk(&fib_roots[1], address);
}

/* Start of the level that decides prefixes of this length (1 and up). */
static unsigned int level_start(unsigned int len)
{
	return len <= ROOT_BITS ? 0 : (len - 1) / NODE_BITS * NODE_BITS;
}

unsigned int fib_cover_limit(const struct prefix *prefix)
{
	return prefix->len ? level_start(prefix->len) : 0;
}

static struct level level_of_root(struct fib_root *root)
{
	return (struct level){.entry = root->entry, .depth = root->depth, .bits = ROOT_BITS};
}

static struct level level_of_node(uint32_t node, unsigned int start)
{
	return (struct level){
		.entry = fib_nodes[node].entry,
		.depth = fib_controls[node].depth,
		.node = node,
		.start = start,
		.bits = NODE_BITS,
	};
}

/* The entry of a level that an address belongs to. */
static uint32_t level_place(const struct level *level, const struct addr *addr)
{
	const uint8_t *byte = &addr->bytes[level->start / 8];

	return level->bits == ROOT_BITS ? (uint32_t)byte[0] << 8 | byte[1] : byte[0];
}

static void level_count(const struct level *level, int change)
{
	if (level->node)
		fib_controls[level->node].used += change;
}

static uint32_t node_create(const struct level *parent, uint32_t place)
{
	uint32_t node = nodes_free;

	if (node)
		nodes_free = fib_controls[node].free;
	else if (nodes_made < NODE_MAX)
		node = nodes_made++;
	else
		return 0;
	memset(&fib_nodes[node], 0, sizeof(*fib_nodes));
	memset(&fib_controls[node], 0, sizeof(*fib_controls));
	fib_nodes[node].above = parent->entry[place];
	fib_controls[node].parent = parent->node;
	fib_controls[node].place = place;
	if (!parent->entry[place])
		level_count(parent, +1);
	fib_store(&parent->entry[place], ENTRY_NODE | node);
	nodes_live++;
	return node;
}

static void node_reclaim(struct retired *retired)
{
	struct node_control *control = (struct node_control *)retired;

	control->free = nodes_free;
	nodes_free = (uint32_t)(control - fib_controls);
	nodes_live--;
}

/* Take away a node that has become empty, and the nodes above it that become so thereby. */
static void node_prune(struct fib_root *root, struct level level)
{
	while (level.node && fib_controls[level.node].used == 0) {
		const struct node_control *control = &fib_controls[level.node];
		unsigned int start = level.start - NODE_BITS;
		uint32_t above = fib_nodes[level.node].above;
		struct level parent = control->parent ? level_of_node(control->parent, start)
						      : level_of_root(root);

		fib_store(&parent.entry[control->place], above);
		if (!above)
			level_count(&parent, -1);
		retire(&fib_controls[level.node].retired, node_reclaim);
		level = parent;
	}
}

/*
 * Go down to the level that decides the prefix, making nodes on the way if `make`. Returns false
 * when the level is not there; `level` is then the last one that is.
 */
static bool level_find(const struct prefix *prefix, bool make, struct level *level)
{
	unsigned int target = level_start(prefix->len);

	*level = level_of_root(fib_root(prefix));
	while (level->start != target) {
		uint32_t place = level_place(level, &prefix->addr);
		uint32_t entry = level->entry[place];
		uint32_t node = entry & ENTRY_NODE ? entry & ~ENTRY_NODE : 0;

		if (!node && make)
			node = node_create(level, place);
		if (!node)
			return false;
		*level = level_of_node(node, level->start + level->bits);
	}
	return true;
}

/* Write a coded value into one entry, or above the node that hangs there. */
static void level_write(const struct level *level, uint32_t place, uint32_t coded, uint8_t depth)
{
	uint32_t entry = level->entry[place];

	level->depth[place] = depth;
	if (entry & ENTRY_NODE) {
		fib_store(&fib_nodes[entry & ~ENTRY_NODE].above, coded);
		return;
	}
	level_count(level, !!coded - !!entry);
	fib_store(&level->entry[place], coded);
}

int fib_set(const struct prefix *prefix, uint32_t value)
{
	struct level level;
	uint32_t first, count;
	uint8_t depth;

	assert(value < ENTRY_NODE - 1);
	if (prefix->len == 0) {
		fib_store(&fib_root(prefix)->above, value + 1);
		return 0;
	}
	if (!level_find(prefix, true, &level)) {
		node_prune(fib_root(prefix), level);
		return -ENOMEM;
	}
	depth = prefix->len - level.start;
	count = 1u << (level.bits - depth);
	first = level_place(&level, &prefix->addr) & ~(count - 1);
	for (uint32_t place = first; place < first + count; place++)
		if (level.depth[place] <= depth)
			level_write(&level, place, value + 1, depth);
	return 0;
}

void fib_clear(const struct prefix *prefix, const struct prefix *cover, uint32_t cover_value)
{
	struct level level;
	uint32_t first, count, coded = 0;
	uint8_t depth, cover_depth = 0;

	if (prefix->len == 0) {
		fib_store(&fib_root(prefix)->above, 0);
		return;
	}
	if (!level_find(prefix, false, &level))
		return;
	if (cover && cover->len > level.start) {
		cover_depth = cover->len - level.start;
		coded = cover_value + 1;
	}
	depth = prefix->len - level.start;
	count = 1u << (level.bits - depth);
	first = level_place(&level, &prefix->addr) & ~(count - 1);
	for (uint32_t place = first; place < first + count; place++)
		if (level.depth[place] == depth)
			level_write(&level, place, coded, cover_depth);
	node_prune(fib_root(prefix), level);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Traffic control of ports and bonds: what control gives to the workers.
 *
 * A direction of a port has a tree: a root, children with queues of their own, and rules (the
 * classifiers) that lead from a node to one of its children, or to a drop. A tree is never changed:
 * control builds another one, publishes it and frees the old one after a grace period. The queues
 * live longer than trees: one that has the same handle and kind in the next tree goes over with all
 * that waits in it, its counters and its tokens, and only its numbers change. What waits in a queue
 * that is removed is dropped.
 *
 * One worker keeps the queues of a port (shape.c), and the buckets of its other direction
 * (police.c). Ports are spread over the workers.
 */
#include "path/traffic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/pool.h"
#include "io/rcu.h"
#include "path/worker.h"

enum { POOL_SHARE = 4 }; // all queues together hold a quarter of the buffers at most

struct traffic_tree *traffic_trees[TRAFFIC_DIRECTIONS][PORT_MAX];
static uint64_t discarded;

/* What a change leaves behind: a tree, and those of its queues that have no successor. */
struct remains {
	struct traffic_tree *tree;
	unsigned int queue_count;
	struct traffic_queue *queues[TRAFFIC_QUEUES_MAX];
};

static bool is_root(uint32_t handle)
{
	return handle == TRAFFIC_ROOT || handle == TRAFFIC_INGRESS;
}

static struct traffic_queue *tree_queue(const struct traffic_tree *tree, uint32_t handle)
{
	for (unsigned int i = 0; tree && i < tree->node_count; i++)
		if (tree->nodes[i].queue->spec.handle == handle)
			return tree->nodes[i].queue;
	return NULL;
}

static unsigned int node_of(const struct traffic_tree *tree, uint32_t handle)
{
	for (unsigned int i = 0; i < tree->node_count; i++)
		if (tree->nodes[i].queue->spec.handle == handle)
			return i;
	return TRAFFIC_DROP;
}

static void tree_free(struct traffic_tree *tree)
{
	if (!tree)
		return;
	free(tree->nodes);
	free(tree->rules);
	free(tree);
}

/* The owner has a transmit queue of the port. */
static unsigned int owner_of_port(unsigned int port)
{
	const struct port *p = port_get(port);
	unsigned int workers = worker_get(0)->count;

	return port % (p->tx_shared ? RTE_MIN(p->tx_queue_count, workers) : workers);
}

/* A queue of the tree that runs, or a new one. */
static struct traffic_queue *queue_get(const struct traffic_queue_spec *spec, unsigned int port,
				       enum traffic_direction d)
{
	struct traffic_queue *q = tree_queue(traffic_trees[d][port], spec->handle);
	const struct worker *w = worker_get(0);

	if (q && q->spec.kind == spec->kind)
		return q;
	return traffic_queue_create(spec, w->hz, d == TRAFFIC_IN ? w->count : 0);
}

/* Queues that were made for a tree that is not to be. */
static void queues_unmake(const struct traffic_tree *tree, enum traffic_direction d)
{
	const struct traffic_tree *old = traffic_trees[d][tree->port];

	for (unsigned int i = 0; i < tree->node_count; i++) {
		struct traffic_queue *q = tree->nodes[i].queue;

		if (tree_queue(old, q->spec.handle) != q)
			traffic_queue_destroy(q);
	}
}

/* All children of a node, side by side behind all that is there already. */
static int children_add(struct traffic_tree *tree, const struct traffic_spec *spec, unsigned int at,
			enum traffic_direction d)
{
	struct traffic_node *node = &tree->nodes[at];

	node->child_first = tree->node_count;
	for (unsigned int i = 0; i < spec->queue_count; i++) {
		const struct traffic_queue_spec *wanted = &spec->queues[i];
		struct traffic_node *child = &tree->nodes[tree->node_count];

		if (is_root(wanted->handle) || wanted->parent != node->queue->spec.handle)
			continue;
		child->queue = queue_get(wanted, tree->port, d);
		if (!child->queue)
			return -ENOMEM;
		child->parent = at;
		tree->node_count++;
		node->child_count++;
	}
	return 0;
}

/* The tags by which frames of an interface on the port are known. */
static void rule_tags(struct traffic_rule *rule, const char *name)
{
	const struct iface *iface = name[0] ? iface_find(name) : NULL;

	if (!iface || iface->kind != IFACE_VLAN)
		return;
	rule->tag_bytes = iface->tag_bytes;
	memcpy(rule->tags, iface->tags, sizeof(rule->tags));
}

/* The rules of a node: a higher priority first, then as they stand. */
static void rules_add(struct traffic_tree *tree, const struct traffic_spec *spec, unsigned int at,
		      enum traffic_direction d)
{
	struct traffic_node *node = &tree->nodes[at];

	node->rule_first = tree->rule_count;
	for (unsigned int i = 0; i < spec->classifier_count; i++) {
		const struct traffic_classifier_spec *wanted = &spec->classifiers[i];
		struct traffic_rule *rule = &tree->rules[tree->rule_count];

		if (wanted->queue != node->queue->spec.handle)
			continue;
		rule->match = wanted->match;
		rule->set = wanted->found;
		rule->destination = wanted->destination;
		rule->packets = wanted->packets;
		rule->target = wanted->target ? node_of(tree, wanted->target) : TRAFFIC_DROP;
		rule_tags(rule, d == TRAFFIC_IN ? wanted->match.in : wanted->match.out);
		if (d == TRAFFIC_OUT && wanted->match.in[0] && iface_find(wanted->match.in))
			rule->in = iface_find(wanted->match.in)->index + 1;
		tree->rule_count++;
		node->rule_count++;
	}
}

static int tree_fill(struct traffic_tree *tree, const struct traffic_spec *spec,
		     const struct traffic_queue_spec *root, enum traffic_direction d)
{
	tree->nodes = calloc(spec->queue_count, sizeof(*tree->nodes));
	tree->rules = calloc(spec->classifier_count + 1, sizeof(*tree->rules));
	if (!tree->nodes || !tree->rules)
		return -ENOMEM;
	tree->nodes[0].queue = queue_get(root, tree->port, d);
	if (!tree->nodes[0].queue)
		return -ENOMEM;
	tree->node_count = 1;
	for (unsigned int i = 0; i < tree->node_count; i++)
		if (children_add(tree, spec, i, d) < 0)
			return -ENOMEM;
	for (unsigned int i = 0; i < tree->node_count; i++)
		rules_add(tree, spec, i, d);
	return 0;
}

/* `*out` becomes NULL when there is nothing to do in this direction. */
static int tree_build(unsigned int port, const struct traffic_spec *spec, enum traffic_direction d,
		      struct traffic_tree **out)
{
	uint32_t handle = d == TRAFFIC_OUT ? TRAFFIC_ROOT : TRAFFIC_INGRESS;
	const struct traffic_queue_spec *root = NULL;
	struct traffic_tree *tree;

	*out = NULL;
	for (unsigned int i = 0; spec && i < spec->queue_count; i++)
		if (spec->queues[i].handle == handle)
			root = &spec->queues[i];
	if (!root || !(d == TRAFFIC_OUT ? spec->egress : spec->ingress))
		return 0;
	tree = calloc(1, sizeof(*tree));
	if (!tree)
		return -ENOMEM;
	tree->port = port;
	tree->iface = iface_find(spec->interface) ? iface_find(spec->interface)->index : 0;
	tree->owner = owner_of_port(port);
	tree->waiting_max = pool_get(-1)->size / POOL_SHARE / RTE_MAX(port_count(), 1u);
	if (tree_fill(tree, spec, root, d) < 0) {
		queues_unmake(tree, d);
		tree_free(tree);
		return -ENOMEM;
	}
	*out = tree;
	return 0;
}

/* The numbers of queues that were taken over. */
static void tree_settle(struct traffic_tree *tree, const struct traffic_spec *spec)
{
	for (unsigned int i = 0; tree && i < spec->queue_count; i++) {
		struct traffic_queue *q = tree_queue(tree, spec->queues[i].handle);

		if (!q)
			continue;
		traffic_queue_change(q, &spec->queues[i]);
		q->spec.parent = spec->queues[i].parent;
	}
}

static void remains_free(void *arg)
{
	struct remains *remains = arg;

	for (unsigned int i = 0; i < remains->queue_count; i++)
		discarded += traffic_queue_destroy(remains->queues[i]);
	tree_free(remains->tree);
	free(remains);
}

static void remains_collect(struct remains *remains, struct traffic_tree *old,
			    const struct traffic_tree *new)
{
	remains->tree = old;
	for (unsigned int i = 0; old && i < old->node_count; i++) {
		struct traffic_queue *q = old->nodes[i].queue;

		if (tree_queue(new, q->spec.handle) != q)
			remains->queues[remains->queue_count++] = q;
	}
}

static bool asks_for_input(const struct traffic_tree *tree)
{
	for (unsigned int i = 0; tree && i < tree->rule_count; i++)
		if (tree->rules[i].in)
			return true;
	return false;
}

/* What each worker has to do with ports; after the trees when something is new, else before. */
static void workers_tell(void)
{
	unsigned int workers = worker_get(0)->count;

	for (unsigned int i = 0; i < workers; i++) {
		struct worker *w = worker_get(i);
		uint8_t traffic = 0;

		for (unsigned int port = 0; port < port_count(); port++) {
			const struct traffic_tree *out = traffic_trees[TRAFFIC_OUT][port];
			const struct traffic_tree *in = traffic_trees[TRAFFIC_IN][port];
			const struct port *p = port_get(port);
			uint8_t by = p->tx_shared ? i % p->tx_queue_count : i;

			if (out)
				by = out->owner == i ? TRANSMIT_SHAPED : out->owner;
			if ((out && out->owner == i) || (in && in->owner == i))
				traffic |= TRAFFIC_RUNS;
			traffic |= in ? TRAFFIC_POLICES : 0;
			traffic |= asks_for_input(out) ? TRAFFIC_MARKS : 0;
			__atomic_store_n(&w->transmit_by[port], by, __ATOMIC_RELEASE);
		}
		__atomic_store_n(&w->traffic, traffic, __ATOMIC_RELEASE);
	}
}

int traffic_set(unsigned int port, const struct traffic_spec *spec)
{
	struct remains *remains[TRAFFIC_DIRECTIONS] = {calloc(1, sizeof(*remains[0])),
						       calloc(1, sizeof(*remains[0]))};
	struct traffic_tree *trees[TRAFFIC_DIRECTIONS] = {NULL, NULL};

	if (!remains[0] || !remains[1] || tree_build(port, spec, TRAFFIC_OUT, &trees[0]) < 0)
		goto free_remains;
	if (tree_build(port, spec, TRAFFIC_IN, &trees[1]) < 0)
		goto unmake;
	for (enum traffic_direction d = 0; d < TRAFFIC_DIRECTIONS; d++) {
		tree_settle(trees[d], spec);
		remains_collect(remains[d], traffic_trees[d][port], trees[d]);
		__atomic_store_n(&traffic_trees[d][port], trees[d], __ATOMIC_RELEASE);
	}
	workers_tell();
	for (unsigned int d = 0; d < TRAFFIC_DIRECTIONS; d++)
		if (rcu_defer(remains_free, remains[d]) < 0) {
			rcu_wait(rcu_token());
			remains_free(remains[d]);
		}
	return 0;

unmake:
	if (trees[0])
		queues_unmake(trees[0], TRAFFIC_OUT);
	tree_free(trees[0]);
free_remains:
	free(remains[0]);
	free(remains[1]);
	return -ENOMEM;
}

void traffic_stop(void)
{
	for (unsigned int port = 0; port < PORT_MAX; port++) {
		for (enum traffic_direction d = 0; d < TRAFFIC_DIRECTIONS; d++) {
			struct remains *remains = calloc(1, sizeof(*remains));

			if (!remains)
				abort();
			remains_collect(remains, traffic_trees[d][port], NULL);
			traffic_trees[d][port] = NULL;
			remains_free(remains);
		}
		shape_forget(port);
	}
}

/* Reading */

static void counts_add(struct traffic_counts *to, const struct traffic_counts *from)
{
	to->packets += from->packets;
	to->bytes += from->bytes;
	to->drops += from->drops;
	to->overlimits += from->overlimits;
}

bool traffic_read(unsigned int port, uint32_t handle, struct traffic_report *out)
{
	enum traffic_direction d = TRAFFIC_OUT;
	const struct traffic_queue *q = tree_queue(traffic_trees[d][port], handle);

	memset(out, 0, sizeof(*out));
	if (!q) {
		d = TRAFFIC_IN;
		q = tree_queue(traffic_trees[d][port], handle);
	}
	if (!q)
		return false;
	counts_add(&out->counts, &q->counts);
	for (unsigned int i = 0; d == TRAFFIC_IN && i < worker_get(0)->count; i++)
		counts_add(&out->counts, &q->share[i].counts);
	out->waiting_packets = __atomic_load_n(&q->packets, __ATOMIC_RELAXED);
	out->waiting_bytes = __atomic_load_n(&q->bytes, __ATOMIC_RELAXED);
	return true;
}

uint64_t traffic_discarded(void)
{
	return discarded;
}

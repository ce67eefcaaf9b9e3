/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "balance/set.h"
#include "base/match.h"
#include "io/batch.h"
#include "net/iface.h"
#include "path/traffic_queue.h"

/*
 * Traffic control: trees of queueing disciplines on ports, what chooses among them, and where
 * packets meet them: shape.c on the way out, police.c on the way in. See traffic.c.
 */
enum {
	TRAFFIC_QUEUES_MAX = 64,       // of a port
	TRAFFIC_CLASSIFIERS_MAX = 256, // of a port
	TRAFFIC_DROP = 0xffff,	       // in place of a node
};

/* Which packets a classifier looks at. */
enum traffic_packets { TRAFFIC_IPV4, TRAFFIC_IPV6, TRAFFIC_VLAN };

struct traffic_classifier_spec {
	uint32_t handle;
	uint32_t queue;	  // where packets are when it looks at them
	uint32_t target;  // a child of that queue, 0: drop
	uint32_t packets; // enum traffic_packets
	uint32_t priority;
	struct match match;
	char set[SET_NAME_MAX + 1]; // "": by `match`; else by this set,
	bool destination;	    // ... which has to have the destination, else the source
	struct set *found;	    // what control knows by that name; refers to it
};

struct traffic_spec {
	char interface[IFACE_NAME];
	bool egress, ingress; // switched on
	bool of_file;
	unsigned int queue_count, classifier_count;
	struct traffic_queue_spec queues[TRAFFIC_QUEUES_MAX];
	struct traffic_classifier_spec classifiers[TRAFFIC_CLASSIFIERS_MAX];
};

/*
 * Control: make a port be as `spec` says; queues that stay keep what waits in them. What does not
 * fit together was refused before. -ENOMEM: nothing has changed.
 */
int traffic_set(unsigned int port, const struct traffic_spec *spec);
void traffic_stop(void); // when no worker runs
/* Control: what a queue has counted, and what waits in it; false: there is none. */
struct traffic_report {
	struct traffic_counts counts;
	uint64_t waiting_packets, waiting_bytes;
};
bool traffic_read(unsigned int port, uint32_t handle, struct traffic_report *out);
/* Packets that waited in queues when these were removed. */
uint64_t traffic_discarded(void);

/* What workers see: one tree for each direction, which is never changed but by its queues. */
struct traffic_node {
	struct traffic_queue *queue;
	uint16_t parent;
	uint16_t child_first, child_count;
	uint16_t rule_first, rule_count;
};

struct traffic_rule {
	struct match match;
	uint16_t target; // node, or TRAFFIC_DROP
	uint16_t in;	 // on the way out: what traffic_mark() has put there, 0: any
	uint8_t packets;
	uint8_t tag_bytes; // the tags of the interface that the match names
	uint8_t tags[IFACE_TAGS];
	const struct set *set; // NULL: by `match`
	bool destination;
};

struct traffic_tree {
	uint16_t iface;		  // the port's own
	unsigned int port, owner; // the worker that keeps its queues, or its buckets
	uint64_t waiting_max;	  // packets in all its queues together
	unsigned int node_count, rule_count;
	struct traffic_node *nodes; // 0: the root
	struct traffic_rule *rules;
};

enum traffic_direction { TRAFFIC_OUT, TRAFFIC_IN, TRAFFIC_DIRECTIONS };
extern struct traffic_tree *traffic_trees[TRAFFIC_DIRECTIONS][PORT_MAX]; // atomic

static inline const struct traffic_tree *traffic_tree(enum traffic_direction d, unsigned int port)
{
	return __atomic_load_n(&traffic_trees[d][port], __ATOMIC_ACQUIRE);
}

/* traffic_class.c: the node of a frame, or TRAFFIC_DROP; its band for pfifo_fast. */
unsigned int traffic_classify(const struct traffic_tree *tree, const struct rte_mbuf *m,
			      unsigned int *band);

/* What a worker has to do with it: bits of worker.traffic. */
enum { TRAFFIC_POLICES = 1, TRAFFIC_RUNS = 2, TRAFFIC_MARKS = 4 };
enum { TRANSMIT_SHAPED = 0xff }; // worker.transmit_by of the port's owner

struct worker;
struct transmit;
/* shape.c: take what was gathered for a port; send what may go. */
void shape_transmit(struct worker *w, unsigned int port, struct transmit *t);
/* shape.c: what has become due, and the buckets of ingress. True: something waits. */
bool traffic_run(struct worker *w, uint64_t tsc);
void shape_forget(unsigned int port); // control: no worker runs
/*
 * shape.c: before output(), when a rule for what leaves asks where it came in: packets remember the
 * interface, in a field that workers who only send them do not change.
 */
void traffic_mark(const struct batch *b);
/* police.c: before input(): bits of those packets that are over a rate, or are not wanted. */
uint64_t police(struct worker *w, const struct batch *b);
/* police.c: after input(): take them out of the lanes. */
void police_drop(struct worker *w, struct batch *b, uint64_t policed);

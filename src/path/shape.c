/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Shaping. All packets of a shaped port go through the queues of one worker, its owner; the others
 * hand theirs over, on the rings that they use for a device with too few transmit queues. So a rate
 * is exact for the port whatever the number of workers, and a flow keeps its order.
 *
 * A packet is put into the queue that classifiers choose, and the root is asked at once what may go
 * now: it takes from itself and from its children in turns, and they from theirs. A child's
 * packet so passes its parents too, and needs their tokens. What the device does not take stays
 * here. All queues of a port hold no more than `waiting_max` packets, so that they cannot empty the
 * pool of buffers.
 *
 * Before a worker without traffic control sees any of this, transmit_flush() finds its own number
 * in transmit_by: nothing is added to its path.
 */
#include <string.h>

#include <rte_ethdev.h>

#include "path/traffic.h"
#include "path/worker.h"

enum { BURST = 32 };

/* The owner's, by port. */
static struct shaper {
	const struct traffic_tree *tree; // as of the last look
	struct rte_mbuf *packet[BURST];	 // may go, and the device has not taken them yet
	unsigned int count;
	uint64_t waiting; // in all queues
} shapers[PORT_MAX];

static struct rte_mbuf *node_next(const struct traffic_tree *tree, unsigned int at, uint64_t now);

/* The next packet of a node: its own and each child's in turns. */
static void node_hold(const struct traffic_tree *tree, unsigned int at, uint64_t now)
{
	const struct traffic_node *node = &tree->nodes[at];
	struct traffic_queue *q = node->queue;
	unsigned int turns = node->child_count + 1;

	for (unsigned int i = 0; i < turns && !q->held; i++) {
		unsigned int turn = (q->turn + i) % turns;
		struct rte_mbuf *m;

		if (turn == 0) {
			q->held = traffic_queue_take(q);
		} else {
			m = node_next(tree, node->child_first + turn - 1, now);
			if (m)
				traffic_queue_hold(q, m);
		}
		if (q->held) {
			q->turn = turn + 1;
			return;
		}
	}
}

static struct rte_mbuf *node_next(const struct traffic_tree *tree, unsigned int at, uint64_t now)
{
	struct traffic_queue *q = tree->nodes[at].queue;
	struct rte_mbuf *m;

	if (!q->held)
		node_hold(tree, at, now);
	m = q->held;
	if (!m || !traffic_queue_may_send(q, now))
		return NULL;
	q->held = NULL;
	return m;
}

static void shaper_send(struct worker *w, unsigned int port)
{
	const struct port_queue *q = &w->transmit_queue[port];
	struct shaper *s = &shapers[port];
	unsigned int sent = rte_eth_tx_burst(q->dpdk_port, q->queue, s->packet, s->count);

	w->stats.sent += sent;
	w->stats.shaped -= sent;
	s->count -= sent;
	for (unsigned int i = 0; sent > 0 && i < s->count; i++)
		s->packet[i] = s->packet[sent + i];
}

/* All that may go, as far as the device takes it. */
static void shaper_run(struct worker *w, const struct traffic_tree *tree, uint64_t now)
{
	struct shaper *s = &shapers[tree->port];
	struct rte_mbuf *m;
	bool more;

	do {
		while (s->count < BURST && (m = node_next(tree, 0, now))) {
			s->packet[s->count++] = m;
			s->waiting--;
		}
		more = s->count == BURST;
		if (s->count > 0)
			shaper_send(w, tree->port);
	} while (more && s->count == 0);
}

/* Queues that went took packets along. */
static void shaper_look(const struct traffic_tree *tree)
{
	struct shaper *s = &shapers[tree->port];

	if (likely(s->tree == tree))
		return;
	s->tree = tree;
	s->waiting = 0;
	for (unsigned int i = 0; i < tree->node_count; i++)
		s->waiting += tree->nodes[i].queue->packets;
}

static void shaper_put(struct worker *w, const struct traffic_tree *tree, struct rte_mbuf *m)
{
	struct shaper *s = &shapers[tree->port];
	enum drop reason = DROP_traffic_refused;
	unsigned int band, at = traffic_classify(tree, m, &band);

	if (at != TRAFFIC_DROP) {
		struct traffic_queue *q = tree->nodes[at].queue;
		enum traffic_verdict verdict = TRAFFIC_FULL;

		if (likely(s->waiting < tree->waiting_max))
			verdict = traffic_queue_put(q, m, band);
		else
			q->counts.drops++;
		if (likely(verdict == TRAFFIC_TAKEN)) {
			s->waiting++;
			w->stats.shaped++;
			return;
		}
		reason = verdict == TRAFFIC_FULL ? DROP_traffic_queue_full : DROP_traffic_too_long;
	} else {
		tree->nodes[0].queue->counts.drops++;
	}
	w->drops[reason]++;
	rte_pktmbuf_free(m);
}

void shape_transmit(struct worker *w, unsigned int port, struct transmit *t)
{
	const struct traffic_tree *tree = traffic_tree(TRAFFIC_OUT, port);
	const struct port_queue *q = &w->transmit_queue[port];

	if (!tree) { // it is going: transmit_by follows
		unsigned int sent = rte_eth_tx_burst(q->dpdk_port, q->queue, t->packet, t->count);

		w->stats.sent += sent;
		w->stats.send_failed += t->count - sent;
		w->drops[DROP_transmit_full] += t->count - sent;
		rte_pktmbuf_free_bulk(t->packet + sent, t->count - sent);
		t->count = 0;
		return;
	}
	shaper_look(tree);
	// One by one: a queue of few bytes is enough for a batch that has tokens.
	for (unsigned int i = 0; i < t->count; i++) {
		shaper_put(w, tree, t->packet[i]);
		shaper_run(w, tree, w->batch.tsc);
	}
	t->count = 0;
}

void traffic_mark(const struct batch *b)
{
	for (unsigned int i = 0; i < b->count; i++) {
		const struct pkt *p = &b->pkt[i];
		bool forwarded = p->fate == FATE_SEND || p->fate == FATE_PIECES;

		// A frame that another worker has made ready is marked; Linux's came in nowhere.
		if (!forwarded && (p->flags & PKT_HANDED))
			continue;
		for (struct rte_mbuf *m = p->mbuf; m; m = p->fate == FATE_PIECES ? m->next : NULL)
			m->vlan_tci_outer = forwarded ? p->iface + 1 : 0;
	}
}

void shape_forget(unsigned int port)
{
	rte_pktmbuf_free_bulk(shapers[port].packet, shapers[port].count);
	memset(&shapers[port], 0, sizeof(shapers[port]));
}

bool traffic_run(struct worker *w, uint64_t tsc)
{
	bool waits = false;

	if (!(__atomic_load_n(&w->traffic, __ATOMIC_RELAXED) & TRAFFIC_RUNS))
		return false;
	for (unsigned int port = 0; port < port_count(); port++) {
		const struct traffic_tree *out = traffic_tree(TRAFFIC_OUT, port);
		const struct traffic_tree *in = traffic_tree(TRAFFIC_IN, port);

		if (out && out->owner == w->index) {
			shaper_look(out);
			shaper_run(w, out, tsc);
			waits |= shapers[port].waiting + shapers[port].count > 0;
		}
		for (unsigned int i = 0; in && in->owner == w->index && i < in->node_count; i++)
			traffic_queue_grant(in->nodes[i].queue, w->count, tsc);
	}
	return waits;
}

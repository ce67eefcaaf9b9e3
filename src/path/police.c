/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Policing: traffic control on the way in. Nothing can wait there without delaying all that is
 * behind it, so a packet passes or is dropped. The classifiers look at frames as they came, before
 * input(); what they do not want is taken out of the lanes after it, so that a trace shows it.
 *
 * Every worker polices what it receives itself, with tokens that the owner of the buckets has
 * handed out (traffic_queue.c), and sees to it that the owner is awake to hand out more.
 */
#include "io/idle.h"
#include "path/traffic.h"
#include "path/worker.h"

/* By worker, of its batch: why a packet does not pass. */
static struct reasons {
	uint8_t of[BATCH];
} __rte_cache_aligned reasons[WORKERS_MAX];

static bool packet_passes(struct worker *w, const struct traffic_tree *tree,
			  const struct rte_mbuf *m, enum drop *reason)
{
	uint32_t length = rte_pktmbuf_pkt_len(m);
	unsigned int band, at = traffic_classify(tree, m, &band), node;

	*reason = DROP_traffic_refused;
	if (at == TRAFFIC_DROP) {
		tree->nodes[0].queue->share[w->index].counts.drops++;
		return false;
	}
	// All on the way to the root have to agree before any token is taken.
	*reason = DROP_traffic_policed;
	for (node = at;; node = tree->nodes[node].parent) {
		struct traffic_queue *q = tree->nodes[node].queue;

		if (!traffic_queue_may_pass(q, w->index, length)) {
			q->share[w->index].counts.drops++;
			q->share[w->index].counts.overlimits++;
			return false;
		}
		if (node == 0)
			break;
	}
	for (node = at;; node = tree->nodes[node].parent) {
		traffic_queue_pass(tree->nodes[node].queue, w->index, length);
		if (node == 0)
			return true;
	}
}

uint64_t police(struct worker *w, const struct batch *b)
{
	uint64_t policed = 0, owners = 0;

	for (unsigned int i = 0; i < b->count; i++) {
		const struct pkt *p = &b->pkt[i];
		const struct iface *iface = iface_get(p->iface);
		const struct traffic_tree *tree;
		enum drop reason;

		// What comes again (out of a tunnel, put together, learned) was policed as a frame.
		if ((p->flags & (PKT_HANDED | PKT_FROM_KERNEL)) || !iface ||
		    iface->kind != IFACE_PORT)
			continue;
		tree = traffic_tree(TRAFFIC_IN, iface->port);
		if (!tree)
			continue;
		if (!packet_passes(w, tree, p->mbuf, &reason)) {
			policed |= UINT64_C(1) << i;
			reasons[w->index].of[i] = reason;
		}
		owners |= UINT64_C(1) << tree->owner;
	}
	owners &= ~(UINT64_C(1) << w->index);
	for (; owners; owners &= owners - 1)
		idle_wake(&worker_get((unsigned int)__builtin_ctzll(owners))->idle);
	return policed;
}

static void lane_without(struct lane *lane, uint64_t policed)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < lane->count; i++)
		if (!(policed >> lane->at[i] & 1))
			lane->at[kept++] = lane->at[i];
	lane->count = kept;
}

void police_drop(struct worker *w, struct batch *b, uint64_t policed)
{
	lane_without(&b->flow, policed);
	lane_without(&b->local, policed);
	lane_without(&b->zone, policed);
	for (; policed; policed &= policed - 1) {
		unsigned int at = (unsigned int)__builtin_ctzll(policed);

		// What input() itself has dropped keeps its name; what it has taken is gone.
		if (b->pkt[at].fate == FATE_DROP && b->pkt[at].drop != DROP_none)
			continue;
		if (b->pkt[at].fate != FATE_TAKEN)
			pkt_drop(&b->pkt[at], reasons[w->index].of[at]);
	}
}

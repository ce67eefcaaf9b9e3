/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Queueing disciplines.
 *
 * pfifo, bfifo and pfifo_fast keep what the device, or the discipline above them, does not take at
 * once; their limits are packets, bytes, and 1000 packets. pfifo_fast has three bands by the TOS of
 * the IP header, the first of which is always emptied before the next. tbf keeps packets until its
 * bucket has tokens for the first of them; with a peak rate there are two buckets, and a packet
 * needs tokens of both.
 *
 * Buckets are exact: a token is a bit times the clock's frequency, so that the bits that a tick
 * brings are a whole number and nothing is rounded. In any time t no more than burst + rate * t
 * leaves. Lengths are those of frames without their checksum, as Linux counts them.
 *
 * At ingress nothing can wait. There a tbf polices: what has no tokens is dropped. Its bucket is
 * kept by one worker, which hands tokens out to all (traffic_share); what is in the bucket and what
 * was handed out and not used is together never more than `burst`, so that the rate is true for the
 * device whatever the number of workers. A worker that gets all the traffic has its part of the
 * burst, and the whole rate.
 */
#include "path/traffic_queue.h"

#include <string.h>

#include <rte_malloc.h>

/* From the four bits of TOS (RFC 1349) by way of Linux' priorities to a band. */
const uint8_t traffic_priomap[TRAFFIC_PRIORITIES] = {1, 2, 2, 2, 1, 2, 0, 0,
						     1, 1, 1, 1, 1, 1, 1, 1};
static const uint8_t tos_priority[TRAFFIC_PRIORITIES] = {0, 0, 0, 0, 2, 2, 2, 2,
							 6, 6, 6, 6, 4, 4, 4, 4};

unsigned int traffic_band(uint8_t tos)
{
	return traffic_priomap[tos_priority[tos >> 1 & 15]];
}

struct traffic_queue *traffic_queue_create(const struct traffic_queue_spec *spec, uint64_t hz,
					   unsigned int workers)
{
	struct traffic_queue *q = rte_zmalloc("traffic", sizeof(*q) + workers * sizeof(q->share[0]),
					      RTE_CACHE_LINE_SIZE);

	if (!q)
		return NULL;
	q->spec = *spec;
	q->hz = hz;
	q->bucket.tokens = (uint64_t)spec->burst * 8 * hz; // full, as of the beginning of time
	q->peak.tokens = (uint64_t)spec->mtu * 8 * hz;
	return q;
}

unsigned int traffic_queue_destroy(struct traffic_queue *q)
{
	unsigned int count = q->held != NULL;
	struct rte_mbuf *m;

	rte_pktmbuf_free(q->held);
	while ((m = traffic_queue_take(q))) {
		rte_pktmbuf_free(m);
		count++;
	}
	rte_free(q);
	return count;
}

void traffic_queue_change(struct traffic_queue *q, const struct traffic_queue_spec *spec)
{
	__atomic_store_n(&q->spec.limit, spec->limit, __ATOMIC_RELAXED);
	__atomic_store_n(&q->spec.burst, spec->burst, __ATOMIC_RELAXED);
	__atomic_store_n(&q->spec.mtu, spec->mtu, __ATOMIC_RELAXED);
	__atomic_store_n(&q->spec.rate, spec->rate, __ATOMIC_RELAXED);
	__atomic_store_n(&q->spec.peakrate, spec->peakrate, __ATOMIC_RELAXED);
}

/* Waiting */

static void waiting_add(struct traffic_queue *q, const struct rte_mbuf *m)
{
	__atomic_store_n(&q->packets, q->packets + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&q->bytes, q->bytes + rte_pktmbuf_pkt_len(m), __ATOMIC_RELAXED);
}

void traffic_queue_hold(struct traffic_queue *q, struct rte_mbuf *m)
{
	waiting_add(q, m);
	q->held = m;
}

static bool is_full(const struct traffic_queue *q, uint32_t length)
{
	uint64_t limit = __atomic_load_n(&q->spec.limit, __ATOMIC_RELAXED);

	switch (q->spec.kind) {
	case TRAFFIC_PFIFO:
		return q->packets >= limit;
	case TRAFFIC_PFIFO_FAST:
		return q->packets >= TRAFFIC_FAST_LIMIT;
	default: // one alone always has room
		return q->packets > 0 && q->bytes + length > limit;
	}
}

enum traffic_verdict traffic_queue_put(struct traffic_queue *q, struct rte_mbuf *m,
				       unsigned int band)
{
	uint32_t length = rte_pktmbuf_pkt_len(m);
	struct traffic_list *list = &q->band[q->spec.kind == TRAFFIC_PFIFO_FAST ? band : 0];

	if (q->spec.kind == TRAFFIC_TBF &&
	    (length > __atomic_load_n(&q->spec.burst, __ATOMIC_RELAXED) ||
	     (q->spec.peakrate && length > __atomic_load_n(&q->spec.mtu, __ATOMIC_RELAXED)))) {
		q->counts.drops++;
		return TRAFFIC_TOO_LONG;
	}
	if (is_full(q, length)) {
		q->counts.drops++;
		return TRAFFIC_FULL;
	}
	m->next = NULL;
	if (list->first)
		list->last->next = m;
	else
		list->first = m;
	list->last = m;
	waiting_add(q, m);
	return TRAFFIC_TAKEN;
}

struct rte_mbuf *traffic_queue_take(struct traffic_queue *q)
{
	for (unsigned int i = 0; i < TRAFFIC_BANDS; i++) {
		struct rte_mbuf *m = q->band[i].first;

		if (!m)
			continue;
		q->band[i].first = m->next;
		m->next = NULL;
		return m;
	}
	return NULL;
}

/* Tokens */

static void bucket_fill(struct traffic_bucket *b, uint64_t rate, uint64_t most, uint64_t now)
{
	unsigned __int128 tokens = b->tokens;

	if (now > b->last)
		tokens += (unsigned __int128)(now - b->last) * rate;
	b->last = now > b->last ? now : b->last;
	b->tokens = tokens > most ? most : (uint64_t)tokens;
}

static uint64_t bucket_most(const struct traffic_queue *q, const uint32_t *bytes)
{
	return (uint64_t)__atomic_load_n(bytes, __ATOMIC_RELAXED) * 8 * q->hz;
}

bool traffic_queue_may_send(struct traffic_queue *q, uint64_t now)
{
	uint32_t length = rte_pktmbuf_pkt_len(q->held);
	uint64_t tokens = (uint64_t)length * 8 * q->hz;
	uint64_t peakrate = __atomic_load_n(&q->spec.peakrate, __ATOMIC_RELAXED);
	bool may = true;

	if (q->spec.kind == TRAFFIC_TBF) {
		uint64_t most = bucket_most(q, &q->spec.burst);

		// Of a child's packet, or after a change, more than the bucket holds.
		bucket_fill(&q->bucket, __atomic_load_n(&q->spec.rate, __ATOMIC_RELAXED),
			    RTE_MAX(most, tokens), now);
		may = q->bucket.tokens >= tokens;
		if (peakrate) {
			most = bucket_most(q, &q->spec.mtu);
			bucket_fill(&q->peak, peakrate, RTE_MAX(most, tokens), now);
			may &= q->peak.tokens >= tokens;
		}
		if (may) {
			q->bucket.tokens -= tokens;
			q->peak.tokens -= peakrate ? tokens : 0;
		}
	}
	if (!may) {
		q->counts.overlimits += !q->late;
		q->late = true;
		return false;
	}
	q->late = false;
	q->counts.packets++;
	q->counts.bytes += length;
	__atomic_store_n(&q->packets, q->packets - 1, __ATOMIC_RELAXED);
	__atomic_store_n(&q->bytes, q->bytes - length, __ATOMIC_RELAXED);
	return true;
}

/* Policing */

void traffic_queue_grant(struct traffic_queue *q, unsigned int workers, uint64_t now)
{
	const uint64_t byte = 8 * q->hz;
	uint64_t burst = __atomic_load_n(&q->spec.burst, __ATOMIC_RELAXED);
	uint64_t unused[WORKERS_MAX], all = 0;

	if (q->spec.kind != TRAFFIC_TBF)
		return;
	for (unsigned int i = 0; i < workers; i++) {
		unused[i] = q->share[i].granted -
			    __atomic_load_n(&q->share[i].used, __ATOMIC_ACQUIRE);
		all += unused[i];
	}
	bucket_fill(&q->bucket, __atomic_load_n(&q->spec.rate, __ATOMIC_RELAXED),
		    all < burst ? (burst - all) * byte : 0, now);
	for (unsigned int i = 0; i < workers; i++) {
		unsigned int to = (q->share_turn + i) % workers;
		uint64_t part = burst / workers, bytes = q->bucket.tokens / byte;

		if (unused[to] >= part || bytes == 0)
			continue;
		bytes = RTE_MIN(bytes, part - unused[to]);
		q->bucket.tokens -= bytes * byte;
		__atomic_store_n(&q->share[to].granted, q->share[to].granted + bytes,
				 __ATOMIC_RELEASE);
	}
	q->share_turn = (q->share_turn + 1) % workers;
}

bool traffic_queue_may_pass(const struct traffic_queue *q, unsigned int worker, uint32_t length)
{
	const struct traffic_share *share = &q->share[worker];

	return q->spec.kind != TRAFFIC_TBF ||
	       __atomic_load_n(&share->granted, __ATOMIC_ACQUIRE) - share->used >= length;
}

void traffic_queue_pass(struct traffic_queue *q, unsigned int worker, uint32_t length)
{
	struct traffic_share *share = &q->share[worker];

	share->counts.packets++;
	share->counts.bytes += length;
	if (q->spec.kind == TRAFFIC_TBF)
		__atomic_store_n(&share->used, share->used + length, __ATOMIC_RELEASE);
}

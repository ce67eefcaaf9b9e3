/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handing packets over. n workers have n * (n - 1) rings, so nobody ever competes for one. A worker
 * must not look at 63 rings in every round to find them empty: each has one word with a bit for
 * every sender. A sender fills its ring first and then sets its bit; the receiver takes the whole
 * word down and empties the rings whose bits were set, and sets a bit again where it left packets
 * behind. Where to begin moves on with each call, so that no sender is served last for ever.
 *
 * Waking a receiver that sleeps is the caller's (idle_wake(), once per batch and receiver).
 */
#include "io/handoff.h"

#include "io/ring.h"

#include <rte_common.h>
#include <rte_malloc.h>
#include <rte_prefetch.h>

#include <assert.h>
#include <errno.h>
#include <stdint.h>

enum { HANDOFF_RING_FEW = 1024, HANDOFF_RING_MANY = 256, HANDOFF_FEW = 8 };

struct handoff_inbox {
	uint64_t senders; // atomic; bit i: worker i has put something into its ring
	struct rte_ring *rings[HANDOFF_WORKERS_MAX]; // by sender; NULL for itself
	unsigned int turn;			     // the receiver's: sender to begin with
} __rte_cache_aligned;

static struct handoff_inbox *handoff_inboxes;
static unsigned int handoff_workers;

int handoff_start(unsigned int workers, struct error *error)
{
	unsigned int size = workers <= HANDOFF_FEW ? HANDOFF_RING_FEW : HANDOFF_RING_MANY;

	assert(workers >= 1 && workers <= HANDOFF_WORKERS_MAX);
	handoff_inboxes = rte_zmalloc("handoff", workers * sizeof(*handoff_inboxes),
				      RTE_CACHE_LINE_SIZE);
	if (!handoff_inboxes)
		goto no_memory;
	handoff_workers = workers;
	for (unsigned int to = 0; to < workers; to++) {
		for (unsigned int from = 0; from < workers; from++) {
			if (from == to)
				continue;
			handoff_inboxes[to].rings[from] = ring_create(size);
			if (!handoff_inboxes[to].rings[from])
				goto no_memory;
		}
	}
	return 0;

no_memory:
	handoff_stop();
	return error_set(error, -ENOMEM, "memory.megabytes",
			 "no memory for the rings between %u workers", workers);
}

void handoff_stop(void)
{
	if (!handoff_inboxes)
		return;
	for (unsigned int to = 0; to < handoff_workers; to++) {
		for (unsigned int from = 0; from < handoff_workers; from++)
			ring_destroy(handoff_inboxes[to].rings[from]);
	}
	rte_free(handoff_inboxes);
	handoff_inboxes = NULL;
	handoff_workers = 0;
}

unsigned int handoff_send(unsigned int from, unsigned int to, struct rte_mbuf **packets,
			  unsigned int count)
{
	struct handoff_inbox *inbox = &handoff_inboxes[to];
	unsigned int sent;

	sent = rte_ring_sp_enqueue_burst(inbox->rings[from], (void **)packets, count, NULL);
	if (sent > 0)
		__atomic_fetch_or(&inbox->senders, UINT64_C(1) << from, __ATOMIC_RELEASE);
	return sent;
}

unsigned int handoff_receive(unsigned int to, struct rte_mbuf **packets, unsigned int max)
{
	struct handoff_inbox *inbox = &handoff_inboxes[to];
	unsigned int count = 0, left;
	uint64_t senders, again = 0;

	if (__atomic_load_n(&inbox->senders, __ATOMIC_RELAXED) == 0)
		return 0;
	senders = __atomic_exchange_n(&inbox->senders, 0, __ATOMIC_ACQUIRE);
	while (senders != 0) {
		// The first sender at or after the one whose turn it is, else the first of all.
		uint64_t after = senders & (~UINT64_C(0) << inbox->turn);
		unsigned int from = __builtin_ctzll(after ? after : senders);

		if (count == max) {
			again |= senders;
			break;
		}
		count += rte_ring_sc_dequeue_burst(inbox->rings[from], (void **)&packets[count],
						   max - count, &left);
		if (left > 0)
			again |= UINT64_C(1) << from;
		senders &= ~(UINT64_C(1) << from);
		inbox->turn = (from + 1) % HANDOFF_WORKERS_MAX;
	}
	if (again != 0)
		__atomic_fetch_or(&inbox->senders, again, __ATOMIC_RELAXED);
	// All lines are in the caches of another CPU: ask for them together.
	for (unsigned int i = 0; i < count; i++) {
		rte_prefetch0_write(packets[i]);
		rte_mbuf_prefetch_part2(packets[i]);
	}
	return count;
}

bool handoff_pending(unsigned int to)
{
	return __atomic_load_n(&handoff_inboxes[to].senders, __ATOMIC_RELAXED) != 0;
}

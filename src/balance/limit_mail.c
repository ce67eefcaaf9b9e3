/* SPDX-License-Identifier: BSD-3-Clause */
#include "balance/limit_mail.h"

#include <assert.h>
#include <errno.h>

#include <stdlib.h>
#include <string.h>

#include <rte_ring_elem.h>

enum { MAIL_FEW = 8, MAIL_RING_FEW = 512, MAIL_RING_MANY = 64 };

struct mailbox {
	uint64_t senders;			    // atomic; bit i: worker i has written
	struct rte_ring *rings[LIMIT_MAIL_WORKERS]; // by sender; NULL for itself
} __rte_cache_aligned;

static struct mailbox *mailboxes;
static unsigned int mail_workers;

static struct rte_ring *mail_ring(unsigned int size)
{
	size_t bytes = rte_ring_get_memsize_elem(sizeof(struct limit_letter), size);
	struct rte_ring *ring = aligned_alloc(RTE_CACHE_LINE_SIZE, bytes);

	if (!ring)
		return NULL;
	memset(ring, 0, bytes);
	if (rte_ring_init(ring, "limit-mail", size, RING_F_SP_ENQ | RING_F_SC_DEQ) < 0) {
		free(ring);
		return NULL;
	}
	return ring;
}

int limit_mail_start(unsigned int workers)
{
	unsigned int size = workers <= MAIL_FEW ? MAIL_RING_FEW : MAIL_RING_MANY;

	assert(workers <= LIMIT_MAIL_WORKERS);
	if (workers < 2)
		return 0;
	mailboxes = aligned_alloc(RTE_CACHE_LINE_SIZE, workers * sizeof(*mailboxes));
	if (!mailboxes)
		return -ENOMEM;
	memset(mailboxes, 0, workers * sizeof(*mailboxes));
	mail_workers = workers;
	for (unsigned int to = 0; to < workers; to++) {
		for (unsigned int from = 0; from < workers; from++) {
			if (from == to)
				continue;
			mailboxes[to].rings[from] = mail_ring(size);
			if (!mailboxes[to].rings[from])
				goto no_memory;
		}
	}
	return 0;

no_memory:
	limit_mail_stop();
	return -ENOMEM;
}

void limit_mail_stop(void)
{
	for (unsigned int to = 0; to < mail_workers; to++)
		for (unsigned int from = 0; from < mail_workers; from++)
			free(mailboxes[to].rings[from]);
	free(mailboxes);
	mailboxes = NULL;
	mail_workers = 0;
}

bool limit_mail_has_room(unsigned int from, unsigned int to)
{
	return !rte_ring_full(mailboxes[to].rings[from]);
}

bool limit_mail_send(unsigned int from, unsigned int to, const struct limit_letter *letter)
{
	struct mailbox *box = &mailboxes[to];

	if (rte_ring_sp_enqueue_elem(box->rings[from], (void *)(uintptr_t)letter, sizeof(*letter)) <
	    0)
		return false;
	__atomic_fetch_or(&box->senders, UINT64_C(1) << from, __ATOMIC_RELEASE);
	return true;
}

unsigned int limit_mail_receive(unsigned int to, struct limit_letter *letters, unsigned int max)
{
	struct mailbox *box = &mailboxes[to];
	uint64_t senders, again = 0;
	unsigned int count = 0, left;

	if (__atomic_load_n(&box->senders, __ATOMIC_RELAXED) == 0)
		return 0;
	senders = __atomic_exchange_n(&box->senders, 0, __ATOMIC_ACQUIRE);
	for (; senders != 0 && count < max; senders &= senders - 1) {
		unsigned int from = __builtin_ctzll(senders);

		count += rte_ring_sc_dequeue_burst_elem(box->rings[from], &letters[count],
							sizeof(*letters), max - count, &left);
		if (left > 0)
			again |= UINT64_C(1) << from;
	}
	again |= senders;
	if (again != 0)
		__atomic_fetch_or(&box->senders, again, __ATOMIC_RELAXED);
	return count;
}

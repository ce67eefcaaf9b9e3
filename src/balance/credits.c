/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A lease is lowered first, and raised somewhere else only when a grace period has passed, in which
 * the worker that lost it has surely read its word again. Until then the old value stands in `seen`
 * and counts as given. A worker holds at most what it has seen, or what it held before the lease
 * was lowered, and makes nothing new above its lease. So
 *
 *   sum over all workers of max(seen, held) <= total
 *
 * is never broken by a raise, and what the workers hold together never goes above the total. The
 * error is on the other side only: a worker may refuse what another one's lease would have allowed,
 * for as long as it takes to move it, which is two rounds of control. One worker alone has all.
 *
 * What is free is divided by what the workers asked for of late; a sixteenth is divided evenly, so
 * that a worker whose first client comes need not wait for a round. Where nobody asked it is all
 * divided evenly.
 */
#include "balance/credits.h"

enum { EVEN_PART = 16 };

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* a * b / c without overflow. */
static uint64_t portion(uint64_t a, uint64_t b, uint64_t c)
{
	return (uint64_t)((unsigned __int128)a * b / c);
}

/* Every worker's part of what nobody holds, with what it holds. */
static void targets_find(uint64_t total, const struct credits_share *shares, unsigned int count,
			 uint64_t *targets)
{
	uint64_t held = 0, wanted = 0, left, even, by_wish;
	unsigned int most = 0;

	for (unsigned int i = 0; i < count; i++) {
		held += shares[i].held;
		wanted += shares[i].wanted;
		if (shares[i].wanted > shares[most].wanted)
			most = i;
	}
	if (held > total) { // the total was lowered: nobody makes anything until it fits
		for (unsigned int i = 0; i < count; i++)
			targets[i] = portion(shares[i].held, total, held);
		return;
	}
	left = total - held;
	even = (wanted ? left / EVEN_PART : left) / count;
	by_wish = wanted ? left - even * count : 0;
	for (unsigned int i = 0; i < count; i++) {
		uint64_t part = even + (wanted ? portion(by_wish, shares[i].wanted, wanted) : 0);

		targets[i] = shares[i].held + part;
		left -= part;
	}
	targets[most] += left; // what rounding has left over
}

void credits_move(uint64_t total, struct credits_share *shares, unsigned int count)
{
	uint64_t targets[count], given = 0, left;

	targets_find(total, shares, count, targets);
	for (unsigned int i = 0; i < count; i++) {
		shares[i].lease = smaller(shares[i].lease, targets[i]);
		given += larger(shares[i].seen, shares[i].held);
	}
	left = total > given ? total - given : 0;
	for (unsigned int i = 0; i < count; i++) {
		uint64_t had = larger(shares[i].seen, shares[i].held);
		uint64_t lease = smaller(targets[i], had + left);

		if (lease <= shares[i].lease)
			continue;
		if (lease > had)
			left -= lease - had;
		shares[i].lease = lease;
		shares[i].seen = larger(shares[i].seen, lease);
	}
}

void credits_settle(struct credits_share *shares, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		shares[i].seen = shares[i].lease;
}

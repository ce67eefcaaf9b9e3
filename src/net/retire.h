/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * What workers may still be reading after it was unlinked from the tables of this directory:
 * trie nodes, route groups, neighbours, next hop numbers. It is collected here, and given back
 * when every worker has been quiescent after the *next raise of route_epoch*: only then has no
 * session a reason left to use, say, the number of a next hop that is gone.
 *
 * Control thread only.
 */
struct retired {
	struct retired *next;
	void (*reclaim)(struct retired *self);
};

void retire(struct retired *object, void (*reclaim)(struct retired *self));

/* Say that a route or a neighbour changed, so that route_epoch has to be raised. */
void route_changed(void);
/*
 * Raise route_epoch when something changed, at most once in 10 ms, and start the grace period of
 * all that was retired before. Returns true when there is still something to raise later.
 */
bool route_publish(uint64_t now_ms);
/* At the stop, when no worker runs: reclaim everything at once. */
void retire_stop(void);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

#include <rte_mbuf.h>

#include "base/error.h"

/*
 * Why a packet was handed over, in its mbuf's hash.usr, some with an argument in the lower bits. The
 * home of a persistent client's template is asked for a real server, and hands the packet back with
 * it; that of a source, whether it may have another connection.
 */
enum hand {
	HAND_OWNER,
	HAND_READY,
	HAND_PARSED,   // what its owner would find by parsing is in the mbuf (path/hand.h)
	HAND_FOLLOW,   // a fragment; the ports of its datagram are in the mbuf's hash.fdir.hi
	HAND_RELEASED, // a fragment that this worker itself has held
	HAND_LEARNED,  // a packet of a VM that this worker has held until the VM was learned
	HAND_LENT,     // and how often before
	HAND_ARGUMENT = (1 << 24) - 1,
	HAND_ASK = 1 << 24,	 // to the home of a template; argument: the worker that asks
	HAND_CHOSEN = 1 << 25,	 // back; argument: the number of the server, 0: there is none
	HAND_SOURCE = 1 << 26,	 // to the home of a source that is limited,
	HAND_ANSWERED = 1 << 27, // ... and back; the argument of both is path/limit.c's
};

/* Of a packet that was handed over: its owner need not parse it. */
static inline bool handoff_is_parsed(const struct rte_mbuf *m)
{
	return m->hash.usr == HAND_READY || m->hash.usr == HAND_PARSED;
}

/*
 * Packets from the worker that received them to the worker that owns them: a ring with one
 * producer and one consumer for each ordered pair of workers. Order within a pair is kept.
 */
enum { HANDOFF_WORKERS_MAX = 64 };

int handoff_start(unsigned int workers, struct error *error);
void handoff_stop(void); // workers have stopped; what is left in the rings is freed

/* Worker `from`: returns how many were taken, the first ones; the rest stay the caller's. */
unsigned int handoff_send(unsigned int from, unsigned int to, struct rte_mbuf **packets,
			  unsigned int count);
/* Worker `to`: up to `max` packets from all others, in turns. */
unsigned int handoff_receive(unsigned int to, struct rte_mbuf **packets, unsigned int max);
/* Worker `to`, before it sleeps: is something waiting? */
bool handoff_pending(unsigned int to);

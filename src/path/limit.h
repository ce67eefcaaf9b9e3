/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "balance/service_data.h"
#include "path/worker.h"

/*
 * The limits of a service and of sources (balance/limit.h) where sessions begin, go on and end. A
 * session that has to be counted for a source, or whose packets are, says so in its extra line, so
 * that all others pay nothing.
 */

/*
 * Before a server is chosen for what may begin a session: false when the packet goes to the home of
 * its source first (balance/limit_source.c), or may not begin anything; its fate is settled.
 */
bool limit_prepare(struct worker *w, struct batch *b, unsigned int at,
		   const struct service *service);
/* A packet that was handed over: true when it was to ask this worker, and goes back. */
bool limit_answers(struct worker *w, struct batch *b, unsigned int at,
		   const struct service *service);
/* How often a packet that went to a source's home had been lent before (lend.c). */
unsigned int limit_hops(uint32_t why);
/* There is no session after all, or it will be another worker's: give back what was given for it. */
void limit_leave(struct worker *w, const struct pkt *p, const struct service *service);
/* Letters from other workers, and credits that nobody used; between batches. */
void limit_run(struct worker *w);
/* May another session of the service begin? Asked once, by the worker that will own it. */
bool limit_admits(struct worker *w, struct batch *b, unsigned int at,
		  const struct service *service);
/* It begins. False: there is no room to remember what it is counted for, and it must not. */
bool limit_begin(struct worker *w, const struct service *service, struct session *s, bool wide);
/*
 * Sweep: a pass begins; and in one that follows new limits, a session that is there already: its
 * packets are counted from now on, if there is room to remember that.
 */
void limit_pass(struct worker *w);
void limit_join(struct worker *w, struct session *s);
/* A session with an extra line ends. */
void limit_end(struct worker *w, struct session *s, bool wide);
/* A packet of a session with an extra line: may it pass? False: it has been dropped. */
bool limit_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s);
/* No new connection, for this reason: as the service's reaction says. */
void limit_refuse(struct worker *w, struct batch *b, unsigned int at, const struct service *service,
		  enum drop reason);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

#include "balance/service_data.h"
#include "io/batch.h"

struct session;
struct worker;

/*
 * Worker: before anything else is done for the packets of a batch that have no session, drop those
 * whose source the node denies. They are out of the lane of misses then.
 */
void guard_batch(struct worker *w, struct batch *b);

/*
 * Worker: may this packet, which has no session, have something of the service that it is for?
 * Called for whatever comes to a service and is not known: first packets, and also TCP segments
 * and SCTP chunks that begin nothing. False: its fate is settled, and a drop has its name.
 */
bool guard_admits(struct worker *w, struct batch *b, unsigned int at,
		  const struct service *service);
/*
 * Worker: after lists have changed, would a session be let in now? Called by the sweep for each
 * session of the pass that begins then.
 */
bool guard_ends(struct worker *w, struct session *s, bool wide);
/* Worker: a pass over all sessions begins. */
void guard_pass(struct worker *w);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "balance/service_data.h"
#include "path/worker.h"

/*
 * The limits of a service and of sources (balance/limit.h) where sessions begin, go on and end. A
 * session that has to be counted for a source, or whose packets are, says so in its extra line, so
 * that all others pay nothing.
 */

/* May another session of the service begin? Asked once, by the worker that will own it. */
bool limit_admits(struct worker *w, struct batch *b, unsigned int at,
		  const struct service *service);
/* It begins. False: there is no room to remember what it is counted for, and it must not. */
bool limit_begin(struct worker *w, const struct service *service, struct session *s, bool wide);
/* A session with an extra line ends. */
void limit_end(struct worker *w, struct session *s, bool wide);
/* A packet of a session with an extra line: may it pass? False: it has been dropped. */
bool limit_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s);
/* No new connection, for this reason: as the service's reaction says. */
void limit_refuse(struct worker *w, struct batch *b, unsigned int at, const struct service *service,
		  enum drop reason);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "path/worker.h"

/* Where a new session finds no room: in the table (room.c), or among the local ports (lend.c). */

/* room.c: may there be one more half-open session? Ends the oldest one where that helps. */
bool room_for_half_open(struct worker *w, bool wide);
/* room.c: there will be one more session of UDP that is not answered yet. */
void room_for_one_way(struct worker *w, bool wide);
/* room.c: table_allocate(), for which the oldest half-open session gives way. */
struct session *room_take(struct worker *w, bool wide, uint32_t *number);

/*
 * lend.c: a new connection for which this worker has no local port: have another one take it. The
 * session becomes one that remembers that. False: all workers have been asked.
 */
bool lend_begin(struct worker *w, const struct pkt *p, struct session *s);

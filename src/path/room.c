/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Room for one more session.
 *
 * Half-open sessions have a share of the table (sessions.half_open_percent). When it is used up, or
 * when the table is full, the oldest half-open session gives way to the newcomer: of a SYN flood
 * the flood's own sessions are the oldest, and a client that means it has completed its handshake
 * long before. Where there is none, the newcomer is refused by name. A session that is established,
 * or is ending, never gives way.
 *
 * Within its share a handshake has a second at least: only a full table asks for the oldest
 * whatever its age.
 *
 * Sessions of UDP that no server has answered have a share of the same size, and give way in the same
 * order: of a flood with forged sources, which no server answers or nobody hears, the oldest goes
 * for the next one, whatever its age, because an answer comes in milliseconds. One that is answered
 * never gives way. Where servers answer by themselves nobody can tell, and there is no such share.
 *
 * The work is bounded: a packet ends one session at most, and looks at a few
 * lines to find it.
 */
#include "path/room.h"

/* By ticks of a clock of whole seconds, two of which are more than one second apart. */
enum { HANDSHAKE_TICKS = 2 };

static bool room_evict(struct worker *w, bool wide, uint16_t age)
{
	uint32_t entry = half_open_take(&w->half_open[wide], &w->table, wide, w->batch.seconds,
					age);

	if (entry == 0)
		return false;
	session_end(w, entry);
	w->stats.half_open_evicted++;
	return true;
}

bool room_for_half_open(struct worker *w, bool wide)
{
	const struct session_pool *pool = &w->table.pool[wide];

	if (likely(w->stats.half_open < w->half_open_max))
		return true;
	if (pool->used == pool->capacity)
		return room_evict(w, wide, 0);
	return room_evict(w, wide, HANDSHAKE_TICKS) || room_evict(w, !wide, HANDSHAKE_TICKS);
}

static bool room_evict_one_way(struct worker *w, bool wide)
{
	uint32_t entry = half_open_take(&w->one_way[wide], &w->table, wide, w->batch.seconds, 0);

	if (entry == 0)
		return false;
	session_end(w, entry);
	w->stats.one_way_evicted++;
	return true;
}

void room_for_one_way(struct worker *w, bool wide)
{
	if (unlikely(w->stats.one_way >= w->half_open_max) && !room_evict_one_way(w, wide))
		room_evict_one_way(w, !wide);
}

struct session *room_take(struct worker *w, bool wide, uint32_t *number)
{
	struct session *s = table_allocate(&w->table, wide, number);

	if (unlikely(!s) && (room_evict(w, wide, 0) || room_evict_one_way(w, wide)))
		s = table_allocate(&w->table, wide, number);
	return s;
}

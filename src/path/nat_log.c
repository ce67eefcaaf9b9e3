/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The log of SNAT, as far as workers are concerned. Each has a ring of fixed records, which it alone
 * fills and the control thread alone empties; what finds no room is counted, and the packet goes on.
 * A worker neither formats nor waits nor calls the system. While the log is off there are no rings,
 * and the beginning of a session costs one test of its form, which only SNAT passes.
 */
#include "path/nat_log.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_byteorder.h>

#include "io/rcu.h"
#include "path/worker.h"
#include "session/session.h"

enum { RECORDS = 4096 }; // of one worker: a power of two

struct ring {
	uint32_t head __attribute__((aligned(64))); // worker: how many were put in
	uint64_t lost;				    // worker
	uint32_t tail __attribute__((aligned(64))); // control: how many were taken out
	struct nat_record record[RECORDS];
};

static struct ring *rings[WORKERS_MAX]; // control, atomic; NULL: off
static unsigned int ring_count;		// control
static uint64_t lost_before;		// control: by rings that are gone

/* Worker */

static void record_fill(struct nat_record *r, const struct session *s, bool wide)
{
	if (wide) {
		const struct key6 *first = session_key6((struct session *)s, 0);
		const struct key6 *second = session_key6((struct session *)s, 1);

		r->inside = addr_v6(first->source);
		r->destination = addr_v6(first->destination);
		r->wan = addr_v6(second->destination);
		r->inside_port = rte_be_to_cpu_16(first->source_port);
		r->destination_port = rte_be_to_cpu_16(first->destination_port);
		r->wan_port = rte_be_to_cpu_16(second->destination_port);
		r->protocol = (uint8_t)first->zone_protocol;
		r->vni = first->zone_protocol >> 8;
	} else {
		r->inside = addr_v4(s->key4[0].source);
		r->destination = addr_v4(s->key4[0].destination);
		r->wan = addr_v4(s->key4[1].destination);
		r->inside_port = rte_be_to_cpu_16(s->key4[0].source_port);
		r->destination_port = rte_be_to_cpu_16(s->key4[0].destination_port);
		r->wan_port = rte_be_to_cpu_16(s->key4[1].destination_port);
		r->protocol = (uint8_t)s->key4[0].zone_protocol;
		r->vni = s->key4[0].zone_protocol >> 8;
	}
}

void nat_log_session(const struct worker *w, const struct session *s, bool wide, bool end)
{
	struct ring *ring = __atomic_load_n(&rings[w->index], __ATOMIC_ACQUIRE);
	struct nat_record *record;

	if (!ring)
		return;
	if (ring->head - __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) == RECORDS) {
		__atomic_store_n(&ring->lost, ring->lost + 1, __ATOMIC_RELAXED);
		return;
	}
	record = &ring->record[ring->head % RECORDS];
	record_fill(record, s, wide);
	record->end = end;
	__atomic_store_n(&ring->head, ring->head + 1, __ATOMIC_RELEASE);
}

/* Control */

/* No worker sees it any longer: what it has lost until now is all. */
static void ring_free(void *arg)
{
	struct ring *ring = arg;

	lost_before += ring->lost;
	free(ring);
}

int nat_log_switch(unsigned int workers)
{
	struct ring *made[WORKERS_MAX] = {NULL};

	if (workers == ring_count)
		return 0;
	for (unsigned int i = 0; i < workers; i++) {
		made[i] = aligned_alloc(64, sizeof(*made[i]));
		if (!made[i])
			goto free_made;
		made[i]->head = made[i]->tail = 0;
		made[i]->lost = 0;
	}
	for (unsigned int i = 0; i < WORKERS_MAX; i++) {
		struct ring *old = rings[i];

		__atomic_store_n(&rings[i], made[i], __ATOMIC_RELEASE);
		if (old)
			rcu_defer(ring_free, old);
	}
	ring_count = workers;
	return 0;

free_made:
	for (unsigned int i = 0; i < workers; i++)
		free(made[i]);
	return -ENOMEM;
}

bool nat_log_next(struct nat_record *out)
{
	for (unsigned int i = 0; i < ring_count; i++) {
		struct ring *ring = rings[i];

		if (__atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) == ring->tail)
			continue;
		*out = ring->record[ring->tail % RECORDS];
		__atomic_store_n(&ring->tail, ring->tail + 1, __ATOMIC_RELEASE);
		return true;
	}
	return false;
}

uint64_t nat_log_lost(void)
{
	uint64_t lost = lost_before;

	for (unsigned int i = 0; i < ring_count; i++)
		lost += __atomic_load_n(&rings[i]->lost, __ATOMIC_RELAXED);
	return lost;
}

void nat_log_stop(void)
{
	for (unsigned int i = 0; i < ring_count; i++) {
		free(rings[i]);
		rings[i] = NULL;
	}
	ring_count = 0;
}

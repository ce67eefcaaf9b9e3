/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The sweep: one pass over all sessions each second, in slices between batches, instead of a timer
 * for each. It ends what has been idle for too long, adds what sessions have counted to their
 * servers and services, and looks up again the ways to clients that routing has changed. A pass
 * costs the reading of a line per session; ended sessions are collected, so that the cache misses
 * of taking them out of the index overlap.
 */
#include <rte_prefetch.h>

#include "base/csum.h"
#include "path/guard.h"
#include "path/limit.h"
#include "path/odd.h"
#include "path/vpc.h"
#include "path/worker.h"

enum { SWEEP_AHEAD = 8 };  // sessions
enum { SLICE_MAX = 4096 }; // sessions, so that a slice delays a batch by 100 us at most

void sweep_fold(struct worker *w, struct session *s)
{
	struct server_count *server = &w->balancer.server_counts[s->server];
	struct service_count *service =
		&w->balancer.service_counts[server_table[s->server].service];

	for (unsigned int i = 0; i < 2; i++) {
		server->packets[i] += s->packets[i];
		server->bytes[i] += s->bytes[i];
		service->packets[i] += s->packets[i];
		service->bytes[i] += s->bytes[i];
		s->packets[i] = 0;
		s->bytes[i] = 0;
	}
}

static void sweep_end_expired(struct worker *w)
{
	for (unsigned int i = 0; i < w->expired_count; i++) {
		bool wide = w->expired[i] & ENTRY_WIDE;
		struct session *s = table_session(&w->table, w->expired[i]);

		for (unsigned int d = 0; d < 2; d++)
			rte_prefetch0(table_home(&w->table, session_hash(s, wide, d)));
	}
	for (unsigned int i = 0; i < w->expired_count; i++)
		session_end(w, w->expired[i]);
	w->expired_count = 0;
}

static void sweep_end(struct worker *w, uint32_t entry)
{
	w->expired[w->expired_count++] = entry;
	if (w->expired_count == EXPIRED)
		sweep_end_expired(w);
}

static inline void sweep_one(struct worker *w, uint32_t entry)
{
	struct session *s = table_session(&w->table, entry);
	uint16_t age = w->batch.seconds - s->stamp;

	if (s->state == STATE_NONE)
		return;
	if (unlikely(age >= timeout_table[s->timeouts].seconds[s->state] ||
		     ((s->flags & SESSION_VPC) && vpc_is_gone(s)))) {
		sweep_end(w, entry);
		return;
	}
	if (unlikely(w->access_pass) && guard_ends(w, s, entry & ENTRY_WIDE)) {
		w->stats.acl_ended++;
		sweep_end(w, entry);
		return;
	}
	if (unlikely(w->limit_pass))
		limit_join(w, s);
	if (s->flags & SESSION_VPC)
		vm_learn_spoke(&w->learner, vpc_vm(s), w->batch.seconds);
	if (s->packets[0] | s->packets[1])
		sweep_fold(w, s);
	if (unlikely(s->form & FORM_ROUTED) && !(s->flags & SESSION_EXTRA) &&
	    s->out.epoch != w->epoch)
		s->out.known = 0;
	// Eight bits of epoch are enough because no session keeps one for longer than a pass.
	if ((likely(s->epoch == w->epoch) && !(s->flags & SESSION_VPC)) ||
	    (s->flags & SESSION_LOCAL))
		return;
	// Its next packet would have ended it, but nobody has sent one.
	if (unlikely(server_table[s->server].gone)) {
		if (odd_gone_is_over(w, s, entry & ENTRY_WIDE)) {
			w->stats.gone_ended++;
			sweep_end(w, entry);
		}
		return;
	}
	if (session_is_two_way(s) && vpc_client_is_routed(s) && s->epoch != w->epoch) {
		bool wide = entry & ENTRY_WIDE;

		route_of_client(w, s, wide, session_hash(s, wide, 1));
	}
}

/* What a session's counters are added to: those of its server, and by that of its service. */
static inline void sweep_prefetch(const struct worker *w, bool wide, uint32_t at, uint32_t high)
{
	uint32_t width = wide ? ENTRY_WIDE : 0;
	const struct session *s;

	if (at + 2 * SWEEP_AHEAD <= high) {
		s = table_session(&w->table, (at + 2 * SWEEP_AHEAD) | width);
		rte_prefetch0(&server_table[s->server]);
		rte_prefetch0(&w->balancer.server_counts[s->server]);
	}
	if (at + SWEEP_AHEAD <= high) {
		s = table_session(&w->table, (at + SWEEP_AHEAD) | width);
		rte_prefetch0(&w->balancer.service_counts[server_table[s->server].service]);
	}
}

/* Up to `budget` lines of one pool; returns how many. */
static uint64_t sweep_pool(struct worker *w, bool wide, uint64_t budget)
{
	uint32_t high = w->table.pool[wide].high, at = w->sweep_at[wide];
	uint64_t done = 0;

	for (; done < budget && at <= high; done++, at++) {
		sweep_prefetch(w, wide, at, high);
		sweep_one(w, at | (wide ? ENTRY_WIDE : 0));
	}
	w->sweep_at[wide] = at;
	return done;
}

static void sweep_pass_over(struct worker *w)
{
	w->sweep_at[0] = w->sweep_at[1] = 1;
	guard_pass(w);
	limit_pass(w);
	__atomic_store_n(&w->pass, w->pass + 1, __ATOMIC_RELEASE);
}

void sweep(struct worker *w, uint64_t tsc)
{
	uint64_t all = (uint64_t)w->table.pool[0].high + w->table.pool[1].high;
	bool hurry = __atomic_load_n(&w->pass_wanted, __ATOMIC_RELAXED) > w->pass;
	uint64_t due, done;

	if (w->count > 1)
		limit_run(w);
	// Never more than a pass is owed: a worker that sleeps falls behind and need not catch up.
	w->sweep_debt += RTE_MIN(tsc - w->last_sweep, w->hz) * RTE_MAX(all, 1u);
	w->sweep_debt = RTE_MIN(w->sweep_debt, w->hz * RTE_MAX(all, 1u));
	w->last_sweep = tsc;
	due = RTE_MIN(w->sweep_debt / w->hz, (uint64_t)SLICE_MAX);
	if (hurry)
		due = SLICE_MAX;
	if (due == 0)
		return;
	w->epoch = __atomic_load_n(&route_epoch, __ATOMIC_ACQUIRE);
	done = sweep_pool(w, false, due);
	if (done < due)
		done += sweep_pool(w, true, due - done);
	sweep_end_expired(w);
	if (w->sweep_at[0] > w->table.pool[0].high && w->sweep_at[1] > w->table.pool[1].high)
		sweep_pass_over(w);
	w->sweep_debt -= RTE_MIN(w->sweep_debt, RTE_MAX(done, 1u) * w->hz);
	ports_tidy(&w->balancer.ports, w->batch.seconds, 4);
	persistence_tidy(&w->balancer.persistence, 4);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "balance/overload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balance/counts.h"
#include "balance/credits.h"
#include "io/rcu.h"

/*
 * The servers that have thresholds, in a list for control alone. What workers read is the lease in
 * each one's counters, and server.resume.
 *
 * With one worker the lease is the upper threshold, and the worker itself remembers that it was
 * reached (server_count.stopped). With several the sum decides: once it has reached the upper
 * threshold all leases are 0 until it is below the lower one. So a server that is full begins again
 * a round of control later than it could, never earlier.
 */
struct limited {
	uint32_t server, upper, resume;
	bool on;
	struct credits_share *shares; // of each worker
	uint64_t *made;		      // connections of each worker by the last round
};

static struct limited *limited;
static unsigned int limited_count, limited_room;
static uint64_t token;
static bool moving; // until `token` has passed, not all workers have their leases

static struct limited *limited_find(uint32_t server)
{
	uint32_t place = server_table[server].limited;

	return place ? &limited[place - 1] : NULL;
}

static struct server_count *count_of(const struct limited *l, unsigned int worker)
{
	return &counts_servers(worker)[l->server];
}

static void lease_show(const struct limited *l, unsigned int worker)
{
	uint64_t lease = l->shares[worker].lease;

	__atomic_store_n(&count_of(l, worker)->lease, (uint32_t)lease + 1, __ATOMIC_RELEASE);
}

static void limited_remove(struct limited *l)
{
	for (unsigned int i = 0; i < counts_workers(); i++)
		__atomic_store_n(&count_of(l, i)->lease, 0, __ATOMIC_RELEASE);
	free(l->shares);
	free(l->made);
	server_table[l->server].limited = 0;
	if (l != &limited[--limited_count]) {
		*l = limited[limited_count];
		server_table[l->server].limited = (uint32_t)(l - limited) + 1;
	}
}

static struct limited *limited_add(uint32_t server)
{
	struct limited new = {.server = server};

	if (limited_count == limited_room) {
		unsigned int room = limited_room ? 2 * limited_room : 64;
		struct limited *more = realloc(limited, room * sizeof(*more));

		if (!more)
			return NULL;
		limited = more;
		limited_room = room;
	}
	new.shares = calloc(counts_workers(), sizeof(*new.shares));
	new.made = calloc(counts_workers(), sizeof(*new.made));
	if (!new.shares || !new.made) {
		free(new.shares);
		free(new.made);
		return NULL;
	}
	limited[limited_count++] = new;
	server_table[server].limited = limited_count;
	return &limited[limited_count - 1];
}

/* What each worker has and asked for; returns the sum of what they have. */
static uint64_t limited_look(struct limited *l)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < counts_workers(); i++) {
		const struct server_count *c = count_of(l, i);
		struct credits_share *share = &l->shares[i];
		uint64_t made = __atomic_load_n(&c->connections, __ATOMIC_RELAXED);

		share->held = (uint64_t)__atomic_load_n(&c->active, __ATOMIC_RELAXED) +
			      __atomic_load_n(&c->inactive, __ATOMIC_RELAXED);
		share->wanted = made - l->made[i];
		if (__atomic_load_n(&c->stopped, __ATOMIC_RELAXED) ==
		    __atomic_load_n(&c->lease, __ATOMIC_RELAXED))
			share->wanted = 2 * share->wanted + 1;
		l->made[i] = made;
		sum += share->held;
	}
	return sum;
}

static void limited_move(struct limited *l)
{
	uint64_t sum = limited_look(l);

	if (counts_workers() == 1) {
		l->shares[0].lease = l->upper;
	} else {
		l->on = sum >= l->upper || (l->on && sum >= l->resume);
		credits_move(l->on ? 0 : l->upper, l->shares, counts_workers());
	}
	for (unsigned int i = 0; i < counts_workers(); i++)
		lease_show(l, i);
}

/* From now on a grace period, after which every worker has the lease that it was given. */
static void moves_begin(void)
{
	moving = counts_workers() > 1;
	if (moving)
		token = rcu_token();
}

int overload_set(uint32_t server, uint32_t upper, uint32_t lower)
{
	struct limited *l = limited_find(server);
	uint32_t resume = lower ? lower : (uint32_t)(((uint64_t)upper * 3 + 3) / 4);

	if (upper == 0) {
		if (l)
			limited_remove(l);
		return 0;
	}
	if (l && l->upper == upper && l->resume == resume)
		return 0;
	if (!l)
		l = limited_add(server);
	if (!l)
		return -ENOMEM;
	l->on = l->on && upper <= l->upper; // as in LVS, a higher one lets it begin at once
	l->upper = upper;
	l->resume = resume;
	// Of several workers it is control that remembers.
	__atomic_store_n(&server_table[server].resume, counts_workers() == 1 ? resume : UINT32_MAX,
			 __ATOMIC_RELAXED);
	limited_move(l);
	moves_begin();
	return 0;
}

bool overload_is_set(uint32_t server)
{
	return server_table[server].limited != 0;
}

bool overload_is_on(uint32_t server)
{
	const struct limited *l = overload_is_set(server) ? limited_find(server) : NULL;
	const struct server_count *c = &counts_servers(0)[server];

	if (!l || counts_workers() > 1)
		return l && l->on;
	return __atomic_load_n(&c->stopped, __ATOMIC_RELAXED) == l->upper + 1 &&
	       __atomic_load_n(&c->active, __ATOMIC_RELAXED) +
			       __atomic_load_n(&c->inactive, __ATOMIC_RELAXED) >=
		       l->resume;
}

void overload_tick(void)
{
	if (limited_count == 0 || (moving && !rcu_passed(token)))
		return;
	for (unsigned int i = 0; i < limited_count; i++) {
		if (moving)
			credits_settle(limited[i].shares, counts_workers());
		limited_move(&limited[i]);
	}
	moves_begin();
}

void overload_stop(void)
{
	for (unsigned int i = 0; i < limited_count; i++) {
		free(limited[i].shares);
		free(limited[i].made);
	}
	limited_count = 0;
	free(limited);
	limited = NULL;
	limited_room = 0;
	moving = false;
}

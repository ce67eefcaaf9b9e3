/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The automatic SYN proxy. A flood of SYNs is seen by what it does not do: handshakes are begun and
 * not completed. Workers count both for each service, a cookie that is sent as begun and one that
 * comes back as completed, so that a flood is seen whether it is answered by real servers or by
 * weir. Control takes the difference ten times a second and smooths it over half a second; however
 * many clients there are, it stays near 0 while they mean it.
 *
 * Above its rate a service has the proxy on; above the node's rate all of them have that are
 * watched. It is off again when the rate has been less than half of that for some seconds, so that
 * a flood in waves does not switch it to and fro. What a worker sees at once needs no rate: when
 * its share of half-open sessions is used up it answers with cookies by itself (path/syn_proxy.c).
 */
#include "balance/syn_guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balance/counts.h"

enum { TICKS = 10, SMOOTH = 4 }; // a second; of the old rate stays 1 - 1/SMOOTH

struct watched {
	uint32_t service;
	uint32_t open;	// handshakes begun and not completed, by the last tick
	uint32_t rate;	// a second
	uint32_t quiet; // ticks with a low rate while it is on
	bool told;	// syn_guard_changed() has said what it is
};

uint8_t *syn_guard_on;

static struct {
	struct syn_guard_settings settings;
	struct watched node, *services;
	unsigned int count, room;
} guard;

int syn_guard_start(void)
{
	const struct syn_guard_settings defaults = SYN_GUARD_DEFAULTS;

	memset(&guard, 0, sizeof(guard));
	guard.settings = defaults;
	guard.node = (struct watched){.service = SYN_GUARD_NODE, .told = true};
	syn_guard_on = calloc(SERVICE_MAX, sizeof(*syn_guard_on));
	return syn_guard_on ? 0 : -ENOMEM;
}

void syn_guard_stop(void)
{
	free(guard.services);
	free(syn_guard_on);
	syn_guard_on = NULL;
	memset(&guard, 0, sizeof(guard));
}

void syn_guard_set(const struct syn_guard_settings *settings)
{
	guard.settings = *settings;
}

static struct watched *find(uint32_t service)
{
	for (unsigned int i = 0; i < guard.count; i++)
		if (guard.services[i].service == service)
			return &guard.services[i];
	return NULL;
}

/* Handshakes of a service that were begun and not completed, modulo 2^32. */
static uint32_t open_now(uint32_t service)
{
	uint32_t open = 0;

	for (unsigned int i = 0; i < counts_workers(); i++) {
		const struct service_count *c = &counts_services(i)[service];

		open += __atomic_load_n(&c->handshakes_begun, __ATOMIC_RELAXED) -
			__atomic_load_n(&c->handshakes_done, __ATOMIC_RELAXED);
	}
	return open;
}

int syn_guard_watch(uint32_t service, bool watched)
{
	struct watched *w = find(service);

	if (watched == (w != NULL))
		return 0;
	if (!watched) {
		__atomic_store_n(&syn_guard_on[service], 0, __ATOMIC_RELAXED);
		*w = guard.services[--guard.count];
		return 0;
	}
	if (guard.count == guard.room) {
		unsigned int room = guard.room ? 2 * guard.room : 16;
		struct watched *more = realloc(guard.services, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		guard.services = more;
		guard.room = room;
	}
	guard.services[guard.count++] =
		(struct watched){.service = service, .open = open_now(service), .told = true};
	return 0;
}

static void judge(struct watched *w, uint32_t limit)
{
	bool on = syn_guard_on[w->service];

	w->quiet = on && w->rate < limit / 2 ? w->quiet + 1 : 0;
	if (on ? w->quiet < guard.settings.quiet * TICKS : w->rate < limit)
		return;
	w->quiet = 0;
	w->told = false;
	__atomic_store_n(&syn_guard_on[w->service], !on, __ATOMIC_RELAXED);
}

/* More may be completed than begun: those of the tick before. */
static uint32_t smoothed(uint32_t rate, int32_t change)
{
	return rate - rate / SMOOTH + (change > 0 ? (uint32_t)change * TICKS / SMOOTH : 0);
}

void syn_guard_tick(void)
{
	int64_t sum = 0;

	for (unsigned int i = 0; i < guard.count; i++) {
		struct watched *w = &guard.services[i];
		uint32_t open = open_now(w->service);
		int32_t change = (int32_t)(open - w->open);

		w->open = open;
		w->rate = smoothed(w->rate, change);
		sum += change;
		judge(w, guard.settings.service_rate);
	}
	guard.node.rate = smoothed(guard.node.rate,
				   sum > INT32_MAX / TICKS ? INT32_MAX / TICKS : (int32_t)sum);
	judge(&guard.node, guard.settings.node_rate);
}

uint32_t syn_guard_rate(uint32_t service)
{
	const struct watched *w = service == SYN_GUARD_NODE ? &guard.node : find(service);

	return w ? w->rate : 0;
}

static bool tell(struct watched *w, uint32_t *service, bool *on)
{
	if (w->told)
		return false;
	w->told = true;
	*service = w->service;
	*on = syn_guard_on[w->service];
	return true;
}

bool syn_guard_changed(uint32_t *service, bool *on)
{
	if (tell(&guard.node, service, on))
		return true;
	for (unsigned int i = 0; i < guard.count; i++)
		if (tell(&guard.services[i], service, on))
			return true;
	return false;
}

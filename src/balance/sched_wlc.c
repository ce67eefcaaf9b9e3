/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Weighted least connections, with LVS's measure: an established connection weighs 256 times an
 * inactive one. What other workers hold is added by the control thread several times a second, so
 * that no worker writes a line that another reads for every connection.
 */
#include "balance/balancer.h"
#include "balance/service_data.h"

enum { ACTIVE_WEIGHS = 256 };

static uint64_t wlc_load(const struct server_count *c)
{
	return (uint64_t)c->active * ACTIVE_WEIGHS + c->inactive +
	       __atomic_load_n(&c->elsewhere, __ATOMIC_RELAXED);
}

static uint32_t wlc_choose(struct balancer *b, const struct service *service, uint32_t hash)
{
	struct service_state *state = &b->service_states[service->number];
	const struct service_server *servers = service->servers, *best;
	uint64_t best_load;
	uint32_t at;

	// Begin one further each time, so that servers of equal load take turns.
	if (++state->position >= service->server_count)
		state->position = 0;
	at = state->position;
	best = &servers[at];
	best_load = wlc_load(&b->server_counts[best->server]);
	for (uint32_t i = 1; i < service->server_count; i++) {
		uint64_t load;

		if (++at == service->server_count)
			at = 0;
		load = wlc_load(&b->server_counts[servers[at].server]);
		if (load * best->weight < best_load * servers[at].weight) {
			best = &servers[at];
			best_load = load;
		}
	}
	return best->server;
}

const struct scheduler scheduler_wlc = {.name = "wlc", .choose = wlc_choose};

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "balance/balancer.h"
#include "balance/overload.h"
#include "balance/service_data.h"

/*
 * Choosing by load, with LVS's measure: an established connection weighs 256 times an inactive one.
 * What other workers hold is added by the control thread several times a second, so that no worker
 * writes a line that another reads for every connection.
 */
enum { ACTIVE_WEIGHS = 256 };

static inline uint64_t least_load(const struct balancer *b, uint32_t server)
{
	const struct server_count *c = &b->server_counts[server];

	return (uint64_t)c->active * ACTIVE_WEIGHS + c->inactive +
	       __atomic_load_n(&c->elsewhere, __ATOMIC_RELAXED);
}

/* Is it out of the question, because it is full? */
static inline bool least_passes_over(const struct balancer *b, const struct service *service,
				     uint32_t server)
{
	return unlikely(service->thresholds) && overload_refuses(b, server);
}

/*
 * The server with the least (load + more) for its weight; all weigh the same when not `weighted`.
 * Begins one further each time, so that servers of equal load take turns.
 */
static inline uint32_t least_choose(struct balancer *b, const struct service *service,
				    uint64_t more, bool weighted)
{
	struct service_state *state = &b->service_states[service->number];
	const struct service_server *servers = service->servers, *best;
	uint64_t best_load;
	uint32_t at;

	if (++state->position >= service->server_count)
		state->position = 0;
	at = state->position;
	best = &servers[at];
	best_load = least_load(b, best->server) + more;
	if (least_passes_over(b, service, best->server))
		best_load = UINT64_MAX >> 17; // more than any, even times a weight
	for (uint32_t i = 1; i < service->server_count; i++) {
		uint64_t load;

		if (++at == service->server_count)
			at = 0;
		load = least_load(b, servers[at].server) + more;
		if ((weighted ? load * best->weight < best_load * servers[at].weight
			      : load < best_load) &&
		    !least_passes_over(b, service, servers[at].server)) {
			best = &servers[at];
			best_load = load;
		}
	}
	return best->server;
}

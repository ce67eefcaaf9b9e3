/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Weighted round robin, interleaved as in LVS: in each round the servers whose weight reaches the
 * round's level are served once, and the level falls by the greatest common divisor. Because the
 * servers stand in order of weight, a round ends at the first that is too light: no choice ever
 * searches.
 */
#include "balance/balancer.h"
#include "balance/service_data.h"

static uint32_t wrr_choose(struct balancer *b, const struct service *service, const struct pkt *p)
{
	struct service_state *state = &b->service_states[service->number];
	const struct service_server *servers = service->servers;

	if (state->level == 0 || state->level > service->weight_max) {
		state->level = service->weight_max;
		state->position = 0;
	} else if (state->position >= service->server_count ||
		   servers[state->position].weight < state->level) {
		state->position = 0;
		state->level = state->level > service->weight_gcd
				       ? state->level - service->weight_gcd
				       : service->weight_max;
	}
	return servers[state->position++].server;
}

const struct scheduler scheduler_wrr = {.name = "wrr", .choose = wrr_choose, .by_turns = true};

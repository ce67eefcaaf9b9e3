/* SPDX-License-Identifier: BSD-3-Clause */

/* Round robin: each server with a weight above zero in turn. */
#include "balance/balancer.h"
#include "balance/service_data.h"

static uint32_t rr_choose(struct balancer *b, const struct service *service, const struct pkt *p)
{
	struct service_state *state = &b->service_states[service->number];

	if (++state->position >= service->server_count)
		state->position = 0;
	return service->servers[state->position].server;
}

const struct scheduler scheduler_rr = {.name = "rr", .choose = rr_choose, .by_turns = true};

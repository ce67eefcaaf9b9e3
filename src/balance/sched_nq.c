/* SPDX-License-Identifier: BSD-3-Clause */

/* Never queue: an idle server at once, the heaviest first; when there is none, as sed. */
#include "balance/least.h"

static uint32_t nq_choose(struct balancer *b, const struct service *service, const struct pkt *p)
{
	for (uint32_t i = 0; i < service->server_count; i++)
		if (least_load(b, service->servers[i].server) == 0 &&
		    !least_passes_over(b, service, service->servers[i].server))
			return service->servers[i].server;
	return least_choose(b, service, ACTIVE_WEIGHS, true);
}

const struct scheduler scheduler_nq = {.name = "nq", .choose = nq_choose};

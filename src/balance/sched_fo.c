/* SPDX-License-Identifier: BSD-3-Clause */

/* Weighted failover: the heaviest usable server has everything; of equals always the same one. */
#include "balance/overload.h"
#include "balance/service_data.h"

static uint32_t fo_choose(struct balancer *b, const struct service *service, const struct pkt *p)
{
	uint32_t at = 0;

	while (unlikely(service->thresholds) && at + 1 < service->server_count &&
	       overload_refuses(b, service->servers[at].server))
		at++;
	return service->servers[at].server;
}

const struct scheduler scheduler_fo = {.name = "fo", .choose = fo_choose};

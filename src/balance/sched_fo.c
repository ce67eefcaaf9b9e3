/* SPDX-License-Identifier: BSD-3-Clause */

/* Weighted failover: the heaviest usable server has everything; of equals always the same one. */
#include "balance/service_data.h"

static uint32_t fo_choose(struct balancer *b, const struct service *service, const struct pkt *p)
{
	return service->servers[0].server;
}

const struct scheduler scheduler_fo = {.name = "fo", .choose = fo_choose};

/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/quorum.h"

uint64_t quorum_weight(const struct model_service *service)
{
	uint64_t weight = 0;

	for (unsigned int i = 0; i < service->server_count; i++)
		weight += model_server_weight(&service->servers[i]);
	return weight;
}

bool quorum_holds(bool had, uint64_t weight, uint32_t quorum, uint32_t hysteresis)
{
	return had ? weight >= quorum - hysteresis : weight >= (uint64_t)quorum + hysteresis;
}

/* keepalived takes a server that failed to weight 0 (inhibit_on_failure); a person drains it so. */
static bool server_is_down(const struct model_server *server)
{
	return model_server_is_down(server) ||
	       (server->weight == 0 && server->origin == ORIGIN_IPVS);
}

void census_add(struct census *census, const struct model_service *service, uint64_t weight)
{
	census->services++;
	census->services_dead += weight == 0;
	census->servers += service->server_count;
	for (unsigned int i = 0; i < service->server_count; i++)
		census->servers_down += server_is_down(&service->servers[i]);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "balance/shares.h"

#include <stdlib.h>

#include "balance/service_data.h"

struct share {
	uint32_t end; // of the piece: the sum of weights up to and with this server
	uint32_t server;
};

void *shares_prepare(const struct service *service)
{
	struct scheduler_server *servers = scheduler_servers(service);
	struct share *shares = calloc(service->server_count, sizeof(*shares));
	uint32_t end = 0; // 4,096 servers of weight 65,535 fit

	for (uint32_t i = 0; servers && shares && i < service->server_count; i++) {
		end += servers[i].weight;
		shares[i] = (struct share){.end = end, .server = servers[i].server};
	}
	if (!servers) {
		free(shares);
		shares = NULL;
	}
	free(servers);
	return shares;
}

uint32_t shares_find(const struct service *service, uint64_t hash)
{
	const struct share *shares = service->scheduler_data;
	uint32_t low = 0, high = service->server_count - 1;
	uint32_t at = (hash >> 32) * shares[high].end >> 32;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (at < shares[middle].end)
			high = middle;
		else
			low = middle + 1;
	}
	return shares[low].server;
}

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Power of two choices: of two servers drawn at random, the one with less load for its weight. Two
 * looks instead of one at every server, and no herd runs to a server that just came.
 */
#include "balance/least.h"

static uint32_t p2c_choose(struct balancer *b, const struct service *service, const struct pkt *p)
{
	const struct service_server *servers = service->servers;
	// The hash of the client's tuple is keyed: as good as drawn.
	const struct service_server *one =
		&servers[(p->hash & 0xffff) * service->server_count >> 16];
	const struct service_server *two = &servers[(p->hash >> 16) * service->server_count >> 16];
	uint64_t more = ACTIVE_WEIGHS;
	uint64_t load_one = least_load(b, one->server) + more;
	uint64_t load_two = least_load(b, two->server) + more;

	if (least_passes_over(b, service, one->server))
		return two->server;
	if (least_passes_over(b, service, two->server))
		return one->server;
	return load_two * one->weight < load_one * two->weight ? two->server : one->server;
}

const struct scheduler scheduler_p2c = {.name = "p2c", .choose = p2c_choose};

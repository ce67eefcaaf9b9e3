/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Maglev hashing (Eisenbud and others, NSDI 2016): a table of 65,537 places, each server visiting
 * them in a sequence of its own and taking the free ones by turns. The share of a server is even
 * to a few places, and when one leaves hardly anything but its own places moves.
 *
 * The sequences depend on the servers' addresses alone and turns go by address, so that two
 * directors agree, whatever the order in which servers were added. A server of less than the
 * greatest weight has a turn only when its weights have added up to the greatest.
 */
#include <stdlib.h>

#include "balance/service_data.h"

enum { MH_PLACES = 65537 }; // a prime: every step visits every place

struct visitor {
	uint32_t at, step;
	uint32_t credit;
};

static uint32_t visitor_next(struct visitor *v)
{
	uint32_t at = v->at;

	v->at += v->step;
	if (v->at >= MH_PLACES)
		v->at -= MH_PLACES;
	return at;
}

static void places_fill(uint32_t *places, const struct scheduler_server *servers,
			struct visitor *visitors, const struct service *service)
{
	unsigned int filled = 0;

	for (uint32_t i = 0; filled < MH_PLACES; i = i + 1 < service->server_count ? i + 1 : 0) {
		struct visitor *v = &visitors[i];
		uint32_t at;

		v->credit += servers[i].weight;
		if (v->credit < service->weight_max)
			continue;
		v->credit -= service->weight_max;
		do
			at = visitor_next(v);
		while (places[at] != 0);
		places[at] = servers[i].server; // numbers begin at 1
		filled++;
	}
}

static void *mh_prepare(const struct service *service)
{
	struct scheduler_server *servers = scheduler_servers(service);
	struct visitor *visitors = calloc(service->server_count, sizeof(*visitors));
	uint32_t *places = calloc(MH_PLACES, sizeof(*places));

	if (!servers || !visitors || !places) {
		free(places);
		places = NULL;
		goto free_all;
	}
	for (uint32_t i = 0; i < service->server_count; i++) {
		visitors[i].at = (servers[i].hash >> 32) % MH_PLACES;
		visitors[i].step = 1 + (uint32_t)servers[i].hash % (MH_PLACES - 1);
	}
	places_fill(places, servers, visitors, service);
free_all:
	free(visitors);
	free(servers);
	return places;
}

static uint32_t mh_choose(struct balancer *b, const struct service *service, const struct pkt *p)
{
	const uint32_t *places = service->scheduler_data;

	return places[scheduler_hash_source(service, p) % MH_PLACES];
}

const struct scheduler scheduler_mh = {.name = "mh", .choose = mh_choose, .prepare = mh_prepare};

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Consistent hashing: each server stands at many points of a ring, as many as its weight says, and
 * a client belongs to the first point that follows its address. When a server leaves, its clients
 * go to the neighbours of its points and nobody else moves.
 */
#include <endian.h>
#include <stdlib.h>

#include "balance/service_data.h"
#include "base/hash.h"

enum { RING_POINTS = 160, RING_MAX = 1 << 20 };

struct point {
	uint64_t at;
	uint32_t server;
};

struct ring {
	uint32_t count;
	struct point points[];
};

static int point_compare(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->server < y->server ? -1 : 1;
}

/* Points of a server: in units of the common divisor of all weights, unless those are too many. */
static uint32_t point_count(const struct service *service, uint32_t weight, uint64_t weights)
{
	uint64_t points = (uint64_t)RING_POINTS * weight / service->weight_gcd;

	if (RING_POINTS * weights / service->weight_gcd > RING_MAX)
		points = RING_MAX * (uint64_t)weight / weights;
	return points ? points : 1;
}

static void ring_add(struct ring *ring, const struct scheduler_server *server, uint32_t points)
{
	for (uint32_t i = 0; i < points; i++) {
		const uint64_t name[2] = {htole64(server->hash), htole64(i)};

		ring->points[ring->count++] = (struct point){
			.at = hash_stable(name, sizeof(name)),
			.server = server->server,
		};
	}
}

static void *conhash_prepare(const struct service *service)
{
	struct scheduler_server *servers = scheduler_servers(service);
	uint64_t weights = 0, count = 0;
	struct ring *ring = NULL;

	if (!servers)
		return NULL;
	for (uint32_t i = 0; i < service->server_count; i++)
		weights += servers[i].weight;
	for (uint32_t i = 0; i < service->server_count; i++)
		count += point_count(service, servers[i].weight, weights);
	ring = malloc(sizeof(*ring) + count * sizeof(*ring->points));
	if (!ring)
		goto free_servers;
	ring->count = 0;
	for (uint32_t i = 0; i < service->server_count; i++)
		ring_add(ring, &servers[i], point_count(service, servers[i].weight, weights));
	qsort(ring->points, ring->count, sizeof(*ring->points), point_compare);
free_servers:
	free(servers);
	return ring;
}

static uint32_t conhash_choose(struct balancer *b, const struct service *service,
			       const struct pkt *p)
{
	const struct ring *ring = service->scheduler_data;
	uint64_t hash = service->hash_target == HASH_QUIC ? scheduler_hash_quic(service, p)
							  : scheduler_hash_source(service, p);
	uint32_t low = 0, high = ring->count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (ring->points[middle].at < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return ring->points[low < ring->count ? low : 0].server;
}

const struct scheduler scheduler_conhash = {
	.name = "conhash", .choose = conhash_choose, .prepare = conhash_prepare};

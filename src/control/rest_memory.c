/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <rte_eal_memconfig.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_mempool.h>
#include <rte_memzone.h>
#include <rte_ring.h>
#include <rte_tailq.h>

#include "control/rest.h"

/*
 * The memory that DPDK manages: segments, zones, pools and rings. Weir's own tables (sessions,
 * routes, local ports) are not in it: GET /v1/status tells their size.
 */
struct memory_lists {
	json_t *segments, *zones, *pools, *rings;
};

static int segment_add(const struct rte_memseg_list *list, const struct rte_memseg *segment,
		       size_t length, void *arg)
{
	struct memory_lists *lists = arg;
	struct rte_malloc_socket_stats heap = {0};

	rte_malloc_get_socket_stats(segment->socket_id, &heap);
	json_array_append_new(lists->segments,
			      json_pack("{s:i, s:I, s:I, s:I, s:I, s:i, s:i, s:I}", "socket",
					segment->socket_id, "iova", (json_int_t)segment->iova,
					"virtual", (json_int_t)segment->addr_64, "bytes",
					(json_int_t)length, "page_bytes",
					(json_int_t)segment->hugepage_sz, "channels",
					(int)segment->nchannel, "ranks", (int)segment->nrank,
					"heap_free_bytes", (json_int_t)heap.heap_freesz_bytes));
	return 0;
}

static void zone_add(const struct rte_memzone *zone, void *arg)
{
	struct memory_lists *lists = arg;

	json_array_append_new(lists->zones,
			      json_pack("{s:i, s:s, s:I, s:I, s:I, s:I, s:i}", "zone",
					(int)json_array_size(lists->zones), "name", zone->name,
					"iova", (json_int_t)zone->iova, "virtual",
					(json_int_t)zone->addr_64, "bytes", (json_int_t)zone->len,
					"page_bytes", (json_int_t)zone->hugepage_sz, "socket",
					zone->socket_id));
}

static void pool_add(struct rte_mempool *pool, void *arg)
{
	struct memory_lists *lists = arg;
	const struct rte_mempool_memhdr *chunk;
	uint64_t bytes = 0;

	STAILQ_FOREACH(chunk, &pool->mem_list, next)
	bytes += chunk->len;
	json_array_append_new(
		lists->pools,
		json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name", pool->name,
			  "flags", (json_int_t)pool->flags, "element_bytes",
			  (json_int_t)pool->elt_size, "header_bytes", (json_int_t)pool->header_size,
			  "trailer_bytes", (json_int_t)pool->trailer_size, "private_bytes",
			  (json_int_t)pool->private_data_size, "size", (json_int_t)pool->size,
			  "used", (json_int_t)rte_mempool_in_use_count(pool), "bytes",
			  (json_int_t)bytes));
}

static void ring_add(const struct rte_ring *ring, json_t *list)
{
	json_array_append_new(list, json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
					      "name", ring->name, "flags", ring->flags, "size",
					      (json_int_t)rte_ring_get_size(ring), "consumer_tail",
					      (json_int_t)ring->cons.tail, "consumer_head",
					      (json_int_t)ring->cons.head, "producer_tail",
					      (json_int_t)ring->prod.tail, "producer_head",
					      (json_int_t)ring->prod.head, "used",
					      (json_int_t)rte_ring_count(ring), "available",
					      (json_int_t)rte_ring_free_count(ring)));
}

/* DPDK can only print its rings, but lets its lists be walked. */
static void rings_add(struct memory_lists *lists)
{
	const struct rte_tailq_head *head = rte_eal_tailq_lookup("RTE_RING");
	const struct rte_tailq_entry *entry;

	if (head == NULL)
		return;
	rte_mcfg_tailq_read_lock();
	TAILQ_FOREACH (entry, &head->tailq_head, next)
		ring_add(entry->data, lists->rings);
	rte_mcfg_tailq_read_unlock();
}

int rest_memory_get(struct request *request, struct error *error)
{
	struct memory_lists lists = {json_array(), json_array(), json_array(), json_array()};

	rte_memseg_contig_walk(segment_add, &lists);
	rte_memzone_walk(zone_add, &lists);
	rte_mempool_walk(pool_add, &lists);
	rings_add(&lists);
	return request_reply(request, 200,
			     json_pack("{s:o, s:o, s:o, s:o}", "segments", lists.segments, "zones",
				       lists.zones, "pools", lists.pools, "rings", lists.rings));
}

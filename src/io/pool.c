/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packet buffers. There is one pool for each NUMA node that has a port or a worker; the first is
 * made by pool_start() on the control thread's node, further ones by pool_prepare() when a port
 * on another node is opened. All are made before workers run and live until pool_stop().
 *
 * How many buffers: a descriptor ring that is full in both directions, what AF_XDP keeps in its
 * fill queue, what the caches of the threads hold, and what may wait in our own rings. Too few
 * show as packets lost in the device, so the number is generous, up to half of the memory: a buffer
 * costs 2.4 KB in hugepages and, because DPDK lets none cross a page, 4 KB in ordinary ones.
 */
#include "io/pool.h"

#include "io/eal.h"

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	POOL_NODES = 8,
	POOL_CACHE = 256,
	POOL_DATA_ROOM = 2048,
	// Of one queue: receive and transmit descriptors, AF_XDP's fill ring, a cache.
	POOL_BUFFERS_QUEUE = 2 * 1024 + 4096 + 2 * POOL_CACHE,
	// Of everybody: rings between workers and to Linux, batches in flight.
	POOL_BUFFERS_BASE = 8192,
};

/* What DPDK puts around the data of a buffer: headers of pool, packet and cache line padding. */
enum { POOL_BUFFER_HEADERS = 192 + RTE_PKTMBUF_HEADROOM, POOL_PAGE = 4096 };

static struct rte_mempool *pool_of_node[POOL_NODES];
static struct rte_mempool *pool_first;
static struct pool_config pool_config;

/* Spreading the elements over memory channels would make them larger than an ordinary page. */
static unsigned int pool_flags(void)
{
	return eal_uses_hugepages() ? 0 : RTE_MEMPOOL_F_NO_SPREAD;
}

/*
 * How large an element must be. Where pages are ordinary ones, so large that a buffer fills its
 * page: AF_XDP's driver takes for granted that buffers lie side by side, and what it sends from a
 * buffer beyond that length never leaves, without a word.
 */
static uint32_t pool_element_size(void)
{
	uint32_t size = sizeof(struct rte_mbuf) + pool_config.data_room + RTE_PKTMBUF_HEADROOM;
	uint32_t total = rte_mempool_calc_obj_size(size, pool_flags(), NULL);

	return eal_uses_hugepages() ? size : size + RTE_ALIGN_CEIL(total, POOL_PAGE) - total;
}

/*
 * No buffer crosses a huge page either, and the gaps push the last few beyond that length: take
 * those out for good.
 */
static void pool_trim(struct rte_mempool *pool)
{
	const struct rte_mempool_memhdr *first = STAILQ_FIRST(&pool->mem_list);
	size_t size = pool->header_size + pool->elt_size + pool->trailer_size;
	const char *end = (const char *)first->addr + pool->populated_size * size;
	void **buffers = calloc(pool->size, sizeof(*buffers));
	unsigned int kept = 0;

	if (buffers && rte_mempool_get_bulk(pool, buffers, pool->size) == 0) {
		for (unsigned int i = 0; i < pool->size; i++)
			if ((char *)buffers[i] - pool->header_size + size <= end)
				buffers[kept++] = buffers[i];
		rte_mempool_put_bulk(pool, buffers, kept);
	}
	free(buffers);
}

/* Make the pool of a node, or NULL with `error` set. */
static struct rte_mempool *pool_create(int socket, struct error *error)
{
	uint32_t size = pool_element_size();
	struct rte_pktmbuf_pool_private private = {
		.mbuf_data_room_size = pool_config.data_room + RTE_PKTMBUF_HEADROOM,
	};
	struct rte_mempool *pool;
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "packets%d", socket);
	pool = rte_mempool_create_empty(name, pool_config.buffers, size, POOL_CACHE,
					sizeof(private), socket, pool_flags());
	if (!pool)
		goto no_memory;
	rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL);
	rte_pktmbuf_pool_init(pool, &private);
	if (rte_mempool_populate_default(pool) < 0) {
		rte_mempool_free(pool);
		goto no_memory;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	pool_trim(pool);
	return pool;

no_memory:
	error_set(error, -rte_errno, "memory.buffers",
		  "%u packet buffers of %u bytes do not fit (%s): raise memory.megabytes or "
		  "lower memory.buffers",
		  pool_config.buffers, pool_config.data_room, rte_strerror(rte_errno));
	return NULL;
}

/* As many buffers as `queues` want, within half of the memory that DPDK was given. */
static uint32_t pool_default_buffers(unsigned int queues, uint16_t data_room)
{
	uint64_t buffers = POOL_BUFFERS_BASE + (uint64_t)queues * POOL_BUFFERS_QUEUE;
	size_t size = data_room + POOL_BUFFER_HEADERS;
	uint64_t most;

	if (!eal_uses_hugepages())
		size = RTE_ALIGN_CEIL(size, (size_t)POOL_PAGE);
	most = eal_memory() / 2 / size;
	return buffers < most ? buffers : most;
}

int pool_start(const struct pool_config *config, unsigned int queues, struct error *error)
{
	int socket = rte_socket_id();

	pool_config = *config;
	if (pool_config.data_room == 0)
		pool_config.data_room = POOL_DATA_ROOM;
	if (pool_config.buffers == 0)
		pool_config.buffers = pool_default_buffers(queues, pool_config.data_room);
	if (socket < 0 || socket >= POOL_NODES)
		socket = 0;
	pool_first = pool_create(socket, error);
	if (!pool_first)
		return error->code;
	pool_of_node[socket] = pool_first;
	return 0;
}

int pool_prepare(int socket, struct error *error)
{
	if (socket < 0 || socket >= POOL_NODES || pool_of_node[socket])
		return 0;
	pool_of_node[socket] = pool_create(socket, error);
	return pool_of_node[socket] ? 0 : error->code;
}

void pool_stop(void)
{
	for (unsigned int node = 0; node < POOL_NODES; node++) {
		rte_mempool_free(pool_of_node[node]);
		pool_of_node[node] = NULL;
	}
	pool_first = NULL;
}

struct rte_mempool *pool_get(int socket)
{
	if (socket >= 0 && socket < POOL_NODES && pool_of_node[socket])
		return pool_of_node[socket];
	return pool_first;
}

uint16_t pool_data_room(void)
{
	return pool_config.data_room;
}

static void pool_add_chunk(struct rte_mempool *pool, void *arg, struct rte_mempool_memhdr *chunk,
			   unsigned int index)
{
	*(size_t *)arg += chunk->len;
}

size_t pool_bytes(void)
{
	size_t bytes = 0;

	for (unsigned int node = 0; node < POOL_NODES; node++)
		if (pool_of_node[node])
			rte_mempool_mem_iter(pool_of_node[node], pool_add_chunk, &bytes);
	return bytes;
}

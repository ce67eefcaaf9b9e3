/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/ring.h"

#include <rte_malloc.h>
#include <rte_mbuf.h>

struct rte_ring *ring_create(unsigned int size)
{
	struct rte_ring *ring;

	ring = rte_zmalloc("ring", rte_ring_get_memsize(size), RTE_CACHE_LINE_SIZE);
	if (ring && rte_ring_init(ring, "ring", size, RING_F_SP_ENQ | RING_F_SC_DEQ) < 0) {
		rte_free(ring);
		return NULL;
	}
	return ring;
}

void ring_destroy(struct rte_ring *ring)
{
	void *packet;

	while (ring && rte_ring_sc_dequeue(ring, &packet) == 0)
		rte_pktmbuf_free(packet);
	rte_free(ring);
}

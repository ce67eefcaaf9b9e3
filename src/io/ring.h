/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <rte_ring.h>

/*
 * Rings of packets between two threads, one that puts in and one that takes out. They have no name
 * and no memory zone of their own, of which DPDK has too few for all pairs of 64 workers.
 */
struct rte_ring *ring_create(unsigned int size); // a power of two; NULL when out of memory
/* Both threads have stopped; packets that are left are freed. NULL is fine. */
void ring_destroy(struct rte_ring *ring);

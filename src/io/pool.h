/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <rte_mempool.h>

#include "base/error.h"

/* Packet buffers: one pool for each NUMA node that has a worker or a port. */
struct pool_config {
	uint32_t buffers;   // per node; 0: enough for all queues, rings and batches
	uint16_t data_room; // bytes of a packet that fit, without headroom; 0: 2048
};

/* `queues`: how many receive queues there will be, workers times ports. Control thread. */
int pool_start(const struct pool_config *config, unsigned int queues, struct error *error);
/* Make the pool of a NUMA node that is to get a port or a worker. Control thread, before workers.
 */
int pool_prepare(int socket, struct error *error);
void pool_stop(void);
struct rte_mempool *pool_get(int socket); // never NULL after pool_start; -1 means any node
uint16_t pool_data_room(void);		  // bytes of a packet that fit
size_t pool_bytes(void);		  // what all pools take, for the start message

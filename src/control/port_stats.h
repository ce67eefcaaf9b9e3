/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

#include <rte_ethdev.h>

#include "io/port.h"
#include "path/workers.h"

/* Counters with their names, for the listings and for the metrics. */

/* The device's own counters of a port, summed over the DPDK ports that it consists of. */
void port_stats_get(const struct port *port, struct rte_eth_stats *sum);

/* A field of struct worker_stats. Ended by an entry without a name. */
struct worker_counter {
	const char *name; // "handed_over"
	size_t offset;
	bool gauge; // may fall
	const char *help;
};
extern const struct worker_counter worker_counters[];
uint64_t worker_counter(const struct worker_stats *stats, const struct worker_counter *counter);

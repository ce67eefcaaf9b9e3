/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/model.h"

/* What a service's real servers are worth together: the sum of their live weights. */
uint64_t quorum_weight(const struct model_service *service);

/*
 * Does a service of this weight have its quorum? One that had it keeps it down to quorum -
 * hysteresis, one that had it not gains it at quorum + hysteresis.
 */
bool quorum_holds(bool had, uint64_t weight, uint32_t quorum, uint32_t hysteresis);

/* All services counted together, for what concerns the node as a whole. */
struct census {
	unsigned int services, services_dead; // dead: no real server with a weight above zero
	unsigned int servers, servers_down;   // down: said so by a check, or set to 0 by keepalived
};
void census_add(struct census *census, const struct model_service *service, uint64_t weight);

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Shortest expected delay: the new connection is counted in, so that with little load a heavy
 * server gets the next one before a light one that is idle.
 */
#include "balance/least.h"

static uint32_t sed_choose(struct balancer *b, const struct service *service, const struct pkt *p)
{
	return least_choose(b, service, ACTIVE_WEIGHS, true);
}

const struct scheduler scheduler_sed = {.name = "sed", .choose = sed_choose};

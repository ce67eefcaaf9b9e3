/* SPDX-License-Identifier: BSD-3-Clause */

/* Least connections: as wlc, and weights do not matter as long as they are not zero. */
#include "balance/least.h"

static uint32_t lc_choose(struct balancer *b, const struct service *service, const struct pkt *p)
{
	return least_choose(b, service, 0, false);
}

const struct scheduler scheduler_lc = {.name = "lc", .choose = lc_choose};

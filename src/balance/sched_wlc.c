/* SPDX-License-Identifier: BSD-3-Clause */

/* Weighted least connections. */
#include "balance/least.h"

static uint32_t wlc_choose(struct balancer *b, const struct service *service, const struct pkt *p)
{
	return least_choose(b, service, 0, true);
}

const struct scheduler scheduler_wlc = {.name = "wlc", .choose = wlc_choose};

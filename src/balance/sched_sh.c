/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Source hashing: a client's address always finds the same server, on every director, until the
 * servers change; then most clients move. Where that matters there is mh.
 */
#include "balance/service_data.h"
#include "balance/shares.h"

static uint32_t sh_choose(struct balancer *b, const struct service *service, const struct pkt *p)
{
	return shares_find(service, scheduler_hash_source(service, p));
}

const struct scheduler scheduler_sh = {
	.name = "sh", .choose = sh_choose, .prepare = shares_prepare};

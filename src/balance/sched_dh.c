/* SPDX-License-Identifier: BSD-3-Clause */

/* Destination hashing: for services of many addresses, a server for each address. */
#include "balance/service_data.h"
#include "balance/shares.h"

static uint32_t dh_choose(struct balancer *b, const struct service *service, const struct pkt *p)
{
	return shares_find(service, scheduler_hash_destination(p));
}

const struct scheduler scheduler_dh = {
	.name = "dh", .choose = dh_choose, .prepare = shares_prepare};

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <rte_ethdev.h>

/*
 * What a device reports that it could do for VXLAN packets. weir uses none of it: workers compute
 * outer checksums, and packets come in segments of their own.
 */
enum { OFFLOAD_VXLAN_MAX = 5 };

/* Their names, the first ones of `names`; returns how many. */
unsigned int offload_vxlan(const struct rte_eth_dev_info *info,
			   const char *names[static OFFLOAD_VXLAN_MAX]);

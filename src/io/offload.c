/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/offload.h"

#include <rte_common.h>

unsigned int offload_vxlan(const struct rte_eth_dev_info *info,
			   const char *names[static OFFLOAD_VXLAN_MAX])
{
	static const struct {
		const char *name;
		uint64_t receive, transmit;
	} offloads[] = {
		{"rx outer IPv4 checksum", RTE_ETH_RX_OFFLOAD_OUTER_IPV4_CKSUM, 0},
		{"rx outer UDP checksum", RTE_ETH_RX_OFFLOAD_OUTER_UDP_CKSUM, 0},
		{"tx outer IPv4 checksum", 0, RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM},
		{"tx outer UDP checksum", 0, RTE_ETH_TX_OFFLOAD_OUTER_UDP_CKSUM},
		{"tx segmentation", 0, RTE_ETH_TX_OFFLOAD_VXLAN_TNL_TSO},
	};
	unsigned int count = 0;

	_Static_assert(RTE_DIM(offloads) == OFFLOAD_VXLAN_MAX, "there is room for all names");
	for (unsigned int i = 0; i < RTE_DIM(offloads); i++)
		if ((info->rx_offload_capa & offloads[i].receive) ||
		    (info->tx_offload_capa & offloads[i].transmit))
			names[count++] = offloads[i].name;
	return count;
}

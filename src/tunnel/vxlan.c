/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Encapsulation: the host's line gives the outer IP header, the VM's line VNI and MAC, and the
 * packet the rest. The UDP source port is from the flow's hash, so that networks and cards spread
 * flows. DSCP and ECN are those of the packet inside (RFC 2983 uniform, RFC 6040 normal mode).
 *
 * The UDP checksum is zero over IPv4 (RFC 7348, 5). Over IPv6 it is filled in: RFC 6935 allows zero,
 * but Linux refuses it unless told otherwise, and so every byte is read.
 */
#include "tunnel/vxlan.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>

#include "base/csum.h"
#include "tunnel/template.h"

struct vxlan vxlan = {.port = VXLAN_PORT_OFF};

void vxlan_configure(const struct vxlan_settings *settings)
{
	memset(&vxlan, 0, sizeof(vxlan));
	vxlan.port = VXLAN_PORT_OFF;
	if (!settings)
		return;
	for (unsigned int i = 0; i < settings->address_count; i++) {
		const struct addr *addr = &settings->addresses[i];

		if (addr->family == AF_INET) {
			vxlan.v4 = addr->v4;
		} else {
			vxlan.has_v6 = true;
			memcpy(vxlan.v6, addr->bytes, 16);
		}
	}
	memcpy(vxlan.mac, settings->mac, 6);
	vxlan.port = rte_cpu_to_be_16(settings->port);
}

void vxlan_checksum(struct rte_mbuf *m, unsigned int l3)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(m, const struct rte_ipv6_hdr *, l3);
	unsigned int at = l3 + sizeof(*ip), length = rte_pktmbuf_pkt_len(m) - at;
	uint16_t sum = ~csum_fold(csum_pseudo6(ip->src_addr, IPPROTO_UDP, length) +
				  (uint64_t)template_sum(m, at));

	if (sum == 0)
		sum = 0xffff;
	memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, at + 6), &sum, 2);
}

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

enum { SOURCE_PORTS_FIRST = 0xc000 }; // the ephemeral range: 49152 to 65535

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

/* The checksum is computed from registers: what was just stored in pieces is slow to read. */
static void outer_put4(const struct vm_host *host, uint8_t *outer, const struct vxlan_packet *p)
{
	uint16_t length = rte_cpu_to_be_16(VXLAN_OUTER4 + p->length), checksum;

	memcpy(outer, host->header, sizeof(struct rte_ipv4_hdr));
	checksum = ~csum_fold((uint64_t)host->sum + (p->tos << 8) + length + p->id);
	outer[1] = p->tos;
	memcpy(outer + 2, &length, 2);
	memcpy(outer + 4, &p->id, 2);
	memcpy(outer + 10, &checksum, 2);
}

static void outer_put6(const struct vm_host *host, uint8_t *outer, const struct vxlan_packet *p)
{
	uint32_t flow = rte_cpu_to_be_32(6u << 28 | (uint32_t)p->tos << 20 | (p->hash & 0xfffff));
	uint16_t length = rte_cpu_to_be_16(VXLAN_INNER + p->length);

	memcpy(outer, host->header, sizeof(struct rte_ipv6_hdr));
	memcpy(outer, &flow, 4);
	memcpy(outer + 4, &length, 2);
}

void vxlan_put(const struct vm *vm, const struct vm_host *host, uint8_t *outer,
	       const struct vxlan_packet *p)
{
	uint8_t *udp = outer +
		       (host->ipv6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr));
	uint64_t mac = __atomic_load_n(&vm->mac, __ATOMIC_RELAXED);
	uint16_t ports[4] = {rte_cpu_to_be_16(SOURCE_PORTS_FIRST | (p->hash >> 16 & 0x3fff)),
			     vxlan.port, rte_cpu_to_be_16(VXLAN_INNER + p->length), 0};
	uint32_t words[2] = {RTE_BE32((uint32_t)TUNNEL_VXLAN_FLAGS << 24),
			     rte_cpu_to_be_32(vm->vni << 8)};
	uint8_t *ether = udp + sizeof(ports) + sizeof(words);

	if (host->ipv6)
		outer_put6(host, outer, p);
	else
		outer_put4(host, outer, p);
	memcpy(udp, ports, sizeof(ports));
	memcpy(udp + sizeof(ports), words, sizeof(words));
	memcpy(ether, &mac, RTE_ETHER_ADDR_LEN);
	memcpy(ether + RTE_ETHER_ADDR_LEN, vxlan.mac, RTE_ETHER_ADDR_LEN);
	memcpy(ether + 2 * RTE_ETHER_ADDR_LEN, &p->type, 2);
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

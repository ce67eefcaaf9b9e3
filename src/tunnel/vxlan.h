/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "base/addr.h"
#include "base/csum.h"
#include "tunnel/decapsulate.h"
#include "tunnel/vm_table.h"

/* VXLAN (RFC 7348): what this end of all tunnels has, and the headers on both ways. */
enum {
	VXLAN_PORT_OFF = 1 << 16,		    // that no packet has
	VXLAN_INNER = 8 + TUNNEL_VXLAN_HEADER + 14, // UDP, VXLAN, Ethernet
	VXLAN_INNER_SOURCE = 8,			    // the MAC stands so far before the IP header
	VXLAN_OUTER4 = 20 + VXLAN_INNER,
	VXLAN_OUTER6 = 40 + VXLAN_INNER,
	VXLAN_SOURCE_PORTS = 0xc000, // the ephemeral range: 49152 to 65535
};

/* Written before the workers start, constant then. */
struct vxlan {
	uint32_t port; // network byte order, or VXLAN_PORT_OFF
	uint32_t v4;   // weir's end, network byte order; 0: none
	uint8_t v6[16];
	bool has_v6;
	uint8_t mac[6]; // weir's in every VNI
};
extern struct vxlan vxlan;

struct vxlan_settings {
	struct addr addresses[2]; // at most one of each family
	unsigned int address_count;
	uint16_t port; // host byte order
	uint8_t mac[6];
};
/* NULL: no VXLAN packets are taken. */
void vxlan_configure(const struct vxlan_settings *settings);

/* What the packet inside decides about the header outside. */
struct vxlan_packet {
	uint32_t hash;	 // of the flow
	uint16_t length; // of the packet inside, Ethernet header not counted
	uint16_t id;	 // of an outer IPv4 header, network byte order
	uint8_t tos;	 // of the packet inside: DSCP and ECN
	uint16_t type;	 // Ethernet type of the packet inside, network byte order
};

/* Bytes before the IP header of the packet inside, and what they leave of an MTU for it. */
static inline unsigned int vxlan_overhead(const struct vm_host *host)
{
	return host->ipv6 ? VXLAN_OUTER6 : VXLAN_OUTER4;
}

static inline unsigned int vxlan_mtu(const struct vm_host *host, unsigned int mtu)
{
	unsigned int learned = __atomic_load_n(&host->mtu, __ATOMIC_RELAXED);

	if (unlikely(learned != 0 && learned < mtu))
		mtu = learned;
	return mtu > vxlan_overhead(host) ? mtu - vxlan_overhead(host) : 0;
}

/* Fill in the UDP checksum of a whole packet, whose outer IPv6 header begins at `l3`. */
void vxlan_checksum(struct rte_mbuf *m, unsigned int l3);
/*
 * Put together in registers, little endian: what is stored in pieces and then read as a whole, be it
 * for a checksum, is waited for.
 */
static inline void vxlan_put4(const struct vm_host *host, uint8_t *outer,
			      const struct vxlan_packet *p)
{
	uint16_t length = rte_cpu_to_be_16(VXLAN_OUTER4 + p->length);
	uint16_t checksum = ~csum_fold((uint64_t)host->sum + (p->tos << 8) + length + p->id);
	uint64_t words[2];

	memcpy(words, host->header, sizeof(words));
	words[0] |= p->tos << 8 | (uint64_t)length << 16 | (uint64_t)p->id << 32;
	words[1] |= (uint64_t)checksum << 16;
	memcpy(outer, words, sizeof(words));
	memcpy(outer + sizeof(words), host->header + sizeof(words), 4);
}

static inline void vxlan_put6(const struct vm_host *host, uint8_t *outer,
			      const struct vxlan_packet *p)
{
	uint32_t flow = rte_cpu_to_be_32(6u << 28 | (uint32_t)p->tos << 20 | (p->hash & 0xfffff));
	uint16_t length = rte_cpu_to_be_16(VXLAN_INNER + p->length);

	memcpy(outer, host->header, sizeof(struct rte_ipv6_hdr));
	memcpy(outer, &flow, 4);
	memcpy(outer + 4, &length, 2);
}

/* Write all of them, vxlan_overhead() bytes, at `outer`; the UDP checksum is zero. */
static inline void vxlan_put(const struct vm *vm, const struct vm_host *host, uint8_t *outer,
			     const struct vxlan_packet *p)
{
	uint8_t *udp = outer +
		       (host->ipv6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr));
	uint64_t mac = __atomic_load_n(&vm->mac, __ATOMIC_RELAXED);
	uint16_t from = rte_cpu_to_be_16(VXLAN_SOURCE_PORTS | (p->hash >> 16 & 0x3fff));
	uint16_t length = rte_cpu_to_be_16(VXLAN_INNER + p->length);
	uint64_t ports = from | vxlan.port << 16 | (uint64_t)length << 32;
	uint64_t vni = RTE_BE32((uint32_t)TUNNEL_VXLAN_FLAGS << 24) |
		       (uint64_t)rte_cpu_to_be_32(vm->vni << 8) << 32;
	uint8_t *ether = udp + sizeof(ports) + sizeof(vni);

	if (host->ipv6)
		vxlan_put6(host, outer, p);
	else
		vxlan_put4(host, outer, p);
	memcpy(udp, &ports, sizeof(ports));
	memcpy(udp + sizeof(ports), &vni, sizeof(vni));
	memcpy(ether, &mac, sizeof(mac)); // its last two bytes are overwritten
	memcpy(ether + RTE_ETHER_ADDR_LEN, vxlan.mac, RTE_ETHER_ADDR_LEN);
	memcpy(ether + 2 * RTE_ETHER_ADDR_LEN, &p->type, 2);
}

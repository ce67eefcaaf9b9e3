/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/addr.h"
#include "tunnel/decapsulate.h"
#include "tunnel/vm_table.h"

/* VXLAN (RFC 7348): what this end of all tunnels has, and the headers on both ways. */
enum {
	VXLAN_PORT_OFF = 1 << 16,		    // that no packet has
	VXLAN_INNER = 8 + TUNNEL_VXLAN_HEADER + 14, // UDP, VXLAN, Ethernet
	VXLAN_INNER_SOURCE = 8,			    // the MAC stands so far before the IP header
	VXLAN_OUTER4 = 20 + VXLAN_INNER,
	VXLAN_OUTER6 = 40 + VXLAN_INNER,
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
	return mtu > vxlan_overhead(host) ? mtu - vxlan_overhead(host) : 0;
}

/* Fill in the UDP checksum of a whole packet, whose outer IPv6 header begins at `l3`. */
void vxlan_checksum(struct rte_mbuf *m, unsigned int l3);
/* Write all of them, vxlan_overhead() bytes, at `outer`; the UDP checksum is zero. */
void vxlan_put(const struct vm *vm, const struct vm_host *host, uint8_t *outer,
	       const struct vxlan_packet *p);

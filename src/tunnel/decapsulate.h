/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_udp.h>

#include "base/drops.h"

/*
 * Reading outer headers: what a packet is inside, without knowing of any tunnel. See decapsulate.c.
 */
enum tunnel_kind { TUNNEL_KIND_IPIP, TUNNEL_KIND_GRE, TUNNEL_KIND_VXLAN, TUNNEL_KINDS };

enum {
	TUNNEL_VXLAN_PORT = 4789,
	TUNNEL_VXLAN_HEADER = 8,
	TUNNEL_VXLAN_FLAGS = 0x08, // of the first byte: there is a network identifier
	DECAPSULATE_VXLAN = 8 + TUNNEL_VXLAN_HEADER, // from the UDP header to the frame inside
	ECN_MASK = 3,
	ECN_MARKED = 3,
};

struct tunnel_outer {
	uint8_t kind;	     // enum tunnel_kind
	bool has_key;	     // GRE: there is one; VXLAN: always
	bool checked;	     // GRE: there is a checksum, and it is right
	uint32_t key;	     // GRE's key, VXLAN's network identifier
	uint16_t ether_type; // of the packet inside, network byte order; 0: a whole frame
	uint16_t inside;     // offset of the packet or frame inside, from the transport header
};

/* May this be an outer header? `protocol` is that of the IP header. */
bool decapsulate_is_outer(uint8_t protocol);
/*
 * Read what stands behind an outer IP header: `length` bytes, all of them in one piece if a checksum
 * is to be compared (`whole`), and `there` of them readable. DROP_none, or what is wrong.
 */
enum drop decapsulate(const uint8_t *transport, uint8_t protocol, unsigned int there,
		      unsigned int length, struct tunnel_outer *out);
/* The same of VXLAN alone: the network identifier. Inline: a VPC gateway's packets all are. */
static inline enum drop decapsulate_vxlan(const uint8_t *udp, unsigned int there, uint32_t *key)
{
	uint32_t words[2];

	if (__builtin_expect(there < DECAPSULATE_VXLAN + sizeof(struct rte_ether_hdr), 0))
		return DROP_tunnel_short;
	memcpy(words, udp + sizeof(struct rte_udp_hdr), sizeof(words));
	if (__builtin_expect(!(words[0] & RTE_BE32((uint32_t)TUNNEL_VXLAN_FLAGS << 24)), 0))
		return DROP_tunnel_header;
	*key = rte_be_to_cpu_32(words[1]) >> 8;
	return DROP_none;
}

enum drop decapsulate_congestion(uint8_t *inner, bool ipv6);

/*
 * What the outer header's mark of congestion means for the packet inside (RFC 6040): it is marked
 * too, or dropped when it cannot be.
 */
static inline enum drop decapsulate_ecn(uint8_t outer_tos, uint8_t *inner, bool ipv6)
{
	if (__builtin_expect((outer_tos & ECN_MASK) != ECN_MARKED, 1))
		return DROP_none;
	return decapsulate_congestion(inner, ipv6);
}

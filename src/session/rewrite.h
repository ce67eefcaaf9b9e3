/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_ip.h>

#include "base/csum.h"
#include "session/l4_sctp.h"
#include "session/session.h"

/*
 * Carry out what a session says on one packet: addresses, ports, TTL, and both checksums by what
 * was computed when the session was made. Scalar stores of eight and four bytes: blending a whole
 * header in one vector was measured to be slower, because the checksum stores overlap it.
 */
enum { CSUM_TCP = 16, CSUM_UDP = 6 }; // offsets in the transport header

/* One less in the TTL byte, as a checksum difference in memory order. */
#define REWRITE_TTL_DIFFERENCE RTE_BE16(0xfeff)

/* One hop less, where nothing else of the header changes. */
static inline void rewrite_ttl(uint8_t *l3, bool ipv6)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)l3;

	if (ipv6) {
		((struct rte_ipv6_hdr *)l3)->hop_limits--;
		return;
	}
	ip->time_to_live--;
	ip->hdr_checksum = csum_apply(ip->hdr_checksum, REWRITE_TTL_DIFFERENCE);
}

static inline uint16_t rewrite_difference(uint16_t difference, unsigned int direction)
{
	return direction ? (uint16_t)~difference : difference;
}

/* Also right for UDP's "no checksum" (0 stays 0) and for a sum that happens to become 0. */
static inline void rewrite_l4_checksum(uint8_t *l4, uint8_t protocol, uint16_t difference)
{
	uint16_t *field = (uint16_t *)(l4 + (protocol == IPPROTO_TCP ? CSUM_TCP : CSUM_UDP));

	if (protocol == IPPROTO_TCP) {
		*field = csum_apply(*field, difference);
	} else if (*field != 0) {
		uint16_t sum = csum_apply(*field, difference);

		*field = sum ? sum : 0xffff;
	}
}

/* Ports and checksum of a packet whose transport goes on for `length` bytes. */
static inline void rewrite_l4(uint8_t *l4, uint8_t protocol, uint32_t ports, uint16_t difference,
			      unsigned int length)
{
	if (likely(protocol == IPPROTO_TCP || protocol == IPPROTO_UDP)) {
		memcpy(l4, &ports, 4);
		rewrite_l4_checksum(l4, protocol, difference);
	} else {
		sctp_ports_change(l4, length, ports);
	}
}

static inline void rewrite4(uint8_t *l3, uint8_t *l4, const struct session *s,
			    unsigned int direction, uint8_t protocol)
{
	const uint64_t *image = (const uint64_t *)&s->key4[direction ^ 1];
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)l3;
	uint64_t addresses = image[0] << 32 | image[0] >> 32;
	uint32_t ports = (uint32_t)image[1] << 16 | (uint32_t)image[1] >> 16;
	uint32_t difference = rewrite_difference(s->l3_difference, direction) +
			      (uint32_t)REWRITE_TTL_DIFFERENCE;

	difference = (difference & 0xffff) + (difference >> 16);
	ip->time_to_live--;
	ip->hdr_checksum = csum_apply(ip->hdr_checksum, difference);
	memcpy(&ip->src_addr, &addresses, 8);
	rewrite_l4(l4, protocol, ports, rewrite_difference(s->l4_difference, direction),
		   rte_be_to_cpu_16(ip->total_length) - (l4 - l3));
}

static inline void rewrite6(uint8_t *l3, uint8_t *l4, struct session *s, unsigned int direction,
			    uint8_t protocol)
{
	const struct key6 *image = session_key6(s, direction ^ 1);
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)l3;

	ip->hop_limits--;
	memcpy(ip->src_addr, image->destination, 16);
	memcpy(ip->dst_addr, image->source, 16);
	rewrite_l4(l4, protocol, image->destination_port | (uint32_t)image->source_port << 16,
		   rewrite_difference(s->l4_difference, direction),
		   sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len) - (l4 - l3));
}

/* One more in the time to live, before a rewrite takes it away again. */
static inline void rewrite_keep_ttl(uint8_t *l3, bool ipv6)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)l3;

	if (ipv6) {
		l3[7]++;
		return;
	}
	ip->time_to_live++;
	ip->hdr_checksum = csum_apply(ip->hdr_checksum, RTE_BE16(0x0100));
}

/* Of a fragment without transport header: only what stands in the IP header. */
void rewrite_addresses(uint8_t *l3, struct session *s, unsigned int direction, bool ipv6);

/*
 * ICMP echoes of SNAT: the identifier takes the place of the port of the side that asks. Requests go
 * in direction 0 and replies in direction 1.
 */
enum { ECHO_CHECKSUM = 2, ECHO_IDENTIFIER = 4 }; // offsets in the ICMP header

/* The identifier of packets of this direction, as the side knows it from which they came. */
static inline uint16_t rewrite_echo_identifier(struct session *s, unsigned int direction, bool wide)
{
	if (wide)
		return direction ? session_key6(s, 1)->destination_port
				 : session_key6(s, 0)->source_port;
	return direction ? s->key4[1].destination_port : s->key4[0].source_port;
}

static inline void rewrite_echo(uint8_t *l4, struct session *s, unsigned int direction, bool wide)
{
	uint16_t identifier = rewrite_echo_identifier(s, direction ^ 1, wide);
	uint16_t *field = (uint16_t *)(l4 + ECHO_CHECKSUM);

	memcpy(l4 + ECHO_IDENTIFIER, &identifier, 2);
	*field = csum_apply(*field, rewrite_difference(s->l4_difference, direction));
}

/* Both headers of an echo. */
void rewrite_echo4(uint8_t *l3, uint8_t *l4, struct session *s, unsigned int direction);
void rewrite_echo6(uint8_t *l3, uint8_t *l4, struct session *s, unsigned int direction);

/* Compute both differences of a session whose keys are filled in. */
void rewrite_prepare(struct session *s, bool wide);

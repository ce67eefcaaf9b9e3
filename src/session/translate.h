/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "base/csum.h"

/*
 * From IPv4 to IPv6 and back, as RFC 7915 says it, with addresses that the caller knows.
 *
 * A header is read into what both families have in common and written from that, so that the new
 * one may be put over the old one. Options and extension headers are not carried over. Everything
 * here is a function of its arguments alone.
 */
enum {
	TRANSLATE_IPV6_MTU = 1280,     // every IPv6 link has it
	TRANSLATE_DIFFERENCE = 20,     // bytes that an IPv6 header is longer by
	TRANSLATE_FRAGMENT_HEADER = 8, // and what a fragment has besides
	// An IPv4 packet up to this may be fragmented: no IPv6 host has to send smaller ones.
	TRANSLATE_MAY_FRAGMENT = TRANSLATE_IPV6_MTU - TRANSLATE_DIFFERENCE,
	TRANSLATE_QUOTED_MIN = 128, // bytes that are quoted before extensions (RFC 4884)
};

/* What the headers of both families say, in host byte order. */
struct translate {
	uint8_t traffic_class;
	uint8_t hop_limit;
	uint8_t protocol; // of the transport; ICMP is the caller's to exchange
	bool more;	  // fragments of this datagram behind this one
	uint16_t offset;  // of this fragment, in bytes
	uint16_t payload; // bytes behind all headers
	uint32_t identification;
};

static inline bool translate_is_fragment(const struct translate *t)
{
	return t->more || t->offset;
}

/* Bytes of the IPv6 (IPv4) header that is written. */
static inline unsigned int translate_header6(const struct translate *t)
{
	return sizeof(struct rte_ipv6_hdr) +
	       (translate_is_fragment(t) ? TRANSLATE_FRAGMENT_HEADER : 0);
}

enum { TRANSLATE_HEADER4 = sizeof(struct rte_ipv4_hdr) };

/* The caller has checked that the header's lengths are true. */
static inline void translate_from4(struct translate *t, const struct rte_ipv4_hdr *ip)
{
	uint16_t fragment = rte_be_to_cpu_16(ip->fragment_offset);

	t->traffic_class = ip->type_of_service;
	t->hop_limit = ip->time_to_live;
	t->protocol = ip->next_proto_id;
	t->more = fragment & 0x2000;
	t->offset = (fragment & 0x1fff) * 8;
	t->payload = rte_be_to_cpu_16(ip->total_length) - (ip->version_ihl & 0xf) * 4;
	t->identification = rte_be_to_cpu_16(ip->packet_id);
}

/*
 * The transport `protocol` begins `transport` bytes into the packet; `fragment` is the fragment
 * header among those before it, NULL: there is none.
 */
static inline void translate_from6(struct translate *t, const struct rte_ipv6_hdr *ip,
				   unsigned int transport, uint8_t protocol,
				   const uint8_t *fragment)
{
	t->traffic_class = rte_be_to_cpu_32(ip->vtc_flow) >> 20;
	t->hop_limit = ip->hop_limits;
	t->protocol = protocol;
	t->payload = sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len) - transport;
	t->more = false;
	t->offset = 0;
	t->identification = 0;
	if (fragment) {
		t->more = fragment[3] & 1;
		t->offset = (fragment[2] << 8 | fragment[3]) & 0xfff8;
		memcpy(&t->identification, fragment + 4, 4);
		t->identification = rte_be_to_cpu_32(t->identification);
	}
}

/*
 * `id` is for a packet that a router may fragment; a fragment keeps its datagram's. The header is
 * put together in registers, little endian: summed up in memory, what was just stored in pieces
 * would be waited for.
 */
static inline void translate_to4(struct rte_ipv4_hdr *ip, const struct translate *t,
				 uint32_t source, uint32_t destination, uint16_t id)
{
	unsigned int length = sizeof(*ip) + t->payload, fragment = 0;
	uint64_t words[2], sum;

	if (__builtin_expect(translate_is_fragment(t), 0)) {
		id = t->identification;
		fragment = t->offset / 8 | (t->more ? 0x2000 : 0);
	} else if (length > TRANSLATE_MAY_FRAGMENT) {
		id = 0;
		fragment = 0x4000;
	}
	words[0] = RTE_IPV4_VHL_DEF | t->traffic_class << 8 |
		   (uint64_t)rte_cpu_to_be_16(length) << 16 | (uint64_t)rte_cpu_to_be_16(id) << 32 |
		   (uint64_t)rte_cpu_to_be_16(fragment) << 48;
	words[1] = t->hop_limit | t->protocol << 8 | (uint64_t)source << 32;
	sum = (words[0] & UINT32_MAX) + (words[0] >> 32) + (words[1] & UINT32_MAX) + source +
	      destination;
	words[1] |= (uint64_t)(uint16_t)~csum_fold(sum) << 16;
	memcpy(ip, words, sizeof(words));
	memcpy(&ip->dst_addr, &destination, sizeof(destination));
}

/* Writes translate_header6() bytes. Neither address may lie in them. */
static inline void translate_to6(struct rte_ipv6_hdr *ip, const struct translate *t,
				 const uint8_t source[16], const uint8_t destination[16])
{
	unsigned int rest = translate_header6(t) - sizeof(*ip);
	uint8_t *fragment = (uint8_t *)(ip + 1);

	uint64_t word = rte_cpu_to_be_32(6u << 28 | (uint32_t)t->traffic_class << 20) |
			(uint64_t)rte_cpu_to_be_16(rest + t->payload) << 32 |
			(uint64_t)t->protocol << 48 | (uint64_t)t->hop_limit << 56;

	memcpy(ip, &word, sizeof(word));
	memcpy(ip->src_addr, source, 16);
	memcpy(ip->dst_addr, destination, 16);
	if (__builtin_expect(rest > 0, 0)) {
		uint32_t identification = rte_cpu_to_be_32(t->identification);

		ip->proto = IPPROTO_FRAGMENT;
		fragment[0] = t->protocol;
		fragment[1] = 0;
		fragment[2] = t->offset >> 8;
		fragment[3] = t->offset | (t->more ? 1 : 0);
		memcpy(fragment + 4, &identification, 4);
	}
}

/*
 * What a side is told of an MTU on the other one. A sender of IPv6 need not go below 1280: what is
 * still too large then goes as IPv4 that may be fragmented.
 */
static inline uint16_t translate_mtu_to6(uint32_t mtu4)
{
	if (mtu4 <= TRANSLATE_MAY_FRAGMENT)
		return TRANSLATE_IPV6_MTU;
	return mtu4 < UINT16_MAX - TRANSLATE_DIFFERENCE ? mtu4 + TRANSLATE_DIFFERENCE : UINT16_MAX;
}

static inline uint16_t translate_mtu_to4(uint32_t mtu6)
{
	if (mtu6 <= TRANSLATE_IPV6_MTU)
		return TRANSLATE_MAY_FRAGMENT;
	return mtu6 < UINT16_MAX ? mtu6 - TRANSLATE_DIFFERENCE : UINT16_MAX - TRANSLATE_DIFFERENCE;
}

/* RFC 1191: what a router without it most likely has, by the length of what was too long for it. */
uint16_t translate_mtu_plateau(uint16_t length);

/*
 * The first eight bytes of an ICMPv4 (ICMPv6) error as those of an ICMPv6 (ICMPv4) one, without a
 * checksum; false when it has no counterpart and has to be dropped. `quoted` is the length that
 * the quoted packet's header says, `mtu4` and `mtu6` what the next hops on either side can take.
 */
bool translate_error_to6(const uint8_t in[8], uint16_t quoted, uint16_t mtu4, uint16_t mtu6,
			 uint8_t out[8]);
bool translate_error_to4(const uint8_t in[8], uint16_t mtu4, uint16_t mtu6, uint8_t out[8]);

/*
 * How much of the quoted packet there is without the extensions of RFC 4884, whose room is needed
 * or whose offset moves: `length` bytes follow the ICMP header.
 */
unsigned int translate_quoted_in4(const uint8_t icmp[8], unsigned int length);
unsigned int translate_quoted_in6(const uint8_t icmp[8], unsigned int length);

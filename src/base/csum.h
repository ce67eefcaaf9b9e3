/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>
#include <string.h>

/*
 * The Internet checksum (RFC 1071) and its incremental update (RFC 1624). Sums are of 16-bit words
 * as they lie in memory; byte order does not matter as long as it is the same on both sides.
 */
static inline uint16_t csum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Sum of `length` bytes that start at an even offset of what is summed, not folded. */
static inline uint64_t csum_bytes(const void *data, unsigned int length)
{
	const uint8_t *p = data;
	uint64_t sum = 0;
	uint32_t word;

	for (; length >= 4; p += 4, length -= 4) {
		memcpy(&word, p, 4);
		sum += word;
	}
	if (length > 0) {
		word = 0;
		memcpy(&word, p, length);
		sum += word;
	}
	return sum;
}

/* What has to be added to a packet's sum when `before` becomes `after` (both folded). */
static inline uint16_t csum_difference(uint16_t before, uint16_t after)
{
	return csum_fold((uint64_t)(uint16_t)~before + after);
}

/* The checksum field after the packet's sum has changed by a difference. */
static inline uint16_t csum_apply(uint16_t field, uint16_t difference)
{
	uint32_t sum = (uint16_t)~field + (uint32_t)difference;

	sum = (sum & 0xffff) + (sum >> 16);
	return ~(uint16_t)sum;
}

/* The same for one 16-bit or 32-bit word that changes. */
static inline uint16_t csum_replace16(uint16_t field, uint16_t before, uint16_t after)
{
	return csum_apply(field, csum_difference(before, after));
}

static inline uint16_t csum_replace32(uint16_t field, uint32_t before, uint32_t after)
{
	return csum_apply(field, csum_difference(csum_fold(before), csum_fold(after)));
}

/* Sum of the pseudo-header of TCP, UDP and ICMPv6, not folded; `length` in host byte order. */
static inline uint64_t csum_pseudo4(uint32_t source, uint32_t destination, uint8_t protocol,
				    uint16_t length)
{
	return (uint64_t)source + destination + __builtin_bswap16(protocol) +
	       __builtin_bswap16(length);
}

static inline uint64_t csum_pseudo6(const void *addresses, uint8_t protocol, uint32_t length)
{
	return csum_bytes(addresses, 32) + __builtin_bswap32(length) + __builtin_bswap32(protocol);
}

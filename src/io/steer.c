/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Toeplitz in software: bit i of the input, counted from the most significant bit of the first
 * byte, contributes the 32 bits of the key that begin at bit i. So the contribution of a nibble at
 * a place depends on its value alone, and a tuple is 24 (IPv4) or 72 (IPv6) loads and exclusive
 * ors. Tables by nibble take 4.6 KB and stay in the first cache; by byte they would be 36 KB.
 *
 * Written once when a port is opened, then read by all.
 */
#include "io/steer.h"

#include <rte_common.h>

#include <errno.h>
#include <string.h>

enum {
	STEER4_SOURCE = 0,
	STEER4_DESTINATION = 4,
	STEER4_SOURCE_PORT = 8,
	STEER4_DESTINATION_PORT = 10,
	STEER6_SOURCE = 0,
	STEER6_DESTINATION = 16,
	STEER6_SOURCE_PORT = 32,
	STEER6_DESTINATION_PORT = 34,
};

/* An even spread is all it needs: digits of the fractional part of the square root of two. */
static const uint8_t steer_default_key[STEER_KEY_MIN] = {
	0x6a, 0x09, 0xe6, 0x67, 0xf3, 0xbc, 0xc9, 0x08, 0xb2, 0xfb, 0x13, 0x66, 0xea, 0x95,
	0x7d, 0x3e, 0x3a, 0xde, 0xc1, 0x75, 0x12, 0x77, 0x50, 0x99, 0xda, 0x2f, 0x59, 0x0b,
	0x06, 0x67, 0x32, 0x2a, 0x95, 0xf9, 0x06, 0x08, 0x75, 0x71, 0x45, 0x87,
};

/* The 32 bits of the key that begin at bit `at`. */
static uint32_t steer_key_window(const uint8_t *key, unsigned int at)
{
	uint64_t window = 0;

	for (unsigned int i = 0; i < 5; i++)
		window = window << 8 | (at / 8 + i < STEER_KEY_MIN ? key[at / 8 + i] : 0);
	return window >> (8 - at % 8);
}

int steer_toeplitz_init(struct steer_toeplitz *t, const uint8_t *key, unsigned int key_len)
{
	if (key_len < STEER_KEY_MIN)
		return -EINVAL;
	for (unsigned int place = 0; place < STEER_BYTES * 2; place++) {
		for (unsigned int value = 0; value < 16; value++) {
			uint32_t sum = 0;

			for (unsigned int bit = 0; bit < 4; bit++)
				if (value & (8 >> bit))
					sum ^= steer_key_window(key, place * 4 + bit);
			t->nibble[place][value] = sum;
		}
	}
	return 0;
}

void steer_toeplitz_default(struct steer_toeplitz *t)
{
	steer_toeplitz_init(t, steer_default_key, sizeof(steer_default_key));
}

void steer_key_default(uint8_t *key, unsigned int length)
{
	memset(key, 0, length);
	memcpy(key, steer_default_key, RTE_MIN(length, sizeof(steer_default_key)));
}

/* The contribution of `count` bytes that stand at byte `place` of the tuple. */
static inline uint32_t steer_term(const struct steer_toeplitz *t, unsigned int place,
				  const void *bytes, unsigned int count)
{
	const uint8_t *byte = bytes;
	uint32_t sum = 0;

	for (unsigned int i = 0; i < count; i++) {
		const uint32_t(*table)[16] = &t->nibble[(place + i) * 2];

		sum ^= table[0][byte[i] >> 4] ^ table[1][byte[i] & 15];
	}
	return sum;
}

uint32_t steer_toeplitz4(const struct steer_toeplitz *t, uint32_t source, uint32_t destination,
			 uint16_t source_port, uint16_t destination_port)
{
	return steer_term(t, STEER4_SOURCE, &source, 4) ^
	       steer_term(t, STEER4_DESTINATION, &destination, 4) ^
	       steer_term(t, STEER4_SOURCE_PORT, &source_port, 2) ^
	       steer_term(t, STEER4_DESTINATION_PORT, &destination_port, 2);
}

uint32_t steer_toeplitz6(const struct steer_toeplitz *t, const uint8_t source[16],
			 const uint8_t destination[16], uint16_t source_port,
			 uint16_t destination_port)
{
	return steer_term(t, STEER6_SOURCE, source, 16) ^
	       steer_term(t, STEER6_DESTINATION, destination, 16) ^
	       steer_term(t, STEER6_SOURCE_PORT, &source_port, 2) ^
	       steer_term(t, STEER6_DESTINATION_PORT, &destination_port, 2);
}

uint32_t steer_port_term4(const struct steer_toeplitz *t, enum steer_field field, uint16_t port)
{
	unsigned int place = field == STEER_SOURCE_PORT ? STEER4_SOURCE_PORT
							: STEER4_DESTINATION_PORT;

	return steer_term(t, place, &port, 2);
}

uint32_t steer_port_term6(const struct steer_toeplitz *t, enum steer_field field, uint16_t port)
{
	unsigned int place = field == STEER_SOURCE_PORT ? STEER6_SOURCE_PORT
							: STEER6_DESTINATION_PORT;

	return steer_term(t, place, &port, 2);
}

unsigned int steer_queue(const struct port *port, uint32_t hash)
{
	if (port->rss)
		return port->rss_reta[hash & (port->rss_reta_size - 1)];
	return (uint64_t)hash * port->queue_count >> 32;
}

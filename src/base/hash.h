/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * The keyed hash of sessions and port pairs: folded 64 x 64 bit products with four secret words.
 * Not linear (a CRC is: whoever knows the polynomial finds keys of one bucket whatever the seed),
 * and cheaper than two CRCs. Not a MAC: an attacker who can time single lookups may learn bits.
 */
struct hash_secret {
	uint64_t word[4];
};

extern struct hash_secret hash_secret; // filled once by hash_start(), before any table exists

void hash_start(void);

/*
 * The same on every machine and in every version, because two directors have to agree on it: not
 * keyed, and not to be changed. For choosing servers, never for a table that an attacker may fill.
 */
uint64_t hash_stable(const void *bytes, size_t size);

static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Keys of two and of five words. The upper bits choose a bucket, the lower 16 are a signature. */
static inline uint32_t hash_two(const uint64_t k[2])
{
	const uint64_t *s = hash_secret.word;

	return (uint32_t)(hash_fold(hash_fold(k[0] ^ s[0], k[1] ^ s[1]) ^ s[2], s[3]) >> 16);
}

static inline uint32_t hash_five(const uint64_t k[5])
{
	const uint64_t *s = hash_secret.word;
	uint64_t a = hash_fold(k[0] ^ s[0], k[1] ^ s[1]);
	uint64_t b = hash_fold(k[2] ^ s[2], k[3] ^ s[3]);

	return (uint32_t)(hash_fold(a ^ s[1] ^ k[4], b ^ s[3]) >> 16);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

/*
 * SipHash (Aumasson and Bernstein, 2012): a MAC for short messages. Two compression rounds a word
 * and four at the end, as its authors recommend. The message is whole 64-bit words, little-endian,
 * and up to seven bytes behind them, which cost nothing: they share a word with its length.
 */
enum { SIPHASH_ROUNDS = 2, SIPHASH_LAST = 4 };

struct siphash {
	uint64_t v[4];
};

static inline __attribute__((always_inline)) uint64_t siphash_rotate(uint64_t x, unsigned int by)
{
	return x << by | x >> (64 - by);
}

static inline __attribute__((always_inline)) void siphash_rounds(struct siphash *h,
								 unsigned int rounds)
{
	uint64_t *v = h->v;

#pragma GCC unroll 4
	for (unsigned int i = 0; i < rounds; i++) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = siphash_rotate(v[1], 13) ^ v[0];
		v[3] = siphash_rotate(v[3], 16) ^ v[2];
		v[0] = siphash_rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = siphash_rotate(v[1], 17) ^ v[2];
		v[3] = siphash_rotate(v[3], 21) ^ v[0];
		v[2] = siphash_rotate(v[2], 32);
	}
}

static inline __attribute__((always_inline)) void siphash_word(struct siphash *h, uint64_t word)
{
	h->v[3] ^= word;
	siphash_rounds(h, SIPHASH_ROUNDS);
	h->v[0] ^= word;
}

static inline __attribute__((always_inline)) uint64_t siphash(const uint64_t key[2],
							      const uint64_t *words,
							      unsigned int count, uint64_t tail,
							      unsigned int tail_bytes)
{
	struct siphash h = {{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
			     key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573}};

	for (unsigned int i = 0; i < count; i++)
		siphash_word(&h, words[i]);
	siphash_word(&h, tail | (uint64_t)(count * 8 + tail_bytes) << 56);
	h.v[2] ^= 0xff;
	siphash_rounds(&h, SIPHASH_LAST);
	return h.v[0] ^ h.v[1] ^ h.v[2] ^ h.v[3];
}

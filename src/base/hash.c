/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/hash.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct hash_secret hash_secret;

void hash_start(void)
{
	// The kernel always has 32 bytes once it has booted; without them there is no safe hash.
	if (getrandom(&hash_secret, sizeof(hash_secret), 0) != sizeof(hash_secret))
		abort();
	for (int i = 0; i < 4; i++)
		hash_secret.word[i] |= 1; // never a zero factor
}

/* Words of eight bytes, the last one filled up with zeros, each folded into the state. */
uint64_t hash_stable(const void *bytes, size_t size)
{
	static const uint64_t factor[] = {0x9e3779b97f4a7c15, 0xd6e8feb86659fd93};
	uint64_t state = size ^ factor[1];

	for (size_t at = 0; at < size; at += 8) {
		uint64_t word = 0;

		memcpy(&word, (const char *)bytes + at, size - at < 8 ? size - at : 8);
		state = hash_fold(state ^ le64toh(word), factor[0]) ^ factor[1];
	}
	return hash_fold(state ^ factor[0], factor[1]);
}

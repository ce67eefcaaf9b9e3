/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/hash.h"

#include <stdlib.h>
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

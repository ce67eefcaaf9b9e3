/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * SYN cookies.
 *
 *	bits 31 .. 10   keyed hash of the tuple, the client's sequence number and the bits below
 *	bit  9          of which period: the lowest bit of its number
 *	bit  8          timestamps
 *	bit  7          SACK
 *	bits 6 .. 3     the client's window scale, 15: none
 *	bits 2 .. 0     its MSS, as a place in a list
 *
 * Whoever does not know the secret hits one with a probability of 2^-22 for each segment: such a
 * guess makes a session, as a client with an address of its own could, no more. Nothing is tried
 * twice: the period's bit says which of two secrets it has to be.
 *
 * Secrets are random numbers of this start. The control thread makes one for each period and keeps
 * those of the present and of the last one valid; it writes into a place that no worker reads, and
 * then the number of the period. Workers share them and write nothing.
 */
#include "session/cookie.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/siphash.h"
#include "io/batch.h"

enum {
	HASH_SHIFT = 10,
	PERIOD_BIT = 1 << 9,
	TIME_BIT = 1 << 8,
	SACK_BIT = 1 << 7,
	SCALE_SHIFT = 3,
	MSS_MASK = 7,
	INFORMATION = PERIOD_BIT - 1,
	TAIL_BYTES = 6, // of what is hashed: a sequence number and the bits below the hash
	SECRETS = 4,	// of the present period, the last one, the next one; and a power of two
};

/* IPv4 and IPv6 over Ethernet, less what tunnels and options take; the smallest, jumbo frames. */
static const uint16_t mss_list[] = {256, 536, 1220, 1360, 1400, 1440, 1460, 8960};
_Static_assert(sizeof(mss_list) / sizeof(*mss_list) == MSS_MASK + 1, "three bits");

static struct {
	uint64_t secret[SECRETS][2];
	uint32_t period; // atomic: workers read the secrets of this and of the one before
	uint64_t since;	 // control: when it began
} __attribute__((aligned(64))) cookies;

static int secret_make(uint32_t period)
{
	uint64_t secret[2];

	if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
		return -EIO;
	memcpy(cookies.secret[period % SECRETS], secret, sizeof(secret));
	return 0;
}

int cookie_start(void)
{
	cookies.period = 1;
	cookies.since = 0;
	return secret_make(0) < 0 ? -EIO : secret_make(1);
}

int cookie_rotate(void)
{
	uint32_t next = cookies.period + 1;
	int result = secret_make(next);

	if (result == 0)
		__atomic_store_n(&cookies.period, next, __ATOMIC_RELEASE);
	return result;
}

void cookie_tick(uint64_t now)
{
	if (cookies.since == 0) {
		cookies.since = now;
	} else if (now - cookies.since >= COOKIE_PERIOD) {
		// After a long stop of the machine both secrets are too old.
		if (now - cookies.since >= 2 * COOKIE_PERIOD)
			cookie_rotate();
		cookie_rotate();
		cookies.since = now;
	}
}

static inline uint32_t cookie_hash(uint32_t period, const void *key, bool ipv6, uint32_t sequence,
				   uint32_t information)
{
	const uint64_t *secret = cookies.secret[period % SECRETS];
	uint64_t tail = sequence | (uint64_t)information << 32, hash;
	uint64_t words[5];

	if (ipv6) {
		memcpy(words, key, sizeof(struct key6));
		hash = siphash(secret, words, 5, tail, TAIL_BYTES);
	} else {
		memcpy(words, key, sizeof(struct key4));
		hash = siphash(secret, words, 2, tail, TAIL_BYTES);
	}
	return (uint32_t)(hash >> 32) >> HASH_SHIFT;
}

static inline uint32_t mss_place(uint16_t mss)
{
	uint32_t place = MSS_MASK;

	while (place > 0 && mss_list[place] > mss)
		place--;
	return place;
}

uint32_t cookie_make(const void *key, bool ipv6, uint32_t sequence, const struct offer *offer)
{
	uint32_t period = __atomic_load_n(&cookies.period, __ATOMIC_ACQUIRE);
	uint32_t information = mss_place(offer->mss) |
			       (uint32_t)offer->window_scale << SCALE_SHIFT |
			       (offer->sack ? SACK_BIT : 0) | (offer->timestamps ? TIME_BIT : 0) |
			       (period & 1 ? PERIOD_BIT : 0);

	return cookie_hash(period, key, ipv6, sequence, information) << HASH_SHIFT | information;
}

bool cookie_check(const void *key, bool ipv6, uint32_t sequence, uint32_t cookie,
		  struct offer *offer)
{
	uint32_t period = __atomic_load_n(&cookies.period, __ATOMIC_ACQUIRE);
	uint32_t information = cookie & (INFORMATION | PERIOD_BIT);

	if ((period & 1) != !!(cookie & PERIOD_BIT))
		period--;
	if (cookie_hash(period, key, ipv6, sequence, information) != cookie >> HASH_SHIFT)
		return false;
	*offer = (struct offer){
		.mss = mss_list[cookie & MSS_MASK],
		.window_scale = cookie >> SCALE_SHIFT & 15,
		.sack = cookie & SACK_BIT,
		.timestamps = cookie & TIME_BIT,
	};
	return true;
}

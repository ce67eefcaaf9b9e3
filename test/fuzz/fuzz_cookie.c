/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the SYN proxy reads of a stranger: a SYN's options, and an acknowledgement that may be of a
 * cookie. The input is a TCP header with options, after 40 bytes of tuple. What is written of an
 * offer reads the same; a cookie is good for its own tuple and number, and one that was not made is
 * not good, but for a guess in four million, which is none of the same input twice.
 */
#include <string.h>

#include "fuzz.h"
#include "io/batch.h"
#include "session/cookie.h"

enum { TUPLE = 40, FIXED = 20, HEADER_MAX = 60 };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return cookie_start();
}

static bool same(const struct offer *a, const struct offer *b)
{
	return a->window_scale == b->window_scale && a->sack == b->sack &&
	       a->timestamps == b->timestamps;
}

/* Behind four NOPs no option stands where the usual ones do: read one by one, it is the same offer. */
static void check_walked(const struct offer *offer, const uint8_t *tcp, unsigned int header)
{
	uint8_t behind[HEADER_MAX + 4];
	struct offer again;

	memcpy(behind, tcp, FIXED);
	memset(behind + FIXED, 1, 4);
	memcpy(behind + FIXED + 4, tcp + FIXED, header - FIXED);
	offer_read(&again, behind, header + 4);
	fuzz_assert(same(offer, &again) && again.mss == offer->mss && again.time == offer->time &&
		    again.time_echo == offer->time_echo);
}

/* Written, and read again: the same. */
static void check_written(const struct offer *offer)
{
	uint8_t tcp[FIXED + OFFER_OPTIONS_MAX] = {0};
	unsigned int length = offer_write(offer, tcp + FIXED);
	struct offer again;

	fuzz_assert(length <= OFFER_OPTIONS_MAX && length % 4 == 0);
	tcp[12] = (uint8_t)((FIXED + length) / 4 << 4);
	offer_read(&again, tcp, FIXED + length);
	check_walked(&again, tcp, FIXED + length);
	fuzz_assert(same(offer, &again) && again.mss == offer->mss);
	fuzz_assert(!offer->timestamps ||
		    (again.time == offer->time && again.time_echo == offer->time_echo));
}

static void check_cookie(const void *key, bool ipv6, uint32_t sequence, const struct offer *offer)
{
	uint32_t cookie = cookie_make(key, ipv6, sequence, offer);
	struct offer proven;

	fuzz_assert(cookie_check(key, ipv6, sequence, cookie, &proven));
	fuzz_assert(same(offer, &proven) && (proven.mss <= offer->mss || proven.mss == 256));
	// One bit of the hash is another hash.
	fuzz_assert(!cookie_check(key, ipv6, sequence, cookie ^ 1u << 31, &proven));
	cookie_rotate();
	fuzz_assert(cookie_check(key, ipv6, sequence, cookie, &proven));
	cookie_rotate();
	// Its period's bit is right again; the secret is gone.
	cookie_check(key, ipv6, sequence, cookie, &proven);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct key6 wide = {0};
	struct key4 narrow = {0};
	unsigned int header;
	struct offer offer;
	uint32_t sequence;
	uint8_t *tcp;

	if (size < TUPLE + FIXED || size > TUPLE + HEADER_MAX)
		return 0;
	header = (data[TUPLE + 12] >> 4) * 4;
	if (header < FIXED || header > size - TUPLE)
		return 0;
	tcp = malloc(header); // so that a read beyond it is seen
	memcpy(tcp, data + TUPLE, header);
	memcpy(&sequence, tcp + 4, 4);
	offer_read(&offer, tcp, header);
	fuzz_assert(offer.window_scale <= OFFER_NO_SCALE);
	check_walked(&offer, tcp, header);
	check_written(&offer);
	memcpy(&wide, data, sizeof(wide) < TUPLE ? sizeof(wide) : TUPLE);
	memcpy(&narrow, data, sizeof(narrow));
	check_cookie(data[0] & 1 ? (void *)&wide : (void *)&narrow, data[0] & 1, sequence, &offer);
	free(tcp);
	return 0;
}

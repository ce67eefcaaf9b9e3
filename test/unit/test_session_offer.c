/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of a SYN: what is read of them, malformed ones too, and what is written. */
#include "session/offer.h"

#include <string.h>

#include "environment.h"

enum { FIXED = 20 };

static struct offer read_options(const char *options, unsigned int length)
{
	uint8_t header[FIXED + 40] = {0};
	struct offer offer;

	memcpy(header + FIXED, options, length);
	offer_read(&offer, header, FIXED + length);
	return offer;
}
#define OFFER(text) read_options(text, sizeof(text) - 1)

static void test_nothing(void **state)
{
	struct offer offer = OFFER("");

	assert_int_equal(offer.mss, OFFER_MSS_DEFAULT);
	assert_int_equal(offer.window_scale, OFFER_NO_SCALE);
	assert_false(offer.sack || offer.timestamps);
}

static void test_all(void **state)
{
	struct offer offer =
		OFFER("\2\4\x05\xb4\4\2\x08\x0a\x11\x22\x33\x44\x55\x66\x77\x88\1\3\3\x07");

	assert_int_equal(offer.mss, 1460);
	assert_int_equal(offer.window_scale, 7);
	assert_true(offer.sack && offer.timestamps);
	assert_int_equal(offer.time, 0x11223344);
	assert_int_equal(offer.time_echo, 0x55667788);
}

/* A scale above 14 counts as 14 (RFC 7323, 2.3). What follows the end of the list does not. */
static void test_bounds(void **state)
{
	assert_int_equal(OFFER("\3\3\xff").window_scale, 14);
	assert_int_equal(OFFER("\3\3\x0e").window_scale, 14);
	assert_int_equal(OFFER("\3\3\0").window_scale, 0);
	assert_int_equal(OFFER("\0\2\4\x05\xb4").mss, OFFER_MSS_DEFAULT);
	assert_int_equal(OFFER("\1\1\1\2\4\x05\xb4").mss, 1460);
	// Unknown kinds are passed over.
	assert_int_equal(OFFER("\x1e\5abc\2\4\x05\xb4").mss, 1460);
}

/* Of a wrong length: passed over, or the end where nobody could say how long it is. */
static void test_malformed(void **state)
{
	assert_int_equal(OFFER("\2\3\x05\2\4\x05\xb4").mss, 1460);
	assert_int_equal(OFFER("\3\2\2\4\x05\xb4").window_scale, OFFER_NO_SCALE);
	assert_false(OFFER("\4\3\1").sack);
	assert_false(OFFER("\x08\x09\0\0\0\0\0\0\0").timestamps);
	assert_int_equal(OFFER("\x1e\0\2\4\x05\xb4").mss, OFFER_MSS_DEFAULT);
	assert_int_equal(OFFER("\x1e\1\2\4\x05\xb4").mss, OFFER_MSS_DEFAULT);
	assert_int_equal(OFFER("\2\4\x05").mss, OFFER_MSS_DEFAULT);
	assert_int_equal(OFFER("\2").mss, OFFER_MSS_DEFAULT);
	assert_false(OFFER("\x08\x0a\0\0\0\0\0\0\0").timestamps);
}

/* What is written is read again, is padded, and is no longer than is said. */
static void test_round(void **state)
{
	for (unsigned int bits = 0; bits < 4; bits++)
		for (unsigned int scale = 0; scale <= OFFER_NO_SCALE; scale++) {
			struct offer offer = {.mss = 1400 + scale,
					      .window_scale = scale,
					      .sack = bits & 1,
					      .timestamps = bits & 2,
					      .time = bits & 2 ? 0x80000001 : 0,
					      .time_echo = bits & 2 ? 0xfffffffe : 0};
			struct offer got;
			uint8_t options[40];
			unsigned int length = offer_write(&offer, options);

			assert_int_equal(length % 4, 0);
			assert_true(length <= OFFER_OPTIONS_MAX);
			got = read_options((const char *)options, length);
			assert_int_equal(got.mss, offer.mss);
			assert_int_equal(got.window_scale, offer.window_scale);
			assert_true(got.sack == offer.sack && got.timestamps == offer.timestamps);
			assert_true(got.time == offer.time && got.time_echo == offer.time_echo);
			length = offer_write_time(&offer, options);
			assert_int_equal(length, offer.timestamps ? OFFER_TIME_BYTES : 0);
			got = read_options((const char *)options, length);
			assert_true(got.timestamps == offer.timestamps && got.time == offer.time);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing), cmocka_unit_test(test_all),
		cmocka_unit_test(test_bounds),	cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_round),
	};

	return cmocka_run_group_tests_name("offer", tests, NULL, NULL);
}

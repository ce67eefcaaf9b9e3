/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Leased credits: workers that read their lease late, take and give back at random. Together they
 * never have more than the whole; and whoever alone has all the traffic gets nearly all of it.
 */
#include "balance/credits.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORKERS = 8, ROUNDS = 3000 };

static struct credits_share shares[WORKERS];
static uint64_t has[WORKERS];	   // connections of each worker
static uint64_t believes[WORKERS]; // the lease that it last read
static uint64_t asked[WORKERS];	   // since the last round

static void begin(void)
{
	srandom(1);
	memset(shares, 0, sizeof(shares));
	memset(has, 0, sizeof(has));
	memset(believes, 0, sizeof(believes));
	memset(asked, 0, sizeof(asked));
}

static uint64_t sum_of_has(unsigned int count)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < count; i++)
		sum += has[i];
	return sum;
}

static void worker_take(unsigned int i)
{
	asked[i]++;
	if (random() % 4 == 0)
		believes[i] = shares[i].lease; // a moment in which it looks
	if (has[i] < believes[i])
		has[i]++;
}

/* What control does ten times a second; `passed`: a grace period is over. */
static void control_round(uint64_t total, unsigned int count, bool passed)
{
	if (passed) {
		for (unsigned int i = 0; i < count; i++)
			believes[i] = shares[i].lease;
		credits_settle(shares, count);
	}
	for (unsigned int i = 0; i < count; i++) {
		shares[i].held = has[i];
		shares[i].wanted = asked[i];
		asked[i] = 0;
	}
	credits_move(total, shares, count);
}

/* Random traffic, random grace periods: never above. */
static void test_never_above(void **state)
{
	for (unsigned int count = 1; count <= WORKERS; count++) {
		uint64_t total = 1 + random() % 200;

		begin();
		for (unsigned int round = 0; round < ROUNDS; round++) {
			unsigned int busy = random() % count;
			// Leases move again only when all have seen the last ones.
			if (random() % 2)
				control_round(total, count, true);
			for (unsigned int i = random() % 100; i > 0; i--) {
				unsigned int w = random() % 4 ? busy : random() % count;

				if (random() % 3)
					worker_take(w);
				else if (has[w] > 0)
					has[w]--;
				assert_true(sum_of_has(count) <= total);
			}
		}
	}
}

/* One worker with all traffic has all but a crumb after a few rounds, of any total. */
static void test_one_has_all(void **state)
{
	static const uint64_t totals[] = {1, 2, 7, 100, 100000, 1ull << 40};

	for (unsigned int t = 0; t < sizeof(totals) / sizeof(*totals); t++) {
		begin();
		for (unsigned int round = 0; round < 30; round++) {
			control_round(totals[t], WORKERS, true);
			asked[5] = 10;
			has[5] = shares[5].lease; // it takes what it may
			assert_true(has[5] <= totals[t]);
		}
		assert_int_equal(has[5], totals[t]);
		// It gives all back, and another one comes.
		has[5] = 0;
		for (unsigned int round = 0; round < 30; round++) {
			control_round(totals[t], WORKERS, true);
			asked[2] = 10;
			has[2] = shares[2].lease;
		}
		assert_int_equal(has[2], totals[t]);
	}
}

/* A rate is not held: the busy one has fifteen sixteenths and its part of the rest. */
static void test_rate(void **state)
{
	begin();
	for (unsigned int round = 0; round < 4; round++) {
		control_round(16000, WORKERS, true);
		asked[1] = 5;
	}
	assert_int_equal(shares[1].lease, 15000 + 1000 / WORKERS);
	assert_int_equal(shares[0].lease, 1000 / WORKERS);
}

/* Nobody asked: all have the same, and the first of several clients need not wait. */
static void test_idle(void **state)
{
	begin();
	control_round(80, WORKERS, true);
	for (unsigned int i = 0; i < WORKERS; i++)
		assert_int_equal(shares[i].lease, 10);
}

/* The whole is lowered below what is there: nothing new until it fits, and all of it is used. */
static void test_lowered(void **state)
{
	begin();
	for (unsigned int round = 0; round < 10; round++) {
		control_round(100, 2, true);
		for (unsigned int i = 0; i < 2; i++) {
			has[i] = shares[i].lease;
			asked[i] = 1;
		}
	}
	assert_int_equal(sum_of_has(2), 100);
	control_round(40, 2, true);
	control_round(40, 2, true);
	assert_true(shares[0].lease + shares[1].lease <= 40);
	has[0] = 30;
	has[1] = 0;
	for (unsigned int round = 0; round < 10; round++)
		control_round(40, 2, true);
	assert_int_equal(shares[0].lease + shares[1].lease, 40);
	assert_true(shares[0].lease >= 30);
}

/* One worker alone has all at once. */
static void test_alone(void **state)
{
	begin();
	control_round(12345, 1, false);
	assert_int_equal(shares[0].lease, 12345);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never_above), cmocka_unit_test(test_one_has_all),
		cmocka_unit_test(test_rate),	    cmocka_unit_test(test_idle),
		cmocka_unit_test(test_lowered),	    cmocka_unit_test(test_alone),
	};

	return cmocka_run_group_tests_name("credits", tests, NULL, NULL);
}

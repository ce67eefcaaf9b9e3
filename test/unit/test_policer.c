/* SPDX-License-Identifier: BSD-3-Clause */
/* Rates and bursts of policers, on a clock of our own. */
#include "net/policer.c"

#include "environment.h"

static const uint64_t HZ = 2700000000;

/* How many of packets that come every `gap` cycles for `seconds` pass. */
static unsigned int passed(struct policer *p, uint64_t from, uint64_t gap, unsigned int seconds)
{
	unsigned int count = 0;

	for (uint64_t now = from; now < from + seconds * HZ; now += gap)
		count += policer_take(p, now);
	return count;
}

static void test_rate(void **state)
{
	struct policer p;
	unsigned int count;

	policer_init(&p, 1000, 100, 1, HZ);
	count = passed(&p, HZ, HZ / 50000, 10);
	assert_in_range(count, 10 * 1000 + 90, 10 * 1000 + 101);
	// Below the rate everything passes.
	policer_init(&p, 1000, 1, 1, HZ);
	assert_int_equal(passed(&p, HZ, HZ / 900, 5), 5 * 900);
}

static void test_burst(void **state)
{
	struct policer p;

	policer_init(&p, 1000, 100, 1, HZ);
	for (unsigned int i = 0; i < 100; i++)
		assert_true(policer_take(&p, HZ));
	assert_false(policer_take(&p, HZ));
	// One more after the time of one, and not two.
	assert_true(policer_take(&p, HZ + p.cost));
	assert_false(policer_take(&p, HZ + p.cost));
	// After a long rest the burst is whole again, and not larger.
	for (unsigned int i = 0; i < 100; i++)
		assert_true(policer_take(&p, 60 * HZ));
	assert_false(policer_take(&p, 60 * HZ));
}

static void test_shares(void **state)
{
	unsigned int count = 0;

	for (unsigned int worker = 0; worker < 8; worker++) {
		struct policer p;

		policer_init(&p, 2000, 80, 8, HZ);
		count += passed(&p, HZ, HZ / 50000, 4);
	}
	assert_in_range(count, 4 * 2000, 4 * 2000 + 8 * 11);
}

static void test_edges(void **state)
{
	struct policer p;

	policer_init(&p, 0, 0, 4, HZ);
	assert_int_equal(passed(&p, 0, HZ / 10000, 1), 10000);
	// Fewer than one a second for each of many workers: still one at once.
	policer_init(&p, 1, 0, 64, HZ);
	assert_true(policer_take(&p, HZ));
	assert_false(policer_take(&p, 2 * HZ));
	assert_true(policer_take(&p, 65 * HZ));
	// The default burst is a tenth of a second's packets, at least 64.
	policer_init(&p, 10000, 0, 1, HZ);
	assert_int_equal(p.depth / p.cost + 1, 1000);
	policer_init(&p, 100, 0, 1, HZ);
	assert_int_equal(p.depth / p.cost + 1, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_edges),
	};

	return cmocka_run_group_tests_name("policer", tests, NULL, NULL);
}

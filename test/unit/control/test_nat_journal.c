/* SPDX-License-Identifier: BSD-3-Clause */
/* The log of SNAT: its rate, what is skipped, and that it is off when it is off. */
#include "control/nat_journal.h"

#include <errno.h>

#include "control/loop.h"
#include "fakes.h"

static int start(void **state)
{
	fake_reset();
	return loop_start();
}

static int stop(void **state)
{
	nat_journal_stop();
	loop_stop();
	return 0;
}

static uint64_t seen(void)
{
	struct nat_journal_counts counts;

	nat_journal_counts(&counts);
	assert_int_equal(counts.lost, 7); // as the fake has it
	return counts.written + counts.skipped;
}

static void test_rate(void **state)
{
	struct nat_journal_counts counts;

	assert_int_equal(nat_journal_rate(), 0);
	fake_nat_records(20);
	assert_int_equal(nat_journal_set(5), 0);
	assert_int_equal(fake_nat_workers(), 2);
	while (seen() < 20)
		loop_round(50);
	nat_journal_counts(&counts);
	// All of them were there at once, so in one second.
	assert_int_equal(counts.written, 5);
	assert_int_equal(counts.skipped, 15);
	// What is there when it goes off is still written.
	assert_int_equal(nat_journal_set(1000), 0);
	fake_nat_records(20);
	assert_int_equal(nat_journal_set(0), 0);
	nat_journal_counts(&counts);
	assert_int_equal(counts.written, 25);
	assert_int_equal(fake_nat_workers(), 0);
	fake_nat_records(20);
	loop_round(0);
	assert_int_equal(seen(), 40);
	fake_nat_records(0);
}

static void test_no_memory(void **state)
{
	fake_nat_fails(true);
	assert_int_equal(nat_journal_set(5), -ENOMEM);
	assert_int_equal(nat_journal_rate(), 0);
	fake_nat_fails(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rate, start, stop),
		cmocka_unit_test_setup_teardown(test_no_memory, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

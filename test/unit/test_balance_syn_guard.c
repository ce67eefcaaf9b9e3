/* SPDX-License-Identifier: BSD-3-Clause */

/* When the automatic SYN proxy comes on and goes off, by what workers have counted. */
#include "balance/syn_guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "balance/counts.h"

enum { WORKERS = 2, ONE = 5, OTHER = 6 };

static const struct syn_guard_settings settings = {
	.service_rate = 1000, .node_rate = 3000, .quiet = 2};

static int begin(void **state)
{
	assert_int_equal(counts_start(WORKERS), 0);
	assert_int_equal(syn_guard_start(), 0);
	syn_guard_set(&settings);
	assert_int_equal(syn_guard_watch(ONE, true), 0);
	assert_int_equal(syn_guard_watch(OTHER, true), 0);
	return 0;
}

static int end(void **state)
{
	syn_guard_stop();
	counts_stop();
	return 0;
}

/* Ticks in which each worker begins `begun` and completes `done` handshakes of a service. */
static void ticks(unsigned int count, uint32_t service, uint32_t begun, uint32_t done)
{
	for (unsigned int i = 0; i < count; i++) {
		for (unsigned int worker = 0; worker < WORKERS; worker++) {
			counts_services(worker)[service].handshakes_begun += begun;
			counts_services(worker)[service].handshakes_done += done;
		}
		syn_guard_tick();
	}
}

static void expect_changed(uint32_t service, bool on)
{
	uint32_t changed;
	bool now;

	assert_true(syn_guard_changed(&changed, &now));
	assert_int_equal(changed, service);
	assert_int_equal(now, on);
	assert_false(syn_guard_changed(&changed, &now));
}

/* However many clients there are, whose handshakes take as long as they take. */
static void test_peace(void **state)
{
	uint32_t service;
	bool on;

	ticks(1, ONE, 40, 0);
	ticks(100, ONE, 100000, 100000);
	assert_false(syn_guard_is_on(ONE));
	assert_int_equal(syn_guard_rate(ONE) < 10, 1);
	assert_false(syn_guard_changed(&service, &on));
}

static void test_one_service(void **state)
{
	ticks(20, ONE, 45, 0); // 900 a second of both workers
	assert_false(syn_guard_is_on(ONE));
	ticks(20, ONE, 60, 5); // 1,100
	assert_in_range(syn_guard_rate(ONE), 1000, 1100);
	assert_true(syn_guard_is_on(ONE));
	assert_false(syn_guard_is_on(OTHER));
	expect_changed(ONE, true);
	// Less than the rate, but more than half of it: it stays.
	ticks(100, ONE, 30, 0);
	assert_true(syn_guard_is_on(ONE));
	// A pause that is too short, another wave, and then it is over.
	ticks(15, ONE, 0, 0);
	ticks(10, ONE, 60, 0);
	ticks(20, ONE, 0, 0);
	assert_true(syn_guard_is_on(ONE));
	ticks(20, ONE, 0, 0);
	assert_false(syn_guard_is_on(ONE));
	expect_changed(ONE, false);
}

/* Each below its own rate, all together above the node's. */
static void test_node(void **state)
{
	const struct syn_guard_settings low = {.service_rate = 1000, .node_rate = 1500, .quiet = 1};

	syn_guard_set(&low);
	for (unsigned int i = 0; i < 40; i++) {
		for (unsigned int worker = 0; worker < WORKERS; worker++)
			counts_services(worker)[ONE].handshakes_begun += 45;
		ticks(1, OTHER, 45, 0);
	}
	assert_true(syn_guard_is_on(ONE) && syn_guard_is_on(OTHER) && syn_guard_is_on(7));
	expect_changed(SYN_GUARD_NODE, true);
	ticks(40, ONE, 0, 0);
	assert_false(syn_guard_is_on(ONE));
	expect_changed(SYN_GUARD_NODE, false);
}

/* Counters go round; a service that is let go is off at once and counts no more. */
static void test_let_go(void **state)
{
	syn_guard_watch(ONE, false);
	counts_services(0)[ONE].handshakes_begun = UINT32_MAX - 10;
	counts_services(0)[ONE].handshakes_done = UINT32_MAX - 20;
	assert_int_equal(syn_guard_watch(ONE, true), 0);
	ticks(1, ONE, 0, 0);
	assert_int_equal(syn_guard_rate(ONE), 0);
	ticks(20, ONE, 100, 0);
	assert_true(syn_guard_is_on(ONE));
	syn_guard_watch(ONE, false);
	assert_false(syn_guard_is_on(ONE));
	ticks(20, ONE, 100000, 0);
	assert_false(syn_guard_is_on(ONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_peace, begin, end),
		cmocka_unit_test_setup_teardown(test_one_service, begin, end),
		cmocka_unit_test_setup_teardown(test_node, begin, end),
		cmocka_unit_test_setup_teardown(test_let_go, begin, end),
	};

	return cmocka_run_group_tests_name("syn_guard", tests, NULL, NULL);
}

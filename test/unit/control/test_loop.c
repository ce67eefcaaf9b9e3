/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptors, timers and grace periods of the loop. */
#include <string.h>
#include <unistd.h>

#include "control/loop.h"
#include "fakes.h"

static char order[64];

static void note(void *arg)
{
	strcat(order, arg);
}

static int start(void **state)
{
	order[0] = '\0';
	fake_reset();
	return loop_start();
}

static int stop(void **state)
{
	loop_stop();
	return 0;
}

static void rounds_for(unsigned int milliseconds)
{
	uint64_t end = loop_clock() + milliseconds;

	while (loop_clock() < end)
		assert_int_equal(loop_round((int)(end - loop_clock())), 0);
}

static void test_timers_fire_in_order(void **state)
{
	struct loop_timer a = {.fire = note, .arg = "a"}, b = {.fire = note, .arg = "b"},
			  c = {.fire = note, .arg = "c"}, d = {.fire = note, .arg = "d"};

	loop_timer_set(&c, 30);
	loop_timer_set(&a, 5);
	loop_timer_set(&d, 10);
	loop_timer_set(&b, 40);
	loop_timer_set(&b, 15); // moved
	loop_timer_cancel(&d);
	loop_timer_cancel(&d);
	rounds_for(50);
	assert_string_equal(order, "abc");
	assert_false(a.running);
	// May be set again.
	loop_timer_set(&a, 0);
	rounds_for(3);
	assert_string_equal(order, "abca");
}

static struct loop_timer again;
static unsigned int fired;

static void fire_again(void *arg)
{
	fired++;
	loop_timer_set(&again, 0);
}

/* A timer that sets itself does not keep the round from ending. */
static void test_timer_sets_itself(void **state)
{
	fired = 0;
	again = (struct loop_timer){.fire = fire_again};
	loop_timer_set(&again, 0);
	assert_int_equal(loop_round(10), 0);
	assert_in_range(fired, 1, 2);
	loop_timer_cancel(&again);
}

static int pipe_ends[2];

static void read_one(void *arg)
{
	char byte;

	assert_int_equal(read(pipe_ends[0], &byte, 1), 1);
	strncat(order, &byte, 1);
	if (byte == 'q') {
		loop_unwatch(pipe_ends[0]);
		loop_quit();
	}
}

static void test_descriptors(void **state)
{
	assert_int_equal(pipe(pipe_ends), 0);
	assert_int_equal(loop_watch(pipe_ends[0], read_one, NULL), 0);
	assert_int_equal(write(pipe_ends[1], "xyq!", 4), 4);
	assert_int_equal(loop_run(), 0);
	assert_string_equal(order, "xyq");
	assert_int_equal(loop_round(0), 0); // the rest is not for us any more
	assert_string_equal(order, "xyq");
	assert_true(loop_watch(-1, read_one, NULL) < 0);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

static void test_requests_share_a_grace_period(void **state)
{
	struct loop_grace a = {.done = note, .arg = "a"}, b = {.done = note, .arg = "b"},
			  c = {.done = note, .arg = "c"};

	fake.grace_held = true;
	loop_after_grace(&a);
	loop_after_grace(&b);
	assert_int_equal(loop_round(0), 0);
	assert_int_equal(fake.tokens, 1);
	loop_after_grace(&c);
	assert_int_equal(loop_round(0), 0);
	assert_int_equal(fake.tokens, 2);
	assert_string_equal(order, "");
	loop_cancel_grace(&b);
	fake.grace_held = false;
	assert_int_equal(loop_round(0), 0);
	assert_string_equal(order, "ac");
	// Without anybody waiting no grace period is begun.
	assert_int_equal(loop_round(0), 0);
	assert_int_equal(fake.tokens, 2);
}

static void test_cancel_the_last_grace(void **state)
{
	struct loop_grace a = {.done = note, .arg = "a"}, b = {.done = note, .arg = "b"},
			  c = {.done = note, .arg = "c"};

	fake.grace_held = true;
	loop_after_grace(&a);
	loop_after_grace(&b);
	assert_int_equal(loop_round(0), 0);
	loop_cancel_grace(&b);
	loop_after_grace(&c);
	loop_cancel_grace(&c);
	loop_after_grace(&c);
	assert_int_equal(loop_round(0), 0);
	fake.grace_held = false;
	settle();
	assert_string_equal(order, "ac");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_timers_fire_in_order, start, stop),
		cmocka_unit_test_setup_teardown(test_timer_sets_itself, start, stop),
		cmocka_unit_test_setup_teardown(test_descriptors, start, stop),
		cmocka_unit_test_setup_teardown(test_requests_share_a_grace_period, start, stop),
		cmocka_unit_test_setup_teardown(test_cancel_the_last_grace, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

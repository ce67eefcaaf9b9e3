/* SPDX-License-Identifier: BSD-3-Clause */

/* From results of checks to up and down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "judge.h"
#include "probe.h"

void probe_ended(struct target *target, bool good, const char *result)
{
}

/* Feed results, '+' and '-'; the states afterwards are u, U (up) and D (down). */
static void feed(uint8_t state, uint16_t rise, uint16_t fall, const char *results,
		 const char *states)
{
	struct judge judge = {.state = state};

	for (; *results != '\0'; results++, states++) {
		uint8_t before = judge.state;
		bool changed = judge_take(&judge, *results == '+', rise, fall);

		assert_int_equal("uUD"[judge.state], *states);
		assert_int_equal(changed, judge.state != before);
	}
}

static void test_at_once(void **state)
{
	feed(JUDGE_UNCHECKED, 1, 1, "++-+--+", "UUDUDDU");
	feed(JUDGE_UNCHECKED, 1, 1, "-+", "DU");
}

static void test_in_a_row(void **state)
{
	feed(JUDGE_UP, 3, 2, "-+--+", "UUUDD");
	feed(JUDGE_DOWN, 3, 2, "++-+++", "DDDDDU");
	feed(JUDGE_DOWN, 3, 1, "++-++-+++-", "DDDDDDDDUD");
}

/* The first good result makes it up, whatever `rise` is; bad ones count as for one that is up. */
static void test_unchecked(void **state)
{
	feed(JUDGE_UNCHECKED, 5, 3, "--+", "uuU");
	feed(JUDGE_UNCHECKED, 5, 3, "---", "uuD");
}

static void test_streak(void **state)
{
	struct judge judge = {.state = JUDGE_UP};

	judge_take(&judge, false, 1, 3);
	judge_take(&judge, false, 1, 3);
	assert_int_equal(judge.streak, 2);
	judge_take(&judge, true, 1, 3);
	assert_int_equal(judge.streak, 0);
	assert_string_equal(judge_name(judge.state), "up");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_in_a_row),
		cmocka_unit_test(test_unchecked),
		cmocka_unit_test(test_streak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

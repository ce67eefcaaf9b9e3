/* SPDX-License-Identifier: BSD-3-Clause */

/* Order, and how evenly checks are spread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "probe.h"
#include "schedule.h"

void probe_ended(struct target *target, bool good, const char *result)
{
}

enum { ITEMS = 2000 };

static void test_order(void **state)
{
	struct schedule_item *items = calloc(ITEMS, sizeof(*items)), *item;
	uint64_t last = 0;
	unsigned int count = 0;

	srandom(1);
	for (unsigned int i = 0; i < ITEMS; i++)
		assert_int_equal(schedule_set(&items[i], (uint64_t)random() % 1000), 0);
	for (unsigned int i = 0; i < ITEMS; i += 3)
		schedule_set(&items[i], (uint64_t)random() % 1000);
	for (unsigned int i = 0; i < ITEMS; i += 4)
		schedule_remove(&items[i]);
	while ((item = schedule_first()) != NULL) {
		assert_true(item->due >= last);
		last = item->due;
		schedule_remove(item);
		assert_int_equal(item->place, 0);
		count++;
	}
	assert_int_equal(count, ITEMS - ITEMS / 4);
	schedule_stop();
	free(items);
}

/* Any count of numbers, also one that is no power of two, in ten parts of the interval. */
static void test_phase(void **state)
{
	static const unsigned int counts[] = {10, 100, 1000, 1234, 10000};

	for (unsigned int i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		unsigned int parts[10] = {0};

		for (unsigned int k = 0; k < counts[i]; k++) {
			uint32_t phase = schedule_phase(k, 5000);

			assert_true(phase < 5000);
			parts[phase / 500]++;
		}
		for (unsigned int k = 0; k < 10; k++)
			assert_in_range(parts[k], counts[i] / 10 - counts[i] / 100 - 1,
					counts[i] / 10 + counts[i] / 100 + 1);
	}
}

/* A check that took its time does not move the grid; one that was not made for long skips. */
static void test_next(void **state)
{
	uint64_t base = 1000;

	assert_int_equal(schedule_next(&base, 500, 5000, 0), 1000);
	assert_int_equal(schedule_next(&base, 1200, 5000, 0), 6000);
	assert_int_equal(schedule_next(&base, 6100, 5000, 400), 11400);
	assert_int_equal(base, 11000);
	assert_int_equal(schedule_next(&base, 17000, 5000, 0), 16000);
	schedule_next(&base, 1000000, 5000, 0);
	assert_in_range(base, 995001, 1000000);
	assert_int_equal(base % 5000, 1000);
	for (uint32_t random = 0; random < 10000; random++)
		assert_in_range(schedule_next(&base, base - 1, 5000, random), base, base + 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_phase),
		cmocka_unit_test(test_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* How the legs of a multipath route share sixteen slots. */
#include "net/group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void count(const uint8_t slots[PATH_SLOTS], unsigned int counts[GROUP_LEGS_MAX])
{
	memset(counts, 0, GROUP_LEGS_MAX * sizeof(*counts));
	for (unsigned int i = 0; i < PATH_SLOTS; i++)
		counts[slots[i]]++;
}

static void expect(const uint16_t *weights, const bool *usable, unsigned int legs,
		   const unsigned int *expected)
{
	unsigned int counts[GROUP_LEGS_MAX];
	uint8_t slots[PATH_SLOTS];

	assert_true(group_share(weights, usable, legs, slots));
	count(slots, counts);
	for (unsigned int i = 0; i < legs; i++)
		assert_int_equal(counts[i], expected[i]);
}

static void test_weights(void **state)
{
	const bool usable[3] = {true, true, true};

	expect((uint16_t[]){1}, usable, 1, (unsigned int[]){16});
	expect((uint16_t[]){1, 1}, usable, 2, (unsigned int[]){8, 8});
	expect((uint16_t[]){3, 1}, usable, 2, (unsigned int[]){12, 4});
	expect((uint16_t[]){1, 1, 1}, usable, 3, (unsigned int[]){6, 5, 5});
	expect((uint16_t[]){256, 1}, usable, 2, (unsigned int[]){16, 0});
}

static void test_lost_legs(void **state)
{
	expect((uint16_t[]){1, 1}, (bool[]){false, true}, 2, (unsigned int[]){0, 16});
	expect((uint16_t[]){2, 1, 1}, (bool[]){false, true, true}, 3, (unsigned int[]){0, 8, 8});
	// One whose weight gave it no slot still serves when it is the only one left.
	expect((uint16_t[]){256, 1}, (bool[]){false, true}, 2, (unsigned int[]){0, 16});
	assert_false(group_share((uint16_t[]){1, 1}, (bool[]){false, false}, 2,
				 (uint8_t[PATH_SLOTS]){}));
}

/* Whatever is lost, the slots of the legs that are left stay where they are. */
static void test_stable(void **state)
{
	srandom(1);
	for (unsigned int round = 0; round < 2000; round++) {
		unsigned int legs = 1 + random() % 20, counts[GROUP_LEGS_MAX];
		uint8_t all_slots[PATH_SLOTS], slots[PATH_SLOTS];
		uint16_t weights[GROUP_LEGS_MAX];
		bool all[GROUP_LEGS_MAX], usable[GROUP_LEGS_MAX], any = false;

		for (unsigned int i = 0; i < legs; i++) {
			weights[i] = 1 + random() % 256;
			all[i] = true;
			usable[i] = random() % 3;
			any |= usable[i];
		}
		assert_true(group_share(weights, all, legs, all_slots));
		assert_int_equal(group_share(weights, usable, legs, slots), any);
		if (!any)
			continue;
		count(slots, counts);
		for (unsigned int i = 0; i < PATH_SLOTS; i++) {
			assert_true(usable[slots[i]]);
			if (usable[all_slots[i]])
				assert_int_equal(slots[i], all_slots[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_lost_legs),
		cmocka_unit_test(test_stable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* The hash table, against a plain array. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/keyed.h"
#include "fakes.h"

struct object {
	uint32_t key;
	uint32_t value;
};

enum { KEYS = 5000, STEPS = 200000 };

static void test_random_steps(void **state)
{
	struct keyed table = KEYED_INIT(sizeof(uint32_t));
	static struct object objects[KEYS];
	static bool there[KEYS];
	uint32_t count = 0, random = 1;

	for (uint32_t i = 0; i < KEYS; i++)
		objects[i] = (struct object){.key = i * 64, .value = i};
	for (unsigned int step = 0; step < STEPS; step++) {
		random = random * 1664525 + 1013904223;
		uint32_t i = (random >> 8) % KEYS, key = i * 64;

		assert_ptr_equal(keyed_find(&table, &key), there[i] ? &objects[i] : NULL);
		if (there[i]) {
			assert_ptr_equal(keyed_remove(&table, &key), &objects[i]);
			count--;
		} else if ((random >> 24) % 3 > 0) {
			assert_int_equal(keyed_insert(&table, &objects[i]), 0);
			count++;
		} else {
			assert_null(keyed_remove(&table, &key));
			continue;
		}
		there[i] = !there[i];
		assert_int_equal(table.count, count);
		assert_true(table.capacity >= 2 * table.count);
	}
	for (uint32_t i = 0; i < KEYS; i++)
		assert_ptr_equal(keyed_find(&table, &objects[i].key),
				 there[i] ? &objects[i] : NULL);
	keyed_free(&table);
	assert_null(keyed_find(&table, &objects[0].key));
	assert_null(keyed_remove(&table, &objects[0].key));
}

static void test_reserve(void **state)
{
	struct keyed table = KEYED_INIT(sizeof(uint32_t));
	struct object object = {.key = 7};

	assert_int_equal(keyed_reserve(&table, 1000), 0);
	assert_true(table.capacity >= 2000);
	assert_int_equal(keyed_reserve(&table, UINT32_MAX), -ENOMEM);
	assert_int_equal(keyed_insert(&table, &object), 0);
	assert_ptr_equal(keyed_find(&table, &object.key), &object);
	keyed_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_steps),
		cmocka_unit_test(test_reserve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

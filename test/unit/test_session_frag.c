/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>

#include "session/frag.h"

static struct frag_table table;

static int begin(void **state)
{
	return frag_create(&table, 0);
}

static int end(void **state)
{
	frag_destroy(&table);
	return 0;
}

static struct frag *datagram(uint32_t id, uint64_t deadline)
{
	const struct frag_key key = {.id = id};

	return frag_add(&table, &key, deadline);
}

/* Bytes seen, in any order, against a map of them. */
static void test_ranges(void **state)
{
	for (unsigned int turn = 0; turn < 20000; turn++) {
		struct frag *f = datagram(turn, 1);
		bool map[40] = {false};
		unsigned int seen = 0;

		for (unsigned int i = 0; i < 12; i++) {
			unsigned int start = rand() % 30, stop = start + 1 + rand() % 10;
			unsigned int had = 0;
			int result = frag_note(f, start, stop, false);

			for (unsigned int j = start; j < stop; j++)
				had += map[j];
			if (result == -EEXIST)
				assert_int_equal(had, stop - start);
			else if (result == -EINVAL)
				assert_in_range(had, 1, stop - start);
			else if (result == 0)
				assert_int_equal(had, 0);
			else
				assert_int_equal(result, -ENOSPC);
			for (unsigned int j = start; result == 0 && j < stop; j++, seen++)
				map[j] = true;
		}
		assert_false(frag_is_over(f));
		frag_remove(&table, f);
	}
	assert_int_equal(table.used, 0);
}

static void test_end(void **state)
{
	struct frag *f = datagram(1, 1);

	assert_int_equal(frag_note(f, 10, 20, true), 0);
	assert_int_equal(frag_note(f, 20, 22, false), -EINVAL); // beyond the end
	assert_int_equal(frag_note(f, 5, 9, true), -EINVAL);	// another end
	assert_int_equal(frag_note(f, 0, 4, false), 0);
	assert_int_equal(frag_note(f, 8, 10, false), 0);
	assert_int_equal(frag_note(f, 2, 3, false), -EEXIST);
	assert_false(frag_is_over(f));
	assert_int_equal(frag_note(f, 4, 8, false), 0);
	assert_true(frag_is_over(f));
	f = datagram(2, 1);
	assert_int_equal(frag_note(f, 10, 20, false), 0);
	assert_int_equal(frag_note(f, 4, 8, true), -EINVAL); // something is beyond it already
}

/* Full: those that wait go first, the oldest of them before the others; known ones last. */
static void test_victims(void **state)
{
	struct frag *f;

	for (uint32_t id = 1; id <= FRAG_DATAGRAMS; id++) {
		f = datagram(id, id);
		assert_non_null(f);
		if (id <= 10)
			frag_decide(&table, f, FRAG_PORTS, 100 + id);
	}
	assert_null(datagram(9999, 1));
	for (uint32_t id = 11; id <= FRAG_DATAGRAMS + 10; id++) {
		f = frag_victim(&table);
		assert_int_equal(f->key.id, id <= FRAG_DATAGRAMS ? id : id - FRAG_DATAGRAMS);
		frag_remove(&table, f);
	}
	assert_null(frag_victim(&table));
	assert_int_equal(table.used, 0);
	assert_non_null(datagram(1, 10));
	f = datagram(2, 10);
	frag_decide(&table, f, FRAG_PORTS, 20);
	assert_null(frag_expired(&table, 10));
	assert_int_equal(frag_expired(&table, 11)->key.id, 1);
	frag_remove(&table, frag_expired(&table, 11));
	assert_null(frag_expired(&table, 20));
	assert_int_equal(frag_expired(&table, 21)->key.id, 2);
}

/* Between two addresses no id comes twice before all were used; workers have no id in common. */
static void test_ids(void **state)
{
	static uint8_t seen[UINT16_MAX + 1];
	const uint8_t a[4] = {10, 0, 0, 1}, b[4] = {10, 0, 0, 2};

	for (unsigned int worker = 0; worker < 3; worker++)
		for (unsigned int i = 0; i < 65536 / 3; i++) {
			uint32_t id = frag_id(&table, a, b, false, worker, 3);

			assert_in_range(id, 0, UINT16_MAX);
			assert_int_equal(seen[id]++, 0);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ranges, begin, end),
		cmocka_unit_test_setup_teardown(test_end, begin, end),
		cmocka_unit_test_setup_teardown(test_victims, begin, end),
		cmocka_unit_test_setup_teardown(test_ids, begin, end),
	};

	return cmocka_run_group_tests_name("frag", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* The order of half-open sessions: oldest first, stale places skipped, and round the ring. */
#include "session/half_open.c"

#include "environment.h"

enum { SESSIONS = 4096 };

static struct table table;
static struct half_open order;

static int setup(void **state)
{
	assert_int_equal(table_create(&table, 0, SESSIONS, 16, false), 0);
	return half_open_create(&order, 0, false, 100);
}

static int teardown(void **state)
{
	half_open_destroy(&order);
	table_destroy(&table);
	return 0;
}

static uint32_t add(uint32_t client, uint16_t seconds)
{
	uint32_t number;
	struct session *s = table_allocate(&table, false, &number);

	assert_non_null(s);
	s->key4[0].source = client;
	s->state = STATE_SYN_RECV;
	s->flags = SESSION_HALF_OPEN;
	half_open_add(&order, &table, false, number, seconds);
	return number;
}

static uint32_t take(uint16_t seconds, uint16_t age)
{
	uint32_t number = half_open_take(&order, &table, false, seconds, age);

	if (number)
		table_free(&table, false, number);
	return number;
}

static void test_order(void **state)
{
	uint32_t number[10];

	assert_int_equal(take(0, 0), 0);
	for (unsigned int i = 0; i < 10; i++)
		number[i] = add(i, i);
	table.narrow[number[1]].flags = SESSION_ACTIVE;
	table.narrow[number[1]].state = STATE_ESTABLISHED;
	assert_int_equal(take(10, 0), number[0]);
	assert_int_equal(take(10, 0), number[2]);
	assert_int_equal(take(10, 8), 0); // the next one is seven seconds old
	assert_int_equal(take(10, 7), number[3]);
	for (unsigned int i = 4; i < 10; i++)
		assert_int_equal(take(10, 0), number[i]);
	assert_int_equal(take(10, 0), 0);
}

/* A number that another session has by now stands where that one was added. */
static void test_number_again(void **state)
{
	uint32_t first = add(1, 0), second = add(2, 0);

	table_free(&table, false, first);
	assert_int_equal(add(3, 0), first);
	assert_int_equal(take(0, 0), second);
	assert_int_equal(take(0, 0), first);
}

/* Stale places are passed in bounded steps. */
static void test_bounded(void **state)
{
	uint32_t number[RING_MIN - 1];

	for (unsigned int i = 0; i < RING_MIN - 1; i++)
		number[i] = add(i, 0);
	for (unsigned int i = 0; i < RING_MIN - 2; i++)
		table_free(&table, false, number[i]);
	assert_int_equal(take(0, 0), 0);
	assert_int_equal(take(0, 0), number[RING_MIN - 2]);
}

/* A full share of half-open sessions, and many connections beside them: none is lost. */
static void test_all_kept(void **state)
{
	uint32_t number[100];

	for (unsigned int i = 0; i < 100; i++) {
		for (unsigned int j = 0; j < 40; j++)
			table_free(&table, false, add(1000 + i * 40 + j, 0));
		number[i] = add(i, 0);
	}
	for (unsigned int i = 0; i < 3000; i++) {
		table_free(&table, false, add(10000 + i, 0));
		assert_true(order.tail - order.head <= 3 * 100 + 2 * RING_MIN);
	}
	for (unsigned int i = 0, tries = 0; i < 100; i += tries != 0) {
		tries = take(0, 0);
		if (tries)
			assert_int_equal(tries, number[i]);
	}
	assert_int_equal(table.pool[0].used, 0);
}

/* More connections than places: those that stay half-open are found all the same. */
static void test_round(void **state)
{
	uint32_t kept[8], found = 0, number;

	for (unsigned int i = 0; i < 8; i++)
		kept[i] = add(i, 0);
	for (unsigned int i = 0; i < 3000; i++)
		table_free(&table, false, add(1000 + i, 0));
	for (unsigned int i = 0; i < 100; i++) {
		number = take(0, 0);
		for (unsigned int k = 0; k < 8; k++)
			found += number == kept[k];
	}
	assert_int_equal(found, 8);
	assert_int_equal(table.pool[0].used, 0);
}

/* Sequence numbers of the ring wrap without harm. */
static void test_wrap(void **state)
{
	uint32_t number[50];

	order.head = order.tail = order.keep = order.scan = UINT32_MAX - 20;
	for (unsigned int i = 0; i < 50; i++)
		number[i] = add(i, 65530 + i);
	for (unsigned int i = 0; i < 50; i++)
		assert_int_equal(take(100, 10), number[i]);
}

/* One client begins the same connection for ever: its old places look like those of the last one. */
static void test_repeated(void **state)
{
	uint32_t number = 0;

	for (unsigned int i = 0; i < 10 * order.mask; i++) {
		if (number)
			table_free(&table, false, number);
		number = add(7, 0);
		assert_true(order.tail - order.head <= order.mask + 1);
	}
	table_free(&table, false, number);
	// Others are found as ever, once what is stale has been passed.
	number = add(8, 0);
	for (unsigned int i = 0; i <= order.mask; i++)
		if (take(0, 0) == number)
			return;
	fail_msg("the place was lost");
}

#define row(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		row(test_order),    row(test_number_again), row(test_bounded),	row(test_round),
		row(test_all_kept), row(test_wrap),	    row(test_repeated),
	};

	return cmocka_run_group_tests_name("half_open", tests, NULL, NULL);
}

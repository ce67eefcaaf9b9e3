/* SPDX-License-Identifier: BSD-3-Clause */
/* Handshakes with servers: their deadlines, what is held for them, and that nothing is lost. */
#include "session/handshake.h"

#include "environment.h"

static struct handshakes h;
static struct rte_mbuf packets[8]; // only told apart, never freed

static int setup(void **state)
{
	return handshakes_create(&h, 0);
}

static int teardown(void **state)
{
	handshakes_destroy(&h);
	return 0;
}

static uint32_t take(unsigned int held_max)
{
	uint32_t number;

	assert_true(handshake_room(&h));
	number = handshake_take(&h);
	h.of[number].held_max = held_max;
	return number;
}

/* All there are, each once; and what is given back is taken again. */
static void test_bounded(void **state)
{
	static bool seen[HANDSHAKES + 1];
	uint32_t number = 0;

	for (unsigned int i = 0; i < HANDSHAKES; i++) {
		number = take(0);
		assert_in_range(number, 1, HANDSHAKES);
		assert_false(seen[number]);
		seen[number] = true;
	}
	assert_int_equal(h.used, HANDSHAKES);
	assert_false(handshake_room(&h));
	assert_int_equal(handshake_give(&h, number), 0);
	assert_int_equal(take(0), number);
}

/* Those that have sent as often wait equally long; nobody is found before the deadline. */
static void test_deadlines(void **state)
{
	uint32_t a = take(0), b = take(0), c = take(0);

	handshake_wait(&h, a, 100);
	handshake_wait(&h, b, 110);
	handshake_wait(&h, c, 120);
	assert_int_equal(handshake_expired(&h, 99), 0);
	assert_int_equal(handshake_expired(&h, 110), a);
	handshake_wait(&h, a, 300); // its second
	assert_int_equal(h.of[a].sent, 2);
	assert_int_equal(handshake_expired(&h, 110), b);
	assert_int_equal(handshake_expired(&h, 110), 0);
	handshake_give(&h, b);
	// Out of the middle of what waits, and again before the first deadline.
	handshake_give(&h, c);
	assert_int_equal(handshake_expired(&h, 299), 0);
	assert_int_equal(handshake_expired(&h, 300), a);
	assert_int_equal(handshake_expired(&h, 1000), 0);
	handshake_give(&h, a);
	assert_int_equal(h.used, 0);
}

/* The list in order, whoever leaves it: the first, the last, one between. */
static void test_leave(void **state)
{
	uint32_t number[5];

	for (unsigned int i = 0; i < 5; i++) {
		number[i] = take(0);
		handshake_wait(&h, number[i], 10 + i);
	}
	handshake_give(&h, number[2]);
	handshake_give(&h, number[0]);
	handshake_give(&h, number[4]);
	assert_int_equal(handshake_expired(&h, 100), number[1]);
	assert_int_equal(handshake_expired(&h, 100), number[3]);
	assert_int_equal(handshake_expired(&h, 100), 0);
}

/* The last list is for all that have sent as often as that or more. */
static void test_many_sent(void **state)
{
	uint32_t number = take(0);

	for (unsigned int i = 1; i <= 3 * HANDSHAKE_LISTS; i++) {
		handshake_wait(&h, number, i * 10);
		assert_int_equal(h.of[number].sent, i);
		assert_int_equal(handshake_expired(&h, i * 10 - 1), 0);
		assert_int_equal(handshake_expired(&h, i * 10), number);
	}
}

/* What was held follows what was ready before, in its order; and no more than the setting says. */
static void test_order(void **state)
{
	uint32_t a = take(2), b = take(1);

	assert_true(handshake_hold(&h, a, &packets[1]));
	assert_true(handshake_hold(&h, b, &packets[4]));
	assert_true(handshake_hold(&h, a, &packets[2]));
	assert_false(handshake_hold(&h, a, &packets[5]));
	assert_int_equal(h.packets, 3);
	assert_null(handshake_next_ready(&h));
	assert_true(handshake_ready(&h, &packets[0]));
	handshake_release(&h, a);
	assert_true(handshake_ready(&h, &packets[3]));
	handshake_release(&h, b);
	handshake_release(&h, b); // there is nothing any more
	for (unsigned int i = 0; i < 5; i++)
		assert_ptr_equal(handshake_next_ready(&h), &packets[i]);
	assert_null(handshake_next_ready(&h));
	assert_int_equal(h.packets, 0);
	assert_int_equal(handshake_give(&h, a) + handshake_give(&h, b), 0);
}

/* Packets are bounded over all of them; one that ends gives back what it held. */
static void test_packets_bounded(void **state)
{
	uint32_t hoarder = take(UINT8_MAX), other;

	for (unsigned int i = 0; i < HANDSHAKE_PACKETS; i++) {
		if (h.of[hoarder].held == UINT8_MAX)
			hoarder = take(UINT8_MAX);
		assert_true(handshake_hold(&h, hoarder, NULL));
	}
	assert_false(handshake_room(&h));
	assert_false(handshake_ready(&h, &packets[0]));
	assert_int_equal(handshake_give(&h, hoarder), HANDSHAKE_PACKETS % UINT8_MAX);
	other = take(1);
	assert_true(handshake_hold(&h, other, NULL));
	assert_int_equal(handshake_give(&h, other), 1);
}

#define row(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		row(test_bounded),   row(test_deadlines), row(test_leave),
		row(test_many_sent), row(test_order),	  row(test_packets_bounded),
	};

	return cmocka_run_group_tests_name("handshake", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/* BFD: two state machines on a wire of simulated time, and what a packet must and must not be. */
#include "environment.h"

#include <string.h>

#include "bfd/session.h"

enum { MS = 1000 };

static struct bfd_session a, b;
static uint64_t now;
static uint32_t seed;
static bool cut[2]; // packets to a (to b) are lost
static uint64_t sent_at[2], gap_least, gap_most;

static uint32_t random_next(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

static struct bfd_config config(uint32_t transmit, uint32_t receive, uint8_t multiplier)
{
	return (struct bfd_config){
		.min_transmit = transmit, .min_receive = receive, .multiplier = multiplier};
}

static void start(const struct bfd_config *of_a, const struct bfd_config *of_b)
{
	now = 1000 * MS;
	cut[0] = cut[1] = false;
	bfd_session_start(&a, of_a, 17, now, 1);
	bfd_session_start(&b, of_b, 99, now, 0xfffffffe); // its sequence numbers wrap
	gap_least = UINT64_MAX;
	gap_most = 0;
}

static enum bfd_wrong deliver(struct bfd_session *to, uint8_t *bytes, unsigned int length)
{
	struct bfd_packet p;
	enum bfd_wrong wrong = bfd_packet_decode(bytes, length, &p);

	return wrong == BFD_FINE ? bfd_session_receive(to, &p, bytes, now) : wrong;
}

static void step(struct bfd_session *s, struct bfd_session *peer, unsigned int index)
{
	uint8_t bytes[BFD_LENGTH_MAX];

	bfd_session_expire(s, now);
	while (bfd_session_is_due(s, now)) {
		bool answer = s->answer_due;
		unsigned int length = bfd_session_send(s, now, random_next(), bytes);

		if (!answer && sent_at[index] && s->state == BFD_UP) {
			uint64_t gap = now - sent_at[index];

			gap_least = gap < gap_least ? gap : gap_least;
			gap_most = gap > gap_most ? gap : gap_most;
		}
		if (!answer)
			sent_at[index] = now;
		if (!cut[index ^ 1])
			assert_int_equal(deliver(peer, bytes, length), BFD_FINE);
	}
}

/* Let time pass, a millisecond at a time. */
static void run(unsigned int milliseconds)
{
	for (unsigned int i = 0; i < milliseconds; i++) {
		now += MS;
		step(&a, &b, 0);
		step(&b, &a, 1);
	}
}

static void test_up(void **state)
{
	struct bfd_config of_a = config(50 * MS, 100 * MS, 3), of_b = config(20 * MS, 30 * MS, 5);

	start(&of_a, &of_b);
	run(3000);
	assert_int_equal(a.state, BFD_UP);
	assert_int_equal(b.state, BFD_UP);
	assert_int_equal(a.your_discriminator, 99);
	// Each sends as often as both allow, and waits as often as the other's multiplier says.
	assert_int_equal(bfd_session_interval(&a), 50 * MS);
	assert_int_equal(bfd_session_interval(&b), 100 * MS);
	assert_int_equal(bfd_session_detection(&a), 5 * 100 * MS);
	assert_int_equal(bfd_session_detection(&b), 3 * 50 * MS);
	assert_false(a.polling || b.polling);
}

static void test_slow_until_up(void **state)
{
	struct bfd_config fast = config(10 * MS, 10 * MS, 3);

	start(&fast, &fast);
	cut[0] = cut[1] = true;
	run(5000);
	assert_int_equal(a.state, BFD_DOWN);
	assert_true(a.sent >= 5 && a.sent <= 8);
}

static void test_jitter(void **state)
{
	struct bfd_config often = config(100 * MS, 100 * MS, 3),
			  once = config(100 * MS, 100 * MS, 1);

	start(&often, &often);
	run(3000);
	sent_at[0] = sent_at[1] = 0;
	gap_least = UINT64_MAX;
	gap_most = 0;
	run(20000);
	assert_true(gap_least >= 75 * MS && gap_least < 80 * MS);
	assert_true(gap_most <= 101 * MS && gap_most > 95 * MS);

	start(&once, &once);
	run(3000);
	sent_at[0] = sent_at[1] = 0;
	gap_least = UINT64_MAX;
	gap_most = 0;
	run(20000);
	assert_true(gap_most <= 91 * MS);
	assert_true(a.changes <= 2);
}

static void test_silence(void **state)
{
	struct bfd_config fast = config(10 * MS, 10 * MS, 3);
	uint64_t silent;

	start(&fast, &fast);
	run(3000);
	cut[0] = true;
	silent = now;
	while (a.state == BFD_UP)
		run(1);
	assert_true(now - silent <= 31 * MS && now - silent >= 20 * MS);
	assert_int_equal(a.diagnostic, BFD_TIME_EXPIRED);
	assert_int_equal(a.your_discriminator, 0);
	run(20);
	assert_int_equal(b.state, BFD_DOWN);
	assert_int_equal(b.diagnostic, BFD_NEIGHBOUR_DOWN);
	assert_int_equal(b.remote_diagnostic, BFD_TIME_EXPIRED);
	cut[0] = false;
	run(3000);
	assert_int_equal(a.state, BFD_UP);
	assert_int_equal(b.state, BFD_UP);
	assert_int_equal(b.diagnostic, BFD_NO_DIAGNOSTIC);
}

/* A slower pace is agreed on by Poll and Final, and nobody goes down meanwhile. */
static void test_change(void **state)
{
	struct bfd_config fast = config(10 * MS, 10 * MS, 3), slow = config(500 * MS, 400 * MS, 3);
	uint32_t changes_of_a, changes_of_b;

	start(&fast, &fast);
	run(3000);
	changes_of_a = a.changes;
	changes_of_b = b.changes;
	bfd_session_configure(&a, &slow, now);
	assert_true(a.polling);
	assert_int_equal(bfd_session_interval(&a), 10 * MS);
	run(100);
	assert_false(a.polling);
	assert_int_equal(bfd_session_interval(&a), 500 * MS);
	run(5000);
	assert_int_equal(bfd_session_detection(&b), 3 * 500 * MS);
	assert_int_equal(bfd_session_detection(&a), 3 * 400 * MS);
	bfd_session_configure(&a, &fast, now);
	run(2000);
	assert_int_equal(bfd_session_interval(&a), 10 * MS);
	assert_int_equal(bfd_session_detection(&a), 3 * 10 * MS);
	assert_int_equal(a.changes, changes_of_a);
	assert_int_equal(b.changes, changes_of_b);
}

static void test_disable(void **state)
{
	struct bfd_config fast = config(20 * MS, 20 * MS, 3);

	start(&fast, &fast);
	run(3000);
	bfd_session_disable(&a, BFD_ADMINISTRATIVELY_DOWN, now);
	run(30);
	assert_int_equal(b.state, BFD_DOWN);
	assert_int_equal(b.remote_state, BFD_ADMIN_DOWN);
	assert_int_equal(b.remote_diagnostic, BFD_ADMINISTRATIVELY_DOWN);
	run(5000);
	assert_int_equal(a.state, BFD_ADMIN_DOWN);
	assert_int_equal(b.state, BFD_DOWN);
	bfd_session_enable(&a, now);
	run(3000);
	assert_int_equal(b.state, BFD_UP);
	bfd_session_fail(&a, BFD_FORWARDING_RESET, now);
	step(&a, &b, 0);
	assert_int_equal(b.state, BFD_DOWN);
	assert_int_equal(b.remote_diagnostic, BFD_FORWARDING_RESET);
}

static void test_passive(void **state)
{
	struct bfd_config passive = config(20 * MS, 20 * MS, 3), active = passive;

	passive.passive = true;
	start(&passive, &passive);
	run(3000);
	assert_int_equal(a.sent + b.sent, 0);
	assert_true(bfd_session_deadline(&a) == UINT64_MAX);
	start(&active, &passive);
	run(3000);
	assert_int_equal(a.state, BFD_UP);
	assert_int_equal(b.state, BFD_UP);
}

/* A peer that wants nothing gets nothing but answers to Poll. */
static void test_receive_zero(void **state)
{
	struct bfd_config fast = config(20 * MS, 20 * MS, 3), deaf = config(20 * MS, 0, 3);
	uint32_t sent;

	start(&fast, &deaf);
	run(5000);
	assert_int_equal(b.state, BFD_DOWN); // it never hears that the other is there
	sent = a.sent;
	run(2000);
	assert_int_equal(a.sent, sent);
}

static void test_authentication(void **state)
{
	struct bfd_config with = config(20 * MS, 20 * MS, 3);

	for (uint8_t type = BFD_AUTH_NONE; type <= BFD_AUTH_SHA1_METICULOUS; type++) {
		struct bfd_config wrong = with;
		uint8_t bytes[BFD_LENGTH_MAX];
		unsigned int length;

		with.key = (struct bfd_key){.type = type, .id = 7, .length = 6, .secret = "secret"};
		start(&with, &with);
		run(3000);
		assert_int_equal(a.state, BFD_UP);
		assert_int_equal(b.state, BFD_UP);
		assert_int_equal(a.discarded + b.discarded, 0);
		// Every byte counts, but those that a password does not cover.
		length = bfd_session_send(&b, now, 0, bytes);
		for (unsigned int i = type == BFD_AUTH_PASSWORD ? BFD_HEADER : 0;
		     type != BFD_AUTH_NONE && i < length; i++) {
			bytes[i] ^= 4;
			assert_true(deliver(&a, bytes, length) != BFD_FINE || i == 25);
			bytes[i] ^= 4;
		}
		assert_int_equal(deliver(&a, bytes, length), BFD_FINE);
		// The same once more is a replay where numbers have to rise.
		assert_int_equal(deliver(&a, bytes, length),
				 bfd_auth_is_meticulous(type) ? BFD_WRONG_SEQUENCE : BFD_FINE);
		wrong.key = with.key;
		wrong.key.secret[0] = 'S';
		bfd_session_start(&b, type == BFD_AUTH_NONE ? &with : &wrong, 5, now, 1);
		length = bfd_session_send(&b, now, 0, bytes);
		assert_int_equal(deliver(&a, bytes, length),
				 type == BFD_AUTH_NONE ? BFD_FINE : BFD_WRONG_AUTH);
	}
}

/* A session with a key does not take packets without one, nor the other way round. */
static void test_authentication_absent(void **state)
{
	struct bfd_config without = config(20 * MS, 20 * MS, 3), with = without;
	uint8_t bytes[BFD_LENGTH_MAX];
	unsigned int length;

	with.key = (struct bfd_key){.type = BFD_AUTH_SHA1, .length = 1, .secret = "x"};
	start(&with, &without);
	length = bfd_session_send(&a, now, 0, bytes);
	assert_int_equal(deliver(&b, bytes, length), BFD_WRONG_AUTH);
	length = bfd_session_send(&b, now, 0, bytes);
	assert_int_equal(deliver(&a, bytes, length), BFD_WRONG_AUTH);
	assert_int_equal(a.discarded, 1);
}

static void test_wrong_packets(void **state)
{
	static const struct {
		unsigned int at;
		uint8_t value;
		enum bfd_wrong wrong;
	} rows[] = {
		{0, 0x00, BFD_WRONG_VERSION},
		{0, 0x40, BFD_WRONG_VERSION},
		{3, 23, BFD_WRONG_LENGTH},
		{3, 25, BFD_WRONG_LENGTH},
		{2, 0, BFD_WRONG_MULTIPLIER},
		{1, 0x41, BFD_WRONG_MULTIPOINT},
		{7, 0, BFD_WRONG_MY_DISCRIMINATOR},
		{1, 0x80, BFD_WRONG_YOUR_DISCRIMINATOR},
		{1, 0xc0, BFD_WRONG_YOUR_DISCRIMINATOR},
		{1, 0x44, BFD_WRONG_LENGTH},
	};
	const struct bfd_packet fine = {
		.state = BFD_DOWN, .multiplier = 3, .my_discriminator = 1, .min_receive = 1000};
	uint8_t bytes[BFD_LENGTH_MAX];
	struct bfd_packet out;

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(bfd_packet_encode(&fine, bytes), BFD_HEADER);
		assert_int_equal(bfd_packet_decode(bytes, BFD_HEADER, &out), BFD_FINE);
		bytes[rows[i].at] = rows[i].value;
		assert_int_equal(bfd_packet_decode(bytes, BFD_HEADER, &out), rows[i].wrong);
	}
	bfd_packet_encode(&fine, bytes);
	for (unsigned int length = 0; length < BFD_HEADER; length++)
		assert_int_equal(bfd_packet_decode(bytes, length, &out), BFD_WRONG_SHORT);
}

static void test_wrong_discriminator(void **state)
{
	struct bfd_config fast = config(20 * MS, 20 * MS, 3);
	uint8_t bytes[BFD_LENGTH_MAX];
	unsigned int length;

	start(&fast, &fast);
	run(3000);
	length = bfd_session_send(&b, now, 0, bytes);
	bytes[11] ^= 1; // your discriminator
	assert_int_equal(deliver(&a, bytes, length), BFD_WRONG_YOUR_DISCRIMINATOR);
	assert_int_equal(a.state, BFD_UP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up),
		cmocka_unit_test(test_slow_until_up),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_disable),
		cmocka_unit_test(test_passive),
		cmocka_unit_test(test_receive_zero),
		cmocka_unit_test(test_authentication),
		cmocka_unit_test(test_authentication_absent),
		cmocka_unit_test(test_wrong_packets),
		cmocka_unit_test(test_wrong_discriminator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

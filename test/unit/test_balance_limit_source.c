/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Limits of sources over several workers: packets that go to the source's home and come back, or
 * are lost on the way, and letters that are read late. Together the workers never have more than the
 * limit; one worker that has all of a source's traffic has all of the limit; nothing is lost for
 * good.
 */
#include "balance/limit.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "balance/limit_source.h"
#include "base/hash.h"

enum { WORKERS = 4, SERVICE = 7, SOURCES = 5, PACKETS = 64, HZ = 1000000000 };

/* A first packet: where it is, and where it came from. */
struct packet {
	bool in_use, back;
	unsigned int at, said;
	struct limit_source_key key;
};

static struct limit_sources workers[WORKERS];
static struct packet packets[PACKETS]; // they arrive in any order
static unsigned int has[WORKERS][SOURCES];
static uint64_t tsc;
static uint16_t seconds;

static struct limit_source_key key_of(unsigned int source)
{
	struct limit_source_key key;
	const uint8_t address[4] = {10, 0, 0, source};

	limit_source_key(&key, SERVICE, false, address, 32);
	return key;
}

static void clocks(uint64_t by)
{
	tsc += by;
	seconds = tsc / HZ;
	for (unsigned int i = 0; i < WORKERS; i++)
		limit_sources_clock(&workers[i], tsc, seconds);
}

static int begin(void **state)
{
	srandom(1);
	hash_start();
	tsc = (UINT64_C(3) << 46) + HZ; // after a day the upper bit of 32 is set
	memset(packets, 0, sizeof(packets));
	memset(has, 0, sizeof(has));
	if (counts_start(WORKERS) < 0 || limit_start() < 0)
		return -1;
	limit_clock(HZ);
	for (unsigned int i = 0; i < WORKERS; i++)
		if (limit_sources_create(&workers[i], i, WORKERS) < 0)
			return -1;
	clocks(0);
	return 0;
}

static int end(void **state)
{
	for (unsigned int i = 0; i < WORKERS; i++)
		limit_sources_destroy(&workers[i]);
	free(limit_table[SERVICE]);
	limit_stop();
	counts_stop();
	return 0;
}

static const struct limit *limit_to(enum limit_kind kind, uint64_t amount)
{
	struct limit_settings settings = {.prefix4 = 32, .prefix6 = 64};

	settings.source[kind] = amount;
	free(limit_table[SERVICE]);
	limit_table[SERVICE] = limit_make(&settings);
	return limit_table[SERVICE];
}

static unsigned int all_of(unsigned int source)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; i < WORKERS; i++)
		sum += has[i][source];
	return sum;
}

/* A packet that is at its worker: true when a connection began. */
static bool packet_begins(const struct limit *limit, unsigned int worker,
			  const struct limit_source_key *key, bool again)
{
	unsigned int source = key->prefix[3];

	if (limit_source_asks(&workers[worker], limit, key, again)) {
		for (unsigned int i = 0; i < PACKETS; i++) {
			if (packets[i].in_use)
				continue;
			packets[i] = (struct packet){.in_use = true, .at = worker, .key = *key};
			break;
		}
		return false;
	}
	if (limit_source_admits(&workers[worker], limit, key) != SOURCE_ADMITTED ||
	    !limit_source_begin(&workers[worker], key))
		return false;
	has[worker][source]++;
	return true;
}

/* One packet goes one way on. */
static void packet_moves(const struct limit *limit, struct packet *p)
{
	unsigned int home = limit_source_home(&workers[0], &p->key);

	if (!p->back) {
		limit_sources_read(&workers[home]);
		p->said = limit_source_give(&workers[home], limit, &p->key, p->at);
		p->back = true;
		return;
	}
	p->in_use = false;
	limit_source_asked(&workers[p->at], &p->key);
	limit_sources_read(&workers[p->at]);
	if (p->said == SOURCE_ADMITTED)
		packet_begins(limit, p->at, &p->key, true);
}

static void packets_arrive(const struct limit *limit)
{
	for (bool any = true; any;) {
		any = false;
		for (unsigned int i = 0; i < PACKETS; i++) {
			if (!packets[i].in_use)
				continue;
			packet_moves(limit, &packets[i]);
			any = true;
		}
	}
}

static void letters_arrive(void)
{
	for (unsigned int i = 0; i < 2 * WORKERS; i++)
		limit_sources_read(&workers[i % WORKERS]);
}

static void connection_ends(unsigned int worker, unsigned int source)
{
	struct limit_source_key key = key_of(source);

	if (has[worker][source] == 0)
		return;
	has[worker][source]--;
	limit_source_end(&workers[worker], &key);
}

/* Time enough for what nobody has used to go back to the homes. */
static void unused_returns(void)
{
	for (unsigned int s = 0; s < 4; s++) {
		clocks(HZ);
		for (unsigned int i = 0; i < WORKERS; i++)
			for (unsigned int k = 0; k < LIMIT_SOURCES / 256 + 1; k++)
				limit_sources_tidy(&workers[i]);
		letters_arrive();
	}
	for (unsigned int i = 0; i < WORKERS; i++)
		assert_int_equal(workers[i].surplus, 0);
}

/* Connections come and go at random, packets are lost: never above, and in the end all is there. */
static void test_never_above(void **state)
{
	for (unsigned int most = 1; most < 12; most++) {
		const struct limit *limit = limit_to(LIMIT_CONNECTIONS, most);
		unsigned int begun = 0;

		for (unsigned int step = 0; step < 30000; step++) {
			unsigned int worker = random() % WORKERS, source = random() % SOURCES;
			struct packet *p = &packets[random() % PACKETS];
			struct limit_source_key key = key_of(source);

			if (random() % 3)
				begun += packet_begins(limit, worker, &key, false);
			else
				connection_ends(worker, source);
			if (p->in_use && random() % 20 == 0)
				p->in_use = false;
			else if (p->in_use)
				packet_moves(limit, p);
			if (random() % 7 == 0)
				limit_sources_read(&workers[random() % WORKERS]);
			if (random() % 50 == 0)
				clocks(HZ / 100);
			limit_sources_tidy(&workers[worker]);
			for (unsigned int i = 0; i < SOURCES; i++)
				assert_true(all_of(i) <= most);
		}
		assert_true(begun > 1000);
		memset(packets, 0, sizeof(packets));
		for (unsigned int i = 0; i < WORKERS * SOURCES; i++)
			while (has[i % WORKERS][i / WORKERS] > 0)
				connection_ends(i % WORKERS, i / WORKERS);
		unused_returns();
		for (unsigned int i = 0; i < SOURCES; i++) {
			struct limit_source_key key = key_of(i);
			unsigned int home = limit_source_home(&workers[0], &key);

			assert_int_equal(limit_source_find(&workers[home], &key)->credit, 0);
		}
	}
}

/* All of a source's connections at one worker, then at the next: each has the whole limit. */
static void test_one_has_all(void **state)
{
	for (unsigned int most = 1; most < 9; most++) {
		const struct limit *limit = limit_to(LIMIT_CONNECTIONS, most);
		struct limit_source_key key = key_of(3);

		for (unsigned int worker = 0; worker < WORKERS; worker++) {
			for (unsigned int i = 0; i < 2 * most; i++) {
				packet_begins(limit, worker, &key, false);
				packets_arrive(limit);
			}
			assert_int_equal(has[worker][3], most);
			while (has[worker][3] > 0)
				connection_ends(worker, 3);
			letters_arrive();
		}
	}
}

/* So many attempts to send in this time; returns how many passed. */
static uint64_t attempts(const struct limit *limit, unsigned int used, enum limit_kind kind,
			 uint64_t size, unsigned int milliseconds)
{
	struct limit_source_key key = key_of(1);
	uint64_t passed = 0;

	for (unsigned int i = 0; i < milliseconds * 10; i++) {
		unsigned int worker = used < WORKERS ? used : random() % WORKERS;
		struct limit_source *source = limit_source_get(&workers[worker], &key);

		passed += limit_source_pays(&workers[worker], limit, source, kind, size) ? size : 0;
		clocks(HZ / 10000);
		letters_arrive();
	}
	return passed;
}

/* In two seconds no more than the bound says, and nearly all of the rate, whoever has the traffic. */
static void test_rates(void **state)
{
	static const uint64_t rates[] = {20, 500, 3000};

	for (unsigned int i = 0; i < 3; i++) {
		for (unsigned int used = 0; used <= WORKERS; used++) {
			const struct limit *limit = limit_to(LIMIT_PACKETS, rates[i]);
			uint64_t part = limit->source_part[LIMIT_PACKETS], passed;

			clocks(HZ); // what was used before is paid
			passed = attempts(limit, used, LIMIT_PACKETS, 1, 2000);
			assert_true(passed <= rates[i] * 21 / 10 + 1 + WORKERS * (part + 1));
			assert_true(passed >= rates[i] * 18 / 10);
			limit = limit_to(LIMIT_BITS, rates[i] * 12000);
			part = limit->source_part[LIMIT_BITS];
			clocks(HZ);
			passed = attempts(limit, used, LIMIT_BITS, 12000, 2000);
			assert_true(passed <=
				    rates[i] * 12000 * 21 / 10 + 12000 + WORKERS * (part + 12000));
			assert_true(passed >= rates[i] * 12000 * 18 / 10);
		}
	}
}

/*
 * A burst that uses up everything, and then silence, as of a sender that waits for an acknowledgement:
 * the next packet passes.
 */
static void test_after_a_burst(void **state)
{
	const struct limit *limit = limit_to(LIMIT_BITS, 8000000);

	for (unsigned int worker = 0; worker < WORKERS; worker++) {
		clocks(HZ);
		for (unsigned int burst = 0; burst < 5; burst++) {
			attempts(limit, worker, LIMIT_BITS, 12000, 20);
			for (unsigned int i = 0; i < 200; i++) { // a fifth of a second
				clocks(HZ / 1000);
				limit_sources_tidy(&workers[worker]);
				letters_arrive();
			}
			assert_int_equal(attempts(limit, worker, LIMIT_BITS, 12000, 1) > 12000,
					 true);
		}
	}
}

/* New connections: each is paid at the home, so that no worker has any to spare. */
static void test_new(void **state)
{
	const struct limit *limit = limit_to(LIMIT_NEW, 50);
	struct limit_source_key key = key_of(2);
	unsigned int begun = 0;

	for (unsigned int i = 0; i < 1000; i++) { // a second
		packet_begins(limit, random() % WORKERS, &key, false);
		packets_arrive(limit);
		clocks(HZ / 1000);
	}
	begun = all_of(2);
	assert_in_range(begun, 48, 56);
}

/* A full ring loses nothing: what could not go back goes later. */
static void test_ring_full(void **state)
{
	const struct limit *limit = limit_to(LIMIT_CONNECTIONS, 2000);
	struct limit_source_key key = key_of(4);
	unsigned int home = limit_source_home(&workers[0], &key), worker = (home + 1) % WORKERS;

	for (unsigned int i = 0; i < 1500; i++) {
		packet_begins(limit, worker, &key, false);
		packets_arrive(limit);
	}
	assert_int_equal(has[worker][4], 1500);
	while (has[worker][4] > 0) // nobody reads
		connection_ends(worker, 4);
	assert_true(workers[worker].surplus > 0);
	unused_returns();
	assert_int_equal(limit_source_find(&workers[home], &key)->credit, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_never_above, begin, end),
		cmocka_unit_test_setup_teardown(test_one_has_all, begin, end),
		cmocka_unit_test_setup_teardown(test_rates, begin, end),
		cmocka_unit_test_setup_teardown(test_after_a_burst, begin, end),
		cmocka_unit_test_setup_teardown(test_new, begin, end),
		cmocka_unit_test_setup_teardown(test_ring_full, begin, end),
	};

	return cmocka_run_group_tests_name("balance_limit_source", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Handing packets between workers, and sleeping until some come. */
#include "io/handoff.c"

#include "environment.h"
#include "io/idle.h"
#include "io/pool.h"
#include "io/thread.h"

#include <time.h>

enum { WORKERS = 4, MANY = 20000 };

static struct rte_mbuf *packet(uint32_t number)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool_get(-1));

	assert_non_null(m);
	m->hash.rss = number;
	return m;
}

static int setup(void **state)
{
	struct error error;

	return handoff_start(WORKERS, &error);
}

static int teardown(void **state)
{
	unsigned int free_before = rte_mempool_avail_count(pool_get(-1));

	handoff_stop();
	assert_true(rte_mempool_avail_count(pool_get(-1)) >= free_before);
	return 0;
}

static void test_order_and_sources(void **state)
{
	struct rte_mbuf *in[8], *out[16];
	unsigned int count;

	assert_false(handoff_pending(2));
	for (unsigned int i = 0; i < 8; i++)
		in[i] = packet(i);
	assert_int_equal(handoff_send(0, 2, in, 3), 3);
	assert_int_equal(handoff_send(1, 2, in + 3, 3), 3);
	assert_int_equal(handoff_send(3, 2, in + 6, 2), 2);
	assert_true(handoff_pending(2));
	assert_false(handoff_pending(1));
	count = handoff_receive(2, out, 16);
	assert_int_equal(count, 8);
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(out[i]->hash.rss, i);
	assert_false(handoff_pending(2));
	assert_int_equal(handoff_receive(2, out, 16), 0);
	rte_pktmbuf_free_bulk(out, count);
}

/* A small batch leaves nothing behind for ever and nobody unserved. */
static void test_turns(void **state)
{
	struct rte_mbuf *in[12], *out[4];
	unsigned int of[WORKERS] = {0}, total = 0;

	for (unsigned int from = 1; from < WORKERS; from++) {
		for (unsigned int i = 0; i < 4; i++)
			in[i] = packet(from);
		assert_int_equal(handoff_send(from, 0, in, 4), 4);
	}
	for (unsigned int round = 0; round < 6; round++) {
		unsigned int count = handoff_receive(0, out, 2);

		assert_int_equal(count, 2);
		for (unsigned int i = 0; i < count; i++)
			of[out[i]->hash.rss]++;
		total += count;
		rte_pktmbuf_free_bulk(out, count);
		// After three rounds each sender has been served once.
		if (round == 2)
			for (unsigned int from = 1; from < WORKERS; from++)
				assert_int_equal(of[from], 2);
	}
	assert_int_equal(total, 12);
	assert_false(handoff_pending(0));
}

static void test_full(void **state)
{
	unsigned int sent = 0;
	struct rte_mbuf *m;

	for (;;) {
		m = packet(sent);
		if (handoff_send(0, 1, &m, 1) == 0)
			break;
		sent++;
	}
	assert_int_equal(sent, HANDOFF_RING_FEW - 1);
	rte_pktmbuf_free(m);
	// The rest is freed by handoff_stop() in teardown.
}

static struct idle idle;
static uint32_t received, out_of_order;

static bool pending(void *arg)
{
	return handoff_pending(1);
}

static void receiver_run(struct thread *self)
{
	struct rte_mbuf *packets[32];

	while (received < MANY) {
		unsigned int count = handoff_receive(1, packets, 32);

		for (unsigned int i = 0; i < count; i++)
			if (packets[i]->hash.rss != received++)
				out_of_order++;
		rte_pktmbuf_free_bulk(packets, count);
		// Ten seconds: a lost wake-up would fail the test by its time limit.
		if (count == 0 && received < MANY)
			idle_sleep(&idle, 10000000, pending, NULL);
	}
}

static void test_wake(void **state)
{
	static struct thread receiver;
	struct timespec pause = {.tv_nsec = 1000};

	assert_int_equal(idle_start(&idle), 0);
	assert_int_equal(thread_start(&receiver, "receiver", -1, receiver_run, NULL), 0);
	for (uint32_t i = 0; i < MANY; i++) {
		struct rte_mbuf *m = packet(i);

		while (handoff_send(0, 1, &m, 1) == 0)
			nanosleep(&pause, NULL);
		idle_wake(&idle);
		if (i % 50 == 0)
			nanosleep(&pause, NULL);
	}
	thread_stop(&receiver);
	idle_stop(&idle);
	assert_int_equal(received, MANY);
	assert_int_equal(out_of_order, 0);
}

static uint64_t now_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * UINT64_C(1000000) + t.tv_nsec / 1000;
}

static uint64_t sleep_wall, sleep_cpu;

static void sleeper_run(struct thread *self)
{
	uint64_t wall = now_us(CLOCK_MONOTONIC), cpu = now_us(CLOCK_THREAD_CPUTIME_ID);

	for (unsigned int i = 0; i < 100; i++)
		idle_sleep(&idle, 1000, NULL, NULL);
	sleep_wall = now_us(CLOCK_MONOTONIC) - wall;
	sleep_cpu = now_us(CLOCK_THREAD_CPUTIME_ID) - cpu;
}

static void test_sleep_is_as_long_as_asked(void **state)
{
	static struct thread sleeper;
	struct timespec while_it_sleeps = {.tv_nsec = 20000000};

	assert_int_equal(idle_start(&idle), 0);
	assert_int_equal(thread_start(&sleeper, "sleeper", -1, sleeper_run, NULL), 0);
	nanosleep(&while_it_sleeps, NULL);
	thread_stop(&sleeper);
	idle_stop(&idle);
	// Never shorter; longer only as a busy machine makes it. Cheap: far below a tenth.
	assert_true(sleep_wall >= 100 * 1000);
	assert_true(sleep_cpu < sleep_wall / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order_and_sources, setup, teardown),
		cmocka_unit_test_setup_teardown(test_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wake, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sleep_is_as_long_as_asked, setup, teardown),
	};
	struct pool_config config = {.buffers = 4096};
	struct error error;

	environment_start(64);
	if (pool_start(&config, 1, &error) < 0)
		return 1;
	return cmocka_run_group_tests_name("handoff", tests, NULL, NULL);
}

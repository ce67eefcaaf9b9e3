/* SPDX-License-Identifier: BSD-3-Clause */
/* Grace periods and deferred calls, with the workers played by hand and then by threads. */
#include "io/rcu.c"

#include "environment.h"
#include "io/thread.h"

#include <sched.h>

enum { WORKERS = 3 };

static unsigned int order[8], done_count;

static void done(void *arg)
{
	order[done_count++] = (uintptr_t)arg;
}

static int setup(void **state)
{
	done_count = 0;
	return rcu_start(WORKERS);
}

static int teardown(void **state)
{
	rcu_stop();
	return 0;
}

static void test_offline_holds_up_nobody(void **state)
{
	uint64_t token = rcu_token();

	assert_true(rcu_passed(token));
	rcu_worker_online(1);
	token = rcu_token();
	assert_false(rcu_passed(token));
	rcu_worker_offline(1);
	assert_true(rcu_passed(token));
}

static void test_all_must_pass(void **state)
{
	uint64_t token;

	for (unsigned int i = 0; i < WORKERS; i++)
		rcu_worker_online(i);
	token = rcu_token();
	rcu_worker_quiescent(0);
	rcu_worker_quiescent(1);
	assert_false(rcu_passed(token));
	rcu_worker_quiescent(2);
	assert_true(rcu_passed(token));
	for (unsigned int i = 0; i < WORKERS; i++)
		rcu_worker_offline(i);
}

static void test_deferred_in_order(void **state)
{
	rcu_worker_online(0);
	assert_int_equal(rcu_defer(done, (void *)1), 0);
	rcu_worker_quiescent(0);
	// The second begins after the worker was quiescent: only the first is due.
	assert_int_equal(rcu_defer(done, (void *)2), 0);
	assert_int_equal(rcu_poll(), 1);
	assert_int_equal(done_count, 1);
	rcu_worker_quiescent(0);
	assert_int_equal(rcu_defer(done, (void *)3), 0);
	assert_int_equal(rcu_poll(), 1);
	rcu_worker_offline(0);
	assert_int_equal(rcu_poll(), 0);
	assert_int_equal(done_count, 3);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(order[i], i + 1);
}

static void defer_again(void *arg)
{
	rcu_defer(done, arg);
}

static void test_stop_runs_what_is_left(void **state)
{
	rcu_worker_online(0);
	assert_int_equal(rcu_defer(defer_again, (void *)7), 0);
	assert_int_equal(rcu_poll(), 1);
	rcu_worker_offline(0);
	rcu_stop();
	assert_int_equal(done_count, 1);
	assert_int_equal(order[0], 7);
	assert_int_equal(rcu_start(WORKERS), 0);
}

/* Readers check an object that control replaces and poisons after each grace period. */
static uint64_t *published;
static uint64_t wrong;

static void reader_run(struct thread *self)
{
	unsigned int worker = (uintptr_t)self->arg;

	rcu_worker_online(worker);
	while (!thread_stopping(self)) {
		uint64_t *object = __atomic_load_n(&published, __ATOMIC_ACQUIRE);

		for (unsigned int i = 0; i < 20; i++)
			if (__atomic_load_n(object, __ATOMIC_RELAXED) != 1)
				__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
		rcu_worker_quiescent(worker);
		sched_yield();
	}
	rcu_worker_offline(worker);
}

static void poison(void *arg)
{
	__atomic_store_n((uint64_t *)arg, 0, __ATOMIC_RELAXED);
}

static void test_threads(void **state)
{
	static struct thread readers[WORKERS];
	uint64_t objects[4] = {1, 0, 0, 0};
	unsigned int at = 0;

	published = &objects[0];
	for (uintptr_t i = 0; i < WORKERS; i++)
		assert_int_equal(thread_start(&readers[i], "reader", -1, reader_run, (void *)i), 0);
	for (unsigned int round = 0; round < 200; round++) {
		uint64_t *old = &objects[at];

		at = (at + 1) % 4;
		while (__atomic_load_n(&objects[at], __ATOMIC_RELAXED) != 0) {
			rcu_poll();
			sched_yield();
		}
		objects[at] = 1;
		__atomic_store_n(&published, &objects[at], __ATOMIC_RELEASE);
		assert_int_equal(rcu_defer(poison, old), 0);
		rcu_poll();
	}
	for (unsigned int i = 0; i < WORKERS; i++)
		thread_stop(&readers[i]);
	assert_int_equal(rcu_poll(), 0);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_offline_holds_up_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_must_pass, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deferred_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_runs_what_is_left, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
	};

	environment_start(64);
	return cmocka_run_group_tests_name("rcu", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* The VM table: rows, numbers, the index while a worker reads it, and what is freed when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <time.h>
#include <pthread.h>

#define path_watch   fake_watch
#define path_release fake_release
#include "tunnel/vm_host.c"
#undef path_watch
#undef path_release
#include "tunnel/vm_table.c"
#include "tunnel/vm_learn.c"

#include "environment.h"

enum { MANY = 100000 };

static unsigned int watched;
static bool watch_fails, pass_is_over;
static unsigned int passes;

uint32_t fake_watch(const struct addr *destination)
{
	if (watch_fails)
		return 0;
	return ++watched;
}

void fake_release(uint32_t path)
{
	watched--;
}

static uint64_t pass_begin(void)
{
	return ++passes;
}

static bool pass_over(uint64_t pass)
{
	return pass_is_over;
}

static int setup(void **state)
{
	watched = passes = 0;
	watch_fails = pass_is_over = false;
	hash_start();
	assert_int_equal(rcu_start(2), 0);
	return vm_table_start();
}

static int teardown(void **state)
{
	vm_table_stop();
	assert_int_equal(watched, 0);
	rcu_stop();
	return 0;
}

static struct addr addr_of(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static struct vm_row row_of(uint32_t vni, const char *address, const char *host, uint8_t mac)
{
	return (struct vm_row){.vni = vni,
			       .addr = addr_of(address),
			       .host = addr_of(host),
			       .mac = {0xfa, 0x16, 0x3f, 0, 0, mac}};
}

static void add(uint32_t vni, const char *address, const char *host, uint8_t mac)
{
	struct vm_row row = row_of(vni, address, host, mac);

	assert_int_equal(vm_upsert(&row, 1, 0), 0);
}

static uint32_t find(uint32_t vni, const char *address)
{
	struct addr addr = addr_of(address);

	return vm_find(vni, &addr);
}

static int remove_vm(uint32_t vni, const char *address)
{
	struct addr addr = addr_of(address);

	return vm_remove(vni, &addr);
}

/* The table of the article: the same address in two VNIs is two VMs. */
static void test_zones(void **state)
{
	struct addr host = addr_of("2001:db8:9::1");
	struct vm_row row;

	add(96, "172.16.25.30", "10.162.10.13", 8);
	add(96, "172.16.25.23", "10.162.10.23", 9);
	add(101, "172.16.25.30", "10.192.20.2", 0x81);
	add(VNI_MAX, "2001:db8::30", "2001:db8:9::1", 0x82);
	assert_int_equal(vm_count(), 4);
	assert_int_equal(vm_host_count(), 4);
	assert_int_not_equal(find(96, "172.16.25.30"), find(101, "172.16.25.30"));
	assert_int_equal(find(97, "172.16.25.30"), 0);
	assert_int_equal(find(0, "172.16.25.30"), 0);
	assert_int_equal(find(VNI_MAX - 1, "2001:db8::30"), 0);
	vm_row_of(&vm_table[find(VNI_MAX, "2001:db8::30")], &row);
	assert_int_equal(row.vni, VNI_MAX);
	assert_int_equal(row.mac[5], 0x82);
	assert_true(addr_equal(&row.host, &host));
	assert_true(vni_is_known(96));
	assert_false(vni_is_known(97));
}

/* A VM that moves keeps its number, and its sessions see the new host at once. */
static void test_move(void **state)
{
	struct addr to = addr_of("10.0.0.2");
	uint32_t number;

	add(1, "10.1.0.1", "10.0.0.1", 1);
	add(1, "10.1.0.2", "10.0.0.1", 2);
	number = find(1, "10.1.0.1");
	assert_true(vm_host_is(vm_host_of(&vm_table[number]), addr_of("10.0.0.1").bytes, false));
	add(1, "10.1.0.1", "10.0.0.2", 3);
	assert_int_equal(find(1, "10.1.0.1"), number);
	assert_true(vm_host_is(vm_host_of(&vm_table[number]), to.bytes, false));
	assert_false(vm_host_is(vm_host_of(&vm_table[number]), to.bytes, true));
	assert_int_equal(vm_table[number].mac >> 40, 3);
	assert_int_equal(vm_host_count(), 2);
	add(1, "10.1.0.2", "10.0.0.2", 2);
	assert_int_equal(vm_host_count(), 1);
	assert_int_equal(vm_count(), 2);
}

/* A number is free after a grace period and a whole pass over the sessions, not before. */
static void test_removal(void **state)
{
	uint32_t number, again;

	add(1, "10.1.0.1", "10.0.0.1", 1);
	number = find(1, "10.1.0.1");
	rcu_worker_online(0);
	assert_int_equal(remove_vm(1, "10.1.0.9"), -ENOENT);
	assert_int_equal(remove_vm(1, "10.1.0.1"), 0);
	assert_int_equal(remove_vm(1, "10.1.0.1"), -ENOENT);
	assert_int_equal(find(1, "10.1.0.1"), 0);
	assert_null(vm_host_of(&vm_table[number]));
	assert_int_equal(vm_table[number].vni, 1); // a worker may be reading it
	assert_false(vni_is_known(1));
	assert_int_equal(vm_reap(pass_begin, pass_over), 1);
	assert_int_equal(passes, 0);
	add(1, "10.1.0.1", "10.0.0.1", 1);
	again = find(1, "10.1.0.1");
	assert_int_not_equal(again, number);
	rcu_worker_quiescent(0);
	assert_int_equal(vm_reap(pass_begin, pass_over), 1);
	assert_int_equal(passes, 1);
	assert_int_equal(vm_reap(pass_begin, pass_over), 1);
	pass_is_over = true;
	assert_int_equal(vm_reap(pass_begin, pass_over), 0);
	add(1, "10.1.0.2", "10.0.0.1", 1);
	assert_int_equal(find(1, "10.1.0.2"), number);
	rcu_worker_offline(0);
}

/* weir's own address may be a VM's as well, in a wrong configuration: neither loses the other. */
static void test_own(void **state)
{
	struct addr vip = addr_of("172.16.25.13");
	uint32_t number;

	assert_int_equal(vm_own_add(96, &vip), 0);
	assert_int_equal(vm_own_add(96, &vip), 0);
	number = find(96, "172.16.25.13");
	assert_int_equal(vm_table[number].own, 2);
	assert_int_equal(vm_count(), 0);
	assert_int_equal(remove_vm(96, "172.16.25.13"), -ENOENT);
	add(96, "172.16.25.13", "10.0.0.1", 1);
	assert_int_equal(find(96, "172.16.25.13"), number);
	assert_int_equal(vm_count(), 1);
	vm_own_remove(96, &vip);
	assert_int_equal(remove_vm(96, "172.16.25.13"), 0);
	assert_int_equal(find(96, "172.16.25.13"), number);
	vm_own_remove(96, &vip);
	assert_int_equal(find(96, "172.16.25.13"), 0);
	assert_false(vni_is_known(96));
}

/* Held for a real server, an address keeps its number with a VM and without. */
static void test_hold(void **state)
{
	struct addr addr = addr_of("172.16.25.30");
	uint32_t number = vm_hold(96, &addr);

	assert_int_not_equal(number, 0);
	assert_int_equal(vm_count(), 0);
	assert_null(vm_host_of(&vm_table[number]));
	add(96, "172.16.25.30", "10.0.0.1", 1);
	assert_int_equal(find(96, "172.16.25.30"), number);
	assert_int_equal(vm_hold(96, &addr), number);
	assert_int_equal(remove_vm(96, "172.16.25.30"), 0);
	assert_int_equal(find(96, "172.16.25.30"), number);
	vm_let_go(number);
	add(96, "172.16.25.30", "10.0.0.2", 2);
	assert_int_equal(find(96, "172.16.25.30"), number);
	vm_let_go(number);
	assert_int_equal(find(96, "172.16.25.30"), number);
	assert_int_equal(remove_vm(96, "172.16.25.30"), 0);
	assert_int_equal(find(96, "172.16.25.30"), 0);
}

/* Local addresses of a VNI are own ones; another list leaves no moment without what both have. */
static void test_locals(void **state)
{
	const struct addr one = addr_of("172.16.25.1"), other = addr_of("172.16.25.2");
	const struct addr both[] = {one, other};

	assert_null(vni_local_get(96));
	assert_int_equal(vni_local_set(96, both, 2), 0);
	assert_int_equal(vni_local_get(96)->count, 2);
	assert_true(vm_table[find(96, "172.16.25.2")].local);
	assert_int_equal(vni_local_set(96, &one, 1), 0);
	assert_true(vm_table[find(96, "172.16.25.1")].local);
	assert_int_equal(vm_table[find(96, "172.16.25.1")].own, 1);
	assert_int_equal(find(96, "172.16.25.2"), 0);
	assert_int_equal(vni_local_set(96, NULL, 0), 0);
	assert_null(vni_local_get(96));
	assert_int_equal(find(96, "172.16.25.1"), 0);
}

static void test_settings(void **state)
{
	const struct vni_settings trusted = {.mtu = 1400, .trusted = true};

	add(5, "10.1.0.1", "10.0.0.1", 1);
	vni_set(5, &trusted);
	vni_set(6, &trusted);
	assert_int_equal(vni_get(5).mtu, 1400);
	assert_true(vni_get(5).flags & VNI_TRUSTED);
	assert_true(vni_is_known(6));
	vni_set(5, NULL);
	vni_set(6, NULL);
	assert_true(vni_is_known(5));
	assert_false(vni_is_known(6));
	assert_false(vni_get(5).flags & VNI_TRUSTED);
}

/* The file is read again: what it no longer has goes, what another door made stays. */
static void test_marks(void **state)
{
	struct vm_row rows[3] = {row_of(1, "10.1.0.1", "10.0.0.1", 1),
				 row_of(1, "10.1.0.2", "10.0.0.1", 2),
				 row_of(1, "10.1.0.3", "10.0.0.1", 3)};
	uint32_t cursor = 0;

	rows[2].origin = 1;
	assert_int_equal(vm_upsert(rows, 3, 1), 0);
	assert_int_equal(vm_upsert(rows, 1, 2), 0);
	assert_int_equal(vm_remove_unmarked(0, 2), 1);
	assert_ptr_equal(vm_next(&cursor), &vm_table[find(1, "10.1.0.1")]);
	assert_ptr_equal(vm_next(&cursor), &vm_table[find(1, "10.1.0.3")]);
	assert_null(vm_next(&cursor));
}

/* Nothing changes when one row cannot be had. */
static void test_all_or_none(void **state)
{
	struct vm_row rows[2] = {row_of(1, "10.1.0.1", "10.0.0.1", 1),
				 row_of(1, "10.1.0.2", "10.0.0.2", 2)};

	add(1, "10.1.0.9", "10.0.0.1", 1);
	watch_fails = true;
	assert_int_equal(vm_upsert(rows, 2, 0), -ENOSPC);
	assert_int_equal(vm_count(), 1);
	assert_int_equal(vm_host_count(), 1);
	assert_int_equal(find(1, "10.1.0.1"), 0);
}

/* MANY VMs on thousands of hosts. */
static struct vm_row *rows_many(uint32_t count, uint8_t salt)
{
	struct vm_row *rows = calloc(count, sizeof(*rows));

	for (uint32_t i = 0; i < count; i++) {
		rows[i].vni = i % 1000;
		rows[i].addr = addr_v4(rte_cpu_to_be_32(0x0a000000 + i / 1000));
		rows[i].host = addr_v4(rte_cpu_to_be_32(0xac100000 + (i + salt) % 5000));
		memcpy(rows[i].mac, &i, 4);
	}
	return rows;
}

static void test_bulk(void **state)
{
	struct vm_row *rows = rows_many(MANY, 0), *moved = rows_many(MANY, 1);
	struct timespec begun, done;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begun);
	assert_int_equal(vm_upsert(rows, MANY, 0), 0);
	assert_int_equal(vm_upsert(moved, MANY, 0), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &done);
	print_message("%d rows in and moved: %ld ms\n", MANY,
		      (done.tv_sec - begun.tv_sec) * 1000 +
			      (done.tv_nsec - begun.tv_nsec) / 1000000);
	assert_int_equal(vm_count(), MANY);
	assert_int_equal(vm_host_count(), 5000);
	for (uint32_t i = 0; i < MANY; i++) {
		const struct vm *vm = &vm_table[vm_find(rows[i].vni, &rows[i].addr)];

		assert_memory_equal(&vm->mac, rows[i].mac, 4);
		assert_true(vm_host_is(vm_host_of(vm), moved[i].host.bytes, false));
	}
	for (uint32_t i = 0; i < MANY; i += 2)
		assert_int_equal(vm_remove(rows[i].vni, &rows[i].addr), 0);
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(!!vm_find(rows[i].vni, &rows[i].addr), i % 2);
	pass_is_over = true;
	while (vm_reap(pass_begin, pass_over) > 0)
		rcu_poll();
	assert_int_equal(vm_upsert(rows, MANY, 0), 0);
	assert_int_equal(high, MANY); // numbers were used again
	free(rows);
	free(moved);
}

/* A worker that looks up while the index grows, shrinks and is replaced under it. */
struct reader {
	const struct vm_row *rows;
	bool stop;
	uint64_t found, wrong;
};

static void *reader_main(void *arg)
{
	struct reader *r = arg;

	rcu_worker_online(1);
	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		for (uint32_t i = 0; i < 1000; i++) {
			uint32_t number = vm_find(r->rows[i].vni, &r->rows[i].addr);

			// The first thousand is always there, under its number.
			r->wrong += number == 0 || vm_table[number].vni != r->rows[i].vni;
			r->found++;
		}
		rcu_worker_quiescent(1);
	}
	rcu_worker_offline(1);
	return NULL;
}

static void test_while_read(void **state)
{
	struct vm_row *rows = rows_many(20000, 0);
	struct reader reader = {.rows = rows};
	pthread_t thread;

	assert_int_equal(vm_upsert(rows, 1000, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, reader_main, &reader), 0);
	pass_is_over = true;
	for (unsigned int turn = 0; turn < 10; turn++) {
		assert_int_equal(vm_upsert(rows, 20000, 0), 0);
		for (uint32_t i = 1000; i < 20000; i++)
			assert_int_equal(vm_remove(rows[i].vni, &rows[i].addr), 0);
		vm_reap(pass_begin, pass_over);
		rcu_poll();
	}
	while (vm_reap(pass_begin, pass_over) > 0)
		rcu_poll();
	__atomic_store_n(&reader.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(reader.wrong, 0);
	free(rows);
}

/* Learned rows age by the clocks of all workers, those of doors do not. */
static void test_ageing(void **state)
{
	const struct vni_settings learns = {.learn = true, .learn_max = 1000, .learn_age = 58};
	static struct vm_learner learners[2];
	struct vm_learner *const both[2] = {&learners[0], &learners[1]};
	uint16_t seconds[2] = {65500, 20};
	struct vm_heard heard = {.vni = 7, .host = addr_of("10.0.0.1"), .mac = {2, 0, 0, 0, 0, 1}};
	uint32_t first, second;

	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(vm_learner_create(&learners[i]), 0);
	vm_learn_clock(1000);
	add(7, "10.1.0.1", "10.0.0.1", 1);
	vni_set(7, &learns);
	heard.addr = addr_of("10.1.0.2");
	assert_true(vm_learn_hear(&learners[0], &heard));
	assert_true(vm_learn_hear(&learners[0], &heard)); // twice is once
	assert_int_equal(vm_learn_gather(&learners[0]), 1);
	heard.addr = addr_of("10.1.0.3");
	assert_true(vm_learn_hear(&learners[1], &heard));
	assert_int_equal(vm_learn_gather(&learners[1]), 1);
	assert_int_equal(vm_learn_count(7), 2);
	first = find(7, "10.1.0.2");
	second = find(7, "10.1.0.3");
	for (unsigned int i = 0; i < 59; i++) {
		vm_learn_clock(1001 + i);
		seconds[0]++; // this one's goes round
		seconds[1]++;
		vm_learn_expire(both, seconds, 2);
	}
	assert_int_equal(vm_learn_count(7), 2);
	assert_int_equal(vm_learn_age(&vm_table[first]), 59);
	vm_learn_spoke(&learners[0], first, seconds[0]);
	vm_learn_spoke(&learners[1], second, seconds[1] + 1); // its clock went on meanwhile
	vm_learn_expire(both, seconds, 2);
	assert_int_equal(vm_learn_age(&vm_table[first]), 0);
	assert_int_equal(vm_learn_age(&vm_table[second]), 0);
	seconds[0] += 59;
	seconds[1] += 59;
	vm_learn_clock(1059 + 59);
	vm_learn_expire(both, seconds, 2);
	assert_int_equal(vm_learn_count(7), 2);
	vm_learn_spoke(&learners[1], first, seconds[1]);
	seconds[0] += 2;
	seconds[1] += 2;
	vm_learn_clock(1059 + 61);
	vm_learn_expire(both, seconds, 2);
	assert_int_equal(vm_learn_count(7), 1);
	assert_int_equal(find(7, "10.1.0.3"), 0);
	assert_int_equal(find(7, "10.1.0.2"), first);
	assert_int_equal(vm_count(), 2);
	assert_int_equal(remove_vm(7, "10.1.0.2"), 0);
	assert_int_equal(vm_learn_count(7), 0);
	for (unsigned int i = 0; i < 2; i++)
		vm_learner_destroy(&learners[i]);
}

#define row_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		row_test(test_zones),	 row_test(test_move),	    row_test(test_removal),
		row_test(test_own),	 row_test(test_hold),	    row_test(test_locals),
		row_test(test_settings), row_test(test_marks),	    row_test(test_all_or_none),
		row_test(test_bulk),	 row_test(test_while_read), row_test(test_ageing),
	};

	environment_start(64);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

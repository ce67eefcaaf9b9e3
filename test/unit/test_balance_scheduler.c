/* SPDX-License-Identifier: BSD-3-Clause */

/* Schedulers by themselves: their choices over many rounds and for any weights. */
#include "balance/sched_rr.c"
#include "balance/sched_wlc.c"
#include "balance/sched_wrr.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SERVERS = 12 };

static struct service_state states[2];
static struct server_count counts[SERVERS + 1];
static struct balancer balancer = {.service_states = states, .server_counts = counts};
static struct service_server servers[SERVERS];
static struct service service = {.number = 1, .servers = servers};

static uint32_t gcd(uint32_t a, uint32_t b)
{
	return b ? gcd(b, a % b) : a;
}

static int heavier_first(const void *a, const void *b)
{
	const struct service_server *x = a, *y = b;

	return x->weight == y->weight ? 0 : x->weight > y->weight ? -1 : 1;
}

/* A service as service_publish() makes it. */
static void make(unsigned int count, uint32_t weight_max)
{
	service.server_count = count;
	service.weight_gcd = 0;
	for (unsigned int i = 0; i < count; i++) {
		servers[i] = (struct service_server){i + 1, 1 + random() % weight_max};
		service.weight_gcd = gcd(service.weight_gcd, servers[i].weight);
	}
	qsort(servers, count, sizeof(*servers), heavier_first);
	service.weight_max = servers[0].weight;
}

static void begin(void)
{
	memset(states, 0, sizeof(states));
	memset(counts, 0, sizeof(counts));
}

static void test_rr(void **state)
{
	begin();
	for (unsigned int count = 1; count <= SERVERS; count++) {
		unsigned int seen[SERVERS + 1] = {0};

		make(count, 1);
		for (unsigned int i = 0; i < count * 5; i++)
			seen[scheduler_rr.choose(&balancer, &service, random())]++;
		for (unsigned int i = 1; i <= count; i++)
			assert_int_equal(seen[i], 5);
	}
}

/* In each full round every server is chosen exactly as often as its weight says. */
static void test_wrr(void **state)
{
	for (unsigned int round = 0; round < 200; round++) {
		unsigned int seen[SERVERS + 1] = {0}, all = 0;

		begin();
		make(1 + random() % SERVERS, 1 + random() % 50);
		for (unsigned int i = 0; i < service.server_count; i++)
			all += servers[i].weight / service.weight_gcd;
		for (unsigned int i = 0; i < all * 3; i++)
			seen[scheduler_wrr.choose(&balancer, &service, random())]++;
		for (unsigned int i = 0; i < service.server_count; i++)
			assert_int_equal(seen[servers[i].server],
					 3 * (servers[i].weight / service.weight_gcd));
	}
}

/* The service may change under way: the choice is a server of it, and soon is fair again. */
static void test_wrr_changes(void **state)
{
	begin();
	for (unsigned int round = 0; round < 2000; round++) {
		make(1 + random() % SERVERS, 1 + random() % 20);
		for (unsigned int i = random() % 40; i > 0; i--) {
			uint32_t server = scheduler_wrr.choose(&balancer, &service, 0);
			bool found = false;

			for (unsigned int j = 0; j < service.server_count; j++)
				found |= servers[j].server == server;
			assert_true(found);
		}
	}
}

/* Largest weights there are: 32-bit products would wrap. */
static void test_wlc_large(void **state)
{
	begin();
	service.server_count = 2;
	servers[0] = (struct service_server){1, 65535};
	servers[1] = (struct service_server){2, 65534};
	counts[1].active = 10000000;
	counts[2].active = 9999000;
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(scheduler_wlc.choose(&balancer, &service, 0), 2);
	counts[2].elsewhere = 300000;
	assert_int_equal(scheduler_wlc.choose(&balancer, &service, 0), 1);
}

/* Loads stay proportional to weights, whatever the weights are. */
static void test_wlc(void **state)
{
	for (unsigned int round = 0; round < 50; round++) {
		unsigned int weights = 0, connections = 0;

		begin();
		make(1 + random() % SERVERS, 1 + random() % 20);
		for (unsigned int i = 0; i < service.server_count; i++)
			weights += servers[i].weight;
		for (; connections < weights * 20; connections++)
			counts[scheduler_wlc.choose(&balancer, &service, 0)].active++;
		for (unsigned int i = 0; i < service.server_count; i++)
			assert_in_range(counts[servers[i].server].active,
					servers[i].weight * 20 - 1, servers[i].weight * 20 + 1);
	}
}

/* With nothing to tell them apart, servers take turns. */
static void test_wlc_equal(void **state)
{
	unsigned int seen[SERVERS + 1] = {0};

	begin();
	make(SERVERS, 1);
	for (unsigned int i = 0; i < SERVERS * 10; i++)
		seen[scheduler_wlc.choose(&balancer, &service, 0)]++;
	for (unsigned int i = 1; i <= SERVERS; i++)
		assert_int_equal(seen[i], 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rr),	    cmocka_unit_test(test_wrr),
		cmocka_unit_test(test_wrr_changes), cmocka_unit_test(test_wlc_large),
		cmocka_unit_test(test_wlc),	    cmocka_unit_test(test_wlc_equal),
	};

	return cmocka_run_group_tests_name("scheduler", tests, NULL, NULL);
}

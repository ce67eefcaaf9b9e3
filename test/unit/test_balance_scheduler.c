/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Schedulers by themselves: their choices over many rounds and for any weights; how evenly those
 * spread that go by address, and how few clients move when a server leaves.
 */
#include "balance/least.h"
#include "balance/sched_conhash.c"
#include "balance/sched_dh.c"
#include "balance/sched_fo.c"
#include "balance/sched_lc.c"
#include "balance/sched_mh.c"
#include "balance/sched_nq.c"
#include "balance/sched_p2c.c"
#include "balance/sched_rr.c"
#include "balance/sched_sed.c"
#include "balance/sched_sh.c"
#include "balance/sched_wlc.c"
#include "balance/sched_wrr.c"
#include "balance/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SERVERS = 12, MANY = 100, CLIENTS = 100000 };

static struct service_state states[2];
static struct server_count counts[MANY + 1];
static struct balancer balancer = {.service_states = states, .server_counts = counts};
static struct service_server servers[MANY];
static struct service service = {.number = 1, .servers = servers};

/* The first packet of a client, whose address and port come from a number. */
static const struct pkt *client(uint32_t number)
{
	static struct pkt p;

	memset(&p, 0, sizeof(p));
	p.key4.source = htobe32(0x0a000000 + number);
	p.key4.source_port = htobe16(1024 + number % 60000);
	p.key4.destination = htobe32(0xc0a80001 + number % 251);
	p.hash = number * 2654435761u;
	p.hash ^= p.hash >> 15;
	p.hash *= 2246822519u;
	return &p;
}

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

/* Servers of these weights, added in an order of its own, with what the scheduler prepares. */
static void prepare(const struct scheduler *scheduler, unsigned int count, uint32_t weight,
		    unsigned int without)
{
	service.server_count = 0;
	service.weight_gcd = 0;
	for (unsigned int i = 0; i < count; i++) {
		if (i + 1 == without)
			continue;
		servers[service.server_count++] = (struct service_server){i + 1, weight};
		service.weight_gcd = gcd(service.weight_gcd, weight);
	}
	service.weight_max = weight;
	free(service.scheduler_data);
	service.scheduler_data = scheduler->prepare ? scheduler->prepare(&service) : NULL;
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
			seen[scheduler_rr.choose(&balancer, &service, client(random()))]++;
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
			seen[scheduler_wrr.choose(&balancer, &service, client(random()))]++;
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
			uint32_t server = scheduler_wrr.choose(&balancer, &service, client(0));
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
		assert_int_equal(scheduler_wlc.choose(&balancer, &service, client(0)), 2);
	counts[2].elsewhere = 300000;
	assert_int_equal(scheduler_wlc.choose(&balancer, &service, client(0)), 1);
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
			counts[scheduler_wlc.choose(&balancer, &service, client(0))].active++;
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
		seen[scheduler_wlc.choose(&balancer, &service, client(0))]++;
	for (unsigned int i = 1; i <= SERVERS; i++)
		assert_int_equal(seen[i], 10);
}

/* Pearson's measure over all servers; 99.99 % of fair spreads over 16 servers stay below 44. */
static double chi_square(const struct scheduler *scheduler, unsigned int clients)
{
	unsigned int seen[MANY + 1] = {0};
	double sum = 0, expected = (double)clients / service.server_count;

	for (unsigned int i = 0; i < clients; i++)
		seen[scheduler->choose(&balancer, &service, client(i * 2654435761u >> 8))]++;
	for (unsigned int i = 0; i < service.server_count; i++) {
		double off = seen[servers[i].server] - expected;

		sum += off * off / expected;
	}
	return sum;
}

static void test_spread(void **state)
{
	static const struct scheduler *const even[] = {&scheduler_sh, &scheduler_mh, &scheduler_p2c,
						       &scheduler_rr, &scheduler_wrr};

	for (unsigned int i = 0; i < sizeof(even) / sizeof(*even); i++) {
		begin();
		prepare(even[i], 16, 10, 0);
		assert_true(chi_square(even[i], CLIENTS) < 44);
	}
	// A ring of 160 points for each server is uneven by 8 % of a share, as one deviation.
	prepare(&scheduler_conhash, 16, 10, 0);
	assert_true(chi_square(&scheduler_conhash, CLIENTS) < CLIENTS / 16 * 16 * 0.02);
}

/* By load: each connection that stays makes the next one go elsewhere, so nothing is left to chance. */
static void test_spread_by_load(void **state)
{
	static const struct scheduler *const all[] = {&scheduler_lc, &scheduler_wlc, &scheduler_sed,
						      &scheduler_nq};

	for (unsigned int i = 0; i < sizeof(all) / sizeof(*all); i++) {
		double sum = 0;

		begin();
		prepare(all[i], 16, 10, 0);
		for (unsigned int c = 0; c < 1600 * 4; c++)
			counts[all[i]->choose(&balancer, &service, client(c))].active++;
		for (unsigned int s = 1; s <= 16; s++)
			sum += (counts[s].active - 400.0) * (counts[s].active - 400.0) / 400;
		assert_true(sum < 44);
	}
}

/* dh goes by the destination, which spreads evenly too; fo has one server for all. */
static void test_spread_of_destinations(void **state)
{
	unsigned int seen[MANY + 1] = {0};
	double sum = 0, expected = CLIENTS / 16.0;
	struct pkt p = *client(1);

	begin();
	prepare(&scheduler_dh, 16, 10, 0);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		p.key4.destination = htobe32(0x0b000000 + i);
		seen[scheduler_dh.choose(&balancer, &service, &p)]++;
	}
	for (unsigned int s = 1; s <= 16; s++)
		sum += (seen[s] - expected) * (seen[s] - expected) / expected;
	assert_true(sum < 44);
	prepare(&scheduler_fo, 16, 10, 0);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(scheduler_fo.choose(&balancer, &service, client(i)), 1);
}

/* Of those that go by address: a client keeps its server whatever the order of adding. */
static void test_order_does_not_matter(void **state)
{
	static const struct scheduler *const all[] = {&scheduler_sh, &scheduler_dh, &scheduler_mh,
						      &scheduler_conhash};

	for (unsigned int i = 0; i < sizeof(all) / sizeof(*all); i++) {
		uint32_t first[1000];

		prepare(all[i], MANY, 7, 0);
		for (unsigned int c = 0; c < 1000; c++)
			first[c] = all[i]->choose(&balancer, &service, client(c));
		for (unsigned int k = 0; k < MANY; k++) {
			struct service_server swap = servers[k];
			unsigned int with = random() % MANY;

			servers[k] = servers[with];
			servers[with] = swap;
		}
		free(service.scheduler_data);
		service.scheduler_data = all[i]->prepare(&service);
		for (unsigned int c = 0; c < 1000; c++)
			assert_int_equal(all[i]->choose(&balancer, &service, client(c)), first[c]);
	}
}

/* Where clients are sent, by address; with weights that go by address too. */
static void addresses_choose(const struct scheduler *scheduler, const struct addr *addresses,
			     unsigned int count, struct addr chosen[1000])
{
	static struct server table[MANY + 1];
	struct server *before = server_table;

	server_table = table;
	service.server_count = count;
	service.weight_gcd = 1;
	service.weight_max = 0;
	for (unsigned int i = 0; i < count; i++) {
		// Numbers are given from the other end.
		struct server *server = &table[MANY - i];

		server->addr = addresses[i];
		server->port = htobe16(80);
		servers[i] = (struct service_server){MANY - i, 1 + server->addr.bytes[3] % 5};
		if (servers[i].weight > service.weight_max)
			service.weight_max = servers[i].weight;
	}
	free(service.scheduler_data);
	service.scheduler_data = scheduler->prepare(&service);
	for (unsigned int c = 0; c < 1000; c++)
		chosen[c] = table[scheduler->choose(&balancer, &service, client(c))].addr;
	server_table = before;
}

/* Two gateways that know the same servers by other numbers and in another order, and one lost one. */
static void test_gateways_agree(void **state)
{
	static const struct scheduler *const all[] = {&scheduler_sh, &scheduler_dh, &scheduler_mh,
						      &scheduler_conhash};
	static struct addr first[1000], second[1000];
	struct addr addresses[MANY];

	service.scheduler_flags = SCHEDULER_PORT;
	for (unsigned int i = 0; i < sizeof(all) / sizeof(*all); i++) {
		for (unsigned int k = 0; k < MANY; k++)
			addresses[k] = addr_v4(htobe32(0xc0a80000 + k * 3));
		addresses_choose(all[i], addresses, MANY, first);
		for (unsigned int k = 0; k < MANY; k++)
			addresses[k] = addr_v4(htobe32(0xc0a80000 + (MANY - 1 - k) * 3));
		addresses_choose(all[i], addresses, MANY - 1, second);
		addresses_choose(all[i], addresses, MANY, second);
		assert_memory_equal(first, second, sizeof(first));
	}
	service.scheduler_flags = 0;
}

/* One of 100 servers leaves: share of the others' clients that get another server, in percent. */
static double moved(const struct scheduler *scheduler, unsigned int gone)
{
	static uint32_t before[CLIENTS];
	unsigned int others = 0, moves = 0;

	prepare(scheduler, MANY, 3, 0);
	for (unsigned int c = 0; c < CLIENTS; c++)
		before[c] = scheduler->choose(&balancer, &service, client(c));
	prepare(scheduler, MANY, 3, gone);
	for (unsigned int c = 0; c < CLIENTS; c++) {
		if (before[c] == gone)
			continue;
		others++;
		moves += scheduler->choose(&balancer, &service, client(c)) != before[c];
	}
	return 100.0 * moves / others;
}

static void test_a_server_leaves(void **state)
{
	for (unsigned int gone = 1; gone <= MANY; gone += 9) {
		assert_true(moved(&scheduler_mh, gone) < 0.8);
		assert_true(moved(&scheduler_conhash, gone) == 0);
	}
}

/* Weights of those that go by address. */
static void test_shares_by_weight(void **state)
{
	static const struct scheduler *const all[] = {&scheduler_sh, &scheduler_mh,
						      &scheduler_conhash};

	for (unsigned int i = 0; i < sizeof(all) / sizeof(*all); i++) {
		unsigned int seen[MANY + 1] = {0};

		prepare(all[i], 4, 1, 0);
		servers[0].weight = service.weight_max = 5;
		free(service.scheduler_data);
		service.scheduler_data = all[i]->prepare(&service);
		for (unsigned int c = 0; c < CLIENTS; c++)
			seen[all[i]->choose(&balancer, &service, client(c))]++;
		assert_in_range(seen[1], CLIENTS * 5 / 8 * 85 / 100, CLIENTS * 5 / 8 * 115 / 100);
		for (unsigned int s = 2; s <= 4; s++)
			assert_in_range(seen[s], CLIENTS / 8 * 75 / 100, CLIENTS / 8 * 125 / 100);
	}
}

/* The port of the client counts only when the service says so. */
static void test_port_flag(void **state)
{
	struct pkt a = *client(7), b = a;
	unsigned int differ = 0;

	prepare(&scheduler_mh, MANY, 1, 0);
	for (unsigned int port = 1; port < 200; port++) {
		b.key4.source_port = port;
		assert_int_equal(scheduler_mh.choose(&balancer, &service, &a),
				 scheduler_mh.choose(&balancer, &service, &b));
	}
	service.scheduler_flags = SCHEDULER_PORT;
	for (unsigned int port = 1; port < 200; port++) {
		b.key4.source_port = port;
		differ += scheduler_mh.choose(&balancer, &service, &a) !=
			  scheduler_mh.choose(&balancer, &service, &b);
	}
	service.scheduler_flags = 0;
	assert_true(differ > 100);
}

/* What every director computes, today and after an update: a change here moves clients. */
static void test_stable(void **state)
{
	assert_int_equal(hash_stable("\x0a\x00\x00\x01", 4) % MH_PLACES, 35762);
	assert_int_equal(hash_stable("abcdefghijklmnop", 16) % MH_PLACES, 62722);
}

/* By load: idle servers first, what is coming counted in, weights seen or not. */
static void test_by_load(void **state)
{
	begin();
	prepare(&scheduler_nq, 3, 1, 0);
	servers[0].weight = 10;
	counts[1].active = 1;
	assert_int_equal(scheduler_nq.choose(&balancer, &service, client(1)), 2);
	assert_int_equal(scheduler_sed.choose(&balancer, &service, client(1)), 1);
	assert_int_equal(scheduler_fo.choose(&balancer, &service, client(1)), 1);
	counts[2].active = counts[3].active = 1;
	counts[1].active = 8;
	assert_int_equal(scheduler_nq.choose(&balancer, &service, client(1)), 1);
	assert_int_not_equal(scheduler_lc.choose(&balancer, &service, client(1)), 1);
	assert_int_equal(scheduler_wlc.choose(&balancer, &service, client(1)), 1);
}

/* Two choices keep the fullest server close to the average, weights counted. */
static void test_p2c(void **state)
{
	begin();
	prepare(&scheduler_p2c, SERVERS, 1, 0);
	for (unsigned int i = 0; i < SERVERS * 100; i++)
		counts[scheduler_p2c.choose(&balancer, &service, client(random()))].active++;
	for (unsigned int i = 1; i <= SERVERS; i++)
		assert_in_range(counts[i].active, 95, 105);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rr),
		cmocka_unit_test(test_wrr),
		cmocka_unit_test(test_wrr_changes),
		cmocka_unit_test(test_wlc_large),
		cmocka_unit_test(test_wlc),
		cmocka_unit_test(test_wlc_equal),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_spread_by_load),
		cmocka_unit_test(test_spread_of_destinations),
		cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_gateways_agree),
		cmocka_unit_test(test_a_server_leaves),
		cmocka_unit_test(test_shares_by_weight),
		cmocka_unit_test(test_port_flag),
		cmocka_unit_test(test_stable),
		cmocka_unit_test(test_by_load),
		cmocka_unit_test(test_p2c),
	};
	struct server table[MANY + 1];

	memset(table, 0, sizeof(table));
	for (unsigned int i = 1; i <= MANY; i++) {
		table[i].addr = addr_v4(htobe32(0xc0a80000 + i * 3));
		table[i].port = htobe16(80);
	}
	server_table = table;

	return cmocka_run_group_tests_name("scheduler", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/* Limits: what a server, a service and a source may have, and what becomes of the rest. */
#include "lab.h"

#include <string.h>

#include "balance/overload.h"
#include "io/rcu.h"

static const char *const servers[3] = {"192.168.1.1:80", "192.168.1.2:80", "192.168.1.3:80"};

static unsigned int held(const char *endpoint)
{
	const struct server_count *c = &lab.w->balancer.server_counts[lab_server(endpoint)];

	return c->active + c->inactive;
}

static void clients(unsigned int count, uint16_t port)
{
	for (unsigned int i = 0; i < count; i++) {
		put(.from = CLIENT, .from_port = port + i, .to = VIP ":80", .tcp = SYN);
		run();
		lab_forget();
	}
}

/* A reset from a client whose connection is to one server: the state goes, and the session soon. */
static void sessions_end(const char *endpoint, unsigned int count)
{
	uint32_t server = lab_server(endpoint);

	for (uint32_t i = 1; i <= lab.w->table.pool[0].high && count > 0; i++) {
		if (lab.w->table.narrow[i].state == STATE_NONE ||
		    lab.w->table.narrow[i].server != server)
			continue;
		session_end(lab.w, i);
		count--;
	}
	assert_int_equal(count, 0);
	lab.w->ended = false;
}

/* Every scheduler fills the servers up to their thresholds, and then the packet has its name. */
static void test_schedulers(void **state)
{
	static const char *const names[] = {"rr",  "wrr", "lc", "wlc", "sed",	  "nq",
					    "p2c", "sh",  "dh", "mh",  "conhash", "fo"};

	for (unsigned int i = 0; i < 12; i++) {
		lab_flush();
		service(.vip = VIP ":80", .scheduler = names[i],
			.servers = {servers[0], servers[1], servers[2]}, .weights = {1, 7, 2},
			.upper = {5, 9, 3});
		clients(17, 1000);
		assert_int_equal(held(servers[0]), 5);
		assert_int_equal(held(servers[1]), 9);
		assert_int_equal(held(servers[2]), 3);
		clients(1, 2000);
		expect_drop(servers_overloaded);
		// One without a threshold takes the rest.
		service(.vip = VIP ":80", .scheduler = names[i],
			.servers = {servers[0], servers[1], servers[2]}, .weights = {1, 7, 2},
			.upper = {5, 9, 0});
		clients(10, 3000);
		assert_int_equal(held(servers[2]), 13);
		assert_int_equal(held(servers[1]), 9);
	}
}

/* As in LVS: full at the upper one, and again below the lower one, or below three quarters. */
static void test_hysteresis(void **state)
{
	service(.vip = VIP ":80", .servers = {servers[0]}, .upper = {10}, .lower = {4});
	clients(10, 1000);
	sessions_end(servers[0], 1);
	clients(1, 2000);
	expect_drop(servers_overloaded);
	sessions_end(servers[0], 5);
	assert_int_equal(held(servers[0]), 4);
	clients(1, 2000);
	expect_drop(servers_overloaded);
	sessions_end(servers[0], 1);
	clients(7, 2000);
	assert_int_equal(held(servers[0]), 10);
	clients(1, 3000);
	expect_drop(servers_overloaded);
	// A higher one lets it go on at once.
	service(.vip = VIP ":80", .servers = {servers[0]}, .upper = {11});
	clients(1, 3000);
	assert_int_equal(held(servers[0]), 11);
	sessions_end(servers[0], 2);
	clients(1, 4000);
	expect_drop(servers_overloaded); // 9, three quarters of 11 are 8.25
	sessions_end(servers[0], 1);
	clients(3, 4000);
	assert_int_equal(held(servers[0]), 11);
	service(.vip = VIP ":80", .servers = {servers[0]});
	clients(5, 5000);
	assert_int_equal(held(servers[0]), 16);
}

/* Never above, whatever comes and goes. */
static void test_upper_is_1(void **state)
{
	service(.vip = VIP ":80", .servers = {servers[0]}, .upper = {1});
	clients(1, 1000);
	clients(1, 1001);
	expect_drop(servers_overloaded);
	sessions_end(servers[0], 1);
	clients(1, 1002);
	assert_int_equal(held(servers[0]), 1);
}

/* The template's server is full: its client goes elsewhere, and is there from now on. */
static void test_persistent(void **state)
{
	service(.vip = VIP ":80", .servers = {servers[0], servers[1]}, .upper = {3, 9},
		.persistent = 300);
	clients(3, 1000);
	assert_int_equal(held(servers[0]) + held(servers[1]), 3);
	clients(9, 2000);
	assert_int_equal(held(servers[0]), 3);
	assert_int_equal(held(servers[1]), 9);
	clients(1, 3000);
	expect_drop(servers_overloaded);
}

/* What is established goes on while its server is full. */
static void test_established(void **state)
{
	service(.vip = VIP ":80", .upper = {1});
	lab_connect(&ends4);
	clients(1, 2000);
	expect_drop(servers_overloaded);
	exchange({{.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK},
		  {.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK}});
}

/* So many packets were dropped because the servers are full, since somebody asked. */
static unsigned int refusals(struct worker *w)
{
	unsigned int count = w->drops[DROP_servers_overloaded] -
			     lab.drops_seen[w->index][DROP_servers_overloaded];

	if (count > 0)
		expect_drops(servers_overloaded, count);
	return count;
}

/* Two workers: each has its lease, together never above; control moves them. */
static void test_workers(void **state)
{
	uint32_t server;
	uint64_t all = 0, refused = 0;

	lab_resize(2, 1000, 1000, 0);
	service(.vip = VIP ":80", .servers = {servers[0]}, .upper = {20});
	server = lab_server(servers[0]);
	for (unsigned int round = 0; round < 40; round++) {
		for (unsigned int i = 0; i < 4; i++) {
			put(.from = CLIENT, .from_port = 1000 + round * 4 + i, .to = VIP ":80",
			    .tcp = SYN);
			run();
			lab_take_over(1);
			lab_forget();
			lab.w = &lab.worker[0];
		}
		all = 0;
		for (unsigned int i = 0; i < 2; i++) {
			const struct server_count *c = &counts_servers(i)[server];

			all += c->active + c->inactive;
		}
		assert_true(all <= 20);
		overload_tick();
		rcu_poll();
	}
	assert_int_equal(all, 20);
	assert_true(overload_is_on(server));
	for (unsigned int i = 0; i < 2; i++) {
		lab.w = &lab.worker[i];
		refused += refusals(lab.w);
	}
	assert_int_equal(refused, 140);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_schedulers), lab_test(test_hysteresis),  lab_test(test_upper_is_1),
		lab_test(test_persistent), lab_test(test_established), lab_test(test_workers),
	};

	return cmocka_run_group_tests_name("limits", tests, lab_start, lab_stop);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/* Local ports: how many there are, who gets which, and what is full. */
#include "lab.h"

#include <string.h>

#include "balance/ports.h"

enum { ALL = 65536 - PORTS_FIRST };

/* Many clients connect; what goes to servers is not looked at. */
static void clients_connect(unsigned int count, unsigned int first)
{
	for (unsigned int i = 0; i < count; i++) {
		char client[ADDR_TEXT];
		unsigned int number = first + i;

		snprintf(client, sizeof(client), "10.1.%u.1", number / 60000);
		put(.from = client, .from_port = 1 + number % 60000, .to = VIP ":80", .tcp = SYN);
		if (lab.w->batch.count == BATCH || i == count - 1) {
			run();
			lab_forget();
		}
	}
}

static uint8_t port_seen[65536];

static void ports_note(void)
{
	const struct table *t = &lab.w->table;

	memset(port_seen, 0, sizeof(port_seen));
	for (uint32_t i = 1; i <= t->pool[0].high; i++) {
		uint16_t port = rte_be_to_cpu_16(t->narrow[i].key4[1].destination_port);

		if (t->narrow[i].state == STATE_NONE)
			continue;
		assert_true(port >= PORTS_FIRST);
		assert_int_equal(port_seen[port], 0);
		port_seen[port] = 1;
	}
}

/* One local address and one server: 64,512 connections, then a clear refusal, then again. */
static void test_all_ports(void **state)
{
	lab_resize(1, ALL + 1000, 0, 0);
	service(.vip = VIP ":80");
	clients_connect(ALL, 0);
	assert_int_equal(lab_sessions(), ALL);
	ports_note();
	for (unsigned int port = PORTS_FIRST; port < 65536; port++)
		assert_int_equal(port_seen[port], 1);
	clients_connect(3, ALL);
	expect_drops(no_local_port, 3);
	assert_int_equal(lab.w->balancer.ports_exhausted, 3);
	// Another server has all ports again, and so has the same one from another local address.
	service(.vip = VIP ":80", .servers = {SERVER_B ":80"});
	clients_connect(500, ALL);
	service(.vip = VIP ":80", .locals = {LOCAL, LOCAL_B});
	clients_connect(500, ALL + 500);
	assert_int_equal(lab_sessions(), ALL + 1000);
	// Half-open ones end after 30 s, and their ports are free.
	lab_advance(32);
	assert_int_equal(lab_sessions(), 0);
	service(.vip = VIP ":80", .locals = {LOCAL});
	clients_connect(ALL, 2 * ALL);
	assert_int_equal(lab_sessions(), ALL);
}

/* The port that was used longest ago comes first, once a map is there and before. */
static void test_oldest_first(void **state)
{
	uint16_t ports[40];

	service(.vip = VIP ":80");
	for (unsigned int i = 0; i < 40; i++) {
		put(.from = CLIENT, .from_port = 4000 + i, .to = VIP ":80", .tcp = SYN);
		run();
		expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
		ports[i] = lab.remembered;
		for (unsigned int j = 0; j < i; j++)
			assert_int_not_equal(ports[i], ports[j]);
		put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = RST);
		run();
		lab_forget();
		lab_advance(5);
	}
	assert_int_equal(lab_sessions(), 0);
}

/* Ports in the way are skipped, and soon are known in a map; what is freed is found again. */
static void test_busy_pair(void **state)
{
	uint16_t first;

	lab_resize(1, 5000, 0, 0);
	service(.vip = VIP ":80");
	clients_connect(1, 0);
	lab_flush(); // what is left is the pair
	lab_next_port(20000);
	clients_connect(3000, 1);
	lab_next_port(20000);
	assert_int_equal(lab.w->balancer.ports.map_high, 0);
	put(.from = CLIENT ":63000", .to = VIP ":80", .tcp = SYN);
	run();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	first = lab.remembered;
	assert_int_equal(first, 23000);
	assert_int_equal(lab.w->balancer.ports.map_high, 1);
	put(.from = SERVER ":80", .to = LOCAL ":21000", .tcp = RST);
	run();
	lab_forget();
	lab_advance(4);
	lab_next_port(20000);
	put(.from = CLIENT ":63001", .to = VIP ":80", .tcp = SYN);
	run();
	expect(.from = LOCAL ":21000", .to = SERVER ":80", .tcp = SYN);
	ports_note();
}

/* Pairs and maps are given back two minutes after the last session. */
static void test_idle_pairs(void **state)
{
	struct ports *ports = &lab.w->balancer.ports;

	service(.vip = VIP ":80", .servers = {SERVER ":80", SERVER_B ":80"});
	clients_connect(40, 0);
	assert_int_equal(ports->pair_high, 2);
	lab_next_port(0);
	clients_connect(40, 100);
	lab_advance(100);
	assert_int_equal(lab_sessions(), 0);
	assert_int_equal(ports->pairs[1].in_use + ports->pairs[2].in_use, 2);
	lab_advance(60);
	assert_int_equal(ports->pairs[1].in_use + ports->pairs[2].in_use, 0);
	clients_connect(40, 0);
	assert_int_equal(ports->pair_high, 2);
}

static void test_session_table_full(void **state)
{
	lab_resize(1, 100, 10, 0);
	service(.vip = VIP ":80");
	service(.vip = VIP ":53", .protocol = IPPROTO_UDP);
	for (uint16_t port = 1; port <= 100; port++) {
		put(.from = CLIENT, .from_port = port, .to = VIP ":53");
		run();
		expect(.from = LOCAL ":*", .to = SERVER ":80");
		put(.from = SERVER ":80", .to = LOCAL ":@"); // unanswered ones would give way
		run();
		lab_forget();
	}
	put(.from = CLIENT ":60000", .to = VIP ":80", .tcp = SYN);
	put(.from = CLIENT ":60000", .to = VIP ":53");
	run();
	expect_drops(session_table_full, 2);
	lab_check();
	lab_advance(302);
	clients_connect(100, 500);
	assert_int_equal(lab_sessions(), 100);
	assert_int_equal(lab.w->stats.half_open_evicted, 0);
}

static bool client_is_known(const char *client, uint16_t port)
{
	struct key4 key = {0};
	struct addr addr;

	assert_int_equal(addr_parse(client, &addr), 0);
	key.source = addr.v4;
	assert_int_equal(addr_parse(VIP, &addr), 0);
	key.destination = addr.v4;
	key.source_port = rte_cpu_to_be_16(port);
	key.destination_port = RTE_BE16(80);
	key.zone_protocol = IPPROTO_TCP;
	return table_find4(&lab.w->table, &key, key4_hash(&key)) != 0;
}

/* In a full table the oldest half-open session gives way, the established never. */
static void test_oldest_half_open_gives_way(void **state)
{
	lab_resize(1, 100, 1, 0);
	service(.vip = VIP ":80");
	service(.vip = VIP ":53", .protocol = IPPROTO_UDP);
	lab_connect(&ends4);
	clients_connect(99, 0);
	assert_int_equal(lab_sessions(), 100);
	// The second and third are completed, so that the first, fourth and fifth are the oldest.
	put(.from = "10.1.0.1:2", .to = VIP ":80", .tcp = ACK);
	put(.from = "10.1.0.1:3", .to = VIP ":80", .tcp = ACK);
	run();
	lab_forget();
	clients_connect(2, 500);
	put(.from = CLIENT ":60000", .to = VIP ":53");
	run();
	lab_forget();
	assert_int_equal(lab_sessions(), 100);
	assert_int_equal(lab.w->stats.half_open_evicted, 3);
	for (uint16_t port = 1; port <= 99; port++)
		assert_int_equal(client_is_known("10.1.0.1", port),
				 port != 1 && port != 4 && port != 5);
	lab_check();
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
	run();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = ACK);
	// A flood goes round many times; who completes the handshake at once comes through.
	for (unsigned int round = 0; round < 50; round++) {
		clients_connect(70, 1000 + round * 80);
		clients_connect(1, 60000 + round);
		put(.from = "10.1.1.1", .from_port = 1 + round, .to = VIP ":80", .tcp = ACK);
		run();
		lab_forget();
		lab_check();
		assert_int_equal(lab_sessions(), 100);
	}
	for (unsigned int round = 0; round < 50; round++)
		assert_true(client_is_known("10.1.1.1", 1 + round));
}

/* What arrives in one batch with the SYNs that end its session is treated as if it came later. */
static void test_half_open_evicted_in_batch(void **state)
{
	lab_resize(1, 10, 10, 0);
	service(.vip = VIP ":80");
	clients_connect(10, 0);
	put(.from = CLIENT ":60000", .to = VIP ":80", .tcp = SYN);
	put(.from = "10.1.0.1:1", .to = VIP ":80", .tcp = ACK);
	put(.from = "10.1.0.1:2", .to = VIP ":80", .tcp = ACK);
	run();
	expect_drop(tcp_reset_sent);
	lab_forget();
	assert_false(client_is_known("10.1.0.1", 1));
	assert_true(client_is_known("10.1.0.1", 2));
	assert_int_equal(lab.w->stats.half_open, 9);
	lab_check();
}

/* Sessions of two lines have an order of their own. */
static void test_oldest_half_open_wide(void **state)
{
	lab_resize(1, 10, 10, 100);
	service(.vip = "[" VIP6 "]:80");
	service(.vip = VIP ":80");
	clients_connect(10, 0);
	for (uint16_t port = 1; port <= 15; port++) {
		put(.from = CLIENT6, .from_port = port, .to = "[" VIP6 "]:80", .tcp = SYN);
		run();
		lab_forget();
	}
	assert_int_equal(lab.w->stats.half_open_evicted, 5);
	assert_int_equal(lab.w->stats.sessions, 10);
	assert_int_equal(lab.w->stats.sessions_wide, 10);
	assert_true(client_is_known("10.1.0.1", 1));
	lab_check();
}

/* At its share a handshake has a second before it gives way. */
static void test_half_open_share(void **state)
{
	lab_resize(1, 100, 1, 30);
	service(.vip = VIP ":80");
	clients_connect(30, 0);
	lab_advance(1);
	clients_connect(1, 100);
	expect_drop(half_open_full);
	lab_advance(1);
	clients_connect(2, 200);
	assert_int_equal(lab.w->stats.half_open_evicted, 2);
	assert_int_equal(lab.w->stats.half_open, 30);
	assert_false(client_is_known("10.1.0.1", 1));
	assert_false(client_is_known("10.1.0.1", 2));
	assert_true(client_is_known("10.1.0.1", 3));
	lab_check();
}

/* Half-open sessions have a share of the table; established ones and UDP are not limited by it. */
static void test_half_open(void **state)
{
	lab_resize(1, 100, 1, 30);
	service(.vip = VIP ":80");
	service(.vip = VIP ":53", .protocol = IPPROTO_UDP);
	lab_connect(&ends4);
	clients_connect(30, 0);
	assert_int_equal(lab.w->stats.half_open, 30);
	clients_connect(2, 100);
	expect_drops(half_open_full, 2);
	put(.from = CLIENT ":60000", .to = VIP ":53");
	run();
	lab_forget();
	// One is answered and acknowledged: there is room for another.
	put(.from = "10.1.0.1:7", .to = VIP ":80", .tcp = ACK);
	run();
	lab_forget();
	assert_int_equal(lab.w->stats.half_open, 29);
	clients_connect(2, 200);
	expect_drop(half_open_full);
	lab_check();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_all_ports),
		lab_test(test_oldest_first),
		lab_test(test_busy_pair),
		lab_test(test_idle_pairs),
		lab_test(test_session_table_full),
		lab_test(test_half_open),
		lab_test(test_oldest_half_open_gives_way),
		lab_test(test_half_open_evicted_in_batch),
		lab_test(test_oldest_half_open_wide),
		lab_test(test_half_open_share),
	};

	return cmocka_run_group_tests_name("ports", tests, lab_start, lab_stop);
}

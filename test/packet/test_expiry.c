/* SPDX-License-Identifier: BSD-3-Clause */

/* How long sessions live, what they count, and what becomes of them when servers leave. */
#include "lab.h"

#include <string.h>

#include "balance/server.h"

/* Bring the only session into a state by packets of the client and the server, in turns. */
static const struct {
	enum session_state state;
	unsigned int seconds;
	struct {
		bool server;
		uint8_t tcp;
	} packets[6];
} rows[] = {
	{STATE_SYN_RECV, 30, {{false, SYN}}},
	{STATE_SYN_RECV, 30, {{false, SYN}, {true, SYN | ACK}}},
	{STATE_ESTABLISHED, 90, {{false, SYN}, {true, SYN | ACK}, {false, ACK}}},
	{STATE_FIN_WAIT, 7, {{false, SYN}, {false, ACK}, {true, FIN | ACK}}},
	{STATE_CLOSE_WAIT, 7, {{false, SYN}, {false, ACK}, {false, FIN | ACK}}},
	{STATE_LAST_ACK, 7, {{false, SYN}, {false, ACK}, {false, FIN | ACK}, {true, FIN | ACK}}},
	{STATE_TIME_WAIT, 7, {{false, SYN}, {false, ACK}, {true, FIN | ACK}, {false, FIN | ACK}}},
	{STATE_CLOSE, 3, {{false, SYN}, {false, ACK}, {true, RST}}},
};

static void packet_of(bool server, uint8_t tcp, const struct ends *e)
{
	if (server)
		put(.from = e->server, .to = e->local, .tcp = tcp);
	else
		put(.from = e->client, .to = e->vip, .tcp = tcp);
	run();
}

static void session_lives(unsigned int seconds)
{
	// To the second, and a pass of the sweep.
	lab_advance(seconds - 1);
	assert_int_equal(lab_sessions(), 1);
	lab_check();
	lab_advance(3);
	assert_int_equal(lab_sessions(), 0);
	lab_check();
}

static void states_expire(const struct ends *e)
{
	service(.vip = e->vip);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (unsigned int j = 0; j < 6 && rows[i].packets[j].tcp; j++) {
			packet_of(rows[i].packets[j].server, rows[i].packets[j].tcp, e);
			if (j == 0)
				expect(.from = e->local_any, .to = e->server, .tcp = SYN);
		}
		lab_forget();
		expect_state(rows[i].state);
		session_lives(rows[i].seconds);
	}
}

static void test_states4(void **state)
{
	states_expire(&ends4);
}

static void test_states6(void **state)
{
	states_expire(&ends6);
}

static void test_udp(void **state)
{
	service(.vip = VIP ":80", .protocol = IPPROTO_UDP);
	put(.from = CLIENT ":4000", .to = VIP ":80");
	run();
	lab_forget();
	session_lives(300);
	exchange({{.from = CLIENT ":4000", .to = VIP ":80"},
		  {.from = LOCAL ":*", .to = SERVER ":80"}},
		 {{.from = SERVER ":80", .to = LOCAL ":@"},
		  {.from = VIP ":80", .to = CLIENT ":4000"}});
	expect_state(STATE_UDP_NORMAL);
	session_lives(300);
}

/* A service's own timeouts, up to the longest; and each packet begins the time anew. */
static void test_own_timeouts(void **state)
{
	struct timeouts timeouts = timeouts_default;

	timeouts.seconds[STATE_ESTABLISHED] = TIMEOUT_MAX;
	timeouts.seconds[STATE_SYN_RECV] = 1;
	service(.vip = VIP ":80", .timeouts = &timeouts);
	service(.vip = VIP ":81");
	lab_syn(1);
	lab_advance(3);
	assert_int_equal(lab_sessions(), 0);
	lab_connect(&ends4);
	lab_advance(64000);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
	run();
	lab_forget();
	session_lives(TIMEOUT_MAX);
}

/* Packets and bytes of a session reach its server and service within a second, and at its end. */
static void test_counts(void **state)
{
	uint32_t number = service(.vip = VIP ":80");
	struct traffic server, service;

	lab_connect(&ends4);
	for (unsigned int i = 0; i < 10; i++)
		exchange({{.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = 100},
			  {.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, .payload = 100}});
	lab_advance(2);
	workers_server_traffic(lab_server(SERVER ":80"), &server);
	workers_service_traffic(number, &service);
	assert_memory_equal(&server, &service, sizeof(server));
	assert_int_equal(server.connections, 1);
	assert_int_equal(server.active, 1);
	assert_int_equal(server.inactive, 0);
	assert_int_equal(server.packets_in, 12);
	assert_int_equal(server.packets_out, 1);
	assert_int_equal(server.bytes_in, 2 * 40 + 10 * 140);
	assert_int_equal(server.bytes_out, 40);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = RST);
	run();
	lab_forget();
	lab_advance(5);
	assert_int_equal(lab_sessions(), 0);
	workers_server_traffic(lab_server(SERVER ":80"), &server);
	assert_int_equal(server.packets_out, 2);
	assert_int_equal(server.active + server.inactive, 0);
}

/* More packets than a session's own counters hold, between two sweeps. */
static void test_many_packets(void **state)
{
	enum { PACKETS = 70016 };
	struct traffic traffic;

	service(.vip = VIP ":80");
	lab_connect(&ends4);
	for (unsigned int i = 0; i < PACKETS; i++) {
		put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .payload = 1000);
		if (lab.w->batch.count == BATCH) {
			run();
			lab_forget();
		}
	}
	lab_advance(2);
	workers_server_traffic(lab_server(SERVER ":80"), &traffic);
	assert_int_equal(traffic.packets_out, PACKETS + 1);
	assert_int_equal(traffic.bytes_out, 40UL + 1040UL * PACKETS);
}

/* Bytes are those of the IP packet; what fills a short frame up is nobody's traffic. */
static void test_padding_is_not_counted(void **state)
{
	struct traffic before, after;

	service(.vip = VIP ":80");
	lab_connect(&ends4);
	lab_advance(2);
	workers_server_traffic(lab_server(SERVER ":80"), &before);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .pad = 6);
	run();
	lab_forget();
	lab_advance(2);
	workers_server_traffic(lab_server(SERVER ":80"), &after);
	assert_int_equal(after.bytes_out - before.bytes_out, 40);
}

/* A pass that was asked for is over when all sessions have been seen; and only then. */
static void test_fresh_pass(void **state)
{
	struct traffic traffic;
	uint64_t pass;

	lab_resize(1, 20000, 0, 0);
	service(.vip = VIP ":80");
	lab_connect(&ends4);
	for (unsigned int i = 0; i < 9000; i++)
		lab_syn(5000 + i);
	pass = workers_pass_begin();
	for (unsigned int i = 0; i < 10 && !workers_pass_over(pass); i++)
		sweep(lab.w, lab.tsc);
	assert_true(workers_pass_over(pass));
	workers_server_traffic(lab_server(SERVER ":80"), &traffic);
	assert_int_equal(traffic.packets_in, 9002);
	assert_int_equal(traffic.active, 1);
	assert_int_equal(traffic.inactive, 9000);
}

/* A worker that has slept does not sweep the more for it. */
static void test_no_debt(void **state)
{
	uint64_t before;

	lab_resize(1, 20000, 0, 0);
	service(.vip = VIP ":80");
	for (unsigned int i = 0; i < 15000; i++)
		lab_syn(5000 + i);
	for (unsigned int i = 0; i < 20; i++) {
		lab.tsc += LAB_HZ;
		worker_clock(lab.w, lab.tsc);
		sweep(lab.w, lab.tsc);
	}
	before = lab.w->pass;
	for (unsigned int i = 0; i < 1000; i++) {
		lab.tsc += LAB_HZ / 1000;
		sweep(lab.w, lab.tsc);
	}
	assert_in_range(lab.w->pass - before, 1, 3);
}

static uint64_t connections(const char *server)
{
	struct traffic traffic;

	workers_server_traffic(lab_server(server), &traffic);
	return traffic.connections;
}

/* Weight 0: what a server has goes on, what is new goes elsewhere. */
static void test_drain(void **state)
{
	service(.vip = VIP ":80", .servers = {SERVER ":80", SERVER_B ":80"}, .drained = {0, 1});
	lab_connect(&ends4);
	service(.vip = VIP ":80", .servers = {SERVER ":80", SERVER_B ":80"}, .drained = {1, 0});
	for (unsigned int i = 0; i < 10; i++)
		lab_syn(5000 + i);
	assert_int_equal(connections(SERVER ":80"), 1);
	assert_int_equal(connections(SERVER_B ":80"), 10);
	exchange({{.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK},
		  {.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK}});
	service(.vip = VIP ":80", .servers = {SERVER ":80", SERVER_B ":80"}, .drained = {1, 1});
	put(.from = CLIENT ":7000", .to = VIP ":80", .tcp = SYN);
	run();
	expect_drop(no_server);
	exchange({{.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK},
		  {.from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK}});
}

/* A server that is removed serves what it has, and its number is free when that is over. */
static void test_removed_server(void **state)
{
	uint32_t number;

	service(.vip = VIP ":80", .servers = {SERVER ":80"});
	number = lab_server(SERVER ":80");
	lab_connect(&ends4);
	service(.vip = VIP ":80", .servers = {SERVER_B ":80"});
	assert_int_equal(server_reap(), 1);
	exchange({{.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK},
		  {.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK}},
		 {{.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK},
		  {.from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK}});
	assert_int_equal(fake_paths(), 2);
	lab_advance(92);
	assert_int_equal(lab_sessions(), 0);
	assert_int_equal(server_reap(), 0);
	assert_int_equal(fake_paths(), 1);
	// The number is given out again, with nothing counted.
	service(.vip = VIP ":81", .servers = {"192.168.100.77:80"});
	assert_int_equal(lab_server("192.168.100.77:80"), number);
	assert_int_equal(connections("192.168.100.77:80"), 0);
}

/* Removed, and made again while old sessions live: two numbers that do not know of each other. */
static void test_server_returns(void **state)
{
	service(.vip = VIP ":80", .servers = {SERVER ":80"});
	lab_connect(&ends4);
	service(.vip = VIP ":80", .servers = {SERVER_B ":80"});
	service(.vip = VIP ":80", .servers = {SERVER ":80"});
	assert_int_equal(connections(SERVER ":80"), 0);
	lab_syn(5000);
	assert_int_equal(connections(SERVER ":80"), 1);
	exchange({{.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK},
		  {.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK}});
	lab_advance(31);
	assert_int_equal(server_reap(), 1);
}

/* Listing: each session once, with the ends and the time that is left. */
static void test_listing(void **state)
{
	struct session_view view;
	uint64_t cursor = 0;
	unsigned int found_count = 0, wide = 0;
	bool found;

	lab_resize(2, 100, 100, 0);
	service(.vip = VIP ":80");
	service(.vip = "[" VIP6 "]:53", .protocol = IPPROTO_UDP);
	for (unsigned int i = 0; i < 10; i++) {
		put(.from = CLIENT, .from_port = 100 + i, .to = VIP ":80", .tcp = SYN,
		    .handed = true);
		put(.from = CLIENT6, .from_port = 100 + i, .to = "[" VIP6 "]:53", .handed = true);
	}
	run();
	lab_forget();
	lab_advance(3);
	while (workers_session_next(&cursor, 3, &view, &found)) {
		if (!found)
			continue;
		found_count++;
		assert_in_range(view.client_port, 100, 109);
		assert_true(view.local_port >= 1024);
		assert_int_equal(view.destination_port, 80);
		assert_int_equal(view.packets_in, 0); // folded
		if (view.protocol == IPPROTO_UDP) {
			wide++;
			assert_int_equal(view.vip_port, 53);
			assert_int_equal(view.state, STATE_UDP_ONE_WAY);
			assert_in_range(view.expires, 296, 298);
		} else {
			assert_int_equal(view.state, STATE_SYN_RECV);
			assert_in_range(view.expires, 26, 28);
		}
	}
	assert_int_equal(found_count, 20);
	assert_int_equal(wide, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_states4),
		lab_test(test_states6),
		lab_test(test_udp),
		lab_test(test_own_timeouts),
		lab_test(test_counts),
		lab_test(test_many_packets),
		lab_test(test_padding_is_not_counted),
		lab_test(test_fresh_pass),
		lab_test(test_drain),
		lab_test(test_no_debt),
		lab_test(test_removed_server),
		lab_test(test_server_returns),
		lab_test(test_listing),
	};

	return cmocka_run_group_tests_name("expiry", tests, lab_start, lab_stop);
}

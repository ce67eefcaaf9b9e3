/* SPDX-License-Identifier: BSD-3-Clause */

/* Which server the connections go to. */
#include "lab.h"

#include <string.h>

static const char *const servers[3] = {"192.168.1.1:80", "192.168.1.2:80", "192.168.1.3:80"};

/* `count` new connections; `order` becomes the last digits of the servers' addresses. */
static void clients_connect(unsigned int count, char *order)
{
	static uint16_t port;
	unsigned int at = 0;

	for (unsigned int i = 0; i < count; i++) {
		put(.from = CLIENT, .from_port = ++port, .to = VIP ":80", .tcp = SYN);
		run();
		lab_forget();
		// The session of this packet is the only one with this client port.
		for (uint32_t s = 1; s <= lab.w->table.pool[0].high; s++) {
			const struct session *session = &lab.w->table.narrow[s];

			if (session->state != STATE_NONE &&
			    session->key4[0].source_port == rte_cpu_to_be_16(port))
				order[at++] = '0' +
					      (rte_be_to_cpu_32(session->key4[1].source) & 0xff);
		}
		assert_int_equal(at, i + 1);
	}
	order[at] = '\0';
}

static void test_rr(void **state)
{
	char order[20];

	service(.vip = VIP ":80", .servers = {servers[0], servers[1], servers[2]},
		.weights = {1, 100, 5});
	clients_connect(9, order);
	// The heaviest stands first; rr does not care about weights but 0.
	assert_memory_equal(order, order + 3, 6);
	assert_true(order[0] != order[1] && order[1] != order[2] && order[0] != order[2]);
	service(.vip = VIP ":80", .servers = {servers[0], servers[1], servers[2]},
		.drained = {0, 1, 0});
	clients_connect(4, order);
	assert_null(strchr(order, '2'));
	assert_int_equal(order[0], order[2]);
	assert_int_not_equal(order[0], order[1]);
}

static void test_wrr(void **state)
{
	char order[20];

	service(.vip = VIP ":80", .scheduler = "wrr",
		.servers = {servers[0], servers[1], servers[2]}, .weights = {2, 6, 4});
	clients_connect(12, order);
	assert_string_equal(order, "223231223231");
	// Fewer and lighter servers while a round is under way.
	clients_connect(1, order);
	service(.vip = VIP ":80", .scheduler = "wrr", .servers = {servers[0]}, .weights = {1});
	clients_connect(3, order);
	assert_string_equal(order, "111");
	service(.vip = VIP ":80", .scheduler = "wrr", .servers = {servers[0], servers[2]},
		.weights = {7, 5});
	clients_connect(12, order);
	for (unsigned int i = 0, heavy = 0; i < 12; i++) {
		heavy += order[i] == '1';
		if (i == 11)
			assert_int_equal(heavy, 7);
	}
}

static unsigned int count_of(const char *order, char server)
{
	unsigned int count = 0;

	for (; *order; order++)
		count += *order == server;
	return count;
}

static void test_wlc(void **state)
{
	char order[100];

	service(.vip = VIP ":80", .scheduler = "wlc",
		.servers = {servers[0], servers[1], servers[2]}, .weights = {1, 2, 3});
	clients_connect(60, order);
	assert_int_equal(count_of(order, '1'), 10);
	assert_int_equal(count_of(order, '2'), 20);
	assert_int_equal(count_of(order, '3'), 30);
	// One that joins is given what it takes to be level with the others.
	lab_flush();
	service(.vip = VIP ":80", .scheduler = "wlc", .servers = {servers[0], servers[1]});
	clients_connect(40, order);
	service(.vip = VIP ":80", .scheduler = "wlc",
		.servers = {servers[0], servers[1], servers[2]});
	clients_connect(20, order);
	assert_int_equal(count_of(order, '3'), 20);
}

/* An established connection weighs as much as 256 that are not. */
static void test_wlc_established(void **state)
{
	char order[100];

	service(.vip = VIP ":80", .scheduler = "wlc", .servers = {servers[0], servers[1]},
		.drained = {0, 1});
	put(.from = "10.1.5.5:60000", .to = VIP ":80", .tcp = SYN);
	put(.from = "10.1.5.5:60000", .to = VIP ":80", .tcp = ACK);
	run();
	lab_forget();
	service(.vip = VIP ":80", .scheduler = "wlc", .servers = {servers[0], servers[1]});
	clients_connect(50, order);
	assert_int_equal(count_of(order, '2'), 50);
}

/* What other workers hold counts too, once control has told. */
static void test_wlc_elsewhere(void **state)
{
	lab_resize(2, 1000, 0, 0);
	service(.vip = VIP ":80", .scheduler = "wlc", .servers = {servers[0], servers[1]},
		.drained = {0, 1});
	lab.w = &lab.worker[1];
	for (unsigned int i = 0; i < 20; i++) {
		put(.from = "10.1.5.5", .from_port = 100 + i, .to = VIP ":80", .tcp = SYN,
		    .handed = true);
		run();
		lab_forget();
	}
	service(.vip = VIP ":80", .scheduler = "wlc", .servers = {servers[0], servers[1]});
	lab.w = &lab.worker[0];
	workers_tick();
	for (unsigned int i = 0; i < 20; i++) {
		put(.from = "10.1.5.6", .from_port = 100 + i, .to = VIP ":80", .tcp = SYN,
		    .handed = true);
		run();
		lab_forget();
	}
	assert_int_equal(lab.w->balancer.server_counts[lab_server(servers[0])].inactive, 0);
	assert_int_equal(lab.w->balancer.server_counts[lab_server(servers[1])].inactive, 20);
}

/* Local addresses in turn, and only those on the interface towards the server. */
static void test_local_addresses(void **state)
{
	service(.vip = VIP ":80", .locals = {LOCAL, LOCAL_B});
	put(.from = CLIENT ":1", .to = VIP ":80", .tcp = SYN);
	put(.from = CLIENT ":2", .to = VIP ":80", .tcp = SYN);
	put(.from = CLIENT ":3", .to = VIP ":80", .tcp = SYN);
	run();
	expect(.from = LOCAL_B ":*", .to = SERVER ":80", .tcp = SYN);
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	expect(.from = LOCAL_B ":*", .to = SERVER ":80", .tcp = SYN);
	// The server is reached through the other interface: none fits.
	fake_route("192.168.100.2/32", CLIENT_NEXTHOP, 0);
	fake_routes_changed();
	put(.from = CLIENT ":4", .to = VIP ":80", .tcp = SYN);
	run();
	expect_drop(no_local_address);
	// A service of IPv6 whose local addresses are of IPv4 has none.
	service(.vip = "[" VIP6 "]:80", .locals = {LOCAL});
	put(.from = "[" CLIENT6 "]:4", .to = "[" VIP6 "]:80", .tcp = SYN);
	run();
	expect_drop(no_local_address);
}

/* Many services on one address, and of both protocols, are told apart. */
static void test_services_apart(void **state)
{
	service(.vip = VIP ":80", .servers = {"192.168.1.1:8080"});
	service(.vip = VIP ":80", .protocol = IPPROTO_UDP, .servers = {"192.168.1.2:8081"});
	service(.vip = VIP ":443", .servers = {"192.168.1.3:8443"});
	service(.vip = VIP ":65535", .servers = {"192.168.1.4:1"});
	put(.from = CLIENT ":1", .to = VIP ":80", .tcp = SYN);
	put(.from = CLIENT ":1", .to = VIP ":80");
	put(.from = CLIENT ":1", .to = VIP ":443", .tcp = SYN);
	put(.from = CLIENT ":1", .to = VIP ":65535", .tcp = SYN);
	put(.from = CLIENT ":1", .to = VIP ":65535");
	run();
	expect(.from = LOCAL ":*", .to = "192.168.1.1:8080", .tcp = SYN);
	expect(.from = LOCAL ":*", .to = "192.168.1.2:8081");
	expect(.from = LOCAL ":*", .to = "192.168.1.3:8443", .tcp = SYN);
	expect(.from = LOCAL ":*", .to = "192.168.1.4:1", .tcp = SYN);
	expect_drop(vip_no_service);
}

/* Each scheduler by its name, with packets: only to servers of the service, none to a drained one. */
static void test_schedulers(void **state)
{
	static const struct {
		const char *name;
		unsigned int least, most; // connections of 60 to each of two equal servers
	} rows[] = {
		{"rr", 30, 30},	 {"wrr", 30, 30}, {"lc", 30, 30},     {"wlc", 30, 30},
		{"sed", 30, 30}, {"nq", 30, 30},  {"p2c", 10, 50},    {"sh", 0, 60},
		{"dh", 0, 60},	 {"mh", 0, 60},	  {"conhash", 0, 60}, {"fo", 0, 60},
	};
	char order[100];

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		unsigned int one, three;

		lab_flush();
		service(.vip = VIP ":80", .scheduler = rows[i].name,
			.servers = {servers[0], servers[1], servers[2]}, .drained = {0, 1, 0});
		clients_connect(60, order);
		one = count_of(order, '1');
		three = count_of(order, '3');
		assert_int_equal(one + three, 60);
		assert_in_range(one, rows[i].least, rows[i].most);
		// One client, one destination: those that go by address keep to a server.
		if (rows[i].most == 60)
			assert_true(one == 0 || three == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_rr),
		lab_test(test_wrr),
		lab_test(test_wlc),
		lab_test(test_wlc_established),
		lab_test(test_wlc_elsewhere),
		lab_test(test_schedulers),
		lab_test(test_local_addresses),
		lab_test(test_services_apart),
	};

	return cmocka_run_group_tests_name("balance", tests, lab_start, lab_stop);
}

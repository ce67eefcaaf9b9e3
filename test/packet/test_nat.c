/* SPDX-License-Identifier: BSD-3-Clause */

/* NAT as a client and a server see it: only the server's side of the tuple is changed. */
#include "lab.h"

#define ROUTER_OF_SERVERS "192.168.9.9"
#define ROUTER_OF_CLIENTS "10.1.9.9"

static void nat_carries(const char *vip, const char *client, const char *server, uint8_t tcp)
{
	service(.vip = vip, .mode = "nat", .protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP);
	exchange({{.from = client, .to = vip, .tcp = tcp ? SYN : 0, .ttl = 9},
		  {.from = client, .to = server, .tcp = tcp ? SYN : 0, .ttl = 8}},
		 {{.from = server, .to = client, .tcp = tcp ? SYN | ACK : 0, .ttl = 9},
		  {.from = vip, .to = client, .tcp = tcp ? SYN | ACK : 0, .ttl = 8}},
		 {{.from = client, .to = vip, .tcp = tcp ? ACK : 0, .payload = 1000},
		  {.from = client, .to = server, .tcp = tcp ? ACK : 0, .payload = 1000, .ttl = 63}},
		 {{.from = server, .to = client, .tcp = tcp ? ACK : 0, .payload = 7, .tos = 3},
		  {.from = vip,
		   .to = client,
		   .tcp = tcp ? ACK : 0,
		   .payload = 7,
		   .tos = 3,
		   .ttl = 63}});
	expect_state(tcp ? STATE_ESTABLISHED : STATE_UDP_NORMAL);
	lab_check();
	lab_flush();
	lab_check();
}

static void test_tcp4(void **state)
{
	nat_carries(VIP ":80", CLIENT ":4000", SERVER ":80", ACK);
}

static void test_udp4(void **state)
{
	nat_carries(VIP ":80", CLIENT ":4000", SERVER ":80", 0);
}

static void test_tcp6(void **state)
{
	nat_carries("[" VIP6 "]:80", "[" CLIENT6 "]:4000", "[" SERVER6 "]:80", ACK);
}

static void test_udp6(void **state)
{
	nat_carries("[" VIP6 "]:80", "[" CLIENT6 "]:4000", "[" SERVER6 "]:80", 0);
}

/* Errors of either side's routers reach the other side as if they were about its own packet. */
static void test_icmp_errors(void **state)
{
	const struct packet sent = {
		.from = CLIENT ":4000", .to = SERVER ":80", .tcp = ACK, .ttl = 5};
	const struct packet known = {.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .ttl = 5};
	const struct packet answer = {
		.from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK, .ttl = 5};
	const struct packet origin = {
		.from = SERVER ":80", .to = CLIENT ":4000", .tcp = ACK, .ttl = 5};

	service(.vip = VIP ":80", .mode = "nat");
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	run();
	expect(.from = CLIENT ":4000", .to = SERVER ":80", .tcp = SYN);
	put(.from = ROUTER_OF_SERVERS, .to = CLIENT, .icmp = 3, .code = 4, .rest = 1400,
	    .quote = &sent);
	run();
	expect(.from = VIP, .to = CLIENT, .icmp = 3, .code = 4, .rest = 1400, .quote = &known);
	put(.from = ROUTER_OF_CLIENTS, .to = VIP, .icmp = 3, .code = 4, .rest = 1300,
	    .quote = &answer);
	run();
	expect(.from = CLIENT, .to = SERVER, .icmp = 3, .code = 4, .rest = 1300, .quote = &origin);
}

static void test_a_server_that_asks_itself(void **state)
{
	service(.vip = VIP ":80", .mode = "nat");
	put(.from = SERVER ":4000", .to = VIP ":80", .tcp = SYN);
	run();
	expect_drop(server_is_client);
	assert_int_equal(lab_sessions(), 0);
}

/* Two services on one server: the same client port can not be told apart. */
static void test_the_same_port_towards_the_same_server(void **state)
{
	service(.vip = VIP ":80", .mode = "nat");
	service(.vip = VIP ":81", .mode = "nat");
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	put(.from = CLIENT ":4000", .to = VIP ":81", .tcp = SYN);
	put(.from = CLIENT ":4001", .to = VIP ":81", .tcp = SYN);
	run();
	expect(.from = CLIENT ":4000", .to = SERVER ":80", .tcp = SYN);
	expect(.from = CLIENT ":4001", .to = SERVER ":80", .tcp = SYN);
	expect_drop(nat_tuple_taken);
	assert_int_equal(lab_sessions(), 2);
	lab_check();
}

/* Sessions of FullNAT give back their ports when the service has become one of NAT, and only they. */
static void test_the_mode_changes_while_sessions_live(void **state)
{
	service(.vip = VIP ":80");
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	run();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	service(.vip = VIP ":80", .mode = "nat");
	put(.from = CLIENT ":4001", .to = VIP ":80", .tcp = SYN);
	put(.from = LOCAL ":4002", .to = VIP ":80", .tcp = SYN, .iface = CLIENTS);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
	run();
	expect(.from = CLIENT ":4001", .to = SERVER ":80", .tcp = SYN);
	expect(.from = LOCAL ":4002", .to = SERVER ":80", .tcp = SYN);
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK);
	lab_check();
	lab_flush();
	lab_check();
}

/* What a server sends of itself belongs to nobody. */
static void test_a_server_that_begins(void **state)
{
	service(.vip = VIP ":80", .mode = "nat");
	put(.from = SERVER ":80", .to = CLIENT ":4000", .tcp = SYN);
	put(.from = SERVER ":5000", .to = CLIENT ":5000");
	run();
	expect_drops(not_for_us, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_tcp4),
		lab_test(test_udp4),
		lab_test(test_tcp6),
		lab_test(test_udp6),
		lab_test(test_icmp_errors),
		lab_test(test_a_server_that_asks_itself),
		lab_test(test_the_same_port_towards_the_same_server),
		lab_test(test_the_mode_changes_while_sessions_live),
		lab_test(test_a_server_that_begins),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}

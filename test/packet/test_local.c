/* SPDX-License-Identifier: BSD-3-Clause */

/* What is for Linux, what Linux sends, and what is nobody's. */
#include "lab.h"

static const uint8_t broadcast[6] = {255, 255, 255, 255, 255, 255};
static const uint8_t group_mac[6] = {1, 0, 0x5e, 0, 0, 5};
static const uint8_t group6_mac[6] = {0x33, 0x33, 0, 0, 0, 1};

/* Each kind of traffic of Linux is punted under the class of its policer. */
static void test_classes(void **state)
{
	static const struct {
		enum punt_class class;
		struct packet packet;
	} rows[] = {
		{PUNT_NEIGHBOUR, {.iface = 1, .type = 0x0806, .payload = 46, .mac = broadcast}},
		{PUNT_NEIGHBOUR, {.iface = 1, .type = 0x0806, .payload = 46}},
		{PUNT_NEIGHBOUR, {.from = CLIENT6, .to = VIP6, .icmp = 135, .payload = 20}},
		{PUNT_NEIGHBOUR,
		 {.from = CLIENT6, .to = "ff02::1", .icmp = 136, .payload = 20, .mac = group6_mac}},
		{PUNT_ROUTING, {.from = CLIENT ":9999", .to = VIP ":179", .tcp = SYN}},
		{PUNT_ROUTING, {.from = CLIENT ":179", .to = VIP ":9999", .tcp = SYN | ACK}},
		{PUNT_ROUTING, {.from = CLIENT ":9999", .to = VIP ":3784", .ttl = 255}},
		{PUNT_ROUTING, {.from = "[" CLIENT6 "]:9999", .to = "[" VIP6 "]:4784"}},
		{PUNT_ROUTING,
		 {.from = CLIENT,
		  .to = "224.0.0.5",
		  .protocol = 89,
		  .payload = 40,
		  .mac = group_mac}},
		{PUNT_ROUTING,
		 {.from = CLIENT,
		  .to = "224.0.0.18",
		  .protocol = 112,
		  .payload = 40,
		  .mac = group_mac}},
		{PUNT_ROUTING,
		 {.from = CLIENT6,
		  .to = "ff02::5",
		  .protocol = 89,
		  .payload = 40,
		  .mac = group6_mac}},
		{PUNT_ROUTING, {.iface = 1, .type = 0x8809, .payload = 60, .mac = group_mac}},
		{PUNT_ICMP, {.from = CLIENT, .to = VIP, .icmp = 8, .payload = 56}},
		{PUNT_ICMP, {.from = CLIENT, .to = LOCAL, .icmp = 8, .payload = 56}},
		{PUNT_ICMP, {.from = CLIENT6, .to = VIP6, .icmp = 128, .payload = 56}},
		{PUNT_ICMP,
		 {.from = CLIENT, .to = VIP, .icmp = 8, .payload = 1000, .fragment = 0x2000}},
		{PUNT_REST,
		 {.from = CLIENT6,
		  .to = VIP6,
		  .icmp = 128,
		  .payload = 1000,
		  EXTENSIONS(44, "\x3a\0\0\1\0\0\0\7")}},
		{PUNT_REST, {.from = CLIENT ":9999", .to = "10.0.0.99:22", .tcp = SYN}},
		{PUNT_REST, {.from = CLIENT, .to = VIP, .protocol = 47, .payload = 40}},
		{PUNT_REST, {.from = CLIENT ":67", .to = "255.255.255.255:68", .mac = broadcast}},
	};

	fake_route("10.0.0.99/32", NEXTHOP_LOCAL, 0);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		lab_put(&rows[i].packet);
		run();
		lab_expect_punt(rows[i].class, &rows[i].packet, __FILE__, __LINE__);
	}
	assert_int_equal(lab.w->stats.punted, sizeof(rows) / sizeof(*rows));
	lab.punt_refuses = true;
	lab_put(&rows[0].packet);
	lab_put(&rows[12].packet);
	run();
	expect_drops(punt_policed, 2);
}

/* A broadcast or multicast frame is never balanced, whatever IP address is in it. */
static void test_multicast_frame(void **state)
{
	service(.vip = VIP ":80");
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .mac = broadcast);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .mac = group_mac);
	run();
	expect_punt(PUNT_REST, .from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN,
		    .mac = broadcast);
	expect_punt(PUNT_REST, .from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK,
		    .mac = group_mac);
	assert_int_equal(lab_sessions(), 0);
}

static void test_nobodys(void **state)
{
	service(.vip = VIP ":80");
	put(.from = CLIENT ":4000", .to = VIP ":81", .tcp = SYN);
	put(.from = CLIENT ":4000", .to = VIP ":80");
	put(.from = CLIENT ":4000", .to = LOCAL ":81", .tcp = SYN);
	put(.from = CLIENT ":4000", .to = LOCAL ":81");
	put(.from = CLIENT ":4000", .to = "10.9.9.9:80", .tcp = SYN);
	put(.from = CLIENT, .to = "10.9.9.9", .icmp = 8);
	put(.from = "[" CLIENT6 "]:1", .to = "[2001:db8:9::9]:80", .tcp = SYN);
	run();
	expect_drops(vip_no_service, 2);
	expect_drops(local_no_session, 2);
	expect_drops(not_for_us, 3);
	// The setting for VIPs is not for local addresses.
	lab.w->punt_unknown = true;
	put(.from = CLIENT ":4000", .to = VIP ":81", .tcp = SYN);
	put(.from = CLIENT ":4000", .to = LOCAL ":81", .tcp = SYN);
	run();
	expect_punt(PUNT_REST, .from = CLIENT ":4000", .to = VIP ":81", .tcp = SYN);
	expect_drop(local_no_session);
}

/* What Linux sends from an address that is none of ours in particular leaves as it is. */
static void test_kernel_bare(void **state)
{
	service(.vip = VIP ":80");
	put(.kernel = true, .from = VIP ":22", .to = CLIENT ":4000", .tcp = ACK);
	put(.kernel = true, .from = VIP, .to = CLIENT, .icmp = 0, .protocol = IPPROTO_ICMP);
	put(.kernel = true, .iface = 1, .type = 0x0806, .payload = 28, .mac = broadcast);
	put(.kernel = true, .from = LOCAL, .to = SERVER, .icmp = 8);
	put(.kernel = true, .from = LOCAL ":5", .to = SERVER ":6", .fragment = 0x10, .payload = 9);
	put(.kernel = true, .from = LOCAL ":5", .to = SERVER ":6", .tcp = RST);
	run();
	assert_int_equal(lab_sessions(), 0);
	expect(.from = VIP ":22", .to = CLIENT ":4000", .tcp = ACK, .ttl = 64);
	expect(.from = VIP, .to = CLIENT, .icmp = 0, .protocol = IPPROTO_ICMP, .ttl = 64);
	expect(.iface = 1, .type = 0x0806, .payload = 28, .mac = broadcast);
	expect(.from = LOCAL, .to = SERVER, .icmp = 8, .ttl = 64);
	expect(.from = LOCAL ":5", .to = SERVER ":6", .fragment = 0x10, .payload = 9, .ttl = 64);
	expect(.from = LOCAL ":5", .to = SERVER ":6", .tcp = RST, .ttl = 64);
}

/* Linux connects from a local address: a session under its own port, with nothing changed. */
static void kernel_connects(const struct ends *e)
{
	const char *local = e == &ends4 ? LOCAL ":33000" : "[" LOCAL6 "]:33000";

	service(.vip = e->vip);
	put(.kernel = true, .from = local, .to = e->server, .tcp = SYN, .sequence = 5);
	run();
	expect(.from = local, .to = e->server, .tcp = SYN, .sequence = 5, .ttl = 64);
	expect_state(STATE_SYN_SENT);
	assert_int_equal(lab.w->stats.half_open, 1);
	put(.from = e->server, .to = local, .tcp = SYN | ACK, .ttl = 1);
	run();
	expect_punt(PUNT_REST, .from = e->server, .to = local, .tcp = SYN | ACK, .ttl = 1);
	expect_state(STATE_ESTABLISHED);
	put(.kernel = true, .from = local, .to = e->server, .tcp = ACK, .ttl = 255, .payload = 7);
	run();
	expect(.from = local, .to = e->server, .tcp = ACK, .ttl = 255, .payload = 7);
	assert_int_equal(lab.w->stats.half_open, 0);
	// A balanced connection does not get this port.
	lab_next_port(33000);
	put(.from = e->client, .to = e->vip, .tcp = SYN);
	run();
	expect(.from = e->local_any, .to = e->server, .tcp = SYN);
	assert_int_equal(lab.remembered, 33001);
	put(.kernel = true, .from = local, .to = e->server, .tcp = FIN | ACK);
	put(.from = e->server, .to = local, .tcp = FIN | ACK);
	run();
	expect(.from = local, .to = e->server, .tcp = FIN | ACK, .ttl = 64);
	expect_punt(PUNT_REST, .from = e->server, .to = local, .tcp = FIN | ACK);
	lab_advance(10);
	assert_int_equal(lab_sessions(), 1);
}

static void test_kernel_connects4(void **state)
{
	kernel_connects(&ends4);
}

static void test_kernel_connects6(void **state)
{
	kernel_connects(&ends6);
}

/* Linux decides how long its connections live: an idle one is not forgotten. */
static void test_kernel_idle(void **state)
{
	service(.vip = VIP ":80");
	put(.kernel = true, .from = LOCAL ":33000", .to = SERVER ":179", .tcp = SYN);
	put(.from = SERVER ":179", .to = LOCAL ":33000", .tcp = SYN | ACK);
	run();
	expect(.from = LOCAL ":33000", .to = SERVER ":179", .tcp = SYN, .ttl = 64);
	expect_punt(PUNT_ROUTING, .from = SERVER ":179", .to = LOCAL ":33000", .tcp = SYN | ACK);
	lab_advance(3600);
	put(.from = SERVER ":179", .to = LOCAL ":33000", .tcp = PSH | ACK, .payload = 19);
	run();
	expect_punt(PUNT_ROUTING, .from = SERVER ":179", .to = LOCAL ":33000", .tcp = PSH | ACK,
		    .payload = 19);
	lab_advance(7203);
	assert_int_equal(lab_sessions(), 0);
}

/* ... under another port when a balanced connection has its own. */
static void test_kernel_port_taken(void **state)
{
	uint16_t taken;

	service(.vip = VIP ":80");
	lab_connect(&ends4);
	taken = lab.remembered;
	put(.kernel = true, .from = LOCAL ":@", .to = SERVER ":80", .tcp = SYN, .payload = 3);
	run();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN, .payload = 3, .ttl = 64);
	assert_int_not_equal(lab.remembered, taken);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = SYN | ACK);
	run();
	expect_punt(PUNT_REST, .from = SERVER ":80", .to = LOCAL, .to_port = taken,
		    .tcp = SYN | ACK, .iface = 2);
	lab.remembered = taken;
	exchange({{.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK},
		  {.from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK}});
	// To another server the port is free.
	put(.kernel = true, .from = LOCAL ":@", .to = SERVER ":81", .tcp = SYN);
	run();
	expect(.from = LOCAL ":@", .to = SERVER ":81", .tcp = SYN, .ttl = 64);
}

static void test_kernel_udp(void **state)
{
	service(.vip = VIP ":80");
	put(.kernel = true, .from = LOCAL ":5353", .to = SERVER ":53", .payload = 20);
	run();
	expect(.from = LOCAL ":5353", .to = SERVER ":53", .payload = 20, .ttl = 64);
	put(.from = SERVER ":53", .to = LOCAL ":5353", .payload = 100, .sum = SUM_ZERO);
	run();
	expect_punt(PUNT_REST, .from = SERVER ":53", .to = LOCAL ":5353", .payload = 100,
		    .sum = SUM_ZERO);
	expect_state(STATE_UDP_NORMAL);
	lab_advance(302);
	assert_int_equal(lab_sessions(), 0);
}

/* Errors about Linux's own connections reach Linux, with the port that it knows. */
static void test_kernel_icmp(void **state)
{
	struct packet quoted = {.from = LOCAL ":@", .to = SERVER ":80", .tcp = SYN};
	struct packet known = {.from = LOCAL, .to = SERVER ":80", .tcp = SYN};

	service(.vip = VIP ":80");
	lab_connect(&ends4);
	known.from_port = lab.remembered;
	put(.kernel = true, .from = LOCAL ":@", .to = SERVER ":80", .tcp = SYN);
	run();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN, .ttl = 64);
	put(.from = "192.168.9.9", .to = LOCAL, .icmp = 3, .code = 3, .quote = &quoted);
	run();
	expect_punt(PUNT_ICMP, .from = SERVER, .to = LOCAL, .icmp = 3, .code = 3, .quote = &known,
		    .ttl = 63);
}

/* One prefix has used up what the policer lets through: a few packets of others pass still. */
static void test_flood_of_one(void **state)
{
	fake_route("10.0.0.99/32", NEXTHOP_LOCAL, 0);
	fake_punt_rate = 100 + 1;
	for (unsigned int i = 0; i < 200; i++) {
		put(.from = "10.1.77.9", .from_port = 1000 + i, .to = "10.0.0.99:22", .tcp = SYN);
		if (i % 50 == 49)
			run();
	}
	assert_int_equal(lab.w->stats.punted, 100);
	expect_drops(punt_policed, 100);
	for (unsigned int i = 0; i < 20; i++)
		put(.from = CLIENT, .from_port = 4000 + i, .to = "10.0.0.99:22", .tcp = SYN);
	run();
	assert_int_equal(lab.w->stats.punted, 100 + 16);
	expect_drops(punt_policed, 4);
	lab_forget_punted();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_flood_of_one),	  lab_test(test_classes),
		lab_test(test_multicast_frame),	  lab_test(test_nobodys),
		lab_test(test_kernel_bare),	  lab_test(test_kernel_connects4),
		lab_test(test_kernel_connects6),  lab_test(test_kernel_idle),
		lab_test(test_kernel_port_taken), lab_test(test_kernel_udp),
		lab_test(test_kernel_icmp),
	};

	return cmocka_run_group_tests_name("local", tests, lab_start, lab_stop);
}

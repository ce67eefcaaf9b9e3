/* SPDX-License-Identifier: BSD-3-Clause */

/* What weir answers itself: resets, and ICMP errors about time to live and size. */
#include "lab.h"

/* An answer is a packet of this host: its own TTL, no flags of fragmentation, and no window. */
#define ANSWER .ttl = 64, .may_fragment = true, .no_window = true

static void test_ttl4(void **state)
{
	static const struct packet of_client = {
		.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .ttl = 1, .payload = 600};
	struct packet of_server = {
		.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .ttl = 1, .payload = 5};

	service(.vip = VIP ":80");
	lab_connect(&ends4);
	lab_put(&of_client);
	run();
	// no more than 576 bytes
	expect(.from = VIP, .to = CLIENT, .icmp = 11, .quote = &of_client, .quoted = 548, ANSWER);
	lab_put(&of_server);
	run();
	expect(.from = LOCAL, .to = SERVER, .icmp = 11, .quote = &of_server, ANSWER);
	of_server.ttl = 0xff;
	of_server.patch[0] = (struct packet_patch){14 + 8, 0};
	expect_drops(ttl_exceeded, 2);
	assert_int_equal(lab.w->stats.answered, 2);
	expect_state(STATE_ESTABLISHED);
}

static void test_ttl6(void **state)
{
	static const struct packet of_client = {.from = "[" CLIENT6 "]:4000",
						.to = "[" VIP6 "]:80",
						.tcp = ACK,
						.ttl = 1,
						.payload = 1300};

	service(.vip = "[" VIP6 "]:80");
	lab_connect(&ends6);
	lab_put(&of_client);
	run();
	expect(.from = VIP6, .to = CLIENT6, .icmp = 3, .quote = &of_client, .quoted = 1232, ANSWER);
	expect_drop(ttl_exceeded);
}

/* Time runs out at this hop for a first packet too; a trace route to a VIP ends here. */
static void test_ttl_of_first_packet(void **state)
{
	static const struct packet first = {.from = CLIENT ":4000", .to = VIP ":53", .ttl = 1};

	service(.vip = VIP ":53", .protocol = IPPROTO_UDP);
	lab_put(&first);
	run();
	expect(.from = VIP, .to = CLIENT, .icmp = 11, .quote = &first, ANSWER);
	expect_drop(ttl_exceeded);
}

static void test_too_big4(void **state)
{
	static const struct packet big = {
		.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = 1361};
	struct packet back = {.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .payload = 1261};
	unsigned int length;

	fake_nexthop(SERVER_NEXTHOP, SERVERS, 2, 1400);
	fake_nexthop(CLIENT_NEXTHOP, CLIENTS, 1, 1300);
	service(.vip = VIP ":80");
	lab_connect(&ends4);
	exchange({{.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = 1360},
		  {.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, .payload = 1360}},
		 {{.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .payload = 1260},
		  {.from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK, .payload = 1260}});
	lab_put(&big);
	lab_put(&back);
	run();
	expect(.from = VIP, .to = CLIENT, .icmp = 3, .code = 4, .rest = 1400, .quote = &big,
	       .quoted = 548, ANSWER);
	expect(.from = LOCAL, .to = SERVER, .icmp = 3, .code = 4, .rest = 1300, .quote = &back,
	       .quoted = 548, ANSWER);
	expect_drops(too_big, 2);
	// One that may be fragmented is (test_fragments); padding does not make a packet big.
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = 1361,
	    .may_fragment = true);
	run();
	assert_non_null(lab_next_sent(1, &length));
	assert_int_equal(length, 14 + 20 + 1376);
	assert_non_null(lab_next_sent(1, &length));
	assert_int_equal(length, 14 + 20 + 5);
	exchange({{.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = 1360, .pad = 4},
		  {.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, .payload = 1360, .pad = 4}});
}

static void test_too_big6(void **state)
{
	static const struct packet big = {
		.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = ACK, .payload = 1341};

	fake_nexthop(SERVER_NEXTHOP, SERVERS, 2, 1400);
	service(.vip = "[" VIP6 "]:80");
	lab_connect(&ends6);
	lab_put(&big);
	run();
	expect(.from = VIP6, .to = CLIENT6, .icmp = 2, .rest = 1400, .quote = &big, .quoted = 1232,
	       ANSWER);
	expect_drop(too_big);
}

/* RFC 9293, 3.10.7.1: the reset takes its numbers from the segment that has asked for it. */
static void reset_follows(const char *client, const char *vip)
{
	service(.vip = vip);
	put(.from = client, .to = vip, .tcp = ACK, .sequence = 100, .acknowledgement = 200,
	    .payload = 10);
	put(.from = client, .to = vip, .tcp = SYN | ACK, .sequence = 100, .acknowledgement = 300);
	put(.from = client, .to = vip, .tcp = FIN | ACK, .sequence = 100, .acknowledgement = 400);
	put(.from = client, .to = vip, .tcp = FIN, .sequence = 100, .payload = 7);
	put(.from = client, .to = vip, .tcp = FIN | SYN, .sequence = 100, OPTIONS("\2\4\5\xb4"));
	put(.from = client, .to = vip, .tcp = PSH, .sequence = 0xffffffff, .payload = 3, .pad = 9);
	put(.from = client, .to = vip, .tcp = RST, .sequence = 100);
	put(.from = client, .to = vip, .tcp = RST | SYN, .sequence = 100);
	put(.from = client, .to = vip, .tcp = ACK, .acknowledgement = 500, .payload = 60,
	    .split = 90);
	run();
	expect(.from = vip, .to = client, .tcp = RST, .sequence = 200, ANSWER);
	expect(.from = vip, .to = client, .tcp = RST, .sequence = 300, ANSWER);
	expect(.from = vip, .to = client, .tcp = RST, .sequence = 400, ANSWER);
	expect(.from = vip, .to = client, .tcp = RST | ACK, .acknowledgement = 108, ANSWER);
	expect(.from = vip, .to = client, .tcp = RST | ACK, .acknowledgement = 102, ANSWER);
	expect(.from = vip, .to = client, .tcp = RST | ACK, .acknowledgement = 2, ANSWER);
	expect(.from = vip, .to = client, .tcp = RST, .sequence = 500, ANSWER);
	expect_drops(tcp_reset_sent, 7);
	expect_drops(tcp_not_syn, 2);
	assert_int_equal(lab_sessions(), 0);
}

static void test_reset4(void **state)
{
	reset_follows(CLIENT ":4000", VIP ":80");
}

static void test_reset6(void **state)
{
	reset_follows("[" CLIENT6 "]:4000", "[" VIP6 "]:80");
}

/* IP options and extension headers of what has asked do not go into the answer. */
static void test_reset_without_options(void **state)
{
	service(.vip = VIP ":80");
	service(.vip = "[" VIP6 "]:80");
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .acknowledgement = 5,
	    OPTIONS4("\1\1\1\1"));
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = ACK, .acknowledgement = 6,
	    EXTENSIONS(60, "\x06\0\1\4\0\0\0\0"));
	run();
	expect(.from = VIP ":80", .to = CLIENT ":4000", .tcp = RST, .sequence = 5, ANSWER);
	expect(.from = "[" VIP6 "]:80", .to = "[" CLIENT6 "]:4000", .tcp = RST, .sequence = 6,
	       ANSWER);
	expect_drops(tcp_reset_sent, 2);
}

static void test_unknown_is_dropped(void **state)
{
	service(.vip = VIP ":80", .drop_unknown = true);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = RST);
	run();
	expect_drops(tcp_not_syn, 2);
}

/* 1,000 at once and 10,000 in a second, then silence. */
static void test_rate(void **state)
{
	service(.vip = VIP ":80");
	for (unsigned int i = 0; i < 1280; i++) {
		put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
		if (i % 64 == 63) {
			run();
			lab_forget();
		}
	}
	expect_drops(tcp_reset_sent, 1000);
	expect_drops(tcp_not_syn, 280);
	for (unsigned int i = 0; i < 200; i++) {
		for (unsigned int j = 0; j < 10; j++)
			put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
		lab.tsc += LAB_HZ / 1000 / 4;
		run();
		lab_forget();
	}
	expect_drops(tcp_reset_sent, 500);
	expect_drops(tcp_not_syn, 1500);
	// An hour later there are not more than at once.
	lab_advance(3600);
	for (unsigned int i = 0; i < 1024; i++) {
		put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .ttl = 1);
		if (i % 64 == 63) {
			run();
			lab_forget();
		}
	}
	expect_drops(tcp_reset_sent, 1000);
	expect_drops(tcp_not_syn, 24);
}

/*
 * A flood of one prefix has used up what is there for all: others still get answers, a few each, and
 * as many as the reserve has. By chance one or two may share the flood's cell.
 */
static void test_rate_of_others(void **state)
{
	unsigned int answered;

	service(.vip = VIP ":80");
	for (unsigned int i = 0; i < 1024; i++) {
		put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
		if (i % 64 == 63) {
			run();
			lab_forget();
		}
	}
	expect_drops(tcp_reset_sent, 1000);
	expect_drops(tcp_not_syn, 24);
	for (unsigned int i = 0; i < 8; i++) {
		char client[20];

		snprintf(client, sizeof(client), "10.1.%u.1", 100 + i);
		for (unsigned int k = 0; k < 20; k++)
			put(.from = client, .from_port = 4000, .to = VIP ":80", .tcp = ACK);
		run();
		lab_forget();
	}
	answered = lab.w->stats.answered - 1000;
	assert_in_range(answered, 4 * 16, 8 * 16);
	expect_drops(tcp_reset_sent, answered);
	expect_drops(tcp_not_syn, 160 - answered);
	// All of them together have no more than the reserve.
	for (unsigned int i = 0; i < 200; i++) {
		char client[20];

		snprintf(client, sizeof(client), "10.1.%u.1", i);
		for (unsigned int k = 0; k < 20; k++)
			put(.from = client, .from_port = 4000, .to = VIP ":80", .tcp = ACK);
		run();
		lab_forget();
	}
	assert_int_equal(lab.w->stats.answered, 1000 + 250);
	expect_drops(tcp_reset_sent, 250 - answered);
	expect_drops(tcp_not_syn, 4000 - (250 - answered));
}

/* An answer goes where routing says, and waits for the neighbour as every packet does. */
static void test_answer_waits(void **state)
{
	service(.vip = VIP ":80");
	fake_route("10.1.0.0/16", NEXTHOP_UNRESOLVED, CLIENTS);
	fake_routes_changed();
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .acknowledgement = 9);
	run();
	expect_drop(tcp_reset_sent);
	expect_nothing();
	assert_int_equal(fake_neigh_requests, 1);
	fake_route("10.1.0.0/16", CLIENT_NEXTHOP, 0);
	fake_routes_changed();
	lab.tsc += LAB_HZ / 10;
	output_parked(lab.w, lab.tsc);
	expect(.from = VIP ":80", .to = CLIENT ":4000", .tcp = RST, .sequence = 9, ANSWER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_ttl4),
		lab_test(test_ttl6),
		lab_test(test_ttl_of_first_packet),
		lab_test(test_too_big4),
		lab_test(test_too_big6),
		lab_test(test_reset4),
		lab_test(test_reset6),
		lab_test(test_reset_without_options),
		lab_test(test_unknown_is_dropped),
		lab_test(test_rate),
		lab_test(test_rate_of_others),
		lab_test(test_answer_waits),
	};

	return cmocka_run_group_tests_name("answer", tests, lab_start, lab_stop);
}

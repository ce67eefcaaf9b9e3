/* SPDX-License-Identifier: BSD-3-Clause */

/* ICMP errors about packets of a session, from either side, reach the other side as its own. */
#include "lab.h"

#define ROUTER_OF_SERVERS  "192.168.9.9"
#define ROUTER_OF_CLIENTS  "10.1.9.9"
#define ROUTER_OF_SERVERS6 "2001:db8:2::9"
#define ROUTER_OF_CLIENTS6 "2001:db8:1::9"

struct error_row {
	uint8_t type, code;
	uint32_t rest;
	unsigned int quoted; // of the datagram, 0: all
	unsigned int payload;
	enum packet_sum sum; // of the quoted packet
};

/* A side's router sends an error about what went there; it arrives at the other side. */
static void error_passes(const struct error_row *row, const struct packet *quoted,
			 const struct packet *known, const char *router, const char *to,
			 const char *from_then, const char *to_then)
{
	struct packet before = *quoted, after = *known;

	before.payload = after.payload = row->payload;
	before.sum = after.sum = row->sum;
	before.ttl = after.ttl = 55;
	put(.from = router, .to = to, .icmp = row->type, .code = row->code, .rest = row->rest,
	    .quote = &before, .quoted = row->quoted);
	run();
	expect(.from = from_then, .to = to_then, .icmp = row->type, .code = row->code,
	       .rest = row->rest, .quote = &after, .quoted = row->quoted);
}

static const struct error_row rows4[] = {
	{3, 4, 1400, 28, 100, SUM_GOOD},				// fragmentation needed
	{3, 4, 576, 0, 99, SUM_GOOD},	     {3, 1, 0, 0, 0, SUM_GOOD}, // host unreachable
	{3, 3, 0, 36, 0, SUM_GOOD},	     {3, 3, 0, 38, 3, SUM_GOOD},
	{11, 0, 0, 28, 0, SUM_GOOD}, // time exceeded
	{12, 0, 0x14000000, 0, 7, SUM_GOOD}, {3, 13, 0, 0, 7, SUM_BROKEN},
};

static void errors4(uint8_t flags)
{
	service(.vip = VIP ":80", .protocol = flags ? IPPROTO_TCP : IPPROTO_UDP);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = flags ? SYN : 0);
	run();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = flags ? SYN : 0);
	for (unsigned int i = 0; i < sizeof(rows4) / sizeof(*rows4); i++) {
		error_passes(
			&rows4[i],
			&(struct packet){.from = LOCAL ":@", .to = SERVER ":80", .tcp = flags},
			&(struct packet){.from = CLIENT ":4000", .to = VIP ":80", .tcp = flags},
			ROUTER_OF_SERVERS, LOCAL, VIP, CLIENT);
		error_passes(
			&rows4[i],
			&(struct packet){.from = VIP ":80", .to = CLIENT ":4000", .tcp = flags},
			&(struct packet){.from = SERVER ":80", .to = LOCAL ":@", .tcp = flags},
			ROUTER_OF_CLIENTS, VIP, LOCAL, SERVER);
	}
}

static void test_tcp4(void **state)
{
	errors4(ACK);
	expect_state(STATE_SYN_RECV);
}

static void test_udp4(void **state)
{
	const struct error_row zero = {3, 3, 0, 0, 9, SUM_ZERO};

	errors4(0);
	error_passes(&zero, &(struct packet){.from = LOCAL ":@", .to = SERVER ":80"},
		     &(struct packet){.from = CLIENT ":4000", .to = VIP ":80"}, ROUTER_OF_SERVERS,
		     LOCAL, VIP, CLIENT);
	// No error makes a session normal or keeps it alive.
	expect_state(STATE_UDP_ONE_WAY);
}

static const struct error_row rows6[] = {
	{2, 0, 1400, 48, 100, SUM_GOOD},			     // packet too big
	{2, 0, 1280, 0, 1100, SUM_GOOD}, {1, 0, 0, 0, 0, SUM_GOOD},  // no route
	{1, 4, 0, 55, 0, SUM_GOOD},	 {3, 0, 0, 48, 0, SUM_GOOD}, // time exceeded
	{4, 1, 6, 0, 7, SUM_BROKEN},
};

static void errors6(uint8_t flags)
{
	service(.vip = "[" VIP6 "]:80", .protocol = flags ? IPPROTO_TCP : IPPROTO_UDP);
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = flags ? SYN : 0);
	run();
	expect(.from = "[" LOCAL6 "]:*", .to = "[" SERVER6 "]:80", .tcp = flags ? SYN : 0);
	for (unsigned int i = 0; i < sizeof(rows6) / sizeof(*rows6); i++) {
		error_passes(
			&rows6[i],
			&(struct packet){
				.from = "[" LOCAL6 "]:@", .to = "[" SERVER6 "]:80", .tcp = flags},
			&(struct packet){
				.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = flags},
			ROUTER_OF_SERVERS6, LOCAL6, VIP6, CLIENT6);
		error_passes(
			&rows6[i],
			&(struct packet){
				.from = "[" VIP6 "]:80", .to = "[" CLIENT6 "]:4000", .tcp = flags},
			&(struct packet){
				.from = "[" SERVER6 "]:80", .to = "[" LOCAL6 "]:@", .tcp = flags},
			ROUTER_OF_CLIENTS6, VIP6, LOCAL6, SERVER6);
	}
}

static void test_tcp6(void **state)
{
	errors6(ACK);
}

static void test_udp6(void **state)
{
	errors6(0);
}

/* IP options and extension headers of the error and of what it quotes stay where they are. */
static void test_options(void **state)
{
	struct packet before = {
		.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, OPTIONS4("\1\1\1\1")};
	struct packet after = {
		.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, OPTIONS4("\1\1\1\1")};
	struct packet before6 = {.from = "[" LOCAL6 "]:@",
				 .to = "[" SERVER6 "]:80",
				 .tcp = ACK,
				 EXTENSIONS(60, "\x06\0\1\4\0\0\0\0")};
	struct packet after6 = {.from = "[" CLIENT6 "]:4000",
				.to = "[" VIP6 "]:80",
				.tcp = ACK,
				EXTENSIONS(60, "\x06\0\1\4\0\0\0\0")};

	service(.vip = VIP ":80");
	service(.vip = "[" VIP6 "]:80");
	lab_connect(&ends4);
	put(.from = ROUTER_OF_SERVERS, .to = LOCAL, .icmp = 3, .code = 1, .quote = &before,
	    OPTIONS4("\1\1\1\1"), .pad = 3);
	run();
	expect(.from = VIP, .to = CLIENT, .icmp = 3, .code = 1, .quote = &after,
	       OPTIONS4("\1\1\1\1"), .pad = 3);
	lab_connect(&ends6);
	put(.from = ROUTER_OF_SERVERS6, .to = LOCAL6, .icmp = 1, .quote = &before6,
	    EXTENSIONS(60, "\x3a\0\1\4\0\0\0\0"));
	run();
	expect(.from = VIP6, .to = CLIENT6, .icmp = 1, .quote = &after6,
	       EXTENSIONS(60, "\x3a\0\1\4\0\0\0\0"));
}

static void test_ttl(void **state)
{
	struct packet quoted = {.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK};

	service(.vip = VIP ":80");
	lab_connect(&ends4);
	put(.from = ROUTER_OF_SERVERS, .to = LOCAL, .icmp = 3, .quote = &quoted, .ttl = 1);
	run();
	expect_drop(ttl_exceeded); // and no error about an error
}

static void test_malformed_quotes(void **state)
{
	struct packet quoted = {.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK};

	service(.vip = VIP ":80");
	lab_connect(&ends4);
	quoted.fragment = 0x2001;
	put(.from = ROUTER_OF_SERVERS, .to = LOCAL, .icmp = 3, .quote = &quoted);
	quoted.fragment = 0;
	quoted.patch[0] = (struct packet_patch){14, 0x65};
	put(.from = ROUTER_OF_SERVERS, .to = LOCAL, .icmp = 3, .quote = &quoted);
	quoted.patch[0] = (struct packet_patch){14, 0x44};
	put(.from = ROUTER_OF_SERVERS, .to = LOCAL, .icmp = 3, .quote = &quoted);
	quoted.patch[0] = (struct packet_patch){14, 0x4f};
	put(.from = ROUTER_OF_SERVERS, .to = LOCAL, .icmp = 3, .quote = &quoted);
	put(.from = ROUTER_OF_SERVERS6, .to = LOCAL6, .icmp = 1, .quote = &quoted, .payload = 90);
	run();
	expect_drops(icmp_error_malformed, 5);
}

/* An error in several segments is translated as one in one. */
static void test_segments(void **state)
{
	struct packet inside = {
		.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, .payload = 500, .ttl = 64};
	struct packet outside = {
		.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = 500, .ttl = 64};

	service(.vip = VIP ":80");
	lab_connect(&ends4);
	put(.from = ROUTER_OF_SERVERS, .to = LOCAL, .icmp = 3, .quote = &inside, .split = 200);
	run();
	expect(.from = VIP, .to = CLIENT, .icmp = 3, .quote = &outside);
}

/* What is about no session: Linux's own traffic is Linux's, the rest is nobody's. */
static void test_without_session(void **state)
{
	struct packet of_vip = {.from = VIP ":22", .to = CLIENT ":4000", .tcp = ACK};
	struct packet of_local = {.from = LOCAL ":4", .to = SERVER ":80", .tcp = ACK};
	struct packet of_ping = {.from = VIP, .to = CLIENT, .icmp = 8, .payload = 30};
	struct packet foreign = {.from = "8.8.8.8:4", .to = SERVER ":80", .tcp = ACK};
	struct packet not_ours = {.from = "8.8.8.8", .to = CLIENT, .icmp = 8, .payload = 30};

	service(.vip = VIP ":80");
	put(.from = ROUTER_OF_CLIENTS, .to = VIP, .icmp = 3, .quote = &of_vip);
	put(.from = ROUTER_OF_SERVERS, .to = LOCAL, .icmp = 11, .quote = &of_local);
	put(.from = ROUTER_OF_CLIENTS, .to = VIP, .icmp = 3, .quote = &of_ping);
	put(.from = ROUTER_OF_CLIENTS, .to = VIP, .icmp = 3, .quote = &foreign);
	put(.from = ROUTER_OF_CLIENTS, .to = "8.8.8.8", .icmp = 3, .quote = &not_ours);
	run();
	expect_punt(PUNT_ICMP, .from = ROUTER_OF_CLIENTS, .to = VIP, .icmp = 3, .quote = &of_vip);
	expect_punt(PUNT_ICMP, .from = ROUTER_OF_SERVERS, .to = LOCAL, .icmp = 11,
		    .quote = &of_local);
	expect_punt(PUNT_ICMP, .from = ROUTER_OF_CLIENTS, .to = VIP, .icmp = 3, .quote = &of_ping);
	expect_drop(icmp_error_no_session);
	expect_drop(not_for_us);
}

/* An error about a session that an earlier packet of the same batch has ended. */
static void test_session_ended_in_batch(void **state)
{
	struct packet quoted = {.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK};

	service(.vip = VIP ":80");
	lab_connect(&ends4);
	exchange({{.from = SERVER ":80", .to = LOCAL ":@", .tcp = RST},
		  {.from = VIP ":80", .to = CLIENT ":4000", .tcp = RST}});
	quoted.from_port = lab.remembered;
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	put(.from = ROUTER_OF_SERVERS, .to = LOCAL, .icmp = 3, .quote = &quoted);
	run();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	expect_drop(icmp_error_no_session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_tcp4),
		lab_test(test_udp4),
		lab_test(test_tcp6),
		lab_test(test_udp6),
		lab_test(test_options),
		lab_test(test_ttl),
		lab_test(test_malformed_quotes),
		lab_test(test_segments),
		lab_test(test_without_session),
		lab_test(test_session_ended_in_batch),
	};

	return cmocka_run_group_tests_name("icmp", tests, lab_start, lab_stop);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/* NAT64 and NAT46: FullNAT to a server of the other family. */
#include "lab.h"

#include <string.h>

#include "path/workers.h"

static const struct ends nat64 = {"[" CLIENT6 "]:4000", "[" VIP6 "]:80", LOCAL ":*", LOCAL ":@",
				  SERVER ":80"};
static const struct ends nat46 = {CLIENT ":4000", VIP ":80", "[" LOCAL6 "]:*", "[" LOCAL6 "]:@",
				  "[" SERVER6 "]:80"};

/* An answer is a packet of this host: its own TTL, and it may be fragmented. */
#define ANSWER .ttl = 64, .may_fragment = true

static bool is_ipv6(const char *end)
{
	return strchr(end, '[') || strstr(end, "::");
}

static void service_begin(const struct ends *e, uint8_t protocol)
{
	service(.vip = e->vip, .protocol = protocol, .servers = {e->server},
		.locals = {is_ipv6(e->server) ? LOCAL6 : LOCAL});
}

/* What a packet becomes: small IPv4 ones may be fragmented, and have a number of their own. */
static struct packet translated(const struct packet *in, const char *from, const char *to)
{
	unsigned int transport = in->tcp ? 20 + in->option_length : 8;
	struct packet out = *in;

	out.from = from;
	out.to = to;
	out.may_fragment = false;
	out.id = out.split = out.ip_option_length = out.extension_length = 0;
	if (!is_ipv6(to) && 20 + transport + in->payload <= 1260) {
		out.may_fragment = true;
		out.id = lab.w->packet_id;
	}
	out.ttl = in->ttl ? in->ttl - 1 : 0;
	return out;
}

static void crosses_at(const struct packet *in, const char *from, const char *to, int line)
{
	struct packet out = translated(in, from, to);

	lab_put(in);
	run();
	lab_expect(&out, __FILE__, line);
}

#define crosses(in, from, to) crosses_at(in, from, to, __LINE__)

/* A packet of the client or of the server of this session, with the fields that follow. */
#define OF_CLIENT(e, ...)                                                                         \
	crosses(&((struct packet){.from = (e)->client, .to = (e)->vip, __VA_ARGS__}), (e)->local, \
		(e)->server)
#define OF_SERVER(e, ...)                                                                         \
	crosses(&((struct packet){.from = (e)->server, .to = (e)->local, __VA_ARGS__}), (e)->vip, \
		(e)->client)
#define FIRST(e, ...)                                                                 \
	crosses(&((struct packet){.from = (e)->client, .to = (e)->vip, __VA_ARGS__}), \
		(e)->local_any, (e)->server)

static void connect_tcp(const struct ends *e)
{
	service_begin(e, IPPROTO_TCP);
	FIRST(e, .tcp = SYN, .sequence = 1000);
	OF_SERVER(e, .tcp = SYN | ACK, .sequence = 7000, .acknowledgement = 1001);
	OF_CLIENT(e, .tcp = ACK, .sequence = 1001, .acknowledgement = 7001);
	expect_state(STATE_ESTABLISHED);
}

static void tcp_carries_data(const struct ends *e)
{
	connect_tcp(e);
	for (unsigned int payload = 1; payload < 1430; payload += payload < 9 ? 1 : 203) {
		OF_CLIENT(e, .tcp = PSH | ACK, .payload = payload, .id = 77, .tos = 0xb9,
			  .ttl = 128);
		OF_SERVER(e, .tcp = ACK, .payload = payload, .id = 78, .tos = 0x03, .ttl = 3);
	}
	// The last size that may be fragmented and the first that may not; two segments.
	for (unsigned int payload = 1219; payload <= 1221; payload++) {
		OF_CLIENT(e, .tcp = ACK, .payload = payload);
		OF_SERVER(e, .tcp = ACK, .payload = payload, .may_fragment = true, .id = 9);
	}
	OF_CLIENT(e, .tcp = ACK, .payload = 99, .split = 14 + 60);
	OF_SERVER(e, .tcp = ACK, .payload = 99, .split = 14 + 60 + 1);
	// What a session counts is what came in, in either family.
	assert_int_equal(lab_session()->packets[0], lab_session()->packets[1] + 1);
	lab_check();
	OF_SERVER(e, .tcp = FIN | ACK);
	expect_state(STATE_FIN_WAIT);
	OF_CLIENT(e, .tcp = FIN | ACK);
	expect_state(STATE_TIME_WAIT);
}

static void test_tcp64(void **state)
{
	tcp_carries_data(&nat64);
}

static void test_tcp46(void **state)
{
	tcp_carries_data(&nat46);
}

static void udp_carries_data(const struct ends *e)
{
	service_begin(e, IPPROTO_UDP);
	FIRST(e, .payload = 0);
	expect_state(STATE_UDP_ONE_WAY);
	for (unsigned int payload = 0; payload < 1400; payload += payload < 9 ? 1 : 203) {
		OF_CLIENT(e, .payload = payload);
		OF_SERVER(e, .payload = payload);
	}
	expect_state(STATE_UDP_NORMAL);
}

static void test_udp64(void **state)
{
	udp_carries_data(&nat64);
}

static void test_udp46(void **state)
{
	udp_carries_data(&nat46);
}

/* IPv4 may leave out the checksum of UDP, IPv6 may not: it is made, be the datagram in pieces. */
static void sum_is_made(const struct ends *e)
{
	struct packet of_client = {.from = e->client, .to = e->vip, .sum = SUM_ZERO};
	struct packet of_server = {.from = e->server, .to = e->local, .sum = SUM_ZERO};
	struct packet out;

	service_begin(e, IPPROTO_UDP);
	FIRST(e, .payload = 3);
	for (unsigned int payload = 0; payload < 1400; payload += payload < 9 ? 1 : 203) {
		struct packet *in = is_ipv6(e->client) ? &of_server : &of_client;

		in->payload = payload;
		in->split = payload > 300 ? 14 + 20 + 8 + payload / 2 : 0;
		out = translated(in, in == &of_server ? e->vip : e->local,
				 in == &of_server ? e->client : e->server);
		out.sum = SUM_GOOD;
		lab_put(in);
		run();
		lab_expect(&out, __FILE__, __LINE__);
	}
	// From IPv6 it stays as it is, which for IPv4 means that there is none.
	if (is_ipv6(e->client))
		OF_CLIENT(e, .payload = 5, .sum = SUM_ZERO);
	else
		OF_SERVER(e, .payload = 5, .sum = SUM_ZERO);
}

static void test_udp_without_sum(void **state)
{
	sum_is_made(&nat64);
	lab_flush();
	sum_is_made(&nat46);
}

/* Sums that come out as 0 are sent as 0xffff; wrong ones stay wrong. */
static void odd_sums(const struct ends *e)
{
	struct packet in = {.from = e->client, .to = e->vip, .payload = 2, .word = 1}, out;
	unsigned int field = is_ipv6(e->server) ? 60 : 40;
	uint8_t frame[PACKET_MAX];
	uint32_t word;

	service_begin(e, IPPROTO_UDP);
	FIRST(e, .payload = 2, .word = 1);
	out = translated(&in, e->local, e->server);
	packet_build(&out, lab.remembered, frame);
	word = (frame[field] << 8 | frame[field + 1]) + 1;
	in.word = (word & 0xffff) + (word >> 16);
	crosses(&in, e->local, e->server);
	OF_SERVER(e, .payload = 2, .word = in.word);
	OF_CLIENT(e, .payload = 9, .sum = SUM_BROKEN);
	OF_SERVER(e, .payload = 9, .sum = SUM_BROKEN);
	lab_flush();
	connect_tcp(e);
	OF_CLIENT(e, .tcp = ACK, .payload = 9, .sum = SUM_BROKEN);
	OF_SERVER(e, .tcp = ACK, .payload = 9, .sum = SUM_BROKEN);
}

static void test_sums(void **state)
{
	odd_sums(&nat64);
	lab_flush();
	odd_sums(&nat46);
}

/* Headers that need not be understood are left out; a route that is still to be gone is refused. */
static void test_extensions_and_options(void **state)
{
	connect_tcp(&nat64);
	OF_CLIENT(&nat64, .tcp = ACK, .payload = 7, EXTENSIONS(0, "\6\0\5\2\0\0\1\0"));
	OF_CLIENT(&nat64, .tcp = ACK, .payload = 7,
		  EXTENSIONS(43, "\x3c\0\4\0\0\0\0\0\6\0\1\4\0\0\0\0"));
	OF_SERVER(&nat64, .tcp = ACK, .payload = 7, OPTIONS4("\x83\7\x08\1\2\3\4\0"));
	OF_SERVER(&nat64, .tcp = ACK, .payload = 7, OPTIONS4("\1\1\x94\4\0\0\x83\x28"));
	put(.from = nat64.client, .to = nat64.vip, .tcp = ACK,
	    EXTENSIONS(43, "\6\2\0\1\0\0\0\0\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"));
	put(.from = nat64.server, .to = nat64.local, .tcp = ACK, OPTIONS4("\x83\7\4\1\2\3\4\0"));
	put(.from = nat64.server, .to = nat64.local, .tcp = ACK, OPTIONS4("\1\x89\7\4\1\2\3\4"));
	run();
	expect_drops(source_route, 3);
}

/* The MSS of both sides' SYN goes by the narrower leg, each with its own header. */
static void mss_is_clamped(const struct ends *e, const char *in, const char *out)
{
	struct packet syn = {.tcp = SYN, .options = in, .option_length = 8}, then = syn;

	service_begin(e, IPPROTO_TCP);
	for (unsigned int i = 0; i < 2; i++) {
		syn.from = i ? e->server : e->client;
		syn.to = i ? e->local : e->vip;
		then = translated(&syn, i ? e->vip : e->local_any, i ? e->client : e->server);
		then.options = out;
		lab_put(&syn);
		run();
		lab_expect(&then, __FILE__, __LINE__);
		syn.tcp = SYN | ACK;
	}
	lab_flush();
}

static void test_mss(void **state)
{
	// 1460 to 1440, the IPv6 leg's; 1400 stays
	mss_is_clamped(&nat64, "\2\4\x05\xb4\1\1\1\0", "\2\4\x05\xa0\1\1\1\0");
	mss_is_clamped(&nat46, "\2\4\x05\xb4\1\1\1\0", "\2\4\x05\xa0\1\1\1\0");
	mss_is_clamped(&nat64, "\2\4\x05\x78\1\1\1\0", "\2\4\x05\x78\1\1\1\0");
	// 1360 and 1340 through a servers' leg of 1400
	fake_nexthop(SERVER_NEXTHOP, SERVERS, 2, 1400);
	mss_is_clamped(&nat64, "\2\4\x05\xb4\1\1\1\0", "\2\4\x05\x50\1\1\1\0");
	mss_is_clamped(&nat46, "\2\4\x05\xb4\1\1\1\0", "\2\4\x05\x3c\1\1\1\0");
}

static void test_ttl(void **state)
{
	struct packet of_client = {.tcp = ACK, .ttl = 1, .payload = 9};
	struct packet of_server = of_client;

	connect_tcp(&nat64);
	of_client.from = nat64.client;
	of_client.to = nat64.vip;
	of_server.from = nat64.server;
	of_server.to = nat64.local;
	lab_put(&of_client);
	lab_put(&of_server);
	run();
	expect(.from = VIP6, .to = CLIENT6, .icmp = 3, .quote = &of_client, ANSWER);
	expect(.from = LOCAL, .to = SERVER, .icmp = 11, .quote = &of_server, ANSWER);
	expect_drops(ttl_exceeded, 2);
}

/* A server's leg of 1400 and a client's of 1300, seen from both sides. */
static void test_too_big64(void **state)
{
	struct packet big = {.from = nat64.client, .to = nat64.vip, .tcp = ACK, .payload = 1361};
	struct packet back = {.from = nat64.server, .to = nat64.local, .tcp = ACK, .payload = 1241};

	fake_nexthop(SERVER_NEXTHOP, SERVERS, 2, 1400);
	fake_nexthop(CLIENT_NEXTHOP, CLIENTS, 1, 1300);
	connect_tcp(&nat64);
	OF_CLIENT(&nat64, .tcp = ACK, .payload = 1360);
	OF_SERVER(&nat64, .tcp = ACK, .payload = 1240);
	lab_put(&big);
	lab_put(&back);
	run();
	expect(.from = VIP6, .to = CLIENT6, .icmp = 2, .rest = 1420, .quote = &big, .quoted = 1232,
	       ANSWER);
	expect(.from = LOCAL, .to = SERVER, .icmp = 3, .code = 4, .rest = 1280, .quote = &back,
	       .quoted = 548, ANSWER);
	expect_drops(too_big, 2);
	// 1280 is the least that an IPv6 sender is told.
	fake_nexthop(SERVER_NEXTHOP, SERVERS, 2, 1000);
	big.payload = 1221;
	lab_put(&big);
	run();
	expect(.from = VIP6, .to = CLIENT6, .icmp = 2, .rest = 1280, .quote = &big, .quoted = 1232,
	       ANSWER);
	expect_drop(too_big);
}

static void test_too_big46(void **state)
{
	struct packet big = {.from = nat46.client, .to = nat46.vip, .tcp = ACK, .payload = 1341};
	struct packet back = {.from = nat46.server, .to = nat46.local, .tcp = ACK, .payload = 1261};

	fake_nexthop(SERVER_NEXTHOP, SERVERS, 2, 1400);
	fake_nexthop(CLIENT_NEXTHOP, CLIENTS, 1, 1300);
	connect_tcp(&nat46);
	OF_CLIENT(&nat46, .tcp = ACK, .payload = 1340);
	OF_SERVER(&nat46, .tcp = ACK, .payload = 1260);
	lab_put(&big);
	lab_put(&back);
	run();
	expect(.from = VIP, .to = CLIENT, .icmp = 3, .code = 4, .rest = 1380, .quote = &big,
	       .quoted = 548, ANSWER);
	expect(.from = LOCAL6, .to = SERVER6, .icmp = 2, .rest = 1320, .quote = &back,
	       .quoted = 1232, ANSWER);
	expect_drops(too_big, 2);
}

/* IPv6 of up to 1280 and IPv4 without DF have to get through: in pieces. */
static void test_cut64(void **state)
{
	fake_nexthop(SERVER_NEXTHOP, SERVERS, 2, 1000);
	fake_nexthop(CLIENT_NEXTHOP, CLIENTS, 1, 1400);
	connect_tcp(&nat64);
	put(.from = nat64.client, .to = nat64.vip, .tcp = ACK, .payload = 1220);
	run();
	expect_pieces(0, 1000, .from = nat64.local, .to = nat64.server, .tcp = ACK, .payload = 1220,
		      .ttl = PACKET_TTL - 1, .may_fragment = true);
	put(.from = nat64.server, .to = nat64.local, .tcp = ACK, .payload = 1460, .id = 5,
	    .may_fragment = true, .split = 700);
	run();
	expect_pieces(0, 1280, .from = nat64.vip, .to = nat64.client, .tcp = ACK, .payload = 1460,
		      .ttl = PACKET_TTL - 1, .iface = CLIENTS);
	assert_int_equal(lab.w->stats.fragments_made, 2);
}

static void test_cut46(void **state)
{
	fake_nexthop(CLIENT_NEXTHOP, CLIENTS, 1, 700);
	connect_tcp(&nat46);
	put(.from = nat46.client, .to = nat46.vip, .tcp = ACK, .payload = 1460, .id = 5,
	    .may_fragment = true);
	put(.from = nat46.client, .to = nat46.vip, .tcp = ACK, .payload = 1441, .id = 6,
	    .may_fragment = true);
	run();
	expect_pieces(0, 1280, .from = nat46.local, .to = nat46.server, .tcp = ACK, .payload = 1460,
		      .ttl = PACKET_TTL - 1);
	expect_pieces(0, 1280, .from = nat46.local, .to = nat46.server, .tcp = ACK, .payload = 1441,
		      .ttl = PACKET_TTL - 1);
	// What fits the link goes whole.
	OF_CLIENT(&nat46, .tcp = ACK, .payload = 1440, .may_fragment = true);
	put(.from = nat46.server, .to = nat46.local, .tcp = ACK, .payload = 1220);
	run();
	expect_pieces(0, 700, .from = nat46.vip, .to = nat46.client, .tcp = ACK, .payload = 1220,
		      .ttl = PACKET_TTL - 1, .iface = CLIENTS, .may_fragment = true);
}

/* Of packets of the other family: what is quoted is what the other side has sent. */
struct error_row {
	uint8_t type, code;
	uint32_t rest;
	uint8_t type_then, code_then;
	uint32_t rest_then;
	unsigned int quoted; // bytes of the transport, 0: all
	unsigned int payload;
	enum packet_sum sum;
};

static const struct error_row rows_to6[] = {
	{3, 1, 0, 1, 0, 0, 8, 0, SUM_GOOD},	     {3, 3, 0, 1, 4, 0, 0, 0, SUM_GOOD},
	{3, 3, 0, 1, 4, 0, 18, 100, SUM_GOOD},	     {3, 13, 0, 1, 1, 0, 0, 50, SUM_BROKEN},
	{3, 2, 0, 4, 1, 6, 16, 0, SUM_GOOD},	     {3, 4, 1400, 2, 0, 1420, 8, 1400, SUM_GOOD},
	{3, 4, 1400, 2, 0, 1420, 0, 1000, SUM_GOOD}, {3, 4, 576, 2, 0, 1280, 8, 1400, SUM_GOOD},
	{3, 4, 0, 2, 0, 1280, 8, 1200, SUM_GOOD},    {11, 0, 0, 3, 0, 0, 8, 0, SUM_GOOD},
	{12, 0, 8u << 24, 4, 0, 7, 0, 7, SUM_GOOD},
};

static const struct error_row rows_to4[] = {
	{1, 0, 0, 3, 1, 0, 8, 0, SUM_GOOD},	     {1, 4, 0, 3, 3, 0, 0, 0, SUM_GOOD},
	{1, 1, 0, 3, 10, 0, 13, 30, SUM_BROKEN},     {2, 0, 1400, 3, 4, 1380, 8, 1400, SUM_GOOD},
	{2, 0, 1280, 3, 4, 1260, 0, 1150, SUM_GOOD}, {2, 0, 5, 3, 4, 1260, 0, 1150, SUM_GOOD},
	{3, 0, 0, 11, 0, 0, 8, 0, SUM_GOOD},	     {4, 0, 7, 12, 0, 8u << 24, 0, 7, SUM_GOOD},
};

/* One side's router sends an error about what went there; it arrives at the other side. */
static void error_passes(const struct error_row *row, const char *from, const char *to,
			 const char *known_from, const char *known_to, uint8_t flags)
{
	bool to6 = is_ipv6(known_from);
	unsigned int before = to6 ? 20 : 40, after = to6 ? 40 : 20, most = to6 ? 1232 : 548, whole;
	struct packet quoted = {.from = from,
				.to = to,
				.tcp = flags,
				.payload = row->payload,
				.sum = row->sum,
				.ttl = 55};
	struct packet known = quoted;
	struct addr source, destination, router;
	char text[3][ADDR_TEXT];
	uint16_t port;

	packet_end(from, 1, &source, &port);
	packet_end(known_from, 1, &destination, &port);
	addr_format(&source, text[0]);
	addr_format(&destination, text[1]);
	packet_end(known_to, 1, &router, &port);
	addr_format(&router, text[2]);
	known.from = known_from;
	known.to = known_to;
	whole = (flags ? 20 : 8) + row->payload;
	if (!to6 && 20 + whole <= 1260)
		known.may_fragment = true; // weir made it so
	put(.from = to6 ? (is_ipv6(known_to) && strstr(known_to, "db8:1:") ? "192.168.9.9"
									   : "10.1.9.9")
			: (strstr(known_to, "10.1.") ? "2001:db8:2::9" : "2001:db8:1::9"),
	    .to = text[0], .icmp = row->type, .code = row->code, .rest = row->rest,
	    .quote = &quoted, .quoted = row->quoted ? before + row->quoted : 0);
	run();
	expect(.from = text[2], .to = text[1], .icmp = row->type_then, .code = row->code_then,
	       .rest = row->rest_then, .quote = &known,
	       .quoted = RTE_MIN(row->quoted ? after + row->quoted : after + whole, most),
	       .may_fragment = true, .id = lab.w->packet_id - 1);
}

static void errors_pass(const struct ends *e, uint8_t protocol)
{
	uint8_t flags = protocol == IPPROTO_TCP ? ACK : 0;
	bool to4 = is_ipv6(e->client);

	service_begin(e, protocol);
	FIRST(e, .tcp = flags ? SYN : 0);
	// About packets that weir sent to the server, and about those that it sent to the client.
	for (unsigned int i = 0; i < sizeof(rows_to6) / sizeof(rows_to6[0]); i++)
		error_passes(&rows_to6[i], to4 ? e->local : e->vip, to4 ? e->server : e->client,
			     to4 ? e->client : e->server, to4 ? e->vip : e->local, flags);
	for (unsigned int i = 0; i < sizeof(rows_to4) / sizeof(rows_to4[0]); i++)
		error_passes(&rows_to4[i], to4 ? e->vip : e->local, to4 ? e->client : e->server,
			     to4 ? e->server : e->client, to4 ? e->local : e->vip, flags);
	lab_flush();
}

static void test_errors(void **state)
{
	errors_pass(&nat64, IPPROTO_TCP);
	errors_pass(&nat64, IPPROTO_UDP);
	errors_pass(&nat46, IPPROTO_TCP);
	errors_pass(&nat46, IPPROTO_UDP);
}

/* Errors that have no counterpart, that quote too little, or that lie about it. */
static void test_errors_dropped(void **state)
{
	struct packet to_server = {.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK};
	struct packet to_client = {
		.from = "[" VIP6 "]:80", .to = "[" CLIENT6 "]:4000", .tcp = ACK, .payload = 200};

	connect_tcp(&nat64);
	put(.from = "192.168.9.9", .to = LOCAL, .icmp = 3, .code = 14, .quote = &to_server);
	put(.from = "192.168.9.9", .to = LOCAL, .icmp = 12, .code = 1, .quote = &to_server);
	put(.from = "192.168.9.9", .to = LOCAL, .icmp = 12, .rest = 4u << 24, .quote = &to_server);
	put(.from = "2001:db8:1::9", .to = VIP6, .icmp = 4, .code = 2, .quote = &to_client);
	put(.from = "2001:db8:1::9", .to = VIP6, .icmp = 4, .rest = 48, .quote = &to_client);
	put(.from = "2001:db8:1::9", .to = VIP6, .icmp = 1, .code = 77, .quote = &to_client);
	run();
	expect_drops(icmp_error_no_counterpart, 6);
	to_server.ip_length = 19;
	to_client.patch[0] = (struct packet_patch){14 + 4, 0};
	to_client.patch[1] = (struct packet_patch){14 + 5, 3};
	to_client.extension_type = 60;
	to_client.extensions = "\6\0\1\4\0\0\0\0";
	to_client.extension_length = 8;
	put(.from = "192.168.9.9", .to = LOCAL, .icmp = 3, .quote = &to_server);
	put(.from = "2001:db8:1::9", .to = VIP6, .icmp = 1, .quote = &to_client);
	run();
	expect_drops(icmp_error_malformed, 2);
	put(.from = "192.168.9.9", .to = LOCAL, .icmp = 3, .quote = &to_server, .ttl = 1);
	run();
	expect_drop(ttl_exceeded);
	expect_state(STATE_ESTABLISHED);
}

/* Extension headers, options and the extensions of RFC 4884 of an error are left out. */
static void test_errors_with_more(void **state)
{
	struct packet quoted = {.from = LOCAL ":@",
				.to = SERVER ":80",
				.tcp = ACK,
				.payload = 300,
				OPTIONS4("\1\1\1\1")};
	struct packet known = {
		.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = ACK, .payload = 300};
	struct packet quoted6 = {.from = "[" VIP6 "]:80",
				 .to = "[" CLIENT6 "]:4000",
				 .tcp = ACK,
				 .payload = 300,
				 EXTENSIONS(60, "\6\0\1\4\0\0\0\0")};
	struct packet known4 = {.from = SERVER ":80",
				.to = LOCAL ":@",
				.tcp = ACK,
				.payload = 300,
				.may_fragment = true};

	connect_tcp(&nat64);
	// 32 words of 4 bytes: 24 are the header, 104 of the transport; the rest is extensions.
	put(.from = "192.168.9.9", .to = LOCAL, .icmp = 11, .rest = 32 << 16, .quote = &quoted,
	    .quoted = 200, OPTIONS4("\1\1\1\1"), .pad = 3);
	run();
	expect(.from = VIP6, .to = CLIENT6, .icmp = 3, .quote = &known, .quoted = 144);
	// 16 words of 8 bytes: 48 are the headers, 80 of the transport.
	put(.from = "2001:db8:1::9", .to = VIP6, .icmp = 1, .rest = 16u << 24, .quote = &quoted6,
	    .quoted = 200, EXTENSIONS(60, "\x3a\0\1\4\0\0\0\0"));
	run();
	expect(.from = LOCAL, .to = SERVER, .icmp = 3, .code = 1, .quote = &known4, .quoted = 100,
	       .may_fragment = true, .id = lab.w->packet_id - 1);
}

/* A service may have servers of both families; each gets a local address of its own. */
static void test_mixed_service(void **state)
{
	service(.vip = "[" VIP6 "]:80", .servers = {SERVER ":80", "[" SERVER6 "]:80"},
		.locals = {LOCAL6, LOCAL});
	for (unsigned int i = 0; i < 4; i++) {
		put(.from = CLIENT6, .from_port = 4000 + i, .to = "[" VIP6 "]:80", .tcp = SYN);
		run();
		if (i % 2 == 0)
			expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN,
			       .may_fragment = true, .id = lab.w->packet_id - 1);
		else
			expect(.from = "[" LOCAL6 "]:*", .to = "[" SERVER6 "]:80", .tcp = SYN);
	}
	assert_int_equal(lab.w->stats.sessions_wide, 4);
	lab_check();
}

static void test_no_local_address(void **state)
{
	service(.vip = "[" VIP6 "]:80", .servers = {SERVER ":80"}, .locals = {LOCAL6});
	service(.vip = VIP ":80", .servers = {"[" SERVER6 "]:80"}, .locals = {LOCAL});
	put(.from = nat64.client, .to = nat64.vip, .tcp = SYN);
	put(.from = nat46.client, .to = nat46.vip, .tcp = SYN);
	run();
	expect_drops(no_local_address, 2);
	assert_int_equal(lab_sessions(), 0);
}

/* Sessions of both kinds to one server never take one port, nor does what Linux sends. */
static void test_ports_are_shared(void **state)
{
	service(.vip = "[" VIP6 "]:80", .servers = {SERVER ":80"}, .locals = {LOCAL});
	service(.vip = VIP ":80");
	put(.from = nat64.client, .to = nat64.vip, .tcp = SYN);
	run();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN, .may_fragment = true,
	       .id = lab.w->packet_id - 1);
	assert_int_equal(lab.w->balancer.ports.pair_high, 1);
	lab_next_port(lab.remembered);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	run();
	expect(.from = LOCAL, .from_port = lab.remembered + 1, .to = SERVER ":80", .tcp = SYN);
	lab_next_port(lab.remembered);
	put(.kernel = true, .from = LOCAL ":@", .to = SERVER ":80", .tcp = SYN);
	run();
	expect(.from = LOCAL, .from_port = lab.remembered + 2, .to = SERVER ":80", .tcp = SYN,
	       .ttl = PACKET_TTL);
	assert_int_equal(lab.w->balancer.ports.pair_high, 1);
	assert_int_equal(lab_sessions(), 3);
	lab_check();
}

/* The server closed first: the next connection on its port stands beyond the old one. */
static void test_reuse(void **state)
{
	uint32_t end = 5000, first = end + UINT16_MAX;

	connect_tcp(&nat64);
	OF_SERVER(&nat64, .tcp = FIN | ACK);
	OF_CLIENT(&nat64, .tcp = FIN | ACK, .sequence = end - 4, .payload = 3);
	// The client uses its own port again, before the session is forgotten.
	lab_next_port(lab.remembered);
	put(.from = nat64.client, .to = nat64.vip, .tcp = SYN, .sequence = 100);
	run();
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = SYN, .sequence = first,
	       .may_fragment = true, .id = lab.w->packet_id - 1);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = SYN | ACK, .sequence = 9,
	    .acknowledgement = first + 1);
	run();
	expect(.from = nat64.vip, .to = nat64.client, .tcp = SYN | ACK, .sequence = 9,
	       .acknowledgement = 101);
	lab_check();
}

/* Whichever worker a packet comes to, in either family, it reaches the one that owns the session. */
static void hand_over(const struct ends *e, uint16_t port)
{
	struct packet of_client = {.from = e->client, .to = e->vip, .from_port = port, .tcp = SYN};
	struct packet of_server = {.from = e->server, .to = e->local, .tcp = SYN | ACK}, out;
	struct packet quoted = {.from = e->vip, .to = e->client, .to_port = port, .tcp = ACK};
	unsigned int owner;

	lab.w = &lab.worker[0];
	lab_put(&of_client);
	owner = lab.w->stats.handed_over;
	run();
	owner = lab.w->stats.handed_over - owner;
	if (owner)
		lab_take_over(1);
	lab.w = &lab.worker[owner];
	lab.w->packet_id--;
	out = translated(&of_client, e->local_any, e->server);
	lab.w->packet_id++;
	out.from_port = 0;
	lab_expect(&out, __FILE__, __LINE__);
	assert_int_equal(lab.remembered % 2, owner);
	lab.w = &lab.worker[1 - owner];
	lab_put(&of_server);
	put(.from = is_ipv6(e->client) ? "2001:db8:1::9" : "10.1.9.9",
	    .to = is_ipv6(e->client) ? VIP6 : VIP, .icmp = is_ipv6(e->client) ? 1 : 3,
	    .quote = &quoted);
	run();
	lab_take_over(owner);
	out = translated(&of_server, e->vip, e->client);
	out.to_port = port;
	if (out.may_fragment)
		out.id = lab.w->packet_id - 1;
	lab_expect(&out, __FILE__, __LINE__);
	lab_forget();
}

static void test_workers(void **state)
{
	lab_resize(2, 1000, 1000, 0);
	service_begin(&nat64, IPPROTO_TCP);
	service_begin(&nat46, IPPROTO_TCP);
	for (uint16_t port = 1000; port < 1020; port++) {
		hand_over(&nat64, port);
		hand_over(&nat46, port);
	}
	assert_int_equal(lab_sessions(), 40);
	assert_true(lab.worker[0].stats.sessions_wide > 10);
	assert_true(lab.worker[1].stats.sessions_wide > 10);
	lab_check();
}

/* What listings show. */
static void session_is_shown(const struct ends *e)
{
	struct session_view view;
	uint64_t cursor = 0;
	char text[ENDPOINT_TEXT];
	bool found = false;

	connect_tcp(e);
	while (!found)
		assert_true(workers_session_next(&cursor, 64, &view, &found));
	assert_string_equal(endpoint_format(&view.client, view.client_port, text), e->client);
	assert_string_equal(endpoint_format(&view.vip, view.vip_port, text), e->vip);
	assert_string_equal(endpoint_format(&view.destination, view.destination_port, text),
			    e->server);
	assert_int_equal(view.local_port, lab.remembered);
	assert_string_equal(addr_format(&view.local, text), is_ipv6(e->server) ? LOCAL6 : LOCAL);
	assert_int_equal(view.protocol, IPPROTO_TCP);
	assert_int_equal(view.zone, 0);
	assert_int_equal(view.state, STATE_ESTABLISHED);
	lab_flush();
}

static void test_listing(void **state)
{
	session_is_shown(&nat64);
	session_is_shown(&nat46);
}

/* A session expires like any other, and routes to its client are looked up again by its family. */
static void test_sweep(void **state)
{
	connect_tcp(&nat64);
	fake_route("2001:db8:1::/48", NEXTHOP_BLACKHOLE, 0);
	route_epoch++;
	lab_advance(1);
	put(.from = nat64.server, .to = nat64.local, .tcp = ACK);
	run();
	expect_drop(route_blackhole);
	fake_route("2001:db8:1::/48", CLIENT_NEXTHOP, 0);
	route_epoch++;
	OF_SERVER(&nat64, .tcp = ACK);
	lab_advance(timeouts_default.seconds[STATE_ESTABLISHED] + 1);
	assert_int_equal(lab_sessions(), 0);
}

/* A server that is this host itself: Linux gets a whole frame. */
static void test_server_is_this_host(void **state)
{
	struct packet syn = {.from = nat64.client, .to = nat64.vip, .tcp = SYN}, out;

	fake_route("192.168.0.0/16", NEXTHOP_LOCAL, 0);
	service_begin(&nat64, IPPROTO_TCP);
	out = translated(&syn, LOCAL, SERVER ":80");
	lab_put(&syn);
	run();
	assert_int_equal(lab_sessions(), 1);
	out.from_port = rte_be_to_cpu_16(
		((struct key4 *)session_key(lab_session(), true, 1))->destination_port);
	out.iface = CLIENTS;
	out.ttl = PACKET_TTL - 1;
	lab_expect_punt(PUNT_REST, &out, __FILE__, __LINE__);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_tcp64),
		lab_test(test_tcp46),
		lab_test(test_udp64),
		lab_test(test_udp46),
		lab_test(test_udp_without_sum),
		lab_test(test_sums),
		lab_test(test_extensions_and_options),
		lab_test(test_mss),
		lab_test(test_ttl),
		lab_test(test_too_big64),
		lab_test(test_too_big46),
		lab_test(test_cut64),
		lab_test(test_cut46),
		lab_test(test_errors),
		lab_test(test_errors_dropped),
		lab_test(test_errors_with_more),
		lab_test(test_mixed_service),
		lab_test(test_no_local_address),
		lab_test(test_ports_are_shared),
		lab_test(test_reuse),
		lab_test(test_workers),
		lab_test(test_listing),
		lab_test(test_sweep),
		lab_test(test_server_is_this_host),
	};

	return cmocka_run_group_tests_name("nat64", tests, lab_start, lab_stop);
}

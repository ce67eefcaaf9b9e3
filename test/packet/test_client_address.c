/* SPDX-License-Identifier: BSD-3-Clause */

/* The TCP option address: from the third ACK until the client acknowledges the server's data. */
#include "lab.h"

#include <string.h>

#include "balance/service.h"
#include "base/csum.h"
#include "session/toa.h"
#include "session/uoa.h"

/* 10.1.0.1:4000, [2001:db8:1::1]:4000 */
#define TOA4 "\xfe\x08\x0f\xa0\x0a\x01\x00\x01"
#define TOA6 "\xfe\x14\x0f\xa0\x20\x01\x0d\xb8\x00\x01\0\0\0\0\0\0\0\0\0\x01"
#define TIME "\x08\x0a\x11\x22\x33\x44\x55\x66\x77\x88"
#define SACK       \
	"\x05\x1a" \
	"abcdefghijklmnopqrstuvwx"

static const struct ends nat64 = {"[" CLIENT6 "]:4000", "[" VIP6 "]:80", LOCAL ":*", LOCAL ":@",
				  SERVER ":80"};
static const struct ends nat46 = {CLIENT ":4000", VIP ":80", "[" LOCAL6 "]:*", "[" LOCAL6 "]:@",
				  "[" SERVER6 "]:80"};

/* A packet of either end, and the options with which it arrives; sequence numbers as given. */
struct step {
	bool of_server;
	uint8_t flags;
	uint32_t sequence, acknowledgement;
	const char *options, *seen;
	unsigned int length, seen_length, payload;
};
#define SENT(text) .options = text, .length = sizeof(text) - 1
#define SEEN(text) .seen = text, .seen_length = sizeof(text) - 1

static bool is_ipv6(const char *end)
{
	return end[0] == '[';
}

static void step_at(const struct ends *e, const struct step *step, int line)
{
	bool to_any = !step->of_server && (step->flags & (SYN | ACK)) == SYN;
	struct packet in = {
		.from = step->of_server ? e->server : e->client,
		.to = step->of_server ? e->local : e->vip,
		.tcp = step->flags,
		.sequence = step->sequence,
		.acknowledgement = step->acknowledgement,
		.options = step->options,
		.option_length = step->length,
		.payload = step->payload,
	};
	struct packet out = in;

	out.from = step->of_server ? e->vip : to_any ? e->local_any : e->local;
	out.to = step->of_server ? e->client : e->server;
	out.options = step->seen;
	out.option_length = step->seen_length;
	// What becomes IPv4 and is small may be fragmented, and has a number of its own.
	if (is_ipv6(in.to) && !is_ipv6(out.to)) {
		out.may_fragment = true;
		out.id = lab.w->packet_id;
	}
	lab_put(&in);
	lab_run();
	lab_expect(&out, __FILE__, line);
}

#define client(e, ...) step_at(e, &(struct step){__VA_ARGS__}, __LINE__)
#define server(e, ...) step_at(e, &(struct step){.of_server = true, __VA_ARGS__}, __LINE__)

static void service_begin(const struct ends *e)
{
	service(.vip = e->vip, .servers = {e->server}, .toa = true,
		.locals = {is_ipv6(e->server) ? LOCAL6 : LOCAL});
}

static void handshake(const struct ends *e)
{
	service_begin(e);
	client(e, .flags = SYN, .sequence = 1000);
	server(e, .flags = SYN | ACK, .sequence = 7000, .acknowledgement = 1001);
}

static void told_until_acknowledged(const struct ends *e, const char *option, unsigned int length)
{
	handshake(e);
	for (unsigned int i = 0; i < 2; i++) {
		client(e, .flags = ACK, .sequence = 1001, .acknowledgement = 7001, .seen = option,
		       .seen_length = length);
		client(e, .flags = PSH | ACK, .sequence = 1001, .acknowledgement = 7001,
		       .payload = 7, .seen = option, .seen_length = length);
	}
	server(e, .flags = ACK, .sequence = 7001, .acknowledgement = 1001, .payload = 3);
	client(e, .flags = ACK, .sequence = 1008, .acknowledgement = 7001, .seen = option,
	       .seen_length = length);
	assert_true(lab_session()->flags & SESSION_EXTRA);
	client(e, .flags = ACK, .sequence = 1008, .acknowledgement = 7004);
	assert_false(lab_session()->flags & SESSION_EXTRA);
	client(e, .flags = PSH | ACK, .sequence = 1008, .acknowledgement = 7004, .payload = 9,
	       SENT("\1\1" TIME), SEEN("\1\1" TIME));
	server(e, .flags = FIN | ACK, .sequence = 7004, .acknowledgement = 1017);
	client(e, .flags = FIN | ACK, .sequence = 1017, .acknowledgement = 7005);
	assert_int_equal(lab.w->stats.untold, 0);
}

static void test_ipv4(void **state)
{
	told_until_acknowledged(&ends4, TOA4, sizeof(TOA4) - 1);
}

static void test_ipv6(void **state)
{
	told_until_acknowledged(&ends6, TOA6, sizeof(TOA6) - 1);
}

static void test_nat64(void **state)
{
	told_until_acknowledged(&nat64, TOA6, sizeof(TOA6) - 1);
}

static void test_nat46(void **state)
{
	told_until_acknowledged(&nat46, TOA4, sizeof(TOA4) - 1);
}

static void test_none_unless_asked(void **state)
{
	service(.vip = VIP ":80");
	client(&ends4, .flags = SYN, .sequence = 1000);
	server(&ends4, .flags = SYN | ACK, .sequence = 7000, .acknowledgement = 1001);
	client(&ends4, .flags = ACK, .sequence = 1001, .acknowledgement = 7001);
	assert_false(lab_session()->flags & SESSION_EXTRA);
}

/* The client's segments are to have room for it; the server's need none. */
static void test_mss(void **state)
{
	service_begin(&ends4);
	client(&ends4, .flags = SYN, SENT("\2\4\x05\xb4"), SEEN("\2\4\x05\xb4"));
	server(&ends4, .flags = SYN | ACK, SENT("\2\4\x05\xb4"), SEEN("\2\4\x05\xac"));
	lab_flush();
	lab_forget();
	service_begin(&ends6);
	client(&ends6, .flags = SYN, SENT("\2\4\x05\xa0"), SEEN("\2\4\x05\xa0"));
	server(&ends6, .flags = SYN | ACK, SENT("\2\4\x05\xa0"), SEEN("\2\4\x05\x8c"));
	// What is small enough stays.
	server(&ends6, .flags = SYN | ACK, SENT("\2\4\x02\x00"), SEEN("\2\4\x02\x00"));
}

/* Other options follow; timestamps stay as long as any does, and the rest while there is room. */
static void test_beside_others(void **state)
{
	handshake(&ends4);
	client(&ends4, .flags = ACK, .acknowledgement = 7001, SENT("\1\1" TIME),
	       SEEN(TOA4 TIME "\1\1"));
	client(&ends4, .flags = ACK, .acknowledgement = 7001, .payload = 3,
	       SENT("\1" TIME "\5\x0a"
		    "abcdefgh\1\1\1"),
	       SEEN(TOA4 TIME "\5\x0a"
			      "abcdefgh"));
	client(&ends4, .flags = ACK, .acknowledgement = 7001, .payload = 5,
	       SENT("\1\1" SACK TIME "\0\0"), SEEN(TOA4 TIME "\1\1"));
	lab_flush();
	lab_forget();
	handshake(&ends6);
	client(&ends6, .flags = ACK, .acknowledgement = 7001, .payload = 5,
	       SENT("\1\1" SACK TIME "\1\1"), SEEN(TOA6 TIME "\1\1"));
}

/* Malformed options end the list, and what stands before them is kept. */
static void test_malformed_options(void **state)
{
	handshake(&ends4);
	client(&ends4, .flags = ACK, .acknowledgement = 7001, SENT(TIME "\x42\x09"),
	       SEEN(TOA4 TIME "\1\1"));
	client(&ends4, .flags = ACK, .acknowledgement = 7001, SENT("\x42\x00\1\1"), SEEN(TOA4));
	client(&ends4, .flags = ACK, .acknowledgement = 7001, SENT("\x42\x01\1\1"), SEEN(TOA4));
	client(&ends4, .flags = ACK, .acknowledgement = 7001, SENT("\1\1\1\x42"), SEEN(TOA4));
}

/* A client says that it is somebody else. */
static void test_forged(void **state)
{
	service_begin(&ends4);
	client(&ends4, .flags = SYN, .sequence = 1000, SENT("\2\4\2\0\xfe\x08\1\2\3\4\5\6"),
	       SEEN("\2\4\2\0\1\1\1\1\1\1\1\1"));
	server(&ends4, .flags = SYN | ACK, .sequence = 7000, .acknowledgement = 1001);
	client(&ends4, .flags = ACK, .sequence = 1001, .acknowledgement = 7001,
	       SENT("\1\xfe\x08\1\2\3\4\5\6\1\1\1"), SEEN(TOA4));
	client(&ends4, .flags = ACK, .sequence = 1001, .acknowledgement = 7001, .payload = 9,
	       SENT("\xfe\x14"
		    "abcdefghijklmnopqr\xfe\x08\1\2\3\4\5\6\1\1" TIME),
	       SEEN(TOA4 TIME "\1\1"));
}

/* A segment that would be too large for its way goes without, and is counted. */
static void test_no_room(void **state)
{
	handshake(&ends4);
	client(&ends4, .flags = ACK, .acknowledgement = 7001, .payload = 1452, SEEN(TOA4));
	assert_int_equal(lab.w->stats.untold, 0);
	client(&ends4, .flags = ACK, .acknowledgement = 7001, .payload = 1453);
	assert_int_equal(lab.w->stats.untold, 1);
	client(&ends4, .flags = ACK, .acknowledgement = 7001, .payload = 1452,
	       SENT("\xfe\x08\1\2\3\4\5\6"), SEEN("\1\1\1\1\1\1\1\1"));
	assert_int_equal(lab.w->stats.untold, 2);
	// The next one has room again.
	client(&ends4, .flags = ACK, .acknowledgement = 7001, .payload = 1, SEEN(TOA4));
}

static void test_reset_is_bare(void **state)
{
	handshake(&ends4);
	client(&ends4, .flags = RST | ACK, .sequence = 1001, .acknowledgement = 7001);
}

/*
 * Segments that a device has put into two pieces of memory, and IP options before the TCP header.
 */
static void test_shapes(void **state)
{
	handshake(&ends4);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .acknowledgement = 7001,
	    .payload = 99, .split = 14 + 40);
	run();
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, .acknowledgement = 7001,
	       .payload = 99, OPTIONS(TOA4));
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .acknowledgement = 7001,
	    .payload = 9, OPTIONS4("\1\1\1\0"));
	run();
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, .acknowledgement = 7001,
	       .payload = 9, OPTIONS4("\1\1\1\0"), OPTIONS(TOA4));
}

/*
 * The server keeps TIME_WAIT: the next connection's sequence numbers are shifted, before and after.
 */
static void test_with_shifted_sequence(void **state)
{
	const uint32_t end = 5000, first = end + UINT16_MAX;
	uint32_t shift = first - 100;

	handshake(&ends4);
	client(&ends4, .flags = ACK, .sequence = 1001, .acknowledgement = 7001, SEEN(TOA4));
	server(&ends4, .flags = FIN | ACK, .sequence = 7001, .acknowledgement = 1001);
	client(&ends4, .flags = FIN | ACK, .sequence = end - 1, .acknowledgement = 7002);
	server(&ends4, .flags = ACK, .sequence = 7002, .acknowledgement = end);
	lab_flush();
	lab_next_port(lab.remembered);
	exchange({{.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .sequence = 100},
		  {.from = LOCAL ":@", .to = SERVER ":80", .tcp = SYN, .sequence = first}},
		 {{.from = SERVER ":80",
		   .to = LOCAL ":@",
		   .tcp = SYN | ACK,
		   .sequence = 9,
		   .acknowledgement = first + 1},
		  {.from = VIP ":80",
		   .to = CLIENT ":4000",
		   .tcp = SYN | ACK,
		   .sequence = 9,
		   .acknowledgement = 101}},
		 {{.from = CLIENT ":4000",
		   .to = VIP ":80",
		   .tcp = ACK,
		   .sequence = 101,
		   .acknowledgement = 10,
		   .payload = 4},
		  {.from = LOCAL ":@",
		   .to = SERVER ":80",
		   .tcp = ACK,
		   .sequence = 101 + shift,
		   .acknowledgement = 10,
		   .payload = 4,
		   OPTIONS(TOA4)}},
		 {{.from = CLIENT ":4000",
		   .to = VIP ":80",
		   .tcp = ACK,
		   .sequence = 105,
		   .acknowledgement = 11},
		  {.from = LOCAL ":@",
		   .to = SERVER ":80",
		   .tcp = ACK,
		   .sequence = 105 + shift,
		   .acknowledgement = 11}});
	assert_true(lab_session()->flags & SESSION_EXTRA);
}

/* A long upload: what the server acknowledges of it has come with the option. */
static void test_ends_at_the_servers_acknowledgement(void **state)
{
	handshake(&ends4);
	server(&ends4, .flags = ACK, .sequence = 7001, .acknowledgement = 1001);
	client(&ends4, .flags = ACK, .sequence = 1001, .acknowledgement = 7001, .payload = 7,
	       SEEN(TOA4));
	assert_true(lab_session()->flags & SESSION_EXTRA);
	server(&ends4, .flags = RST | ACK, .sequence = 7001, .acknowledgement = 1008);
	assert_true(lab_session()->flags & SESSION_EXTRA);
	server(&ends4, .flags = ACK, .sequence = 7001, .acknowledgement = 1008);
	assert_false(lab_session()->flags & SESSION_EXTRA);
	client(&ends4, .flags = ACK, .sequence = 1008, .acknowledgement = 7001, .payload = 7);
}

/* ... but not when it may have been a segment without it, or the SYN. */
static void test_does_not_end_untold(void **state)
{
	service_begin(&ends4);
	client(&ends4, .flags = SYN, .sequence = 1000, .payload = 5);
	server(&ends4, .flags = SYN | ACK, .sequence = 7000, .acknowledgement = 1006);
	server(&ends4, .flags = ACK, .sequence = 7001, .acknowledgement = 1006, .payload = 1);
	assert_true(lab_session()->flags & SESSION_EXTRA);
	client(&ends4, .flags = ACK, .sequence = 1006, .acknowledgement = 7001, .payload = 1455);
	assert_int_equal(lab.w->stats.untold, 1);
	server(&ends4, .flags = ACK, .sequence = 7001, .acknowledgement = 2461);
	assert_true(lab_session()->flags & SESSION_EXTRA);
	client(&ends4, .flags = ACK, .sequence = 2461, .acknowledgement = 7001, SEEN(TOA4));
}

static void test_no_line(void **state)
{
	lab_resize(1, 8, 8, 0);
	lab.w->table.extra_pool.capacity = 4;
	service_begin(&ends4);
	for (uint16_t port = 1; port <= 5; port++) {
		put(.from = CLIENT ":0", .from_port = port, .to = VIP ":80", .tcp = SYN);
		run();
	}
	lab_forget();
	assert_int_equal(lab_sessions(), 5);
	assert_int_equal(lab.w->stats.untold_sessions, 1);
}

#define UOA4 "\x1f\x08\x0f\xa0\x0a\x01\x00\x01"
#define UOA6 "\x1f\x14\x0f\xa0\x20\x01\x0d\xb8\x00\x01\0\0\0\0\0\0\0\0\0\x01"

static void uoa_begin(const struct ends *e, enum client_address form)
{
	service(.vip = e->vip, .servers = {e->server}, .protocol = IPPROTO_UDP, .uoa = form,
		.locals = {is_ipv6(e->server) ? LOCAL6 : LOCAL});
}

/* Datagrams without it, after the first three, and the port of the first one for the others. */
static void plain_datagram(const struct ends *e, bool first, unsigned int payload)
{
	struct packet out = {
		.from = first ? e->local_any : e->local, .to = e->server, .payload = payload};

	if (is_ipv6(e->client) && !is_ipv6(e->server)) {
		out.may_fragment = true;
		out.id = lab.w->packet_id;
	}
	put(.from = e->client, .to = e->vip, .payload = payload);
	run();
	lab_expect(&out, __FILE__, __LINE__);
}

static void test_uoa_option(void **state)
{
	uoa_begin(&ends4, CLIENT_ADDRESS_UOA_OPTION);
	plain_datagram(&ends4, true, 1465); // there is no room for it
	assert_int_equal(lab.w->stats.untold, 1);
	for (unsigned int i = 0; i < 3; i++) {
		put(.from = ends4.client, .to = ends4.vip, OPTIONS4("\1\1\1\0"),
		    .payload = 1000 + i);
		run();
		expect(.from = ends4.local, .to = ends4.server, OPTIONS4(UOA4 "\1\1\1\0"),
		       .payload = 1000 + i);
		put(.from = ends4.server, .to = ends4.local, .payload = 5);
		run();
		expect(.from = ends4.vip, .to = ends4.client, .payload = 5);
	}
	plain_datagram(&ends4, false, 9);
	// What a client writes is taken out, also afterwards.
	put(.from = ends4.client, .to = ends4.vip, OPTIONS4("\1\x9f\x08\1\2\3\4\5\6\x1f\3\1"),
	    .payload = 9);
	run();
	expect(.from = ends4.local, .to = ends4.server, OPTIONS4("\1\1\1\1\1\1\1\1\1\1\1\1"),
	       .payload = 9);
}

/* As many datagrams as the service says. */
static void test_uoa_trail(void **state)
{
	static const uint8_t trails[] = {1, 2, 5, UOA_TRAIL_MAX};

	for (unsigned int i = 0; i < sizeof(trails); i++) {
		service(.vip = ends4.vip, .protocol = IPPROTO_UDP, .uoa = CLIENT_ADDRESS_UOA_OPTION,
			.trail = trails[i]);
		for (unsigned int k = 0; k < trails[i]; k++) {
			put(.from = ends4.client, .to = ends4.vip, .payload = 7);
			run();
			expect(.from = k ? ends4.local : ends4.local_any, .to = ends4.server,
			       OPTIONS4(UOA4), .payload = 7);
		}
		plain_datagram(&ends4, false, 9);
		lab_flush();
	}
}

static void test_uoa_option_nat64(void **state)
{
	uoa_begin(&nat64, CLIENT_ADDRESS_UOA_OPTION);
	for (unsigned int i = 0; i < 3; i++) {
		uint16_t id = lab.w->packet_id;

		put(.from = nat64.client, .to = nat64.vip, .payload = 7);
		run();
		expect(.from = i ? nat64.local : nat64.local_any, .to = nat64.server,
		       OPTIONS4(UOA6), .payload = 7, .may_fragment = true, .id = id);
	}
	plain_datagram(&nat64, false, 9);
}

/* The header of protocol 248, over UDP's own; compared byte by byte. */
static void uoa_header(const struct ends *e, const char *header, unsigned int length,
		       unsigned int ip_length)
{
	unsigned int size, next = ip_length == 40 ? 6 : 9;
	uint16_t port = 0;

	uoa_begin(e, CLIENT_ADDRESS_UOA_HEADER);
	for (unsigned int i = 0; i < 3; i++) {
		const uint8_t *sent;

		put(.from = e->client, .to = e->vip, .payload = 7);
		run();
		sent = lab_next_sent(SERVERS - 1, &size);
		assert_non_null(sent);
		assert_int_equal(size, 14 + ip_length + length + 8 + 7);
		assert_int_equal(sent[14 + next], 248);
		if (ip_length == 20)
			assert_int_equal(csum_fold(csum_bytes(sent + 14, 20)), 0xffff);
		assert_memory_equal(sent + 14 + ip_length, header, length);
		memcpy(&port, sent + 14 + ip_length + length, 2);
	}
	lab.remembered = rte_be_to_cpu_16(port);
	plain_datagram(e, false, 9);
}

static void test_uoa_header(void **state)
{
	uoa_header(&ends4, "\x10\x11\0\x0c" UOA4, 12, 20);
}

static void test_uoa_header6(void **state)
{
	uoa_header(&ends6, "\x20\x11\0\x18" UOA6, 24, 40);
}

static void test_uoa_header_nat64(void **state)
{
	uoa_header(&nat64, "\x20\x11\0\x18" UOA6, 24, 20);
}

static void test_uoa_header_nat46(void **state)
{
	uoa_header(&nat46, "\x10\x11\0\x0c" UOA4, 12, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_ipv4),
		lab_test(test_ipv6),
		lab_test(test_nat64),
		lab_test(test_nat46),
		lab_test(test_none_unless_asked),
		lab_test(test_mss),
		lab_test(test_beside_others),
		lab_test(test_malformed_options),
		lab_test(test_forged),
		lab_test(test_no_room),
		lab_test(test_reset_is_bare),
		lab_test(test_shapes),
		lab_test(test_with_shifted_sequence),
		lab_test(test_ends_at_the_servers_acknowledgement),
		lab_test(test_does_not_end_untold),
		lab_test(test_no_line),
		lab_test(test_uoa_option),
		lab_test(test_uoa_trail),
		lab_test(test_uoa_option_nat64),
		lab_test(test_uoa_header),
		lab_test(test_uoa_header6),
		lab_test(test_uoa_header_nat64),
		lab_test(test_uoa_header_nat46),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/* The TCP option address: from the third ACK until the client acknowledges the server's data. */
#include "lab.h"

#include <string.h>

#include "session/toa.h"

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
	server(e, .flags = ACK, .sequence = 7001, .acknowledgement = 1008, .payload = 3);
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

/* Segments that a device has put into two pieces of memory, and IP options before the TCP header. */
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

/* The server keeps TIME_WAIT: the next connection's sequence numbers are shifted, before and after. */
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
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}

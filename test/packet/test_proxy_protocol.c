/* SPDX-License-Identifier: BSD-3-Clause */

/* The PROXY protocol to real servers: before the client's first byte, and until it has arrived. */
#include "lab.h"

#include <string.h>

#include "session/proxy_header.h"

#define V1    "PROXY TCP4 10.1.0.1 10.0.0.100 4000 80\r\n"
#define V1_6  "PROXY TCP6 2001:db8:1::1 2001:db8::100 4000 80\r\n"
#define SIGN  "\r\n\r\n\0\r\nQUIT\n"
#define ENDS4 "\x0a\x01\0\1\x0a\0\0\x64\x0f\xa0\0\x50"
#define V2    SIGN "\x21\x11\0\x0c" ENDS4
#define V2U   SIGN "\x21\x12\0\x0c" ENDS4
#define V2_6                                                                                    \
	SIGN "\x21\x21\0\x24\x20\1\x0d\xb8\0\1\0\0\0\0\0\0\0\0\0\1\x20\1\x0d\xb8\0\0\0\0\0\0\0" \
	     "\0\0\0\1\0\x0f\xa0\0\x50"
#define LENGTH(text) (sizeof(text) - 1)
#define TIME	     "\x08\x0a\x11\x22\x33\x44\x55\x66\x77\x88"

static const struct ends nat64 = {"[" CLIENT6 "]:4000", "[" VIP6 "]:80", LOCAL ":*", LOCAL ":@",
				  SERVER ":80"};
static const struct ends nat46 = {CLIENT ":4000", VIP ":80", "[" LOCAL6 "]:*", "[" LOCAL6 "]:@",
				  "[" SERVER6 "]:80"};

static bool is_ipv6(const char *end)
{
	return end[0] == '[';
}

static uint16_t packet_id; // of what becomes an IPv4 packet next

/* From the client, and what the server gets for it. Ends are filled in. */
static void put_client(const struct ends *e, struct packet in)
{
	in.from = e->client;
	in.to = e->vip;
	packet_id = lab.w->packet_id;
	lab_put(&in);
	lab_run();
}

static void expect_server(const struct ends *e, struct packet out, int line)
{
	out.from = out.tcp == SYN ? e->local_any : e->local;
	out.to = e->server;
	if (is_ipv6(e->client) && !is_ipv6(e->server)) {
		out.may_fragment = true;
		out.id = packet_id;
	}
	lab_expect(&out, __FILE__, line);
}

static void from_server(const struct ends *e, struct packet in, struct packet out, int line)
{
	in.from = e->server;
	in.to = e->local;
	out.from = e->vip;
	out.to = e->client;
	if (is_ipv6(e->server) && !is_ipv6(e->client)) {
		out.may_fragment = true;
		out.id = lab.w->packet_id;
	}
	lab_put(&in);
	lab_run();
	lab_expect(&out, __FILE__, line);
}

#define P(...)		   ((struct packet){__VA_ARGS__})
#define client(e, ...)	   put_client(e, P(__VA_ARGS__))
#define seen(e, ...)	   expect_server(e, P(__VA_ARGS__), __LINE__)
#define server(e, in, out) from_server(e, P in, P out, __LINE__)

static void begin(const struct ends *e, enum proxy_protocol version)
{
	service(.vip = e->vip, .servers = {e->server}, .proxy = version, .toa = true,
		.locals = {is_ipv6(e->server) ? LOCAL6 : LOCAL});
}

/*
 * The SYN goes with a number that is smaller by the header's length; the client sees nothing of it.
 */
static void handshake(const struct ends *e, enum proxy_protocol version, unsigned int length)
{
	begin(e, version);
	client(e, .tcp = SYN, .sequence = 1000);
	seen(e, .tcp = SYN, .sequence = 1000 - length);
	server(e, (.tcp = SYN | ACK, .sequence = 7000, .acknowledgement = 1001 - length),
	       (.tcp = SYN | ACK, .sequence = 7000, .acknowledgement = 1001,
		.window = 512 - length));
}

static void silent_client(const struct ends *e, enum proxy_protocol version, const char *header,
			  unsigned int length)
{
	handshake(e, version, length);
	for (unsigned int i = 0; i < 2; i++) { // the second one: the server's SYN-ACK came again
		client(e, .tcp = ACK, .sequence = 1001, .acknowledgement = 7001);
		seen(e, .tcp = PSH | ACK, .sequence = 1001 - length, .acknowledgement = 7001,
		     .before = header, .before_length = length);
	}
	assert_true(lab_session()->flags & SESSION_EXTRA);
	server(e, (.tcp = ACK, .sequence = 7001, .acknowledgement = 1001),
	       (.tcp = ACK, .sequence = 7001, .acknowledgement = 1001));
	assert_true(lab_session()->flags & SESSION_EXTRA); // does it begin with another header?
	client(e, .tcp = PSH | ACK, .sequence = 1001, .acknowledgement = 7001, .payload = 9);
	seen(e, .tcp = PSH | ACK, .sequence = 1001, .acknowledgement = 7001, .payload = 9);
	assert_false(lab_session()->flags & SESSION_EXTRA);
	server(e, (.tcp = ACK, .sequence = 7001, .acknowledgement = 1010),
	       (.tcp = ACK, .sequence = 7001, .acknowledgement = 1010));
	assert_int_equal(lab.w->stats.proxy_headers, 2);
}

static void test_ipv4(void **state)
{
	silent_client(&ends4, PROXY_V1, V1, LENGTH(V1));
}

static void test_ipv4_binary(void **state)
{
	silent_client(&ends4, PROXY_V2, V2, LENGTH(V2));
}

static void test_ipv6(void **state)
{
	silent_client(&ends6, PROXY_V1, V1_6, LENGTH(V1_6));
}

static void test_ipv6_binary(void **state)
{
	silent_client(&ends6, PROXY_V2, V2_6, LENGTH(V2_6));
}

static void test_nat64(void **state)
{
	silent_client(&nat64, PROXY_V2, V2_6, LENGTH(V2_6));
}

static void test_nat46(void **state)
{
	silent_client(&nat46, PROXY_V1, V1, LENGTH(V1));
}

/* Data comes before the third ACK was seen, or again: the header goes before it, once per while. */
static void test_data(void **state)
{
	handshake(&ends4, PROXY_V2, LENGTH(V2));
	for (unsigned int i = 0; i < 2; i++) {
		client(&ends4, .tcp = PSH | ACK, .sequence = 1001, .acknowledgement = 7001,
		       OPTIONS("\1\1" TIME), .payload = 1400);
		seen(&ends4, .tcp = PSH | ACK, .sequence = 1001 - LENGTH(V2),
		     .acknowledgement = 7001, OPTIONS("\1\1" TIME), BEFORE(V2));
		seen(&ends4, .tcp = PSH | ACK, .sequence = 1001, .acknowledgement = 7001,
		     OPTIONS("\1\1" TIME), .payload = 1400);
		client(&ends4, .tcp = FIN | ACK, .sequence = 2401, .acknowledgement = 7001);
		seen(&ends4, .tcp = FIN | ACK, .sequence = 2401, .acknowledgement = 7001);
		lab_advance(1);
	}
	assert_int_equal(lab.w->stats.proxy_made, 2);
}

/* The server has the data and not the header; or only a part of it. */
static void test_clamped(void **state)
{
	handshake(&ends4, PROXY_V2, LENGTH(V2));
	client(&ends4, .tcp = ACK, .sequence = 1001, .acknowledgement = 7001);
	lab_forget();
	server(&ends4,
	       (.tcp = ACK, .sequence = 7001, .acknowledgement = 1001 - LENGTH(V2),
		OPTIONS("\1\1\5\x0a\0\0\3\xe9\0\0\4\0")),
	       (.tcp = ACK, .sequence = 7001, .acknowledgement = 1001, .window = 512 - LENGTH(V2),
		OPTIONS("\1\1\1\1\1\1\1\1\1\1\1\1")));
	server(&ends4, (.tcp = ACK, .sequence = 7001, .acknowledgement = 1000, .payload = 5),
	       (.tcp = ACK, .sequence = 7001, .acknowledgement = 1001, .window = 511,
		.payload = 5));
	// Small enough to have nothing left: zero, and never more than there was.
	server(&ends4,
	       (.tcp = ACK, .sequence = 7001, .acknowledgement = 1001 - LENGTH(V2), .window = 5),
	       (.tcp = ACK, .sequence = 7001, .acknowledgement = 1001, .no_window = true));
	// A number that was never sent is none of our business.
	server(&ends4, (.tcp = ACK, .sequence = 7001, .acknowledgement = 500),
	       (.tcp = ACK, .sequence = 7001, .acknowledgement = 500));
	assert_true(lab_session()->flags & SESSION_EXTRA);
}

static void test_scaled_window(void **state)
{
	begin(&ends4, PROXY_V2);
	client(&ends4, .tcp = SYN, .sequence = 1000);
	seen(&ends4, .tcp = SYN, .sequence = 1000 - LENGTH(V2));
	server(&ends4,
	       (.tcp = SYN | ACK, .sequence = 7000, .acknowledgement = 1001 - LENGTH(V2),
		OPTIONS("\1\3\3\7")),
	       (.tcp = SYN | ACK, .sequence = 7000, .acknowledgement = 1001,
		.window = 512 - LENGTH(V2), OPTIONS("\1\3\3\7")));
	server(&ends4, (.tcp = ACK, .sequence = 7001, .acknowledgement = 1001 - LENGTH(V2)),
	       (.tcp = ACK, .sequence = 7001, .acknowledgement = 1001, .window = 511));
}

/* Bytes before the client's first would be taken for the header. */
static void test_forged(void **state)
{
	const uint8_t *sent;
	unsigned int length;

	begin(&ends4, PROXY_V2);
	client(&ends4, .tcp = SYN, .sequence = 1000,
	       OPTIONS("\x22\x0a"
		       "12345678\1\1"),
	       BEFORE("PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\n"));
	seen(&ends4, .tcp = SYN, .sequence = 1000 - LENGTH(V2),
	     OPTIONS("\1\1\1\1\1\1\1\1\1\1\1\1"));
	client(&ends4, .tcp = ACK | PSH, .sequence = 1001 - LENGTH(V2), .acknowledgement = 7001,
	       .payload = LENGTH(V2));
	seen(&ends4, .tcp = ACK | PSH, .sequence = 1001 - LENGTH(V2), .acknowledgement = 7001,
	     BEFORE(V2));
	// A keepalive of a client that has sent nothing yet.
	client(&ends4, .tcp = ACK, .sequence = 1000, .acknowledgement = 7001, .payload = 1,
	       .split = 54);
	seen(&ends4, .tcp = ACK | PSH, .sequence = 1001 - LENGTH(V2), .acknowledgement = 7001,
	     BEFORE(V2));
	// In a fragment they become the client's own.
	client(&ends4, .tcp = ACK | PSH, .sequence = 990, .acknowledgement = 7001, .payload = 20,
	       .fragment = 0x2000, .may_fragment = true);
	sent = lab_next_sent(SERVERS - 1, &length);
	assert_non_null(sent);
	assert_memory_equal(sent + 14 + 20 + 4, "\0\0\3\xe9", 4);
	client(&ends4, .tcp = SYN, .sequence = 1000, .id = 9, .fragment = 0x2000, .payload = 20,
	       .may_fragment = true);
	expect_drop(proxy_fragment);
}

/* A server takes a reset at the number that it expects, and no other. */
static void test_reset(void **state)
{
	handshake(&ends4, PROXY_V1, LENGTH(V1));
	client(&ends4, .tcp = RST, .sequence = 1001);
	seen(&ends4, .tcp = RST, .sequence = 1001 - LENGTH(V1));
	server(&ends4, (.tcp = ACK, .sequence = 7001, .acknowledgement = 1001 - 10),
	       (.tcp = ACK, .sequence = 7001, .acknowledgement = 1001, .window = 502));
	client(&ends4, .tcp = RST, .sequence = 1001);
	seen(&ends4, .tcp = RST, .sequence = 991);
	client(&ends4, .tcp = RST, .sequence = 1200);
	seen(&ends4, .tcp = RST, .sequence = 1200);
}

static void test_refused(void **state)
{
	begin(&ends4, PROXY_V1);
	client(&ends4, .tcp = SYN, .sequence = 1000);
	seen(&ends4, .tcp = SYN, .sequence = 1000 - LENGTH(V1));
	server(&ends4, (.tcp = RST | ACK, .sequence = 0, .acknowledgement = 1001 - LENGTH(V1)),
	       (.tcp = RST | ACK, .sequence = 0, .acknowledgement = 1001,
		.window = 512 - LENGTH(V1)));
}

/* No connection without a header: a server would believe the client's. */
static void test_no_line(void **state)
{
	lab_resize(1, 8, 8, 0);
	lab.w->table.extra_pool.capacity = 4;
	begin(&ends4, PROXY_V1);
	for (uint16_t port = 1; port <= 5; port++) {
		put(.from = CLIENT ":0", .from_port = port, .to = VIP ":80", .tcp = SYN);
		run();
	}
	expect_drop(proxy_no_line);
	lab_forget();
	assert_int_equal(lab_sessions(), 4);
}

static void insecure(enum proxy_protocol version, const char *own, unsigned int own_length,
		     const char *header, unsigned int length)
{
	begin(&ends4, version);
	client(&ends4, .tcp = SYN, .sequence = 1000);
	seen(&ends4, .tcp = SYN, .sequence = 1000);
	server(&ends4, (.tcp = SYN | ACK, .sequence = 7000, .acknowledgement = 1001),
	       (.tcp = SYN | ACK, .sequence = 7000, .acknowledgement = 1001));
	client(&ends4, .tcp = ACK, .sequence = 1001, .acknowledgement = 7001);
	seen(&ends4, .tcp = ACK, .sequence = 1001, .acknowledgement = 7001);
	for (unsigned int i = 0; i < 2; i++) {
		client(&ends4, .tcp = ACK, .sequence = 1001, .acknowledgement = 7001, .before = own,
		       .before_length = own_length, .payload = 21);
		if (length > 0)
			seen(&ends4, .tcp = PSH | ACK, .sequence = 1001, .acknowledgement = 7001,
			     .before = header, .before_length = length);
		seen(&ends4, .tcp = ACK, .sequence = 1001 + length, .acknowledgement = 7001,
		     .before = length > 0 ? NULL : own,
		     .before_length = length > 0 ? 0 : own_length, .payload = 21);
	}
	if (length == 0) {
		assert_false(lab_session()->flags & SESSION_EXTRA);
		return;
	}
	server(&ends4, (.tcp = ACK, .sequence = 7001, .acknowledgement = 1001 + 10),
	       (.tcp = ACK, .sequence = 7001, .acknowledgement = 1001,
		.window = 512 - length + 10));
	server(&ends4, (.tcp = ACK, .sequence = 7001, .acknowledgement = 1001 + length + 21),
	       (.tcp = ACK, .sequence = 7001, .acknowledgement = 1001 + own_length + 21));
	client(&ends4, .tcp = ACK, .sequence = 1022 + own_length, .acknowledgement = 7001,
	       .payload = 3);
	seen(&ends4, .tcp = ACK, .sequence = 1022 + length, .acknowledgement = 7001, .payload = 3);
}

#define CLAIM	"PROXY TCP4 1.2.3.4 5.6.7.8 257 514\r\n"
#define CLAIM2	SIGN "\x21\x11\0\x0f\1\2\3\4\5\6\7\x08\1\1\2\2\4\0\0"
#define CLAIM2_ SIGN "\x21\x11\0\x0c\1\2\3\4\5\6\7\x08\1\1\2\2"
#define BROKEN	"PROXY TCP4 1.2.3.4 5.6.7.8 257 99999\r\n"

static void test_insecure(void **state)
{
	static const struct {
		enum proxy_protocol version;
		const char *own;
		unsigned int own_length;
		const char *header;
		unsigned int length;
	} rows[] = {
		{PROXY_V1_INSECURE, CLAIM, LENGTH(CLAIM), NULL, 0},
		{PROXY_V2_INSECURE, CLAIM2, LENGTH(CLAIM2), NULL, 0},
		{PROXY_V1_INSECURE, CLAIM2, LENGTH(CLAIM2), CLAIM, LENGTH(CLAIM)},
		{PROXY_V2_INSECURE, CLAIM, LENGTH(CLAIM), CLAIM2_, LENGTH(CLAIM2_)},
		{PROXY_V1_INSECURE, NULL, 0, V1, LENGTH(V1)},
		{PROXY_V2_INSECURE, NULL, 0, V2, LENGTH(V2)},
		{PROXY_V1_INSECURE, "PROXY UNKNOWN what\r\n", 20, NULL, 0},
		{PROXY_V2_INSECURE, "PROXY UNKNOWN what\r\n", 20, SIGN "\x21\0\0\0", 16},
		{PROXY_V1_INSECURE, SIGN "\x20\0\0\0", 16, "PROXY UNKNOWN\r\n", 15},
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		insecure(rows[i].version, rows[i].own, rows[i].own_length, rows[i].header,
			 rows[i].length);
		lab_flush();
		lab_forget();
	}
}

/* What is none after all stands behind ours, as the client's own bytes. */
static void test_insecure_malformed(void **state)
{
	begin(&ends4, PROXY_V2_INSECURE);
	client(&ends4, .tcp = SYN, .sequence = 1000);
	seen(&ends4, .tcp = SYN, .sequence = 1000);
	client(&ends4, .tcp = ACK, .sequence = 1100, .acknowledgement = 7001, .payload = 3);
	expect_drop(proxy_order);
	client(&ends4, .tcp = ACK, .sequence = 1001, .acknowledgement = 7001, BEFORE(BROKEN));
	seen(&ends4, .tcp = PSH | ACK, .sequence = 1001, .acknowledgement = 7001, BEFORE(V2));
	seen(&ends4, .tcp = ACK, .sequence = 1001 + LENGTH(V2), .acknowledgement = 7001,
	     BEFORE(BROKEN));
}

/* What the client begins with, as the server of a service that does not believe it sees it. */
struct claim {
	const char *name, *text;
	unsigned int length;
};
static const struct claim claims[] = {
	{"version 1", CLAIM, LENGTH(CLAIM)},
	{"version 1, IPv6", "PROXY TCP6 2001:db8::9 2001:db8::8 1 2\r\n", 40},
	{"version 1, unknown", "PROXY UNKNOWN what\r\n", 20},
	{"version 2 with a value", CLAIM2, LENGTH(CLAIM2)},
	{"version 2, of the proxy itself", SIGN "\x20\0\0\0", 16},
};

static void acknowledged(const struct ends *e, uint32_t from, uint32_t to, int line)
{
	from_server(e, P(.tcp = ACK, .sequence = 7001, .acknowledgement = from),
		    P(.tcp = ACK, .sequence = 7001, .acknowledgement = to), line);
}

/* The server has our header: the numbers of what follows are shifted by what was taken out. */
static void taken_out(const struct ends *e, enum proxy_protocol version, unsigned int length,
		      const struct claim *claim)
{
	uint32_t behind = 1001 + claim->length;

	handshake(e, version, length);
	client(e, .tcp = ACK, .sequence = 1001, .acknowledgement = 7001);
	lab_forget();
	acknowledged(e, 1001, 1001, __LINE__);
	client(e, .tcp = ACK, .sequence = 1001, .acknowledgement = 7001); // nothing to tell
	seen(e, .tcp = ACK, .sequence = 1001, .acknowledgement = 7001);
	client(e, .tcp = PSH | ACK, .sequence = 1001, .acknowledgement = 7001,
	       .before = claim->text, .before_length = claim->length, .payload = 21);
	seen(e, .tcp = PSH | ACK, .sequence = 1001, .acknowledgement = 7001, .payload = 21);
	acknowledged(e, 1022, behind + 21, __LINE__);
	client(e, .tcp = FIN | PSH | ACK, .sequence = behind + 21, .acknowledgement = 7001,
	       .payload = 4);
	seen(e, .tcp = FIN | PSH | ACK, .sequence = 1022, .acknowledgement = 7001, .payload = 4);
	acknowledged(e, 1027, behind + 26, __LINE__);
	// Once more: before what the server has acknowledged.
	client(e, .tcp = PSH | ACK, .sequence = 1001, .acknowledgement = 7001,
	       .before = claim->text, .before_length = claim->length, .payload = 21);
	seen(e, .tcp = PSH | ACK, .sequence = 1001 - claim->length, .acknowledgement = 7001,
	     .before = claim->text, .before_length = claim->length, .payload = 21);
	assert_int_equal(lab.w->stats.proxy_headers, 1);
}

static void test_taken_out(void **state)
{
	static const struct {
		const struct ends *ends;
		enum proxy_protocol version;
		unsigned int length;
	} rows[] = {
		{&ends4, PROXY_V1, LENGTH(V1)},	  {&ends4, PROXY_V2, LENGTH(V2)},
		{&ends6, PROXY_V1, LENGTH(V1_6)}, {&ends6, PROXY_V2, LENGTH(V2_6)},
		{&nat64, PROXY_V2, LENGTH(V2_6)}, {&nat46, PROXY_V1, LENGTH(V1)},
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (unsigned int k = 0; k < sizeof(claims) / sizeof(claims[0]); k++) {
			taken_out(rows[i].ends, rows[i].version, rows[i].length, &claims[k]);
			lab_flush();
			lab_forget();
			lab.w->stats.proxy_headers = 0;
		}
}

/* The server has nothing yet: our header goes before what is left, each time that it comes. */
static void test_taken_out_early(void **state)
{
	uint32_t behind = 1001 + LENGTH(CLAIM2);

	handshake(&ends4, PROXY_V1, LENGTH(V1));
	client(&ends4, .tcp = PSH | ACK, .sequence = behind, .acknowledgement = 7001, .payload = 5);
	expect_drop(proxy_order); // it may be data, and it may be part of a header
	client(&ends4, .tcp = FIN | ACK, .sequence = behind, .acknowledgement = 7001);
	expect_drop(proxy_order);
	for (unsigned int i = 0; i < 2; i++) {
		client(&ends4, .tcp = PSH | ACK, .sequence = 1001, .acknowledgement = 7001,
		       BEFORE(CLAIM2), .payload = 5);
		seen(&ends4, .tcp = PSH | ACK, .sequence = 1001 - LENGTH(V1),
		     .acknowledgement = 7001, BEFORE(V1));
		seen(&ends4, .tcp = PSH | ACK, .sequence = 1001, .acknowledgement = 7001,
		     .payload = 5);
		lab_advance(1);
	}
	// A part of it again, and all of it alone: what is left of both is an acknowledgement.
	client(&ends4, .tcp = PSH | ACK, .sequence = 1011, .acknowledgement = 7001,
	       .before = &CLAIM2[10], .before_length = LENGTH(CLAIM2) - 10, .payload = 5);
	seen(&ends4, .tcp = PSH | ACK, .sequence = 1001 - LENGTH(V1), .acknowledgement = 7001,
	     BEFORE(V1));
	seen(&ends4, .tcp = PSH | ACK, .sequence = 1001, .acknowledgement = 7001, .payload = 5);
	client(&ends4, .tcp = PSH | ACK, .sequence = 1001, .acknowledgement = 7001, BEFORE(CLAIM2));
	seen(&ends4, .tcp = PSH | ACK, .sequence = 1001 - LENGTH(V1), .acknowledgement = 7001,
	     BEFORE(V1));
	server(&ends4, (.tcp = ACK, .sequence = 7001, .acknowledgement = 1001 - LENGTH(V1)),
	       (.tcp = ACK, .sequence = 7001, .acknowledgement = 1001, .window = 512 - LENGTH(V1)));
	acknowledged(&ends4, 1006, behind + 5, __LINE__);
	client(&ends4, .tcp = RST, .sequence = behind + 5);
	seen(&ends4, .tcp = RST, .sequence = 1006);
}

/* What can not be cut does not pass; what is none stays; and only the first bytes count. */
static void test_not_taken_out(void **state)
{
	handshake(&ends4, PROXY_V1, LENGTH(V1));
	client(&ends4, .tcp = PSH | ACK, .sequence = 1001, .acknowledgement = 7001, BEFORE(CLAIM),
	       .fragment = 0x2000, .may_fragment = true);
	expect_drop(proxy_fragment);
	client(&ends4, .tcp = PSH | ACK, .sequence = 1001, .acknowledgement = 7001, BEFORE(BROKEN));
	seen(&ends4, .tcp = PSH | ACK, .sequence = 1001 - LENGTH(V1), .acknowledgement = 7001,
	     BEFORE(V1));
	seen(&ends4, .tcp = PSH | ACK, .sequence = 1001, .acknowledgement = 7001, BEFORE(BROKEN));
	client(&ends4, .tcp = PSH | ACK, .sequence = 1001 + LENGTH(BROKEN), .acknowledgement = 7001,
	       BEFORE(CLAIM));
	seen(&ends4, .tcp = PSH | ACK, .sequence = 1001 + LENGTH(BROKEN), .acknowledgement = 7001,
	     BEFORE(CLAIM));
}

/* A client that has nothing to say: it is judged by its FIN. */
static void test_only_fin(void **state)
{
	handshake(&ends4, PROXY_V2, LENGTH(V2));
	client(&ends4, .tcp = ACK, .sequence = 1001, .acknowledgement = 7001);
	lab_forget();
	acknowledged(&ends4, 1001, 1001, __LINE__);
	// A keepalive in between.
	client(&ends4, .tcp = ACK, .sequence = 1000, .acknowledgement = 7001);
	seen(&ends4, .tcp = PSH | ACK, .sequence = 1001 - LENGTH(V2), .acknowledgement = 7001,
	     BEFORE(V2));
	client(&ends4, .tcp = FIN | ACK, .sequence = 1001, .acknowledgement = 7001);
	seen(&ends4, .tcp = FIN | ACK, .sequence = 1001, .acknowledgement = 7001);
	assert_false(lab_session()->flags & SESSION_EXTRA);
}

static void udp_begin(const char *vip, enum proxy_protocol version)
{
	service(.vip = vip, .protocol = IPPROTO_UDP, .proxy = version);
}

static void test_udp(void **state)
{
	udp_begin(VIP ":80", PROXY_V2);
	for (unsigned int i = 0; i < 2; i++) {
		put(.from = ends4.client, .to = ends4.vip, .payload = 1444);
		run();
		expect(.from = i ? ends4.local : ends4.local_any, .to = ends4.server, BEFORE(V2U),
		       .payload = 1444);
		put(.from = ends4.server, .to = ends4.local, .payload = 5);
		run();
		expect(.from = ends4.vip, .to = ends4.client, .payload = 5);
	}
	put(.from = ends4.client, .to = ends4.vip, .payload = 1445);
	run();
	expect_drop(proxy_too_big);
	lab_forget(); // an answer: test_udp_too_big()
	// Who made no checksum gets none.
	put(.from = ends4.client, .to = ends4.vip, .payload = 3, .sum = SUM_ZERO);
	run();
	expect(.from = ends4.local, .to = ends4.server, BEFORE(V2U), .payload = 3, .sum = SUM_ZERO);
}

/* Too big together with the header: the client is told what it may send. */
static void test_udp_too_big(void **state)
{
	static const struct {
		const struct ends *ends;
		unsigned int fits, mtu;
	} rows[] = {
		{&ends4, 1500 - 28 - 28, 1500 - 28},
		{&ends6, 1500 - 48 - 52, 1500 - 52},
		{&nat64, 1500 - 28 - 52, 1520 - 52},
		{&nat46, 1500 - 48 - 28, 1480 - 28},
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct ends *e = rows[i].ends;
		struct packet in = {.from = e->client, .to = e->vip, .payload = rows[i].fits};
		struct packet error = {.from = is_ipv6(e->vip) ? VIP6 : VIP,
				       .to = is_ipv6(e->client) ? CLIENT6 : CLIENT,
				       .icmp = is_ipv6(e->client) ? 2 : 3,
				       .code = is_ipv6(e->client) ? 0 : 4,
				       .rest = rows[i].mtu,
				       .ttl = 64,
				       .may_fragment = true,
				       .quote = &in,
				       .quoted = is_ipv6(e->client) ? 1232 : 548};

		service(.vip = e->vip, .protocol = IPPROTO_UDP, .servers = {e->server},
			.proxy = PROXY_V2, .locals = {is_ipv6(e->server) ? LOCAL6 : LOCAL});
		lab_put(&in);
		run();
		assert_int_equal(lab.w->stats.proxy_headers, i + 1);
		lab_forget();
		in.payload++;
		lab_put(&in);
		run();
		lab_expect(&error, __FILE__, __LINE__);
		expect_drop(proxy_too_big);
		lab_flush();
	}
	// Who lets it be cut wants no answer.
	put(.from = ends4.client, .to = ends4.vip, .payload = 1460, .may_fragment = true);
	run();
	expect_drop(proxy_too_big);
}

static void test_udp_insecure(void **state)
{
	udp_begin(VIP ":80", PROXY_V2_INSECURE);
	put(.from = ends4.client, .to = ends4.vip, BEFORE(CLAIM2), .payload = 4);
	run();
	expect(.from = ends4.local_any, .to = ends4.server, BEFORE(CLAIM2), .payload = 4);
}

/* The numbers of a port that was used a moment ago are shifted too. */
static void test_with_port_reuse(void **state)
{
	service(.vip = VIP ":80");
	lab_connect(&ends4);
	put(.from = ends4.server, .to = ends4.local, .tcp = FIN | ACK);
	run();
	put(.from = ends4.client, .to = ends4.vip, .tcp = FIN | ACK, .sequence = 5000);
	run();
	put(.from = ends4.server, .to = ends4.local, .tcp = ACK);
	run();
	lab_forget();
	lab_advance(10);
	assert_int_equal(lab_sessions(), 0);
	begin(&ends4, PROXY_V2);
	lab_next_port(lab.remembered);
	put(.from = ends4.client, .to = ends4.vip, .tcp = SYN, .sequence = 1000);
	run();
	expect(.from = ends4.local, .to = ends4.server, .tcp = SYN,
	       .sequence = 5001 + 65535 - LENGTH(V2));
	server(&ends4,
	       (.tcp = SYN | ACK, .sequence = 7000, .acknowledgement = 5002 + 65535 - LENGTH(V2)),
	       (.tcp = SYN | ACK, .sequence = 7000, .acknowledgement = 1001,
		.window = 512 - LENGTH(V2)));
	client(&ends4, .tcp = ACK, .sequence = 1001, .acknowledgement = 7001);
	seen(&ends4, .tcp = PSH | ACK, .sequence = 5002 + 65535 - LENGTH(V2),
	     .acknowledgement = 7001, BEFORE(V2));
	server(&ends4, (.tcp = ACK, .sequence = 7001, .acknowledgement = 5002 + 65535),
	       (.tcp = ACK, .sequence = 7001, .acknowledgement = 1001));
	assert_true(lab_session()->flags & SESSION_EXTRA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_ipv4),
		lab_test(test_ipv4_binary),
		lab_test(test_ipv6),
		lab_test(test_ipv6_binary),
		lab_test(test_nat64),
		lab_test(test_nat46),
		lab_test(test_data),
		lab_test(test_clamped),
		lab_test(test_scaled_window),
		lab_test(test_forged),
		lab_test(test_reset),
		lab_test(test_refused),
		lab_test(test_no_line),
		lab_test(test_insecure),
		lab_test(test_insecure_malformed),
		lab_test(test_taken_out),
		lab_test(test_taken_out_early),
		lab_test(test_not_taken_out),
		lab_test(test_only_fin),
		lab_test(test_udp),
		lab_test(test_udp_too_big),
		lab_test(test_udp_insecure),
		lab_test(test_with_port_reuse),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}

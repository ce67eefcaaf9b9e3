/* SPDX-License-Identifier: BSD-3-Clause */

/* What is malformed has the same named drop in every mode, with and without a session. */
#include "lab.h"

#define VIP_ANY6  "[" VIP6 "]:80"
#define FROM_ANY6 "[" CLIENT6 "]:4000"

struct malformed {
	enum drop reason;
	struct packet packet; // without its ends
};

#define ROW(name, ...)              \
	{                           \
		DROP_##name,        \
		{                   \
			__VA_ARGS__ \
		}                   \
	}
#define AT(place, byte) .patch = {{place, byte}}

/* Bytes of the frame: IPv4 begins at 14, its transport at 34. */
static const struct malformed rows4[] = {
	ROW(ipv4_version, .tcp = ACK, AT(14, 0x65)),
	ROW(ipv4_header_length, .tcp = ACK, AT(14, 0x44)),
	ROW(ipv4_total_length, .tcp = ACK, .ip_length = 1000),
	ROW(ipv4_total_length, .tcp = ACK, .ip_length = 19),
	ROW(ipv4_checksum, .tcp = ACK, AT(24, 0x77)),
	ROW(tcp_short, .tcp = ACK, .ip_length = 39),
	ROW(tcp_header_length, .tcp = ACK, AT(46, 0x40)),
	ROW(tcp_header_length, .tcp = ACK, AT(46, 0xf0)),
	ROW(udp_short, .protocol = IPPROTO_UDP, .payload = 9, .ip_length = 27),
	ROW(udp_length, .protocol = IPPROTO_UDP, .payload = 9, AT(39, 200)),
	ROW(sctp_short,
	    CHUNKS("\3\0\0\x10"
		   "123412341234"),
	    .tag = 7, .ip_length = 33),
	ROW(sctp_chunk,
	    CHUNKS("\3\0\0\3"
		   "123412341234"),
	    .tag = 7),
	ROW(sctp_chunk,
	    CHUNKS("\3\0\1\0"
		   "123412341234"),
	    .tag = 7),
	ROW(sctp_tag, CHUNKS("\3\0\0\x10"
			     "123412341234")),
	ROW(sctp_tag,
	    CHUNKS("\1\0\0\x14"
		   "abcd12341234\0\0\0\1"),
	    .tag = 7),
	ROW(fragment_tiny, .tcp = ACK, .fragment = 0x2000, .ip_length = 28),
	ROW(fragment_malformed, .protocol = IPPROTO_UDP, .payload = 5, .fragment = 0x2000),
	ROW(fragment_malformed, .protocol = IPPROTO_UDP, .payload = 100, .fragment = 0x1fff),
};

static const struct malformed rows6[] = {
	ROW(ipv6_version, .tcp = ACK, AT(14, 0x40)),
	ROW(ipv6_payload_length, .tcp = ACK, .ip_length = 1000),
	ROW(tcp_short, .tcp = ACK, .ip_length = 59),
	ROW(tcp_header_length, .tcp = ACK, AT(66, 0x40)),
	ROW(udp_length, .protocol = IPPROTO_UDP, .payload = 9, AT(59, 200)),
	ROW(sctp_chunk,
	    CHUNKS("\3\0\0\3"
		   "123412341234"),
	    .tag = 7),
	ROW(sctp_tag, CHUNKS("\3\0\0\x10"
			     "123412341234")),
};

static const struct {
	const char *mode, *server, *server6;
} modes[] = {
	{"fullnat", SERVER ":80", "[" SERVER6 "]:80"},
	{"nat", SERVER ":80", "[" SERVER6 "]:80"},
	{"dr", SERVER ":80", "[" SERVER6 "]:80"},
	{"tunnel", SERVER ":80", "[" SERVER6 "]:80"},
	{"tunnel", "[" SERVER6 "]:80", SERVER ":80"},
	{"fullnat", "[" SERVER6 "]:80", SERVER ":80"},
};

static void rows_put(const struct malformed *rows, unsigned int count, const char *from,
		     const char *to)
{
	for (unsigned int i = 0; i < count; i++) {
		struct packet p = rows[i].packet;

		p.from = from;
		p.to = to;
		lab_put(&p);
		run();
		lab_expect_drop(rows[i].reason, 1, __FILE__, __LINE__);
		expect_nothing();
	}
}

static void all_put(void)
{
	rows_put(rows4, sizeof(rows4) / sizeof(*rows4), CLIENT ":4000", VIP ":80");
	rows_put(rows6, sizeof(rows6) / sizeof(*rows6), FROM_ANY6, VIP_ANY6);
}

static void test_every_mode(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};

	fake_neighbour(20, SERVERS, 0x20, SERVER);
	fake_neighbour(22, SERVERS, 0x22, SERVER6);
	for (unsigned int m = 0; m < sizeof(modes) / sizeof(*modes); m++) {
		bool other = modes[m].server[0] == '[' && modes[m].mode[0] == 'f';

		for (unsigned int i = 0; i < 3; i++) {
			service(.vip = VIP ":80", .protocol = protocols[i], .mode = modes[m].mode,
				.servers = {modes[m].server}, .locals = {other ? LOCAL6 : LOCAL});
			service(.vip = VIP_ANY6, .protocol = protocols[i], .mode = modes[m].mode,
				.servers = {modes[m].server6}, .locals = {other ? LOCAL : LOCAL6});
		}
		all_put();
		put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
		put(.from = FROM_ANY6, .to = VIP_ANY6, .tcp = SYN);
		put(.from = CLIENT ":4000", .to = VIP ":80");
		put(.from = FROM_ANY6, .to = VIP_ANY6);
		run();
		assert_int_equal(lab_sessions(), 4);
		lab_forget();
		all_put();
		lab_flush();
		for (unsigned int i = 0; i < 3; i++) {
			lab_withdraw(VIP ":80", protocols[i]);
			lab_withdraw(VIP_ANY6, protocols[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_every_mode),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/* What is dropped before it is looked up, by the name of its fault, and what just passes. */
#include "lab.h"

struct malformed {
	const char *what;
	struct packet packet;
	enum drop drop;
};

#define TCP4(...)                                                                \
	{                                                                        \
		.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, __VA_ARGS__ \
	}
#define UDP4(...)                                                                   \
	{                                                                           \
		.from = CLIENT ":4000", .to = VIP ":80", .payload = 10, __VA_ARGS__ \
	}
#define TCP6(...)                                                                            \
	{                                                                                    \
		.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = SYN, __VA_ARGS__ \
	}
#define UDP6(...)                                                                               \
	{                                                                                       \
		.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .payload = 10, __VA_ARGS__ \
	}
#define SCTP_INIT_CHUNK \
	"\1\0\0\x14"    \
	"1234123412341234"
#define SCTP4(...)                                                   \
	{                                                            \
		.from = CLIENT ":4000", .to = VIP ":80", __VA_ARGS__ \
	}
#define SCTP6(...)                                                               \
	{                                                                        \
		.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", __VA_ARGS__ \
	}
#define ICMP4(...)                                                \
	{                                                         \
		.from = CLIENT, .to = VIP, .icmp = 3, __VA_ARGS__ \
	}
#define ICMP6(...)                                                  \
	{                                                           \
		.from = CLIENT6, .to = VIP6, .icmp = 1, __VA_ARGS__ \
	}

/* Offsets in a frame without VLAN tag. */
enum { IP = 14, L4 = IP + 20, L6 = IP + 40 };

static const uint8_t other_mac[6] = {2, 0, 0, 0, 0, 9};
static const struct packet quoted4 = {.from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK};
static const struct packet quoted6 = {
	.from = "[" VIP6 "]:80", .to = "[" CLIENT6 "]:4000", .tcp = ACK};

static const struct malformed malformed[] = {
	{"no Ethernet header", TCP4(.cut = 41), DROP_ether_short},
	{"another station's", TCP4(.mac = other_mac), DROP_wrong_mac},
	{"a VLAN that is none", TCP4(.vlan = 100), DROP_unknown_vlan},
	{"an interface that is none", TCP4(.iface = 3, .mac = other_mac), DROP_iface_down},

	{"no IPv4 header", TCP4(.cut = 40), DROP_ipv4_short},
	{"a byte of the IPv4 header missing", TCP4(.cut = 21), DROP_ipv4_short},
	{"IPv4 version 5", TCP4(.patch = {{IP, 0x55}}), DROP_ipv4_version},
	{"IPv4 version 6", TCP4(.patch = {{IP, 0x65}}), DROP_ipv4_version},
	{"IPv4 header of 16 bytes", TCP4(.patch = {{IP, 0x44}}), DROP_ipv4_header_length},
	{"IPv4 header beyond the frame", TCP4(.patch = {{IP, 0x4f}}), DROP_ipv4_header_length},
	{"IPv4 length below the header", TCP4(.ip_length = 19), DROP_ipv4_total_length},
	{"IPv4 length beyond the frame", TCP4(.ip_length = 41), DROP_ipv4_total_length},
	{"IPv4 frame cut off", TCP4(.payload = 1000, .cut = 1), DROP_ipv4_total_length},
	{"IPv4 segment that offload made", TCP4(.ip_length = 1501), DROP_frame_truncated},
	{"IPv4 checksum", TCP4(.patch = {{IP + 11, 1}}), DROP_ipv4_checksum},
	{"IPv4 checksum with options", TCP4(OPTIONS4("\1\1\1\1"), .patch = {{IP + 20, 0}}),
	 DROP_ipv4_checksum},
	{"IPv4 source is multicast", TCP4(.from = "224.0.0.5:1"), DROP_ipv4_source},
	{"IPv4 source is broadcast", TCP4(.from = "255.255.255.255:1"), DROP_ipv4_source},
	{"IPv4 source is loopback", TCP4(.from = "127.0.0.1:1"), DROP_ipv4_source},
	{"IPv4 source is none", TCP4(.from = "0.0.0.0:1"), DROP_ipv4_source},
	{"first IPv4 fragment of no multiple of 8", TCP4(.fragment = 0x2000, .payload = 9),
	 DROP_fragment_malformed},
	{"first IPv4 fragment to a local address",
	 UDP4(.to = LOCAL ":9", .fragment = 0x2000, .payload = 8), DROP_local_no_session},
	{"IPv4 fragment over the TCP header", TCP4(.fragment = 0x1, .payload = 8),
	 DROP_fragment_tiny},
	{"IPv4 fragment of SCTP", SCTP4(CHUNKS(SCTP_INIT_CHUNK), .fragment = 0x2000),
	 DROP_ipv4_fragment},

	{"no IPv6 header", TCP6(.cut = 60), DROP_ipv6_short},
	{"a byte of the IPv6 header missing", TCP6(.cut = 21), DROP_ipv6_short},
	{"IPv6 version 4", TCP6(.patch = {{IP, 0x45}}), DROP_ipv6_version},
	{"IPv6 length beyond the frame", TCP6(.ip_length = 61), DROP_ipv6_payload_length},
	{"IPv6 frame cut off", TCP6(.payload = 1000, .cut = 1), DROP_ipv6_payload_length},
	{"IPv6 segment that offload made", TCP6(.ip_length = 1501), DROP_frame_truncated},
	{"IPv6 source is multicast", TCP6(.from = "[ff02::1]:1"), DROP_ipv6_source},
	{"IPv6 source is loopback", TCP6(.from = "[::1]:1"), DROP_ipv6_source},
	{"IPv6 source is none", TCP6(.from = "[::]:1"), DROP_ipv6_source},
	{"IPv6 extension header beyond the packet", TCP6(EXTENSIONS(60, "\x06\x04\1\4\0\0\0\0")),
	 DROP_ipv6_extension},
	{"IPv6 extension header cut off",
	 TCP6(.ip_length = 47, EXTENSIONS(60, "\x06\0\1\4\0\0\0\0")), DROP_ipv6_extension},
	{"IPv6 fragment to a local address",
	 UDP6(.to = "[" LOCAL6 "]:9", EXTENSIONS(44, "\x11\0\0\0\0\0\0\7")), DROP_local_no_session},
	{"IPv6 fragment of no multiple of 8", UDP6(EXTENSIONS(44, "\x11\0\0\1\0\0\0\7")),
	 DROP_fragment_malformed},
	{"IPv6 fragment of SCTP",
	 SCTP6(CHUNKS(SCTP_INIT_CHUNK), EXTENSIONS(44, "\x84\0\0\1\0\0\0\7")), DROP_ipv6_fragment},

	{"a byte of TCP missing", TCP4(.ip_length = 39), DROP_tcp_short},
	{"a byte of TCP missing, IPv6", TCP6(.ip_length = 59), DROP_tcp_short},
	{"TCP header of 16 bytes", TCP4(.patch = {{L4 + 12, 0x40}}), DROP_tcp_header_length},
	{"TCP header beyond the packet", TCP4(.patch = {{L4 + 12, 0x60}}), DROP_tcp_header_length},
	{"TCP header beyond the packet, IPv6", TCP6(.patch = {{L6 + 12, 0xf0}}),
	 DROP_tcp_header_length},
	{"TCP header in the padding", TCP4(.pad = 40, .patch = {{L4 + 12, 0x60}}),
	 DROP_tcp_header_length},
	{"a byte of UDP missing", UDP4(.ip_length = 27), DROP_udp_short},
	{"a byte of UDP missing, IPv6", UDP6(.ip_length = 47), DROP_udp_short},
	{"UDP length below the header", UDP4(.patch = {{L4 + 5, 7}}), DROP_udp_length},
	{"UDP length beyond the packet", UDP4(.patch = {{L4 + 5, 19}}), DROP_udp_length},
	{"UDP length beyond the packet, IPv6", UDP6(.patch = {{L6 + 4, 1}}), DROP_udp_length},

	{"a byte of SCTP missing", SCTP4(CHUNKS(SCTP_INIT_CHUNK), .ip_length = 35),
	 DROP_sctp_short},
	{"a byte of SCTP missing, IPv6", SCTP6(CHUNKS(SCTP_INIT_CHUNK), .ip_length = 55),
	 DROP_sctp_short},
	{"SCTP without a chunk", SCTP4(CHUNKS("")), DROP_sctp_short},
	{"SCTP chunk of 3 bytes", SCTP4(.tag = 1, CHUNKS("\x0a\0\0\3")), DROP_sctp_chunk},
	{"SCTP chunk beyond the packet",
	 SCTP4(.tag = 1, CHUNKS("\0\0\0\x14"
				"12345678")),
	 DROP_sctp_chunk},
	{"second SCTP chunk of no length", SCTP4(.tag = 1, CHUNKS("\3\0\0\4\0\0\0\0")),
	 DROP_sctp_chunk},
	{"SCTP INIT of 16 bytes",
	 SCTP4(CHUNKS("\1\0\0\x10"
		      "123412341234")),
	 DROP_sctp_chunk},
	{"SCTP INIT beside another chunk", SCTP4(CHUNKS(SCTP_INIT_CHUNK "\x0b\0\0\4")),
	 DROP_sctp_chunk},
	{"SCTP INIT ACK behind another chunk",
	 SCTP4(.tag = 1, CHUNKS("\3\0\0\4\2\0\0\x14"
				"1234123412341234")),
	 DROP_sctp_chunk},
	{"SCTP INIT with a tag", SCTP4(.tag = 1, CHUNKS(SCTP_INIT_CHUNK)), DROP_sctp_tag},
	{"SCTP COOKIE ECHO without a tag", SCTP4(CHUNKS("\x0a\0\0\4")), DROP_sctp_tag},
	{"SCTP data of no session",
	 SCTP4(.tag = 1, CHUNKS("\0\0\0\x10"
				"123412341234")),
	 DROP_sctp_not_init},
	{"SCTP ABORT of no session, IPv6", SCTP6(.tag = 1, CHUNKS("\6\0\0\4")), DROP_sctp_not_init},

	{"a byte of ICMP missing", ICMP4(.ip_length = 27), DROP_icmp_short},
	{"a byte of ICMPv6 missing", ICMP6(.ip_length = 47), DROP_icmp_short},
	{"ICMP error's checksum", ICMP4(.quote = &quoted4, .sum = SUM_BROKEN), DROP_icmp_checksum},
	{"ICMPv6 error's checksum", ICMP6(.quote = &quoted6, .sum = SUM_BROKEN),
	 DROP_icmp_checksum},
	{"ICMP error without quote", ICMP4(), DROP_icmp_error_malformed},
	{"ICMP error with half an IP header", ICMP4(.quote = &quoted4, .quoted = 19),
	 DROP_icmp_error_malformed},
	{"ICMP error without ports", ICMP4(.quote = &quoted4, .quoted = 27),
	 DROP_icmp_error_malformed},
	{"ICMPv6 error without quote", ICMP6(), DROP_icmp_error_malformed},
	{"ICMPv6 error without ports", ICMP6(.quote = &quoted6, .quoted = 47),
	 DROP_icmp_error_malformed},
	{"ICMP error that quotes nobody's",
	 ICMP4(.quote =
		       &(const struct packet){.from = "8.8.8.8:80", .to = CLIENT ":1", .tcp = ACK}),
	 DROP_icmp_error_no_session},
};

static void test_malformed(void **state)
{
	service(.vip = VIP ":80");
	service(.vip = VIP ":80", .protocol = IPPROTO_UDP);
	service(.vip = VIP ":80", .protocol = IPPROTO_SCTP);
	service(.vip = "[" VIP6 "]:80");
	service(.vip = "[" VIP6 "]:80", .protocol = IPPROTO_UDP);
	service(.vip = "[" VIP6 "]:80", .protocol = IPPROTO_SCTP);
	for (unsigned int i = 0; i < sizeof(malformed) / sizeof(*malformed); i++) {
		uint64_t *seen = &lab.drops_seen[0][malformed[i].drop];

		lab_put(&malformed[i].packet);
		run();
		if (lab.w->drops[malformed[i].drop] != *seen + 1)
			print_error("%s: not dropped for %s\n", malformed[i].what,
				    drop_name(malformed[i].drop));
		++*seen;
		expect_nothing();
	}
	assert_int_equal(lab_sessions(), 0);
}

/* The same faults in what another worker hands over, in one batch with what is whole. */
static void test_malformed_together(void **state)
{
	service(.vip = VIP ":80");
	service(.vip = VIP ":80", .protocol = IPPROTO_UDP);
	service(.vip = VIP ":80", .protocol = IPPROTO_SCTP);
	service(.vip = "[" VIP6 "]:80");
	service(.vip = "[" VIP6 "]:80", .protocol = IPPROTO_UDP);
	service(.vip = "[" VIP6 "]:80", .protocol = IPPROTO_SCTP);
	lab_connect(&ends4);
	for (unsigned int i = 0; i < sizeof(malformed) / sizeof(*malformed); i++) {
		struct packet p = malformed[i].packet;

		p.handed = true;
		lab.drops_seen[0][malformed[i].drop]++;
		lab_put(&p);
		put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
		if (i % 16 == 15 || i == sizeof(malformed) / sizeof(*malformed) - 1) {
			run();
			for (unsigned int j = 0; j <= i % 16; j++)
				expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK);
			expect_nothing();
		}
	}
}

static void test_iface_down(void **state)
{
	service(.vip = VIP ":80");
	fake_iface[CLIENTS].up = false;
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	run();
	expect_drop(iface_down);
	fake_iface[CLIENTS].up = true;
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	run();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
}

/* A frame cut to each shorter length is dropped, whatever it is, and nothing is read beyond it. */
static void test_every_length(void **state)
{
	static const struct packet whole[] = {
		TCP4(OPTIONS("\2\4\5\xb4"), .payload = 3),
		UDP6(EXTENSIONS(0, "\x11\0\1\4\0\0\0\0")),
		ICMP4(.quote = &quoted4),
		ICMP6(.quote = &quoted6),
	};

	service(.vip = VIP ":80");
	service(.vip = "[" VIP6 "]:80", .protocol = IPPROTO_UDP);
	service(.vip = "[" VIP6 "]:80", .protocol = IPPROTO_SCTP);
	for (unsigned int i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
		struct packet p = whole[i];
		uint8_t frame[PACKET_MAX];

		for (p.cut = 1; p.cut < packet_build(&whole[i], 0, frame); p.cut++) {
			lab_put(&p);
			run();
		}
	}
	assert_int_equal(lab_sessions(), 0);
	memcpy(lab.drops_seen, lab.worker[0].drops, sizeof(lab.drops_seen[0]));
}

static const char nine[] = "\x3c\0\1\4\0\0\0\0"
			   "\x3c\0\1\4\0\0\0\0"
			   "\x3c\0\1\4\0\0\0\0"
			   "\x3c\0\1\4\0\0\0\0"
			   "\x3c\0\1\4\0\0\0\0"
			   "\x3c\0\1\4\0\0\0\0"
			   "\x3c\0\1\4\0\0\0\0"
			   "\x3c\0\1\4\0\0\0\0"
			   "\x06\0\1\4\0\0\0\0";

/* Extension headers that are walked: eight of them, 160 bytes of them, of three kinds. */
static void test_extensions(void **state)
{
	char long_one[168] = {6, 20, 1, 4};

	service(.vip = "[" VIP6 "]:80");
	exchange({TCP6(EXTENSIONS(0, "\x2b\0\1\4\0\0\0\0\x3c\0\0\0\0\0\0\0\x06\0\1\4\0\0\0\0")),
		  {.from = "[" LOCAL6 "]:*",
		   .to = "[" SERVER6 "]:80",
		   .tcp = SYN,
		   EXTENSIONS(0, "\x2b\0\1\4\0\0\0\0\x3c\0\0\0\0\0\0\0\x06\0\1\4\0\0\0\0")}},
		 {TCP6(.extension_type = 60, .extensions = nine + 8, .extension_length = 64),
		  {.from = "[" LOCAL6 "]:@",
		   .to = "[" SERVER6 "]:80",
		   .tcp = SYN,
		   .extension_type = 60,
		   .extensions = nine + 8,
		   .extension_length = 64}});
	// too many
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = SYN, .extension_type = 60,
	    .extensions = nine, .extension_length = 72);
	run();
	expect_drop(ipv6_extension);
	// too long
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = SYN, .extension_type = 60,
	    .extensions = long_one, .extension_length = 168);
	run();
	expect_drop(ipv6_extension);
	long_one[1] = 19;
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = SYN, .extension_type = 60,
	    .extensions = long_one, .extension_length = 160);
	run();
	expect(.from = "[" LOCAL6 "]:@", .to = "[" SERVER6 "]:80", .tcp = SYN, .extension_type = 60,
	       .extensions = long_one, .extension_length = 160);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_malformed),  lab_test(test_malformed_together),
		lab_test(test_iface_down), lab_test(test_every_length),
		lab_test(test_extensions),
	};

	return cmocka_run_group_tests_name("input", tests, lab_start, lab_stop);
}

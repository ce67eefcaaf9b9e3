/* SPDX-License-Identifier: BSD-3-Clause */

/* Routing by QUIC connection ID: both layouts, both headers, and everything that names no server. */
#include "lab.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SERVER_C  "192.168.100.4"
#define SERVER6_B "2001:db8:2::3"

/* A datagram from this port; the last byte of the address of the server that gets it. */
static unsigned int sent_to(const char *vip, uint16_t port, const char *payload, unsigned int size)
{
	bool ipv6 = vip[0] == '[';
	const uint8_t *frame;
	unsigned int length;

	put(.from = ipv6 ? CLIENT6 : CLIENT, .from_port = port, .to = vip, .payload = size);
	memcpy(rte_pktmbuf_mtod_offset(lab.w->batch.pkt[0].mbuf, uint8_t *, ipv6 ? 62 : 42),
	       payload, size);
	run();
	frame = lab_next_sent(SERVERS - 1, &length);
	assert_non_null(frame);
	return frame[frame[12] == 0x86 ? 53 : 33];
}

#define to_server(port, bytes)	sent_to(VIP ":443", port, bytes, sizeof(bytes) - 1)
#define to_server6(port, bytes) sent_to("[" VIP6 "]:443", port, bytes, sizeof(bytes) - 1)

/* 192.168.100.3 in 1, 2 and 4 bytes, with and without its port, behind both headers. */
static void test_dpvs(void **state)
{
	service(.vip = VIP ":443", .protocol = IPPROTO_UDP, .scheduler = "fo",
		.servers = {SERVER ":443", SERVER_B ":443", SERVER_B ":444", SERVER_C ":443"},
		.weights = {9, 1, 1, 1}, .drained = {false, false, false, true},
		.quic = {.format = QUIC_DPVS});
	assert_int_equal(to_server(1000, "\x40?\x00\x30nonce.."), 3);
	assert_int_equal(to_server(1001, "\x40?\x26\x40\x30nonce"), 3);
	assert_int_equal(to_server(1002, "\x40?\x6c\x0a\x86\x40\x30nonce"), 3);
	assert_int_equal(to_server(1003, "\x40?\x10\x30\x1b\xb0nonce"), 3);
	assert_int_equal(to_server(1004, "\xc0\0\0\0\1\x08?\x10\x30\x1b\xb0non\0"), 3);
	assert_int_equal(to_server(1005, "\xc0\x6b\x33\x43\xcf\x07?\x00\x30none\0"), 3);
	// A drained server has its old connections still.
	assert_int_equal(to_server(1006, "\x40?\x00\x40nonce.."), 4);
	assert_int_equal(lab.w->stats.quic_routed, 7);
	assert_int_equal(lab.w->stats.quic_unknown, 0);
}

/* What names no server is scheduled: to the heaviest. */
static void test_dpvs_unknown(void **state)
{
	service(.vip = VIP ":443", .protocol = IPPROTO_UDP, .scheduler = "fo",
		.servers = {SERVER ":443", SERVER_B ":443"}, .weights = {9, 1},
		.quic = {.format = QUIC_DPVS});
	assert_int_equal(to_server(1000, "\x40?\x00\x50nonce.."), 2);	    // no such address,
	assert_int_equal(to_server(1001, "\x40?\x10\x30\x1b\xc0nonce"), 2); // no such port
	assert_int_equal(to_server(1002, "\x40?\x80\x30nonce..nonce"), 2);  // five bytes of four
	assert_int_equal(to_server(1003, "\x40?\x00\x30non"), 2);	    // cut off
	assert_int_equal(to_server(1004, "\x40?\x7c\x0a\x86\x40\x30"), 2);
	assert_int_equal(lab.w->stats.quic_unknown, 5);
	assert_int_equal(to_server(1005, "\xc0\0\0\0\1\x06?\x00\x30non\0"), 2); // too short a one
	assert_int_equal(to_server(1006, "\xc0\0\0\0\1\x15?\x00\x30nonnoncenoncenonce\0"), 2);
	assert_int_equal(to_server(1007, "\xc0\0\0\0\1\x14?\x00\x30non"), 2);
	assert_int_equal(to_server(1008, "\xc0\0\0\0"), 2);
	assert_int_equal(to_server(1009, "?"), 2);
	assert_int_equal(to_server(1010, ""), 2);
	assert_int_equal(lab.w->stats.quic_unknown, 5);
	assert_int_equal(lab.w->stats.quic_routed, 0);
}

/* The same client and connection ID, after each change of its port; then its server is removed. */
static void test_dpvs_moves(void **state)
{
	struct lab_service spec = {.vip = VIP ":443",
				   .protocol = IPPROTO_UDP,
				   .scheduler = "rr",
				   .servers = {SERVER ":443", SERVER_B ":443"},
				   .quic = {.format = QUIC_DPVS}};
	unsigned int seen[5] = {0};

	lab_service(&spec);
	for (uint16_t port = 2000; port < 2020; port++)
		assert_int_equal(to_server(port, "\x40?\x00\x30nonce.."), 3);
	spec.servers[1] = SERVER_C ":443";
	lab_service(&spec);
	for (uint16_t port = 2020; port < 2040; port++)
		seen[to_server(port, "\x40?\x00\x30nonce..")]++;
	assert_int_equal(seen[2], 10);
	assert_int_equal(seen[4], 10);
}

/* IPv6: addresses of up to eight bytes; a server of the other family by its own address. */
static void test_dpvs6(void **state)
{
	service(.vip = "[" VIP6 "]:443", .protocol = IPPROTO_UDP, .scheduler = "fo",
		.servers = {"[" SERVER6 "]:443", "[" SERVER6_B "]:443", SERVER_B ":443"},
		.weights = {9, 1, 1}, .locals = {LOCAL6, LOCAL}, .quic = {.format = QUIC_DPVS});
	assert_int_equal(to_server6(1000, "\x40?\xe0\0\0\0\0\0\0\0\x30nonce"), 3);
	assert_int_equal(to_server6(1001, "\x40?\x6c\x0a\x86\x40\x30nonce"), 3);
	assert_int_equal(lab.w->stats.quic_routed, 2);
}

/* By rotation, how long the server IDs are; those that were given and those of addresses. */
static void test_lb(void **state)
{
	service(.vip = VIP ":443", .protocol = IPPROTO_UDP, .scheduler = "fo",
		.servers = {SERVER ":443", SERVER_B ":443", SERVER_C ":443", "192.168.100.5:8443"},
		.weights = {9, 1, 1, 1}, .drained = {false, false, true, false},
		.quic = {.format = QUIC_LB, .id_length = {[0] = 4, [2] = 2, [6] = 6}},
		.quic_ids = {[2] = "\x0a\x0b"});
	assert_int_equal(to_server(1000, "\x40\x1f\xc0\xa8\x64\x3nonce"), 3);
	assert_int_equal(to_server(1001, "\x40\x40\x64\x3nonce"), 3);
	assert_int_equal(to_server(1002, "\xc0\0\0\0\1\x07\x40\x64\x3none\0"), 3);
	assert_int_equal(to_server(1003, "\x40\x40\x0a\x0bnonce"), 4);
	assert_int_equal(to_server(1004, "\x40\xc0\xc0\xa8\x64\x5\x20\xfbnonce"), 5);
	assert_int_equal(lab.w->stats.quic_routed, 5);
	assert_int_equal(lab.w->stats.quic_unknown, 0);
	// A rotation that is not in use, "not routable", an address that has an ID, a port, no nonce.
	assert_int_equal(to_server(1010, "\x40\x20\x64\x3nonce"), 2);
	assert_int_equal(to_server(1011, "\x40\xe0\xc0\xa8\x64\x3nonce"), 2);
	assert_int_equal(to_server(1012, "\x40\x40\x64\x4nonce"), 2);
	assert_int_equal(to_server(1013, "\x40\xc0\xc0\xa8\x64\x5\x20\xfcnonce"), 2);
	assert_int_equal(to_server(1014, "\x40\x40\x64\x3non"), 2);
	assert_int_equal(lab.w->stats.quic_routed, 5);
	assert_int_equal(lab.w->stats.quic_unknown, 5);
}

static void test_lb6(void **state)
{
	service(.vip = "[" VIP6 "]:443", .protocol = IPPROTO_UDP, .scheduler = "fo",
		.servers = {"[" SERVER6 "]:443", "[" SERVER6_B "]:443"}, .weights = {9, 1},
		.quic = {.format = QUIC_LB, .id_length = {[1] = 15}});
	assert_int_equal(to_server6(1000, "\x40\x20\1\xd\xb8\0\2\0\0\0\0\0\0\0\0\0\3nonce"), 3);
	assert_int_equal(to_server6(1001, "\x40\x20\2\xd\xb8\0\2\0\0\0\0\0\0\0\0\0\3nonce"), 2);
	assert_int_equal(lab.w->stats.quic_routed, 1);
}

/* What persistence remembers of the client's address gives way to the connection ID. */
static void test_persistent(void **state)
{
	service(.vip = VIP ":443", .protocol = IPPROTO_UDP, .scheduler = "fo", .persistent = 100,
		.servers = {SERVER ":443", SERVER_B ":443"}, .weights = {9, 1},
		.quic = {.format = QUIC_DPVS});
	assert_int_equal(to_server(1000, "\xc0\0\0\0\1\x04none\0"), 2);
	assert_int_equal(to_server(1001, "\x40?\x00\x30nonce.."), 3);
	assert_int_equal(to_server(1002, "\xc0\0\0\0\1\x04none\0"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_dpvs),	   lab_test(test_dpvs_unknown), lab_test(test_dpvs_moves),
		lab_test(test_dpvs6),	   lab_test(test_lb),		lab_test(test_lb6),
		lab_test(test_persistent),
	};

	return cmocka_run_group_tests_name("quic", tests, lab_start, lab_stop);
}

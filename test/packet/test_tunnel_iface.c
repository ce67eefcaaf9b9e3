/* SPDX-License-Identifier: BSD-3-Clause */

/* Servers that are routed through a tunnel interface: outer headers, and what is too large. */
#include "lab.h"

#include "tunnel/device.h"
#include "tunnel/path_mtu.h"

#define ROUTER	 "192.168.9.9"
#define ROUTER6	 "2001:db8:2::9"
#define END	 "192.168.9.1"
#define END6	 "2001:db8:2:9::1"
#define BEHIND	 "192.168.77.2"
#define BEHIND6	 "2001:db8:2:77::2"
#define LINUX	 "192.168.77.1"
#define LINUX6	 "2001:db8:2:77::1"
#define SERVICE	 VIP ":80"
#define SERVICE6 "[" VIP6 "]:80"

enum { TUNNEL_HOP = 20, HEADERS = 24, HEADERS6 = 44 };

static struct iface *tunnel;
static bool numbered; // the next that is made, and with a key

/* A GRE tunnel to END or END6, and what is routed there. */
static void tunnel_open(bool ipv6)
{
	struct tunnel_config config = {
		.name = "tun1",
		.kind = TUNNEL_KIND_GRE,
		.ttl = 64,
		.tos = TUNNEL_INHERIT,
		.has_output_key = numbered,
		.output_key = 7,
		.output_sequence = numbered,
	};
	struct error error = {0};

	addr_parse(ipv6 ? END6 : END, &config.remote);
	addr_parse(ipv6 ? LOCAL6 : LOCAL, &config.local);
	if (device_create_tunnel(&config, &tunnel, &error) < 0)
		fail_msg("%s: %s", error.field, error.text);
	assert_int_equal(tunnel->mtu, 1500 - (ipv6 ? HEADERS6 : HEADERS) - (numbered ? 8 : 0));
	fake_tunnel_nexthop(TUNNEL_HOP, tunnel->index);
	fake_route("192.168.77.0/24", TUNNEL_HOP, 0);
	fake_route("2001:db8:2:77::/64", TUNNEL_HOP, 0);
	fake_route(LINUX "/32", NEXTHOP_LOCAL, 0);
	fake_route(LINUX6 "/128", NEXTHOP_LOCAL, 0);
	service(.vip = SERVICE, .servers = {BEHIND ":80"}, .iface = tunnel->index);
	service(.vip = SERVICE6, .servers = {"[" BEHIND6 "]:80"}, .iface = tunnel->index);
}

static void tunnel_close(void)
{
	lab_flush();
	lab_withdraw(SERVICE, IPPROTO_TCP);
	lab_withdraw(SERVICE6, IPPROTO_TCP);
	device_remove_tunnel(tunnel);
	lab_forget();
}

static struct packet outer_of(const struct packet *inner, bool ipv6)
{
	return (struct packet){
		.from = ipv6 ? LOCAL6 : LOCAL,
		.to = ipv6 ? END6 : END,
		.protocol = IPPROTO_GRE,
		.sum = SUM_ZERO,
		.id = ipv6 ? 0 : lab.w->tunnel_id,
		.ttl = 64,
		.inner = inner,
	};
}

static const char *client(bool wide)
{
	return wide ? "[" CLIENT6 "]:4000" : CLIENT ":4000";
}

/* The session's packet as the server gets it. */
static struct packet inner_of(bool wide, unsigned int payload)
{
	return (struct packet){
		.from = wide ? "[" LOCAL6 "]:@" : LOCAL ":@",
		.to = wide ? "[" BEHIND6 "]:80" : BEHIND ":80",
		.from_port = lab.remembered,
		.tcp = ACK,
		.payload = payload,
		.ttl = PACKET_TTL - 1,
	};
}

/* From the other side, with this number. */
static void put_numbered(const struct packet *inner, uint8_t number)
{
	const struct packet outer = {.from = END,
				     .to = LOCAL,
				     .protocol = IPPROTO_GRE,
				     .sum = SUM_GOOD, // four bytes more, which become the number
				     .inner = inner,
				     .patch = {{34, 0x10}, {38, 0}, {39, 0}, {41, number}}};

	lab_put(&outer);
}

static void connect_through(bool wide)
{
	unsigned int length;
	const uint8_t *frame;

	put(.from = client(wide), .to = wide ? SERVICE6 : SERVICE, .tcp = SYN);
	run();
	frame = lab_next_sent(1, &length);
	assert_non_null(frame);
	// The last 20 bytes are the TCP header.
	lab.remembered = frame[length - 20] << 8 | frame[length - 19];
}

static void client_sends(bool wide, unsigned int payload, bool may_fragment)
{
	put(.from = client(wide), .to = wide ? SERVICE6 : SERVICE, .tcp = ACK, .payload = payload,
	    .may_fragment = may_fragment);
	run();
}

static void expect_told(bool wide, unsigned int payload, unsigned int mtu)
{
	// What the client has sent, but for the hop that weir is.
	struct packet quote = {.from = client(wide),
			       .to = wide ? SERVICE6 : SERVICE,
			       .tcp = ACK,
			       .payload = payload,
			       .ttl = PACKET_TTL - 1};

	expect(.from = wide ? VIP6 : VIP, .to = wide ? CLIENT6 : CLIENT, .icmp = wide ? 2 : 3,
	       .code = wide ? 0 : 4, .rest = mtu, .ttl = 63, .may_fragment = true, .quote = &quote,
	       .quoted = wide ? 1232 : 548);
	expect_drop(too_big);
}

static void router_says(const struct packet *inner, bool ipv6, unsigned int mtu)
{
	struct packet outer = outer_of(inner, ipv6);

	fake_route(ipv6 ? LOCAL6 "/128" : LOCAL "/32", NEXTHOP_LOCAL, 0);
	put(.from = ipv6 ? ROUTER6 : ROUTER, .to = ipv6 ? LOCAL6 : LOCAL, .icmp = ipv6 ? 2 : 3,
	    .code = ipv6 ? 0 : 4, .rest = mtu, .quote = &outer, .quoted = ipv6 ? 48 : 28);
	run();
	lab_forget_punted(); // Linux may want to know as well
	path_mtu_gather(&lab.w->reports, 1000);
}

static void test_through(void **state)
{
	for (unsigned int i = 0; i < 4; i++) {
		bool ipv6 = i & 1, wide = i & 2;
		struct packet inner, outer;

		tunnel_open(ipv6);
		connect_through(wide);
		inner = inner_of(wide, 3);
		client_sends(wide, 3, false);
		outer = outer_of(&inner, ipv6);
		lab_expect(&outer, __FILE__, __LINE__);
		// And back.
		inner = (struct packet){.from = inner_of(wide, 0).to,
					.to = inner_of(wide, 0).from,
					.to_port = lab.remembered,
					.tcp = ACK,
					.payload = 5};
		outer = (struct packet){.from = ipv6 ? END6 : END,
					.to = ipv6 ? LOCAL6 : LOCAL,
					.protocol = IPPROTO_GRE,
					.sum = SUM_ZERO,
					.inner = &inner};
		lab_put(&outer);
		run();
		expect(.from = wide ? SERVICE6 : SERVICE, .to = client(wide), .tcp = ACK,
		       .payload = 5);
		assert_int_equal(lab.w->iface_count[tunnel->index].packets[1], 2 + 2 * i);
		assert_int_equal(lab.w->iface_count[tunnel->index].packets[0], 1 + i);
		tunnel_close();
	}
}

/* One worker numbers packets, from 0; numbers that come are passed over. */
static void test_numbers(void **state)
{
	static const uint8_t flags[4] = {0x30, 0, 0x08, 0};
	struct packet syn;
	const uint8_t *frame;
	unsigned int length;

	numbered = true;
	tunnel_open(false);
	for (uint8_t i = 0; i < 3; i++) {
		const uint8_t tail[8] = {0, 0, 0, 7, 0, 0, 0, i};

		put(.from = CLIENT, .from_port = 4000 + i, .to = SERVICE, .tcp = SYN);
		run();
		frame = lab_next_sent(1, &length);
		assert_non_null(frame);
		assert_int_equal(length, 14 + 20 + 12 + 40);
		assert_memory_equal(frame + 34, flags, sizeof(flags));
		assert_memory_equal(frame + 38, tail, sizeof(tail));
	}
	syn = (struct packet){.from = BEHIND, .to = LINUX, .icmp = 8, .payload = 10};
	put_numbered(&syn, 9);
	put_numbered(&syn, 5);
	run();
	assert_int_equal(lab.w->stats.punted, 2);
	lab_forget_punted();
	tunnel_close();
	numbered = false;
}

/* The interface's own MTU: told, or cut, before there is an outer header. */
static void test_mtu_of_the_interface(void **state)
{
	for (unsigned int i = 0; i < 4; i++) {
		bool ipv6 = i & 1, wide = i & 2;
		unsigned int mtu = 1500 - (ipv6 ? HEADERS6 : HEADERS);
		unsigned int most = mtu - (wide ? 60 : 40);
		struct packet quote = {.from = client(wide),
				       .to = wide ? SERVICE6 : SERVICE,
				       .tcp = ACK,
				       .payload = most + 1};

		tunnel_open(ipv6);
		connect_through(wide);
		client_sends(wide, most, false);
		assert_non_null(lab_next_sent(1, &(unsigned int){0}));
		client_sends(wide, most + 1, false);
		expect(.from = wide ? VIP6 : VIP, .to = wide ? CLIENT6 : CLIENT,
		       .icmp = wide ? 2 : 3, .code = wide ? 0 : 4, .rest = mtu, .ttl = 64,
		       .may_fragment = true, .quote = &quote, .quoted = wide ? 1232 : 548);
		expect_drop(too_big);
		tunnel_close();
	}
}

/* What a router says of the way is kept, told to the next packet's sender, and forgotten. */
static void test_mtu_of_the_way(void **state)
{
	for (unsigned int i = 0; i < 4; i++) {
		bool ipv6 = i & 1, wide = i & 2;
		unsigned int left = 1400 - (ipv6 ? HEADERS6 : HEADERS);
		unsigned int most = left - (wide ? 60 : 40);
		struct packet inner;

		tunnel_open(ipv6);
		connect_through(wide);
		inner = inner_of(wide, most + 1);
		router_says(&inner, ipv6, 1400);
		client_sends(wide, most + 1, false);
		expect_told(wide, most + 1, left);
		client_sends(wide, most, false);
		assert_non_null(lab_next_sent(1, &(unsigned int){0}));
		path_mtu_age(1000 + PATH_MTU_SECONDS - 1);
		client_sends(wide, most + 1, false);
		expect_told(wide, most + 1, left);
		path_mtu_age(1000 + PATH_MTU_SECONDS);
		client_sends(wide, most + 1, false);
		assert_non_null(lab_next_sent(1, &(unsigned int){0}));
		tunnel_close();
	}
}

/* An interface beneath has got a smaller MTU. */
static void test_mtu_beneath(void **state)
{
	for (unsigned int i = 0; i < 4; i++) {
		bool ipv6 = i & 1, wide = i & 2;
		unsigned int left = 1450 - (ipv6 ? HEADERS6 : HEADERS);

		tunnel_open(ipv6);
		connect_through(wide);
		nexthop_table[SERVER_NEXTHOP].mtu = 1450;
		client_sends(wide, 1390, false);
		expect_told(wide, 1390, left);
		nexthop_table[SERVER_NEXTHOP].mtu = 1500;
		tunnel_close();
	}
}

/* Packets that may be cut, and IPv6 of 1280 bytes: the outer packet is cut. */
static void test_cut(void **state)
{
	for (unsigned int i = 0; i < 4; i++) {
		bool ipv6 = i & 1, wide = i & 2;
		unsigned int payload = wide ? 1220 : 1390;
		struct packet inner, outer;
		unsigned int length;
		const uint8_t *frame;

		tunnel_open(ipv6);
		connect_through(wide);
		inner = inner_of(wide, payload);
		router_says(&inner, ipv6, 1280);
		client_sends(wide, payload, !wide);
		inner.may_fragment = !wide;
		outer = outer_of(&inner, ipv6);
		outer.may_fragment = true;
		frame = lab_peek_sent(1, &length);
		assert_non_null(frame);
		if (ipv6)
			outer.flow = (frame[15] & 0xf) << 16 | frame[16] << 8 | frame[17];
		lab_expect_pieces(&outer, 0, 1280, __FILE__, __LINE__);
		tunnel_close();
	}
}

/* Linux hears of its own packets as clients do; nobody of errors and of later fragments. */
static void test_linux(void **state)
{
	for (unsigned int i = 0; i < 2; i++) {
		bool ipv6 = i & 1;
		unsigned int left = 1400 - (ipv6 ? HEADERS6 : HEADERS);
		struct packet ping = {.from = ipv6 ? LINUX6 : LINUX,
				      .to = ipv6 ? BEHIND6 : BEHIND,
				      .icmp = ipv6 ? 128 : 8,
				      .payload = 1400,
				      .kernel = true};
		struct packet big = ping;

		tunnel_open(ipv6);
		ping.iface = tunnel->index;
		router_says(&big, ipv6, 1400);
		lab_put(&ping);
		run();
		big.kernel = false;
		big.iface = tunnel->index;
		// The frame that the tunnel has "received": from its other side.
		assert_int_equal(lab.w->stats.punted, i * 2 + 2);
		lab_forget_punted();
		expect_drop(too_big);
		assert_int_equal(left, ipv6 ? 1356 : 1376);
		ping.icmp = ipv6 ? 1 : 3;
		ping.quote = &big;
		ping.quoted = 1372;
		lab_put(&ping);
		run();
		expect_drop(too_big);
		tunnel_close();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_numbers),
		lab_test(test_through),
		lab_test(test_mtu_of_the_interface),
		lab_test(test_mtu_of_the_way),
		lab_test(test_mtu_beneath),
		lab_test(test_cut),
		lab_test(test_linux),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/* Direct routing and tunnels: what reaches the server, and what only one side of TCP tells. */
#include "lab.h"

#include "session/l4_tcp.h"

enum { NEAR = 20, NEAR_B = 21, NEAR6 = 22 }; // next hops of servers on the link

static const uint8_t near_mac[6] = {2, 0, 0, 0, 0x0c, 0x20};
static const uint8_t near_mac_b[6] = {2, 0, 0, 0, 0x0c, 0x21};
static const uint8_t near_mac6[6] = {2, 0, 0, 0, 0x0c, 0x22};

static void near_begin(void)
{
	fake_neighbour(NEAR, SERVERS, 0x20, SERVER);
	fake_neighbour(NEAR_B, SERVERS, 0x21, SERVER_B);
	fake_neighbour(NEAR6, SERVERS, 0x22, SERVER6);
}

/* A packet to the VIP that comes out on the servers' side for this station, one hop further. */
#define direct(station, ...)                                                                \
	do {                                                                                \
		put(__VA_ARGS__);                                                           \
		run();                                                                      \
		lab_expect(&(struct packet){__VA_ARGS__, .iface = SERVERS, .mac = station}, \
			   __FILE__, __LINE__);                                             \
	} while (0)

static void test_direct4(void **state)
{
	near_begin();
	service(.vip = VIP ":80", .mode = "dr");
	direct(near_mac, .from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .sequence = 1000);
	expect_state(STATE_SYN_RECV);
	direct(near_mac, .from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .sequence = 1001);
	expect_state(STATE_ESTABLISHED);
	direct(near_mac, .from = CLIENT ":4000", .to = VIP ":80", .tcp = PSH | ACK, .payload = 333,
	       .id = 7, .tos = 0xb9);
	direct(near_mac, .from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK,
	       OPTIONS4("\x07\x07\x04\x00\x00\x00\x00\x00"));
	direct(near_mac, .from = CLIENT ":4000", .to = VIP ":80", .tcp = FIN | ACK);
	expect_state(STATE_FIN_WAIT);
	direct(near_mac, .from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
	expect_state(STATE_FIN_WAIT);
	assert_int_equal(lab_sessions(), 1);
	assert_int_equal(lab_session()->packets[0], 6);
	assert_int_equal(lab_session()->packets[1], 0);
}

static void test_direct6(void **state)
{
	near_begin();
	service(.vip = "[" VIP6 "]:80", .mode = "dr");
	direct(near_mac6, .from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = SYN);
	direct(near_mac6, .from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = ACK,
	       .payload = 100, .tos = 0x12);
	direct(near_mac6, .from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = RST);
	expect_state(STATE_CLOSE);
}

static void test_direct_udp(void **state)
{
	near_begin();
	service(.vip = VIP ":53", .protocol = IPPROTO_UDP, .mode = "dr", .servers = {SERVER ":53"});
	for (unsigned int i = 0; i < 3; i++)
		direct(near_mac, .from = CLIENT ":4000", .to = VIP ":53", .payload = i);
	expect_state(STATE_UDP_ONE_WAY);
	// A datagram without a checksum of its own keeps none.
	direct(near_mac, .from = CLIENT ":4000", .to = VIP ":53", .payload = 9, .sum = SUM_ZERO);
}

/* Answers do not come through here; one that does belongs to nobody. */
static void test_direct_has_one_direction(void **state)
{
	near_begin();
	service(.vip = VIP ":80", .mode = "dr");
	direct(near_mac, .from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	put(.from = VIP ":80", .to = CLIENT ":4000", .tcp = SYN | ACK, .iface = SERVERS);
	run();
	expect_drop(not_for_us);
	expect_state(STATE_SYN_RECV);
}

static void test_direct_spreads(void **state)
{
	near_begin();
	service(.vip = VIP ":80", .mode = "dr", .servers = {SERVER ":80", SERVER_B ":80"});
	direct(near_mac_b, .from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	direct(near_mac, .from = CLIENT ":4001", .to = VIP ":80", .tcp = SYN);
	direct(near_mac_b, .from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
	direct(near_mac, .from = CLIENT ":4001", .to = VIP ":80", .tcp = ACK);
	// A server that leaves keeps what it has.
	service(.vip = VIP ":80", .mode = "dr", .servers = {SERVER ":80"});
	direct(near_mac_b, .from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
	direct(near_mac, .from = CLIENT ":4002", .to = VIP ":80", .tcp = SYN);
}

static void test_direct_time_to_live(void **state)
{
	near_begin();
	service(.vip = VIP ":80", .mode = "dr");
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .ttl = 2);
	run();
	expect(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .ttl = 1, .iface = SERVERS,
	       .mac = near_mac);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .ttl = 1);
	run();
	expect(.from = VIP, .to = CLIENT, .icmp = 11, .ttl = 64, .may_fragment = true,
	       .quote = &(struct packet){
		       .from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .ttl = 1});
	expect_drop(ttl_exceeded);
	expect_state(STATE_SYN_RECV);
}

static void test_direct_too_big(void **state)
{
	near_begin();
	nexthop_table[NEAR].mtu = 1400;
	service(.vip = VIP ":80", .mode = "dr");
	direct(near_mac, .from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	direct(near_mac, .from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = 1360);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = 1361);
	run();
	expect(.from = VIP, .to = CLIENT, .icmp = 3, .code = 4, .rest = 1400, .ttl = 64,
	       .may_fragment = true, .quoted = 548,
	       .quote = &(struct packet){
		       .from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = 1361});
	expect_drop(too_big);
}

/* The way to the server changes: through a gateway its packets would come back. */
static void test_direct_off_link(void **state)
{
	near_begin();
	service(.vip = VIP ":80", .mode = "dr");
	direct(near_mac, .from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	fake_route(SERVER, SERVER_NEXTHOP, 0);
	fake_routes_changed();
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
	put(.from = CLIENT ":4001", .to = VIP ":80", .tcp = SYN);
	run();
	expect_drops(server_off_link, 2);
	fake_route(SERVER, NEAR, 0);
	fake_routes_changed();
	direct(near_mac, .from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
}

/* It waits for the server's neighbour, not for one of the VIP. */
static void test_direct_parked(void **state)
{
	fake_route(SERVER, NEXTHOP_UNRESOLVED, SERVERS);
	service(.vip = VIP ":80", .mode = "dr");
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	run();
	assert_int_equal(lab.w->parked_count, 1);
	near_begin();
	fake_routes_changed();
	lab.tsc += LAB_HZ / 10;
	output_parked(lab.w, lab.tsc);
	expect(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .iface = SERVERS,
	       .mac = near_mac);
}

/* The network could not deliver what the server sent: the error goes to that server. */
static void test_direct_icmp_error(void **state)
{
	const struct packet answer = {
		.from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK, .payload = 1400};

	near_begin();
	service(.vip = VIP ":80", .mode = "dr");
	direct(near_mac, .from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	direct(near_mac, .from = "10.1.9.9", .to = VIP, .icmp = 3, .code = 4, .rest = 1300,
	       .quote = &answer, .quoted = 28);
	expect_state(STATE_SYN_RECV);
	put(.from = "10.1.9.9", .to = VIP, .icmp = 3, .code = 4, .quote = &answer, .ttl = 1);
	put(.from = "10.1.9.9", .to = LOCAL, .icmp = 3, .code = 4, .quote = &answer);
	run();
	expect_drop(ttl_exceeded);
	expect_drop(icmp_error_malformed);
}

static void test_direct_icmp_error6(void **state)
{
	const struct packet answer = {
		.from = "[" VIP6 "]:80", .to = "[" CLIENT6 "]:4000", .tcp = ACK, .payload = 1200};

	near_begin();
	service(.vip = "[" VIP6 "]:80", .mode = "dr");
	direct(near_mac6, .from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = SYN);
	direct(near_mac6, .from = "2001:db8:1::9", .to = VIP6, .icmp = 2, .rest = 1280,
	       .quote = &answer);
}

/* The client uses its port again: a new connection, perhaps of another server. */
static void test_direct_port_again(void **state)
{
	near_begin();
	service(.vip = VIP ":80", .mode = "dr", .servers = {SERVER ":80", SERVER_B ":80"});
	direct(near_mac_b, .from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	direct(near_mac_b, .from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	direct(near_mac_b, .from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
	direct(near_mac_b, .from = CLIENT ":4000", .to = VIP ":80", .tcp = FIN | ACK);
	direct(near_mac, .from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	expect_state(STATE_SYN_RECV);
	assert_int_equal(lab_sessions(), 1);
}

static void test_direct_expires(void **state)
{
	near_begin();
	service(.vip = VIP ":80", .mode = "dr");
	direct(near_mac, .from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	assert_int_equal(lab.w->stats.half_open, 1);
	lab_advance(timeouts_default.seconds[STATE_SYN_RECV] + 2);
	assert_int_equal(lab_sessions(), 0);
	direct(near_mac, .from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	direct(near_mac, .from = CLIENT ":4000", .to = VIP ":80", .tcp = FIN | ACK);
	lab_advance(timeouts_default.seconds[STATE_FIN_WAIT] + 2);
	assert_int_equal(lab_sessions(), 0);
}

/* In the middle of a connection that is not known: to the server that its hash gives it. */
static void test_hash_of_unknown(void **state)
{
	uint8_t first[64];
	unsigned int length;

	near_begin();
	service(.vip = VIP ":80", .mode = "dr", .hash_unknown = true,
		.servers = {SERVER ":80", SERVER_B ":80"});
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = 100);
	run();
	expect_state(STATE_ESTABLISHED);
	memcpy(first, lab_next_sent(1, &length), sizeof(first));
	// It is the same server without the session, and in another order of servers.
	for (unsigned int i = 0; i < 3; i++) {
		lab_flush();
		service(.vip = VIP ":80", .mode = "dr", .hash_unknown = true,
			.servers = {SERVER_B ":80", SERVER ":80"});
		put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = 100);
		run();
		assert_memory_equal(first, lab_next_sent(1, &length), 6);
	}
}

/* A full table: what has no session goes by the hash, packet for packet to the same server. */
static void test_hash_when_full(void **state)
{
	unsigned int length, to[2] = {0, 0};

	lab_resize(1, 1, 1, 100);
	near_begin();
	service(.vip = VIP ":80", .mode = "dr", .hash_unknown = true,
		.servers = {SERVER ":80", SERVER_B ":80"});
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
	run();
	lab_forget();
	for (unsigned int i = 0; i < 20; i++) {
		uint8_t mac = 0;

		for (unsigned int k = 0; k < 3; k++) {
			put(.from = CLIENT, .from_port = 5000 + i, .to = VIP ":80",
			    .tcp = k == 0 ? SYN : ACK);
			run();
			const uint8_t *frame = lab_next_sent(1, &length);

			assert_non_null(frame);
			assert_true(k == 0 || frame[5] == mac);
			mac = frame[5];
		}
		to[mac == 0x21]++;
	}
	assert_int_equal(lab_sessions(), 1);
	assert_int_equal(lab.w->stats.without_session, 60);
	assert_true(to[0] > 0 && to[1] > 0);
}

static void test_direct_mss(void **state)
{
	near_begin();
	service(.vip = VIP ":80", .mode = "dr", .mss = 1200);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, OPTIONS("\x02\x04\x05\xb4"));
	run();
	expect(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, OPTIONS("\x02\x04\x04\xb0"),
	       .iface = SERVERS, .mac = near_mac);
}

/* Tunnels: every family inside every other, and every kind of header. */

static const struct tunnel_settings ipip = {.type = TUNNEL_IPIP};
static const struct tunnel_settings gre = {.type = TUNNEL_GRE};
static const struct tunnel_settings gre_sum = {.type = TUNNEL_GRE,
					       .checksum = TUNNEL_CHECKSUM_FULL};
static const struct tunnel_settings gue = {.type = TUNNEL_GUE, .port = 6080};
static const struct tunnel_settings gue_sum = {
	.type = TUNNEL_GUE, .port = 5555, .checksum = TUNNEL_CHECKSUM_FULL};
static const struct tunnel_settings gue_remote = {
	.type = TUNNEL_GUE, .port = 6080, .checksum = TUNNEL_CHECKSUM_REMOTE};

struct encapsulation {
	const struct tunnel_settings *settings;
	uint8_t protocol;
	enum packet_sum sum;
};

static const struct encapsulation encapsulations[] = {
	{&ipip, 0, SUM_GOOD},
	{&gre, IPPROTO_GRE, SUM_ZERO},
	{&gre_sum, IPPROTO_GRE, SUM_GOOD},
	{&gue, IPPROTO_UDP, SUM_ZERO},
	{&gue_sum, IPPROTO_UDP, SUM_GOOD},
	{&gue_remote, IPPROTO_UDP, SUM_ZERO},
};

struct way {
	const struct ends *ends;
	const char *server, *source, *to;
};
static const struct way ways[] = {
	{&ends4, SERVER ":80", LOCAL, SERVER},
	{&ends4, "[" SERVER6 "]:80", LOCAL6, SERVER6},
	{&ends6, SERVER ":80", LOCAL, SERVER},
	{&ends6, "[" SERVER6 "]:80", LOCAL6, SERVER6},
};

/* The outer packet for `inner`, as the `id`-th that the worker sends. */
static struct packet outer_of(const struct encapsulation *e, const struct way *way,
			      const struct packet *inner, uint16_t id)
{
	return (struct packet){
		.from = way->source,
		.to = way->to,
		.protocol = e->protocol,
		.to_port = e->settings->port,
		.sum = e->sum,
		.inner = inner,
		.ttl = 64,
		.tos = inner->tos,
		.id = strchr(way->to, ':') ? 0 : id,
	};
}

static void tunnel_pass(const struct encapsulation *e, const struct way *way, struct packet in,
			uint16_t id)
{
	struct packet inner = in, outer;
	unsigned int length;
	const uint8_t *frame;
	bool ipv6 = strchr(way->to, ':');

	in.from = inner.from = way->ends->client;
	in.to = inner.to = way->ends->vip;
	inner.ttl = PACKET_TTL - 1;
	lab_put(&in);
	run();
	outer = outer_of(e, way, &inner, id);
	// What is short of 1280 may be fragmented, as IPv6 has to get through.
	outer.may_fragment = strchr(way->ends->vip, '[') && in.payload <= 1220;
	outer.iface = SERVERS;
	if (e->protocol == IPPROTO_UDP) { // the flow's hash chooses the source port
		frame = lab_peek_sent(1, &length);
		assert_non_null(frame);
		outer.from_port = frame[14 + (ipv6 ? 40 : 20)] << 8 |
				  frame[14 + (ipv6 ? 40 : 20) + 1];
		assert_true(outer.from_port >= 0xc000);
	}
	lab_expect(&outer, __FILE__, __LINE__);
}

static void test_tunnels(void **state)
{
	for (unsigned int i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		for (unsigned int k = 0; k < sizeof(encapsulations) / sizeof(*encapsulations);
		     k++) {
			const struct encapsulation *e = &encapsulations[k];
			uint16_t id = lab.w->tunnel_id;

			service(.vip = ways[i].ends->vip, .mode = "tunnel", .tunnel = e->settings,
				.servers = {ways[i].server});
			tunnel_pass(e, &ways[i], (struct packet){.tcp = SYN}, id + 1);
			tunnel_pass(e, &ways[i], (struct packet){.tcp = ACK, .payload = 3}, id + 2);
			expect_state(STATE_ESTABLISHED);
			tunnel_pass(e, &ways[i],
				    (struct packet){.tcp = ACK, .payload = 1380, .tos = 0xbb},
				    id + 3);
			// Two segments: a checksum has to go over both.
			tunnel_pass(e, &ways[i],
				    (struct packet){.tcp = ACK, .payload = 1001, .split = 201},
				    id + 4);
			// What pads the frame is not the client's.
			tunnel_pass(e, &ways[i], (struct packet){.tcp = ACK, .tos = 3}, id + 5);
			tunnel_pass(e, &ways[i], (struct packet){.tcp = FIN | ACK}, id + 6);
			expect_state(STATE_FIN_WAIT);
			lab_flush();
			lab_withdraw(ways[i].ends->vip, IPPROTO_TCP);
		}
	}
}

static void test_tunnel_without_padding(void **state)
{
	const struct packet inner = {
		.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .ttl = PACKET_TTL - 1};

	service(.vip = VIP ":80", .mode = "tunnel");
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .pad = 6);
	run();
	expect(.from = LOCAL, .to = SERVER, .inner = &inner, .ttl = 64, .id = 1);
}

/* An inner packet that may be fragmented makes an outer one that may. */
static void test_tunnel_dont_fragment(void **state)
{
	struct packet inner = {.from = CLIENT ":4000",
			       .to = VIP ":80",
			       .tcp = SYN,
			       .ttl = PACKET_TTL - 1,
			       .may_fragment = true};

	service(.vip = VIP ":80", .mode = "tunnel");
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .may_fragment = true);
	run();
	expect(.from = LOCAL, .to = SERVER, .inner = &inner, .ttl = 64, .id = 1,
	       .may_fragment = true);
}

static void tunnel_too_big(const struct tunnel_settings *settings, unsigned int overhead)
{
	const unsigned int fits = 1500 - overhead - 40;

	service(.vip = VIP ":80", .mode = "tunnel", .tunnel = settings);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = fits);
	run();
	lab_forget();
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = fits + 1);
	run();
	expect(.from = VIP, .to = CLIENT, .icmp = 3, .code = 4, .rest = 1500 - overhead, .ttl = 64,
	       .may_fragment = true, .quoted = 548,
	       .quote = &(struct packet){
		       .from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = fits + 1});
	expect_drop(too_big);
	lab_flush();
	lab_withdraw(VIP ":80", IPPROTO_TCP);
}

static void test_tunnel_too_big(void **state)
{
	tunnel_too_big(&ipip, 20);
	tunnel_too_big(&gre, 24);
	tunnel_too_big(&gre_sum, 28);
	tunnel_too_big(&gue, 32);
}

/* IPv6 knows no MTU below 1280: less is said to nobody. */
static void test_tunnel_too_big6(void **state)
{
	service(.vip = "[" VIP6 "]:80", .mode = "tunnel");
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = SYN);
	run();
	lab_forget();
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = ACK, .payload = 1401);
	run();
	expect(.from = VIP6, .to = CLIENT6, .icmp = 2, .rest = 1460, .ttl = 64, .quoted = 1232,
	       .quote = &(struct packet){.from = "[" CLIENT6 "]:4000",
					 .to = "[" VIP6 "]:80",
					 .tcp = ACK,
					 .payload = 1401});
	expect_drop(too_big);
	nexthop_table[SERVER_NEXTHOP].mtu = 1280;
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = ACK, .payload = 1221);
	run();
	expect(.from = VIP6, .to = CLIENT6, .icmp = 2, .rest = 1280, .ttl = 64, .quoted = 1232,
	       .quote = &(struct packet){.from = "[" CLIENT6 "]:4000",
					 .to = "[" VIP6 "]:80",
					 .tcp = ACK,
					 .payload = 1221});
	expect_drop(too_big);
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = ACK, .payload = 1220);
	run();
	assert_int_equal(lab.w->stats.fragments_made, 1); // test_tunnel_path.c looks at them
	lab_forget();
	nexthop_table[SERVER_NEXTHOP].mtu = 1500;
}

static void test_tunnel_mss(void **state)
{
	const struct packet inner = {.from = CLIENT ":4000",
				     .to = VIP ":80",
				     .tcp = SYN,
				     .ttl = PACKET_TTL - 1,
				     OPTIONS("\x02\x04\x05\xa0")};

	service(.vip = VIP ":80", .mode = "tunnel");
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, OPTIONS("\x02\x04\x05\xb4"));
	run();
	expect(.from = LOCAL, .to = SERVER, .inner = &inner, .ttl = 64, .id = 1);
}

static void test_tunnel_no_source(void **state)
{
	((struct source_table *)source_table)->v4[SERVERS] = 0;
	service(.vip = VIP ":80", .mode = "tunnel");
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	run();
	expect_drop(tunnel_no_source);
}

static void test_tunnel_icmp_error(void **state)
{
	const struct packet answer = {
		.from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK, .payload = 1400};
	const struct packet inner = {.from = "10.1.9.9",
				     .to = VIP,
				     .icmp = 3,
				     .code = 4,
				     .rest = 1300,
				     .quote = &answer,
				     .quoted = 28,
				     .ttl = PACKET_TTL - 1};

	service(.vip = VIP ":80", .mode = "tunnel");
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	run();
	lab_forget();
	put(.from = "10.1.9.9", .to = VIP, .icmp = 3, .code = 4, .rest = 1300, .quote = &answer,
	    .quoted = 28);
	run();
	expect(.from = LOCAL, .to = SERVER, .inner = &inner, .ttl = 64, .id = 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_direct4),
		lab_test(test_direct6),
		lab_test(test_direct_udp),
		lab_test(test_direct_has_one_direction),
		lab_test(test_direct_spreads),
		lab_test(test_direct_time_to_live),
		lab_test(test_direct_too_big),
		lab_test(test_direct_off_link),
		lab_test(test_direct_parked),
		lab_test(test_direct_icmp_error),
		lab_test(test_direct_icmp_error6),
		lab_test(test_direct_port_again),
		lab_test(test_direct_expires),
		lab_test(test_direct_mss),
		lab_test(test_hash_of_unknown),
		lab_test(test_hash_when_full),
		lab_test(test_tunnels),
		lab_test(test_tunnel_without_padding),
		lab_test(test_tunnel_dont_fragment),
		lab_test(test_tunnel_too_big),
		lab_test(test_tunnel_too_big6),
		lab_test(test_tunnel_mss),
		lab_test(test_tunnel_no_source),
		lab_test(test_tunnel_icmp_error),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/* Tunnels on ways that are narrower than the first link: errors about outer packets, and pieces. */
#include "lab.h"

#include "tunnel/path_mtu.h"
#include "tunnel/template.h"

#define ROUTER	"192.168.9.9"
#define ROUTER6 "2001:db8:2::9"

static const struct tunnel_settings gre_sum = {.type = TUNNEL_GRE,
					       .checksum = TUNNEL_CHECKSUM_FULL};
static const struct tunnel_settings gue = {.type = TUNNEL_GUE, .port = 6080};

/* A client and a server, each of one family or the other, and what is between them. */
struct way {
	const struct tunnel_settings *settings; // NULL: IPIP
	const struct ends *ends;
	const char *server, *source, *to, *router;
	uint8_t protocol;
	unsigned int headers;
};

static const struct way ways[] = {
	{NULL, &ends4, SERVER ":80", LOCAL, SERVER, ROUTER, 0, 20},
	{NULL, &ends6, SERVER ":80", LOCAL, SERVER, ROUTER, 0, 20},
	{NULL, &ends4, "[" SERVER6 "]:80", LOCAL6, SERVER6, ROUTER6, 0, 40},
	{NULL, &ends6, "[" SERVER6 "]:80", LOCAL6, SERVER6, ROUTER6, 0, 40},
	{&gre_sum, &ends4, SERVER ":80", LOCAL, SERVER, ROUTER, IPPROTO_GRE, 28},
	{&gre_sum, &ends6, "[" SERVER6 "]:80", LOCAL6, SERVER6, ROUTER6, IPPROTO_GRE, 48},
	{&gue, &ends4, SERVER ":80", LOCAL, SERVER, ROUTER, IPPROTO_UDP, 32},
	{&gue, &ends6, "[" SERVER6 "]:80", LOCAL6, SERVER6, ROUTER6, IPPROTO_UDP, 52},
};
enum { WAYS = sizeof(ways) / sizeof(*ways) };

static bool is_ipv6(const char *text)
{
	return strchr(text, ':') != NULL && strchr(text, ':') != strrchr(text, ':');
}

static void way_open(const struct way *way)
{
	service(.vip = way->ends->vip, .mode = "tunnel", .tunnel = way->settings,
		.servers = {way->server});
	put(.from = way->ends->client, .to = way->ends->vip, .tcp = SYN);
	run();
	lab_forget();
}

static void way_close(const struct way *way)
{
	lab_flush();
	lab_withdraw(way->ends->vip, IPPROTO_TCP);
}

/* The outer packet as a router has seen it, with a packet of the client's. */
static struct packet outer_of(const struct way *way, const struct packet *inner)
{
	return (struct packet){
		.from = way->source,
		.to = way->to,
		.protocol = way->protocol,
		.from_port = way->protocol == IPPROTO_UDP ? 0xc001 : 0,
		.to_port = way->protocol == IPPROTO_UDP ? 6080 : 0,
		.sum = way->protocol == IPPROTO_UDP ? SUM_ZERO : SUM_GOOD,
		.inner = inner,
	};
}

static struct packet inner_of(const struct way *way, unsigned int payload)
{
	return (struct packet){.from = way->ends->client,
			       .to = way->ends->vip,
			       .tcp = ACK,
			       .payload = payload,
			       .ttl = PACKET_TTL - 1};
}

/* "Too big" about that packet, by the router; `quoted` bytes of it. */
static void router_says(const struct way *way, const struct packet *inner, unsigned int mtu,
			unsigned int quoted)
{
	struct packet outer = outer_of(way, inner);
	bool ipv6 = is_ipv6(way->to);

	put(.from = way->router, .to = way->source, .icmp = ipv6 ? 2 : 3, .code = ipv6 ? 0 : 4,
	    .rest = mtu, .quote = &outer, .quoted = quoted);
	run();
}

static void expect_told(const struct way *way, const struct packet *inner, unsigned int mtu,
			unsigned int quoted)
{
	bool ipv6 = is_ipv6(way->ends->vip);

	expect(.from = ipv6 ? VIP6 : VIP, .to = ipv6 ? CLIENT6 : CLIENT, .icmp = ipv6 ? 2 : 3,
	       .code = ipv6 ? 0 : 4, .rest = mtu, .ttl = 64, .may_fragment = true, .quote = inner,
	       .quoted = quoted);
	expect_drop(too_big);
}

/* The client hears at once, and from then on by weir itself; ten minutes later it may try again. */
static void test_too_big_is_learned(void **state)
{
	for (unsigned int i = 0; i < WAYS; i++) {
		const struct way *way = &ways[i];
		bool ipv6 = is_ipv6(way->ends->vip);
		unsigned int headers = ipv6 ? 60 : 40, left = 1400 - way->headers;
		struct packet inner = inner_of(way, 1500 - way->headers - headers);
		struct packet sent;

		way_open(way);
		lab_put(&inner);
		run();
		lab_forget();
		router_says(way, &inner, 1400, 548);
		expect_told(way, &inner, left, 548 - way->headers);
		path_mtu_gather(&lab.w->reports, 1000);
		sent = inner_of(way, left - headers + 1);
		lab_put(&sent);
		run();
		expect_told(way, &sent, left, ipv6 ? 1232 : 548);
		sent.payload--;
		lab_put(&sent);
		run();
		assert_true(lab.w->stats.sent > 0);
		lab_forget();
		path_mtu_age(1000 + PATH_MTU_SECONDS - 1);
		sent.payload++;
		lab_put(&sent);
		run();
		expect_told(way, &sent, left, ipv6 ? 1232 : 548);
		path_mtu_age(1000 + PATH_MTU_SECONDS);
		lab_put(&sent);
		run();
		lab_forget();
		way_close(way);
	}
}

/* Routers that quote no more than they must: nobody can be told at once, but it is learned. */
static void test_short_quote(void **state)
{
	for (unsigned int i = 0; i < WAYS; i++) {
		const struct way *way = &ways[i];
		bool ipv6 = is_ipv6(way->ends->vip);
		unsigned int headers = ipv6 ? 60 : 40, left = 1400 - way->headers;
		struct packet inner = inner_of(way, 1500 - way->headers - headers);

		way_open(way);
		router_says(way, &inner, 1400, is_ipv6(way->to) ? 48 : 28);
		expect_drop(tunnel_error);
		path_mtu_gather(&lab.w->reports, 1000);
		inner.ttl = 0;
		lab_put(&inner);
		run();
		expect_told(way, &inner, left, ipv6 ? 1232 : 548);
		path_mtu_age(1000 + PATH_MTU_SECONDS);
		way_close(way);
	}
}

/* No less than any way has; IPv6 senders hear of no less than 1280. */
static void test_small_mtu(void **state)
{
	struct packet inner = inner_of(&ways[0], 1400), inner6 = inner_of(&ways[1], 1300);

	way_open(&ways[0]);
	way_open(&ways[1]);
	router_says(&ways[0], &inner, 68, 548);
	expect_told(&ways[0], &inner, PATH_MTU_LEAST_IPV4 - 20, 528);
	// An old router, which says none: RFC 1191's guess.
	router_says(&ways[0], &inner, 0, 548);
	expect_told(&ways[0], &inner, 1006 - 20, 528);
	router_says(&ways[1], &inner6, 900, 548);
	expect_told(&ways[1], &inner6, 1280, 528);
	// What is no larger than the MTU that is left was not too large.
	inner.payload = 500;
	router_says(&ways[0], &inner, 1400, 548);
	expect_drop(tunnel_error);
}

/* A route, a server or a port that is not there: to a client it is the host. */
static void test_unreachable(void **state)
{
	static const struct {
		uint8_t icmp, code, icmp6, code6;
	} rows[] = {{3, 0, 1, 0}, {3, 1, 1, 3}, {3, 2, 4, 1}, {3, 3, 1, 4}, {11, 0, 3, 0}};

	for (unsigned int i = 0; i < WAYS; i++) {
		const struct way *way = &ways[i];
		bool ipv6 = is_ipv6(way->ends->vip), outer6 = is_ipv6(way->to);
		struct packet inner = inner_of(way, 100), outer = outer_of(way, &inner);

		way_open(way);
		for (unsigned int k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
			put(.from = way->router, .to = way->source,
			    .icmp = outer6 ? rows[k].icmp6 : rows[k].icmp,
			    .code = outer6 ? rows[k].code6 : rows[k].code, .quote = &outer);
			run();
			expect(.from = ipv6 ? VIP6 : VIP, .to = ipv6 ? CLIENT6 : CLIENT,
			       .icmp = ipv6 ? 1 : 3, .code = ipv6 ? 3 : 1, .ttl = 64,
			       .may_fragment = true, .quote = &inner);
			expect_drop(tunnel_error);
		}
		assert_int_equal(lab_sessions(), 1);
		way_close(way);
	}
}

/* What is about no tunnel of ours, or only looks so. */
static void test_not_ours(void **state)
{
	const struct way *way = &ways[0];
	struct packet inner = inner_of(way, 1400), outer = outer_of(way, &inner);

	way_open(way);
	// Another end: Linux may have a tunnel there.
	outer.to = SERVER_B;
	fake_route(LOCAL, NEXTHOP_LOCAL, SERVERS);
	put(.from = ROUTER, .to = LOCAL, .icmp = 3, .code = 4, .rest = 1300, .quote = &outer);
	run();
	expect_punt(PUNT_ICMP, .from = ROUTER, .to = LOCAL, .icmp = 3, .code = 4, .rest = 1300,
		    .quote = &outer);
	outer.to = SERVER;
	put(.from = ROUTER, .to = LOCAL, .icmp = 3, .code = 4, .rest = 1300, .quote = &outer,
	    .sum = SUM_BROKEN);
	run();
	expect_drop(icmp_checksum);
	inner.from = CLIENT ":4001";
	put(.from = ROUTER, .to = LOCAL, .icmp = 3, .code = 4, .rest = 1300, .quote = &outer);
	run();
	expect_drop(icmp_error_no_session);
}

/* The error comes to one worker, the session is another's. */
static void test_handed_over(void **state)
{
	const struct way *way = &ways[0];
	struct packet inner = inner_of(way, 1400), outer = outer_of(way, &inner);
	uint64_t owner = 0;

	lab_resize(2, 0, 0, 0);
	service(.vip = VIP ":80", .mode = "tunnel");
	for (uint16_t port = 4000; owner == 0; port++) {
		put(.from = CLIENT, .from_port = port, .to = VIP ":80", .tcp = SYN);
		run();
		lab_take_over(1);
		lab_forget();
		lab.w = &lab.worker[0];
		owner = lab.worker[1].stats.sessions;
		inner.from = CLIENT;
		inner.from_port = port;
	}
	put(.from = ROUTER, .to = LOCAL, .icmp = 3, .code = 4, .rest = 1300, .quote = &outer);
	run();
	lab_take_over(1);
	expect(.from = VIP, .to = CLIENT, .icmp = 3, .code = 4, .rest = 1280, .ttl = 64,
	       .may_fragment = true, .quote = &inner, .quoted = 548);
	expect_drop(too_big);
}

/* IPv4 that may be cut is cut before it enters, so that each piece is a packet of the tunnel. */
static void test_cut_inside(void **state)
{
	for (unsigned int i = 0; i < WAYS; i++) {
		const struct way *way = &ways[i];

		if (is_ipv6(way->ends->vip))
			continue;
		uint64_t made = lab.w->stats.fragments_made;

		way_open(way);
		put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = 1460, .id = 77,
		    .may_fragment = true);
		run();
		expect_pieces(way->headers, 1500, .from = CLIENT ":4000", .to = VIP ":80",
			      .tcp = ACK, .payload = 1460, .id = 77, .may_fragment = true,
			      .ttl = PACKET_TTL - 1);
		// Also where only the way further on is known to be narrow.
		for (uint32_t server = 1; server <= template_highest(); server++)
			template_table[server].mtu = 700;
		put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = 1460, .id = 78,
		    .may_fragment = true, .split = 300);
		run();
		expect_pieces(way->headers, 700, .from = CLIENT ":4000", .to = VIP ":80",
			      .tcp = ACK, .payload = 1460, .id = 78, .may_fragment = true,
			      .ttl = PACKET_TTL - 1);
		assert_int_equal(lab.w->stats.fragments_made - made, 3);
		way_close(way);
	}
}

/* IPv6 up to 1280 has to get through: the outer packet, which is ours, is cut. */
static void test_cut_outside(void **state)
{
	struct packet inner6 = inner_of(&ways[1], 1220);
	struct packet outer = outer_of(&ways[1], &inner6), outer6 = outer_of(&ways[3], &inner6);

	nexthop_table[SERVER_NEXTHOP].mtu = 1280;
	for (unsigned int i = 1; i < 4; i += 2) {
		way_open(&ways[i]);
		put(.from = ends6.client, .to = ends6.vip, .tcp = ACK, .payload = 1220);
		run();
		if (i == 1) {
			outer.may_fragment = true;
			outer.id = lab.w->tunnel_id;
			outer.ttl = 64;
			lab_expect_pieces(&outer, 0, 1280, __FILE__, __LINE__);
		} else {
			unsigned int length;
			const uint8_t *frame = lab_peek_sent(1, &length);

			outer6.ttl = 64;
			outer6.flow = (frame[15] & 0xf) << 16 | frame[16] << 8 | frame[17];
			lab_expect_pieces(&outer6, 0, 1280, __FILE__, __LINE__);
		}
		way_close(&ways[i]);
	}
	nexthop_table[SERVER_NEXTHOP].mtu = 1500;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_too_big_is_learned), lab_test(test_short_quote),
		lab_test(test_small_mtu),	   lab_test(test_unreachable),
		lab_test(test_not_ours),	   lab_test(test_handed_over),
		lab_test(test_cut_inside),	   lab_test(test_cut_outside),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * SNAT: what hosts behind dpdk1 send to the outside, behind dpdk0, leaves from a WAN address; what
 * comes back reaches them; ICMP echoes and errors too.
 */
#include "lab.h"

#include "io/rcu.h"
#include "path/nat_log.h"

#define INSIDE	  "192.168.7.1"
#define INSIDE_B  "192.168.7.2"
#define OUTSIDE	  "10.1.0.9"
#define WAN	  "10.0.0.50"
#define WAN_B	  "10.0.0.51"
#define INSIDE6	  "2001:db8:2::7"
#define OUTSIDE6  "2001:db8:1::9"
#define WAN6	  "2001:db8::50"
#define ROUTER	  "10.1.9.9"
#define ROUTER_IN "192.168.9.9"

enum { ECHO = 8, ECHO_REPLY = 0, ECHO6 = 128, ECHO6_REPLY = 129 };

static void wan_begin(void)
{
	fake_route(WAN "/32", NEXTHOP_LOCAL, 0);
	fake_route(WAN_B "/32", NEXTHOP_LOCAL, 0);
	fake_route(WAN6 "/128", NEXTHOP_LOCAL, 0);
}

#define MATCH4(protocol) protocol ",from=192.168.7.0/24,oif=dpdk0"
#define MATCH6(protocol) protocol ",from=2001:db8:2::/64,oif=dpdk0"

static void snat_carries(const char *match, const char *wan, const char *inside,
			 const char *outside, const char *wan_any, const char *wan_port,
			 uint8_t tcp)
{
	wan_begin();
	service(.vip = match, .servers = {wan});
	exchange({{.from = inside, .to = outside, .tcp = tcp ? SYN : 0, .ttl = 9},
		  {.from = wan_any, .to = outside, .tcp = tcp ? SYN : 0, .ttl = 8}},
		 {{.from = outside, .to = wan_port, .tcp = tcp ? SYN | ACK : 0, .ttl = 9},
		  {.from = outside, .to = inside, .tcp = tcp ? SYN | ACK : 0, .ttl = 8}},
		 {{.from = inside, .to = outside, .tcp = tcp ? ACK : 0, .payload = 1000},
		  {.from = wan_port,
		   .to = outside,
		   .tcp = tcp ? ACK : 0,
		   .payload = 1000,
		   .ttl = 63}},
		 {{.from = outside, .to = wan_port, .tcp = tcp ? ACK : 0, .payload = 7, .tos = 3},
		  {.from = outside,
		   .to = inside,
		   .tcp = tcp ? ACK : 0,
		   .payload = 7,
		   .tos = 3,
		   .ttl = 63}});
	expect_state(tcp ? STATE_ESTABLISHED : STATE_UDP_NORMAL);
	lab_check();
	lab_flush();
	lab_check();
}

static void test_tcp4(void **state)
{
	snat_carries(MATCH4("tcp"), WAN ":0", INSIDE ":4000", OUTSIDE ":443", WAN ":*", WAN ":@",
		     ACK);
}

static void test_udp4(void **state)
{
	snat_carries(MATCH4("udp"), WAN ":0", INSIDE ":4000", OUTSIDE ":53", WAN ":*", WAN ":@", 0);
}

static void test_tcp6(void **state)
{
	snat_carries(MATCH6("tcp"), "[" WAN6 "]:0", "[" INSIDE6 "]:4000", "[" OUTSIDE6 "]:443",
		     "[" WAN6 "]:*", "[" WAN6 "]:@", ACK);
}

static void test_udp6(void **state)
{
	snat_carries(MATCH6("udp"), "[" WAN6 "]:0", "[" INSIDE6 "]:4000", "[" OUTSIDE6 "]:53",
		     "[" WAN6 "]:*", "[" WAN6 "]:@", 0);
}

/* The identifier that stands for the port of the only session. */
static uint16_t identifier_of(bool ipv6)
{
	struct session *s = lab_session();

	return rte_be_to_cpu_16(ipv6 ? session_key6(s, 1)->destination_port
				     : s->key4[1].destination_port);
}

static void echo_carries(bool ipv6, const char *inside, const char *outside, const char *wan)
{
	uint8_t protocol = ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	uint8_t ask = ipv6 ? ECHO6 : ECHO, answer = ipv6 ? ECHO6_REPLY : ECHO_REPLY;
	uint16_t id;

	put(.from = inside, .to = outside, .icmp = ask, .rest = 0x12340001, .payload = 56,
	    .ttl = 9);
	run();
	expect_state(STATE_ICMP_NORMAL);
	id = identifier_of(ipv6);
	assert_int_not_equal(id, 0x1234);
	expect(.from = wan, .to = outside, .icmp = ask, .rest = (uint32_t)id << 16 | 1,
	       .payload = 56, .ttl = 8);
	exchange({{.from = outside,
		   .to = wan,
		   .icmp = answer,
		   .protocol = protocol,
		   .rest = (uint32_t)id << 16 | 1,
		   .payload = 56},
		  {.from = outside,
		   .to = inside,
		   .icmp = answer,
		   .protocol = protocol,
		   .rest = 0x12340001,
		   .payload = 56,
		   .ttl = 63}},
		 {{.from = inside, .to = outside, .icmp = ask, .rest = 0x12340002, .payload = 57},
		  {.from = wan,
		   .to = outside,
		   .icmp = ask,
		   .rest = (uint32_t)id << 16 | 2,
		   .payload = 57,
		   .ttl = 63}});
	assert_int_equal(lab_sessions(), 1);
	lab_check();
	lab_advance(59);
	assert_int_equal(lab_sessions(), 1);
	lab_advance(3);
	assert_int_equal(lab_sessions(), 0);
	lab_check();
}

static void test_echo4(void **state)
{
	wan_begin();
	service(.vip = MATCH4("icmp"), .servers = {WAN ":0"});
	echo_carries(false, INSIDE, OUTSIDE, WAN);
}

static void test_echo6(void **state)
{
	wan_begin();
	service(.vip = MATCH6("icmpv6"), .servers = {"[" WAN6 "]:0"});
	echo_carries(true, INSIDE6, OUTSIDE6, WAN6);
}

/* One match for all protocols; with ports, for those that have some. */
static void test_all_protocols(void **state)
{
	static const char init[] = "\1\0\0\x14\0\0\0\1\0\0\xff\xff\0\1\0\1\0\0\0\1";

	wan_begin();
	service(.vip = "from=192.168.7.0/24,oif=dpdk0", .servers = {WAN ":0"});
	put(.from = INSIDE ":4000", .to = OUTSIDE ":80", .tcp = SYN);
	run();
	expect(.from = WAN ":*", .to = OUTSIDE ":80", .tcp = SYN);
	put(.from = INSIDE ":4000", .to = OUTSIDE ":80");
	run();
	expect(.from = WAN ":*", .to = OUTSIDE ":80");
	put(.from = INSIDE ":4000", .to = OUTSIDE ":80", CHUNKS(init), .protocol = IPPROTO_SCTP);
	run();
	expect(.from = WAN ":*", .to = OUTSIDE ":80", CHUNKS(init), .protocol = IPPROTO_SCTP);
	lab_flush();
	put(.from = INSIDE, .to = OUTSIDE, .icmp = ECHO, .rest = 0x12340001);
	run();
	expect(.from = WAN, .to = OUTSIDE, .icmp = ECHO,
	       .rest = (uint32_t)identifier_of(false) << 16 | 1);
	// Another one, with ports.
	service(.vip = "from=192.168.6.0/24,to=0.0.0.0:80-90", .servers = {WAN_B ":0"});
	put(.from = "192.168.6.1", .to = OUTSIDE, .icmp = ECHO, .rest = 0x00500001);
	run();
	expect_drop(not_for_us);
	put(.from = "192.168.6.1:4000", .to = OUTSIDE ":80");
	run();
	expect(.from = WAN_B ":*", .to = OUTSIDE ":80");
	// The same ranges with a protocol come first.
	service(.vip = "udp,from=192.168.7.0/24,oif=dpdk0", .servers = {WAN_B ":0"});
	put(.from = INSIDE_B ":4000", .to = OUTSIDE ":80");
	put(.from = INSIDE_B ":4000", .to = OUTSIDE ":80", .tcp = SYN);
	run();
	expect(.from = WAN_B ":*", .to = OUTSIDE ":80");
	expect(.from = WAN ":*", .to = OUTSIDE ":80", .tcp = SYN);
	lab_check();
}

/* Two hosts with the same identifier are told apart. */
static void test_echoes_of_two_hosts(void **state)
{
	uint16_t first;

	wan_begin();
	service(.vip = MATCH4("icmp"), .servers = {WAN ":0"});
	put(.from = INSIDE, .to = OUTSIDE, .icmp = ECHO, .rest = 0x00070001);
	run();
	first = identifier_of(false);
	expect(.from = WAN, .to = OUTSIDE, .icmp = ECHO, .rest = (uint32_t)first << 16 | 1);
	lab_next_port(20000);
	put(.from = INSIDE_B, .to = OUTSIDE, .icmp = ECHO, .rest = 0x00070001);
	run();
	expect(.from = WAN, .to = OUTSIDE, .icmp = ECHO, .rest = 20000 << 16 | 1);
	put(.from = OUTSIDE, .to = WAN, .icmp = ECHO_REPLY, .protocol = IPPROTO_ICMP,
	    .rest = 20000 << 16 | 1);
	run();
	expect(.from = OUTSIDE, .to = INSIDE_B, .icmp = ECHO_REPLY, .protocol = IPPROTO_ICMP,
	       .rest = 0x00070001);
	lab_check();
}

/* Pings to weir itself and replies that nobody asked for go their way as without SNAT. */
static void test_echoes_for_linux(void **state)
{
	wan_begin();
	service(.vip = MATCH4("icmp"), .servers = {WAN ":0"});
	put(.from = OUTSIDE, .to = WAN, .icmp = ECHO, .rest = 0x00070001);
	put(.from = INSIDE, .to = WAN, .icmp = ECHO, .rest = 0x00070001);
	put(.from = INSIDE, .to = VIP, .icmp = ECHO, .rest = 0x00070001);
	put(.from = OUTSIDE, .to = WAN, .icmp = ECHO_REPLY, .protocol = IPPROTO_ICMP,
	    .rest = 0x00070001);
	run();
	expect_punt(PUNT_ICMP, .from = OUTSIDE, .to = WAN, .icmp = ECHO, .rest = 0x00070001);
	expect_punt(PUNT_ICMP, .from = INSIDE, .to = WAN, .icmp = ECHO, .rest = 0x00070001);
	expect_punt(PUNT_ICMP, .from = INSIDE, .to = VIP, .icmp = ECHO, .rest = 0x00070001);
	expect_punt(PUNT_ICMP, .from = OUTSIDE, .to = WAN, .icmp = ECHO_REPLY,
		    .protocol = IPPROTO_ICMP, .rest = 0x00070001);
	// A reply begins nothing; neither does what is no echo, nor a host that the match has not.
	put(.from = INSIDE, .to = OUTSIDE, .icmp = ECHO_REPLY, .protocol = IPPROTO_ICMP, .rest = 1);
	put(.from = INSIDE, .to = OUTSIDE, .icmp = 13, .rest = 1);
	put(.from = "192.168.8.1", .to = OUTSIDE, .icmp = ECHO, .rest = 1);
	run();
	expect_drops(not_for_us, 3);
	assert_int_equal(lab_sessions(), 0);
}

/* Linux pings from the WAN address while a host inside does: each has its own answers. */
static void test_linux_pings_from_the_wan_address(void **state)
{
	wan_begin();
	service(.vip = MATCH4("icmp"), .servers = {WAN ":0"});
	put(.from = WAN, .to = OUTSIDE, .icmp = ECHO, .rest = 0x00070001, .kernel = true,
	    .iface = CLIENTS);
	run();
	expect(.from = WAN, .to = OUTSIDE, .icmp = ECHO, .rest = 0x00070001, .ttl = 64);
	put(.from = INSIDE, .to = OUTSIDE, .icmp = ECHO, .rest = 0x00070001);
	run();
	lab_forget();
	assert_int_equal(lab_sessions(), 1);
	put(.from = OUTSIDE, .to = WAN, .icmp = ECHO_REPLY, .protocol = IPPROTO_ICMP,
	    .rest = 0x00070001);
	run();
	expect_punt(PUNT_ICMP, .from = OUTSIDE, .to = WAN, .icmp = ECHO_REPLY,
		    .protocol = IPPROTO_ICMP, .rest = 0x00070001);
	// What Linux answers is no request.
	put(.from = WAN, .to = OUTSIDE, .icmp = ECHO_REPLY, .protocol = IPPROTO_ICMP,
	    .rest = 0x00090001, .kernel = true, .iface = CLIENTS);
	run();
	expect(.from = WAN, .to = OUTSIDE, .icmp = ECHO_REPLY, .protocol = IPPROTO_ICMP,
	       .rest = 0x00090001, .ttl = 64);
	assert_int_equal(lab_sessions(), 1);
	lab_check();
}

static void errors_pass(const struct packet *sent, const struct packet *known,
			const struct packet *answer, const struct packet *origin)
{
	// A router outside about what weir sent, and one inside about what came back.
	put(.from = ROUTER, .to = WAN, .icmp = 11, .quote = sent);
	put(.from = ROUTER, .to = WAN, .icmp = 3, .code = 4, .rest = 1400, .quote = sent,
	    .quoted = 28);
	put(.from = ROUTER_IN, .to = OUTSIDE, .icmp = 3, .code = 1, .quote = answer);
	run();
	expect(.from = ROUTER, .to = INSIDE, .icmp = 11, .quote = known);
	expect(.from = ROUTER, .to = INSIDE, .icmp = 3, .code = 4, .rest = 1400, .quote = known,
	       .quoted = 28);
	expect(.from = WAN, .to = OUTSIDE, .icmp = 3, .code = 1, .quote = origin);
	lab_check();
}

static void test_errors_about_tcp_and_udp(void **state)
{
	for (uint8_t tcp = 0; tcp <= ACK; tcp += ACK) {
		wan_begin();
		service(.vip = tcp ? MATCH4("tcp") : MATCH4("udp"), .servers = {WAN ":0"});
		put(.from = INSIDE ":4000", .to = OUTSIDE ":53", .tcp = tcp ? SYN : 0);
		run();
		expect(.from = WAN ":*", .to = OUTSIDE ":53", .tcp = tcp ? SYN : 0);
		errors_pass(
			&(struct packet){
				.from = WAN ":@", .to = OUTSIDE ":53", .tcp = tcp, .ttl = 1},
			&(struct packet){
				.from = INSIDE ":4000", .to = OUTSIDE ":53", .tcp = tcp, .ttl = 1},
			&(struct packet){
				.from = OUTSIDE ":53", .to = INSIDE ":4000", .tcp = tcp, .ttl = 1},
			&(struct packet){
				.from = OUTSIDE ":53", .to = WAN ":@", .tcp = tcp, .ttl = 1});
		lab_flush();
	}
}

static void test_errors_about_echoes(void **state)
{
	uint32_t rest;

	wan_begin();
	service(.vip = MATCH4("icmp"), .servers = {WAN ":0"});
	put(.from = INSIDE, .to = OUTSIDE, .icmp = ECHO, .rest = 0x12340001, .payload = 56);
	run();
	rest = (uint32_t)identifier_of(false) << 16 | 1;
	lab_forget();
	errors_pass(
		&(struct packet){
			.from = WAN, .to = OUTSIDE, .icmp = ECHO, .rest = rest, .payload = 56},
		&(struct packet){.from = INSIDE,
				 .to = OUTSIDE,
				 .icmp = ECHO,
				 .rest = 0x12340001,
				 .payload = 56},
		&(struct packet){.from = OUTSIDE,
				 .to = INSIDE,
				 .icmp = ECHO_REPLY,
				 .protocol = IPPROTO_ICMP,
				 .rest = 0x12340001,
				 .payload = 56},
		&(struct packet){.from = OUTSIDE,
				 .to = WAN,
				 .icmp = ECHO_REPLY,
				 .protocol = IPPROTO_ICMP,
				 .rest = rest,
				 .payload = 56});
}

static void test_errors_about_echoes6(void **state)
{
	uint32_t rest;

	wan_begin();
	service(.vip = MATCH6("icmpv6"), .servers = {"[" WAN6 "]:0"});
	put(.from = INSIDE6, .to = OUTSIDE6, .icmp = ECHO6, .rest = 0x12340001, .payload = 56);
	run();
	rest = (uint32_t)identifier_of(true) << 16 | 1;
	lab_forget();
	put(.from = "2001:db8:1::77", .to = WAN6, .icmp = 3,
	    .quote = &(struct packet){
		    .from = WAN6, .to = OUTSIDE6, .icmp = ECHO6, .rest = rest, .payload = 56});
	run();
	expect(.from = "2001:db8:1::77", .to = INSIDE6, .icmp = 3,
	       .quote = &(struct packet){.from = INSIDE6,
					 .to = OUTSIDE6,
					 .icmp = ECHO6,
					 .rest = 0x12340001,
					 .payload = 56});
}

/* Malformed and truncated ICMP is dropped by name, or left to Linux, and makes no session. */
static void test_malformed_echoes(void **state)
{
	const struct packet foreign = {.from = INSIDE, .to = OUTSIDE, .icmp = ECHO, .rest = 1};
	const struct packet echo = {.from = WAN, .to = OUTSIDE, .icmp = ECHO, .rest = 0x00070001};

	wan_begin();
	service(.vip = MATCH4("icmp"), .servers = {WAN ":0"});
	service(.vip = MATCH6("icmpv6"), .servers = {"[" WAN6 "]:0"});
	put(.from = INSIDE, .to = OUTSIDE, .icmp = ECHO, .ip_length = 20);
	put(.from = INSIDE, .to = OUTSIDE, .icmp = ECHO, .ip_length = 27);
	run();
	expect_drops(icmp_short, 2);
	put(.from = INSIDE, .to = OUTSIDE, .icmp = ECHO, .code = 1,
	    .rest = 7); // no echo has a code
	run();
	expect_drop(not_for_us);
	// As fragments they follow the first, and one that is cut short in its header is none.
	put(.from = INSIDE, .to = OUTSIDE, .icmp = ECHO, .rest = 7, .fragment = 0x2000,
	    .ip_length = 24);
	put(.from = INSIDE, .to = OUTSIDE, .icmp = ECHO, .rest = 7, .fragment = 3, .payload = 80);
	run();
	expect_drop(fragment_malformed);
	lab_advance(2);
	expect_drop(fragment_expired);
	put(.from = ROUTER, .to = WAN, .icmp = 11, .quote = &echo, .quoted = 27);
	run();
	expect_drop(icmp_error_malformed);
	put(.from = ROUTER, .to = WAN, .icmp = 11, .quote = &echo, .sum = SUM_BROKEN);
	run();
	expect_drop(icmp_checksum);
	put(.from = ROUTER, .to = OUTSIDE, .icmp = 11, .quote = &foreign);
	run();
	expect_drop(icmp_error_no_session);
	assert_int_equal(lab_sessions(), 0);
}

/* A wrong checksum stays as wrong as it was: it is not for weir to mend. */
static void test_a_wrong_checksum_stays_wrong(void **state)
{
	wan_begin();
	service(.vip = MATCH4("icmp"), .servers = {WAN ":0"});
	put(.from = INSIDE, .to = OUTSIDE, .icmp = ECHO, .rest = 0x12340001, .payload = 9,
	    .sum = SUM_BROKEN);
	run();
	expect(.from = WAN, .to = OUTSIDE, .icmp = ECHO,
	       .rest = (uint32_t)identifier_of(false) << 16 | 1, .payload = 9, .sum = SUM_BROKEN,
	       .ttl = 63);
}

/* What no match takes is dropped: weir is no router. */
static void test_what_no_match_takes(void **state)
{
	wan_begin();
	service(.vip = "tcp,from=192.168.7.0/24:1024-65535,to=10.1.0.0/"
		       "24:80-443,iif=dpdk1,oif=dpdk0",
		.servers = {WAN ":0"});
	put(.from = "192.168.8.1:4000", .to = OUTSIDE ":80", .tcp = SYN); // source
	put(.from = INSIDE ":4000", .to = OUTSIDE ":444", .tcp = SYN);	  // destination's port
	put(.from = INSIDE ":1023", .to = OUTSIDE ":80", .tcp = SYN);	  // source's port
	put(.from = INSIDE ":4000", .to = "10.1.1.1:80", .tcp = SYN);	  // destination
	put(.from = INSIDE ":4000", .to = OUTSIDE ":80");		  // protocol
	put(.from = INSIDE ":4000", .to = OUTSIDE ":80", .tcp = SYN, .iface = CLIENTS); // in
	put(.from = INSIDE ":4000", .to = "203.0.113.1:80", .tcp = SYN);		// no route
	run();
	expect_drops(not_for_us, 7);
	put(.from = INSIDE ":4000", .to = OUTSIDE ":443", .tcp = SYN);
	run();
	expect(.from = WAN ":*", .to = OUTSIDE ":443", .tcp = SYN);
}

/* The route decides by which interface it leaves; weir's own addresses are no destination. */
static void test_routes(void **state)
{
	wan_begin();
	service(.vip = "udp,from=192.168.7.0/24", .servers = {WAN ":0"});
	put(.from = INSIDE ":4000", .to = "203.0.113.1:80");
	run();
	expect_drop(no_route);
	fake_route("203.0.113.0/24", NEXTHOP_BLACKHOLE, 0);
	put(.from = INSIDE ":4000", .to = "203.0.113.1:80");
	run();
	expect_drop(route_blackhole);
	put(.from = INSIDE ":4000", .to = WAN ":80");
	run();
	expect_drop(local_no_session);
	put(.from = INSIDE ":4000", .to = "169.254.1.1:80");
	run();
	expect_drop(not_for_us);
	// Back by the interface it came by: one arm.
	put(.from = INSIDE ":4000", .to = "192.168.9.1:80");
	run();
	expect(.from = WAN ":*", .to = "192.168.9.1:80");
	// A gateway that has not answered yet: nobody knows the interface.
	service(.vip = "udp,from=192.168.6.0/24,oif=dpdk0", .servers = {WAN ":0"});
	fake_route("203.0.113.0/24", NEXTHOP_UNRESOLVED, 0);
	put(.from = "192.168.6.1:4000", .to = "203.0.113.1:80");
	run();
	expect_drop(neighbour_unresolved);
}

/* A session follows the route to its destination when it changes. */
static void test_a_route_changes(void **state)
{
	wan_begin();
	service(.vip = "udp,from=192.168.7.0/24", .servers = {WAN ":0"});
	put(.from = INSIDE ":4000", .to = OUTSIDE ":53");
	run();
	expect(.from = WAN ":*", .to = OUTSIDE ":53");
	fake_route("10.1.0.0/16", SERVER_NEXTHOP, 0);
	fake_routes_changed();
	put(.from = INSIDE ":4000", .to = OUTSIDE ":53");
	run();
	expect(.from = WAN ":@", .to = OUTSIDE ":53", .iface = SERVERS);
}

/* TTL exceeded comes from the WAN address: weir is a hop, not the destination. */
static void test_ttl(void **state)
{
	const struct packet probe = {.from = INSIDE ":4000", .to = OUTSIDE ":33434", .ttl = 1};

	wan_begin();
	service(.vip = MATCH4("udp"), .servers = {WAN ":0"});
	lab_put(&probe);
	run();
	lab_expect_drop(DROP_ttl_exceeded, 1, __FILE__, __LINE__);
	expect(.from = WAN, .to = INSIDE, .icmp = 11, .quote = &probe, .ttl = 64,
	       .may_fragment = true);
}

/* The narrower match wins, in whatever order they were made. */
static void test_order(void **state)
{
	wan_begin();
	service(.vip = "udp,from=192.168.0.0/16", .servers = {WAN ":0"});
	service(.vip = "udp,from=192.168.7.2", .servers = {WAN_B ":0"});
	put(.from = INSIDE_B ":4000", .to = OUTSIDE ":53");
	put(.from = INSIDE ":4000", .to = OUTSIDE ":53");
	run();
	expect(.from = WAN_B ":*", .to = OUTSIDE ":53");
	expect(.from = WAN ":*", .to = OUTSIDE ":53");
	lab_withdraw("udp,from=192.168.7.2", 0);
	put(.from = INSIDE_B ":4001", .to = OUTSIDE ":53");
	put(.from = INSIDE_B ":4000", .to = OUTSIDE ":53"); // what it has goes on
	run();
	expect(.from = WAN ":*", .to = OUTSIDE ":53");
	expect(.from = WAN_B ":*", .to = OUTSIDE ":53");
	lab_check();
}

/* All ports of one WAN address towards one destination, then those of the next, then none. */
static void test_exhaustion(void **state)
{
	enum { PORTS = 65536 - PORTS_FIRST };
	const struct session *s;
	unsigned int of_wan = 0;

	lab_resize(1, 2 * PORTS + 10, 1, 0);
	wan_begin();
	service(.vip = "udp,from=192.168.7.0/24", .scheduler = "fo",
		.servers = {WAN ":0", WAN_B ":0"}, .weights = {2, 1});
	for (unsigned int i = 0; i < 2 * PORTS; i++) {
		put(.from = i < PORTS ? INSIDE : INSIDE_B, .to = OUTSIDE ":53",
		    .protocol = IPPROTO_UDP, .from_port = 1 + i % PORTS);
		run();
		lab_forget();
	}
	assert_int_equal(lab_sessions(), 2 * PORTS);
	for (uint32_t i = 1; i <= 2 * PORTS; i++) {
		s = table_session(&lab.w->table, i);
		of_wan += s->server == lab_server(WAN ":0");
	}
	assert_int_equal(of_wan, PORTS);
	put(.from = "192.168.7.3:9", .to = OUTSIDE ":53");
	put(.from = "192.168.7.3:9", .to = OUTSIDE ":54");
	run();
	expect(.from = WAN ":*", .to = OUTSIDE ":54"); // another destination has all of them
	expect_drop(no_local_port);
	lab_check();
}

/* An unknown TCP packet gets what the service says; a SYN flood is bounded as for FullNAT. */
static void test_unknown_tcp(void **state)
{
	wan_begin();
	service(.vip = MATCH4("tcp"), .servers = {WAN ":0"}, .drop_unknown = true);
	put(.from = INSIDE ":4000", .to = OUTSIDE ":80", .tcp = ACK);
	run();
	expect_drop(tcp_not_syn);
}

/* With two workers a reply reaches the one that has chosen the port, or the identifier. */
static void test_two_workers(void **state)
{
	uint16_t id;

	lab_resize(2, 100, 100, 0);
	wan_begin();
	service(.vip = MATCH4("icmp"), .servers = {WAN ":0"});
	for (unsigned int i = 0; i < 2; i++) {
		lab.w = &lab.worker[i];
		lab.w->count = 2;
		put(.from = INSIDE, .to = OUTSIDE, .icmp = ECHO, .rest = 7 << 16, .handed = true);
		run();
		id = identifier_of(false);
		assert_int_equal(id % 2, i);
		expect(.from = WAN, .to = OUTSIDE, .icmp = ECHO, .rest = (uint32_t)id << 16);
		lab.w = &lab.worker[1 - i];
		put(.from = OUTSIDE, .to = WAN, .icmp = ECHO_REPLY, .protocol = IPPROTO_ICMP,
		    .rest = (uint32_t)id << 16);
		run();
		lab_take_over(i);
		expect(.from = OUTSIDE, .to = INSIDE, .icmp = ECHO_REPLY, .protocol = IPPROTO_ICMP,
		       .rest = 7 << 16);
		lab_flush();
	}
}

static struct nat_record records[16];

/* Take out what the log has now. */
static unsigned int records_take(void)
{
	unsigned int count = 0;

	while (count < 16 && nat_log_next(&records[count]))
		count++;
	return count;
}

static void record_is(unsigned int count, bool end, uint8_t protocol, uint16_t inside_port)
{
	for (unsigned int i = 0; i < count; i++) {
		const struct nat_record *r = &records[i];
		bool ipv6 = protocol == IPPROTO_ICMPV6;
		char text[ADDR_TEXT];

		if (r->protocol != protocol || r->inside_port != inside_port)
			continue;
		assert_int_equal(r->end, end);
		assert_string_equal(addr_format(&r->inside, text), ipv6 ? INSIDE6 : INSIDE);
		assert_string_equal(addr_format(&r->wan, text), ipv6 ? WAN6 : WAN);
		assert_string_equal(addr_format(&r->destination, text), ipv6 ? OUTSIDE6 : OUTSIDE);
		assert_int_equal(r->destination_port, ipv6 ? 0 : 53);
		assert_true(r->wan_port >= 1024);
		return;
	}
	fail_msg("no record of protocol %u, port %u", protocol, inside_port);
}

/* The log says who had which address and port, at the beginning and at the end. */
static void test_log(void **state)
{
	wan_begin();
	service(.vip = MATCH4("udp"), .servers = {WAN ":0"});
	service(.vip = MATCH6("icmpv6"), .servers = {"[" WAN6 "]:0"});
	put(.from = INSIDE ":3999", .to = OUTSIDE ":53"); // it is not on yet
	run();
	assert_int_equal(nat_log_switch(1), 0);
	assert_int_equal(nat_log_switch(1), 0);
	put(.from = INSIDE ":4000", .to = OUTSIDE ":53");
	put(.from = INSIDE ":4000", .to = OUTSIDE ":53");
	put(.from = INSIDE6, .to = OUTSIDE6, .icmp = ECHO6, .rest = 0x00070001);
	run();
	lab_forget();
	assert_int_equal(records_take(), 2);
	record_is(2, false, IPPROTO_UDP, 4000);
	record_is(2, false, IPPROTO_ICMPV6, 7);
	lab_flush();
	assert_int_equal(records_take(), 3);
	record_is(3, true, IPPROTO_UDP, 3999);
	record_is(3, true, IPPROTO_UDP, 4000);
	record_is(3, true, IPPROTO_ICMPV6, 7);
	assert_int_equal(nat_log_lost(), 0);
	assert_int_equal(nat_log_switch(0), 0);
}

/* Nobody empties the ring: sessions go on, and what was lost is known, also when it is off again. */
static void test_log_is_full(void **state)
{
	unsigned int there = 0;
	char from[32];

	wan_begin();
	service(.vip = MATCH4("udp"), .servers = {WAN ":0"});
	assert_int_equal(nat_log_switch(1), 0);
	for (unsigned int i = 0; i < 3000; i++) {
		snprintf(from, sizeof(from), INSIDE ":%u", 2000 + i);
		put(.from = from, .to = OUTSIDE ":53");
		run();
		expect(.from = WAN ":*", .to = OUTSIDE ":53");
		if (i % 50 == 49)
			lab_flush();
	}
	while (nat_log_next(&records[0]))
		there++;
	assert_int_equal(there, 4096);
	assert_int_equal(nat_log_lost(), 2 * 3000 - 4096);
	assert_int_equal(nat_log_switch(0), 0);
	rcu_poll();
	assert_int_equal(nat_log_lost(), 2 * 3000 - 4096);
	put(.from = INSIDE ":1999", .to = OUTSIDE ":53");
	run();
	expect(.from = WAN ":*", .to = OUTSIDE ":53");
	assert_false(nat_log_next(&records[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_tcp4),
		lab_test(test_udp4),
		lab_test(test_tcp6),
		lab_test(test_udp6),
		lab_test(test_echo4),
		lab_test(test_echo6),
		lab_test(test_all_protocols),
		lab_test(test_echoes_of_two_hosts),
		lab_test(test_echoes_for_linux),
		lab_test(test_linux_pings_from_the_wan_address),
		lab_test(test_errors_about_tcp_and_udp),
		lab_test(test_errors_about_echoes),
		lab_test(test_errors_about_echoes6),
		lab_test(test_malformed_echoes),
		lab_test(test_a_wrong_checksum_stays_wrong),
		lab_test(test_what_no_match_takes),
		lab_test(test_routes),
		lab_test(test_a_route_changes),
		lab_test(test_ttl),
		lab_test(test_order),
		lab_test(test_exhaustion),
		lab_test(test_unknown_tcp),
		lab_test(test_two_workers),
		lab_test(test_log),
		lab_test(test_log_is_full),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/* Tags of VLANs in and out, and packets in several segments. */
#include "lab.h"

enum { VLAN_CLIENTS = 3, VLAN_SERVERS = 4, VLAN_INNER = 5, VLAN_DOWN = 6 }; // interfaces
enum { TAGGED_CLIENT = 20, TAGGED_SERVER = 21, TAGGED_TWICE = 22 };	    // next hops

/* Clients on VLAN 100 of dpdk0, servers on 200 of dpdk1; 7 in 300 (802.1ad) on dpdk0. */
static void vlans_begin(void)
{
	fake_vlan(VLAN_CLIENTS, "dpdk0.100", CLIENTS, 0x8100, 100);
	fake_vlan(VLAN_SERVERS, "dpdk1.200", SERVERS, 0x8100, 200);
	fake_vlan(VLAN_DOWN, "dpdk0.300", CLIENTS, 0x88a8, 300);
	fake_vlan(VLAN_INNER, "dpdk0.300.7", VLAN_DOWN, 0x8100, 7);
	fake_nexthop(TAGGED_CLIENT, VLAN_CLIENTS, VLAN_CLIENTS, 1500);
	fake_nexthop(TAGGED_SERVER, VLAN_SERVERS, VLAN_SERVERS, 1500);
	fake_nexthop(TAGGED_TWICE, VLAN_INNER, VLAN_INNER, 1500);
	fake_route("10.1.0.0/16", TAGGED_CLIENT, 0);
	fake_route("192.168.0.0/16", TAGGED_SERVER, 0);
	fake_routes_changed();
}

static void test_both_sides(void **state)
{
	vlans_begin();
	service(.vip = VIP ":80", .iface = VLAN_SERVERS);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .vlan = 100,
	    .iface = VLAN_CLIENTS);
	run();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN, .vlan = 200,
	       .iface = VLAN_SERVERS);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = SYN | ACK, .vlan = 200,
	    .iface = VLAN_SERVERS);
	run();
	expect(.from = VIP ":80", .to = CLIENT ":4000", .tcp = SYN | ACK, .vlan = 100,
	       .iface = VLAN_CLIENTS);
	assert_int_equal(lab.w->iface_count[VLAN_SERVERS].packets[0], 1);
	assert_int_equal(lab.w->iface_count[VLAN_SERVERS].packets[1], 1);
	assert_int_equal(lab.w->iface_count[VLAN_SERVERS].bytes[1], 14 + 20 + 20);
}

static void test_two_tags(void **state)
{
	vlans_begin();
	fake_route("10.1.0.0/16", TAGGED_TWICE, 0);
	fake_routes_changed();
	service(.vip = VIP ":80", .iface = VLAN_SERVERS);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .vlan_type = 0x88a8, .vlan = 300,
	    .vlan_inner = 7, .iface = VLAN_INNER);
	run();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN, .vlan = 200,
	       .iface = VLAN_SERVERS);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = SYN | ACK, .vlan = 200,
	    .iface = VLAN_SERVERS);
	run();
	expect(.from = VIP ":80", .to = CLIENT ":4000", .tcp = SYN | ACK, .vlan_type = 0x88a8,
	       .vlan = 300, .vlan_inner = 7, .iface = VLAN_INNER);
}

/* A tag with number 0 is only a priority: the frame is of the interface that it came by. */
static void test_priority(void **state)
{
	vlans_begin();
	put(.from = CLIENT, .to = VIP, .icmp = 8, .vlan_priority = true);
	run();
	expect_punt(PUNT_ICMP, .from = CLIENT, .to = VIP, .icmp = 8);
	put(.from = CLIENT, .to = VIP, .icmp = 8, .vlan_priority = true, .vlan = 100,
	    .iface = VLAN_CLIENTS);
	run();
	expect_punt(PUNT_ICMP, .from = CLIENT, .to = VIP, .icmp = 8, .iface = VLAN_CLIENTS);
}

static void test_refused(void **state)
{
	const struct {
		struct packet packet;
		enum drop drop;
	} rows[] = {
		{{.vlan = 101}, DROP_unknown_vlan},
		{{.vlan = 100, .vlan_type = 0x88a8}, DROP_unknown_vlan},
		{{.vlan = 300}, DROP_unknown_vlan},
		{{.vlan = 100, .vlan_inner = 7}, DROP_unknown_vlan},
		{{.vlan = 300, .vlan_type = 0x88a8, .vlan_inner = 8}, DROP_unknown_vlan},
		{{.vlan = 300, .vlan_type = 0x88a8, .vlan_inner = 7, .vlan_priority = true},
		 DROP_unknown_vlan},
		{{.vlan = 100}, DROP_wrong_mac}, // to the MAC of the port
		{{.vlan = 100, .cut = 41}, DROP_vlan_short},
		{{.vlan = 300, .vlan_type = 0x88a8, .vlan_inner = 7, .cut = 41}, DROP_vlan_short},
		{{.vlan = 100, .cut = 40}, DROP_wrong_mac},
		{{.vlan = 4095}, DROP_unknown_vlan},
	};

	vlans_begin();
	service(.vip = VIP ":80");
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct packet packet = rows[i].packet;

		packet.from = CLIENT ":4000";
		packet.to = VIP ":80";
		packet.tcp = SYN;
		lab_put(&packet);
		run();
		lab_expect_drop(rows[i].drop, 1, __FILE__, (int)i);
	}
	fake_iface[VLAN_CLIENTS].up = false;
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .vlan = 100);
	run();
	expect_drop(iface_down);
}

/* Linux's side of a VLAN interface has no tags. */
static void test_linux(void **state)
{
	vlans_begin();
	put(.from = VIP, .to = CLIENT, .icmp = 8, .kernel = true, .iface = VLAN_CLIENTS);
	run();
	expect(.from = VIP, .to = CLIENT, .icmp = 8, .ttl = PACKET_TTL, .vlan = 100,
	       .iface = VLAN_CLIENTS);
	put(.from = VIP, .to = CLIENT, .icmp = 8, .kernel = true, .iface = VLAN_INNER);
	run();
	expect(.from = VIP, .to = CLIENT, .icmp = 8, .ttl = PACKET_TTL, .vlan_type = 0x88a8,
	       .vlan = 300, .vlan_inner = 7, .iface = VLAN_INNER);
	// A tag that Linux itself has put on stays.
	put(.from = VIP, .to = CLIENT, .icmp = 8, .kernel = true, .iface = CLIENTS, .vlan = 9);
	run();
	expect(.from = VIP, .to = CLIENT, .icmp = 8, .ttl = PACKET_TTL, .vlan = 9,
	       .iface = CLIENTS);
	put(.type = 0x0806, .payload = 28, .vlan = 100, .iface = VLAN_CLIENTS,
	    .mac = (const uint8_t *)"\xff\xff\xff\xff\xff\xff");
	run();
	expect_punt(PUNT_NEIGHBOUR, .type = 0x0806, .payload = 28, .iface = VLAN_CLIENTS,
		    .mac = (const uint8_t *)"\xff\xff\xff\xff\xff\xff");
}

/* An answer of weir itself goes the way of its VLAN. */
static void test_reset(void **state)
{
	vlans_begin();
	service(.vip = VIP ":80");
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .acknowledgement = 77, .vlan = 100,
	    .payload = 1000, .split = 60, .iface = VLAN_CLIENTS);
	run();
	expect(.from = VIP ":80", .to = CLIENT ":4000", .tcp = RST, .sequence = 77,
	       .no_window = true, .ttl = 64, .may_fragment = true, .vlan = 100,
	       .iface = VLAN_CLIENTS);
	expect_drop(tcp_reset_sent);
}

/* Wherever a packet is cut into segments, it is forwarded whole. */
static void test_segments(void **state)
{
	service(.vip = VIP ":80");
	lab_connect(&ends4);
	for (unsigned int first = 1; first < 14 + 20 + 20 + 30; first++) {
		put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = 30,
		    .split = first);
		run();
		expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, .payload = 30);
	}
	service(.vip = "[" VIP6 "]:80");
	lab_connect(&ends6);
	for (unsigned int first = 1; first < 14 + 40 + 20 + 30; first++) {
		put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = ACK, .payload = 30,
		    .split = first);
		run();
		expect(.from = "[" LOCAL6 "]:@", .to = "[" SERVER6 "]:80", .tcp = ACK,
		       .payload = 30);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_both_sides), lab_test(test_two_tags), lab_test(test_priority),
		lab_test(test_refused),	   lab_test(test_linux),    lab_test(test_reset),
		lab_test(test_segments),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/* Next hops: known, unknown, changing, and none. */
#include "lab.h"

#include <stdio.h>
#include <string.h>

enum { OTHER_NEXTHOP = 18 };

static void servers_unresolved(void)
{
	fake_route("192.168.0.0/16", NEXTHOP_UNRESOLVED, SERVERS);
	fake_routes_changed();
}

static void servers_resolved(void)
{
	fake_route("192.168.0.0/16", SERVER_NEXTHOP, 0);
	fake_routes_changed();
}

/* A little later, when the worker looks at what waits. */
static void look(void)
{
	lab.tsc += LAB_HZ / 100;
	output_parked(lab.w, lab.tsc);
}

/* Packets wait for a server that does not answer ARP yet, and leave in their order. */
static void test_parked(void **state)
{
	service(.vip = VIP ":80");
	servers_unresolved();
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .sequence = 1);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .sequence = 2);
	run();
	expect_nothing();
	assert_int_equal(lab.w->parked_count, 2);
	look();
	expect_nothing();
	assert_int_equal(lab.w->parked_count, 2);
	assert_true(fake_neigh_requests > 0);
	servers_resolved();
	look();
	assert_int_equal(lab.w->parked_count, 0);
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN, .sequence = 1);
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = SYN, .sequence = 2);
}

/* One prefix fills what waits for all; a few packets of others wait as well. */
static void test_parked_of_others(void **state)
{
	unsigned int waiting;

	service(.vip = VIP ":80");
	servers_unresolved();
	for (unsigned int i = 0; i < 300; i++) {
		put(.from = CLIENT, .from_port = 1000 + i, .to = VIP ":80", .tcp = SYN);
		if (i % 50 == 49)
			run();
	}
	assert_int_equal(lab.w->parked_count, PARKED);
	expect_drops(neighbour_queue_full, 300 - PARKED);
	for (unsigned int i = 0; i < 8; i++) {
		char client[20];

		snprintf(client, sizeof(client), "10.1.%u.1", 100 + i);
		for (unsigned int k = 0; k < 6; k++)
			put(.from = client, .from_port = 4000 + k, .to = VIP ":80", .tcp = SYN);
		run();
	}
	waiting = lab.w->parked_count - PARKED;
	assert_in_range(waiting, 4 * 4, 8 * 4); // one or two may share the first one's cell
	expect_drops(neighbour_queue_full, 48 - waiting);
	servers_resolved();
	look();
	assert_int_equal(lab.w->parked_count, 0);
	lab_forget();
}

/* How much the next hop takes is known only when it has answered. */
static void test_parked_too_big(void **state)
{
	service(.vip = VIP ":80", .protocol = IPPROTO_UDP);
	service(.vip = "[" VIP6 "]:80", .protocol = IPPROTO_UDP);
	servers_unresolved();
	fake_route("2001:db8:2::/48", NEXTHOP_UNRESOLVED, SERVERS);
	fake_routes_changed();
	put(.from = CLIENT ":4000", .to = VIP ":80", .payload = 1372);
	put(.from = CLIENT ":4000", .to = VIP ":80", .payload = 1373);
	put(.from = CLIENT ":4000", .to = VIP ":80", .payload = 1373, .may_fragment = true);
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .payload = 1353);
	run();
	assert_int_equal(lab.w->parked_count, 4);
	nexthop_table[SERVER_NEXTHOP].mtu = 1400;
	fake_route("2001:db8:2::/48", SERVER_NEXTHOP, SERVERS);
	servers_resolved();
	look();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .payload = 1372);
	expect_pieces(0, 1400, .from = LOCAL ":@", .to = SERVER ":80", .payload = 1373,
		      .may_fragment = true, .ttl = PACKET_TTL - 1);
	expect_drops(too_big, 2);
	assert_int_equal(lab.w->parked_count, 0);
	nexthop_table[SERVER_NEXTHOP].mtu = 1500;
}

static void test_parked_too_long(void **state)
{
	service(.vip = VIP ":80");
	service(.vip = "[" VIP6 "]:80");
	servers_unresolved();
	fake_route("2001:db8:2::/48", NEXTHOP_UNRESOLVED, SERVERS);
	fake_routes_changed();
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = SYN);
	run();
	lab.tsc += LAB_HZ / 2;
	put(.from = CLIENT ":4001", .to = VIP ":80", .tcp = SYN);
	run();
	lab.tsc += LAB_HZ / 2;
	look();
	expect_drops(neighbour_unresolved, 2);
	lab.tsc += LAB_HZ / 2;
	look();
	expect_drop(neighbour_unresolved);
	assert_int_equal(lab.w->parked_count, 0);
}

/* However often the worker goes round, it does not flood the control thread with requests. */
static void test_parked_asks_seldom(void **state)
{
	service(.vip = VIP ":80");
	servers_unresolved();
	for (unsigned int i = 0; i < 10; i++)
		put(.from = CLIENT, .from_port = 1000 + i, .to = VIP ":80", .tcp = SYN);
	run();
	for (unsigned int i = 0; i < 100000; i++) {
		lab.tsc += LAB_HZ / 100000;
		output_parked(lab.w, lab.tsc);
	}
	assert_in_range(fake_neigh_requests, 10, 10 * 250);
	lab.tsc += LAB_HZ / 50;
	output_parked(lab.w, lab.tsc);
	expect_drops(neighbour_unresolved, 10);
}

static void test_parked_too_many(void **state)
{
	service(.vip = VIP ":80");
	servers_unresolved();
	for (unsigned int i = 0; i < PARKED + 64; i++) {
		put(.from = CLIENT, .from_port = 1000 + i, .to = VIP ":80", .tcp = SYN);
		if (lab.w->batch.count == BATCH)
			run();
	}
	expect_drops(neighbour_queue_full, 64);
	servers_resolved();
	look();
	for (unsigned int i = 0; i < PARKED; i++)
		expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	assert_int_equal(lab.w->parked_count, 0);
}

/* The client's neighbour is asked for when its session begins, before the server answers. */
static void test_client_is_asked_for(void **state)
{
	struct addr client;

	service(.vip = VIP ":80");
	addr_parse(CLIENT, &client);
	fake_route("10.1.0.0/16", NEXTHOP_UNRESOLVED, CLIENTS);
	fake_routes_changed();
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	run();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	assert_true(fake_neigh_requests > 0);
	assert_true(addr_equal(&fake_neigh_last, &client));
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = SYN | ACK);
	run();
	assert_int_equal(lab.w->parked_count, 1);
	fake_route("10.1.0.0/16", CLIENT_NEXTHOP, 0);
	fake_routes_changed();
	look();
	expect(.from = VIP ":80", .to = CLIENT ":4000", .tcp = SYN | ACK);
}

/* Every change of routes is followed by the next packet of a session; nothing else is looked up. */
static void test_epoch(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0x0c, 7};

	service(.vip = VIP ":80");
	lab_connect(&ends4);
	fake_nexthop(OTHER_NEXTHOP, CLIENTS, 7, 1500);
	fake_route("10.1.0.0/16", OTHER_NEXTHOP, 0);
	exchange({{.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK},
		  {.from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK}});
	fake_routes_changed();
	exchange({{.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK},
		  {.from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK, .mac = mac}});
	// 256 changes later the number is the same again; the sweep has been there in between.
	fake_route("10.1.0.0/16", CLIENT_NEXTHOP, 0);
	fake_routes_changed();
	lab_advance(2);
	for (unsigned int i = 0; i < 255; i++)
		fake_routes_changed();
	exchange({{.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK},
		  {.from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK}});
	// Servers follow at once, by their path.
	fake_nexthop(OTHER_NEXTHOP, SERVERS, 7, 1500);
	fake_route("192.168.0.0/16", OTHER_NEXTHOP, 0);
	fake_routes_changed();
	fake_route("10.1.0.0/16", CLIENT_NEXTHOP, 0);
	exchange({{.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK},
		  {.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, .mac = mac}});
}

/* A session that is looked at by the sweep alone has a new next hop afterwards. */
static void test_sweep_repairs(void **state)
{
	service(.vip = VIP ":80");
	service(.vip = "[" VIP6 "]:80");
	lab_connect(&ends4);
	lab_connect(&ends6);
	fake_nexthop(OTHER_NEXTHOP, CLIENTS, 7, 1500);
	fake_route("10.1.0.0/16", OTHER_NEXTHOP, 0);
	fake_route("2001:db8:1::/48", OTHER_NEXTHOP, 0);
	fake_routes_changed();
	lab_advance(2);
	assert_int_equal(lab.w->table.narrow[1].nexthop, OTHER_NEXTHOP);
	assert_int_equal(lab.w->table.wide[1].head.nexthop, OTHER_NEXTHOP);
}

/* Next hops that are none. */
static void test_no_nexthop(void **state)
{
	service(.vip = VIP ":80");
	lab_connect(&ends4);
	fake_route("10.1.0.0/16", NEXTHOP_NONE, 0);
	fake_route("192.168.0.0/16", NEXTHOP_NONE, 0);
	fake_routes_changed();
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK);
	run();
	expect_drops(no_route, 2);
	fake_route("10.1.0.0/16", NEXTHOP_BLACKHOLE, 0);
	fake_route("192.168.0.0/16", NEXTHOP_BLACKHOLE, 0);
	fake_routes_changed();
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK);
	run();
	expect_drops(route_blackhole, 2);
	// A client that is this host: Linux gets what the server answers.
	fake_route("10.1.0.0/16", NEXTHOP_LOCAL, 0);
	fake_routes_changed();
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .ttl = 9);
	run();
	expect_punt(PUNT_REST, .from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK, .ttl = 8,
		    .iface = SERVERS);
	lab.punt_refuses = true;
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK);
	run();
	expect_drop(punt_policed);
}

/* A next hop behind a VLAN: its header is longer, and the frame grows. */
static void test_vlan_nexthop(void **state)
{
	struct nexthop *n;

	service(.vip = VIP ":80");
	service(.vip = "[" VIP6 "]:80");
	fake_nexthop(OTHER_NEXTHOP, SERVERS, 2, 1500);
	n = &nexthop_table[OTHER_NEXTHOP];
	memcpy(n->header + 12, "\x81\x00\x00\x64", 4);
	n->header_len = 18;
	fake_route("192.168.0.0/16", OTHER_NEXTHOP, 0);
	fake_route("2001:db8:2::/48", OTHER_NEXTHOP, 0);
	fake_routes_changed();
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	run();
	lab.remembered = rte_be_to_cpu_16(lab.w->table.narrow[1].key4[1].destination_port);
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = SYN, .vlan = 100);
	put(.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:80", .tcp = SYN);
	run();
	lab.remembered =
		rte_be_to_cpu_16(session_key6(&lab.w->table.wide[1].head, 1)->destination_port);
	expect(.from = "[" LOCAL6 "]:@", .to = "[" SERVER6 "]:80", .tcp = SYN, .vlan = 100);
}

/* What the device does not take is dropped by name; nothing is kept and nothing leaks. */
static void test_transmit_full(void **state)
{
	service(.vip = VIP ":80");
	lab_connect(&ends4);
	lab.transmit_refuses = true;
	for (unsigned int i = 0; i < 10; i++)
		put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
	run();
	expect_drops(transmit_full, 10);
	assert_int_equal(lab.w->stats.send_failed, 10);
	lab.transmit_refuses = false;
	exchange({{.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK},
		  {.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK}});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_parked),
		lab_test(test_parked_of_others),
		lab_test(test_parked_too_big),
		lab_test(test_parked_too_long),
		lab_test(test_parked_asks_seldom),
		lab_test(test_parked_too_many),
		lab_test(test_client_is_asked_for),
		lab_test(test_epoch),
		lab_test(test_sweep_repairs),
		lab_test(test_no_nexthop),
		lab_test(test_vlan_nexthop),
		lab_test(test_transmit_full),
	};

	return cmocka_run_group_tests_name("output", tests, lab_start, lab_stop);
}

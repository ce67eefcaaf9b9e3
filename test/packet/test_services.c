/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Which service a first packet is for (ports, ranges, marks), and how sessions begin and end where
 * that is not as usual: persistence, one-packet scheduling, servers that are gone, symmetric return.
 */
#include "lab.h"

#include <string.h>

#include "balance/mark.h"

static const struct ends nat64 = {"[" CLIENT6 "]:4000", "[" VIP6 "]:80", LOCAL ":*", LOCAL ":@",
				  SERVER ":80"};

/* Ports: the very port, then a range, then any; servers keep the port or have their own. */
static void test_ports(void **state)
{
	service(.vip = VIP ":0", .servers = {SERVER ":0"});
	service(.vip = VIP ":8000", .port_end = 8010, .servers = {SERVER ":0"});
	service(.vip = VIP ":8020", .port_end = 8029, .servers = {SERVER_B ":9000"});
	service(.vip = VIP ":8005", .servers = {SERVER_B ":80"});
	exchange({{.from = CLIENT ":4000", .to = VIP ":8005", .tcp = SYN},
		  {.from = LOCAL ":*", .to = SERVER_B ":80", .tcp = SYN}},
		 {{.from = CLIENT ":4001", .to = VIP ":8000", .tcp = SYN},
		  {.from = LOCAL ":*", .to = SERVER ":8000", .tcp = SYN}},
		 {{.from = CLIENT ":4002", .to = VIP ":8010", .tcp = SYN},
		  {.from = LOCAL ":*", .to = SERVER ":8010", .tcp = SYN}},
		 {{.from = SERVER ":8010", .to = LOCAL ":@", .tcp = SYN | ACK},
		  {.from = VIP ":8010", .to = CLIENT ":4002", .tcp = SYN | ACK}},
		 {{.from = CLIENT ":4003", .to = VIP ":8011", .tcp = SYN},
		  {.from = LOCAL ":*", .to = SERVER ":8011", .tcp = SYN}},
		 {{.from = CLIENT ":4004", .to = VIP ":8029", .tcp = SYN},
		  {.from = LOCAL ":*", .to = SERVER_B ":9000", .tcp = SYN}},
		 {{.from = CLIENT ":4005", .to = VIP ":1", .tcp = SYN},
		  {.from = LOCAL ":*", .to = SERVER ":1", .tcp = SYN}});
	// Another protocol has none of these.
	put(.from = CLIENT ":4000", .to = VIP ":8000");
	run();
	expect_drop(vip_no_service);
}

static void test_ports6(void **state)
{
	service(.vip = "[" VIP6 "]:53", .port_end = 54, .protocol = IPPROTO_UDP,
		.servers = {"[" SERVER6 "]:0"});
	exchange({{.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:54"},
		  {.from = "[" LOCAL6 "]:*", .to = "[" SERVER6 "]:54"}},
		 {{.from = "[" SERVER6 "]:54", .to = "[" LOCAL6 "]:@"},
		  {.from = "[" VIP6 "]:54", .to = "[" CLIENT6 "]:4000"}});
}

/* Rules in their order; the first that fits gives the mark, and counts. */
static void test_marks(void **state)
{
	struct mark_rule rules[] = {
		{.protocol = IPPROTO_UDP, .port_end = 65535, .counter = 0, .mark = 7},
		{.protocol = IPPROTO_TCP, .port = 80, .port_end = 90, .counter = 1, .mark = 5},
		{.port_end = 65535, .iface = CLIENTS, .counter = 2, .mark = 6},
	};

	assert_int_equal(prefix_parse("10.9.0.0/16", &rules[0].destination), 0);
	assert_int_equal(prefix_parse("10.0.0.0/24", &rules[1].destination), 0);
	assert_int_equal(prefix_parse("10.1.0.0/16", &rules[1].source), 0);
	assert_int_equal(mark_publish(rules, 3), 0);
	service(.vip = VIP ":1", .mark = 5, .servers = {SERVER ":0"});
	service(.vip = VIP ":81", .servers = {SERVER_B ":81"});
	service(.vip = "[" VIP6 "]:1", .mark = 6, .servers = {"[" SERVER6 "]:0"});
	exchange({{.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN},
		  {.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN}},
		 {{.from = CLIENT ":4000", .to = "10.0.0.7:90", .tcp = SYN},
		  {.from = LOCAL ":*", .to = SERVER ":90", .tcp = SYN}},
		 {{.from = CLIENT ":4000", .to = VIP ":81", .tcp = SYN},
		  {.from = LOCAL ":*", .to = SERVER_B ":81", .tcp = SYN}},
		 {{.from = "[" CLIENT6 "]:4000", .to = "[" VIP6 "]:99"},
		  {.from = "[" LOCAL6 "]:*", .to = "[" SERVER6 "]:99"}});
	// Outside of the ports, and from elsewhere: a mark that no service is for.
	put(.from = CLIENT ":4001", .to = "10.0.0.7:91", .tcp = SYN);
	put(.from = "10.2.0.1:4001", .to = "10.0.0.7:80", .tcp = SYN, .iface = CLIENTS);
	run();
	expect_drops(not_for_us, 2);
	assert_int_equal(lab.w->balancer.mark_hits[0], 0);
	assert_int_equal(lab.w->balancer.mark_hits[1], 2);
	assert_int_equal(lab.w->balancer.mark_hits[2], 3);
	assert_int_equal(mark_publish(NULL, 0), 0);
}

/* Which server a SYN of this client is sent to: 0 for SERVER, 1 for SERVER_B. */
static unsigned int sent_to(const char *client, uint16_t port)
{
	static const uint8_t second[] = {192, 168, 100, 3};
	const uint8_t *frame;
	unsigned int length;

	put(.from = client, .from_port = port, .to = VIP ":80", .tcp = SYN);
	run();
	frame = lab_next_sent(SERVERS - 1, &length);
	assert_non_null(frame);
	return memcmp(frame + 30, second, 4) == 0;
}

static void test_persistence(void **state)
{
	struct lab_service spec = {.vip = VIP ":80",
				   .servers = {SERVER ":80", SERVER_B ":80"},
				   .persistent = 100,
				   .persistent_bits = 24};
	unsigned int first, other;

	lab_service(&spec);
	first = sent_to("10.1.0.1", 4000);
	for (uint16_t port = 4001; port < 4010; port++)
		assert_int_equal(sent_to("10.1.0.200", port), first);
	other = sent_to("10.1.1.1", 4000); // rr: the next one
	assert_int_equal(other, 1 - first);
	assert_int_equal(lab.w->balancer.persistence.used, 2);
	assert_int_equal(lab.w->balancer.server_counts[lab_server(SERVER ":80")].persistent, 1);
	// Another connection keeps it alive; after the time the next one is scheduled again.
	lab_advance(60);
	assert_int_equal(sent_to("10.1.0.1", 4100), first);
	lab_advance(60);
	assert_int_equal(lab.w->balancer.persistence.used, 1);
	assert_int_equal(sent_to("10.1.0.7", 4101), first);
	// A server of weight 0 keeps the clients that it has, and gets no others.
	spec.drained[first] = true;
	lab_service(&spec);
	assert_int_equal(sent_to("10.1.0.1", 4200), first);
	assert_int_equal(sent_to("10.1.7.1", 4200), other);
	// One that is down, or is drained for good, keeps none.
	server_set_sticky(lab_server(first ? SERVER_B ":80" : SERVER ":80"), false);
	assert_int_equal(sent_to("10.1.0.1", 4300), other);
	server_set_sticky(lab_server(first ? SERVER_B ":80" : SERVER ":80"), true);
	assert_int_equal(sent_to("10.1.0.1", 4301), other);
	lab_forget();
}

/* All connections of a client agree, whichever worker owns them, and the home alone knows. */
static void test_persistence_workers(void **state)
{
	unsigned int seen[2] = {0}, chosen = 2;

	lab_resize(2, 1000, 1000, 0);
	service(.vip = VIP ":80", .servers = {SERVER ":80", SERVER_B ":80"}, .persistent = 100);
	for (uint16_t port = 1000; port < 1040; port++) {
		static const uint8_t second[] = {192, 168, 100, 3};
		const uint8_t *frame = NULL;
		unsigned int length;

		lab.w = &lab.worker[port % 2];
		put(.from = CLIENT, .from_port = port, .to = VIP ":80", .tcp = SYN);
		run();
		for (unsigned int turn = 0; turn < 6; turn++)
			lab_take_over(turn % 2);
		frame = lab_next_sent(SERVERS - 1, &length);
		assert_non_null(frame);
		if (chosen == 2)
			chosen = memcmp(frame + 30, second, 4) == 0;
		assert_int_equal(memcmp(frame + 30, second, 4) == 0, chosen);
	}
	for (unsigned int i = 0; i < 2; i++)
		seen[i] = lab.worker[i].stats.sessions;
	assert_int_equal(seen[0] + seen[1], 40);
	assert_true(seen[0] > 5 && seen[1] > 5);
	assert_int_equal(lab.worker[0].balancer.persistence.used +
				 lab.worker[1].balancer.persistence.used,
			 1);
	lab_forget();
}

/* A flow that begins with a fragment: no worker asks another one for ever, and it goes to a server. */
static void test_persistence_fragments(void **state)
{
	lab_resize(2, 1000, 1000, 0);
	service(.vip = VIP ":53", .protocol = IPPROTO_UDP,
		.servers = {SERVER ":53", SERVER_B ":53"}, .persistent = 100);
	for (uint16_t port = 1000; port < 1016; port++) {
		unsigned int length;

		lab.w = &lab.worker[port % 2];
		put(.from = CLIENT, .from_port = port, .to = VIP ":53", .payload = 16,
		    .fragment = 0x2000, .id = port, .may_fragment = true);
		run();
		for (unsigned int turn = 0; turn < 6; turn++)
			lab_take_over(turn % 2);
		assert_non_null(lab_next_sent(SERVERS - 1, &length));
		assert_null(lab_next_sent(SERVERS - 1, &length));
	}
	assert_int_equal(lab.worker[0].stats.sessions + lab.worker[1].stats.sessions, 16);
}

/* The session of a datagram in fragments stays, so that the later ones find it. */
static void test_one_packet_fragments(void **state)
{
	service(.vip = VIP ":53", .protocol = IPPROTO_UDP, .one_packet = true);
	put(.from = CLIENT ":4000", .to = VIP ":53", .payload = 16, .fragment = 0x2000, .id = 7,
	    .may_fragment = true);
	run();
	lab_forget();
	assert_int_equal(lab_session()->form & FORM_ONE_PACKET, 0);
}

/* Each datagram for itself; the answer finds its way, and nothing is left. */
static void test_one_packet(void **state)
{
	unsigned int turn = 0, length;

	service(.vip = VIP ":53", .protocol = IPPROTO_UDP, .one_packet = true,
		.servers = {SERVER ":53", SERVER_B ":53"});
	for (unsigned int i = 0; i < 4; i++, turn++) {
		const char *server;

		put(.from = CLIENT ":4000", .to = VIP ":53");
		run();
		if (i == 0) // whoever is first, they take turns
			turn = lab_peek_sent(SERVERS - 1, &length)[33] == 2;
		server = turn % 2 ? SERVER ":53" : SERVER_B ":53";
		expect(.from = LOCAL ":*", .to = server);
		assert_int_equal(lab_sessions(), 1);
		put(.from = server, .to = LOCAL ":@");
		run();
		expect(.from = VIP ":53", .to = CLIENT ":4000");
		assert_int_equal(lab_sessions(), 0);
	}
	// Three at once are three sessions, which end though nobody answers.
	for (unsigned int i = 0; i < 3; i++)
		put(.from = CLIENT ":4000", .to = VIP ":53");
	run();
	assert_int_equal(lab_sessions(), 3);
	lab_forget();
	lab_check();
	lab_advance(301);
	assert_int_equal(lab_sessions(), 0);
}

/* A connection whose server is then removed, of a service that resets such. */
static void connect_and_remove(void)
{
	struct lab_service spec = {
		.vip = VIP ":80", .servers = {SERVER ":80"}, .removed = REMOVED_RESET};

	lab_service(&spec);
	lab_connect(&ends4);
	spec.servers[0] = SERVER_B ":80";
	lab_service(&spec);
}

/* A server is removed: both sides of a connection are reset at its next packet. */
static void test_removed_reset(void **state)
{
	connect_and_remove();
	put(.from = ends4.client, .to = ends4.vip, .tcp = ACK, .sequence = 1000,
	    .acknowledgement = 7000);
	run();
	expect_drop(tcp_reset_sent);
	expect(.from = ends4.vip, .to = ends4.client, .tcp = RST, .sequence = 7000, .ttl = 64,
	       .may_fragment = true, .no_window = true);
	lab_advance(1);
	output_parked(lab.w, lab.tsc + LAB_HZ);
	expect(.from = ends4.local, .to = ends4.server, .tcp = RST, .sequence = 1000, .ttl = 64,
	       .may_fragment = true, .no_window = true);
	assert_int_equal(lab_sessions(), 0);
}

static void test_removed_reset_by_server(void **state)
{
	connect_and_remove();
	put(.from = ends4.server, .to = ends4.local, .tcp = ACK, .sequence = 500,
	    .acknowledgement = 900);
	run();
	expect_drop(tcp_reset_sent);
	expect(.from = ends4.local, .to = ends4.server, .tcp = RST, .sequence = 900, .ttl = 64,
	       .may_fragment = true, .no_window = true);
	output_parked(lab.w, lab.tsc + LAB_HZ);
	expect(.from = ends4.vip, .to = ends4.client, .tcp = RST, .sequence = 500, .ttl = 64,
	       .may_fragment = true, .no_window = true);
	assert_int_equal(lab_sessions(), 0);
}

/* UDP: the client is told once, and its next datagram is a new beginning. */
static void test_removed_udp(void **state)
{
	struct lab_service spec = {.vip = VIP ":53",
				   .protocol = IPPROTO_UDP,
				   .servers = {SERVER ":53"},
				   .removed = REMOVED_RESET};
	struct packet asked = {.from = CLIENT ":4000", .to = VIP ":53"};

	lab_service(&spec);
	lab_put(&asked);
	run();
	expect(.from = LOCAL ":*", .to = SERVER ":53");
	spec.servers[0] = SERVER_B ":53";
	lab_service(&spec);
	lab_put(&asked);
	run();
	expect_drop(server_gone);
	expect(.from = VIP, .to = CLIENT, .icmp = 3, .code = 3, .quote = &asked, .ttl = 64,
	       .may_fragment = true);
	lab_put(&asked);
	run();
	expect(.from = LOCAL ":*", .to = SERVER_B ":53");
}

static void test_removed_reschedule(void **state)
{
	struct lab_service spec = {.vip = VIP ":53",
				   .protocol = IPPROTO_UDP,
				   .servers = {SERVER ":53"},
				   .removed = REMOVED_RESCHEDULE};

	lab_service(&spec);
	exchange({{.from = CLIENT ":4000", .to = VIP ":53"},
		  {.from = LOCAL ":*", .to = SERVER ":53"}});
	spec.servers[0] = SERVER_B ":53";
	lab_service(&spec);
	// What the old server still says is dropped by name; the client's next datagram goes on.
	put(.from = SERVER ":53", .to = LOCAL ":@");
	run();
	expect_drop(server_gone);
	exchange({{.from = CLIENT ":4000", .to = VIP ":53"},
		  {.from = LOCAL ":*", .to = SERVER_B ":53"}},
		 {{.from = SERVER_B ":53", .to = LOCAL ":@"},
		  {.from = VIP ":53", .to = CLIENT ":4000"}});
	assert_int_equal(lab_sessions(), 1);
}

/* Today's way: sessions of a server that was removed go on. */
static void test_removed_keep(void **state)
{
	struct lab_service spec = {.vip = VIP ":80", .servers = {SERVER ":80"}};

	lab_service(&spec);
	lab_connect(&ends4);
	spec.servers[0] = SERVER_B ":80";
	lab_service(&spec);
	exchange({{.from = ends4.client, .to = ends4.vip, .tcp = ACK},
		  {.from = ends4.local, .to = ends4.server, .tcp = ACK}},
		 {{.from = ends4.server, .to = ends4.local, .tcp = ACK},
		  {.from = ends4.vip, .to = ends4.client, .tcp = ACK}});
}

/* Nobody sends anything any more: sessions of a server that is gone end by themselves. */
static void test_removed_idle(void **state)
{
	for (enum removed_action action = REMOVED_KEEP; action <= REMOVED_RESCHEDULE; action++) {
		struct lab_service spec = {
			.vip = VIP ":80", .servers = {SERVER ":80"}, .removed = action};
		uint64_t ended = lab.w->stats.gone_ended;

		lab_flush();
		lab_service(&spec);
		lab_connect(&ends4);
		lab_advance(80); // long silent already
		assert_int_equal(lab_sessions(), 1);
		spec.servers[0] = SERVER_B ":80";
		lab_service(&spec);
		lab_advance(2);
		assert_int_equal(lab_sessions(), action != REMOVED_RESCHEDULE);
		lab_advance(5); // a client that is to be reset does not answer
		assert_int_equal(lab_sessions(), action == REMOVED_KEEP);
		assert_int_equal(lab.w->stats.gone_ended - ended, action != REMOVED_KEEP);
		output_parked(lab.w, lab.tsc + LAB_HZ);
		if (action == REMOVED_RESET)
			expect(.from = ends4.vip, .to = ends4.client, .tcp = ACK, .ttl = 64,
			       .may_fragment = true, .no_window = true);
		expect_nothing();
	}
}

/* The client is asked where it is, and its answer resets both sides; over both families, too. */
static void removed_idle_reset(const struct ends *e, const char *other)
{
	struct lab_service spec = {.vip = e->vip, .servers = {e->server}, .removed = REMOVED_RESET};

	spec.locals[0] = strchr(e->local, '[') ? LOCAL6 : LOCAL;
	lab_service(&spec);
	put(.from = e->client, .to = e->vip, .tcp = SYN);
	run();
	expect(.from = e->local_any, .to = e->server, .tcp = SYN,
	       .may_fragment = strchr(e->vip, '[') && !strchr(e->local, '['));
	put(.from = e->server, .to = e->local, .tcp = SYN | ACK);
	put(.from = e->client, .to = e->vip, .tcp = ACK);
	run();
	lab_forget();
	spec.servers[0] = other;
	lab_service(&spec);
	lab_advance(2);
	output_parked(lab.w, lab.tsc + LAB_HZ);
	expect(.from = e->vip, .to = e->client, .tcp = ACK, .ttl = 64, .may_fragment = true,
	       .no_window = true);
	put(.from = e->client, .to = e->vip, .tcp = ACK, .sequence = 700, .acknowledgement = 900);
	run();
	expect(.from = e->vip, .to = e->client, .tcp = RST, .sequence = 900, .ttl = 64,
	       .may_fragment = true, .no_window = true);
	expect_drop(tcp_reset_sent);
	output_parked(lab.w, lab.tsc + 2 * LAB_HZ);
	expect(.from = e->local, .to = e->server, .tcp = RST, .sequence = 700, .ttl = 64,
	       .may_fragment = true, .no_window = true);
	assert_int_equal(lab_sessions(), 0);
	lab_check();
}

static void test_removed_idle_reset(void **state)
{
	removed_idle_reset(&ends4, SERVER_B ":80");
	removed_idle_reset(&ends6, "[2001:db8:2::3]:80");
	removed_idle_reset(&nat64, SERVER_B ":80");
}

/* The answer goes to the neighbour that the client came by, not to where the routes say. */
static void symmetric(const struct ends *e)
{
	static const uint8_t uplink[6] = {2, 0, 0, 0, 0, 0x99}, other[6] = {2, 0, 0, 0, 0, 0x98};
	bool nat_64 = strchr(e->vip, '[') && !strchr(e->local, '[');
	const uint8_t *frame;
	unsigned int length;

	service(.vip = e->vip, .symmetric = true, .servers = {e->server},
		.locals = {strchr(e->local, '[') ? LOCAL6 : LOCAL});
	for (unsigned int i = 0; i < 2; i++) {
		const uint8_t *mac = i ? other : uplink;
		struct rte_mbuf *m;

		put(.from = e->client, .to = e->vip, .tcp = i ? ACK : SYN);
		m = lab.w->batch.pkt[0].mbuf;
		memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, 6), mac, 6);
		run();
		expect(.from = i ? e->local : e->local_any, .to = e->server, .tcp = i ? ACK : SYN,
		       .may_fragment = nat_64, .id = nat_64 ? i : 0);
		put(.from = e->server, .to = e->local, .tcp = i ? ACK : SYN | ACK);
		run();
		frame = lab_peek_sent(CLIENTS - 1, &length);
		assert_non_null(frame);
		assert_memory_equal(frame, mac, 6);
		assert_int_equal(frame[12] << 8 | frame[13],
				 strchr(e->client, '[') ? 0x86dd : 0x0800);
		lab_forget();
	}
	assert_int_equal(lab_session()->nexthop, NEXTHOP_SYMMETRIC);
	lab_flush();
}

static void test_symmetric(void **state)
{
	static const struct ends nat46 = {CLIENT ":4000", VIP ":80", "[" LOCAL6 "]:*",
					  "[" LOCAL6 "]:@", "[" SERVER6 "]:80"};

	symmetric(&ends4);
	symmetric(&ends6);
	symmetric(&nat64);
	symmetric(&nat46);
}

/* What does not fit the way back, as a packet of the client's family: the server is told. */
static void test_symmetric_too_big(void **state)
{
	struct packet large = {.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK};

	service(.vip = nat64.vip, .symmetric = true, .servers = {nat64.server}, .locals = {LOCAL});
	put(.from = nat64.client, .to = nat64.vip, .tcp = SYN);
	run();
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN, .may_fragment = true);
	large.payload = 1500 - 40 - 20;
	lab_put(&large);
	run();
	expect(.from = nat64.vip, .to = nat64.client, .tcp = ACK, .payload = 1440, .ttl = 63);
	large.payload++;
	lab_put(&large);
	run();
	expect_drop(too_big);
	expect(.from = LOCAL, .to = SERVER, .icmp = 3, .code = 4, .rest = 1480, .quote = &large,
	       .quoted = 548, .ttl = 64, .may_fragment = true, .iface = SERVERS);
}

/* The server of a datagram with this payload; 0: SERVER. */
static unsigned int quic_sent_to(uint16_t port, const char *payload, unsigned int size)
{
	const uint8_t *frame;
	unsigned int length;

	put(.from = CLIENT, .from_port = port, .to = VIP ":443", .payload = size);
	memcpy(rte_pktmbuf_mtod_offset(lab.w->batch.pkt[0].mbuf, uint8_t *, 42), payload, size);
	run();
	frame = lab_next_sent(SERVERS - 1, &length);
	assert_non_null(frame);
	return frame[33];
}

/* conhash by the connection ID of QUIC: a client's new port changes nothing; no ID, by address. */
static void test_quic(void **state)
{
	static const char full[] = "\xc0\0\0\0\1\x08-ABCDEFG\x08hgfedcba\0",
			  brief[] = "\x40-ABCDEFG payload",
			  sixteen[] = "\xc0\0\0\0\1\x10-ABCDEFG01234567",
			  none[] = "\xc0\0\0\0\1\0\0\0", cut[] = "\xc0\0\0\0\1\x14-ABC";
	unsigned int differ = 0;
	char other[sizeof(brief)];

	service(.vip = VIP ":443", .protocol = IPPROTO_UDP, .scheduler = "conhash", .qid = true,
		.servers = {SERVER ":443", SERVER_B ":443"});
	memcpy(other, brief, sizeof(other));
	for (uint16_t port = 1000; port < 1064; port++) {
		unsigned int server;

		other[1] = port;
		server = quic_sent_to(port, other, sizeof(other) - 1);
		assert_int_equal(quic_sent_to(port + 1000, other, sizeof(other) - 1), server);
		differ += server != quic_sent_to(port + 2000, brief, sizeof(brief) - 1);
	}
	assert_in_range(differ, 10, 54);
	assert_int_equal(quic_sent_to(5000, full, sizeof(full) - 1),
			 quic_sent_to(5001, brief, sizeof(brief) - 1));
	assert_int_equal(quic_sent_to(5002, sixteen, sizeof(sixteen) - 1),
			 quic_sent_to(5003, brief, sizeof(brief) - 1));
	// Without an ID, with a length that lies, and too short: by the client's address.
	assert_int_equal(quic_sent_to(5004, none, sizeof(none) - 1),
			 quic_sent_to(5005, cut, sizeof(cut) - 1));
	assert_int_equal(quic_sent_to(5006, none, sizeof(none) - 1), quic_sent_to(5007, "", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_ports),
		lab_test(test_ports6),
		lab_test(test_marks),
		lab_test(test_persistence),
		lab_test(test_persistence_workers),
		lab_test(test_persistence_fragments),
		lab_test(test_one_packet),
		lab_test(test_one_packet_fragments),
		lab_test(test_removed_reset),
		lab_test(test_removed_reset_by_server),
		lab_test(test_removed_udp),
		lab_test(test_removed_reschedule),
		lab_test(test_removed_keep),
		lab_test(test_removed_idle),
		lab_test(test_removed_idle_reset),
		lab_test(test_symmetric),
		lab_test(test_symmetric_too_big),
		lab_test(test_quic),
	};

	return cmocka_run_group_tests_name("services", tests, lab_start, lab_stop);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/* Two workers: who owns what, and how packets get there. */
#include "lab.h"

#include <errno.h>
#include <string.h>

#include "balance/ports.h"
#include "io/handoff.h"
#include "io/steer_home.h"

static void owners_start(unsigned int count)
{
	struct error error = {0};

	if (owner_start(count, &error) < 0)
		fail_msg("%s: %s", error.field, error.text);
}

static unsigned int owner_of_client(uint16_t port)
{
	uint64_t before = lab.worker[0].stats.handed_over;

	lab.w = &lab.worker[0];
	put(.from = CLIENT, .from_port = port, .to = VIP ":80", .tcp = SYN);
	run();
	return lab.worker[0].stats.handed_over > before ? 1 : 0;
}

/* A flow that arrives at either worker ends at its owner, and so do the replies. */
static void test_flow(void **state)
{
	unsigned int owned[2] = {0};

	lab_resize(2, 1000, 1000, 0);
	service(.vip = VIP ":80");
	for (uint16_t port = 1000; port < 1100; port++) {
		unsigned int owner = owner_of_client(port);

		owned[owner]++;
		if (owner == 1)
			lab_take_over(1);
		lab.w = &lab.worker[owner];
		expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
		assert_int_equal(lab.remembered % 2, owner);
		// The server's answer comes in at the other worker, which hands it over unchanged.
		lab.w = &lab.worker[1 - owner];
		put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = SYN | ACK);
		run();
		lab_take_over(owner);
		expect(.from = VIP ":80", .to = CLIENT, .to_port = port, .tcp = SYN | ACK);
	}
	assert_in_range(owned[0], 30, 70);
	assert_int_equal(lab_sessions(), 100);
	assert_int_equal(lab.worker[0].stats.sessions, owned[0]);
	assert_int_equal(lab.worker[1].stats.sessions, owned[1]);
	lab_check();
}

/* What has been handed over is not handed over again, and is as good as received. */
static void test_handed_once(void **state)
{
	lab_resize(2, 1000, 1000, 0);
	service(.vip = VIP ":80");
	for (uint16_t port = 1000; port < 1020; port++) {
		put(.from = CLIENT, .from_port = port, .to = VIP ":80", .tcp = SYN, .handed = true);
		run();
		expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	}
	assert_int_equal(lab.w->stats.handed_over, 0);
	// From another port: the sessions above may have drawn these two local ports.
	put(.from = SERVER ":81", .to = LOCAL ":1025", .tcp = ACK, .handed = true);
	put(.from = SERVER ":81", .to = LOCAL ":1024", .tcp = ACK, .handed = true);
	run();
	expect_drops(local_no_session, 2);
}

/* Hand a packet of a flow, whose client's port is `port`, to its owner, whoever that is. */
static void hand_to_owner(const struct packet *p)
{
	uint64_t before = lab.worker[0].stats.handed_over;

	lab.w = &lab.worker[0];
	lab_put(p);
	run();
	if (lab.worker[0].stats.handed_over > before)
		lab_take_over(1);
}

/* The owner does not parse again: options, extension headers, tags and families come along. */
static void test_parsed_once(void **state)
{
	static const char options[4] = {1, 1, 1, 1}, extension[8] = {IPPROTO_TCP, 0, 1, 4};

	lab_resize(2, 1000, 1000, 0);
	fake_vlan(3, "dpdk0.7", CLIENTS, 0x8100, 7);
	service(.vip = VIP ":80");
	service(.vip = VIP ":53", .protocol = IPPROTO_UDP, .servers = {SERVER ":53"});
	service(.vip = "[" VIP6 "]:80");
	for (uint16_t port = 1000; port < 1020; port++) {
		hand_to_owner(&(struct packet){.from = CLIENT,
					       .from_port = port,
					       .to = VIP ":80",
					       .tcp = SYN,
					       .ip_options = options,
					       .ip_option_length = sizeof(options)});
		expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN, .ip_options = options,
		       .ip_option_length = sizeof(options));
		hand_to_owner(&(struct packet){.from = CLIENT,
					       .from_port = port,
					       .to = VIP ":80",
					       .tcp = ACK,
					       .payload = 9,
					       .vlan = 7,
					       .iface = 3});
		expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, .payload = 9);
		hand_to_owner(&(struct packet){
			.from = CLIENT, .from_port = port, .to = VIP ":53", .payload = 5});
		expect(.from = LOCAL ":*", .to = SERVER ":53", .payload = 5);
		hand_to_owner(&(struct packet){.from = CLIENT6,
					       .from_port = port,
					       .to = "[" VIP6 "]:80",
					       .tcp = SYN,
					       .extensions = extension,
					       .extension_length = sizeof(extension),
					       .extension_type = IPPROTO_DSTOPTS});
		expect(.from = "[" LOCAL6 "]:*", .to = "[" SERVER6 "]:80", .tcp = SYN,
		       .extensions = extension, .extension_length = sizeof(extension),
		       .extension_type = IPPROTO_DSTOPTS);
	}
	assert_in_range(lab.worker[1].stats.taken_over, 1, 79);
	assert_int_equal(lab_sessions(), 60);
}

/* Between two workers its interface goes. */
static void test_parsed_iface_down(void **state)
{
	lab_resize(2, 1000, 1000, 0);
	service(.vip = VIP ":80");
	for (uint16_t port = 1000; owner_of_client(port) == 0; port++)
		expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	fake_iface[CLIENTS].up = false;
	lab_take_over(1);
	lab.w = &lab.worker[1];
	expect_drop(iface_down);
}

/* ICMP errors follow the flow that they are about. */
static void test_icmp(void **state)
{
	struct packet of_client = {.from = VIP ":80", .to = CLIENT, .tcp = ACK};
	struct packet of_server = {.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK};

	lab_resize(2, 1000, 1000, 0);
	service(.vip = VIP ":80");
	for (uint16_t port = 1000; port < 1020; port++) {
		unsigned int owner = owner_of_client(port);

		if (owner == 1)
			lab_take_over(1);
		expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
		of_client.to_port = port;
		lab.w = &lab.worker[1 - owner];
		put(.from = "10.1.9.9", .to = VIP, .icmp = 3, .code = 1, .quote = &of_client);
		put(.from = "192.168.9.9", .to = LOCAL, .icmp = 3, .code = 1, .quote = &of_server);
		run();
		lab_take_over(owner);
		expect(.from = LOCAL, .to = SERVER, .icmp = 3, .code = 1,
		       .quote = &(struct packet){
			       .from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK});
		expect(.from = VIP, .to = CLIENT, .icmp = 3, .code = 1,
		       .quote = &(struct packet){
			       .from = CLIENT, .from_port = port, .to = VIP ":80", .tcp = ACK});
	}
}

/* Every worker uses all ports that are its own, none of the other's, and they are half each. */
static void test_all_ports(void **state)
{
	enum { HALF = (65536 - PORTS_FIRST) / 2 };

	lab_resize(2, 2 * HALF, 0, 0);
	service(.vip = VIP ":80");
	for (unsigned int worker = 0; worker < 2; worker++) {
		lab.w = &lab.worker[worker];
		for (unsigned int i = 0; i < HALF; i++) {
			put(.from = CLIENT, .from_port = i + 1, .to = VIP ":80", .tcp = SYN,
			    .handed = true);
			if (lab.w->batch.count == BATCH || i == HALF - 1) {
				run();
				lab_forget();
			}
		}
		assert_int_equal(lab.w->stats.sessions, HALF);
		for (uint32_t s = 1; s <= lab.w->table.pool[0].high; s++) {
			uint16_t port =
				rte_be_to_cpu_16(lab.w->table.narrow[s].key4[1].destination_port);

			assert_int_equal(port % 2, worker);
			assert_true(port >= PORTS_FIRST);
		}
	}
	// Each asks the other one, and that is the end of it.
	for (unsigned int worker = 0; worker < 2; worker++) {
		lab.w = &lab.worker[worker];
		put(.from = CLIENT, .from_port = 65000 + worker, .to = VIP ":80", .tcp = SYN,
		    .handed = true);
		run();
		assert_int_equal(lab.w->stats.lent, 1);
		lab_take_over(1 - worker);
		expect_drop(no_local_port);
		assert_int_equal(lab.w->balancer.ports_exhausted, 1);
	}
	// Both remember that they have asked.
	assert_int_equal(lab_sessions(), 2 * HALF + 2);
	lab_advance(31);
}

/* Of the last session that was made. */
static enum session_state lent_state(const struct worker *w)
{
	const struct session *s = &w->table.narrow[w->table.pool[0].high];

	assert_true(s->form & FORM_LENT);
	return s->state;
}

/* An association that another worker has: what is remembered of it has the states of SCTP. */
static void test_lent_sctp(void **state)
{
	enum { HALF = (65536 - PORTS_FIRST) / 2 };
	static const char init[] = "\1\0\0\x14"
				   "abcd12341234\0\0\0\1";
	static const char echo[] = "\x0a\0\0\x08"
				   "cook";

	lab_resize(2, 2 * HALF, 0, 0);
	service(.vip = VIP ":80", .protocol = IPPROTO_SCTP);
	for (unsigned int i = 0; i < HALF; i++) {
		put(.from = CLIENT, .from_port = i + 1, .to = VIP ":80", .chunks = init,
		    .chunk_length = sizeof(init) - 1, .handed = true);
		if (lab.w->batch.count == BATCH || i == HALF - 1) {
			run();
			lab_forget();
		}
	}
	put(.from = CLIENT ":65000", .to = VIP ":80", .chunks = init,
	    .chunk_length = sizeof(init) - 1, .handed = true);
	run();
	assert_int_equal(lab.worker[0].stats.lent, 1);
	assert_int_equal(lent_state(&lab.worker[0]), STATE_SCTP_INIT);
	put(.from = CLIENT ":65000", .to = VIP ":80", .chunks = echo,
	    .chunk_length = sizeof(echo) - 1, .tag = 7, .handed = true);
	run();
	assert_int_equal(lent_state(&lab.worker[0]), STATE_SCTP_COOKIE);
	lab_take_over(1);
	lab_forget();
}

/* A worker without a free port gives a connection to the other one, and its packets after that. */
static void test_lent(void **state)
{
	enum { HALF = (65536 - PORTS_FIRST) / 2 };
	struct packet of_client = {.from = VIP ":80", .to = CLIENT ":65000", .tcp = ACK};
	struct session_view view;
	uint64_t cursor = 0;
	unsigned int shown = 0;
	bool found;

	lab_resize(2, 2 * HALF, 0, 0);
	service(.vip = VIP ":80");
	for (unsigned int i = 0; i < HALF; i++) {
		put(.from = CLIENT, .from_port = i + 1, .to = VIP ":80", .tcp = SYN,
		    .handed = true);
		if (lab.w->batch.count == BATCH || i == HALF - 1) {
			run();
			lab_forget();
		}
	}
	put(.from = CLIENT ":65000", .to = VIP ":80", .tcp = SYN, .handed = true);
	run();
	expect_nothing();
	assert_int_equal(lab.worker[0].stats.lent, 1);
	lab_take_over(1);
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	assert_int_equal(lab.remembered % 2, 1);
	// The reply comes home by itself.
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = SYN | ACK);
	run();
	expect(.from = VIP ":80", .to = CLIENT ":65000", .tcp = SYN | ACK);
	// The client goes on where it began, be it handed there or received.
	for (unsigned int handed = 0; handed < 2; handed++) {
		lab.w = &lab.worker[0];
		if (handed)
			put(.from = CLIENT ":65000", .to = VIP ":80", .tcp = ACK, .payload = 10,
			    .handed = true);
		else
			put(.from = CLIENT ":65000", .to = VIP ":80", .tcp = ACK, .payload = 10);
		put(.from = "10.1.9.9", .to = VIP, .icmp = 3, .code = 1, .quote = &of_client);
		run();
		expect_nothing();
		lab_take_over(1);
		expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, .payload = 10);
		expect(.from = LOCAL, .to = SERVER, .icmp = 3, .code = 1,
		       .quote = &(struct packet){
			       .from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK});
	}
	assert_int_equal(lab.worker[1].stats.sessions, 1);
	assert_int_equal(lab.worker[0].stats.sessions, HALF + 1);
	// It is shown once.
	while (workers_session_next(&cursor, 1000, &view, &found))
		shown += found;
	assert_int_equal(shown, HALF + 1);
	lab.w = &lab.worker[0];
	put(.from = CLIENT ":65000", .to = VIP ":80", .tcp = FIN | ACK);
	run();
	lab_take_over(1);
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = FIN | ACK);
	lab_advance(31);
	assert_int_equal(lab_sessions(), 0);
}

/* Of NAT the answers go to the client's own address: both ways belong to one worker. */
static void nat_comes_home(const char *client, const struct ends *e)
{
	service(.vip = e->vip, .mode = "nat");
	for (uint16_t port = 1000; port < 1100; port++) {
		struct packet syn = {.from = client, .from_port = port, .to = e->vip, .tcp = SYN};
		struct packet answer = {
			.from = e->server, .to = client, .to_port = port, .tcp = SYN | ACK};
		unsigned int here = port % 2;

		for (unsigned int from_server = 0; from_server < 2; from_server++) {
			uint64_t before = lab.worker[here].stats.handed_over;

			lab.w = &lab.worker[here];
			lab_put(from_server ? &answer : &syn);
			run();
			if (lab.worker[here].stats.handed_over > before)
				lab_take_over(1 - here);
			if (from_server)
				expect(.from = e->vip, .to = client, .to_port = port,
				       .tcp = SYN | ACK);
			else
				expect(.from = client, .from_port = port, .to = e->server,
				       .tcp = SYN);
			here = 1 - here;
		}
	}
	assert_int_equal(lab_sessions(), 100);
	assert_in_range(lab.worker[0].stats.sessions + lab.worker[0].stats.sessions_wide, 30, 70);
}

static void test_nat4(void **state)
{
	lab_resize(2, 1000, 1000, 0);
	nat_comes_home(CLIENT, &ends4);
}

static void test_nat6(void **state)
{
	lab_resize(2, 1000, 1000, 0);
	nat_comes_home(CLIENT6, &ends6);
}

/* What Linux sends is given to the worker that owns the port, however short the packet is. */
static void test_kernel(void **state)
{
	lab_resize(2, 1000, 1000, 0);
	service(.vip = VIP ":80");
	for (uint16_t port = 33000; port < 33002; port++) {
		const struct packet packets[] = {
			{.from = LOCAL, .from_port = port, .to = SERVER ":80", .tcp = SYN},
			{.from = LOCAL,
			 .from_port = port,
			 .to = SERVER ":80",
			 .tcp = ACK,
			 OPTIONS4("\1\1\1\1")},
			{.from = LOCAL, .from_port = port, .to = SERVER ":80"},
			{.from = LOCAL, .from_port = port, .to = SERVER ":80", .payload = 1},
			{.from = LOCAL, .from_port = port, .to = SERVER ":80", .payload = 500},
			{.from = LOCAL6, .from_port = port, .to = "[" SERVER6 "]:80", .tcp = SYN},
			{.from = LOCAL6, .from_port = port, .to = "[" SERVER6 "]:80"},
		};

		for (unsigned int i = 0; i < sizeof(packets) / sizeof(*packets); i++) {
			struct packet p = packets[i];
			struct rte_mbuf *m;

			p.kernel = true;
			m = lab_packet(&p);
			if (owner_of_kernel_packet(m) != port % 2)
				print_error("port %u, packet %u\n", port, i);
			assert_int_equal(owner_of_kernel_packet(m), port % 2);
			rte_pktmbuf_free(m);
		}
	}
	// What has no ports is anybody's.
	for (unsigned int cut = 0; cut < 54; cut++) {
		struct rte_mbuf *m = lab_packet(&(struct packet){.kernel = true,
								 .from = LOCAL ":3",
								 .to = SERVER ":80",
								 .tcp = SYN,
								 .cut = cut});

		assert_in_range(owner_of_kernel_packet(m), 0, 1);
		rte_pktmbuf_free(m);
	}
}

/* Linux's port is taken by its owner; at another worker it would have to change. */
static void test_kernel_session(void **state)
{
	lab_resize(2, 1000, 1000, 0);
	service(.vip = VIP ":80");
	lab.w = &lab.worker[1];
	put(.kernel = true, .from = LOCAL ":33001", .to = SERVER ":80", .tcp = SYN);
	run();
	expect(.from = LOCAL ":33001", .to = SERVER ":80", .tcp = SYN, .ttl = 64);
	lab.w = &lab.worker[0];
	put(.from = SERVER ":80", .to = LOCAL ":33001", .tcp = SYN | ACK);
	run();
	lab_take_over(1);
	expect_punt(PUNT_REST, .from = SERVER ":80", .to = LOCAL ":33001", .tcp = SYN | ACK);
}

/* A ring that is full drops by name. */
static void test_ring_full(void **state)
{
	unsigned int put_count = 0;

	lab_resize(2, 1000, 1000, 0);
	service(.vip = VIP ":80");
	while (lab.w->drops[DROP_handoff_full] == 0) {
		put(.from = SERVER ":80", .to = LOCAL ":1025", .tcp = ACK);
		if (lab.w->batch.count == BATCH)
			run();
		assert_true(++put_count < 5000);
	}
	lab.drops_seen[0][DROP_handoff_full] = lab.w->drops[DROP_handoff_full];
	while (handoff_pending(1))
		lab_take_over(1);
	assert_int_equal(lab.worker[0].stats.handed_over, lab.worker[1].stats.taken_over);
	expect_drops(local_no_session, lab.worker[1].stats.taken_over);
}

/* A device with one transmit queue, which is worker 0's: what worker 1 sends goes through it. */
static void test_shared_queue(void **state)
{
	struct worker *w;

	lab_resize(2, 1000, 1000, 0);
	service(.vip = VIP ":80");
	w = &lab.worker[1];
	w->transmit_by[0] = w->transmit_by[1] = 0;
	lab.w = w;
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .handed = true);
	put(.kernel = true, .from = LOCAL ":33001", .to = SERVER ":80", .tcp = SYN);
	put(.from = CLIENT ":4001", .to = VIP ":80", .tcp = ACK, .handed = true);
	run();
	expect_drop(tcp_reset_sent);
	expect_nothing();
	lab_take_over(0);
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	expect(.from = LOCAL ":33001", .to = SERVER ":80", .tcp = SYN, .ttl = 64);
	expect(.from = VIP ":80", .to = CLIENT ":4001", .tcp = RST, .ttl = 64, .may_fragment = true,
	       .no_window = true);
	assert_int_equal(w->stats.sent, 0);
	assert_int_equal(w->stats.handed_over, 3);
	assert_int_equal(lab.worker[0].stats.sent, 3);
	assert_int_equal(lab_sessions(), 2);
}

/* Devices that spread by Toeplitz: both ports with one key and an uneven table of 64 places. */
static void rss_on(bool on)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct port *port = port_get(i);

		port->rss = on;
		port->rss_key_len = 40;
		port->rss_reta_size = 64;
		for (unsigned int byte = 0; byte < 40; byte++)
			port->rss_key[byte] = byte * 37 + 11;
		for (unsigned int place = 0; place < 64; place++)
			port->rss_reta[place] = place % 3 ? 0 : 1;
	}
	owners_start(2);
	assert_int_equal(steer_reference() != NULL, on);
	lab_resize(2, 1000, 1000, 0);
}

static uint32_t toeplitz_slowly(const uint8_t *key, const uint8_t *bytes, unsigned int length)
{
	uint32_t hash = 0;

	for (unsigned int bit = 0; bit < length * 8; bit++) {
		uint64_t window = 0;

		if (!(bytes[bit / 8] & 0x80 >> bit % 8))
			continue;
		for (unsigned int i = 0; i < 5; i++)
			window = window << 8 | key[bit / 8 + i];
		hash ^= window >> (8 - bit % 8);
	}
	return hash;
}

/* The queue on which a device would put a TCP packet. */
static unsigned int rss_queue(const struct packet *p)
{
	const struct port *port = port_get(0);
	uint8_t frame[PACKET_MAX], tuple[36];
	unsigned int length = 12;

	packet_build(p, lab.remembered, frame);
	if (frame[12] == 0x86) {
		length = 36;
		memcpy(tuple, frame + 14 + 8, 32);
		memcpy(tuple + 32, frame + 14 + 40, 4);
	} else {
		memcpy(tuple, frame + 14 + 12, 8);
		memcpy(tuple + 8, frame + 14 + 20, 4);
	}
	return port->rss_reta[toeplitz_slowly(port->rss_key, tuple, length) % port->rss_reta_size];
}

/* Local ports are chosen so that the device itself brings the reply: nothing is handed over. */
static void rss_brings_replies(const char *client, const struct ends *e)
{
	unsigned int owned[2] = {0};

	service(.vip = e->vip);
	for (uint16_t port = 1000; port < 1100; port++) {
		struct packet syn = {.from = client, .from_port = port, .to = e->vip, .tcp = SYN};
		struct packet answer = {.from = e->server, .to = e->local, .tcp = SYN | ACK};
		unsigned int owner = rss_queue(&syn);

		owned[owner]++;
		lab.w = &lab.worker[owner];
		lab_put(&syn);
		run();
		expect(.from = e->local_any, .to = e->server, .tcp = SYN);
		assert_int_equal(rss_queue(&answer), owner);
		lab_put(&answer);
		run();
		expect(.from = e->vip, .to = client, .to_port = port, .tcp = SYN | ACK);
		// What arrives elsewhere all the same is handed over.
		lab.w = &lab.worker[1 - owner];
		lab_put(&answer);
		run();
		lab_take_over(owner);
		expect(.from = e->vip, .to = client, .to_port = port, .tcp = SYN | ACK);
	}
	assert_true(owned[0] > owned[1] && owned[1] > 15);
	assert_int_equal(lab.worker[0].stats.handed_over + lab.worker[1].stats.handed_over, 100);
}

static void test_rss4(void **state)
{
	rss_on(true);
	rss_brings_replies(CLIENT, &ends4);
}

static void test_rss6(void **state)
{
	rss_on(true);
	rss_brings_replies(CLIENT6, &ends6);
}

static void test_rss_nat4(void **state)
{
	rss_on(true);
	nat_comes_home(CLIENT, &ends4);
}

static void test_rss_nat6(void **state)
{
	rss_on(true);
	nat_comes_home(CLIENT6, &ends6);
}

enum lie { TRUTH, OTHER_HASH, OTHER_QUEUE };

/* A device whose hash or queue is not what it says is found out; packets come home all the same. */
static void rss_says(enum lie lie)
{
	rss_on(true);
	service(.vip = VIP ":80");
	for (uint16_t port = 1000; port < 1080; port++) {
		struct packet syn = {
			.from = CLIENT, .from_port = port, .to = VIP ":80", .tcp = SYN};
		struct key4 key = {.source_port = rte_cpu_to_be_16(port),
				   .destination_port = RTE_BE16(80)};
		unsigned int owner = rss_queue(&syn);
		struct rte_mbuf *m;
		struct addr addr;

		assert_int_equal(addr_parse(CLIENT, &addr), 0);
		key.source = addr.v4;
		assert_int_equal(addr_parse(VIP, &addr), 0);
		key.destination = addr.v4;
		lab.w = &lab.worker[lie == OTHER_QUEUE ? 1 - owner : owner];
		lab_put(&syn);
		m = lab.w->batch.pkt[0].mbuf;
		m->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
		m->hash.rss = steer_hash(port_get(0), &key, false) + (lie == OTHER_HASH);
		run();
		if (lie == OTHER_QUEUE)
			lab_take_over(owner);
		expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
	}
	assert_int_equal(lab.worker[0].rss_seen[0] + lab.worker[1].rss_seen[0], 80);
	workers_tick();
	assert_int_equal(port_get(0)->steering, lie == TRUTH ? STEERING_RSS : STEERING_HAND_OVER);
	assert_int_equal(port_get(1)->steering, STEERING_RSS);
	// Replies to the ports that were chosen belong to those that chose them.
	for (unsigned int number = 1; number <= lab.worker[0].table.pool[0].high; number++) {
		struct key4 key = lab.worker[0].table.narrow[number].key4[1];
		struct steer_home home;

		owner_home(&home, &key, false);
		assert_int_equal(steer_home_worker(&home, rte_be_to_cpu_16(key.destination_port)),
				 0);
	}
}

static void test_rss_truth(void **state)
{
	rss_says(TRUTH);
}

static void test_rss_other_hash(void **state)
{
	rss_says(OTHER_HASH);
}

static void test_rss_other_queue(void **state)
{
	rss_says(OTHER_QUEUE);
}

/* One port spreads by itself, the other one does not: each goes its own way. */
static void test_mixed(void **state)
{
	rss_on(true);
	port_get(1)->rss = false; // towards the servers
	owners_start(2);
	assert_int_equal(port_get(0)->steering, STEERING_RSS);
	assert_int_equal(port_get(1)->steering, STEERING_HAND_OVER);
	lab_resize(2, 1000, 1000, 0);
	service(.vip = VIP ":80");
	for (uint16_t port = 1000; port < 1100; port++) {
		struct packet syn = {
			.from = CLIENT, .from_port = port, .to = VIP ":80", .tcp = SYN};
		unsigned int owner = rss_queue(&syn);

		lab.w = &lab.worker[owner];
		lab_put(&syn);
		run();
		expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN);
		assert_int_equal(lab.remembered % 2, owner);
	}
	assert_int_equal(lab.worker[0].stats.handed_over + lab.worker[1].stats.handed_over, 0);
}

/* What a port is told to do and cannot is an error that names it. */
static void test_steering_refused(void **state)
{
	struct error error = {0};

	port_get(1)->config.steering = STEERING_RSS;
	assert_int_equal(owner_start(2, &error), -ENOTSUP);
	assert_string_equal(error.field, "ports[1].steering");
	assert_non_null(strstr(error.text, "rss cannot be: net_null"));
	port_get(1)->config.steering = STEERING_FLOW;
	assert_int_equal(owner_start(2, &error), -ENOTSUP);
	assert_non_null(strstr(error.text, "flow cannot be: "));
	port_get(1)->config.steering = STEERING_HAND_OVER;
	owners_start(2);
	assert_string_equal(port_get(1)->steering_why, "as the file asks");
	port_get(1)->config.steering = STEERING_AUTO;
}

/* Linux's packets go to the worker that gets the answer. */
static void test_rss_kernel(void **state)
{
	rss_on(true);
	service(.vip = VIP ":80");
	service(.vip = "[" VIP6 "]:80");
	for (uint16_t port = 33000; port < 33100; port++) {
		struct packet out = {.kernel = true,
				     .from = port % 2 ? LOCAL : LOCAL6,
				     .from_port = port,
				     .to = port % 2 ? SERVER ":80" : "[" SERVER6 "]:80",
				     .tcp = SYN};
		struct packet answer = {
			.from = out.to, .to = out.from, .to_port = port, .tcp = SYN | ACK};
		struct rte_mbuf *m = lab_packet(&out);

		assert_int_equal(owner_of_kernel_packet(m), rss_queue(&answer));
		rte_pktmbuf_free(m);
	}
}

static int rss_end(void **state)
{
	for (unsigned int i = 0; i < 2; i++)
		port_get(i)->rss = port_get(i)->distrusted = false;
	owners_start(1);
	return lab_end(state);
}

#define rss_test(name) cmocka_unit_test_setup_teardown(name, lab_begin, rss_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_flow),
		lab_test(test_handed_once),
		lab_test(test_parsed_once),
		lab_test(test_parsed_iface_down),
		lab_test(test_icmp),
		lab_test(test_all_ports),
		lab_test(test_lent),
		lab_test(test_lent_sctp),
		lab_test(test_kernel),
		lab_test(test_kernel_session),
		lab_test(test_ring_full),
		lab_test(test_shared_queue),
		lab_test(test_steering_refused),
		rss_test(test_rss4),
		rss_test(test_rss6),
		rss_test(test_rss_truth),
		rss_test(test_rss_other_hash),
		rss_test(test_rss_other_queue),
		rss_test(test_mixed),
		rss_test(test_rss_kernel),
		// Who has been a server of NAT once stays one.
		lab_test(test_nat4),
		lab_test(test_nat6),
		rss_test(test_rss_nat4),
		rss_test(test_rss_nat6),
	};

	return cmocka_run_group_tests_name("workers", tests, lab_start, lab_stop);
}

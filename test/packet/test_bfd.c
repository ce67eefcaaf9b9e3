/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * BFD in the workers: what packets look like, which ones are believed, and when none is sent. Of the
 * state machine itself there is test/unit/test_bfd.c.
 */
#include "lab.h"

#include <string.h>

#include "bfd/table.h"
#include "io/rcu.h"
#include "path/bfd.h"
#include "tunnel/vxlan.h"

#define OURS  "10.1.0.254"
#define PEER  "10.1.2.1"
#define OURS6 "2001:db8:1::254"
#define PEER6 "2001:db8:1::2:1"

enum { SINGLE_HOP = 3784, MULTIHOP = 4784, PAYLOAD = 24, UDP_AT = 34, OUTER = 50 };

static const struct bfd_wanted wanted = {
	.config = {.min_transmit = 100000, .min_receive = 100000, .multiplier = 3},
};

static void bfd_begin(unsigned int workers)
{
	if (workers > 1)
		lab_resize(workers, 0, 0, 0);
	assert_int_equal(bfd_table_start(workers), 0);
	fake_route(OURS "/32", NEXTHOP_LOCAL, 0);
	fake_route(OURS6 "/128", NEXTHOP_LOCAL, 0);
}

/* All that deferred calls still need goes last. */
static int bfd_teardown(void **state)
{
	for (uint32_t i = 1; i <= bfd_highest; i++)
		if (bfd_table[i].in_use && bfd_table[i].wanted)
			bfd_remove(i);
	for (unsigned int i = 0; i < LAB_WORKERS; i++)
		rcu_worker_offline(i);
	rcu_poll();
	bfd_table_stop();
	return lab_end(state);
}

static uint32_t session(enum bfd_kind kind, const char *peer, const char *local, uint32_t vni)
{
	struct bfd_name name = {.kind = kind, .vni = vni};
	struct addr from = {0};
	uint32_t number;

	assert_int_equal(addr_parse(peer, &name.peer), 0);
	if (local)
		assert_int_equal(addr_parse(local, &from), 0);
	assert_int_equal(bfd_add(&name, &from, &wanted, &number), 0);
	return number;
}

static void go_round(unsigned int milliseconds)
{
	for (unsigned int i = 0; i < milliseconds; i++) {
		lab.tsc += LAB_HZ / 1000;
		for (unsigned int k = 0; k < lab.workers; k++) {
			worker_clock(&lab.worker[k], lab.tsc);
			lab.worker[k].stats.loops++;
			lab.worker[k].batch.count = 0;
			bfd_run(&lab.worker[k], lab.tsc);
		}
	}
}

/* Let a packet of BFD come in: in the payload of `p`, `at` bytes into its frame. */
static void hear(struct packet p, unsigned int at, const struct bfd_packet *said)
{
	uint8_t bytes[BFD_LENGTH_MAX];
	struct batch *b = &lab.w->batch;
	struct rte_mbuf *m;

	bfd_packet_encode(said, bytes);
	p.sum = SUM_ZERO;
	m = lab_packet(&p);
	memcpy(rte_pktmbuf_mtod_offset(m, void *, at), bytes, PAYLOAD);
	b->pkt[0].mbuf = m;
	b->pkt[0].iface = m->port;
	b->pkt[0].flags = 0;
	b->count = 1;
	lab_run();
}
#define hear(at, said, ...) hear((struct packet){__VA_ARGS__, .payload = PAYLOAD}, at, said)

static struct bfd_packet says(enum bfd_state state, uint32_t yours)
{
	return (struct bfd_packet){.state = state,
				   .multiplier = 3,
				   .my_discriminator = 77,
				   .your_discriminator = yours,
				   .min_transmit = 100000,
				   .min_receive = 100000};
}

static enum bfd_state state_of(uint32_t number)
{
	struct bfd_session s;

	return bfd_read(number, &s) ? s.state : BFD_ADMIN_DOWN;
}

/* The next frame that leaves holds this, `at` bytes into it; its UDP header says where it goes. */
static void sent(unsigned int at, uint16_t to_port, enum bfd_state state)
{
	struct bfd_packet got;
	unsigned int length;
	const uint8_t *frame = lab_next_sent(0, &length);

	assert_non_null(frame);
	assert_int_equal(length, at + PAYLOAD);
	assert_int_equal(frame[at - 6] << 8 | frame[at - 5], to_port);
	assert_true((frame[at - 8] << 8 | frame[at - 7]) >= 49152);
	assert_int_equal(bfd_packet_decode(frame + at, PAYLOAD, &got), BFD_FINE);
	assert_int_equal(got.state, state);
}

static void handshake(uint32_t number, unsigned int at, struct packet p)
{
	struct bfd_packet down = says(BFD_DOWN, 0);
	struct bfd_packet up = says(BFD_UP, bfd_table[number].discriminator);

	p.payload = PAYLOAD;
	(hear)(p, at, &down);
	assert_int_equal(state_of(number), BFD_INIT);
	(hear)(p, at, &up);
	assert_int_equal(state_of(number), BFD_UP);
}

static void test_single_hop(void **state)
{
	struct packet from = {
		.from = PEER ":50000", .to = OURS ":3784", .ttl = 255, .protocol = IPPROTO_UDP};
	const uint8_t *frame;
	unsigned int length;
	uint32_t number;

	bfd_begin(1);
	number = session(BFD_SINGLE_HOP, PEER, OURS, 0);
	go_round(1);
	frame = lab_peek_sent(0, &length);
	assert_non_null(frame);
	assert_int_equal(frame[22], 255); // time to live
	assert_memory_equal(frame + 26, "\x0a\x01\x00\xfe\x0a\x01\x02\x01", 8);
	sent(42, SINGLE_HOP, BFD_DOWN);
	handshake(number, 42, from);
	lab_forget();
	go_round(1000);
	// Silent since: gone after three of its intervals, and the last word is Down.
	assert_int_equal(state_of(number), BFD_DOWN);
	assert_int_equal(bfd_table[number].session.diagnostic, BFD_TIME_EXPIRED);
	lab_forget();
}

static void test_ipv6_multihop(void **state)
{
	struct packet from = {.from = "[" PEER6 "]:50000",
			      .to = "[" OURS6 "]:4784",
			      .ttl = 9,
			      .protocol = IPPROTO_UDP};
	uint32_t number;

	bfd_begin(1);
	number = session(BFD_MULTIHOP, PEER6, OURS6, 0);
	go_round(1);
	sent(62, MULTIHOP, BFD_DOWN);
	handshake(number, 62, from);
	lab_forget();
}

/* Inside VXLAN, in VNI 0, where no VM is. */
static void test_open_vswitch(void **state)
{
	struct vxlan_settings settings = {.address_count = 1, .port = TUNNEL_VXLAN_PORT};
	struct packet inner = {.from = "169.254.1.1:49152",
			       .to = "169.254.1.0:3784",
			       .ttl = 255,
			       .protocol = IPPROTO_UDP,
			       .payload = PAYLOAD,
			       .sum = SUM_ZERO};
	struct packet from = {.from = PEER ":50000",
			      .to = OURS ":4789",
			      .protocol = IPPROTO_UDP,
			      .vni = 1 << 24,
			      .inner = &inner}; // its lower bits are VNI 0
	struct bfd_packet down = says(BFD_DOWN, 0);
	const uint8_t *frame;
	unsigned int length;
	uint32_t number;

	bfd_begin(1);
	addr_parse(OURS, &settings.addresses[0]);
	vxlan_configure(&settings);
	number = session(BFD_VXLAN, PEER, NULL, 0);
	go_round(1);
	frame = lab_peek_sent(0, &length);
	assert_non_null(frame);
	assert_memory_equal(frame + 42, "\x08\0\0\0\0\0\0\0", 8); // VNI 0
	assert_memory_equal(frame + OUTER, "\x00\x23\x20\x00\x00\x01", 6);
	sent(OUTER + 42, SINGLE_HOP, BFD_DOWN);
	handshake(number, OUTER + 42, from);
	from.from = "10.1.2.9:50000"; // another host
	(hear)(from, OUTER + 42, &down);
	expect_drop(bfd_unknown);
	lab_forget();
}

static void test_not_believed(void **state)
{
	struct bfd_packet down = says(BFD_DOWN, 0), other = says(BFD_DOWN, 0x1234);
	struct bfd_packet bad = says(BFD_DOWN, 0);
	uint32_t number;

	bfd_begin(1);
	number = session(BFD_SINGLE_HOP, PEER, OURS, 0);
	go_round(1);
	lab_forget();
	hear(42, &down, .from = PEER ":50000", .to = OURS ":3784", .ttl = 254);
	expect_drop(bfd_ttl);
	bad.multiplier = 0;
	hear(42, &bad, .from = PEER ":50000", .to = OURS ":3784", .ttl = 255);
	expect_drop(bfd_malformed);
	other.your_discriminator = bfd_table[number].discriminator;
	hear(42, &other, .from = "10.1.2.7:50000", .to = OURS ":3784", .ttl = 255);
	expect_drop(bfd_unknown);
	assert_int_equal(state_of(number), BFD_DOWN);
	// Nobody's here: Linux may have a session with it.
	hear(42, &down, .from = "10.1.2.7:50000", .to = OURS ":3784", .ttl = 255);
	assert_int_equal(lab.w->stats.punted, 1);
	lab_forget_punted();
}

/* A peer that nobody has named is told to control once it wants to know. */
static void test_heard(void **state)
{
	struct bfd_packet down = says(BFD_DOWN, 0);
	struct bfd_heard heard;

	bfd_begin(1);
	bfd_listen(true);
	hear(42, &down, .from = PEER ":50000", .to = OURS ":3784", .ttl = 255);
	assert_true(bfd_next_heard(&heard));
	assert_int_equal(heard.name.kind, BFD_SINGLE_HOP);
	assert_false(bfd_next_heard(&heard));
	assert_int_equal(lab.w->stats.punted, 1);
	lab_forget_punted();
}

/* Another worker stands still: no packet more, and again when it goes on. */
static void test_stuck_worker(void **state)
{
	uint32_t number;

	bfd_begin(2);
	number = session(BFD_SINGLE_HOP, PEER, OURS, 0);
	assert_int_equal(bfd_worker(number), 1);
	go_round(1000);
	lab_forget();
	for (unsigned int i = 0; i < 3000; i++) {
		lab.tsc += LAB_HZ / 1000;
		lab.worker[1].stats.loops++;
		bfd_run(&lab.worker[1], lab.tsc);
		if (i == 99)
			lab_forget();
	}
	assert_null(lab_next_sent(0, &(unsigned int){0}));
	go_round(1);
	sent(42, SINGLE_HOP, BFD_DOWN);
	lab_forget();
}

/* A packet that comes in on another worker's queue finds its session. */
static void test_hand_over(void **state)
{
	struct bfd_packet down = says(BFD_DOWN, 0);
	uint32_t number;

	bfd_begin(2);
	number = session(BFD_SINGLE_HOP, PEER, OURS, 0);
	go_round(1);
	lab_forget();
	hear(42, &down, .from = PEER ":50000", .to = OURS ":3784", .ttl = 255);
	for (unsigned int hop = 1; hop <= 3; hop++)
		lab_take_over(hop % 2);
	assert_int_equal(state_of(number), BFD_INIT);
	go_round(1);
	lab_forget();
}

/* A batch that is full of other packets, some for Linux and some for nobody, and one of BFD behind them. */
static void flood(uint32_t number, const struct bfd_packet *said)
{
	struct batch *b = &lab.w->batch;
	struct packet p = {.from = PEER ":50000",
			   .to = OURS ":3784",
			   .ttl = 255,
			   .protocol = IPPROTO_UDP,
			   .payload = PAYLOAD,
			   .sum = SUM_ZERO};
	uint8_t bytes[BFD_LENGTH_MAX];

	for (unsigned int i = 0; i < BATCH; i++) {
		struct packet other = {.from = CLIENT ":4000",
				       .to = i % 2 ? OURS ":9" : "10.1.9.9:9",
				       .protocol = IPPROTO_UDP};

		b->pkt[i].mbuf = lab_packet(i < BATCH - 1 ? &other : &p);
		b->pkt[i].iface = b->pkt[i].mbuf->port;
		b->pkt[i].flags = 0;
	}
	bfd_packet_encode(said, bytes);
	memcpy(rte_pktmbuf_mtod_offset(b->pkt[BATCH - 1].mbuf, void *, 42), bytes, PAYLOAD);
	b->count = BATCH;
	lab_run();
	lab_forget_punted();
}

/*
 * Batch after batch is full, Linux gets all that it takes and more: the packet of BFD at the end of a
 * batch counts with this batch, and between batches sessions are looked at: sent on time, and found
 * to be gone on time but for what may still wait in a queue.
 */
static void test_flood(void **state)
{
	struct packet from = {
		.from = PEER ":50000", .to = OURS ":3784", .ttl = 255, .protocol = IPPROTO_UDP};
	struct bfd_packet up;
	unsigned int frames = 0, length, gone = 0;
	uint32_t number;

	bfd_begin(1);
	number = session(BFD_SINGLE_HOP, PEER, OURS, 0);
	go_round(1);
	handshake(number, 42, from);
	go_round(10);
	lab_forget();
	up = says(BFD_UP, bfd_table[number].discriminator);
	lab.punt_refuses = true;
	for (unsigned int ms = 1; ms <= 3000; ms++) {
		struct bfd_packet other = says(BFD_UP,
					       bfd_table[number].discriminator ^ 0x80000000);
		uint64_t received = bfd_table[number].session.received;
		bool heard = ms % 200 == 0; // of 300

		lab.tsc += LAB_HZ / 1000;
		worker_clock(lab.w, lab.tsc);
		lab.w->stats.loops++;
		flood(number, heard ? &up : &other);
		assert_int_equal(bfd_table[number].session.received, received + heard);
		bfd_run(lab.w, lab.tsc);
		assert_int_equal(state_of(number), BFD_UP);
		while (lab_next_sent(0, &length) != NULL)
			frames++;
	}
	// Every 75 to 100 ms.
	assert_in_range(frames, 30, 40);
	while (state_of(number) == BFD_UP && gone < 1000) {
		lab.tsc += LAB_HZ / 1000;
		worker_clock(lab.w, lab.tsc);
		lab.w->stats.loops++;
		lab.w->batch.count = BATCH; // as a batch that was full has left it
		bfd_run(lab.w, lab.tsc);
		gone++;
	}
	lab.w->batch.count = 0;
	assert_in_range(gone, 300, 300 + 50 + 2);
	expect_drops(not_for_us, 3000 * BATCH / 2);
	expect_drops(punt_policed, 3000 * BATCH / 2 - 15); // those that were heard
	lab.punt_refuses = false;
	lab_forget();
}

/* A device that is full of other packets, for a while: what BFD has to say is said all the same. */
static void test_device_is_full(void **state)
{
	bfd_begin(1);
	session(BFD_SINGLE_HOP, PEER, OURS, 0);
	lab.transmit_refusals = 50;
	go_round(1);
	assert_int_equal(lab.transmit_refusals, 0);
	sent(42, SINGLE_HOP, BFD_DOWN);
	assert_int_equal(lab.w->stats.send_failed, 0);
	// For ever is too long.
	lab.transmit_refuses = true;
	go_round(1000);
	assert_true(lab.w->drops[DROP_transmit_full] > 0);
	lab.transmit_refuses = false;
	expect_drops(transmit_full, lab.w->drops[DROP_transmit_full]);
	go_round(1000);
	sent(42, SINGLE_HOP, BFD_DOWN);
	lab_forget();
}

#define bfd_test(name) cmocka_unit_test_setup_teardown(name, lab_begin, bfd_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		bfd_test(test_single_hop),     bfd_test(test_ipv6_multihop),
		bfd_test(test_open_vswitch),   bfd_test(test_not_believed),
		bfd_test(test_heard),	       bfd_test(test_stuck_worker),
		bfd_test(test_hand_over),      bfd_test(test_flood),
		bfd_test(test_device_is_full),
	};

	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}

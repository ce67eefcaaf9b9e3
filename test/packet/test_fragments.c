/* SPDX-License-Identifier: BSD-3-Clause */

/* Fragments of datagrams through the path: following their first, held, refused, and made. */
#include "lab.h"

#include <stdlib.h>
#include <string.h>

#include "io/pool.h"
#include "lab_parts.h"

enum { PIECES = 8, FRAME = 2048 };

/* A datagram in pieces: where each begins in the transport's bytes, and how long it is. */
struct piece {
	unsigned int offset, length;
	bool more;
};

static uint8_t whole[PACKET_MAX];
static unsigned int whole_length;

static void build(const struct packet *p, uint16_t remembered)
{
	whole_length = packet_build(p, remembered, whole);
}

static unsigned int header_of(const uint8_t *frame)
{
	return frame[12] == 0x86 ? 40 : (frame[14] & 0xf) * 4;
}

/* The frame of one piece of `whole` under an id. */
static unsigned int cut(const struct piece *x, uint32_t id, uint8_t *frame)
{
	unsigned int header = header_of(whole), at = 14 + header;
	bool ipv6 = whole[12] == 0x86;

	memcpy(frame, whole, at);
	if (ipv6) {
		uint8_t fragment[8] = {
			whole[14 + 6], 0,	 x->offset >> 8, (x->offset & 0xf8) | x->more,
			id >> 24,      id >> 16, id >> 8,	 id};

		frame[14 + 6] = 44;
		frame[14 + 4] = (8 + x->length) >> 8;
		frame[14 + 5] = 8 + x->length;
		memcpy(frame + at, fragment, 8);
		at += 8;
	} else {
		uint16_t word = x->offset / 8 | (x->more ? 0x2000 : 0), sum;

		frame[16] = (header + x->length) >> 8;
		frame[17] = header + x->length;
		frame[18] = id >> 8;
		frame[19] = id;
		frame[20] = word >> 8;
		frame[21] = word;
		frame[24] = frame[25] = 0;
		sum = packet_checksum(frame + 14, header, 0);
		frame[24] = sum >> 8;
		frame[25] = sum;
	}
	memcpy(frame + at, whole + 14 + header + x->offset, x->length);
	return at + x->length;
}

static void put_piece(unsigned int iface, const struct piece *x, uint32_t id)
{
	struct batch *b = &lab.w->batch;
	struct pkt *p = &b->pkt[b->count++];
	uint8_t frame[FRAME] = {0};
	unsigned int length = cut(x, id, frame);
	const uint8_t ours[6] = {2, 0, 0, 0, 0, iface};

	memcpy(frame, ours, 6);
	p->mbuf = rte_pktmbuf_alloc(pool_get(-1));
	memcpy(rte_pktmbuf_append(p->mbuf, length), frame, length);
	p->mbuf->port = p->iface = iface;
	p->flags = 0;
}

/* The next frame of a port is this piece of `whole` but for its id, which is given back. */
static uint32_t expect_piece(unsigned int port, const struct piece *x)
{
	unsigned int length, wanted;
	const uint8_t *got = lab_next_sent(port, &length);
	uint8_t frame[FRAME];
	uint32_t id;

	assert_non_null(got);
	id = got[12] == 0x86 ? (uint32_t)got[58] << 24 | got[59] << 16 | got[60] << 8 | got[61]
			     : (uint32_t)got[18] << 8 | got[19];
	wanted = cut(x, id, frame);
	if (length != wanted || memcmp(got + 14, frame + 14, wanted - 14) != 0) {
		packet_dump("expected", frame, wanted);
		packet_dump("got", got, length);
		fail();
	}
	return id;
}

static const struct piece pieces[3] = {{0, 1000, true}, {1000, 800, true}, {1800, 208, false}};
static const unsigned int orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {2, 0, 1}};

static uint16_t local_of_session(void)
{
	struct session *s = lab_session();
	bool wide = lab.w->table.pool[0].used == 0;
	const struct key4 *k4 = session_key(s, wide, 1);
	const struct key6 *k6 = session_key(s, wide, 1);

	return rte_be_to_cpu_16(session_key_is_ipv6(s, wide, 1) ? k6->destination_port
								: k4->destination_port);
}

/* ICMP echoes of SNAT: behind a match, the identifier in place of the port. */
struct echo {
	uint8_t ask, answer, protocol;
};

/* There and back, in every order, one batch or a batch each. */
static void through(const struct ends *e, struct echo echo, bool together)
{
	struct packet ask = {.from = e->client,
			     .to = e->vip,
			     .payload = 2000,
			     .icmp = echo.ask,
			     .rest = 7 << 16};
	struct packet asked = {
		.from = e->local, .to = e->server, .payload = 2000, .ttl = 63, .icmp = echo.ask};
	struct packet answer = {.from = e->server,
				.to = e->local,
				.payload = 2000,
				.icmp = echo.answer,
				.protocol = echo.protocol};
	struct packet answered = {.from = e->vip,
				  .to = e->client,
				  .payload = 2000,
				  .ttl = 63,
				  .icmp = echo.answer,
				  .protocol = echo.protocol,
				  .rest = 7 << 16};
	uint32_t ids[2 * 4], count = 0;

	for (unsigned int order = 0; order < 4; order++) {
		for (unsigned int back = 0; back < 2; back++) {
			bool seen[3] = {false};
			uint32_t id = 0;

			build(back ? &answer : &ask, lab.remembered);
			for (unsigned int i = 0; i < 3; i++) {
				put_piece(back ? SERVERS : CLIENTS, &pieces[orders[order][i]], 77);
				if (!together)
					run();
			}
			if (together)
				run();
			lab.remembered = local_of_session();
			asked.rest = answer.rest = (uint32_t)lab.remembered << 16;
			build(back ? &answered : &asked, lab.remembered);
			for (unsigned int i = 0; i < 3; i++) { // the first first, then as they came
				unsigned int next = i == 0 ? 0 : 3;

				for (unsigned int j = 0; next == 3 && j < 3; j++)
					if (!seen[orders[order][j]])
						next = orders[order][j];
				if (i > 0) // held ones come after those that came with the first
					for (next = 0; seen[next] || next == 0; next++)
						;
				seen[next] = true;
				if (i == 0)
					id = expect_piece(back ? 0 : 1, &pieces[next]);
				else if (order == 0)
					assert_int_equal(expect_piece(back ? 0 : 1, &pieces[next]),
							 id);
			}
			if (order != 0)
				lab_forget(); // every order is right for the receiver
			assert_int_equal(lab.w->frag.used, 0);
			assert_int_equal(lab.w->frag.custody, 0);
			ids[count++] = id;
			expect_nothing();
		}
	}
	for (unsigned int i = 0; i < count; i++) // back and forth are other addresses
		for (unsigned int j = i + 2; j < count; j += 2)
			assert_int_not_equal(ids[i], ids[j]);
	assert_int_equal(lab_sessions(), 1);
}

static void test_ipv4(void **state)
{
	service(.vip = ends4.vip, .protocol = IPPROTO_UDP);
	through(&ends4, (struct echo){0}, false);
	lab_flush();
	through(&ends4, (struct echo){0}, true);
}

static void test_ipv6(void **state)
{
	service(.vip = ends6.vip, .protocol = IPPROTO_UDP);
	through(&ends6, (struct echo){0}, false);
	lab_flush();
	through(&ends6, (struct echo){0}, true);
}

static const struct ends nat64 = {"[" CLIENT6 "]:4000", "[" VIP6 "]:80", LOCAL ":*", LOCAL ":@",
				  SERVER ":80"};
static const struct ends nat46 = {CLIENT ":4000", VIP ":80", "[" LOCAL6 "]:*", "[" LOCAL6 "]:@",
				  "[" SERVER6 "]:80"};

/* Between the families fragments are translated, and their ids are weir's as well. */
static void families(const struct ends *e, const char *local)
{
	service(.vip = e->vip, .protocol = IPPROTO_UDP, .servers = {e->server}, .locals = {local});
	through(e, (struct echo){0}, false);
	lab_flush();
	through(e, (struct echo){0}, true);
	lab_check();
}

static void test_nat64(void **state)
{
	families(&nat64, LOCAL);
}

static void test_nat46(void **state)
{
	families(&nat46, LOCAL6);
}

/* From IPv4 to IPv6 they grow, and are cut again; without a checksum UDP cannot go there. */
static void test_nat46_cut(void **state)
{
	struct packet ask = {.from = nat46.client, .to = nat46.vip, .payload = 1992};
	struct packet asked = {.from = nat46.local, .to = nat46.server, .payload = 1992, .ttl = 63};
	uint32_t id;

	service(.vip = nat46.vip, .protocol = IPPROTO_UDP, .servers = {nat46.server},
		.locals = {LOCAL6});
	build(&ask, 0);
	put_piece(CLIENTS, &(struct piece){0, 1480, true}, 77);
	put_piece(CLIENTS, &(struct piece){1480, 520, false}, 77);
	run();
	lab.remembered = local_of_session();
	build(&asked, lab.remembered);
	id = expect_piece(1, &(struct piece){0, 1232, true});
	assert_int_equal(expect_piece(1, &(struct piece){1232, 248, true}), id);
	assert_int_equal(expect_piece(1, &(struct piece){1480, 520, false}), id);
	expect_nothing();
	ask.sum = SUM_ZERO;
	build(&ask, 0);
	put_piece(CLIENTS, &(struct piece){0, 1480, true}, 78);
	run();
	expect_drop(fragment_family);
}

static void echoes(const char *match, const char *wan, const struct ends *e, struct echo echo)
{
	char route[64];

	snprintf(route, sizeof(route), "%s/%u", e->local, strchr(e->local, ':') ? 128 : 32);
	fake_route(route, NEXTHOP_LOCAL, 0);
	service(.vip = match, .servers = {wan});
	through(e, echo, false);
	lab_flush();
	through(e, echo, true);
	expect_state(STATE_ICMP_NORMAL);
}

static void test_echoes4(void **state)
{
	static const struct ends e = {CLIENT, SERVER, NULL, "192.168.100.50", SERVER};

	echoes("icmp,from=10.1.0.0/16", "192.168.100.50:0", &e, (struct echo){8, 0, IPPROTO_ICMP});
}

static void test_echoes6(void **state)
{
	static const struct ends e = {CLIENT6, SERVER6, NULL, "2001:db8:2::50", SERVER6};

	echoes("icmpv6,from=2001:db8:1::/48", "[2001:db8:2::50]:0", &e,
	       (struct echo){128, 129, IPPROTO_ICMPV6});
}

/* What SNAT does not take of fragmented ICMP: for Linux to an address of weir's, else dropped. */
static void test_echoes_for_linux(void **state)
{
	static const struct {
		const char *from, *to;
		uint8_t type;
		bool punted;
	} rows[] = {
		{CLIENT, VIP, 8, true},
		{SERVER, "192.168.100.50", 8, true},
		{SERVER, "192.168.100.50", 0, true}, // Linux has pinged from there
		{SERVER, "192.168.100.50", 13, true},
		{CLIENT, SERVER, 13, false},
		{CLIENT, SERVER, 0, false},
		{"10.2.0.1", SERVER, 8, false},
	};
	unsigned int punted = 0;

	fake_route("192.168.100.50/32", NEXTHOP_LOCAL, 0);
	service(.vip = VIP ":80");
	service(.vip = "icmp,from=10.1.0.0/16", .servers = {"192.168.100.50:0"});
	for (unsigned int i = 0; i < 2 * sizeof(rows) / sizeof(*rows); i++) {
		struct packet ask = {.from = rows[i / 2].from,
				     .to = rows[i / 2].to,
				     .payload = 2000,
				     .icmp = rows[i / 2].type,
				     .protocol = IPPROTO_ICMP,
				     .rest = 7 << 16};

		build(&ask, 0);
		for (unsigned int j = 0; j < 3; j++)
			put_piece(CLIENTS, &pieces[i % 2 ? j : 2 - j], i);
		run();
		if (!rows[i / 2].punted) {
			expect_drops(not_for_us, 3);
			continue;
		}
		punted += 3;
		assert_int_equal(lab.w->stats.punted, punted);
		lab_forget_punted();
	}
	assert_int_equal(lab_sessions(), 0);
	expect_nothing();
}

/* Two clients behind one local address, with the same id. */
static void test_ids(void **state)
{
	struct packet one = {.from = "10.1.0.1:4000", .to = VIP ":80", .payload = 2000};
	struct packet two = {.from = "10.1.0.2:4000", .to = VIP ":80", .payload = 2000};
	uint8_t seen[2][2];
	unsigned int length;

	service(.vip = VIP ":80", .protocol = IPPROTO_UDP);
	for (unsigned int i = 0; i < 3; i++) {
		build(&one, 0);
		put_piece(CLIENTS, &pieces[i], 9);
		build(&two, 0);
		put_piece(CLIENTS, &pieces[i], 9);
	}
	run();
	for (unsigned int i = 0; i < 6; i++) {
		const uint8_t *frame = lab_next_sent(1, &length);

		assert_non_null(frame);
		if (i < 2)
			memcpy(seen[i], frame + 18, 2);
		assert_memory_equal(seen[i % 2], frame + 18, 2);
		assert_int_equal(packet_checksum(frame + 14, 20, 0), 0);
	}
	assert_memory_not_equal(seen[0], seen[1], 2);
	expect_nothing();
}

/* What is refused by name. */
static void test_refused(void **state)
{
	static const struct piece impossible[] = {
		{0, 1001, true}, {65528, 100, false}, {1000, 0, true}};
	static const struct piece tiny = {0, 8, true}, over = {8, 16, true};
	struct packet udp = {.from = CLIENT ":4000", .to = VIP ":80", .payload = 3000};
	struct packet tcp = {.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .payload = 2000};

	service(.vip = VIP ":80", .protocol = IPPROTO_UDP);
	service(.vip = VIP ":80");
	memset(whole, 0, sizeof(whole));
	build(&udp, 0);
	for (unsigned int i = 0; i < 3; i++) {
		put_piece(CLIENTS,
			  &(struct piece){impossible[i].offset > 3000 ? 0 : impossible[i].offset,
					  impossible[i].length, impossible[i].more},
			  1 + i);
		if (i == 1) { // at the very end of what 16 bits can say
			struct rte_mbuf *m = lab.w->batch.pkt[0].mbuf;
			uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, 14);
			uint16_t sum;

			ip[6] = 0x1f;
			ip[7] = 0xff;
			ip[10] = ip[11] = 0;
			sum = packet_checksum(ip, 20, 0);
			ip[10] = sum >> 8;
			ip[11] = sum;
		}
		run();
		expect_drop(fragment_malformed);
	}
	build(&tcp, 0);
	put_piece(CLIENTS, &tiny, 10);
	put_piece(CLIENTS, &over, 11);
	run();
	expect_drops(fragment_tiny, 2);
	// the same twice, and then one that overlaps: nothing more of it passes
	build(&udp, 0);
	put_piece(CLIENTS, &pieces[0], 20);
	put_piece(CLIENTS, &pieces[0], 20);
	run();
	lab_forget();
	expect_drop(fragment_overlap);
	put_piece(CLIENTS, &(struct piece){992, 800, true}, 20);
	put_piece(CLIENTS, &(struct piece){1000, 800, true}, 20);
	put_piece(CLIENTS, &(struct piece){1800, 208, false}, 20);
	run();
	expect_drops(fragment_overlap, 3);
	// what was held of it is dropped as well
	put_piece(CLIENTS, &(struct piece){1000, 800, true}, 21);
	put_piece(CLIENTS, &(struct piece){1200, 800, true}, 21);
	put_piece(CLIENTS, &pieces[0], 21);
	run();
	expect_drops(fragment_overlap, 3);
	// a second end
	put_piece(CLIENTS, &pieces[2], 22);
	put_piece(CLIENTS, &(struct piece){2400, 208, false}, 22);
	run();
	expect_drops(fragment_overlap, 2);
	for (unsigned int i = 0; i < 9; i++)
		put_piece(CLIENTS, &(struct piece){80 + i * 160, 8, true}, 23);
	run();
	expect_drop(fragment_scattered);
	lab_advance(2);
	expect_drops(fragment_expired, 8);
}

/* What the first one is refused for, the others are. To Linux as a whole, too. */
static void test_verdicts(void **state)
{
	struct packet vip = {.from = CLIENT ":4000", .to = VIP ":81", .payload = 2000};
	struct packet local = {.from = CLIENT ":4000", .to = LOCAL ":81", .payload = 2000};

	service(.vip = VIP ":80", .protocol = IPPROTO_UDP);
	build(&vip, 0);
	for (unsigned int i = 3; i > 0; i--)
		put_piece(CLIENTS, &pieces[i - 1], 1);
	run();
	expect_drops(vip_no_service, 3);
	build(&local, 0);
	for (unsigned int i = 0; i < 3; i++)
		put_piece(CLIENTS, &pieces[i], 1);
	run();
	expect_drops(local_no_session, 3);
	lab.w->punt_unknown = true;
	build(&vip, 0);
	for (unsigned int i = 3; i > 0; i--)
		put_piece(CLIENTS, &pieces[i - 1], 1);
	run();
	assert_int_equal(lab.w->stats.punted, 3);
	lab_forget_punted();
	assert_int_equal(lab.w->frag.used, 0);
}

/* Fragments without a first fill the table, and an honest transfer goes on. */
static void test_flood(void **state)
{
	struct packet flood = {.from = "10.1.0.9:1", .to = VIP ":80", .payload = 2000};
	struct packet ask = {.from = CLIENT ":4000", .to = VIP ":80", .payload = 2000};
	unsigned int sent = 0, length;

	service(.vip = VIP ":80", .protocol = IPPROTO_UDP);
	for (unsigned int i = 0; i < FRAG_DATAGRAMS + 1000; i++) {
		build(&flood, 0);
		put_piece(CLIENTS, &pieces[1], i);
		if (i % 500 == 0) {
			build(&ask, 0);
			for (unsigned int j = 0; j < 3; j++)
				put_piece(CLIENTS, &pieces[j], i);
		}
		if (i % 32 == 0)
			run();
		while (lab_next_sent(1, &length))
			sent++;
	}
	run();
	while (lab_next_sent(1, &length))
		sent++;
	assert_int_equal(sent, 3 * ((FRAG_DATAGRAMS + 1000 + 499) / 500));
	assert_in_range(lab.w->frag.used, 1, FRAG_DATAGRAMS);
	assert_in_range(lab.w->frag.custody, 1, FRAG_HELD);
	assert_true(lab.w->drops[DROP_fragment_table_full] > 0);
	lab_advance(2);
	assert_int_equal(lab.w->frag.used, 0);
	memcpy(lab.drops_seen[0], lab.w->drops, sizeof(lab.drops_seen[0]));
}

/* One prefix may hold half of what waits for first fragments: the rest is for others. */
static void test_held_of_others(void **state)
{
	struct packet flood = {.from = "10.1.77.9:1", .to = VIP ":80", .payload = 2000};
	struct packet ask = {.from = CLIENT ":4000", .to = VIP ":80", .payload = 2000};
	unsigned int sent = 0, length;

	service(.vip = VIP ":80", .protocol = IPPROTO_UDP);
	build(&flood, 0);
	for (unsigned int i = 0; i < FRAG_HELD; i++) {
		put_piece(CLIENTS, &pieces[1], i);
		if (i % 32 == 31)
			run();
	}
	assert_int_equal(lab.w->frag.custody, FRAG_HELD / 2);
	expect_drops(fragment_table_full, FRAG_HELD / 2);
	build(&ask, 0);
	for (unsigned int i = 3; i > 0; i--)
		put_piece(CLIENTS, &pieces[i - 1], FRAG_HELD);
	run();
	while (lab_next_sent(1, &length))
		sent++;
	assert_int_equal(sent, 3);
	lab_advance(2);
	expect_drops(fragment_expired, FRAG_HELD / 2);
	assert_int_equal(lab.w->frag.used, 0);
}

/* What may be cut is cut for a narrow way; options go with it as RFC 791 says; segments. */
static void test_cut(void **state)
{
	struct packet ask = {
		.from = CLIENT ":4000", .to = VIP ":80", .payload = 1400, .may_fragment = true};
	struct packet asked = {.from = LOCAL ":@",
			       .to = SERVER ":80",
			       .payload = 1400,
			       .ttl = 63,
			       .may_fragment = true};
	uint32_t id;

	service(.vip = VIP ":80", .protocol = IPPROTO_UDP);
	fake_nexthop(SERVER_NEXTHOP, SERVERS, 2, 600);
	for (unsigned int split = 0; split < 2; split++) {
		ask.split = split ? 700 : 0;
		lab_put(&ask);
		run();
		lab.remembered = local_of_session();
		build(&asked, lab.remembered);
		id = expect_piece(1, &(struct piece){0, 576, true});
		assert_int_equal(expect_piece(1, &(struct piece){576, 576, true}), id);
		assert_int_equal(expect_piece(1, &(struct piece){1152, 256, false}), id);
		expect_nothing();
	}
	// one that is a fragment already
	ask.split = 0;
	ask.payload = asked.payload = 2000;
	build(&ask, 0);
	put_piece(CLIENTS, &pieces[0], 5);
	put_piece(CLIENTS, &pieces[1], 5);
	put_piece(CLIENTS, &pieces[2], 5);
	run();
	build(&asked, lab.remembered);
	id = expect_piece(1, &(struct piece){0, 576, true});
	assert_int_equal(expect_piece(1, &(struct piece){576, 424, true}), id);
	assert_int_equal(expect_piece(1, &(struct piece){1000, 576, true}), id);
	assert_int_equal(expect_piece(1, &(struct piece){1576, 224, true}), id);
	assert_int_equal(expect_piece(1, &(struct piece){1800, 208, false}), id);
	assert_int_equal(lab.w->stats.fragments_made, 2 + 2 + 2);
}

static void test_cut_echo(void **state)
{
	struct packet asked = {
		.from = "192.168.100.50", .to = SERVER, .icmp = 8, .payload = 1000, .ttl = 63};

	asked.may_fragment = true;
	fake_route("192.168.100.50/32", NEXTHOP_LOCAL, 0);
	service(.vip = "icmp,from=10.1.0.0/16", .servers = {"192.168.100.50:0"});
	fake_nexthop(SERVER_NEXTHOP, SERVERS, 2, 600);
	put(.from = CLIENT, .to = SERVER, .icmp = 8, .payload = 1000, .may_fragment = true,
	    .rest = 7 << 16);
	run();
	asked.rest = (uint32_t)local_of_session() << 16;
	build(&asked, 0);
	expect_piece(1, &(struct piece){0, 576, true});
	expect_piece(1, &(struct piece){576, 432, false});
	expect_nothing();
}

static void test_cut_options(void **state)
{
	const uint8_t *frame;
	unsigned int length;

	service(.vip = VIP ":80", .protocol = IPPROTO_UDP);
	fake_nexthop(SERVER_NEXTHOP, SERVERS, 2, 600);
	// record route (not copied), loose source route (copied), no operation
	put(.from = CLIENT ":4000", .to = VIP ":80", .payload = 700, .may_fragment = true,
	    OPTIONS4("\7\7\4\0\0\0\0\x83\7\4\0\0\0\0\1\0"));
	run();
	frame = lab_next_sent(1, &length);
	assert_non_null(frame);
	assert_int_equal(frame[14], 0x49);
	assert_memory_equal(frame + 34, "\7\7\4\0\0\0\0\x83\7\4\0\0\0\0\1\0", 16);
	assert_int_equal(packet_checksum(frame + 14, 36, 0), 0);
	frame = lab_next_sent(1, &length);
	assert_non_null(frame);
	assert_int_equal(frame[14], 0x47);
	assert_memory_equal(frame + 34, "\x83\7\4\0\0\0\0\0", 8);
	assert_int_equal(packet_checksum(frame + 14, 28, 0), 0);
	expect_nothing();
}

/*
 * Two workers. The pieces come to either; they meet at one, which hands them to the owner of the
 * flow with the ports, wherever that is.
 */
static void test_workers(void **state)
{
	unsigned int length, follow = 0;

	lab_resize(2, 0, 0, 0);
	service(.vip = VIP ":80", .protocol = IPPROTO_UDP);
	for (unsigned int i = 0; i < 32; i++) {
		struct packet ask = {
			.from = CLIENT, .from_port = 4000 + i, .to = VIP ":80", .payload = 2000};
		unsigned int sent = 0;

		build(&ask, 0);
		for (unsigned int j = 3; j > 0; j--) {
			lab.w = &lab.worker[(i + j) % 2];
			put_piece(CLIENTS, &pieces[j - 1], i);
			run();
		}
		for (unsigned int turn = 0; turn < 3; turn++) {
			lab_take_over(0);
			lab_take_over(1);
		}
		while (lab_next_sent(1, &length))
			sent++;
		assert_int_equal(sent, 3);
		follow += lab.worker[0].frag.used + lab.worker[1].frag.used;
	}
	assert_int_equal(follow, 0);
	assert_int_equal(lab_sessions(), 32);
	assert_true(lab.worker[0].table.pool[0].used > 4);
	assert_true(lab.worker[1].table.pool[0].used > 4);
	lab.w = &lab.worker[0];
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_ipv4),
		lab_test(test_ipv6),
		lab_test(test_ids),
		lab_test(test_nat64),
		lab_test(test_nat46),
		lab_test(test_nat46_cut),
		lab_test(test_echoes4),
		lab_test(test_echoes6),
		lab_test(test_echoes_for_linux),
		lab_test(test_refused),
		lab_test(test_verdicts),
		lab_test(test_flood),
		lab_test(test_held_of_others),
		lab_test(test_cut),
		lab_test(test_cut_echo),
		lab_test(test_cut_options),
		lab_test(test_workers),
	};

	return cmocka_run_group_tests_name("fragments", tests, lab_start, lab_stop);
}

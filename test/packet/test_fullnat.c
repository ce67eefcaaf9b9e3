/* SPDX-License-Identifier: BSD-3-Clause */

/* FullNAT as a client and a server see it. */
#include "lab.h"

/* One packet with these flags, from the client or from the server, and the state after it. */
struct step {
	bool server;
	uint8_t tcp;
	enum session_state state;
};

static void steps_run(const struct ends *e, const struct step *steps, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct packet in = {.tcp = steps[i].tcp, .sequence = 5, .acknowledgement = 6};
		struct packet out = in;

		in.from = steps[i].server ? e->server : e->client;
		in.to = steps[i].server ? e->local : e->vip;
		out.from = steps[i].server ? e->vip : i == 0 ? e->local_any : e->local;
		out.to = steps[i].server ? e->client : e->server;
		lab_put(&in);
		run();
		lab_expect(&out, __FILE__, __LINE__);
		expect_state(steps[i].state);
		lab_check();
	}
}

#define steps(e, ...)                                    \
	steps_run(e, (const struct step[]){__VA_ARGS__}, \
		  sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step))

#define HANDSHAKE                                                        \
	{false, SYN, STATE_SYN_RECV}, {true, SYN | ACK, STATE_SYN_RECV}, \
	{                                                                \
		false, ACK, STATE_ESTABLISHED                            \
	}

static void tcp_carries_data(const struct ends *e)
{
	service(.vip = e->vip);
	lab_connect(e);
	for (unsigned int payload = 1; payload < 1400; payload += payload < 9 ? 1 : 173)
		exchange({{.from = e->client,
			   .to = e->vip,
			   .tcp = PSH | ACK,
			   .sequence = 1001,
			   .acknowledgement = 7001,
			   .payload = payload,
			   .id = 77,
			   .tos = 0xb8,
			   .ttl = 128},
			  {.from = e->local,
			   .to = e->server,
			   .tcp = PSH | ACK,
			   .sequence = 1001,
			   .acknowledgement = 7001,
			   .payload = payload,
			   .id = 77,
			   .tos = 0xb8,
			   .ttl = 127}},
			 {{.from = e->server,
			   .to = e->local,
			   .tcp = ACK,
			   .payload = payload,
			   .ttl = 2},
			  {.from = e->vip,
			   .to = e->client,
			   .tcp = ACK,
			   .payload = payload,
			   .ttl = 1}});
	expect_state(STATE_ESTABLISHED);
}

static void test_tcp4(void **state)
{
	tcp_carries_data(&ends4);
}

static void test_tcp6(void **state)
{
	tcp_carries_data(&ends6);
}

static void client_closes_first(const struct ends *e)
{
	service(.vip = e->vip);
	steps(e, HANDSHAKE, {false, FIN | ACK, STATE_CLOSE_WAIT}, {true, ACK, STATE_CLOSE_WAIT},
	      {true, ACK | PSH, STATE_CLOSE_WAIT}, {true, FIN | ACK, STATE_LAST_ACK},
	      {false, ACK, STATE_CLOSE});
}

static void test_client_closes_first4(void **state)
{
	client_closes_first(&ends4);
}

static void test_client_closes_first6(void **state)
{
	client_closes_first(&ends6);
}

static void test_server_closes_first(void **state)
{
	service(.vip = VIP ":80");
	steps(&ends4, HANDSHAKE, {true, FIN | ACK, STATE_FIN_WAIT}, {false, ACK, STATE_FIN_WAIT},
	      {false, FIN | ACK, STATE_TIME_WAIT}, {true, ACK, STATE_TIME_WAIT},
	      {true, FIN | ACK, STATE_TIME_WAIT});
}

static void test_reset_shortens(void **state)
{
	service(.vip = VIP ":80");
	steps(&ends4, HANDSHAKE, {true, RST, STATE_CLOSE}, {false, ACK, STATE_CLOSE},
	      {true, ACK | PSH, STATE_CLOSE});
}

static void test_reset_of_client(void **state)
{
	service(.vip = VIP ":80");
	steps(&ends4, {false, SYN, STATE_SYN_RECV}, {true, SYN | ACK, STATE_SYN_RECV},
	      {false, RST, STATE_CLOSE});
}

static void test_server_refuses(void **state)
{
	service(.vip = VIP ":80");
	steps(&ends4, {false, SYN, STATE_SYN_RECV}, {true, RST | ACK, STATE_CLOSE});
}

static void udp_carries_data(const struct ends *e)
{
	service(.vip = e->vip, .protocol = IPPROTO_UDP);
	for (unsigned int payload = 0; payload < 1400; payload += payload < 9 ? 1 : 173)
		exchange({{.from = e->client, .to = e->vip, .payload = payload},
			  {.from = payload ? e->local : e->local_any,
			   .to = e->server,
			   .payload = payload}});
	expect_state(STATE_UDP_ONE_WAY);
	exchange({{.from = e->server, .to = e->local, .payload = 3},
		  {.from = e->vip, .to = e->client, .payload = 3}});
	expect_state(STATE_UDP_NORMAL);
	exchange({{.from = e->client, .to = e->vip, .payload = 5, .sum = SUM_ZERO},
		  {.from = e->local, .to = e->server, .payload = 5, .sum = SUM_ZERO}});
	expect_state(STATE_UDP_NORMAL);
}

static void test_udp4(void **state)
{
	udp_carries_data(&ends4);
}

static void test_udp6(void **state)
{
	udp_carries_data(&ends6);
}

/* A payload whose checksum comes out as 0 is sent as 0xffff, in both directions. */
static void test_udp_sum_that_becomes_zero(void **state)
{
	struct packet in = {.from = CLIENT ":4000", .to = VIP ":80", .payload = 2, .word = 1};
	struct packet out = {.to = SERVER ":80", .payload = 2, .word = 1};
	uint8_t frame[PACKET_MAX];
	uint32_t word;

	service(.vip = VIP ":80", .protocol = IPPROTO_UDP);
	lab_put(&in);
	run();
	out.from = LOCAL ":*";
	lab_expect(&out, __FILE__, __LINE__);
	out.from = LOCAL ":@";
	packet_build(&out, lab.remembered, frame);
	word = (frame[40] << 8 | frame[41]) + 1;
	in.word = out.word = (word & 0xffff) + (word >> 16);
	packet_build(&out, lab.remembered, frame);
	assert_int_equal(frame[40] << 8 | frame[41], 0xffff);
	lab_put(&in);
	run();
	lab_expect(&out, __FILE__, __LINE__);
	exchange({{.from = SERVER ":80", .to = LOCAL ":@", .payload = 2, .word = in.word},
		  {.from = VIP ":80", .to = CLIENT ":4000", .payload = 2, .word = in.word}});
}

static void broken_stays_broken(const struct ends *e, uint8_t flags)
{
	service(.vip = e->vip, .protocol = flags ? IPPROTO_TCP : IPPROTO_UDP);
	exchange({{.from = e->client, .to = e->vip, .tcp = flags, .payload = 9, .sum = SUM_BROKEN},
		  {.from = e->local_any,
		   .to = e->server,
		   .tcp = flags,
		   .payload = 9,
		   .sum = SUM_BROKEN}},
		 {{.from = e->server,
		   .to = e->local,
		   .tcp = flags ? flags | ACK : 0,
		   .payload = 4,
		   .sum = SUM_BROKEN},
		  {.from = e->vip,
		   .to = e->client,
		   .tcp = flags ? flags | ACK : 0,
		   .payload = 4,
		   .sum = SUM_BROKEN}});
}

static void test_broken_sum_stays_broken(void **state)
{
	broken_stays_broken(&ends4, SYN);
	broken_stays_broken(&ends6, SYN);
	broken_stays_broken(&ends4, 0);
	broken_stays_broken(&ends6, 0);
	assert_int_equal(lab.w->stats.repaired_checksums, 0);
}

static void partial_is_repaired(const struct ends *e, uint8_t flags, unsigned int pad)
{
	service(.vip = e->vip, .protocol = flags ? IPPROTO_TCP : IPPROTO_UDP);
	exchange({{.from = e->client,
		   .to = e->vip,
		   .tcp = flags,
		   .payload = 5,
		   .sum = SUM_PARTIAL,
		   .pad = pad},
		  {.from = e->local_any, .to = e->server, .tcp = flags, .payload = 5, .pad = pad}});
}

static void test_partial_sum_is_repaired(void **state)
{
	fake_iface[CLIENTS].repair = true;
	partial_is_repaired(&ends4, SYN, 0);
	partial_is_repaired(&ends6, SYN, 0);
	partial_is_repaired(&ends4, 0, 0);
	partial_is_repaired(&ends6, 0, 3);
	fake_iface[CLIENTS].repair = false;
	assert_int_equal(lab.w->stats.repaired_checksums, 4);
	// A port whose sums are complete is not looked at.
	put(.from = "10.1.0.9:1", .to = VIP ":80", .tcp = SYN, .sum = SUM_PARTIAL);
	run();
	lab_forget();
	assert_int_equal(lab.w->stats.repaired_checksums, 4);
}

/* IP options, padding behind the datagram, and a second segment go along. */
static void test_what_is_around(void **state)
{
	service(.vip = VIP ":80");
	service(.vip = "[" VIP6 "]:80");
	lab_connect(&ends4);
	exchange({{.from = CLIENT ":4000",
		   .to = VIP ":80",
		   .tcp = ACK,
		   OPTIONS4("\x94\x04\x00\x00")},
		  {.from = LOCAL ":@",
		   .to = SERVER ":80",
		   .tcp = ACK,
		   OPTIONS4("\x94\x04\x00\x00")}},
		 {{.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .pad = 6},
		  {.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, .pad = 6}},
		 {{.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .payload = 99, .split = 54},
		  {.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, .payload = 99}},
		 {{.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .payload = 99, .split = 61},
		  {.from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK, .payload = 99}});
}

/* The MSS option in SYN and SYN-ACK, through a server's leg of 1400 bytes. */
static void mss_is_clamped(const struct ends *e, const char *in, const char *out)
{
	service(.vip = e->vip);
	exchange({{.from = e->client, .to = e->vip, .tcp = SYN, .options = in, .option_length = 8},
		  {.from = e->local_any,
		   .to = e->server,
		   .tcp = SYN,
		   .options = out,
		   .option_length = 8}},
		 {{.from = e->server,
		   .to = e->local,
		   .tcp = SYN | ACK,
		   .options = in,
		   .option_length = 8},
		  {.from = e->vip,
		   .to = e->client,
		   .tcp = SYN | ACK,
		   .options = out,
		   .option_length = 8}});
	lab_flush();
}

static void test_mss(void **state)
{
	fake_nexthop(SERVER_NEXTHOP, SERVERS, 2, 1400);
	// 1460 to 1360 and 1440 to 1340; one byte further, where its bytes weigh the other way
	mss_is_clamped(&ends4, "\x02\x04\x05\xb4\x01\x01\x01\x00",
		       "\x02\x04\x05\x50\x01\x01\x01\x00");
	mss_is_clamped(&ends6, "\x02\x04\x05\xa0\x01\x01\x01\x00",
		       "\x02\x04\x05\x3c\x01\x01\x01\x00");
	mss_is_clamped(&ends4, "\x01\x02\x04\x05\xb4\x04\x02\x00",
		       "\x01\x02\x04\x05\x50\x04\x02\x00");
	mss_is_clamped(&ends6, "\x01\x02\x04\x05\xa0\x04\x02\x00",
		       "\x01\x02\x04\x05\x3c\x04\x02\x00");
	// small enough; behind the end; malformed in three ways
	mss_is_clamped(&ends4, "\x02\x04\x05\x50\x01\x01\x01\x00",
		       "\x02\x04\x05\x50\x01\x01\x01\x00");
	mss_is_clamped(&ends4, "\x00\x02\x04\x05\xb4\x01\x01\x00",
		       "\x00\x02\x04\x05\xb4\x01\x01\x00");
	mss_is_clamped(&ends4, "\x03\x00\x02\x04\x05\xb4\x01\x00",
		       "\x03\x00\x02\x04\x05\xb4\x01\x00");
	mss_is_clamped(&ends4, "\x03\x07\x02\x02\x04\x05\xb4\x00",
		       "\x03\x07\x02\x02\x04\x05\xb4\x00");
	mss_is_clamped(&ends4, "\x02\x03\xff\x01\x01\x01\x01\x02",
		       "\x02\x03\xff\x01\x01\x01\x01\x02");
}

static void test_mss_of_service(void **state)
{
	service(.vip = VIP ":80", .mss = 1000);
	exchange(
		{{.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, OPTIONS("\x02\x04\x05\xb4")},
		 {.from = LOCAL ":*",
		  .to = SERVER ":80",
		  .tcp = SYN,
		  OPTIONS("\x02\x04\x03\xe8")}});
	// It is the service's as it is now, for the answer too.
	service(.vip = VIP ":80", .mss = 900);
	exchange({{.from = SERVER ":80",
		   .to = LOCAL ":@",
		   .tcp = SYN | ACK,
		   OPTIONS("\x02\x04\x05\xb4")},
		  {.from = VIP ":80",
		   .to = CLIENT ":4000",
		   .tcp = SYN | ACK,
		   OPTIONS("\x02\x04\x03\x84")}});
}

/* Two packets of one new flow in one batch make one session. */
static void test_two_of_one_flow(void **state)
{
	service(.vip = VIP ":80");
	service(.vip = VIP ":53", .protocol = IPPROTO_UDP);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .sequence = 1);
	put(.from = CLIENT ":4000", .to = VIP ":53", .payload = 1);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .sequence = 2);
	put(.from = CLIENT ":4000", .to = VIP ":53", .payload = 2);
	run();
	assert_int_equal(lab_sessions(), 2);
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN, .sequence = 1);
	lab_next_port(0); // whatever comes next, the ports are those of the first packets
	expect(.from = LOCAL ":*", .to = SERVER ":80", .payload = 1);
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN, .sequence = 2);
	expect(.from = LOCAL ":*", .to = SERVER ":80", .payload = 2);
}

/* Packets leave in the order in which they came, whatever becomes of those between. */
static void test_order(void **state)
{
	service(.vip = VIP ":80");
	lab_connect(&ends4);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .sequence = 1);
	put(.from = CLIENT ":4001", .to = VIP ":80", .tcp = SYN, .sequence = 2);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .sequence = 3);
	put(.from = CLIENT ":4001", .to = VIP ":80", .tcp = ACK, .sequence = 4);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .sequence = 5);
	run();
	for (unsigned int i = 1; i <= 5; i++)
		expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = i == 2 ? SYN : ACK,
		       .sequence = i);
}

/* A service that is gone, and one that is there again, do not touch what goes on. */
static void test_service_withdrawn(void **state)
{
	service(.vip = VIP ":80");
	lab_connect(&ends4);
	lab_withdraw(VIP ":80", IPPROTO_TCP);
	assert_int_equal(server_reap(), 1);
	exchange({{.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK},
		  {.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK}});
	put(.from = CLIENT ":4001", .to = VIP ":80", .tcp = SYN);
	run();
	expect_punt(PUNT_REST, .from = CLIENT ":4001", .to = VIP ":80", .tcp = SYN);
	service(.vip = VIP ":80", .servers = {SERVER_B ":80"});
	exchange({{.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK},
		  {.from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK}});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_tcp4),
		lab_test(test_tcp6),
		lab_test(test_client_closes_first4),
		lab_test(test_client_closes_first6),
		lab_test(test_server_closes_first),
		lab_test(test_reset_shortens),
		lab_test(test_reset_of_client),
		lab_test(test_server_refuses),
		lab_test(test_udp4),
		lab_test(test_udp6),
		lab_test(test_udp_sum_that_becomes_zero),
		lab_test(test_broken_sum_stays_broken),
		lab_test(test_partial_sum_is_repaired),
		lab_test(test_what_is_around),
		lab_test(test_mss),
		lab_test(test_mss_of_service),
		lab_test(test_two_of_one_flow),
		lab_test(test_order),
		lab_test(test_service_withdrawn),
	};

	return cmocka_run_group_tests_name("fullnat", tests, lab_start, lab_stop);
}

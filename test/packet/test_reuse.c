/* SPDX-License-Identifier: BSD-3-Clause */

/* Connections that follow one another on the same ports, of the client and of weir. */
#include "lab.h"

/* A TCP connection that ends as said, and is then forgotten; its local port is remembered. */
static void connection_ends(bool server_first, uint32_t client_end)
{
	lab_connect(&ends4);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = server_first ? FIN | ACK : ACK);
	run();
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = FIN | ACK, .sequence = client_end - 4,
	    .payload = 3);
	run();
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = server_first ? ACK : FIN | ACK);
	run();
	lab_forget();
}

#define SYN_OPTIONS \
	"\x02\x04\x05\xb4\x04\x02\x08\x0a\x11\x22\x33\x44\x00\x00\x00\x00\x01\x03\x03\x07"
#define SYN_WITHOUT_TIME \
	"\x02\x04\x05\xb4\x04\x02\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x03\x03\x07"
/*
 * The server closed first and is in TIME_WAIT: the next connection on the same local port stands
 * beyond the old one, in both directions, SACK blocks too, and has no timestamps.
 */
static void test_sequence_is_shifted(void **state)
{
	const uint32_t end = 0xfffffff0, first = end + UINT16_MAX, shift = first - 100;

	service(.vip = VIP ":80");
	connection_ends(true, end);
	lab_advance(10);
	assert_int_equal(lab_sessions(), 0);
	lab_next_port(lab.remembered);
	exchange({{.from = CLIENT ":5000",
		   .to = VIP ":80",
		   .tcp = SYN,
		   .sequence = 100,
		   OPTIONS(SYN_OPTIONS)},
		  {.from = LOCAL ":@",
		   .to = SERVER ":80",
		   .tcp = SYN,
		   .sequence = first,
		   OPTIONS(SYN_WITHOUT_TIME)}},
		 {{.from = SERVER ":80",
		   .to = LOCAL ":@",
		   .tcp = SYN | ACK,
		   .sequence = 9,
		   .acknowledgement = first + 1},
		  {.from = VIP ":80",
		   .to = CLIENT ":5000",
		   .tcp = SYN | ACK,
		   .sequence = 9,
		   .acknowledgement = 101}},
		 {{.from = CLIENT ":5000",
		   .to = VIP ":80",
		   .tcp = ACK,
		   .sequence = 101,
		   .acknowledgement = 10,
		   .payload = 7},
		  {.from = LOCAL ":@",
		   .to = SERVER ":80",
		   .tcp = ACK,
		   .sequence = first + 1,
		   .acknowledgement = 10,
		   .payload = 7}});
	assert_true(lab_session()->flags & SESSION_EXTRA);
	// An odd offset and an even one; blocks that wrap.
	for (unsigned int odd = 0; odd < 2; odd++) {
		uint8_t seen[24] = {1, 1, 5, 18}, meant[24] = {1, 1, 5, 18};
		const uint32_t edges[4] = {200, 300, 0xffffff00, 5};

		if (odd) {
			memcpy(seen, "\x01\x05\x12", 3);
			memcpy(meant, "\x01\x05\x12", 3);
		}
		for (unsigned int i = 0; i < 4; i++) {
			uint32_t of_server = rte_cpu_to_be_32(edges[i] + shift);
			uint32_t of_client = rte_cpu_to_be_32(edges[i]);

			memcpy(seen + 4 - odd + 4 * i, &of_server, 4);
			memcpy(meant + 4 - odd + 4 * i, &of_client, 4);
		}
		exchange({{.from = SERVER ":80",
			   .to = LOCAL ":@",
			   .tcp = ACK,
			   .acknowledgement = 150 + shift,
			   .options = (char *)seen,
			   .option_length = 20},
			  {.from = VIP ":80",
			   .to = CLIENT ":5000",
			   .tcp = ACK,
			   .acknowledgement = 150,
			   .options = (char *)meant,
			   .option_length = 20}});
	}
	// A reset without ACK has no number to shift; and the client's resets have one.
	exchange({{.from = SERVER ":80", .to = LOCAL ":@", .tcp = RST, .sequence = 9},
		  {.from = VIP ":80", .to = CLIENT ":5000", .tcp = RST, .sequence = 9}},
		 {{.from = CLIENT ":5000", .to = VIP ":80", .tcp = RST, .sequence = 150},
		  {.from = LOCAL ":@", .to = SERVER ":80", .tcp = RST, .sequence = 150 + shift}});
}

/* What an error quotes of a shifted connection is what the client has sent. */
static void test_shifted_quote(void **state)
{
	const uint32_t end = 5000, first = end + UINT16_MAX, shift = first - 100;
	struct packet of_server = {.from = LOCAL ":@",
				   .to = SERVER ":80",
				   .tcp = ACK,
				   .sequence = 101 + shift,
				   .payload = 50};
	struct packet of_client = {.from = CLIENT ":5000",
				   .to = VIP ":80",
				   .tcp = ACK,
				   .sequence = 101,
				   .payload = 50};

	service(.vip = VIP ":80");
	connection_ends(true, end);
	lab_advance(10);
	lab_next_port(lab.remembered);
	put(.from = CLIENT ":5000", .to = VIP ":80", .tcp = SYN, .sequence = 100);
	run();
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = SYN, .sequence = first);
	put(.from = "192.168.9.9", .to = LOCAL, .icmp = 3, .code = 4, .rest = 1400,
	    .quote = &of_server, .quoted = 28);
	put(.from = "192.168.9.9", .to = LOCAL, .icmp = 3, .code = 4, .rest = 1400,
	    .quote = &of_server);
	run();
	expect(.from = VIP, .to = CLIENT, .icmp = 3, .code = 4, .rest = 1400, .quote = &of_client,
	       .quoted = 28);
	expect(.from = VIP, .to = CLIENT, .icmp = 3, .code = 4, .rest = 1400, .quote = &of_client);
}

static void next_connection(uint32_t sequence_then)
{
	lab_next_port(lab.remembered);
	exchange({{.from = CLIENT ":5000",
		   .to = VIP ":80",
		   .tcp = SYN,
		   .sequence = 100,
		   OPTIONS(SYN_OPTIONS)},
		  {.from = LOCAL ":@",
		   .to = SERVER ":80",
		   .tcp = SYN,
		   .sequence = sequence_then,
		   OPTIONS(SYN_OPTIONS)}});
}

static void test_no_shift_after_a_minute(void **state)
{
	service(.vip = VIP ":80");
	connection_ends(true, 5000);
	lab_advance(61);
	next_connection(100);
}

static void test_no_shift_when_client_closed(void **state)
{
	service(.vip = VIP ":80");
	connection_ends(false, 5000);
	lab_advance(10);
	next_connection(100);
}

/* Numbers of a second shifted connection build on those that the server saw of the first. */
static void test_shift_twice(void **state)
{
	service(.vip = VIP ":80");
	connection_ends(true, 5000);
	lab_advance(10);
	lab_next_port(lab.remembered);
	put(.from = CLIENT ":5000", .to = VIP ":80", .tcp = SYN, .sequence = 100);
	run();
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = SYN, .sequence = 5000 + UINT16_MAX);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = FIN | ACK);
	put(.from = CLIENT ":5000", .to = VIP ":80", .tcp = FIN | ACK, .sequence = 110);
	run();
	lab_forget();
	lab_advance(10);
	assert_int_equal(lab_sessions(), 0);
	assert_int_equal(lab.w->table.extra_pool.used, 0);
	lab_next_port(lab.remembered);
	put(.from = CLIENT ":5001", .to = VIP ":80", .tcp = SYN, .sequence = 7);
	run();
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = SYN,
	       .sequence = 5000 + UINT16_MAX + 11 + UINT16_MAX);
}

/* The client uses its port again at once: in each state that is over, a new session. */
static void port_again(const struct ends *e, const uint8_t *of_client, const uint8_t *of_server)
{
	uint16_t before;

	service(.vip = e->vip);
	lab_connect(e);
	before = lab.remembered;
	for (unsigned int i = 0; i < 2 && of_client[i]; i++) {
		put(.from = e->client, .to = e->vip, .tcp = of_client[i]);
		run();
	}
	for (unsigned int i = 0; i < 2 && of_server[i]; i++) {
		put(.from = e->server, .to = e->local, .tcp = of_server[i]);
		run();
	}
	lab_forget();
	exchange({{.from = e->client, .to = e->vip, .tcp = SYN, .sequence = 900000},
		  {.from = e->local_any, .to = e->server, .tcp = SYN, .sequence = 900000}});
	assert_int_not_equal(lab.remembered, before);
	expect_state(STATE_SYN_RECV);
	lab_check();
	lab_flush();
}

static void test_port_again(void **state)
{
	static const struct {
		uint8_t client[2], server[2];
	} rows[] = {
		{{RST}, {0}},
		{{0}, {RST}},
		{{FIN | ACK}, {0}},
		{{0}, {FIN | ACK}},
		{{FIN | ACK}, {FIN | ACK}},
		{{0}, {FIN | ACK, ACK}},
		{{ACK, FIN}, {ACK}},
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		port_again(&ends4, rows[i].client, rows[i].server);
		port_again(&ends6, rows[i].client, rows[i].server);
	}
}

/* A SYN on a connection that lives goes to its server, who knows what to say. */
static void test_syn_of_living(void **state)
{
	service(.vip = VIP ":80");
	lab_connect(&ends4);
	exchange({{.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .sequence = 5},
		  {.from = LOCAL ":@", .to = SERVER ":80", .tcp = SYN, .sequence = 5}});
	expect_state(STATE_ESTABLISHED);
}

/* Old packets, the new SYN, and more of both in one batch: each finds what is right by then. */
static void test_reuse_in_one_batch(void **state)
{
	uint16_t before;

	service(.vip = VIP ":80");
	lab_connect(&ends4);
	before = lab.remembered;
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = RST);
	run();
	lab_forget();
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .sequence = 1);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .sequence = 2);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .sequence = 3);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = ACK, .sequence = 4);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN, .sequence = 5);
	put(.from = CLIENT ":4001", .to = VIP ":80", .tcp = SYN, .sequence = 6);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK, .sequence = 7);
	run();
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = ACK, .sequence = 1);
	expect(.from = VIP ":80", .to = CLIENT ":4000", .tcp = ACK, .sequence = 2);
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN, .sequence = 3);
	assert_int_not_equal(lab.remembered, before);
	expect_drop(local_no_session); // sequence 4
	expect(.from = LOCAL ":@", .to = SERVER ":80", .tcp = SYN, .sequence = 5);
	before = lab.remembered;
	expect(.from = LOCAL ":*", .to = SERVER ":80", .tcp = SYN, .sequence = 6);
	expect(.from = LOCAL, .from_port = before, .to = SERVER ":80", .tcp = ACK, .sequence = 7);
	assert_int_equal(lab_sessions(), 2);
}

/* The port is used again when the service is gone, or full: the old session is over all the same. */
static void test_reuse_without_service(void **state)
{
	service(.vip = VIP ":80");
	service(.vip = VIP ":81");
	lab_connect(&ends4);
	put(.from = SERVER ":80", .to = LOCAL ":@", .tcp = RST);
	run();
	lab_forget();
	lab_withdraw(VIP ":80", IPPROTO_TCP);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = SYN);
	put(.from = CLIENT ":4000", .to = VIP ":80", .tcp = ACK);
	run();
	expect_drops(vip_no_service, 2);
	assert_int_equal(lab_sessions(), 0);
	lab_check();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_sequence_is_shifted),
		lab_test(test_shifted_quote),
		lab_test(test_no_shift_after_a_minute),
		lab_test(test_no_shift_when_client_closed),
		lab_test(test_shift_twice),
		lab_test(test_port_again),
		lab_test(test_syn_of_living),
		lab_test(test_reuse_in_one_batch),
		lab_test(test_reuse_without_service),
	};

	return cmocka_run_group_tests_name("reuse", tests, lab_start, lab_stop);
}

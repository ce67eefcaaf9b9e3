/* SPDX-License-Identifier: BSD-3-Clause */

/* TCP: the state table, and what is changed in headers, whatever options they have. */
#include "session/l4_tcp.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "session/rewrite.h"
#include "session/table.h"
#include "session/timeout.c"

enum { HEADER_MAX = 60, PAYLOAD = 20 };

/* The sum over header and payload that does not change as long as the checksum is mended. */
static uint16_t sum_of(const uint8_t *tcp, unsigned int header)
{
	return csum_fold(csum_bytes(tcp, header + PAYLOAD));
}

static unsigned int random_header(uint8_t *tcp)
{
	unsigned int header = 20 + random() % 11 * 4;

	for (unsigned int i = 0; i < header + PAYLOAD; i++)
		tcp[i] = random();
	// Options that look like ones, most of the time.
	for (unsigned int at = 20; at < header; at += 1 + random() % 4)
		tcp[at] = random() % 4 ? random() % 9 : random();
	tcp[12] = header / 4 << 4;
	tcp[17] &= 0xfe; // no sum of real data is 0xffff, the other way to write 0
	return header;
}

/* The headers stand at the end of what is allocated, so that reading on is seen. */
static void test_any_options(void **state)
{
	for (unsigned int i = 0; i < 200000; i++) {
		uint8_t random_bytes[HEADER_MAX + PAYLOAD], *bytes, *before;
		unsigned int header = random_header(random_bytes);
		uint16_t sum;

		bytes = malloc(header + PAYLOAD);
		before = malloc(header + PAYLOAD);
		memcpy(bytes, random_bytes, header + PAYLOAD);
		memcpy(before, random_bytes, header + PAYLOAD);
		sum = sum_of(bytes, header);
		tcp_clamp_mss(bytes, header, random() % 3000);
		assert_int_equal(sum_of(bytes, header), sum);
		tcp_remove_timestamp(bytes, header);
		assert_int_equal(sum_of(bytes, header), sum);
		tcp_shift_sequence(bytes, random() * 2);
		tcp_shift_acknowledgement(bytes, header, random() * 2);
		assert_int_equal(sum_of(bytes, header), sum);
		assert_memory_equal(bytes + header, before + header, PAYLOAD);
		assert_memory_equal(bytes, before, 4);
		assert_memory_equal(bytes + 12, before + 12, 4);
		free(bytes);
		free(before);
	}
}

/* Shifting there and back leaves the header as it was. */
static void test_shift_back(void **state)
{
	for (unsigned int i = 0; i < 20000; i++) {
		uint8_t bytes[HEADER_MAX + PAYLOAD], before[HEADER_MAX + PAYLOAD];
		unsigned int header = random_header(bytes);
		uint32_t shift = random() * 2 + 1;

		memcpy(before, bytes, sizeof(before));
		tcp_shift_sequence(bytes, shift);
		tcp_shift_acknowledgement(bytes, header, shift);
		tcp_shift_acknowledgement(bytes, header, -shift);
		tcp_shift_sequence(bytes, -shift);
		assert_memory_equal(bytes, before, header);
	}
}

static void test_states(void **state)
{
	static const uint8_t flags[] = {
		0,	 TCP_SYN,	    TCP_SYN | TCP_ACK, TCP_FIN, TCP_FIN | TCP_ACK,
		TCP_RST, TCP_RST | TCP_ACK, TCP_ACK,	       0xff};

	for (enum session_state from = STATE_NONE; from <= STATE_CLOSE; from++) {
		for (unsigned int direction = 0; direction < 2; direction++) {
			for (unsigned int i = 0; i < sizeof(flags); i++) {
				enum session_state to = tcp_next_state(from, direction, flags[i]);

				assert_in_range(to, STATE_SYN_SENT, STATE_CLOSE);
				if (flags[i] & TCP_RST)
					assert_int_equal(to, STATE_CLOSE);
				// What is over stays over: it is ended by time or by a new SYN.
				if (tcp_state_is_over(from))
					assert_true(tcp_state_is_over(to));
			}
		}
		assert_true(timeouts_default.seconds[from] > 0);
	}
	assert_false(tcp_state_is_over(STATE_SYN_SENT));
	assert_false(tcp_state_is_over(STATE_SYN_RECV));
	assert_false(tcp_state_is_over(STATE_ESTABLISHED));
}

/* Rewriting a packet in both directions gives the first one back, but for two hops. */
static void test_rewrite(void **state)
{
	for (unsigned int i = 0; i < 50000; i++) {
		struct session_wide wide = {0};
		struct session *s = &wide.head;
		uint8_t packet[80], before[80];
		bool ipv6 = i % 2, tcp = i % 4 < 2;
		unsigned int header = ipv6 ? 40 : 20;

		for (unsigned int j = 0; j < sizeof(packet); j++)
			packet[j] = random();
		for (unsigned int j = 0; j < 80; j++)
			((uint8_t *)s->key4)[j] = random();
		if (ipv6) {
			memcpy(session_key6(s, 0)->source, packet + 8, 32);
			memcpy(&session_key6(s, 0)->source_port, packet + 40, 4);
			session_key6(s, 0)->zone_protocol = session_key6(s, 1)->zone_protocol = 6;
		} else {
			memcpy(&s->key4[0].source, packet + 12, 8);
			memcpy(&s->key4[0].source_port, packet + 20, 4);
			s->key4[0].zone_protocol = s->key4[1].zone_protocol = 6;
		}
		rewrite_prepare(s, ipv6);
		memcpy(before, packet, sizeof(before));
		if (ipv6) {
			rewrite6(packet, packet + header, s, 0, tcp ? 6 : 17);
			assert_memory_equal(packet + 8, session_key6(s, 1)->destination, 16);
			assert_memory_equal(packet + 24, session_key6(s, 1)->source, 16);
			rewrite6(packet, packet + header, s, 1, tcp ? 6 : 17);
			packet[7] += 2;
			// turned twice: what came from the client is now sent to it
			assert_memory_equal(packet + 8, before + 24, 16);
			assert_memory_equal(packet + 24, before + 8, 16);
		} else {
			rewrite4(packet, packet + header, s, 0, tcp ? 6 : 17);
			assert_memory_equal(packet + 12, &s->key4[1].destination, 4);
			assert_memory_equal(packet + 16, &s->key4[1].source, 4);
			rewrite4(packet, packet + header, s, 1, tcp ? 6 : 17);
			assert_memory_equal(packet + 12, before + 16, 4);
			assert_memory_equal(packet + 16, before + 12, 4);
		}
		assert_memory_equal(packet + header, before + header + 2, 2);
		assert_memory_equal(packet + header + 2, before + header, 2);
	}
}

static void test_timeouts(void **state)
{
	struct timeouts t = timeouts_default, other = timeouts_default;
	int first, second;

	timeout_start();
	first = timeout_acquire(&t);
	assert_int_equal(timeout_acquire(&t), first);
	assert_int_not_equal(first, 0); // Linux's own sessions use that one
	other.seconds[STATE_ESTABLISHED] = 77;
	second = timeout_acquire(&other);
	assert_int_not_equal(second, first);
	assert_int_equal(timeout_table[second].seconds[STATE_ESTABLISHED], 77);
	assert_int_equal(timeout_table[first].seconds[STATE_ESTABLISHED], 90);
	for (unsigned int i = 2; i < TIMEOUT_SETS - 1; i++) {
		other.seconds[STATE_ESTABLISHED] = 1000 + i;
		assert_in_range(timeout_acquire(&other), 1, TIMEOUT_SETS - 1);
	}
	other.seconds[STATE_ESTABLISHED] = 5;
	assert_int_equal(timeout_acquire(&other), -ENOSPC);
	assert_int_equal(timeout_acquire(&t), first);
	timeout_release(second);
	assert_int_equal(timeout_acquire(&other), second);
	timeout_release(first);
	timeout_release(first);
	other.seconds[STATE_ESTABLISHED] = 6;
	assert_int_equal(timeout_acquire(&other), -ENOSPC);
	timeout_release(first);
	assert_int_equal(timeout_acquire(&other), first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_options), cmocka_unit_test(test_shift_back),
		cmocka_unit_test(test_states),	    cmocka_unit_test(test_rewrite),
		cmocka_unit_test(test_timeouts),
	};

	return cmocka_run_group_tests_name("tcp", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <rte_cycles.h>
#include <rte_hash_crc.h>

#include "session/l4_sctp.h"

/* The whole checksum, a bit at a time. */
static uint32_t whole(const uint8_t *bytes, unsigned int length)
{
	uint32_t crc = UINT32_MAX;

	for (unsigned int i = 0; i < length; i++) {
		crc ^= i >= SCTP_CHECKSUM && i < SCTP_HEADER ? 0 : bytes[i];
		for (unsigned int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
	}
	return ~crc;
}

/* New ports at every length: the checksum is what it would be if made anew. */
static void test_ports(void **state)
{
	static uint8_t packet[UINT16_MAX + 1];

	for (unsigned int i = 0; i < sizeof(packet); i++)
		packet[i] = rand();
	for (unsigned int length = SCTP_HEADER; length <= UINT16_MAX;
	     length += length < 700 ? 1 : 1021) {
		uint32_t crc = whole(packet, length), ports = rand();

		memcpy(packet + SCTP_CHECKSUM, &crc, 4);
		sctp_ports_change(packet, length, ports);
		crc = whole(packet, length);
		assert_memory_equal(packet, &ports, 4);
		assert_memory_equal(packet + SCTP_CHECKSUM, &crc, 4);
		// a wrong one stays wrong by the same bits
		packet[SCTP_CHECKSUM] ^= 0x40;
		sctp_ports_change(packet, length, ~ports);
		crc = whole(packet, length) ^ 0x40;
		assert_memory_equal(packet + SCTP_CHECKSUM, &crc, 4);
	}
}

/* For people: what it costs, beside one checksum of the whole packet. Decides nothing. */
static void test_cost(void **state)
{
	static uint8_t packet[1480];
	volatile uint32_t sink;

	for (unsigned int length = 64; length <= sizeof(packet); length += 708) {
		uint64_t begin = rte_rdtsc(), middle;

		for (uint32_t i = 0; i < 100000; i++)
			sctp_ports_change(packet, length, i);
		middle = rte_rdtsc();
		for (uint32_t i = 0; i < 100000; i++) {
			packet[0] = i;
			sink = rte_hash_crc(packet, length, 0);
		}
		print_message("%u bytes: %lu cycles by difference, %lu whole\n", length,
			      (middle - begin) / 100000, (rte_rdtsc() - middle) / 100000);
	}
	(void)sink;
}

/* All states, and what does not belong to them. */
static void test_states(void **state)
{
	static const struct {
		enum session_state before;
		unsigned int direction;
		uint8_t event;
		enum session_state after;
	} rows[] = {
		{STATE_NONE, 0, SCTP_INIT, STATE_SCTP_INIT},
		{STATE_SCTP_INIT, 1, SCTP_INIT, STATE_SCTP_INIT},
		{STATE_SCTP_INIT, 1, SCTP_INIT_ACK, STATE_SCTP_INIT_ACK},
		{STATE_SCTP_INIT, 0, SCTP_INIT_ACK, STATE_SCTP_INIT},
		{STATE_SCTP_INIT, 1, SCTP_COOKIE_ECHO, STATE_SCTP_INIT},
		{STATE_SCTP_INIT_ACK, 0, SCTP_COOKIE_ECHO, STATE_SCTP_COOKIE},
		{STATE_SCTP_COOKIE, 0, SCTP_COOKIE_ACK, STATE_SCTP_COOKIE},
		{STATE_SCTP_COOKIE, 1, SCTP_COOKIE_ACK, STATE_SCTP_ESTABLISHED},
		{STATE_SCTP_COOKIE, 0, SCTP_SHUTDOWN, STATE_SCTP_COOKIE},
		{STATE_SCTP_ESTABLISHED, 0, SCTP_INIT, STATE_SCTP_ESTABLISHED},
		{STATE_SCTP_ESTABLISHED, 1, SCTP_SHUTDOWN, STATE_SCTP_SHUTDOWN},
		{STATE_SCTP_SHUTDOWN, 0, SCTP_SHUTDOWN_ACK, STATE_SCTP_SHUTDOWN},
		{STATE_SCTP_SHUTDOWN, 1, SCTP_COOKIE_ACK, STATE_SCTP_ESTABLISHED},
		{STATE_SCTP_SHUTDOWN, 1, SCTP_SHUTDOWN_COMPLETE, STATE_SCTP_CLOSED},
		{STATE_SCTP_INIT, 1, SCTP_ABORT, STATE_SCTP_CLOSED},
		{STATE_SCTP_CLOSED, 1, SCTP_COOKIE_ACK, STATE_SCTP_CLOSED},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(sctp_next_state(rows[i].before, rows[i].direction, rows[i].event),
				 rows[i].after);
	assert_int_equal(sctp_next_state_one_way(STATE_SCTP_COOKIE, SCTP_NOTHING),
			 STATE_SCTP_ESTABLISHED);
	assert_true(sctp_state_is_over(STATE_SCTP_CLOSED));
	assert_false(sctp_state_is_over(STATE_SCTP_SHUTDOWN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_states),
	};

	sctp_start();
	return cmocka_run_group_tests_name("sctp", tests, NULL, NULL);
}

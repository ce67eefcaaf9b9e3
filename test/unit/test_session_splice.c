/* SPDX-License-Identifier: BSD-3-Clause */
/* Splicing: every number of a segment moves by its difference, and its checksum stays true. */
#include "session/splice.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_tcp.h>

#include "base/csum.h"
#include "environment.h"

enum { FIXED = 20, ACK = 0x10, TOLD = 5000, SERVER = 0xfffffff0u };

/* The client was told 5000 and time 100 and scale 7; the server says -16, time 40 and scale 2. */
static struct session_extra spliced(uint8_t server_scale, bool server_scales)
{
	const struct splice_side told = {.isn = TOLD, .time = 100, .window_scale = 7};
	const struct splice_side server = {.isn = SERVER, .time = 40, .window_scale = server_scale};
	struct session_extra extra = {.sequence_shift = 3};

	splice_begin(&extra, &told, &server, 5, server_scales);
	return extra;
}

static void write32(uint8_t *at, uint32_t value)
{
	value = rte_cpu_to_be_32(value);
	memcpy(at, &value, 4);
}

static uint32_t read32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, 4);
	return rte_be_to_cpu_32(value);
}

/* A header whose checksum is right; of a pseudo-header that is zero. */
static unsigned int segment(uint8_t *tcp, const char *options, unsigned int length, uint16_t window)
{
	struct rte_tcp_hdr *header = (struct rte_tcp_hdr *)tcp;

	*header = (struct rte_tcp_hdr){.sent_seq = RTE_BE32(1000),
				       .recv_ack = RTE_BE32(2000),
				       .data_off = (FIXED + length) / 4 << 4,
				       .tcp_flags = ACK,
				       .rx_win = rte_cpu_to_be_16(window)};
	memcpy(tcp + FIXED, options, length);
	header->cksum = ~csum_fold(csum_bytes(tcp, FIXED + length));
	return FIXED + length;
}

static void check(const uint8_t *tcp, unsigned int length)
{
	assert_int_equal(csum_fold(csum_bytes(tcp, length)), 0xffff);
}

static void test_numbers(void **state)
{
	struct session_extra extra = spliced(2, true);
	uint8_t tcp[60];
	unsigned int length = segment(tcp, "", 0, 512);

	splice_segment(tcp, &extra, 0);
	assert_int_equal(read32(tcp + 4), 1003);
	assert_int_equal(read32(tcp + 8), 2000 + SERVER - TOLD);
	check(tcp, length);
	length = segment(tcp, "", 0, 512);
	splice_segment(tcp, &extra, 1);
	assert_int_equal(read32(tcp + 4), 1000 + TOLD - SERVER);
	assert_int_equal(read32(tcp + 8), 1997);
	check(tcp, length);
}

/* A segment that acknowledges nothing has a number there that means nothing. */
static void test_without_ack(void **state)
{
	struct session_extra extra = spliced(2, true);
	uint8_t tcp[60];
	unsigned int length = segment(tcp, "", 0, 512);

	tcp[13] = 4;
	((struct rte_tcp_hdr *)tcp)->cksum = 0;
	((struct rte_tcp_hdr *)tcp)->cksum = ~csum_fold(csum_bytes(tcp, length));
	splice_segment(tcp, &extra, 0);
	assert_int_equal(read32(tcp + 8), 2000);
	check(tcp, length);
}

/* Times and SACK blocks, at even and at odd places. */
static void test_options(void **state)
{
	struct session_extra extra = spliced(2, true);

	for (unsigned int direction = 0; direction < 2; direction++)
		for (unsigned int nops = 0; nops < 4; nops++) {
			char options[32] = "\1\1\1\x08\x0a........\5\x0a********\1\1\1\1\1\1";
			uint32_t shift = direction ? -3u : SERVER - TOLD;
			unsigned int at = nops, length;
			uint8_t tcp[60];

			memmove(options + nops, options + 3, 22);
			memset(options, 1, nops);
			memset(options + nops + 22, 1, sizeof(options) - nops - 22);
			write32((uint8_t *)options + at + 2, 70);
			write32((uint8_t *)options + at + 6, 80);
			write32((uint8_t *)options + at + 12, 0xffffffff);
			write32((uint8_t *)options + at + 16, 9);
			length = segment(tcp, options, 28, 512);
			splice_segment(tcp, &extra, direction);
			at += FIXED;
			assert_int_equal(read32(tcp + at + 2), direction ? 130 : 70);
			assert_int_equal(read32(tcp + at + 6), direction ? 80 : 20);
			assert_int_equal(read32(tcp + at + 12), 0xffffffff + shift);
			assert_int_equal(read32(tcp + at + 16), 9 + shift);
			check(tcp, length);
		}
}

/* As Linux puts them: two NOPs and the times alone. */
static void test_times_alone(void **state)
{
	struct session_extra extra = spliced(2, true);
	uint8_t tcp[60];
	unsigned int length;

	length = segment(tcp, "\1\1\x08\x0a\0\0\0\x46\0\0\0\x50", 12, 512);
	splice_segment(tcp, &extra, 0);
	assert_int_equal(read32(tcp + FIXED + 4), 70);
	assert_int_equal(read32(tcp + FIXED + 8), 20);
	check(tcp, length);
	// As long, and something else: twelve bytes of NOPs and one SACK block.
	length = segment(tcp, "\1\1\5\x0a\0\0\0\x46\0\0\0\x50", 12, 512);
	splice_segment(tcp, &extra, 1);
	assert_int_equal(read32(tcp + FIXED + 4), 70 - 3);
	assert_int_equal(read32(tcp + FIXED + 8), 80 - 3);
	check(tcp, length);
}

/* Nothing behind a malformed option is touched, nor behind the end of the list. */
static void test_malformed(void **state)
{
	static const char *const options[] = {"\x08\0......", "\x08\1......", "\5\x0a......",
					      "\0\x08\x0a.....", "\1\1\1\1\1\1\1\5"};
	struct session_extra extra = spliced(2, true);

	for (unsigned int i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		uint8_t tcp[60];
		unsigned int length = segment(tcp, options[i], 8, 512);

		splice_segment(tcp, &extra, 0);
		assert_memory_equal(tcp + FIXED, options[i], 8);
		check(tcp, length);
	}
}

static uint16_t window(const struct session_extra *extra, unsigned int direction, uint16_t before)
{
	uint8_t tcp[60];
	unsigned int length = segment(tcp, "", 0, before);

	splice_segment(tcp, extra, direction);
	check(tcp, length);
	return tcp[14] << 8 | tcp[15];
}

static void test_windows(void **state)
{
	struct session_extra extra = spliced(2, true);

	// The server counts in 4, the client believes in 128.
	assert_int_equal(window(&extra, 1, 512), 512 >> 5);
	assert_int_equal(window(&extra, 0, 512), 512);
	extra = spliced(9, true);
	assert_int_equal(window(&extra, 1, 512), 2048);
	assert_int_equal(window(&extra, 1, 40000), UINT16_MAX);
	// The server does not scale: windows stand as they are on its side.
	extra = spliced(0, false);
	assert_int_equal(window(&extra, 1, 512), 512 >> 7);
	assert_int_equal(window(&extra, 0, 512), 512 << 5);
	assert_int_equal(window(&extra, 0, 40000), UINT16_MAX);
}

/* One side without timestamps: nobody's times move. */
static void test_no_times(void **state)
{
	const struct splice_side told = {.isn = 1, .time = 0}, server = {.isn = 1, .time = 40};
	struct session_extra extra = {0};

	splice_begin(&extra, &told, &server, 0, true);
	assert_int_equal(extra.time_shift, 0);
	assert_int_equal(extra.server_shift, 0);
	assert_true(extra.spliced);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),	  cmocka_unit_test(test_without_ack),
		cmocka_unit_test(test_options),	  cmocka_unit_test(test_times_alone),
		cmocka_unit_test(test_malformed), cmocka_unit_test(test_windows),
		cmocka_unit_test(test_no_times),
	};

	return cmocka_run_group_tests_name("splice", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/* Headers and ICMP errors from one family to the other, against RFC 7915's tables. */
#include "session/translate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

static const uint8_t client[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
static const uint8_t vip[16] = {0x20, 1, 0xd, 0xb8, [15] = 2};
#define LOCAL  RTE_BE32(0xc0a864c8)
#define SERVER RTE_BE32(0xc0a86402)

static bool header_sum_is_good(const uint8_t *header)
{
	return csum_fold(csum_bytes(header, 20)) == 0xffff;
}

static void test_to4(void **state)
{
	// Traffic class 0xb9, flow label 0x12345, 1241 bytes, hop limit 60.
	static const uint8_t in[40] = {0x6b, 0x91, 0x23, 0x45, 0x04, 0xd9, 6, 60, [8] = 0xff};
	uint8_t out[20], expected[20] = {0x45, 0xb9, 0x04, 0xed, 0,   0,   0x40, 0,   60,  6,
					 0,    0,    192,  168,	 100, 200, 192,	 168, 100, 2};
	struct translate t;

	translate_from6(&t, (const void *)in, 40, 6, NULL);
	assert_int_equal(t.payload, 1241);
	translate_to4((void *)out, &t, LOCAL, SERVER, 0x1234);
	assert_true(header_sum_is_good(out));
	memcpy(expected + 10, out + 10, 2);
	assert_memory_equal(out, expected, 20);
	// One byte less may be fragmented, and then has an identification.
	t.payload--;
	translate_to4((void *)out, &t, LOCAL, SERVER, 0x1234);
	assert_true(header_sum_is_good(out));
	memcpy(expected + 2, "\x04\xec\x12\x34\0\0", 6);
	memcpy(expected + 10, out + 10, 2);
	assert_memory_equal(out, expected, 20);
}

static void test_to6(void **state)
{
	// An option, so that 24 bytes are header; "may be fragmented" and the identification are lost.
	static const uint8_t in[24] = {0x46, 0xb9, 0x05, 0xdc, 0x12, 0x34, 0, 0, 60, 17, [20] = 1};
	static const uint8_t start[8] = {0x6b, 0x90, 0, 0, 0x05, 0xc4, 17, 60};
	uint8_t out[41] = {[40] = 0xee};
	struct translate t;

	translate_from4(&t, (const void *)in);
	assert_int_equal(translate_header6(&t), 40);
	translate_to6((void *)out, &t, client, vip);
	assert_memory_equal(out, start, 8);
	assert_memory_equal(out + 8, client, 16);
	assert_memory_equal(out + 24, vip, 16);
	assert_int_equal(out[40], 0xee);
}

/* Fragments keep their place, and the lower half of the identification. */
static void test_fragments(void **state)
{
	static const uint8_t rows[][2] = {{0x20, 0}, {0x20, 5}, {0x00, 6}, {0x1f, 0xfe}};

	for (unsigned int i = 0; i < 4; i++) {
		uint8_t in[20] = {0x45, 0, 0, 100, 0x12, 0x34, rows[i][0], rows[i][1], 60, 17};
		uint16_t place = (rows[i][0] & 0x1f) << 8 | rows[i][1];
		uint8_t wide[48], out[20];
		struct translate t, back;

		translate_from4(&t, (const void *)in);
		assert_true(translate_is_fragment(&t));
		assert_int_equal(translate_header6(&t), 48);
		translate_to6((void *)wide, &t, client, vip);
		assert_int_equal(wide[4] << 8 | wide[5], 88);
		assert_int_equal(wide[6], 44);
		assert_int_equal(wide[40], 17);
		assert_int_equal((wide[42] << 8 | wide[43]) >> 3, place);
		assert_int_equal(wide[43] & 7, rows[i][0] >> 5);
		assert_memory_equal(wide + 44, "\0\0\x12\x34", 4);

		wide[44] = 0xab; // of an identification that IPv6 made
		translate_from6(&back, (const void *)wide, 48, 17, wide + 40);
		assert_int_equal(back.identification, 0xab001234);
		assert_int_equal(back.offset, t.offset);
		assert_int_equal(back.more, t.more);
		translate_to4((void *)out, &back, LOCAL, SERVER, 99);
		assert_memory_equal(out + 2, in + 2, 8);
		assert_true(header_sum_is_good(out));
	}
}

static void test_mtu(void **state)
{
	static const struct {
		uint32_t mtu4;
		uint16_t to6;
	} up[] = {{0, 1280},	{68, 1280},   {1259, 1280},   {1260, 1280},   {1261, 1281},
		  {1480, 1500}, {1500, 1520}, {65515, 65535}, {65535, 65535}, {70000, 65535}};
	static const struct {
		uint32_t mtu6;
		uint16_t to4;
	} down[] = {{0, 1260},	  {1279, 1260},	  {1280, 1260},	      {1281, 1261},
		    {1500, 1480}, {65535, 65515}, {UINT32_MAX, 65515}};

	for (unsigned int i = 0; i < sizeof(up) / sizeof(up[0]); i++)
		assert_int_equal(translate_mtu_to6(up[i].mtu4), up[i].to6);
	for (unsigned int i = 0; i < sizeof(down) / sizeof(down[0]); i++)
		assert_int_equal(translate_mtu_to4(down[i].mtu6), down[i].to4);
}

/* A row: type, code and the second word; all zero where an error is dropped. */
struct row {
	uint8_t type, code;
	uint32_t rest;
	uint8_t type_then, code_then;
	uint32_t rest_then;
};

static void row_bytes(uint8_t out[8], uint8_t type, uint8_t code, uint32_t rest)
{
	memset(out, 0, 8);
	out[0] = type;
	out[1] = code;
	rest = rte_cpu_to_be_32(rest);
	memcpy(out + 4, &rest, 4);
}

static void row_run(const struct row *row, bool to6, uint16_t quoted, uint16_t mtu4, uint16_t mtu6)
{
	uint8_t in[8], out[8], expected[8];
	bool there;

	row_bytes(in, row->type, row->code, row->rest);
	row_bytes(expected, row->type_then, row->code_then, row->rest_then);
	there = to6 ? translate_error_to6(in, quoted, mtu4, mtu6, out)
		    : translate_error_to4(in, mtu4, mtu6, out);
	if (there != (row->type_then != 0))
		fail_msg("type %u, code %u, rest 0x%x", row->type, row->code, row->rest);
	if (there && memcmp(out, expected, 8) != 0)
		fail_msg("type %u, code %u, rest 0x%x became %u, %u, 0x%02x%02x%02x%02x", row->type,
			 row->code, row->rest, out[0], out[1], out[4], out[5], out[6], out[7]);
}

static void test_errors_to6(void **state)
{
	static const struct row rows[] = {
		{3, 0, 0, 1, 0, 0},
		{3, 1, 0, 1, 0, 0},
		{3, 2, 0, 4, 1, 6},
		{3, 3, 0, 1, 4, 0},
		{3, 5, 0, 1, 0, 0},
		{3, 6, 0, 1, 0, 0},
		{3, 7, 0, 1, 0, 0},
		{3, 8, 0, 1, 0, 0},
		{3, 9, 0, 1, 1, 0},
		{3, 10, 0, 1, 1, 0},
		{3, 11, 0, 1, 0, 0},
		{3, 12, 0, 1, 0, 0},
		{3, 13, 0, 1, 1, 0},
		{3, 14, 0},
		{3, 15, 0, 1, 1, 0},
		{3, 16, 0},
		{3, 255, 0},
		{4, 0, 0},
		{5, 1, 0},
		{11, 0, 0, 3, 0, 0},
		{11, 1, 0x00200000, 3, 1, 0},
		{12, 0, 0, 4, 0, 0},
		{12, 0, 1u << 24, 4, 0, 1},
		{12, 0, 2u << 24, 4, 0, 4},
		{12, 2, 3u << 24, 4, 0, 4},
		{12, 0, 4u << 24},
		{12, 0, 6u << 24},
		{12, 0, 8u << 24, 4, 0, 7},
		{12, 0, 9u << 24, 4, 0, 6},
		{12, 0, 10u << 24},
		{12, 0, 12u << 24, 4, 0, 8},
		{12, 0, 15u << 24, 4, 0, 8},
		{12, 0, 16u << 24, 4, 0, 24},
		{12, 0, 19u << 24, 4, 0, 24},
		{12, 0, 20u << 24},
		{12, 0, 255u << 24},
		{12, 1, 0},
		{12, 3, 0},
		{0, 0, 0},
		{8, 0, 0},
		// the MTU, and the MTUs of weir's own next hops, of which the smallest counts
		{3, 4, 1400, 2, 0, 1420},
		{3, 4, 1480, 2, 0, 1500},
		{3, 4, 1500, 2, 0, 1500},
		{3, 4, 9000, 2, 0, 1500},
		{3, 4, 576, 2, 0, 1280},
		{3, 4, 1, 2, 0, 1280},
		{3, 4, 0x05dc0000 | 1300, 2, 0, 1320},
	};
	static const struct row plateau = {3, 4, 0, 2, 0, 1500}, low = {3, 4, 0, 2, 0, 1280},
				jumbo = {3, 4, 9000, 2, 0, 4020};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		row_run(&rows[i], true, 1500, 1500, 1500);
	row_run(&plateau, true, 1500, 1500, 1500); // 1492 and 20, but the client's link has 1500
	row_run(&low, true, 1492, 1500, 1500);	   // 1006
	row_run(&low, true, 0, 1500, 1500);
	row_run(&jumbo, true, 9000, 4000, 9000);
}

static void test_errors_to4(void **state)
{
	static const struct row rows[] = {
		{1, 0, 0, 3, 1, 0},
		{1, 1, 0, 3, 10, 0},
		{1, 2, 0, 3, 1, 0},
		{1, 3, 0x10000000, 3, 1, 0},
		{1, 4, 0, 3, 3, 0},
		{1, 5, 0},
		{1, 255, 0},
		{3, 0, 0, 11, 0, 0},
		{3, 1, 0, 11, 1, 0},
		{4, 0, 0, 12, 0, 0},
		{4, 0, 1, 12, 0, 1u << 24},
		{4, 0, 2},
		{4, 0, 3},
		{4, 0, 4, 12, 0, 2u << 24},
		{4, 0, 5, 12, 0, 2u << 24},
		{4, 0, 6, 12, 0, 9u << 24},
		{4, 0, 7, 12, 0, 8u << 24},
		{4, 0, 8, 12, 0, 12u << 24},
		{4, 0, 23, 12, 0, 12u << 24},
		{4, 0, 24, 12, 0, 16u << 24},
		{4, 0, 39, 12, 0, 16u << 24},
		{4, 0, 40},
		{4, 0, UINT32_MAX},
		{4, 1, 6, 3, 2, 0},
		{4, 2, 40},
		{128, 0, 0},
		{135, 0, 0},
		{2, 0, 1500, 3, 4, 1480},
		{2, 0, 1400, 3, 4, 1380},
		{2, 0, 1280, 3, 4, 1260},
		{2, 0, 100, 3, 4, 1260},
		{2, 0, 0, 3, 4, 1260},
		{2, 0, 9000, 3, 4, 1480},
		{2, 0, UINT32_MAX, 3, 4, 1480},
	};
	static const struct row narrow = {2, 0, 9000, 3, 4, 1400};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		row_run(&rows[i], false, 0, 1500, 1500);
	row_run(&narrow, false, 0, 1400, 1500);
}

static void test_extensions(void **state)
{
	const uint8_t unreachable4[8] = {3, 1, 0, 0, 0, 32}, lie4[8] = {3, 1, 0, 0, 0, 31};
	const uint8_t unreachable6[8] = {1, 0, 0, 0, 16}, too_big[8] = {2, 0, 0, 0, 16};

	assert_int_equal(translate_quoted_in4(unreachable4, 200), 128);
	assert_int_equal(translate_quoted_in4(unreachable4, 100), 100);
	assert_int_equal(translate_quoted_in4(lie4, 200), 200);
	assert_int_equal(translate_quoted_in6(unreachable6, 200), 128);
	assert_int_equal(translate_quoted_in6(unreachable6, 128), 128);
	assert_int_equal(translate_quoted_in6(too_big, 200), 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_to4),	   cmocka_unit_test(test_to6),
		cmocka_unit_test(test_fragments),  cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_errors_to6), cmocka_unit_test(test_errors_to4),
		cmocka_unit_test(test_extensions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/* Checksums against a sum that takes one byte after the other; large mappings; names of drops. */
#include "base/csum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/drops.h"
#include "base/error.h"
#include "base/memory.h"

static uint16_t slow_sum(const uint8_t *bytes, unsigned int length)
{
	uint32_t sum = 0;

	for (unsigned int i = 0; i < length; i++)
		sum += i % 2 ? bytes[i] : bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return __builtin_bswap16(sum);
}

/* 0 and 0xffff are the same number. */
static bool same(uint16_t a, uint16_t b)
{
	return a == b || (uint16_t)(a + b) == 0xffff * (a == 0 || b == 0);
}

static void fill(uint8_t *bytes, unsigned int length)
{
	unsigned int kind = random() % 4;

	for (unsigned int i = 0; i < length; i++)
		bytes[i] = kind == 0 ? 0xff : kind == 1 ? 0 : random();
}

static void test_bytes(void **state)
{
	uint8_t bytes[2100];

	for (unsigned int length = 0; length < 2000; length += length < 100 ? 1 : 61) {
		for (unsigned int at = 0; at < 9; at++) {
			fill(bytes, sizeof(bytes));
			assert_true(same(csum_fold(csum_bytes(bytes + at, length)),
					 slow_sum(bytes + at, length)));
		}
	}
}

static void test_fold(void **state)
{
	assert_int_equal(csum_fold(0), 0);
	assert_int_equal(csum_fold(UINT64_MAX), 0xffff);
	assert_int_equal(csum_fold(0xffffffffffff0000), 0xffff);
	assert_int_equal(csum_fold(0x1000000000000), 1);
	for (unsigned int i = 0; i < 100000; i++) {
		uint64_t sum = (uint64_t)random() << 33 ^ (uint64_t)random() << 11 ^ random();

		assert_int_equal(csum_fold(sum), sum % 0xffff ? sum % 0xffff : sum ? 0xffff : 0);
	}
}

/* Words of a packet change; the field follows by differences and is what it would be anew. */
static void test_incremental(void **state)
{
	for (unsigned int i = 0; i < 20000; i++) {
		uint8_t bytes[64];
		uint16_t field, before16, after16;
		uint32_t before32, after32;

		fill(bytes, sizeof(bytes));
		bytes[0] |= 1; // a packet is never all zero
		field = ~slow_sum(bytes, sizeof(bytes));
		memcpy(&before16, bytes + 10, 2);
		fill(bytes + 10, 2);
		memcpy(&after16, bytes + 10, 2);
		field = csum_replace16(field, before16, after16);
		assert_int_equal(field, (uint16_t)~slow_sum(bytes, sizeof(bytes)));
		memcpy(&before32, bytes + 20, 4);
		fill(bytes + 20, 4);
		memcpy(&after32, bytes + 20, 4);
		field = csum_replace32(field, before32, after32);
		assert_int_equal(field, (uint16_t)~slow_sum(bytes, sizeof(bytes)));
		// There and back again by the complement.
		after16 = csum_difference(before16, after16);
		assert_int_equal(csum_apply(csum_apply(field, after16), ~after16), field);
	}
}

static void test_pseudo(void **state)
{
	for (unsigned int i = 0; i < 2000; i++) {
		uint8_t header[40] = {0};
		uint16_t length = random();
		uint32_t addresses[2];

		fill(header, 32);
		memcpy(addresses, header, 8);
		header[35] = 0;
		header[34] = length >> 8;
		header[35] = length;
		header[39] = 17;
		assert_true(same(csum_fold(csum_pseudo6(header, 17, length)),
				 slow_sum(header, sizeof(header))));
		memset(header + 8, 0, 24);
		assert_true(same(csum_fold(csum_pseudo4(addresses[0], addresses[1], 17, length)),
				 slow_sum(header, sizeof(header))));
	}
}

static void test_memory(void **state)
{
	struct memory m;

	for (int pages = MEMORY_SMALL; pages <= MEMORY_HUGE; pages++) {
		assert_int_equal(memory_map(&m, "test", 5000000, pages), 0);
		assert_true(m.bytes >= 5000000 && m.bytes % (2 << 20) == 0);
		assert_int_equal((uintptr_t)m.base % (2 << 20), 0);
		for (size_t i = 0; i < m.bytes; i += 4096)
			assert_int_equal(((uint8_t *)m.base)[i], 0);
		((uint8_t *)m.base)[m.bytes - 1] = 1;
		memory_unmap(&m);
		assert_null(m.base);
		memory_unmap(&m);
	}
	assert_int_not_equal(memory_map(&m, "test", SIZE_MAX / 2, MEMORY_SMALL), 0);
	memory_unmap(&m); // of what could not be had: nothing
}

static void test_names(void **state)
{
	struct error error;

	for (unsigned int i = 0; i < DROP_COUNT; i++) {
		assert_true(strlen(drop_name(i)) > 0 && strlen(drop_sentence(i)) > 0);
		assert_null(strpbrk(drop_name(i), " -.\""));
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(drop_name(i), drop_name(j));
	}
	assert_int_equal(error_set(&error, -5, NULL, "%d is %s", 4, "too few"), -5);
	assert_int_equal(error.code, -5);
	assert_string_equal(error.field, "");
	assert_string_equal(error.text, "4 is too few");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),	    cmocka_unit_test(test_fold),
		cmocka_unit_test(test_incremental), cmocka_unit_test(test_pseudo),
		cmocka_unit_test(test_memory),	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("csum", tests, NULL, NULL);
}

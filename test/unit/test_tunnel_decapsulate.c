/* SPDX-License-Identifier: BSD-3-Clause */
/* Outer headers that are right and wrong, and marks of congestion. */
#include "tunnel/decapsulate.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/csum.h"

struct row {
	uint8_t protocol;
	char bytes[17]; // then zeros
	unsigned int there;
	enum drop reason;
	unsigned int inside;
	bool has_key;
	uint32_t key;
};

static const struct row rows[] = {
	{IPPROTO_IPIP, "", 20, DROP_none, 0, false, 0},
	{IPPROTO_IPV6, "", 19, DROP_tunnel_short, 0, false, 0},
	{IPPROTO_GRE, "\0\0\x08\0", 4, DROP_none, 4, false, 0},
	{IPPROTO_GRE, "\0\0\x86\xdd", 60, DROP_none, 4, false, 0},
	{IPPROTO_GRE, "\0\0\x08", 3, DROP_tunnel_short, 0, false, 0},
	{IPPROTO_GRE, "\x20\0\x08\0\1\2\3\4", 8, DROP_none, 8, true, 0x01020304},
	{IPPROTO_GRE, "\x20\0\x08\0\1\2\3", 7, DROP_tunnel_short, 0, true, 0},
	{IPPROTO_GRE, "\x30\0\x08\0\0\0\0\5\0\0\0\1", 12, DROP_none, 12, true, 5},
	{IPPROTO_GRE, "\x30\0\x08\0\0\0\0\5\0\0\0", 11, DROP_tunnel_short, 0, true, 5},
	{IPPROTO_GRE, "\x40\0\x08\0", 60, DROP_tunnel_header, 0, false, 0},
	{IPPROTO_GRE, "\0\1\x08\0", 60, DROP_tunnel_header, 0, false, 0},
	{IPPROTO_GRE, "\0\0\x88\x47", 60, DROP_tunnel_protocol, 0, false, 0},
	{IPPROTO_GRE, "\x80\0\x08\0\x77\xff\0\0", 8, DROP_none, 8, false, 0},
	{IPPROTO_GRE, "\x80\0\x08\0\x77\xfe\0\0", 8, DROP_tunnel_checksum, 0, false, 0},
	{IPPROTO_UDP, "\0\0\0\0\0\0\0\0\x08\0\0\0\x01\x02\x03\0", 30, DROP_none, 16, true,
	 0x010203},
	{IPPROTO_UDP, "\0\0\0\0\0\0\0\0\x08\0\0\0\x01\x02\x03\0", 29, DROP_tunnel_short, 0, false,
	 0},
	{IPPROTO_UDP, "\0\0\0\0\0\0\0\0\x00\0\0\0\x01\x02\x03\0", 30, DROP_tunnel_header, 0, false,
	 0},
};

static void test_headers(void **state)
{
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		// Exactly as long as it says, so that a sanitizer sees a read beyond.
		uint8_t *bytes = calloc(1, rows[i].there);
		struct tunnel_outer outer;
		enum drop reason;

		memcpy(bytes, rows[i].bytes, rows[i].there < 16 ? rows[i].there : 16);
		if (rows[i].there > 16 && rows[i].protocol != IPPROTO_UDP)
			memset(bytes + 4, 0, rows[i].there - 4);
		reason = decapsulate(bytes, rows[i].protocol, rows[i].there, rows[i].there, &outer);
		if (reason != rows[i].reason)
			fail_msg("row %u: %s", i, drop_name(reason));
		if (reason == DROP_none) {
			assert_int_equal(outer.inside, rows[i].inside);
			assert_int_equal(outer.has_key, rows[i].has_key);
			assert_int_equal(outer.key, rows[i].key);
		}
		free(bytes);
	}
}

static void test_marks(void **state)
{
	uint8_t v4[20] = {0x45, 2, [8] = 64, [10] = 0x7a, 0xfd}, v6[40] = {0x60, 0x10};
	uint8_t plain[20] = {0x45};

	assert_int_equal(csum_fold(csum_bytes(v4, sizeof(v4))), 0xffff);
	assert_int_equal(decapsulate_ecn(1, v4, false), DROP_none);
	assert_int_equal(v4[1], 2);
	assert_int_equal(decapsulate_ecn(3, v4, false), DROP_none);
	assert_int_equal(v4[1], 3);
	assert_int_equal(csum_fold(csum_bytes(v4, sizeof(v4))), 0xffff);
	assert_int_equal(decapsulate_ecn(3, v6, true), DROP_none);
	assert_int_equal(v6[1], 0x30);
	assert_int_equal(decapsulate_ecn(3, plain, false), DROP_tunnel_congestion);
	assert_int_equal(decapsulate_ecn(2, plain, false), DROP_none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

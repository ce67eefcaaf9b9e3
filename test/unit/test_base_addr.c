/* SPDX-License-Identifier: BSD-3-Clause */

/* Addresses, prefixes and endpoints: text and back, and what is no such thing. */
#include "base/addr.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct addr random_addr(void)
{
	struct addr a = {.family = random() % 2 ? AF_INET : AF_INET6};
	unsigned int length = a.family == AF_INET ? 4 : 16;

	// Long runs of zero bytes, which have a short form.
	for (unsigned int i = 0; i < length; i++)
		a.bytes[i] = random() % 3 ? random() : 0;
	return a;
}

static void test_round_trip(void **state)
{
	for (unsigned int i = 0; i < 20000; i++) {
		struct addr a = random_addr(), b;
		struct prefix p = {.addr = a, .len = random() % (a.family == AF_INET ? 33 : 129)};
		struct prefix q;
		uint16_t port = random(), then;
		char address[ADDR_TEXT], endpoint[ENDPOINT_TEXT], prefix[PREFIX_TEXT];

		memset(&b, 0xff, sizeof(b));
		assert_int_equal(addr_parse(addr_format(&a, address), &b), 0);
		assert_memory_equal(&a, &b, sizeof(a)); // no bytes that are not said
		memset(&b, 0xff, sizeof(b));
		assert_int_equal(endpoint_parse(endpoint_format(&a, port, endpoint), &b, &then), 0);
		assert_memory_equal(&a, &b, sizeof(a));
		assert_int_equal(port, then);
		memset(&q, 0xff, sizeof(q));
		assert_int_equal(prefix_parse(prefix_format(&p, prefix), &q), 0);
		assert_true(addr_equal(&p.addr, &q.addr));
		assert_int_equal(p.len, q.len);
	}
}

static void test_longest_texts(void **state)
{
	const char *longest = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255";
	char text[ENDPOINT_TEXT];
	struct prefix prefix;
	struct addr addr;
	uint16_t port;

	assert_int_equal(addr_parse(longest, &addr), 0);
	snprintf(text, sizeof(text), "%s/128", longest);
	assert_int_equal(prefix_parse(text, &prefix), 0);
	snprintf(text, sizeof(text), "[%s]:65535", longest);
	assert_int_equal(endpoint_parse(text, &addr, &port), 0);
	assert_int_equal(port, 65535);
}

static void test_refused(void **state)
{
	static const char *const addresses[] = {"",	  "1.2.3",    "1.2.3.4.5", "1.2.3.256",
						"01a",	  " 1.2.3.4", "1.2.3.4 ",  "1.2.3.4/8",
						"::1%lo", ":::",      "[::1]",	   "localhost"};
	static const char *const prefixes[] = {"",
					       "/8",
					       "1.2.3.4/",
					       "1.2.3.4/33",
					       "1.2.3.4/-1",
					       "1.2.3.4/ 8",
					       "1.2.3.4/8x",
					       "::/129",
					       "1.2.3.4/8/8",
					       "1.2.3.4/+8",
					       "1.2.3.4/99999999999999999999"};
	static const char *const endpoints[] = {"",
						"1.2.3.4",
						"1.2.3.4:",
						"1.2.3.4:65536",
						"1.2.3.4:-1",
						":80",
						"[::1]",
						"[::1]80",
						"[::1:80",
						"::1:80",
						"[1.2.3.4]:80",
						"1.2.3.4:80x",
						"1.2.3.4: 80",
						"[]:80",
						"[::1]:",
						"1.2.3.4:99999999999999999999"};
	struct prefix prefix;
	struct addr addr;
	uint16_t port;

	for (unsigned int i = 0; i < sizeof(addresses) / sizeof(*addresses); i++)
		assert_int_equal(addr_parse(addresses[i], &addr), -EINVAL);
	for (unsigned int i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		assert_int_equal(prefix_parse(prefixes[i], &prefix), -EINVAL);
	for (unsigned int i = 0; i < sizeof(endpoints) / sizeof(*endpoints); i++)
		assert_int_equal(endpoint_parse(endpoints[i], &addr, &port), -EINVAL);
}

static bool contains_slowly(const struct prefix *p, const struct addr *a)
{
	if (p->addr.family != a->family)
		return false;
	for (unsigned int bit = 0; bit < p->len; bit++)
		if ((p->addr.bytes[bit / 8] ^ a->bytes[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

static void test_contains(void **state)
{
	for (unsigned int i = 0; i < 50000; i++) {
		struct addr a = random_addr(), b = a;
		struct prefix p = {.len = random() % (a.family == AF_INET ? 33 : 129)};

		b.bytes[random() % 16] ^= 1 << random() % 8;
		p.addr = random() % 4 ? b : random_addr();
		assert_int_equal(prefix_contains(&p, &a), contains_slowly(&p, &a));
	}
}

static void test_order(void **state)
{
	for (unsigned int i = 0; i < 5000; i++) {
		struct addr a = random_addr(), b = random_addr();

		assert_int_equal(addr_compare(&a, &a), 0);
		assert_true(addr_equal(&a, &a));
		assert_int_equal(addr_equal(&a, &b), addr_compare(&a, &b) == 0);
		assert_int_equal(addr_compare(&a, &b) < 0, addr_compare(&b, &a) > 0);
	}
}

static void test_kinds(void **state)
{
	static const struct {
		const char *text;
		bool multicast, unspecified;
	} rows[] = {
		{"223.255.255.255", false, false}, {"224.0.0.0", true, false},
		{"239.255.255.255", true, false},  {"240.0.0.0", false, false},
		{"0.0.0.0", false, true},	   {"::", false, true},
		{"ff02::1", true, false},	   {"fe80::1", false, false},
	};
	const struct addr none = {0};
	char text[ADDR_TEXT];
	struct addr a;

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(addr_parse(rows[i].text, &a), 0);
		assert_int_equal(addr_is_multicast(&a), rows[i].multicast);
		assert_int_equal(addr_is_unspecified(&a), rows[i].unspecified);
	}
	assert_string_equal(addr_format(&none, text), "none");
	// Made from numbers, an address is the same as from text, byte for byte.
	assert_int_equal(addr_parse("1.2.3.4", &a), 0);
	a = addr_v4(a.v4);
	assert_memory_equal(&a, &((struct addr){.family = AF_INET, .bytes = {1, 2, 3, 4}}),
			    sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_longest_texts),
		cmocka_unit_test(test_refused),	   cmocka_unit_test(test_contains),
		cmocka_unit_test(test_order),	   cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}

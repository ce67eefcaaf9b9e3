/* SPDX-License-Identifier: BSD-3-Clause */

/* Matches: both spellings are read, one is written, and what is wrong is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/match.h"

static void test_both_spellings_are_one(void **state)
{
	static const struct {
		const char *text, *canonical, *words;
	} rows[] = {
		{"proto=tcp,src-range=192.168.100.0-192.168.100.254,oif=dpdk1",
		 "tcp,from=192.168.100.0-192.168.100.254:0-0,oif=dpdk1",
		 "proto=tcp,src-range=192.168.100.0-192.168.100.254:0-0,oif=dpdk1"},
		{"icmp,from=192.168.88.1-192.168.88.253:0-0,oif=bond1",
		 "icmp,from=192.168.88.1-192.168.88.253:0-0,oif=bond1",
		 "proto=icmp,src-range=192.168.88.1-192.168.88.253:0-0,oif=bond1"},
		{"proto=tcp,src-range=192.168.0.0-192.168.0.254,dst-range=0.0.0.0:1-1024,oif=dpdk1",
		 "tcp,from=192.168.0.0-192.168.0.254:0-0,to=0.0.0.0-0.0.0.0:1-1024,oif=dpdk1",
		 "proto=tcp,src-range=192.168.0.0-192.168.0.254:0-0,dst-range=0.0.0.0-0.0.0.0:1-"
		 "1024,"
		 "oif=dpdk1"},
		{"dst-range=10.1.2.3:53,proto=UDP", "udp,to=10.1.2.3-10.1.2.3:53-53",
		 "proto=udp,dst-range=10.1.2.3-10.1.2.3:53-53"},
		{"tcp,from=10.0.0.0/8", "tcp,from=10.0.0.0-10.255.255.255:0-0",
		 "proto=tcp,src-range=10.0.0.0-10.255.255.255:0-0"},
		{"proto=icmpv6,src-range=[2001:db8::1-2001:db8::ff]:0-0,iif=dpdk0",
		 "icmpv6,from=[2001:db8::1-2001:db8::ff]:0-0,iif=dpdk0",
		 "proto=icmpv6,src-range=[2001:db8::1-2001:db8::ff]:0-0,iif=dpdk0"},
		{"tcp,from=2001:db8::/126", "tcp,from=[2001:db8::-2001:db8::3]:0-0",
		 "proto=tcp,src-range=[2001:db8::-2001:db8::3]:0-0"},
		{"proto=udp,af=ipv6,oif=dpdk1", "udp,af=ipv6,oif=dpdk1",
		 "proto=udp,af=ipv6,oif=dpdk1"},
		{"proto=tcp,src-range=0.0.0.0", "tcp,af=ipv4", "proto=tcp,af=ipv4"},
		{"src-range=10.0.0.0/8,vni=96", "from=10.0.0.0-10.255.255.255:0-0,vni=96",
		 "src-range=10.0.0.0-10.255.255.255:0-0,vni=96"},
		{"src-range=10.0.0.0/8,oif=dpdk1", "from=10.0.0.0-10.255.255.255:0-0,oif=dpdk1",
		 "src-range=10.0.0.0-10.255.255.255:0-0,oif=dpdk1"},
		{"dst-range=10.1.2.3:53", "to=10.1.2.3-10.1.2.3:53-53",
		 "dst-range=10.1.2.3-10.1.2.3:53-53"},
		{"af=ipv6", "af=ipv6", "af=ipv6"},
	};
	char text[MATCH_TEXT];
	struct match match, again;
	struct error error;

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (match_parse(rows[i].text, &match, &error) < 0)
			fail_msg("%s: %s: %s", rows[i].text, error.field, error.text);
		assert_string_equal(match_format(&match, text), rows[i].canonical);
		assert_int_equal(match_parse(text, &again, &error), 0);
		assert_true(match_equal(&match, &again));
		assert_string_equal(match_format_words(&match, text), rows[i].words);
		assert_int_equal(match_parse(text, &again, &error), 0);
		assert_true(match_equal(&match, &again));
	}
}

static void test_what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *text, *field, *says;
	} rows[] = {
		{"proto=tcp", "src-range", "is missing: a match has at least a source"},
		{"proto=tcp,iif=dpdk0", "src-range", "is missing: a match has at least a source"},
		{"oif=dpdk1", "src-range", "is missing: a match has at least a source"},
		{"src-range=10.0.0.1,proto=", "proto", "\"\" is none of: tcp, udp"},
		{"proto=gre,src-range=10.0.0.1", "proto", "\"gre\" is none of: tcp, udp"},
		{"proto=tcp,src-range=10.0.0.9-10.0.0.1", "src-range",
		 "the range 10.0.0.9-10.0.0.1 is the wrong way round"},
		{"proto=tcp,src-range=10.0.0.1:90-80", "src-range",
		 "the ports 90-80 are the wrong way round"},
		{"proto=tcp,src-range=10.0.0.1-9", "src-range",
		 "\"9\" is no IPv4 or IPv6 address; both ends of a range are written out"},
		{"proto=tcp,src-range=10.0.0.1:65536", "src-range", "\"65536\" is no port"},
		{"proto=tcp,dst-range=10.0.0.1:80-", "dst-range", "\"\" is no port"},
		{"proto=tcp,dst-range=10.0.0.0/33", "dst-range", "is no network A/LENGTH"},
		{"proto=tcp,dst-range=[10.0.0.1]:80", "dst-range", "brackets are for IPv6"},
		{"proto=tcp,dst-range=[2001:db8::1:80", "dst-range", "is no range [A-B]:P-Q"},
		{"proto=tcp,src-range=10.0.0.1-2001:db8::1", "src-range", "begins with IPv4"},
		{"proto=tcp,src-range=10.0.0.1,dst-range=2001:db8::1", "dst-range",
		 "is IPv6, and what stands before it IPv4"},
		{"proto=icmp,src-range=2001:db8::1", "proto", "icmp is not of IPv6"},
		{"proto=icmpv6,af=ipv4", "proto", "icmpv6 is not of IPv4"},
		{"proto=icmp,src-range=10.0.0.1:80", "src-range",
		 "names ports, which icmp does not have"},
		{"proto=tcp,af=inet", "af", "\"inet\" is none of: ipv4, ipv6"},
		{"proto=tcp,af=ipv4,oif=", "oif", "is no name of an interface"},
		{"proto=tcp,af=ipv4,iif=a-name-of-16-or-more", "iif", "is no name of an interface"},
		{"proto=tcp,source=10.0.0.1", "", "\"source\" is none of: proto, af, src-range"},
		{"", "proto", "\"\" is none of"},
	};
	struct match match;
	struct error error;

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (match_parse(rows[i].text, &match, &error) == 0)
			fail_msg("%s was taken", rows[i].text);
		assert_string_equal(error.field, rows[i].field);
		if (!strstr(error.text, rows[i].says))
			fail_msg("%s: %s", rows[i].text, error.text);
	}
}

static void test_the_narrower_comes_first(void **state)
{
	static const char *const order[] = {
		"tcp,from=10.0.0.1,to=10.1.0.0/24",
		"tcp,from=10.0.0.1,iif=a,oif=b",
		"tcp,from=10.0.0.1,oif=b",
		"tcp,from=10.0.0.1",
		"from=10.0.0.1",
		"tcp,from=10.0.0.0/24,to=0.0.0.0:80",
		"tcp,from=10.0.0.0/24",
		"tcp,from=10.0.0.255-10.0.2.0",
		"tcp,from=0.0.0.0:1-9,to=10.1.0.0/16",
		"tcp,to=10.1.0.0/16",
		"tcp,af=ipv4",
		"udp,af=ipv4",
		"af=ipv4",
	};
	struct match a, b;
	struct error error;

	for (unsigned int i = 0; i < sizeof(order) / sizeof(*order); i++) {
		for (unsigned int k = 0; k < sizeof(order) / sizeof(*order); k++) {
			int sign;

			assert_int_equal(match_parse(order[i], &a, &error), 0);
			assert_int_equal(match_parse(order[k], &b, &error), 0);
			sign = match_compare(&a, &b);
			if ((sign > 0) - (sign < 0) != (i > k) - (i < k))
				fail_msg("%s and %s: %d", order[i], order[k], sign);
		}
	}
}

static void test_what_is_taken(void **state)
{
	static const struct {
		const char *text;
		uint8_t takes[5]; // 0: no more
	} rows[] = {
		{"udp,from=10.0.0.1", {IPPROTO_UDP}},
		{"icmp,af=ipv4", {IPPROTO_ICMP}},
		{"from=10.0.0.1", {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_ICMP}},
		{"af=ipv6", {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_ICMPV6}},
		{"to=10.0.0.1:80", {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP}},
		{"from=[fd00::1-fd00::2]:1-9", {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP}},
	};
	struct match match;
	struct error error;

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(match_parse(rows[i].text, &match, &error), 0);
		for (unsigned int protocol = 0; protocol < 256; protocol++)
			assert_int_equal(match_takes_protocol(&match, (uint8_t)protocol),
					 protocol && memchr(rows[i].takes, (int)protocol, 5));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_spellings_are_one),
		cmocka_unit_test(test_what_is_wrong_is_named),
		cmocka_unit_test(test_the_narrower_comes_first),
		cmocka_unit_test(test_what_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/* The grammar of ipvsadm: what a line means, and what is no line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client_record.h"
#include "ipvsadm_change.h"
#include "ipvsadm_rule.h"

/* Parse a line as -R does; its texts live until the next call. */
static int parse(struct rule *rule, const char *text)
{
	static char line[512];
	static char *words[64];

	snprintf(line, sizeof(line), "%s", text);
	words[0] = "ipvsadm";
	int count = restore_split(line, words + 1, 63);
	assert_true(count >= 0);
	return rule_parse(rule, count + 1, words);
}

static void endpoint_is(const struct rule_endpoint *endpoint, const char *expected)
{
	char text[ENDPOINT_TEXT];

	assert_string_equal(endpoint_format(&endpoint->addr, endpoint->port, text), expected);
}

static void test_forms(void **state)
{
	static const char *const same[] = {
		"-a -t 10.0.0.1:80 -r 192.168.1.2:8080 -b -w 5",
		"-at 10.0.0.1:80 -r 192.168.1.2:8080 -bw 5",
		"-at10.0.0.1:80 -r192.168.1.2:8080 -bw5",
		"-at=10.0.0.1:80 -r=192.168.1.2:8080 -bw=5",
		"--add-server --tcp-service 10.0.0.1:80 --real-server 192.168.1.2:8080 --fullnat"
		" --weight 5",
		"--add-server --weight=5 --fullnat --real-server=192.168.1.2:8080"
		" --tcp-service=10.0.0.1:80",
		"-abt '10.0.0.1:80' -w \"5\" -r 192.168.1.2:80\\80",
	};
	struct rule rule;

	for (unsigned int i = 0; i < sizeof(same) / sizeof(*same); i++) {
		assert_int_equal(parse(&rule, same[i]), 0);
		assert_int_equal(rule.command->id, RULE_ADD_SERVER);
		assert_int_equal(rule.protocol, IPPROTO_TCP);
		endpoint_is(&rule.service, "10.0.0.1:80");
		endpoint_is(&rule.server, "192.168.1.2:8080");
		assert_int_equal(rule.weight, 5);
		assert_true(rule_has(&rule, SLOT_FORWARD));
		assert_false(rule_has(&rule, SLOT_SCHEDULER));
	}
}

static void test_commands(void **state)
{
	static const struct {
		const char *line;
		enum rule_command_id id;
	} lines[] = {
		{"", RULE_LIST},
		{"-ln", RULE_LIST},
		{"-Lnc", RULE_LIST},
		{"-L --nosort --stats -X", RULE_LIST},
		{"-lnc --persistent-conn --cpu 2", RULE_LIST},
		{"--list -t [fd00::1]:80", RULE_LIST},
		{"-C", RULE_CLEAR},
		{"-R", RULE_RESTORE},
		{"-Sn", RULE_SAVE},
		{"-G", RULE_GET_LOCAL},
		{"-Gu 10.0.0.1:53 --cpu=1", RULE_GET_LOCAL},
		{"-B", RULE_GET_DENY},
		{"-Wt 10.0.0.1:80", RULE_GET_ALLOW},
		{"-Z", RULE_ZERO},
		{"-h", RULE_HELP},
		{"--version", RULE_VERSION},
		{"--set 900 120 300", RULE_SET},
		{"-Pt 10.0.0.1:80 -z 192.168.1.200 -F dpdk0", RULE_ADD_LOCAL},
		{"--del-laddr -z 192.168.1.200 -t 10.0.0.1:80 -F dpdk0", RULE_DELETE_LOCAL},
		{"-At 10.0.0.1:80 -j disable --proxy-protocol DISABLE --dest-check disable",
		 RULE_ADD_SERVICE},
		{"-At 10.0.0.1:80 --proxy-protocol V2-insecure", RULE_ADD_SERVICE},
		{"-et 10.0.0.1:80 -r 192.168.1.2 -x 0 -y 0", RULE_EDIT_SERVER},
		{"-E -t 10.0.0.1:80 --settings '{\"mss\": 1400}'", RULE_EDIT_SERVICE},
	};
	struct rule rule;

	for (unsigned int i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		if (parse(&rule, lines[i].line) != 0)
			fail_msg("%s", lines[i].line);
		assert_int_equal(rule.command->id, lines[i].id);
	}
	assert_int_equal(parse(&rule, "--set 900 120 0"), 0);
	assert_int_equal(rule.seconds[0], 900);
	assert_int_equal(rule.seconds[2], 0);
}

static void test_endpoints(void **state)
{
	struct rule rule;

	assert_int_equal(parse(&rule, "-d -t 10.0.0.1:80 -r 192.168.1.2"), 0);
	endpoint_is(&rule.server, "192.168.1.2:80"); // the service's port
	assert_int_equal(parse(&rule, "-d -r [fd00::2]:81 -u [fd00::1]:80"), 0);
	assert_int_equal(rule.protocol, IPPROTO_UDP);
	endpoint_is(&rule.server, "[fd00::2]:81");
	assert_int_equal(parse(&rule, "-A --sctp-service 10.0.0.1:80"), 0);
	assert_int_equal(rule.protocol, IPPROTO_SCTP);
	assert_int_equal(parse(&rule, "-d -r fd00::2 -u [fd00::1]:80"), 0);
	endpoint_is(&rule.server, "[fd00::2]:80");
	assert_int_equal(parse(&rule, "-Ut 10.0.0.1:80 -k 10.0.0.9"), 0);
	assert_int_equal(parse(&rule, "-Vt 10.0.0.1:80 -k ipset:bad"), 0);
	assert_int_equal(parse(&rule, "-Ot 10.0.0.1:80 -2 [fd00::9]:0"), 0);
	assert_int_equal(parse(&rule, "-Yt 10.0.0.1:80 --whtlst=10.0.0.0/8"), 0);
	assert_int_equal(parse(&rule, "-D -t localhost:80"), 0);
	if (access("/etc/services", R_OK) == 0) {
		assert_int_equal(parse(&rule, "-D -t 10.0.0.1:https"), 0);
		endpoint_is(&rule.service, "10.0.0.1:443");
	}
	assert_int_equal(parse(&rule, "-lc --sockpair tcp:10.0.0.1:1024:10.0.0.2:80"), 0);
	endpoint_is(&rule.pair_client, "10.0.0.1:1024");
	endpoint_is(&rule.pair_vip, "10.0.0.2:80");
	assert_int_equal(parse(&rule, "-lc --sockpair udp:[fd00::1]:1024:[fd00::2]:53"), 0);
	assert_int_equal(rule.pair_protocol, IPPROTO_UDP);
	endpoint_is(&rule.pair_client, "[fd00::1]:1024");
	endpoint_is(&rule.pair_vip, "[fd00::2]:53");
}

/* Everything that is still to come is understood, and refused only then. */
static void test_later(void **state)
{
	static const char *const lines[] = {
		"-At 10.0.0.1:80 --dest-check default --dest-check tcp",
		"-At 10.0.0.1:80 --dest-check 1,3s",
		"-At 10.0.0.1:80 --pe sip",
		"-Aq 10.0.0.1:0",
		"-A -1 [fd00::1]:0",
		"--start-daemon master --mcast-interface dpdk0 --syncid 255",
		"--stop-daemon=backup",
	};
	struct rule rule;

	for (unsigned int i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		messages_begin();
		int code = parse(&rule, lines[i]);
		char *text = messages_end();

		if (code != RULE_WRONG || !strstr(text, "is not available yet"))
			fail_msg("%s: %d: %s", lines[i], code, text);
		free(text);
	}
}

/* Services by match: what is right, and what is said when it is not. */
static void test_match(void **state)
{
	static const struct {
		const char *line, *wrong;
	} lines[] = {
		{"-A -s rr -H proto=tcp,src-range=192.168.100.0-192.168.100.254,oif=dpdk1", NULL},
		{"-A -H proto=icmp,src-range=192.168.100.0-192.168.100.254,oif=dpdk1 -s rr", NULL},
		{"-A -H proto=tcp,src-range=10.0.0.0-10.0.0.254,dst-range=0.0.0.0:1-1024", NULL},
		{"-A -H proto=udp,af=ipv6,iif=dpdk0", NULL},
		{"-E --match proto=tcp,src-range=[fd00::1-fd00::ff]:1-1024 --conn-timeout 0", NULL},
		{"-a -H proto=udp,src-range=192.168.88.1-192.168.88.253 -r 10.1.2.3:0 -J", NULL},
		{"-e -H udp,from=192.168.88.1 -r 10.1.2.3 -w 5", NULL},
		{"-d -H udp,from=192.168.88.1 -r 10.1.2.3", NULL},
		{"-D -H udp,from=192.168.88.1", NULL},
		{"-Ln --stats -H udp,from=192.168.88.1", NULL},
		{"-Z -H udp,from=192.168.88.1", NULL},
		{"-A -H src-range=10.0.0.0-10.0.0.254", NULL},
		{"-E -H af=ipv6,oif=dpdk1 --conn-timeout 0", NULL},
		{"-A -H oif=dpdk1", "-H (--match): src-range: is missing"},
		{"-A -H proto=tcp", "-H (--match): src-range: is missing"},
		{"-A -H proto=gre,af=ipv4", "-H (--match): proto: \"gre\" is none of"},
		{"-A -H proto=tcp,src-range=10.0.0.1-9", "src-range: \"9\" is no IPv4 or IPv6"},
		{"-A -H proto=tcp,nonsense=1", "\"nonsense\" is none of: proto, af"},
		{"-A -H tcp,af=ipv4 -t 10.0.0.1:80", "exclude each other"},
		{"-A -H tcp,af=ipv4 -o", "-o (--ops) is only for"},
		{"-a -H tcp,af=ipv4 -r 10.1.2.3:80 -J", "SNAT chooses the ports"},
		{"-a -H tcp,af=ipv4 -r 10.1.2.3", "needs -J (--snat)"},
		{"-e -H tcp,af=ipv4 -r 10.1.2.3 -b", "needs -J (--snat)"},
		{"-P -H tcp,af=ipv4 -z 10.1.2.3 -F dpdk1", "has WAN addresses (-r)"},
		{"-Lnc -H tcp,af=ipv4", "is no filter of connections"},
	};
	struct rule rule;

	for (unsigned int i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		messages_begin();
		int code = parse(&rule, lines[i].line);
		char *text = messages_end();

		if (lines[i].wrong ? code != RULE_WRONG || !strstr(text, lines[i].wrong) : code)
			fail_msg("%s: %d: %s", lines[i].line, code, text);
		free(text);
	}
}

/* An option for a command that does not take it is refused, whichever the two are. */
static void test_matrix(void **state)
{
	char line[256];
	struct rule rule;
	unsigned int refused = 0;

	for (const struct rule_command *c = rule_commands; c->name; c++) {
		for (const struct rule_option *o = rule_options; o->name; o++) {
			if (o->commands & (1u << c->id))
				continue;
			snprintf(line, sizeof(line), "--%s --%s%s", c->name, o->name,
				 o->value ? "=1" : "");
			messages_begin();
			int code = parse(&rule, line);
			free(messages_end());
			if (code != RULE_WRONG)
				fail_msg("%s: %d", line, code);
			refused++;
		}
	}
	assert_true(refused > 500);
}

/* No line is too strange to be refused. */
static void test_random(void **state)
{
	static const char *const pieces[] = {
		"-",	 "--", "-A",   "-a",   "-t", "-r",    "10.0.0.1:80",  "[::1]:80",
		"[",	 "]",  ":",    "=",    "-b", "-w",    "--set",	      "1",
		"--cpu", "-H", "af=,", "-z",   "--", "-R",    "--sockpair",   "tcp:[::1:1:2",
		"'",	 "\\", "\"",   "-lnc", "-F", "65536", "--dest-check", "1,2,3s,4-5s",
		"-M",	 "-p", "-2",   "-k",   "-1", "-6",    "--settings",   "{}",
	};
	char line[512];
	char *words[32];
	struct rule rule;

	srandom(1);
	for (unsigned int i = 0; i < 200000; i++) {
		line[0] = '\0';
		for (unsigned int k = random() % 10; k > 0; k--) {
			strcat(line, pieces[random() % (sizeof(pieces) / sizeof(*pieces))]);
			if (random() % 4)
				strcat(line, " ");
		}
		words[0] = "ipvsadm";
		int count = restore_split(line, words + 1, 30);
		if (count < 0)
			continue;
		messages_begin();
		int code = rule_parse(&rule, count + 1, words);
		free(messages_end());
		assert_true(code == 0 || code == RULE_WRONG || code == RULE_UNKNOWN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),	  cmocka_unit_test(test_commands),
		cmocka_unit_test(test_endpoints), cmocka_unit_test(test_later),
		cmocka_unit_test(test_matrix),	  cmocka_unit_test(test_random),
		cmocka_unit_test(test_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

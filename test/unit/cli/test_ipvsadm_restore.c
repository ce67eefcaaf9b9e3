/* SPDX-License-Identifier: BSD-3-Clause */

/* -R: words of a line, and that lines are put together without changing what they mean. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client_record.h"
#include "ipvsadm_change.h"

static void split_is(const char *text, const char *expected)
{
	char line[256], joined[256] = "", *words[8];

	snprintf(line, sizeof(line), "%s", text);
	int count = restore_split(line, words, 8);
	if (count < 0)
		snprintf(joined, sizeof(joined), "%d", count);
	for (int i = 0; i < count; i++)
		snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "<%s>",
			 words[i]);
	assert_string_equal(joined, expected);
}

static void test_split(void **state)
{
	char wrong[16];

	split_is("", "");
	split_is(" \t\r\n", "");
	split_is("# -A -t", "");
	split_is("-A  -t\t10.0.0.1:80 \r\n", "<-A><-t><10.0.0.1:80>");
	split_is("-A # a comment", "<-A>");
	split_is("a'b c'd \"e 'f\" \\'g", "<ab cd><e 'f><'g>");
	split_is("'it'\\''s'", "<it's>");
	split_is("''", "<>");
	split_is("'a\\b'", "<a\\b>");
	snprintf(wrong, sizeof(wrong), "%d", -EINVAL);
	split_is("-A 'x", wrong);
	snprintf(wrong, sizeof(wrong), "%d", -E2BIG);
	split_is("1 2 3 4 5 6 7 8 9", wrong);
}

static unsigned int runs;

static int run_other(struct client *client, const struct rule *rule)
{
	snprintf(client->text + strlen(client->text), 64, "run %s\n", rule->command->name);
	runs++;
	return EXIT_OK;
}

static int restore(struct client *client, const char *text)
{
	FILE *in = fmemopen((void *)text, strlen(text), "r");

	client->text[0] = '\0';
	runs = 0;
	int code = restore_run(client, in, run_other);
	fclose(in);
	return code;
}

static struct client *client_new(void)
{
	struct client *client = calloc(1, sizeof(*client));

	client->answers = json_pack("{s:{s:[{s:s,s:s,s:s}]}, s:{s:[{s:s,s:s}]}}", "/v1/ports",
				    "ports", "name", "dpdk1", "tap", "dpdk1.kni", "device", "eth1",
				    "/v1/addresses", "addresses", "address", "192.168.1.200/24",
				    "interface", "dpdk1");
	return client;
}

static void client_delete(struct client *client)
{
	json_decref(client->answers);
	free(client);
}

static void test_groups(void **state)
{
	struct client *client = client_new();

	assert_int_equal(restore(client, "-A -t 10.0.0.1:80 -s rr\n"
					 "-A -t 10.0.0.2:80 -s rr\n"
					 "-a -t 10.0.0.1:80 -r 192.168.1.2 -b\n"
					 "-P -t 10.0.0.1:80 -z 192.168.1.201 -F eth1\n"
					 "-a -t 10.0.0.2:80 -r 192.168.1.3:81 -b -w 0\n"
					 "-a -t 10.0.0.1:80 -r 192.168.1.3 -b -w 9\n"),
			 EXIT_OK);
	assert_string_equal(
		client->text,
		"GET /v1/ports\n"
		"GET /v1/addresses\n"
		"NEW /v1/services/tcp/10.0.0.1/80 {\"local_addresses\":[{\"address\":"
		"\"192.168.1.201\",\"interface\":\"dpdk1\"}],\"scheduler\":\"rr\",\"servers\":["
		"{\"address\":\"192.168.1.2\",\"mode\":\"fullnat\",\"port\":80,\"weight\":1},"
		"{\"address\":\"192.168.1.3\",\"mode\":\"fullnat\",\"port\":80,\"weight\":9}]}\n"
		"NEW /v1/services/tcp/10.0.0.2/80 {\"scheduler\":\"rr\",\"servers\":["
		"{\"address\":\"192.168.1.3\",\"mode\":\"fullnat\",\"port\":81,\"weight\":0}]}\n");
	client_delete(client);
}

/* A service by match is named by its canonical text, however it is written. */
static void test_match(void **state)
{
	struct client *client = client_new();

	assert_int_equal(restore(client,
				 "-A -H proto=tcp,src-range=10.0.0.1-10.0.0.9,oif=a%b -s rr\n"
				 "-a -H tcp,oif=a%b,from=10.0.0.1-10.0.0.9 -r 192.0.2.1 -J\n"
				 "-E -H proto=icmp,af=ipv4 --conn-timeout 0\n"
				 "-E -H af=ipv4 --conn-timeout 0\n"
				 "-d -H proto=icmp,af=ipv4 -r 192.0.2.1:0\n"),
			 EXIT_OK);
	assert_string_equal(
		client->text,
		"NEW /v1/services/match/tcp,from=10.0.0.1-10.0.0.9:0-0,oif=a%25b/0 "
		"{\"scheduler\":\"rr\",\"servers\":[{\"address\":\"192.0.2.1\",\"mode\":\"snat\","
		"\"port\":0,\"weight\":1}]}\n"
		"PATCH /v1/services/match/icmp,af=ipv4/0 {\"timeouts\":{\"icmp\":null}}\n"
		"PATCH /v1/services/match/af=ipv4/0 {\"timeouts\":{\"established\":null,"
		"\"icmp\":null,\"sctp_established\":null,\"udp_normal\":null,"
		"\"udp_one_way\":null}}\n"
		"DELETE /v1/services/match/icmp,af=ipv4/0/servers/192.0.2.1/0\n");
	client_delete(client);
}

/* What is no part of a new service waits for what stands before it, and is done in order. */
static void test_order(void **state)
{
	struct client *client = client_new();

	assert_int_equal(restore(client, "-A -t 10.0.0.1:80\n"
					 "-a -t 10.0.0.1:80 -r 192.168.1.2 -b\n"
					 "-E -t 10.0.0.1:80 -s rr\n"
					 "-a -t 10.0.0.1:80 -r 192.168.1.3 -b\n"
					 "-C\n"
					 "ipvsadm -D -t 10.0.0.1:80\n"
					 "-e -t 10.0.0.1:80 -r 192.168.1.3 -w 7\n"
					 "-d -t 10.0.0.1:80 -r 192.168.1.3\n"
					 "-Q -t 10.0.0.1:80 -z 192.168.1.200 -F dpdk1.kni\n"),
			 EXIT_OK);
	assert_string_equal(client->text,
			    "NEW /v1/services/tcp/10.0.0.1/80 {\"servers\":[{\"address\":"
			    "\"192.168.1.2\",\"mode\":\"fullnat\",\"port\":80,\"weight\":1}]}\n"
			    "PATCH /v1/services/tcp/10.0.0.1/80 {\"scheduler\":\"rr\"}\n"
			    "NEW /v1/services/tcp/10.0.0.1/80/servers/192.168.1.3/80 "
			    "{\"mode\":\"fullnat\",\"weight\":1}\n"
			    "run clear\n"
			    "DELETE /v1/services/tcp/10.0.0.1/80\n"
			    "PATCH /v1/services/tcp/10.0.0.1/80/servers/192.168.1.3/80 "
			    "{\"weight\":7}\n"
			    "DELETE /v1/services/tcp/10.0.0.1/80/servers/192.168.1.3/80\n"
			    "GET /v1/ports\n"
			    "GET /v1/addresses\n"
			    "DELETE /v1/services/tcp/10.0.0.1/80/local_addresses/192.168.1.200\n");
	assert_int_equal(runs, 1);
	client_delete(client);
}

/* A whole that is refused is done line by line; what is wrong is told, the rest is done. */
static void test_fall_back(void **state)
{
	struct client *client = client_new();

	messages_begin();
	client->refuse = "192.168.1.3";
	assert_int_equal(restore(client, "-A -t 10.0.0.1:80\n"
					 "-a -t 10.0.0.1:80 -r 192.168.1.2 -b\n"
					 "-a -t 10.0.0.1:80 -r 192.168.1.3 -b\n"
					 "-a -t 10.0.0.1:80 -r 192.168.1.4 -b\n"
					 "nonsense\n"
					 "-A -t 10.0.0.2:80\n"),
			 EXIT_REFUSED);
	char *messages = messages_end();
	assert_string_equal(messages,
			    "ipvsadm: line 5: \"nonsense\" is no command; the first word must be "
			    "one, see ipvsadm -h\n"
			    "ipvsadm: line 3: refused\n");
	free(messages);
	assert_non_null(strstr(client->text, "NEW /v1/services/tcp/10.0.0.1/80 {}\n"
					     "NEW /v1/services/tcp/10.0.0.1/80/servers/192.168.1.2"
					     "/80 {\"mode\":\"fullnat\",\"weight\":1}\n"
					     "NEW /v1/services/tcp/10.0.0.1/80/servers/192.168.1.3"
					     "/80 {\"mode\":\"fullnat\",\"weight\":1}\n"
					     "NEW /v1/services/tcp/10.0.0.1/80/servers/192.168.1.4"
					     "/80 {\"mode\":\"fullnat\",\"weight\":1}\n"
					     "NEW /v1/services/tcp/10.0.0.2/80 {}\n"));
	assert_int_equal(client->refusals_told, 1);
	client_delete(client);
}

/* A server that is named twice is one line too many for the daemon, and not lost before it. */
static void test_twice(void **state)
{
	struct client *client = client_new();

	assert_int_equal(restore(client, "-A -t 10.0.0.1:80\n"
					 "-a -t 10.0.0.1:80 -r 192.168.1.2 -b\n"
					 "-a -t 10.0.0.1:80 -r 192.168.1.2 -b -w 5\n"
					 "-A -t 10.0.0.1:80\n"),
			 EXIT_OK);
	assert_string_equal(client->text,
			    "NEW /v1/services/tcp/10.0.0.1/80 {\"servers\":[{\"address\":"
			    "\"192.168.1.2\",\"mode\":\"fullnat\",\"port\":80,\"weight\":1}]}\n"
			    "NEW /v1/services/tcp/10.0.0.1/80/servers/192.168.1.2/80 "
			    "{\"mode\":\"fullnat\",\"weight\":5}\n"
			    "NEW /v1/services/tcp/10.0.0.1/80 {}\n");
	client_delete(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),	  cmocka_unit_test(test_groups),
		cmocka_unit_test(test_match),	  cmocka_unit_test(test_order),
		cmocka_unit_test(test_fall_back), cmocka_unit_test(test_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

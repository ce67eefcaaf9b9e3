/* SPDX-License-Identifier: BSD-3-Clause */
/* dpip's words to requests, and answers to its tables, over a daemon of canned answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client.h"
#include "face.h"
#include "place.h"
#include "socket.h"

/* Answers by path; all changes are written down, one a line. */

static const struct {
	const char *path, *answer;
} answers[] = {
	{"/v1/ports/dpdk0", "{'name': 'dpdk0', 'tap': 'dpdk0.kni', 'id': 0}"},
	{"/v1/ports/dpdk1", "{'name': 'dpdk1', 'tap': 'dpdk1.kni', 'id': 1}"},
	{"/v1/ports/dpdk1.kni", "{'name': 'dpdk1', 'tap': 'dpdk1.kni', 'id': 1}"},
	{"/v1/ports",
	 "{'ports': [{'name': 'dpdk0', 'mtu': 1500}, {'name': 'dpdk1', 'mtu': 9000}]}"},
	{"/v1/workers", "{'workers': [{'worker': 0}, {'worker': 1}]}"},
	{"/v1/addresses",
	 "{'addresses': ["
	 "{'address': '192.168.100.201/32', 'interface': 'dpdk0', 'scope': 'global'},"
	 "{'address': '192.168.100.200/32', 'interface': 'dpdk0', 'scope': 'global'},"
	 "{'address': 'fe80::1/64', 'interface': 'dpdk1', 'scope': 'link'},"
	 "{'address': '10.0.0.9/24', 'interface': 'dpdk1', 'scope': 'link',"
	 " 'broadcast': '10.0.0.255', 'valid_lifetime': 100, 'preferred_lifetime': 50},"
	 "{'address': '10.0.0.100/32', 'interface': 'dpdk1', 'scope': 'global'},"
	 "{'address': '127.0.0.1/8', 'interface': null, 'scope': 'host'}]}"},
	{"/v1/local_addresses",
	 "{'local_addresses': [{'address': '192.168.100.200', 'service': 'tcp 10.0.0.100:80',"
	 " 'used': 3, 'free': 64509, 'missed': 1}, {'address': '192.168.100.201',"
	 " 'service': '(pool)', 'used': 0, 'free': 64512, 'missed': 0}]}"},
	{"/v1/routes",
	 "{'routes': ["
	 "{'destination': '0.0.0.0/0', 'type': 'unicast', 'scope': 'global', 'metric': 7,"
	 " 'mtu': 1400, 'source': '10.0.0.100', 'data_path': true, 'protocol': 'static',"
	 " 'legs': [{'interface': 'dpdk1', 'via': '10.0.0.1'}]},"
	 "{'destination': '10.0.0.0/16', 'type': 'unicast', 'scope': 'link', 'metric': 0,"
	 " 'data_path': true, 'protocol': 'static', 'legs': [{'interface': 'dpdk1'}]},"
	 "{'destination': '10.0.0.100/32', 'type': 'local', 'scope': 'host', 'metric': 0,"
	 " 'source': '10.0.0.100', 'data_path': true, 'protocol': 'kernel',"
	 " 'legs': [{'interface': 'dpdk1'}]},"
	 "{'destination': '172.10.0.2/32', 'type': 'local', 'scope': 'host', 'metric': 0,"
	 " 'data_path': true, 'protocol': 'kernel', 'legs': [{'interface': 'dpdk1'}]},"
	 "{'destination': '172.10.0.2/32', 'type': 'kni_host', 'scope': 'kni_host', 'metric': 0,"
	 " 'data_path': true, 'protocol': 'static', 'legs': [{'interface': 'dpdk1'}]},"
	 "{'destination': '10.0.0.255/32', 'type': 'broadcast', 'scope': 'link', 'metric': 0,"
	 " 'data_path': true, 'protocol': 'kernel', 'legs': [{'interface': 'dpdk1'}]},"
	 "{'destination': '::/0', 'type': 'unicast', 'scope': 'global', 'metric': 1024,"
	 " 'data_path': true, 'protocol': 'static',"
	 " 'legs': [{'interface': 'dpdk1', 'via': 'fd00::1'}]}]}"},
	{"/v1/neighbours",
	 "{'neighbours': [{'interface': 'dpdk0', 'address': '192.168.100.2', 'state': 'stale',"
	 " 'mac': '02:00:00:00:00:02'}, {'interface': 'dpdk0', 'address': '192.168.100.3',"
	 " 'state': 'incomplete', 'mac': null}]}"},
	{"/v1/traffic-control/dpdk1",
	 "{'interface': 'dpdk1', 'queues': [{'handle': 'root', 'kind': 'pfifo_fast'},"
	 " {'handle': '1:', 'parent': 'root', 'kind': 'tbf', 'rate': 10000000, 'burst': 10000,"
	 " 'limit': 2500, 'bytes': 4050639, 'packets': 46334, 'dropped': 1, 'overlimits': 2},"
	 " {'handle': 'ingress', 'kind': 'pfifo', 'limit': 65536},"
	 " {'handle': '2:', 'parent': 'ingress', 'kind': 'tbf', 'rate': 80000000, 'burst': 80000,"
	 " 'peakrate': 2000000000, 'mtu': 20000, 'limit': 20000}],"
	 " 'classifiers': [{'handle': '8001:', 'queue': 'root', 'packets': 'ipv4', 'priority': 0,"
	 " 'match': {'protocol': 'tcp', 'destination': '0.0.0.0-0.0.0.0:22-22', 'out': 'dpdk1'},"
	 " 'target': '1:'},"
	 " {'handle': '0:1', 'queue': 'ingress', 'packets': 'ipv6', 'priority': 7,"
	 " 'match': {'source': '[2001::-2001::ff]:0-0'}, 'target': 'drop'}]}"},
	{"/v1/top", "{'enabled': true, 'top': [{'interface': 'dpdk1', 'source': '10.0.0.2',"
		    " 'source_port': 5, 'destination': '10.0.0.100', 'destination_port': 80,"
		    " 'protocol': 'tcp', 'received_bytes_per_second': 12,"
		    " 'sent_bytes_per_second': 34}]}"},
};

static char requests[2048];

const char *face_name = "dpip";

struct client *client_open(const char *socket)
{
	return (struct client *)requests;
}

void client_close(struct client *client)
{
}

static char *json_text(const char *quoted)
{
	char *text = strdup(quoted);

	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	return text;
}

enum exit_code client_get(struct client *client, const char *path, json_t **answer)
{
	*answer = NULL;
	for (unsigned int i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		char *text;

		if (strcmp(answers[i].path, path))
			continue;
		text = json_text(answers[i].answer);
		*answer = json_loads(text, 0, NULL);
		assert_non_null(*answer);
		free(text);
		return EXIT_OK;
	}
	fprintf(stderr, "dpip: nothing at %s\n", path);
	return EXIT_REFUSED;
}

enum exit_code client_request(struct client *client, const char *method, const char *path,
			      const json_t *body, json_t **answer)
{
	char *text = body ? json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS) : strdup("");
	size_t used = strlen(requests);

	snprintf(requests + used, sizeof(requests) - used, "%s %s %s\n", method, path, text);
	free(text);
	if (answer)
		*answer = NULL;
	return EXIT_OK;
}

enum exit_code client_create(struct client *client, const char *path, const json_t *body)
{
	return client_request(client, "PUT", path, body, NULL);
}

json_t *answer_array(json_t *answer, const char *name)
{
	return json_object_get(answer, name);
}

const char *client_socket(void)
{
	return "";
}

/* Run a command line; what it prints on either output is in `printed`. */

static char printed[8192];

static int run(const char *line)
{
	char copy[256], *words[32] = {[0] = "dpip"}, *save = NULL;
	FILE *file = tmpfile();
	int count = 1, out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), code;
	size_t size;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		words[count++] = word;
	requests[0] = 0;
	fflush(stdout);
	fflush(stderr);
	dup2(fileno(file), STDOUT_FILENO);
	dup2(fileno(file), STDERR_FILENO);
	optind = 0; // begin anew
	code = dpip_main(count, words);
	fflush(stdout);
	fflush(stderr);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	rewind(file);
	size = fread(printed, 1, sizeof(printed) - 1, file);
	printed[size] = 0;
	fclose(file);
	return code;
}

static void shows(const char *line, const char *text)
{
	assert_int_equal(run(line), 0);
	assert_string_equal(printed, text);
	assert_string_equal(requests, "");
}

static void asks(const char *line, const char *wanted)
{
	if (run(line) != 0)
		fail_msg("%s: %s", line, printed);
	assert_string_equal(requests, wanted);
	assert_string_equal(printed, "");
}

static void refuses(const char *line, const char *text)
{
	assert_int_equal(run(line), 1);
	if (strncmp(printed, "dpip: ", 6) || !strstr(printed, text))
		fail_msg("%s: %s", line, printed);
	assert_string_equal(requests, "");
}

static void test_addr_show(void **state)
{
	shows("addr show", "inet 10.0.0.9/24 scope link dpdk1\n"
			   "    broadcast 10.0.0.255 valid_lft 100s preferred_lft 50s\n"
			   "inet 10.0.0.100/32 scope global dpdk1\n"
			   "    valid_lft forever preferred_lft forever\n"
			   "inet 192.168.100.201/32 scope global dpdk0\n"
			   "    valid_lft forever preferred_lft forever sa_used 0 sa_free 64512 "
			   "sa_miss 0\n"
			   "inet 192.168.100.200/32 scope global dpdk0\n"
			   "    valid_lft forever preferred_lft forever sa_used 3 sa_free 64509 "
			   "sa_miss 1\n");
	shows("-6 addr list", "inet6 fe80::1/64 scope link dpdk1\n"
			      "    valid_lft forever preferred_lft forever\n");
	assert_int_equal(run("addr show dev dpdk0 -v"), 0);
	assert_non_null(strstr(printed, "[00] inet 192.168.100.201/32"));
	assert_non_null(strstr(printed, "[01] inet 192.168.100.201/32"));
}

static void test_addr_change(void **state)
{
	asks("addr add 10.0.0.5 dev dpdk1.kni", "PUT /v1/addresses/dpdk1/10.0.0.5/32?new=1 {}\n");
	asks("addr add 10.0.0.5/24 dev dpdk1 sapool scope link prefered_lft 5 valid_lft forever",
	     "PUT /v1/addresses/dpdk1/10.0.0.5/24?new=1 "
	     "{\"preferred_lifetime\":5,\"scope\":\"link\",\"valid_lifetime\":\"forever\"}\n"
	     "PUT /v1/local_addresses/10.0.0.5 {\"interface\":\"dpdk1\"}\n");
	asks("addr change 10.0.0.9/24 dev dpdk1 scope global",
	     "PUT /v1/addresses/dpdk1/10.0.0.9/24 {\"broadcast\":\"10.0.0.255\","
	     "\"preferred_lifetime\":50,\"scope\":\"global\",\"valid_lifetime\":100}\n");
	asks("addr del 192.168.100.201 dev dpdk0",
	     "DELETE /v1/local_addresses/192.168.100.201 \n"
	     "DELETE /v1/addresses/dpdk0/192.168.100.201/32 \n");
	asks("addr flush dev dpdk1", "DELETE /v1/addresses/dpdk1/10.0.0.9/24 \n"
				     "DELETE /v1/addresses/dpdk1/10.0.0.100/32 \n");
	refuses("addr del 192.168.100.200 dev dpdk0", "is a local address of tcp 10.0.0.100:80");
	refuses("addr flush dev dpdk0", "is a local address of tcp 10.0.0.100:80");
	refuses("addr set 10.0.0.77 dev dpdk1", "10.0.0.77/32 is no address of dpdk1");
	refuses("addr add 10.0.0.5 10.0.0.6 dev dpdk1", "the address is \"10.0.0.5\" already");
	refuses("addr add 10.0.0.5 dev dpdk1 dev dpdk0", "\"dev\" is given twice");
	refuses("addr add 10.0.0.5 dev", "\"dev\" needs a value");
}

static void test_routes(void **state)
{
	shows("route show",
	      "inet 10.0.0.100/32 via 0.0.0.0 src 0.0.0.0 dev dpdk1 mtu 9000 tos 0 scope host "
	      "metric 0 proto auto\n"
	      "inet 172.10.0.2/32 via 0.0.0.0 src 0.0.0.0 dev dpdk1 mtu 9000 tos 0 scope kni_host "
	      "metric 0 proto auto\n"
	      "inet 10.0.0.0/16 via 0.0.0.0 src 0.0.0.0 dev dpdk1 mtu 9000 tos 0 scope link "
	      "metric 0 proto auto\n"
	      "inet 0.0.0.0/0 via 10.0.0.1 src 10.0.0.100 dev dpdk1 mtu 1400 tos 0 scope global "
	      "metric 7 proto auto\n");
	shows("route show -6", "inet6 default via fd00::1 dev dpdk1 scope global\n");
	shows("route show dev dpdk0", "");
	asks("route add default via 10.0.0.1 dev dpdk1",
	     "PUT /v1/routes/0.0.0.0/0?new=1 {\"interface\":\"dpdk1\",\"via\":\"10.0.0.1\"}\n");
	asks("route add default via fd00::1", "PUT /v1/routes/::/0?new=1 {\"via\":\"fd00::1\"}\n");
	asks("-6 route add fd00::/64 dev dpdk1 proto boot tos 0 onlink via fd01::1",
	     "PUT /v1/routes/fd00::/64?new=1 "
	     "{\"interface\":\"dpdk1\",\"onlink\":true,\"via\":\"fd01::1\"}\n");
	asks("route set 10.0.0.0/16 dev dpdk1 mtu 1400 metric 5",
	     "PUT /v1/routes/10.0.0.0/16 {\"interface\":\"dpdk1\",\"metric\":5,\"mtu\":1400}\n");
	asks("route del 10.0.0.0/16 dev dpdk1 metric 5",
	     "DELETE /v1/routes/10.0.0.0/16?metric=5&interface=dpdk1 \n");
	asks("route flush dev dpdk1",
	     "DELETE /v1/routes/172.10.0.2/32?metric=0&interface=dpdk1&scope=kni_host \n"
	     "DELETE /v1/routes/10.0.0.0/16?metric=0&interface=dpdk1 \n"
	     "DELETE /v1/routes/0.0.0.0/0?metric=7&interface=dpdk1 \n");
	refuses("route set 9.0.0.0/8 dev dpdk1", "there is no route to 9.0.0.0/8");
	refuses("-6 route add 10.0.0.0/8 dev dpdk1", "10.0.0.0/8 is not IPv6");
	refuses("route add 10.0.0.0/8 via 10.0.0.0/24", "must be an address, not a prefix");
}

static void test_others(void **state)
{
	shows("neigh show",
	      "ip: 192.168.100.2                                    mac: 02:00:00:00:00:02   "
	      "state: DELAY         dev: dpdk0  core: 0\n"
	      "ip: 192.168.100.3                                    mac:incomplate           "
	      "state: SEND          dev: dpdk0  core: 0\n");
	asks("neigh add 10.0.0.7 lladdr 02:00:00:00:00:07 dev dpdk1",
	     "PUT /v1/neighbours/dpdk1/10.0.0.7?new=1 {\"mac\":\"02:00:00:00:00:07\"}\n");
	shows("iftraf show", "top1: dpdk1, [10.0.0.2, 5 -> 10.0.0.100, 80 | tcp], [12, 34]\n");
	asks("iftraf enable", "PUT /v1/top {\"enabled\":true}\n");
	asks("link set dpdk1 promisc on", "PATCH /v1/ports/dpdk1 {\"promiscuous\":true}\n");
	asks("link set dpdk1 down", "PATCH /v1/ports/dpdk1 {\"up\":false}\n");
	asks("link set dpdk1 link up", "PATCH /v1/ports/dpdk1 {\"up\":true}\n");
	asks("link set dpdk1 addr 02:00:00:00:00:07",
	     "PATCH /v1/ports/dpdk1 {\"mac\":\"02:00:00:00:00:07\"}\n");
	shows("flow show type kni dev dpdk1", "kni addr flow 10.0.0.9 dev dpdk1\n"
					      "kni addr flow 10.0.0.100 dev dpdk1\n");
	refuses("flow add kni 10.0.0.9 dev dpdk1", "the address is \"kni\" already");
	refuses("tunnel add t1 mode gre ttl 300", "ttl: 300 is out of range, 0 to 255");
	refuses("qsch add dev dpdk0 root handle 1: pfifo", "pfifo needs `limit N`");
	refuses("qsch add dev dpdk0 handle nonsense pfifo limit 5", "no handle like 1:");
	refuses("cls add dev dpdk0 ipset match foo,src", "missing target");
	refuses("ipset create foo bitmap:ip", "bitmap:ip needs `range R`");
	refuses("ipset create foo/bar hash:ip", "no name of a set");
	refuses("ipset add foo", "missing entry");
	asks("-6 ipset create foo hash:net comment maxelem 7",
	     "PUT /v1/sets/foo {\"comment\":true,\"family\":\"inet6\",\"maxelem\":7,"
	     "\"type\":\"hash:net\"}\n");
	asks("-F ipset add foo 10.0.0.0/8 nomatch",
	     "POST /v1/sets/foo/entries {\"entries\":[{\"entry\":\"10.0.0.0/8\","
	     "\"nomatch\":true}],\"force\":true}\n");
	asks("ipset destroy foo", "DELETE /v1/sets/foo \n");
}

static void test_shaping(void **state)
{
	shows("qsch show dev dpdk1",
	      "qsch pfifo_fast root dev dpdk1 parent 0: flags 0x0 cls 1 bands 3 priomap "
	      "1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1\n"
	      "qsch tbf 1: dev dpdk1 parent root flags 0x0 cls 0 rate 10.00Mbps burst 10000B "
	      "limit 2500B\n"
	      "qsch pfifo ingress dev dpdk1 parent 0: flags 0x1 cls 1 limit 65536\n"
	      "qsch tbf 2: dev dpdk1 parent ingress flags 0x1 cls 0 rate 80.00Mbps burst 80000B "
	      "peakrate 2.00Gbps minburst 20000B limit 20000B\n");
	shows("qsch -s show dev dpdk1 handle 1:0",
	      "qsch tbf 1: dev dpdk1 parent root flags 0x0 cls 0 rate 10.00Mbps burst 10000B "
	      "limit 2500B\n"
	      " Sent 4050639 bytes 46334 pkts (dropped 1, overlimits 2 requeues 0)\n"
	      " Backlog 0 bytes 0 pkts\n");
	shows("cls show dev dpdk1 qsch root",
	      "cls match 8001: dev dpdk1 qsch root pkttype 0x0800 prio 0 "
	      "TCP,to=0.0.0.0-0.0.0.0:22-22,oif=dpdk1 target 1:\n");
	shows("cls show dev dpdk1 handle 0:1",
	      "cls match 0:1 dev dpdk1 qsch ingress pkttype 0x86dd prio 7 "
	      "unspec,from=[2001::-2001::ff]:0-0 target drop\n");
	asks("qsch add dev dpdk1 root tbf rate 2g burst 2000000 latency 1ms",
	     "PUT /v1/traffic-control/dpdk1/queues/root?new=1 "
	     "{\"burst\":2000000,\"kind\":\"tbf\",\"latency\":1,\"rate\":\"2g\"}\n");
	asks("qsch add dev dpdk1.kni handle 1: parent root pfifo limit 10",
	     "PUT /v1/traffic-control/dpdk1/queues/1:?new=1 "
	     "{\"kind\":\"pfifo\",\"limit\":10,\"parent\":\"root\"}\n");
	asks("qsch change dev dpdk1 root tbf rate 800m burst 800000 latency 1",
	     "PUT /v1/traffic-control/dpdk1/queues/root?change=1 "
	     "{\"burst\":800000,\"kind\":\"tbf\",\"latency\":1,\"rate\":\"800m\"}\n");
	asks("qsch del dev dpdk1 ingress", "DELETE /v1/traffic-control/dpdk1/queues/ingress \n");
	asks("cls add dev dpdk1 qsch 1: match pattern tcp,to=:22,oif=dpdk1 prio 3 target 10:",
	     "PUT /v1/traffic-control/dpdk1/classifiers/auto?new=1 "
	     "{\"match\":\"tcp,to=0.0.0.0:22,oif=dpdk1\",\"priority\":3,\"queue\":\"1:\","
	     "\"target\":\"10:\"}\n");
	asks("cls add dev dpdk1 pkttype ipv6 qsch ingress handle 0:1 match pattern "
	     "icmp6,from=2001::0-2001::ff,iif=dpdk1 target drop",
	     "PUT /v1/traffic-control/dpdk1/classifiers/0:1?new=1 "
	     "{\"match\":\"icmpv6,from=2001::0-2001::ff,iif=dpdk1\",\"packets\":\"ipv6\","
	     "\"queue\":\"ingress\",\"target\":\"drop\"}\n");
	asks("cls del dev dpdk1 handle 8001:",
	     "DELETE /v1/traffic-control/dpdk1/classifiers/8001: \n");
	asks("link set dpdk1 tc-egress on", "PATCH /v1/traffic-control/dpdk1 {\"egress\":true}\n");
	refuses("qsch show dev dpdk1 handle 9:", "there is no queue 9: on dpdk1");
	refuses("qsch add dev dpdk1 root handle 1: pfifo limit 3", "without handle");
	refuses("qsch add dev dpdk1 pfifo limit 3", "missing place");
	refuses("qsch change dev dpdk1 pfifo limit 3", "missing handle");
	refuses("qsch del dev dpdk1", "missing handle");
	refuses("qsch show", "missing device");
	refuses("qsch flush dev dpdk1", "it has: add, del, replace, change, show");
	refuses("qsch add dev dpdk1 root tbf rate 2x burst 1 limit 1", "rate: \"2x\" is no rate");
	refuses("cls del dev dpdk1", "missing handle");
}

static void test_options(void **state)
{
	shows("addr -f inet6 show dev dpdk0", "");
	refuses("-f ipx addr show", "\"ipx\" is neither inet nor inet6");
	refuses("-c 5 link show", "-c needs -i");
	refuses("-i 0 link show", "-i: 0 is out of range");
	refuses("-x addr show", "unknown option");
	refuses("address show", "no object \"address\"");
	assert_int_equal(run(""), 1);
	assert_int_equal(run("-h"), 0);
	assert_non_null(strstr(printed, "OBJECT"));
	assert_int_equal(run("vlan help"), 0);
	assert_non_null(strstr(printed, "dpip vlan add"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addr_show), cmocka_unit_test(test_addr_change),
		cmocka_unit_test(test_routes),	  cmocka_unit_test(test_others),
		cmocka_unit_test(test_shaping),	  cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

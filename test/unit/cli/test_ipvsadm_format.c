/* SPDX-License-Identifier: BSD-3-Clause */

/* Listings, compared to the column; and -S. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ipvsadm_format.h"
#include "match_words.h"

static const char services_json[] =
	"[{'protocol': 'udp', 'vip': '2001:db8::1', 'port': 80, 'scheduler': 'wlc',"
	"  'mode': 'fullnat', 'timeouts': {'udp_one_way': 60, 'udp_normal': 60}, 'servers': ["
	"   {'address': '2001:db8:11::51', 'port': 6000, 'weight': 1}]},"
	" {'protocol': 'tcp', 'vip': '10.0.0.100', 'port': 80, 'scheduler': 'rr',"
	"  'mode': 'fullnat', 'connections': 99999999, 'packets_in': 100000000,"
	"  'packets_out': 1000000000, 'bytes_in': 100000000000, 'bytes_out': 100000000000000,"
	"  'timeouts': {'established': 600, 'fin_wait': 5}, 'servers': ["
	"   {'address': '192.168.100.3', 'port': 80, 'weight': 100, 'active': 12, 'inactive': 34,"
	"    'health': 'down'},"
	"   {'address': '192.168.100.2', 'port': 80, 'weight': 1, 'connections': 7}]}]";

static json_t *json_of(const char *text)
{
	char *copy = strdup(text);

	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	json_t *json = json_loads(copy, 0, NULL);
	assert_non_null(json);
	free(copy);
	return json;
}

static void listing_is(struct list list, const char *services, const char *expected)
{
	json_t *json = json_of(services);
	char *text = NULL;
	size_t size;

	list.out = open_memstream(&text, &size);
	list.names.numeric = true;
	list_titles(&list);
	list_services(&list, json);
	fclose(list.out);
	assert_string_equal(text, expected);
	free(text);
	names_free(&list.names);
	json_decref(json);
}

static void test_plain(void **state)
{
	listing_is((struct list){.sorted = true}, services_json,
		   "Prot LocalAddress:Port Scheduler Flags\n"
		   "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
		   "TCP  10.0.0.100:80 rr conn-timeout 600\n"
		   "  -> 192.168.100.2:80             FullNat 1      0          0         \n"
		   "  -> 192.168.100.3:80             FullNat 100    12         34         "
		   "inhibited\n"
		   "UDP  [2001:db8::1]:80 wlc conn-timeout 60\n"
		   "  -> [2001:db8:11::51]:6000       FullNat 1      0          0         \n");
}

/* Services by match come first, in the order of their texts, and -S has what -R makes of them. */
static void test_matches(void **state)
{
	static const char services[] =
		"[{'protocol': 'tcp', 'vip': '10.0.0.100', 'port': 80, 'scheduler': 'rr',"
		"  'mode': 'fullnat', 'servers': []},"
		" {'match': {'protocol': 'udp', 'family': 'ipv6', 'in': 'dpdk0'}, 'mode': 'snat',"
		"  'scheduler': 'wlc', 'timeouts': {'udp_normal': 9}, 'servers': []},"
		" {'match': {'protocol': 'icmp', 'source': '192.168.88.1-192.168.88.253:0-0',"
		"  'destination': '10.0.0.0-10.255.255.255:0-0', 'out': 'bond1'}, 'mode': 'snat',"
		"  'scheduler': 'rr', 'timeouts': {'icmp': 9}, 'servers': ["
		"   {'address': '101.227.17.140', 'port': 0, 'weight': 1}]},"
		" {'match': {'source': '10.0.0.1-10.0.0.9:0-0'}, 'mode': 'snat', 'scheduler': 'rr',"
		"  'timeouts': {'established': 9, 'sctp_established': 9, 'udp_normal': 9,"
		"               'udp_one_way': 9, 'icmp': 9}, 'servers': []},"
		" {'match': {'family': 'ipv6', 'out': 'dpdk1'}, 'mode': 'snat', 'scheduler': 'rr',"
		"  'timeouts': {'established': 9}, 'servers': []}]";
	json_t *json = json_of(services), *service;
	char *text = NULL, *named;
	size_t size, i;

	FILE *out = open_memstream(&text, &size);
	json_array_foreach (json, i, service) {
		save_service(out, service);
		match_name_service(service);
	}
	fclose(out);
	assert_string_equal(text,
			    "-A -t 10.0.0.100:80 -s rr\n"
			    "-A -H proto=udp,af=ipv6,iif=dpdk0 -s wlc --settings "
			    "'{\"timeouts\":{\"udp_normal\":9}}'\n"
			    "-A -H proto=icmp,src-range=192.168.88.1-192.168.88.253:0-0,"
			    "dst-range=10.0.0.0-10.255.255.255:0-0,oif=bond1 -s rr "
			    "--conn-timeout 9\n"
			    "-a -H proto=icmp,src-range=192.168.88.1-192.168.88.253:0-0,"
			    "dst-range=10.0.0.0-10.255.255.255:0-0,oif=bond1 -r 101.227.17.140:0 "
			    "-J -w 1\n"
			    "-A -H src-range=10.0.0.1-10.0.0.9:0-0 -s rr --conn-timeout 9\n"
			    "-A -H af=ipv6,oif=dpdk1 -s rr --settings "
			    "'{\"timeouts\":{\"established\":9}}'\n");
	free(text);
	named = json_dumps(json, 0);
	listing_is((struct list){.sorted = true}, named,
		   "Prot LocalAddress:Port Scheduler Flags\n"
		   "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
		   "MATCH af=ipv6,oif=dpdk1 rr conn-timeout 9\n"
		   "MATCH from=10.0.0.1-10.0.0.9:0-0 rr conn-timeout 9\n"
		   "MATCH icmp,from=192.168.88.1-192.168.88.253:0-0,"
		   "to=10.0.0.0-10.255.255.255:0-0,oif=bond1 rr conn-timeout 9\n"
		   "  -> 101.227.17.140:0             SNAT    1      0          0         \n"
		   "MATCH udp,af=ipv6,iif=dpdk0 wlc conn-timeout 9\n"
		   "TCP  10.0.0.100:80 rr\n");
	free(named);
	json_decref(json);
}

static void test_unsorted(void **state)
{
	listing_is(
		(struct list){.view = VIEW_PERSISTENT}, services_json,
		"Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn \n"
		"  -> RemoteAddress:Port\n"
		"UDP  [2001:db8::1]:80 wlc conn-timeout 60\n"
		"  -> [2001:db8:11::51]:6000       1         0           0          0         \n"
		"TCP  10.0.0.100:80 rr conn-timeout 600\n"
		"  -> 192.168.100.3:80             100       0           12         34        \n"
		"  -> 192.168.100.2:80             1         0           0          0         \n");
}

static void test_stats(void **state)
{
	listing_is(
		(struct list){.sorted = true, .view = VIEW_STATS}, services_json,
		"Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n"
		"  -> RemoteAddress:Port\n"
		"TCP  10.0.0.100:80                99999999  100000K    1000M     100G     100T\n"
		"  -> 192.168.100.2:80                    7        0        0        0        0\n"
		"  -> 192.168.100.3:80                    0        0        0        0        0\n"
		"UDP  [2001:db8::1]:80                    0        0        0        0        0\n"
		"  -> [2001:db8:11::51]:6000              0        0        0        0        0\n");
}

static void test_thresholds(void **state)
{
	listing_is(
		(struct list){.sorted = true, .view = VIEW_THRESHOLDS},
		"[{'protocol': 'tcp', 'vip': '10.0.0.1', 'port': 80, 'scheduler': 'rr',"
		"  'servers': [{'address': '192.168.1.2', 'port': 80, 'active': 3,"
		"  'upper_threshold': 100, 'lower_threshold': 10}]}]",
		"Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n"
		"  -> RemoteAddress:Port\n"
		"TCP  10.0.0.1:80 rr\n"
		"  -> 192.168.1.2:80               100        10         3          0         \n");
}

static void test_rate(void **state)
{
	json_t *rates = json_of("{'tcp 10.0.0.1 80': {'connections_per_second': 5,"
				"  'packets_in_per_second': 10, 'packets_out_per_second': 20,"
				"  'bits_in_per_second': 8000, 'bits_out_per_second': 80000000000},"
				" 'tcp 10.0.0.1 80 192.168.1.2 80': {'connections_per_second': 4,"
				"  'packets_in_per_second': 123456789, 'bits_in_per_second': 80}}");

	listing_is(
		(struct list){.sorted = true, .view = VIEW_RATE, .rates = rates},
		"[{'protocol': 'tcp', 'vip': '10.0.0.1', 'port': 80, 'scheduler': 'rr',"
		"  'servers': [{'address': '192.168.1.2', 'port': 80}]}]",
		"Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS\n"
		"  -> RemoteAddress:Port\n"
		"TCP  10.0.0.1:80                         5       10       20     1000   10000M\n"
		"  -> 192.168.1.2:80                      4 123456789        0       10        "
		"0\n");
	json_decref(rates);
}

static void test_large(void **state)
{
	static const struct {
		uint64_t number;
		const char *text, *exact;
	} numbers[] = {
		{0, "        0", "        0"},
		{99999999, " 99999999", " 99999999"},
		{100000000, "  100000K", " 100000000"},
		{999999999, "  999999K", " 999999999"},
		{1000000000, "    1000M", " 1000000000"},
		{99999999999, "   99999M", " 99999999999"},
		{100000000000, "     100G", " 100000000000"},
		{99999999999999, "   99999G", " 99999999999999"},
		{100000000000000, "     100T", " 100000000000000"},
		{UINT64_MAX, " 18446744T", " 18446744073709551615"},
	};
	char text[FORMAT_NUMBER];

	for (unsigned int i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		assert_string_equal(format_large(numbers[i].number, false, text), numbers[i].text);
		assert_string_equal(format_large(numbers[i].number, true, text), numbers[i].exact);
	}
}

static void test_connection(void **state)
{
	json_t *session = json_of(
		"{'protocol': 'tcp', 'state': 'ESTABLISHED', 'expires': 59, 'worker': 0,"
		" 'client': '10.0.0.48', 'client_port': 37177, 'vip': '10.0.0.100', 'vip_port': 80,"
		" 'local': '192.168.100.200', 'local_port': 1026, 'server': '192.168.100.2',"
		" 'server_port': 80}");
	struct list list = {.names.numeric = true};
	char *text = NULL;
	size_t size;

	list.out = open_memstream(&text, &size);
	list_connection(&list, session);
	fclose(list.out);
	assert_string_equal(text, "[1]tcp 59s    TCP_EST     10.0.0.48:37177    10.0.0.100:80      "
				  "192.168.100.200:1026 192.168.100.2:80\n");
	free(text);
	names_free(&list.names);
	json_decref(session);
	assert_string_equal(format_state("UDP_ONE_WAY"), "UDP_ONEWAY");
	assert_string_equal(format_state("UDP_NORMAL"), "UDP_NORM");
	assert_string_equal(format_state("CLOSE"), "TCP_CLOSE");
	assert_string_equal(format_state("SYN_RECV"), "SYN_RECV");
}

static void test_local(void **state)
{
	json_t *service = json_of("{'protocol': 'tcp', 'vip': '10.0.0.100', 'port': 80}");
	json_t *addresses = json_of("[{'address': '192.168.100.200', 'interface': 'dpdk0'}]");
	json_t *counts = json_of("{'tcp 10.0.0.100 80 192.168.100.200': 3}");
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	list_local_titles(out);
	list_local(out, service, addresses, counts);
	list_access_titles(out, true);
	list_access_titles(out, false);
	fclose(out);
	assert_string_equal(
		text, "VIP:VPORT            TOTAL    SNAT_IP              CONFLICTS  CONNS     \n"
		      "10.0.0.100:80        1        \n"
		      "                              192.168.100.200      0          3         \n"
		      "PROTO    VIP:VPORT                      BLACKLIST                     \n"
		      "PROTO    VIP:VPORT                      WHITELIST                     \n");
	free(text);
	json_decref(service);
	json_decref(addresses);
	json_decref(counts);
}

/* Names are cut for IPv4, so that columns stay where they are. */
static void test_names(void **state)
{
	struct names names = {.known = json_object()};
	struct list list = {.sorted = true};
	json_t *json = json_of("[{'protocol': 'tcp', 'vip': '10.0.0.1', 'port': 80, 'scheduler':"
			       " 'rr', 'servers': [{'address': '10.0.0.2', 'port': 8}]}]");
	char *text = NULL;
	size_t size;

	for (const char *a = "10.0.0.1\0"
			     "10.0.0.2\0";
	     *a; a += strlen(a) + 1)
		json_object_set_new(names.known, a,
				    json_string("a-very-long-name-of-a-host.example.com"));
	json_object_set_new(names.known, "tcp 80", json_string("http"));
	json_object_set_new(names.known, "tcp 8", json_string("8"));
	list.names = names;
	list.out = open_memstream(&text, &size);
	list_services(&list, json);
	fclose(list.out);
	assert_string_equal(text, "TCP  a-very-long-name-of-a-host.exampl rr\n"
				  "  -> a-very-long-name-of-a-host.e         0      0          0  "
				  "       \n");
	free(text);
	names_free(&list.names);
	json_decref(json);
}

static void saved_is(const char *service, const char *expected)
{
	json_t *json = json_of(service);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	save_service(out, json);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
	json_decref(json);
}

static void test_save(void **state)
{
	saved_is("{'protocol': 'tcp', 'vip': '10.0.0.100', 'port': 80, 'scheduler': 'rr',"
		 " 'mode': 'fullnat', 'unknown_tcp': 'reset', 'mss': 0,"
		 " 'local_addresses': [{'address': '192.168.100.200', 'interface': 'dpdk0'}],"
		 " 'servers': [{'address': '192.168.100.2', 'port': 80, 'weight': 5}]}",
		 "-A -t 10.0.0.100:80 -s rr\n"
		 "-P -t 10.0.0.100:80 -z 192.168.100.200 -F dpdk0\n"
		 "-a -t 10.0.0.100:80 -r 192.168.100.2:80 -b -w 5\n");
	saved_is("{'protocol': 'tcp', 'vip': 'fd00::1', 'port': 80, 'scheduler': 'wlc',"
		 " 'mode': 'fullnat', 'unknown_tcp': 'drop', 'mss': 1400, 'check': {'type': 'tcp'},"
		 " 'timeouts': {'established': 600, 'fin_wait': 5},"
		 " 'servers': [{'address': 'fd00::2', 'port': 80, 'weight': 0, 'check': null}]}",
		 "-A -t [fd00::1]:80 -s wlc --conn-timeout 600 --settings "
		 "'{\"check\":{\"type\":\"tcp\"},\"mss\":1400,\"timeouts\":{\"fin_wait\":5},"
		 "\"unknown_tcp\":\"drop\"}'\n"
		 "-a -t [fd00::1]:80 -r [fd00::2]:80 -b -w 0 --settings '{\"check\":null}'\n");
	// Two timeouts that differ, and a local address that -P cannot say everything of.
	saved_is("{'protocol': 'udp', 'vip': '10.0.0.1', 'port': 53, 'scheduler': 'rr',"
		 " 'timeouts': {'udp_one_way': 5, 'udp_normal': 60},"
		 " 'local_addresses': [{'address': '10.1.1.1', 'interface': 'a', 'claim': false}]}",
		 "-A -u 10.0.0.1:53 -s rr --settings '{\"local_addresses\":[{\"address\":"
		 "\"10.1.1.1\",\"claim\":false,\"interface\":\"a\"}],\"timeouts\":{\"udp_normal\":"
		 "60,\"udp_one_way\":5}}'\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),	   cmocka_unit_test(test_matches),
		cmocka_unit_test(test_unsorted),   cmocka_unit_test(test_stats),
		cmocka_unit_test(test_thresholds), cmocka_unit_test(test_rate),
		cmocka_unit_test(test_large),	   cmocka_unit_test(test_connection),
		cmocka_unit_test(test_local),	   cmocka_unit_test(test_names),
		cmocka_unit_test(test_save),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

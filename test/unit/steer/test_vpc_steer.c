/* SPDX-License-Identifier: BSD-3-Clause */

/* weir-vpc-steer without a switch: its file, and what is to be done so that a switch is as wanted. */
#include "plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char file[] =
	"bridge: br0\n"
	"group: 7\n"
	"gateways:\n"
	"  - {address: 10.90.0.1, name: gw1, weight: 4}\n"
	"  - {address: 10.90.0.2, weight: 2}\n"
	"vms:\n"
	"  - {port: v96, vni: 96, mac: 'FA:16:3f:5d:6c:08', vips: [10.0.0.1, 'fd00::1']}\n"
	"  - {port: v97, vni: 97}\n";

static void setup_of(const char *text, struct setup *setup)
{
	struct error error = {0};

	setup_parse(text, strlen(text), setup, &error);
	assert_string_equal(error.text, "");
}

/* The file */

static void test_file(void **state)
{
	struct setup setup;

	setup_of(file, &setup);
	assert_string_equal(setup.bridge, "br0");
	assert_int_equal(setup.group, 7);
	assert_int_equal(setup.port, 4789);
	assert_int_equal(setup.bfd_interval, 100);
	assert_int_equal(setup.bfd_multiplier, 3);
	assert_int_equal(setup.gateway_count, 2);
	assert_string_equal(setup.gateways[1].name, "weir-0a5a0002");
	assert_int_equal(setup.gateways[0].copies, 2); // 4 : 2
	assert_int_equal(setup.gateways[1].copies, 1);
	assert_string_equal(setup.vms[0].mac, "fa:16:3f:5d:6c:08");
	assert_int_equal(setup.vms[0].vip_count, 2);
	assert_int_equal(setup.vms[1].vip_count, 0);
	setup_free(&setup);
}

static void test_file_refused(void **state)
{
	static const struct {
		const char *text, *field, *says;
	} rows[] = {
		{"gateways: [{address: 10.0.0.1}]", ".bridge", "is missing"},
		{"bridge: br0", ".gateways", "is missing"},
		{"bridge: br0\ngateways: []", "gateways", "must name one"},
		{"bridge: 'br 0'\ngateways: [{address: 10.0.0.1}]", ".bridge",
		 "must be of letters"},
		{"bridge: -br\ngateways: [{address: 10.0.0.1}]", ".bridge", "must not begin"},
		{"bridge: br0\ngroup: 65536\ngateways: [{address: 10.0.0.1}]", ".group", "range"},
		{"bridge: br0\ngateways: [{addres: 10.0.0.1}]", ".gateways[0].addres",
		 "did you mean \"address\""},
		{"bridge: br0\ngateways: [{address: 224.0.0.1}]", ".gateways[0].address",
		 "one host"},
		{"bridge: br0\ngateways: [{address: 10.0.0.1}, {address: 10.0.0.1}]",
		 ".gateways[1].address", "gateways[0] too"},
		{"bridge: br0\ngateways: [{address: 10.0.0.1, name: a}, "
		 "{address: 10.0.0.2, name: a}]",
		 ".gateways[1].name", "gateways[0] too"},
		{"bridge: br0\ngateways: [{address: 10.0.0.1, weight: 999}, "
		 "{address: 10.0.0.2, weight: 998}]",
		 "gateways", "add up to 1997"},
		{"bridge: br0\nlocal: 'fd00::1'\ngateways: [{address: 10.0.0.1}]",
		 ".gateways[0].address", "family"},
		{"bridge: br0\nbfd: {interval: 9}\ngateways: [{address: 10.0.0.1}]",
		 ".bfd.interval", "range, 10 to 60000"},
		{"bridge: br0\nhash: all\ngateways: [{address: 10.0.0.1}]", ".hash",
		 "none of: ports, addresses"},
		{"bridge: br0\ngateways: [{address: 10.0.0.1}]\nvms: [{port: a, vni: 0}]",
		 ".vms[0].vni", "range"},
		{"bridge: br0\ngateways: [{address: 10.0.0.1}]\nvms: [{port: a, vni: 1, mac: x}]",
		 ".vms[0].mac", "MAC address"},
		{"bridge: br0\ngateways: [{address: 10.0.0.1}]\n"
		 "vms: [{port: a, vni: 1}, {port: b, vni: 1}]",
		 ".vms[1].mac", "VNI 1 has several VMs"},
		{"bridge: br0\ngateways: [{address: 10.0.0.1}]\n"
		 "vms: [{port: a, vni: 1}, {port: a, vni: 2}]",
		 ".vms[1].port", "vms[0] too"},
		{"bridge: br0\ngateways: [{address: 10.0.0.1}]\n"
		 "vms: [{port: a, vni: 1, vips: [x]}]",
		 ".vms[0].vips[0]", "no IPv4 or IPv6 address"},
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct error error = {0};
		struct setup setup;

		assert_true(setup_parse(rows[i].text, strlen(rows[i].text), &setup, &error) < 0);
		assert_string_equal(error.field, rows[i].field + (rows[i].field[0] == '.'));
		if (strstr(error.text, rows[i].says) == NULL)
			fail_msg("row %u: %s", i, error.text);
		setup_free(&setup);
	}
}

/* The plan */

static json_t *interface_made(int port)
{
	return json_pack("{s:i, s:b, s:s, s:{}, s:{}, s:{}}", "ofport", port, "here", 1, "type", "",
			 "options", "bfd", "external_ids");
}

/* A switch with ports of VMs and nothing of ours. */
static void seen_new(struct seen *seen)
{
	*seen = (struct seen){
		.interfaces = json_object(),
		.bridge = json_pack("{s:{}, s:[]}", "external_ids", "protocols"),
		.group = strdup(""),
		.flows = strdup(""),
	};
	json_object_set_new(seen->interfaces, "v96", interface_made(1));
	json_object_set_new(seen->interfaces, "v97", interface_made(2));
}

/* Do what the words for ovs-vsctl say, as far as this program uses them; ports get numbers. */
static void database_do(struct seen *seen, const json_t *words)
{
	static int port = 10;
	const char *verb = "", *name = "";
	json_t *word;
	size_t i, begin = 0;

	json_array_foreach ((json_t *)words, i, word) {
		const char *text = json_string_value(word), *colon = strchr(text, ':');
		size_t at = i - begin;
		char column[64], key[64], value[64];

		if (strcmp(text, "--") == 0) {
			begin = i + 1;
			continue;
		}
		if (at == 0)
			verb = text;
		if (strcmp(verb, "add-port") == 0 && at == 2)
			json_object_set_new(seen->interfaces, text, interface_made(port++));
		if (strcmp(verb, "--if-exists") == 0 && at == 3) // del-port
			json_object_del(seen->interfaces, text);
		if (at == 2)
			name = text;
		json_t *row = json_object_get(seen->interfaces, name);
		if (strcmp(verb, "clear") == 0 && at == 3)
			json_object_set_new(row, text, json_object());
		if (strcmp(verb, "set") != 0 || at < 3 || colon == NULL)
			continue;
		if (row == NULL)
			row = seen->bridge;
		assert_int_equal(sscanf(text, "%63[^:]:%63[^=]=%63s", column, key, value), 3);
		value[strcspn(value + 1, "\"") + 1] = '\0';
		json_object_set_new(json_object_get(row, column), key,
				    json_string(value + (value[0] == '"')));
	}
}

/* What the plan says is done; as OVS prints it afterwards. */
static void plan_do(struct seen *seen, struct plan *plan)
{
	database_do(seen, plan->database);
	if (plan->group[0] != '\0') {
		free(seen->group);
		seen->group = strdup(plan->group);
	}
	if (plan->flows_added[0] != '\0') {
		char *both = NULL;

		assert_true(asprintf(&both, "%s%s", seen->flows, plan->flows_added) > 0);
		free(seen->flows);
		seen->flows = both;
	}
	for (char *line = plan->flows_removed; *line != '\0'; line = strchr(line, '\n') + 1) {
		char cookie[64] = "", *there;

		memcpy(cookie, line, strcspn(line, "/"));
		there = strstr(seen->flows, cookie);
		assert_non_null(there);
		memmove(there, strchr(there, '\n') + 1, strlen(strchr(there, '\n') + 1) + 1);
	}
}

/* Until nothing is left; how many turns that took. */
static unsigned int settle(const struct setup *setup, struct seen *seen)
{
	unsigned int turns = 0;
	bool empty = false;

	for (; !empty && turns < 10; turns++) {
		struct error error = {0};
		struct plan plan;

		assert_int_equal(plan_make(setup, seen, &plan, &error), 0);
		empty = plan_is_empty(&plan);
		if (!empty)
			plan_do(seen, &plan);
		else
			assert_false(plan.waits);
		plan_free(&plan);
	}
	return turns;
}

static unsigned int count_of(const char *text, const char *part)
{
	unsigned int count = 0;

	for (; (text = strstr(text, part)) != NULL; text++)
		count++;
	return count;
}

static void test_settles(void **state)
{
	struct setup setup;
	struct seen seen;

	setup_of(file, &setup);
	seen_new(&seen);
	// Ports, then what needs their numbers, then nothing.
	assert_in_range(settle(&setup, &seen), 2, 3);
	assert_int_equal(count_of(seen.group, "bucket="), 3);
	assert_int_equal(count_of(seen.flows, "cookie=0x57530007"), 4 + 1 + 2 * 2);
	assert_non_null(strstr(seen.flows, "in_port=1,arp,arp_tpa=10.0.0.1,actions=set_field:96->"
					   "tun_id,group:7"));
	assert_non_null(strstr(seen.flows, "icmp6,icmpv6_type=135,nd_target=fd00::1"));
	assert_non_null(strstr(seen.flows, "tun_id=96,dl_dst=fa:16:3f:5d:6c:08,actions=output:1"));
	assert_non_null(strstr(seen.flows, "in_port=2,actions=set_field:97->tun_id,group:7"));
	seen_free(&seen);
	setup_free(&setup);
}

static void test_what_went_is_made_again(void **state)
{
	struct setup setup;
	struct seen seen;
	struct plan plan;
	struct error error = {0};

	setup_of(file, &setup);
	seen_new(&seen);
	settle(&setup, &seen);
	seen.group[0] = '\0';
	seen.flows[0] = '\0';
	json_object_del(seen.interfaces, "v97");
	assert_int_equal(plan_make(&setup, &seen, &plan, &error), 0);
	assert_int_equal(json_array_size(plan.database), 0);
	assert_int_equal(count_of(plan.flows_added, "\n"), 4 + 2);
	assert_int_equal(json_array_size(plan.warnings), 1);
	assert_non_null(strstr(json_string_value(json_array_get(plan.warnings, 0)), "vms[1].port"));
	plan_free(&plan);
	seen_free(&seen);
	setup_free(&setup);
}

static void test_change(void **state)
{
	static const char changed[] = "bridge: br0\ngroup: 7\nbfd: {interval: 200}\n"
				      "gateways: [{address: 10.90.0.3, name: gw1}]\n";
	struct setup setup;
	struct seen seen;

	setup_of(file, &setup);
	seen_new(&seen);
	settle(&setup, &seen);
	setup_free(&setup);
	setup_of(changed, &setup);
	assert_in_range(settle(&setup, &seen), 2, 3);
	assert_null(json_object_get(seen.interfaces, "weir-0a5a0002"));
	assert_string_equal(seen.flows, "");
	assert_int_equal(count_of(seen.group, "bucket="), 1);
	json_t *gw1 = json_object_get(seen.interfaces, "gw1");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(gw1, "options"), "remote_ip")),
		"10.90.0.3");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(gw1, "bfd"), "min_tx")), "200");
	seen_free(&seen);
	setup_free(&setup);
}

/* Nothing of anybody else is taken or changed. */
static void test_not_ours(void **state)
{
	struct setup setup;
	struct seen seen;
	struct plan plan;
	struct error error = {0};

	setup_of(file, &setup);
	seen_new(&seen);
	json_object_set_new(seen.interfaces, "gw1", interface_made(5));
	assert_true(plan_make(&setup, &seen, &plan, &error) < 0);
	assert_string_equal(error.field, "gateways[0].name");
	plan_free(&plan);

	json_object_del(seen.interfaces, "gw1");
	free(seen.group);
	seen.group = strdup("group_id=7,type=all");
	assert_true(plan_make(&setup, &seen, &plan, &error) < 0);
	assert_string_equal(error.field, "group");
	plan_free(&plan);

	seen.group[0] = '\0';
	json_object_set_new(seen.bridge, "protocols", json_pack("[s]", "OpenFlow13"));
	assert_true(plan_make(&setup, &seen, &plan, &error) < 0);
	assert_non_null(strstr(error.text, "OpenFlow15"));
	plan_free(&plan);
	seen_free(&seen);
	setup_free(&setup);
}

/* Flows stay where they are: a gateway's buckets have the same numbers whoever is beside it. */
static void test_buckets(void **state)
{
	static const char one[] = "bridge: br0\ngroup: 7\ngateways: [{address: 10.90.0.2}]\n";
	struct setup setup;
	struct seen seen;
	char number[32] = "";

	setup_of(one, &setup);
	seen_new(&seen);
	settle(&setup, &seen);
	sscanf(strstr(seen.group, "bucket_id:"), "%31[^,]", number);
	setup_free(&setup);
	setup_of(file, &setup);
	settle(&setup, &seen);
	assert_non_null(strstr(seen.group, number));
	seen_free(&seen);
	setup_free(&setup);
}

static void test_group_as_printed(void **state)
{
	static const char wanted[] = "group_id=1,type=select,selection_method=hash,fields(ip_src,"
				     "ip_dst),bucket=bucket_id:7,watch_port:2,actions=output:2";

	assert_true(group_equal(wanted,
				"group_id=1,type=select,selection_method=hash,fields(ip_dst,"
				"ip_src),bucket=bucket_id:7,weight:1,watch_port:2,actions="
				"output:2"));
	assert_false(group_equal(wanted, "group_id=1,type=select,selection_method=hash,fields("
					 "ip_src),bucket=bucket_id:7,watch_port:2,actions=output:"
					 "2"));
	assert_false(group_equal(wanted, "group_id=1,type=select,selection_method=hash,fields("
					 "ip_src,ip_dst),bucket=bucket_id:7,watch_port:2,actions="
					 "output:3"));
	assert_false(group_equal(wanted, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),	cmocka_unit_test(test_file_refused),
		cmocka_unit_test(test_settles), cmocka_unit_test(test_what_went_is_made_again),
		cmocka_unit_test(test_change),	cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_buckets), cmocka_unit_test(test_group_as_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* What doors put into Linux: bodies, refusals, and what is put back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/claim.h"
#include "control/loop.h"
#include "control/model.h"
#include "control/loop.h"
#include "control/network.h"
#include "control/publish.h"
#include "control/remains.h"
#include "fakes.h"

static struct error error;
static char folder[64];

static int start(void **state)
{
	char made[] = "/tmp/weir-network-XXXXXX";

	assert_non_null(mkdtemp(made));
	strcpy(folder, made);
	fake_reset();
	assert_int_equal(loop_start(), 0);
	model_start();
	return network_start(folder, &error);
}

static int stop(void **state)
{
	char command[PATH_MAX + 16];

	network_stop();
	remains_stop();
	publish_stop();
	claim_stop();
	model_stop();
	loop_stop();
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

/* As after a restart of weir: Linux has nothing of its interfaces any more. */
static void restart(void)
{
	network_stop();
	fake_reset();
	assert_int_equal(network_start(folder, &error), 0);
}

static int put_address(const char *iface, const char *prefix, const char *body, bool exclusive)
{
	struct network_address address = {0};
	json_t *json = json_of(body);
	bool existed;
	int status;

	strcpy(address.iface, iface);
	assert_int_equal(prefix_parse(prefix, &address.is.prefix), 0);
	status = network_decode_address(json, &address, &error);
	json_decref(json);
	return status < 0 ? status : network_address_put(&address, exclusive, &existed, &error);
}

static int put_route(const char *prefix, const char *body, bool exclusive)
{
	struct network_route route = {0};
	json_t *json = json_of(body);
	bool existed;
	int status;

	assert_int_equal(prefix_parse(prefix, &route.is.prefix), 0);
	status = network_decode_route(json, &route, &error);
	json_decref(json);
	return status < 0 ? status : network_route_put(&route, exclusive, &existed, &error);
}

static int delete_route(const char *prefix)
{
	struct network_route which = {.scope = SCOPE_NONE};

	assert_int_equal(prefix_parse(prefix, &which.is.prefix), 0);
	return network_route_delete(&which, &error);
}

static int delete_address(const char *iface, const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return network_address_delete(iface, &prefix, &error);
}

static void test_put_back_after_a_restart(void **state)
{
	assert_int_equal(put_address("dpdk1.kni", "10.0.0.100/32", "{}", true), 0);
	assert_int_equal(put_address("dpdk1", "10.0.0.101/32", "{'valid_lifetime': 1000}", true),
			 0);
	assert_int_equal(put_route("10.0.0.0/16", "{'interface': 'dpdk1', 'mtu': 1400}", true), 0);
	assert_int_equal(put_route("0.0.0.0/0", "{'via': '10.0.7.1', 'metric': 5}", true), 0);
	restart();
	assert_true(fake_has_address("10.0.0.100") && fake_has_address("10.0.0.101"));
	assert_int_equal(fake_route("10.0.0.0/16")->mtu, 1400);
	assert_int_equal(fake_route("0.0.0.0/0")->metric, 5);
	assert_string_equal(fake_route("0.0.0.0/0")->iface->name, "dpdk1");
	assert_int_equal(delete_route("10.0.0.0/16"), 0);
	assert_int_equal(delete_address("dpdk1", "10.0.0.100/32"), 0);
	restart();
	assert_null(fake_route("10.0.0.0/16"));
	assert_false(fake_has_address("10.0.0.100"));
	assert_true(fake_has_address("10.0.0.101"));
}

static void test_put_back_when_a_link_is_up(void **state)
{
	assert_int_equal(put_route("10.0.0.0/16", "{'interface': 'dpdk1'}", true), 0);
	network_tick();
	fake_link_went_down("dpdk1");
	assert_null(fake_route("10.0.0.0/16"));
	network_tick();
	assert_non_null(fake_route("10.0.0.0/16"));
}

/* What cannot be put back is tried again, and what is there is not touched. */
static void test_tried_again(void **state)
{
	assert_int_equal(put_route("10.0.0.0/16", "{'interface': 'dpdk1'}", true), 0);
	network_tick();
	fake.route_code = -ENETUNREACH;
	fake_link_went_down("dpdk1");
	network_tick();
	assert_null(fake_route("10.0.0.0/16"));
	fake.route_code = 0;
	for (unsigned int i = 0; i < 10; i++)
		network_tick();
	assert_non_null(fake_route("10.0.0.0/16"));
}

/* The file has put it elsewhere by then. */
static void test_the_file_wins(void **state)
{
	assert_int_equal(put_address("dpdk1", "10.0.0.100/32", "{}", true), 0);
	network_stop();
	fake_reset();
	fake_add_address("dpdk0", "10.0.0.100/32");
	assert_int_equal(network_start(folder, &error), 0);
	assert_int_equal(fake_address_count(), 1);
	assert_int_equal(delete_address("dpdk1", "10.0.0.100/32"), -ENOENT);
}

static void test_scope_kni_host(void **state)
{
	json_t *list;

	assert_int_equal(
		put_route("172.10.0.2/32", "{'interface': 'dpdk1', 'scope': 'kni_host'}", true), 0);
	assert_null(fake_route("172.10.0.2/32"));
	restart();
	list = network_kni_hosts_json();
	assert_int_equal(json_array_size(list), 1);
	assert_false(json_is_true(json_object_get(json_array_get(list, 0), "data_path")));
	json_decref(list);
	assert_int_equal(delete_route("172.10.0.2/32"), 0);
	assert_int_equal(delete_route("172.10.0.2/32"), -ENOENT);
}

static void refuse_route(const char *prefix, const char *body, int code, const char *field,
			 const char *text)
{
	assert_int_equal(put_route(prefix, body, true), code);
	assert_string_equal(error.field, field);
	if (strstr(error.text, text) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", text, error.text);
	assert_null(fake_route(prefix));
}

static void test_refusals(void **state)
{
	struct prefix prefix;

	refuse_route("10.0.0.0/8", "{}", -EINVAL, "interface", "is missing");
	refuse_route("10.0.0.0/8", "{'interface': 'eth7'}", -ENODEV, "interface", "dpdk0, dpdk1");
	refuse_route("10.0.0.0/8", "{'via': '1.1.1.1'}", -ENODEV, "via", "on the link of no");
	refuse_route("10.0.0.0/8", "{'via': 'fd00::1'}", -EINVAL, "via", "same family");
	refuse_route("10.0.0.0/8", "{'interface': 'dpdk0', 'scope': 'far'}", -EINVAL, "scope",
		     "none of: host, kni_host, link, global");
	refuse_route("10.0.0.0/8", "{'interface': 'dpdk0', 'local': true, 'scope': 'link'}",
		     -EINVAL, "local", "means scope host");
	refuse_route("10.0.0.0/8", "{'interface': 'dpdk0', 'scope': 'kni_host'}", -EINVAL, "scope",
		     "the length must be 32");
	refuse_route("10.0.0.0/8", "{'interface': 'dpdk0', 'source': '9.9.9.9'}", -EINVAL, "source",
		     "is no address of this host");
	refuse_route("10.0.0.0/8", "{'interface': 'dpdk0', 'onlink': true}", -EINVAL, "onlink",
		     "missing");
	refuse_route("10.0.0.0/8", "{'interfaze': 'dpdk0'}", -EINVAL, "interfaze",
		     "did you mean \"interface\"?");
	fake.route_code = -ENETUNREACH;
	refuse_route("10.0.0.0/8", "{'interface': 'dpdk0', 'via': '1.1.1.1'}", -EINVAL, "via",
		     "cannot be reached on the link of dpdk0");
	fake.route_code = 0;
	assert_int_equal(put_address("dpdk0", "10.0.0.1/24", "{'scope': 'far'}", true), -EINVAL);
	assert_int_equal(put_address("dpdk0", "10.0.0.1/24", "{'valid_lifetime': 0}", true),
			 -EINVAL);
	assert_int_equal(put_address("dpdk0", "fd00::1/64", "{'broadcast': '1.2.3.4'}", true),
			 -EINVAL);
	assert_int_equal(put_address("dpdk0", "10.0.0.1/24", "{}", true), 0);
	assert_int_equal(put_address("dpdk0", "10.0.0.1/24", "{}", true), -EEXIST);
	assert_int_equal(put_address("dpdk0", "10.0.0.1/24", "{}", false), 0);
	assert_int_equal(put_address("dpdk1", "10.0.0.1/24", "{}", false), -EEXIST);
	assert_int_equal(network_decode_prefix("d", "10.0.0.1", "16", true, &prefix, &error),
			 -EINVAL);
	assert_non_null(strstr(error.text, "the network is 10.0.0.0/16"));
	assert_int_equal(network_decode_prefix("d", "10.0.0.1", "33", false, &prefix, &error),
			 -EINVAL);
	assert_int_equal(network_decode_prefix("d", "224.0.0.1", "32", false, &prefix, &error),
			 -EINVAL);
}

static void test_a_local_address_in_use_stays(void **state)
{
	assert_int_equal(put_address("dpdk0", "192.168.100.200/32", "{}", true), 0);
	assert_int_equal(apply_text("{'local_addresses': [{'address': '192.168.100.200', "
				    "'interface': 'dpdk0'}]}",
				    &error),
			 0);
	assert_int_equal(delete_address("dpdk0", "192.168.100.200/32"), -EBUSY);
	assert_non_null(strstr(error.text, "of the pool"));
	assert_true(fake_has_address("192.168.100.200"));
}

/* A damaged file is set aside, a damaged entry costs only itself. */
static void test_damaged_file(void **state)
{
	char path[128], bad[160];
	FILE *file;

	snprintf(path, sizeof(path), "%s/network.json", folder);
	snprintf(bad, sizeof(bad), "%s.bad", path);
	assert_int_equal(put_address("dpdk0", "10.0.0.1/24", "{}", true), 0);
	network_stop();
	fake_reset();
	file = fopen(path, "w");
	fputs("{\"version\":1,\"addresses\":[{\"interface\":\"dpdk0\",\"address\":\"nonsense\"},"
	      "{\"interface\":\"dpdk0\",\"address\":\"10.0.0.2/24\",\"scope\":\"global\"}]}",
	      file);
	fclose(file);
	assert_int_equal(network_start(folder, &error), 0);
	assert_int_equal(fake_address_count(), 1);
	network_stop();
	file = fopen(path, "w");
	fputs("{\"version\":", file);
	fclose(file);
	assert_int_equal(network_start(folder, &error), 0);
	assert_int_equal(access(bad, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_put_back_after_a_restart, start, stop),
		cmocka_unit_test_setup_teardown(test_put_back_when_a_link_is_up, start, stop),
		cmocka_unit_test_setup_teardown(test_tried_again, start, stop),
		cmocka_unit_test_setup_teardown(test_the_file_wins, start, stop),
		cmocka_unit_test_setup_teardown(test_scope_kni_host, start, stop),
		cmocka_unit_test_setup_teardown(test_refusals, start, stop),
		cmocka_unit_test_setup_teardown(test_a_local_address_in_use_stays, start, stop),
		cmocka_unit_test_setup_teardown(test_damaged_file, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

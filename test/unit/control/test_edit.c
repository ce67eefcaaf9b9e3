/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose is what: applying documents beside objects of other doors, and how it is described. */
#include <stdlib.h>
#include <string.h>

#include "control/claim.h"
#include "control/describe.h"
#include "control/loop.h"
#include "control/publish.h"
#include "control/remains.h"
#include "fakes.h"
#include "session/timeout.h"

static struct error error;

static int start(void **state)
{
	fake_reset();
	timeout_start();
	assert_int_equal(loop_start(), 0);
	model_start();
	return 0;
}

static int stop(void **state)
{
	remains_stop();
	publish_stop();
	claim_stop();
	model_stop();
	loop_stop();
	return 0;
}

static void apply(const char *text)
{
	if (apply_text(text, &error) < 0)
		fail_msg("%s: %s", error.field, error.text);
}

/* Publish one changed service as the REST door does. */
static void through_rest(const char *vip, void (*change)(struct model_service *service))
{
	struct service_key key = key_of("tcp", vip, 80);
	struct model_service *before = model_find(&key);
	struct model_service *after = before ? model_service_copy(before)
					     : model_service_new(&key, ORIGIN_REST);
	struct edit edit = {0};

	change(after);
	if (before)
		model_service_mark(before, after);
	assert_int_equal(edit_service(&edit, before, after), 0);
	assert_int_equal(publish_edit(&edit, &error), 0);
	edit_free(&edit);
}

static void add_server(struct model_service *service)
{
	struct model_server server = {.port = 80, .weight = 7, .origin = ORIGIN_REST};

	addr_parse("10.1.0.9", &server.addr);
	assert_int_equal(model_service_put_server(service, &server), 0);
}

static void drain_first(struct model_service *service)
{
	service->servers[0].weight = 0;
}

static void change_mss(struct model_service *service)
{
	service->mss = 1000;
}

static struct model_service *service_at(const char *vip)
{
	struct service_key key = key_of("tcp", vip, 80);

	return model_find(&key);
}

#define FILE_ONE                                               \
	"{'services':[{'vip':'10.0.0.1','port':80,'servers':[" \
	"{'address':'10.1.0.1','port':80,'weight':1},{'address':'10.1.0.2','port':80}]}]}"

static void test_other_doors_are_not_pruned(void **state)
{
	apply(FILE_ONE);
	through_rest("10.0.0.2", add_server);
	through_rest("10.0.0.1", add_server);
	assert_int_equal(service_at("10.0.0.2")->origin, ORIGIN_REST);
	assert_int_equal(service_at("10.0.0.1")->origin, ORIGIN_FILE);
	assert_int_equal(service_at("10.0.0.1")->servers[2].origin, ORIGIN_REST);
	assert_false(service_at("10.0.0.1")->overridden);
	apply(FILE_ONE);
	assert_int_equal(service_at("10.0.0.1")->server_count, 3);
	assert_int_equal(model_service_count(), 2);
	// What the file names becomes the file's, and goes with it.
	apply("{'services':[{'vip':'10.0.0.2','port':80,'servers':[{'address':'10.1.0.9',"
	      "'port':80,'weight':7}]}]}");
	assert_int_equal(model_service_count(), 1);
	assert_int_equal(service_at("10.0.0.2")->origin, ORIGIN_FILE);
	assert_int_equal(service_at("10.0.0.2")->servers[0].origin, ORIGIN_FILE);
	apply("{}");
	assert_int_equal(model_service_count(), 0);
}

static void test_overrides_last_until_apply(void **state)
{
	apply(FILE_ONE);
	through_rest("10.0.0.1", drain_first);
	assert_true(service_at("10.0.0.1")->servers[0].overridden);
	assert_false(service_at("10.0.0.1")->servers[1].overridden);
	assert_int_equal(service_at("10.0.0.1")->servers[0].origin, ORIGIN_FILE);
	through_rest("10.0.0.1", change_mss);
	assert_true(service_at("10.0.0.1")->overridden);
	apply(FILE_ONE);
	assert_int_equal(service_at("10.0.0.1")->servers[0].weight, 1);
	assert_false(service_at("10.0.0.1")->servers[0].overridden);
	assert_int_equal(service_at("10.0.0.1")->mss, 0);
	assert_false(service_at("10.0.0.1")->overridden);
}

/* Marks alone are no reason to bother the workers. */
static void test_marks_are_silent(void **state)
{
	through_rest("10.0.0.1", add_server);
	fake.publishes = 0;
	apply("{'services':[{'vip':'10.0.0.1','port':80,'servers':[{'address':'10.1.0.9',"
	      "'port':80,'weight':7}]}]}");
	assert_int_equal(fake.publishes, 0);
	assert_int_equal(service_at("10.0.0.1")->origin, ORIGIN_FILE);
	apply("{'local_addresses':[{'address':'10.2.0.1','interface':'dpdk0'}],'services':[{'vip':"
	      "'10.0.0.1','port':80,'servers':[{'address':'10.1.0.9','port':80,'weight':7}]}]}");
	assert_int_equal(fake.publishes, 1);
}

static void test_pool_of_other_doors(void **state)
{
	struct model_local local = {.origin = ORIGIN_REST, .iface = "dpdk1"};
	const struct model_local *pool;
	struct edit edit = {0};
	unsigned int count;

	apply("{'local_addresses':[{'address':'10.2.0.1','interface':'dpdk0'}]}");
	pool = model_pool(&count);
	assert_int_equal(edit_pool(&edit, pool, count), 0);
	addr_parse("10.2.0.2", &local.addr);
	assert_int_equal(model_local_put(&edit.pool, &edit.pool_count, &local), 0);
	assert_int_equal(publish_edit(&edit, &error), 0);
	edit_free(&edit);
	apply("{}");
	pool = model_pool(&count);
	assert_int_equal(count, 1);
	assert_int_equal(pool[0].origin, ORIGIN_REST);
	settle();
	assert_false(fake_has_address("10.2.0.1"));
	assert_true(fake_has_address("10.2.0.2"));
}

/* Describe what a document would change; the test names all lines. */
static void expect_lines(const char *text, const char *const *lines)
{
	struct document document = document_of(text);
	struct describe d = {.texts = json_array(), .limit = 100};
	struct edit edit = {0};
	size_t count = 0;

	assert_int_equal(edit_apply(&edit, &document, &error), 0);
	describe_edit(&edit, &d);
	for (; *lines != NULL; lines++, count++) {
		bool found = false;

		for (size_t i = 0; i < json_array_size(d.texts) && !found; i++)
			found = strcmp(json_string_value(json_array_get(d.texts, i)), *lines) == 0;
		if (!found)
			fail_msg("missing: %s\nin: %s", *lines, json_dumps(d.texts, 0));
	}
	assert_int_equal(json_array_size(d.texts), count);
	assert_int_equal(d.added + d.changed + d.removed, count);
	json_decref(d.texts);
	edit_free(&edit);
	document_free(&document);
}

static void test_descriptions(void **state)
{
	static const char *const nothing[] = {NULL};
	static const char *const all[] = {
		"~ service tcp 10.0.0.1:80: scheduler wlc -> rr",
		"~ service tcp 10.0.0.1:80: mss 0 -> 1400",
		"~ service tcp 10.0.0.1:80: unknown_tcp reset -> drop",
		"~ service tcp 10.0.0.1:80: timeouts.close default -> 5",
		"+ local address 10.2.0.2 on dpdk1 of service tcp 10.0.0.1:80",
		"~ server 10.1.0.1:80 of service tcp 10.0.0.1:80: weight 1 -> 5",
		"- server 10.1.0.2:80 of service tcp 10.0.0.1:80",
		"+ server 10.1.0.3:80 of service tcp 10.0.0.1:80, weight 1",
		"+ service udp [fd00::1]:53 (wlc, fullnat, 1 real server)",
		"+ local address 10.2.0.1 on dpdk0",
		"~ timeouts.established 90 -> 91",
		NULL,
	};
	static const char *const removal[] = {"- service tcp 10.0.0.1:80 (2 real servers)", NULL};

	apply(FILE_ONE);
	expect_lines(FILE_ONE, nothing);
	expect_lines(
		"{'timeouts':{'established':91},'local_addresses':[{'address':'10.2.0.1',"
		"'interface':'dpdk0'}],'services':[{'vip':'10.0.0.1','port':80,'scheduler':"
		"'rr','mss':1400,'unknown_tcp':'drop','timeouts':{'close':5},"
		"'local_addresses':[{'address':'10.2.0.2','interface':'dpdk1'}],'servers':["
		"{'address':'10.1.0.1','port':80,'weight':5},{'address':'10.1.0.3','port':80}]},"
		"{'vip':'fd00::1','port':53,'protocol':'udp','servers':[{'address':'fd00::2',"
		"'port':53}]}]}",
		all);
	expect_lines("{}", removal);
	// Describing changes nothing.
	expect_lines(FILE_ONE, nothing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_other_doors_are_not_pruned, start, stop),
		cmocka_unit_test_setup_teardown(test_overrides_last_until_apply, start, stop),
		cmocka_unit_test_setup_teardown(test_marks_are_silent, start, stop),
		cmocka_unit_test_setup_teardown(test_pool_of_other_doors, start, stop),
		cmocka_unit_test_setup_teardown(test_descriptions, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

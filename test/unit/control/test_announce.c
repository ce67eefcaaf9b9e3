/* SPDX-License-Identifier: BSD-3-Clause */

/* Announcing: when a VIP stands on its device, and what is said about it. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "control/announce.h"
#include "control/claim.h"
#include "control/degraded.h"
#include "control/loop.h"
#include "control/node.h"
#include "control/publish.h"
#include "control/remains.h"
#include "fakes.h"

static struct announce_config config;
static struct error error;

#define VIP "10.0.0.100"
#define SERVERS(a, b)                                                  \
	"'servers':[{'address':'10.1.0.1','port':80,'weight':" #a "}," \
	"{'address':'10.1.0.2','port':80,'weight':" #b "}]"
#define SERVICE(port, more, a, b) \
	"{'vip':'" VIP "','port':" #port ",'announce':true," more SERVERS(a, b) "}"
#define DOCUMENT(services) "{'services':[" services "]}"

static int start(void **state)
{
	fake_reset();
	announce_config_defaults(&config);
	assert_int_equal(loop_start(), 0);
	model_start();
	assert_int_equal(announce_start(&config, &error), 0);
	return 0;
}

static int stop(void **state)
{
	announce_stop();
	node_stop();
	degraded_stop();
	remains_stop();
	publish_stop();
	claim_stop();
	model_stop();
	loop_stop();
	return 0;
}

/* Make the model be so, and have the VIPs follow. */
static void apply(const char *text)
{
	assert_int_equal(apply_text(text, &error), 0);
	settle();
	announce_changed();
}

static struct announcement only(void)
{
	struct announcement one = {0}, other;
	uint32_t cursor = 0;

	assert_true(announce_next(&cursor, &one));
	assert_false(announce_next(&cursor, &other));
	return one;
}

static void check(bool announced, const char *reason)
{
	struct announcement one = only();

	assert_int_equal(fake_has_vip(VIP), announced);
	assert_int_equal(one.announced, announced);
	if (strstr(one.reason, reason) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", one.reason, reason);
}

static void test_quorum(void **state)
{
	static const struct {
		bool had;
		unsigned int weight, quorum, hysteresis;
		bool holds;
	} rows[] = {
		{false, 0, 1, 0, false},
		{false, 1, 1, 0, true},
		{true, 1, 1, 0, true},
		{true, 0, 1, 0, false},
		{false, 4, 3, 1, true},
		{false, 3, 3, 1, false},
		{true, 2, 3, 1, true},
		{true, 1, 3, 1, false},
		{false, UINT32_MAX, UINT32_MAX, UINT32_MAX - 1, false},
		{true, 1, UINT32_MAX, UINT32_MAX - 1, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (quorum_holds(rows[i].had, rows[i].weight, rows[i].quorum, rows[i].hysteresis) !=
		    rows[i].holds)
			fail_msg("row %zu", i);
}

static void test_follows_the_quorum(void **state)
{
	apply(DOCUMENT(SERVICE(80, "'quorum':3,'hysteresis':1,", 3, 0)));
	check(false,
	      "service tcp 10.0.0.100:80 has no quorum: its servers weigh 3, it is gained at 4");
	apply(DOCUMENT(SERVICE(80, "'quorum':3,'hysteresis':1,", 3, 1)));
	check(true, "its service has a quorum");
	apply(DOCUMENT(SERVICE(80, "'quorum':3,'hysteresis':1,", 2, 0)));
	check(true, "its service has a quorum");
	apply(DOCUMENT(SERVICE(80, "'quorum':3,'hysteresis':1,", 1, 0)));
	check(false, "its servers weigh 1");
	assert_int_equal(only().changes, 3);
}

static void test_goes_with_its_service(void **state)
{
	struct announcement one;
	uint32_t cursor = 0;
	unsigned int announced;

	apply(DOCUMENT(SERVICE(80, "", 1, 0)));
	check(true, "quorum");
	apply(DOCUMENT(""));
	assert_false(fake_has_vip(VIP));
	assert_false(announce_next(&cursor, &one));
	assert_int_equal(announce_count(&announced), 0);
	assert_string_equal(announce_event(0)->reason, "no service announces it any more");
	assert_true(announce_event(1)->announced);
	assert_null(announce_event(2));
}

static void test_shared(void **state)
{
	apply(DOCUMENT(SERVICE(80, "", 1, 0) "," SERVICE(81, "", 0, 0)));
	check(false, "service tcp 10.0.0.100:81 has no quorum: its servers weigh 0 of 1");
	config.shared = SHARED_ANY;
	announce_changed();
	check(true, "1 of 2 services have a quorum");
	apply(DOCUMENT(SERVICE(80, "", 0, 0) "," SERVICE(81, "", 0, 0)));
	check(false, "has no quorum");
}

static void test_drain(void **state)
{
	apply(DOCUMENT(SERVICE(80, "", 1, 0)));
	node_drain(1000, "test");
	announce_changed();
	check(false, "the node is drained since 20");
	assert_string_equal(node_state(), "draining");
	node_tick();
	assert_string_equal(node_state(), "drained");
	apply(DOCUMENT(SERVICE(80, "", 2, 0)));
	check(false, "the node is drained");
	node_undrain("test");
	announce_changed();
	check(true, "quorum");
	assert_string_equal(node_state(), "serving");
}

static void test_drained_lasts(void **state)
{
	json_t *saved;

	node_drain(5000, "test");
	saved = node_saved_json();
	node_stop();
	assert_null(node_withheld());
	node_restore(saved);
	json_decref(saved);
	assert_true(node_is_drained());
	apply(DOCUMENT(SERVICE(80, "", 1, 0)));
	check(false, "the node is drained");
	node_undrain("test");
	node_restore(NULL); // of a model that was saved before there was such a thing
	assert_false(node_is_drained());
}

static void test_isolates_without_servers(void **state)
{
	config.isolate_servers = true;
	apply(DOCUMENT(SERVICE(80, "", 1, 0) ",{'vip':'10.0.0.101','port':80," SERVERS(0, 0) "}"));
	check(true, "quorum");
	apply(DOCUMENT(SERVICE(80, "", 0, 0) ",{'vip':'10.0.0.101','port':80," SERVERS(0, 0) "}"));
	check(false, "the node is isolated: no service has a real server left");
	assert_true(node_is_isolated());
	apply(DOCUMENT(SERVICE(80, "", 0, 1) ",{'vip':'10.0.0.101','port':80," SERVERS(0, 0) "}"));
	check(true, "quorum");
	apply(DOCUMENT(""));
	assert_false(node_is_isolated());
}

static void test_degraded(void **state)
{
	json_t *reasons;

	apply(DOCUMENT(SERVICE(80, "", 1, 0) ",{'vip':'10.0.0.101','port':80," SERVERS(0, 0) "}"));
	degraded_tick();
	assert_true(degraded_is());
	reasons = degraded_json();
	assert_string_equal(json_string_value(json_array_get(reasons, 0)),
			    "1 of 2 services have no real server to give connections to");
	json_decref(reasons);
	apply(DOCUMENT(SERVICE(80, "", 1, 0)));
	degraded_tick();
	assert_false(degraded_is());
}

static void test_stop_withdraws(void **state)
{
	config.linger_ms = 700;
	assert_int_equal(announce_withdraw(), 0);
	node_stop();
	apply(DOCUMENT(SERVICE(80, "", 1, 0)));
	assert_int_equal(announce_withdraw(), 700);
	check(false, "weir is stopping");
}

static void test_linux_refuses(void **state)
{
	fake.tap_code = -EEXIST;
	apply(DOCUMENT(SERVICE(80, "", 1, 0)));
	check(false, "\"weir.vip\" exists already");
	assert_int_equal(announce_refused(), 1);
	degraded_tick();
	assert_true(degraded_is());
	fake.tap_code = 0;
	fake.vip_code = -EPERM;
	usleep(1050 * 1000); // it is tried again once a second
	announce_tick();
	check(false, "Linux refuses it on weir.vip: Operation not permitted");
	fake.vip_code = 0;
	usleep(1050 * 1000);
	announce_tick();
	check(true, "its service has a quorum");
	assert_int_equal(announce_refused(), 0);
}

static void test_put_back(void **state)
{
	apply(DOCUMENT(SERVICE(80, "", 1, 0)));
	announce_tick(); // looks at Linux, and again in a second
	fake_take_vip(VIP);
	usleep(1050 * 1000);
	announce_tick();
	announce_tick();
	check(true, "its service has a quorum");
	assert_string_equal(announce_event(1)->reason,
			    "it was taken from the device by somebody else");
}

/* An IPv6 VIP within a port's network stands there too, for neighbour discovery. */
static void test_neighbour_discovery(void **state)
{
	fake_add_address("dpdk1", "fd00:1::1/64");
	apply("{'services':[{'vip':'fd00:1::100','port':80,'announce':true,'servers':"
	      "[{'address':'fd00:2::1','port':80}]}]}");
	announce_tick();
	assert_true(fake_has_vip("fd00:1::100"));
	assert_true(fake_has_address("fd00:1::100"));
	assert_string_equal(only().device, "dpdk1.kni");
	apply(DOCUMENT(""));
	assert_false(fake_has_vip("fd00:1::100"));
	assert_false(fake_has_address("fd00:1::100"));
}

static void test_many(void **state)
{
	enum { MANY = 3000 };
	json_t *services = json_array(), *document;
	unsigned int announced = 0;
	char *text, vip[32];

	for (unsigned int i = 0; i < MANY; i++) {
		snprintf(vip, sizeof(vip), "10.5.%u.%u", i / 250, i % 250 + 1);
		json_array_append_new(services, json_pack("{s:s, s:i, s:b, s:[{s:s, s:i}]}", "vip",
							  vip, "port", 80, "announce", 1, "servers",
							  "address", "10.1.0.1", "port", 80));
	}
	document = json_pack("{s:o}", "services", services);
	text = json_dumps(document, 0);
	apply(text);
	for (unsigned int i = 0; i < 1000 && announced < MANY; i++) {
		loop_round(2);
		assert_int_equal(announce_count(&announced), MANY);
	}
	assert_int_equal(announced, MANY);
	// All at once: at the first moment by the device, one by one afterwards.
	node_drain(0, "test");
	announce_changed();
	announce_count(&announced);
	assert_int_equal(announced, 0);
	for (unsigned int i = 0; i < 1000 && fake_vip_count() > 0; i++)
		loop_round(2);
	assert_int_equal(fake_vip_count(), 0);
	node_undrain("test");
	announce_changed();
	for (unsigned int i = 0; i < 1000 && announced < MANY; i++) {
		loop_round(2);
		announce_count(&announced);
	}
	assert_int_equal(fake_vip_count(), MANY);
	assert_int_equal(announce_withdraw(), config.linger_ms);
	announce_count(&announced);
	assert_int_equal(announced, 0);
	free(text);
	json_decref(document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quorum),
		cmocka_unit_test_setup_teardown(test_follows_the_quorum, start, stop),
		cmocka_unit_test_setup_teardown(test_goes_with_its_service, start, stop),
		cmocka_unit_test_setup_teardown(test_shared, start, stop),
		cmocka_unit_test_setup_teardown(test_drain, start, stop),
		cmocka_unit_test_setup_teardown(test_drained_lasts, start, stop),
		cmocka_unit_test_setup_teardown(test_isolates_without_servers, start, stop),
		cmocka_unit_test_setup_teardown(test_degraded, start, stop),
		cmocka_unit_test_setup_teardown(test_stop_withdraws, start, stop),
		cmocka_unit_test_setup_teardown(test_linux_refuses, start, stop),
		cmocka_unit_test_setup_teardown(test_put_back, start, stop),
		cmocka_unit_test_setup_teardown(test_neighbour_discovery, start, stop),
		cmocka_unit_test_setup_teardown(test_many, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

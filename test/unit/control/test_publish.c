/* SPDX-License-Identifier: BSD-3-Clause */
/* Publishing: all or nothing, numbers that are kept, and what is given back when. */
#include <errno.h>
#include <string.h>

#include "control/claim.h"
#include "control/follow.h"
#include "control/loop.h"
#include "control/publish.h"
#include "control/remains.h"
#include "fakes.h"
#include "net/kernel.h"
#include "session/timeout.h"

static struct error error;

static int start(void **state)
{
	fake_reset();
	timeout_start();
	memset(&error, 0, sizeof(error));
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

/* Pieces of documents. */
#define TWO \
	"{'address':'10.1.0.1','port':80,'weight':1},{'address':'10.1.0.2','port':80,'weight':2}"
#define ONE_WITH_TWO "{'vip':'10.0.0.1','port':80,'servers':[" TWO "]}"
#define OWN_LOCAL    "{'vip':'10.0.0.2','port':80,'local_addresses':[" LOCAL_9 "]}"
#define LOCAL_1	     "{'address':'10.2.0.1','interface':'dpdk0'}"
#define LOCAL_2	     "{'address':'10.2.0.2','interface':'dpdk0'}"
#define LOCAL_9	     "{'address':'10.2.0.9','interface':'dpdk1'}"

static void apply(const char *text)
{
	if (apply_text(text, &error) < 0)
		fail_msg("%s: %s", error.field, error.text);
}

static void test_add_change_remove(void **state)
{
	const struct service_spec *spec;
	uint32_t number, first, second;

	apply("{'services':[" ONE_WITH_TWO "]}");
	spec = fake_service("tcp", "10.0.0.1", 80);
	assert_non_null(spec);
	assert_int_equal(spec->server_count, 2);
	assert_string_equal(spec->scheduler, "wlc");
	number = spec->number;
	first = fake_server(spec, "10.1.0.1")->server;
	second = fake_server(spec, "10.1.0.2")->server;
	assert_int_equal(server_table[first].port, htons(80));
	assert_int_equal(server_table[first].service, number);
	assert_int_equal(fake.publishes, 1);
	// The same again changes nothing, a weight publishes once and makes no server.
	apply("{'services':[" ONE_WITH_TWO "]}");
	assert_int_equal(fake.publishes, 1);
	apply("{'services':[{'vip':'10.0.0.1','port':80,'servers':["
	      "{'address':'10.1.0.1','port':80},{'address':'10.1.0.2','port':80,'weight':0}]}]}");
	spec = fake_service("tcp", "10.0.0.1", 80);
	assert_int_equal(fake.publishes, 2);
	assert_int_equal(fake.servers_made, 2);
	assert_int_equal(spec->number, number);
	assert_int_equal(fake_server(spec, "10.1.0.2")->server, second);
	assert_int_equal(fake_server(spec, "10.1.0.2")->weight, 0);
	// One goes, one comes; the number of the one that stays is kept.
	apply("{'services':[{'vip':'10.0.0.1','port':80,'servers':["
	      "{'address':'10.1.0.1','port':80},{'address':'10.1.0.3','port':80}]}]}");
	spec = fake_service("tcp", "10.0.0.1", 80);
	assert_int_equal(fake_server(spec, "10.1.0.1")->server, first);
	assert_null(fake_server(spec, "10.1.0.2"));
	assert_int_equal(fake.servers_made, 3);
	assert_int_equal(fake.servers_removed, 0); // a worker may still choose it
	settle();
	assert_int_equal(fake.servers_removed, 1);
	apply("{}");
	assert_null(fake_service("tcp", "10.0.0.1", 80));
	settle();
	assert_int_equal(fake.servers_removed, 3);
	assert_int_equal(model_service_count(), 0);
	assert_int_equal(model_server_count(), 0);
}

/* Direct routing needs the link, but only of servers that are new to it. */
static void test_direct_routing_needs_the_link(void **state)
{
	static const char *const far[] = {"10.99.0.1", "10.98.0.1"};
	char text[256];

	fake_add_address("dpdk0", "10.1.0.254/24");
	for (unsigned int i = 0; i < 2; i++) {
		snprintf(text, sizeof(text),
			 "{'services':[{'vip':'10.0.0.1','port':80,'mode':'dr','servers':["
			 "{'address':'%s'}]}]}",
			 far[i]);
		assert_int_equal(apply_text(text, &error), -EINVAL);
		assert_string_equal(error.field, "servers");
		assert_non_null(strstr(error.text, i ? "on no subnet" : "behind the gateway"));
		assert_int_equal(model_service_count(), 0);
	}
	apply("{'services':[{'vip':'10.0.0.1','port':80,'servers':["
	      "{'address':'10.99.0.1','port':80}]}]}");
	assert_int_equal(apply_text("{'services':[{'vip':'10.0.0.1','port':80,'mode':'dr',"
				    "'servers':[{'address':'10.99.0.1'}]}]}",
				    &error),
			 -EINVAL);
	apply("{'services':[{'vip':'10.0.0.1','port':80,'mode':'tunnel','servers':["
	      "{'address':'10.99.0.1'}]}]}");
	apply("{}");
	settle();
}

/* Sessions rely on their server's tunnel: another one makes another server. */
static void test_tunnel_changes_the_server(void **state)
{
	const struct service_spec *spec;
	uint32_t first;

	apply("{'services':[{'vip':'10.0.0.1','port':80,'mode':'tunnel','servers':["
	      "{'address':'10.1.0.1'}]}]}");
	spec = fake_service("tcp", "10.0.0.1", 80);
	first = fake_server(spec, "10.1.0.1")->server;
	assert_int_equal(server_table[first].port, htons(80));
	apply("{'services':[{'vip':'10.0.0.1','port':80,'mode':'tunnel','servers':["
	      "{'address':'10.1.0.1','weight':3}]}]}");
	spec = fake_service("tcp", "10.0.0.1", 80);
	assert_int_equal(fake_server(spec, "10.1.0.1")->server, first);
	apply("{'services':[{'vip':'10.0.0.1','port':80,'mode':'tunnel','servers':["
	      "{'address':'10.1.0.1','tunnel':{'type':'gue','checksum':'full'}}]}]}");
	spec = fake_service("tcp", "10.0.0.1", 80);
	assert_int_not_equal(fake_server(spec, "10.1.0.1")->server, first);
	assert_int_equal(fake.servers_removed, 0);
	settle();
	assert_int_equal(fake.servers_removed, 1);
	apply("{}");
	settle();
	assert_int_equal(fake.servers_removed, 2);
}

static void test_number_waits_for_the_last_session(void **state)
{
	apply("{'services':[{'vip':'10.0.0.1','port':80,'servers':[" TWO "],"
	      "'local_addresses':[" LOCAL_1 "]}]}");
	assert_true(fake_has_address("10.2.0.1"));
	fake.sessions = true;
	apply("{}");
	settle();
	remains_reap();
	assert_int_equal(remains_leaving(), 2);
	assert_int_equal(fake.numbers_free, 0);
	// Sessions still need their local address.
	assert_true(fake_has_address("10.2.0.1"));
	fake.sessions = false;
	remains_reap();
	assert_int_equal(remains_leaving(), 0);
	assert_int_equal(fake.numbers_free, 1);
	assert_false(fake_has_address("10.2.0.1"));
}

static void test_grace_period_comes_first(void **state)
{
	apply("{'services':[" ONE_WITH_TWO "]}");
	settle();
	fake.grace_held = true;
	apply("{}");
	settle();
	remains_reap();
	assert_int_equal(fake.servers_removed, 0);
	assert_int_equal(fake.numbers_free, 0);
	fake.grace_held = false;
	settle();
	remains_reap();
	assert_int_equal(fake.servers_removed, 2);
	assert_int_equal(fake.numbers_free, 1);
}

/* The model and what workers see are as they were; nothing was lost. */
static void expect_untouched(void)
{
	const struct service_spec *spec = fake_service("tcp", "10.0.0.1", 80);

	assert_int_equal(model_service_count(), 1);
	assert_int_equal(fake_service_count(), 1);
	assert_non_null(spec);
	assert_int_equal(spec->server_count, 2);
	assert_int_equal(fake_server(spec, "10.1.0.1")->weight, 1);
	assert_string_equal(spec->scheduler, "wlc");
	assert_int_equal(spec->local_count, 1);
	settle();
	remains_reap();
	assert_int_equal(fake.servers_made - fake.servers_removed, 2);
	assert_int_equal(fake_address_count(), 1);
	assert_int_equal(claim_count(), 1);
}

#define BASE "{'local_addresses':[" LOCAL_1 "],'services':[" ONE_WITH_TWO "]}"
/* Changes the pool and the first service, removes nothing, adds two. */
#define NEXT                                                                  \
	"{'local_addresses':[" LOCAL_1 "," LOCAL_2 "],'services':["           \
	"{'vip':'10.0.0.1','port':80,'scheduler':'rr','servers':["            \
	"{'address':'10.1.0.1','port':80,'weight':9},"                        \
	"{'address':'10.1.0.3','port':80}]},"                                 \
	"{'vip':'10.0.0.2','port':80,'servers':[" TWO "]},"                   \
	"{'vip':'10.0.0.3','port':80,'servers':[" TWO "],'local_addresses':[" \
	"{'address':'10.2.0.3','interface':'dpdk1'}]}]}"

static void test_publish_fails_at_each_step(void **state)
{
	for (int step = 1; step <= 3; step++) {
		stop(NULL);
		start(NULL);
		apply(BASE);
		fake.publish_fails_in = step;
		assert_int_equal(apply_text(NEXT, &error), -ENOSPC);
		assert_non_null(strstr(error.text, "service tcp 10.0.0."));
		assert_string_equal(error.field, "servers");
		expect_untouched();
		// And afterwards it goes through.
		apply(NEXT);
		assert_int_equal(fake_service_count(), 3);
		assert_int_equal(fake_service("tcp", "10.0.0.1", 80)->local_count, 2);
		assert_int_equal(fake_service("tcp", "10.0.0.3", 80)->local_count, 1);
		assert_int_equal(fake_service("tcp", "10.0.0.3", 80)->locals[0].iface, 2);
	}
}

static void test_server_fails_at_each_step(void **state)
{
	for (int step = 1; step <= 5; step++) {
		stop(NULL);
		start(NULL);
		apply(BASE);
		fake.server_fails_in = step;
		assert_int_equal(apply_text(NEXT, &error), -ENOSPC);
		expect_untouched();
	}
}

static void test_address_fails_at_each_step(void **state)
{
	for (int step = 1; step <= 2; step++) {
		stop(NULL);
		start(NULL);
		apply(BASE);
		fake.address_fails_in = step;
		assert_int_equal(apply_text(NEXT, &error), -EPERM);
		expect_untouched();
	}
}

/* Removals are taken back too when something after them fails. */
static void test_removal_is_taken_back(void **state)
{
	apply("{'services':[" ONE_WITH_TWO ",{'vip':'10.0.0.2','port':80}]}");
	fake.publish_fails_in = 1;
	assert_int_equal(apply_text("{'services':[{'vip':'10.0.0.9','port':80}]}", &error),
			 -ENOSPC);
	assert_int_equal(fake_service_count(), 2);
	assert_non_null(fake_service("tcp", "10.0.0.1", 80));
	settle();
	remains_reap();
	assert_int_equal(fake.servers_removed, 0);
	apply("{}");
	assert_int_equal(fake_service_count(), 0);
}

static void test_pool(void **state)
{
	static const char with_pool[] =
		"{'local_addresses':[{'address':'10.2.0.1','interface':'dpdk0.kni'}],"
		"'services':[{'vip':'10.0.0.1','port':80}," OWN_LOCAL "]}";
	static const char without[] = "{'services':[{'vip':'10.0.0.1','port':80}," OWN_LOCAL "]}";

	apply(without);
	assert_int_equal(fake.publishes, 2);
	assert_int_equal(fake_service("tcp", "10.0.0.1", 80)->local_count, 0);
	// A pool reaches the service that has none of its own, and only that.
	apply(with_pool);
	assert_int_equal(fake.publishes, 3);
	assert_int_equal(fake_service("tcp", "10.0.0.1", 80)->locals[0].iface, 1);
	assert_int_equal(claim_count(), 2);
	apply(without);
	assert_int_equal(fake.publishes, 4);
	assert_int_equal(fake_service("tcp", "10.0.0.1", 80)->local_count, 0);
	assert_true(fake_has_address("10.2.0.1")); // until no worker can use it
	settle();
	assert_false(fake_has_address("10.2.0.1"));
}

static void test_addresses_of_others_stay(void **state)
{
	fake_add_address("dpdk0", "10.2.0.1/24");
	apply("{'local_addresses':[" LOCAL_1 "," LOCAL_2 "]}");
	assert_int_equal(fake_address_count(), 2);
	apply("{}");
	settle();
	assert_true(fake_has_address("10.2.0.1"));
	assert_false(fake_has_address("10.2.0.2"));
}

static void test_address_of_another_interface(void **state)
{
	fake_add_address("dpdk1", "10.2.0.1/24");
	assert_int_equal(apply_text("{'local_addresses':[" LOCAL_1 "]}", &error), -EEXIST);
	assert_non_null(strstr(error.text, "an address of dpdk1"));
	apply("{'local_addresses':[" LOCAL_2 "]}");
	assert_int_equal(apply_text("{'local_addresses':[" LOCAL_2 "],'services':["
				    "{'vip':'10.0.0.2','port':80,'local_addresses':["
				    "{'address':'10.2.0.2','interface':'dpdk1'}]}]}",
				    &error),
			 -EEXIST);
	assert_non_null(strstr(error.text, "in use as a local address on dpdk0"));
	assert_int_equal(model_service_count(), 0);
}

#define UNCLAIMED "{'address':'10.2.0.7','interface':'dpdk0','claim':false}"

static void take_from_linux(const char *interface, const char *address)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(address, &prefix), 0);
	assert_int_equal(kernel_address_delete(iface_find(interface), &prefix), 0);
}

/* An unclaimed address is never put into Linux, and used while it is there, of a service or not. */
static void test_unclaimed(void **state)
{
	apply("{'services':[{'vip':'10.0.0.1','port':80,'local_addresses':[" UNCLAIMED "]}]}");
	assert_int_equal(fake_address_count(), 0);
	assert_int_equal(fake_service("tcp", "10.0.0.1", 80)->local_count, 0);
	for (unsigned int i = 0; i < 3; i++) {
		fake_add_address("dpdk0", "10.2.0.7/32");
		follow_addresses();
		assert_int_equal(fake_service("tcp", "10.0.0.1", 80)->local_count, 1);
		take_from_linux("dpdk0", "10.2.0.7/32");
		follow_addresses();
		assert_int_equal(fake_service("tcp", "10.0.0.1", 80)->local_count, 0);
		settle();
	}
	// On another interface it is of no use.
	fake_add_address("dpdk1", "10.2.0.7/32");
	follow_addresses();
	assert_int_equal(fake_service("tcp", "10.0.0.1", 80)->local_count, 0);
	take_from_linux("dpdk1", "10.2.0.7/32");

	apply("{'local_addresses':[" UNCLAIMED "," LOCAL_1 "],'services':[" ONE_WITH_TWO "]}");
	assert_int_equal(fake_service("tcp", "10.0.0.1", 80)->local_count, 1);
	fake_add_address("dpdk0", "10.2.0.7/32");
	follow_addresses();
	assert_int_equal(fake_service("tcp", "10.0.0.1", 80)->local_count, 2);
	settle();
	apply("{}");
	settle();
	remains_reap();
	assert_int_equal(claim_count(), 0);
	assert_true(fake_has_address("10.2.0.7")); // it is not ours to take away
}

/* What is claimed becomes unclaimed and back: weir takes its address away and puts it there. */
static void test_claim_changes(void **state)
{
#define AS(claim)                                                      \
	"{'services':[{'vip':'10.0.0.1','port':80,'local_addresses':[" \
	"{'address':'10.2.0.7','interface':'dpdk0','claim':" claim "}]}]}"
	for (unsigned int i = 0; i < 2; i++) {
		apply(AS("true"));
		settle();
		assert_int_equal(fake_service("tcp", "10.0.0.1", 80)->local_count, 1);
		assert_int_equal(fake_address_count(), 1);
		apply(AS("false"));
		settle();
		follow_addresses();
		assert_int_equal(fake_address_count(), 0);
		assert_int_equal(fake_service("tcp", "10.0.0.1", 80)->local_count, 0);
	}
	apply("{}");
	settle();
	remains_reap();
	assert_int_equal(claim_count(), 0);
#undef AS
}

static void test_timeouts(void **state)
{
#define SERVICES                                    \
	"'services':[{'vip':'10.0.0.1','port':80}," \
	"{'vip':'10.0.0.2','port':80,'timeouts':{'established':600}}]"
	const struct service_spec *one, *two;

	apply("{" SERVICES "}");
	one = fake_service("tcp", "10.0.0.1", 80);
	two = fake_service("tcp", "10.0.0.2", 80);
	assert_int_not_equal(one->timeouts, two->timeouts);
	assert_int_equal(timeout_table[one->timeouts].seconds[STATE_ESTABLISHED], 90);
	assert_int_equal(timeout_table[two->timeouts].seconds[STATE_ESTABLISHED], 600);
	fake.publishes = 0;
	// A default that the second service overrides touches only the first.
	apply("{'timeouts':{'established':100}," SERVICES "}");
	assert_int_equal(fake.publishes, 1);
	one = fake_service("tcp", "10.0.0.1", 80);
	assert_int_equal(timeout_table[one->timeouts].seconds[STATE_ESTABLISHED], 100);
	// No set is leaked however often it changes.
	for (int i = 0; i < 2 * TIMEOUT_SETS; i++) {
		char text[200];

		snprintf(text, sizeof(text),
			 "{'services':[{'vip':'10.0.0.1','port':80,'timeouts':{'close':%d}}]}",
			 i + 1);
		apply(text);
		settle();
		remains_reap();
	}
#undef SERVICES
}

static void test_too_many_timeout_sets(void **state)
{
	static char text[TIMEOUT_SETS * 90];
	char *end = text + sprintf(text, "{'services':[");

	for (int i = 0; i < TIMEOUT_SETS + 1; i++)
		end += sprintf(end, "%s{'vip':'10.0.0.1','port':%d,'timeouts':{'close':%d}}",
			       i ? "," : "", i + 1, i + 1);
	strcpy(end, "]}");
	assert_int_equal(apply_text(text, &error), -ENOSPC);
	assert_string_equal(error.field, "timeouts");
	assert_int_equal(model_service_count(), 0);
	assert_int_equal(fake_service_count(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_add_change_remove, start, stop),
		cmocka_unit_test_setup_teardown(test_direct_routing_needs_the_link, start, stop),
		cmocka_unit_test_setup_teardown(test_tunnel_changes_the_server, start, stop),
		cmocka_unit_test_setup_teardown(test_number_waits_for_the_last_session, start,
						stop),
		cmocka_unit_test_setup_teardown(test_grace_period_comes_first, start, stop),
		cmocka_unit_test_setup_teardown(test_publish_fails_at_each_step, start, stop),
		cmocka_unit_test_setup_teardown(test_server_fails_at_each_step, start, stop),
		cmocka_unit_test_setup_teardown(test_address_fails_at_each_step, start, stop),
		cmocka_unit_test_setup_teardown(test_removal_is_taken_back, start, stop),
		cmocka_unit_test_setup_teardown(test_pool, start, stop),
		cmocka_unit_test_setup_teardown(test_addresses_of_others_stay, start, stop),
		cmocka_unit_test_setup_teardown(test_address_of_another_interface, start, stop),
		cmocka_unit_test_setup_teardown(test_unclaimed, start, stop),
		cmocka_unit_test_setup_teardown(test_claim_changes, start, stop),
		cmocka_unit_test_setup_teardown(test_timeouts, start, stop),
		cmocka_unit_test_setup_teardown(test_too_many_timeout_sets, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/* Settings of checks, and what becomes of servers that are down. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/check.h"
#include "control/check_status.h"
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
	check_stop();
	loop_stop();
	return 0;
}

static void apply(const char *text)
{
	if (apply_text(text, &error) < 0)
		fail_msg("%s: %s", error.field, error.text);
}

static struct model_service *service(void)
{
	struct service_key key = key_of("tcp", "10.0.0.1", 80);

	return model_find(&key);
}

static struct check effective(unsigned int number)
{
	struct check check;

	assert_true(check_effective(service()->check, service()->servers[number].check, &check));
	return check;
}

/* A report about the first server, as REST publishes it. */
static void report(enum health health)
{
	struct model_service *after = model_service_copy(service());
	struct edit edit = {0};

	after->servers[0].health = (uint8_t)health;
	assert_int_equal(edit_health(&edit, service(), after), 0);
	assert_int_equal(publish_edit(&edit, &error), 0);
	edit_free(&edit);
	settle();
}

#define SERVICE(check, more)                                            \
	"{'services':[{'servers':[{'address':'10.1.0.1','port':80" more \
	"},{'address':'10.1.0.2','port':80}],'vip':'10.0.0.1','port':80,'check':" check "}]}"

static const struct {
	const char *text, *field, *sentence;
} refusals[] = {
	{SERVICE("5", ""), "services[0].check", "must be a mapping"},
	{SERVICE("true", ""), "services[0].check", "must be a mapping"},
	{SERVICE("{'type':'smtp'}", ""), "services[0].check.type", "tcp, udp, http, ping"},
	{SERVICE("{'intervall':3}", ""), "services[0].check.intervall", "\"interval\""},
	{SERVICE("{'interval':0.05}", ""), "services[0].check.interval", "0.1 to 3600"},
	{SERVICE("{'interval':3601}", ""), "services[0].check.interval", "0.1 to 3600"},
	{SERVICE("{'interval':'5'}", ""), "services[0].check.interval", "number of seconds"},
	{SERVICE("{'interval':2,'timeout':3}", ""), "services[0].check.timeout", "interval, 2 s"},
	{SERVICE("{'rise':0}", ""), "services[0].check.rise", "1 to 100"},
	{SERVICE("{'fall':101}", ""), "services[0].check.fall", "1 to 100"},
	{SERVICE("{'port':0}", ""), "services[0].check.port", "1 to 65535"},
	{SERVICE("{'type':'ping','port':7}", ""), "services[0].check.port", "has no port"},
	{SERVICE("{'on_failure':'drop'}", ""), "services[0].check.on_failure", "inhibit, remove"},
	{SERVICE("{'path':'/'}", ""), "services[0].check.path", "type http"},
	{SERVICE("{'type':'http','path':'x'}", ""), "services[0].check.path", "begin with"},
	{SERVICE("{'type':'http','path':'/a b'}", ""), "services[0].check.path", "blanks"},
	{SERVICE("{'type':'http','host':'a\\r\\nb'}", ""), "services[0].check.host", "control"},
	{SERVICE("{'type':'udp','host':'a'}", ""), "services[0].check.host", "type http"},
	{SERVICE("{'type':'http','status':99}", ""), "services[0].check.status", "100 to 599"},
	{SERVICE("{'type':'http','status':'300-200'}", ""), "services[0].check.status", "100 to"},
	{SERVICE("{'type':'http','status':[200,true]}", ""), "services[0].check.status", "100 to"},
	{SERVICE("{'type':'http','status':[]}", ""), "services[0].check.status", "100 to 599"},
	{SERVICE("{'type':'http','send':'x'}", ""), "services[0].check.send", "type udp"},
	{SERVICE("{'type':'tcp','expect':'x'}", ""), "services[0].check.expect", "http and udp"},
	{SERVICE("null", ",'check':{'port':81}"), "services[0].servers[0].check.type",
	 "has no check"},
	{SERVICE("{}", ",'check':{'path':'/'}"), "services[0].servers[0].check.path", "type http"},
	{SERVICE("{'interval':1}", ",'check':{'timeout':2}"),
	 "services[0].servers[0].check.timeout", "interval, 1 s"},
	{SERVICE("{}", ",'check':{'rise':'x'}"), "services[0].servers[0].check.rise", "number"},
};

static void test_refusals(void **state)
{
	const struct document_source source = {.origin = ORIGIN_FILE};

	for (unsigned int i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct document document;
		json_t *json = json_of(refusals[i].text);

		if (document_decode(json, &source, &document, &error) >= 0)
			fail_msg("taken: %s", refusals[i].text);
		json_decref(json);
		assert_int_equal(error.code, -EINVAL);
		assert_string_equal(error.field, refusals[i].field);
		if (strstr(error.text, refusals[i].sentence) == NULL)
			fail_msg("%s: %s", refusals[i].text, error.text);
	}
}

static void test_defaults(void **state)
{
	apply(SERVICE("{}", ""));
	assert_int_equal(effective(0).type, CHECK_TCP);
	assert_int_equal(effective(0).interval, 5000);
	assert_int_equal(effective(0).timeout, 3000);
	assert_int_equal(effective(0).on_failure, CHECK_INHIBIT);
	apply(SERVICE("{'interval':0.5,'type':'http'}", ""));
	assert_int_equal(effective(0).timeout, 500);
	assert_string_equal(effective(0).path, "/");
	assert_string_equal(effective(0).status, "200-299");
	apply(SERVICE("null", ""));
	assert_false(model_server_is_checked(service(), &service()->servers[0]));
}

static void test_override(void **state)
{
	apply(SERVICE("{'type':'http','path':'/x','interval':2,'rise':3,'status':[200,'301-302']}",
		      ",'check':{'port':81,'interval':1}"));
	assert_int_equal(effective(0).type, CHECK_HTTP);
	assert_int_equal(effective(0).port, 81);
	assert_int_equal(effective(0).interval, 1000);
	assert_int_equal(effective(0).timeout, 1000);
	assert_int_equal(effective(0).rise, 3);
	assert_string_equal(effective(0).path, "/x");
	assert_string_equal(effective(0).status, "200,301-302");
	assert_int_equal(effective(1).port, 0);
	apply(SERVICE("{'type':'http','path':'/x','rise':3}", ",'check':{'type':'ping'}"));
	assert_int_equal(effective(0).type, CHECK_PING);
	assert_int_equal(effective(0).rise, 3);
	assert_string_equal(effective(0).path, "");
	apply(SERVICE("{'type':'http'}", ",'check':null"));
	assert_false(model_server_is_checked(service(), &service()->servers[0]));
	assert_true(model_server_is_checked(service(), &service()->servers[1]));
	apply(SERVICE("null", ",'check':{'type':'ping'}"));
	assert_true(model_server_is_checked(service(), &service()->servers[0]));
	assert_false(model_server_is_checked(service(), &service()->servers[1]));
}

/* What is written can be read, and means the same. */
static void test_round_trip(void **state)
{
	const struct document_source source = {.origin = ORIGIN_FILE, .saved = true};
	struct document document;
	json_t *json;
	char *text;

	apply(SERVICE("{'type':'udp','interval':0.1,'send':'x','expect':''}",
		      ",'check':{'expect':'','send':'y'}"));
	report(HEALTH_DOWN);
	json = json_pack("{s:[o]}", "services", document_service_json(service(), true));
	text = json_dumps(json, JSON_REAL_PRECISION(10));
	assert_non_null(strstr(text, "\"interval\": 0.1,"));
	assert_int_equal(document_decode(json, &source, &document, &error), 0);
	assert_ptr_equal(document.services[0]->check, service()->check);
	assert_ptr_equal(document.services[0]->servers[0].check, service()->servers[0].check);
	assert_int_equal(document.services[0]->servers[0].health, HEALTH_DOWN);
	assert_int_equal(document.services[0]->servers[1].health, HEALTH_UNCHECKED);
	document_free(&document);
	json_decref(json);
	free(text);
}

static void test_patch(void **state)
{
	struct model_service *after;
	json_t *body = json_of("{'check':{'interval':1}}");

	apply(SERVICE("{'type':'http','path':'/x'}", ",'check':{'path':'/y'}"));
	after = model_service_copy(service());
	assert_int_equal(document_patch_service(body, ORIGIN_REST, after, &error), 0);
	assert_string_equal(after->check->path, "/x");
	assert_int_equal(after->check->interval, 1000);
	assert_int_equal(after->check->timeout, 1000);
	json_decref(body);
	// The server's path would have no meaning any more.
	body = json_of("{'check':{'type':'ping'}}");
	assert_int_equal(document_patch_service(body, ORIGIN_REST, after, &error), -EINVAL);
	assert_string_equal(error.field, "check");
	assert_non_null(strstr(error.text, "10.1.0.1:80"));
	json_decref(body);
	model_service_free(after);
}

/* Workers see weight 0, or nothing; the configuration is untouched, also by edits afterwards. */
static void test_down(void **state)
{
	const struct service_spec *spec;
	uint32_t number;

	apply(SERVICE("{}", ",'weight':5"));
	number = service()->servers[0].number;
	report(HEALTH_DOWN);
	assert_int_equal(service()->servers[0].weight, 5);
	assert_false(service()->servers[0].overridden);
	assert_false(service()->overridden);
	spec = fake_service("tcp", "10.0.0.1", 80);
	assert_int_equal(fake_server(spec, "10.1.0.1")->weight, 0);
	apply(SERVICE("{'interval':7}", ",'weight':9"));
	assert_int_equal(service()->servers[0].health, HEALTH_DOWN);
	assert_int_equal(service()->servers[0].weight, 9);
	apply(SERVICE("{'on_failure':'remove'}", ",'weight':5"));
	spec = fake_service("tcp", "10.0.0.1", 80);
	assert_int_equal(spec->server_count, 1);
	assert_null(fake_server(spec, "10.1.0.1"));
	assert_int_equal(fake.servers_removed, 0);
	report(HEALTH_UP);
	spec = fake_service("tcp", "10.0.0.1", 80);
	assert_int_equal(fake_server(spec, "10.1.0.1")->weight, 5);
	assert_int_equal(service()->servers[0].number, number);
	report(HEALTH_DOWN);
	apply(SERVICE("null", ""));
	assert_int_equal(service()->servers[0].health, HEALTH_UNCHECKED);
}

static void test_generation(void **state)
{
	uint64_t generation;

	apply(SERVICE("null", ""));
	generation = model_check_generation();
	apply(SERVICE("null", ",'weight':9"));
	assert_int_equal(model_check_generation(), generation);
	apply(SERVICE("{}", ",'weight':9"));
	assert_int_equal(model_check_generation(), generation + 1);
	report(HEALTH_DOWN);
	apply(SERVICE("{}", ",'weight':1"));
	assert_int_equal(model_check_generation(), generation + 1);
	apply(SERVICE("{}", ",'check':null"));
	assert_int_equal(model_check_generation(), generation + 2);
	apply("{'services':[]}");
	assert_int_equal(model_check_generation(), generation + 3);
}

static void test_description(void **state)
{
	struct describe d = {.texts = json_array(), .limit = 100};
	struct document document;
	struct edit edit = {0};

	apply(SERVICE("{}", ""));
	document = document_of(SERVICE("{'interval':2,'timeout':0.5}", ",'check':{'port':81}"));
	assert_int_equal(edit_apply(&edit, &document, &error), 0);
	describe_edit(&edit, &d);
	assert_int_equal(json_array_size(d.texts), 3);
	assert_string_equal(json_string_value(json_array_get(d.texts, 0)),
			    "~ service tcp 10.0.0.1:80: check.interval 5 -> 2");
	assert_string_equal(json_string_value(json_array_get(d.texts, 1)),
			    "~ service tcp 10.0.0.1:80: check.timeout 3 -> 0.5");
	assert_string_equal(
		json_string_value(json_array_get(d.texts, 2)),
		"~ server 10.1.0.1:80 of service tcp 10.0.0.1:80: check not set -> set");
	edit_free(&edit);
	document_free(&document);
	json_decref(d.texts);
}

static void test_sweep(void **state)
{
	char text[512];

	apply(SERVICE("{'type':'http','path':'/kept'}", ""));
	for (unsigned int i = 0; i < 1000; i++) {
		struct document document;

		snprintf(text, sizeof(text),
			 "{'services':[{'vip':'10.0.0.1','port':80,'check':{'interval':%u}}]}",
			 i + 1);
		document = document_of(text);
		document_free(&document);
		check_sweep();
	}
	assert_string_equal(service()->check->path, "/kept");
	apply(SERVICE("{'type':'http','path':'/kept'}", ""));
}

static void test_status(void **state)
{
	assert_true(check_status_valid("200") && check_status_valid("100-599,204,300-301"));
	assert_false(check_status_valid("") || check_status_valid("200,") ||
		     check_status_valid("2000") || check_status_valid("20") ||
		     check_status_valid("600") || check_status_valid("200-") ||
		     check_status_valid("-200") || check_status_valid("200 ,201"));
	assert_true(check_status_has("200-299,404", 204) && check_status_has("200-299,404", 404));
	assert_false(check_status_has("200-299,404", 403) || check_status_has("200-299", 300));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_refusals, start, stop),
		cmocka_unit_test_setup_teardown(test_defaults, start, stop),
		cmocka_unit_test_setup_teardown(test_override, start, stop),
		cmocka_unit_test_setup_teardown(test_round_trip, start, stop),
		cmocka_unit_test_setup_teardown(test_patch, start, stop),
		cmocka_unit_test_setup_teardown(test_down, start, stop),
		cmocka_unit_test_setup_teardown(test_generation, start, stop),
		cmocka_unit_test_setup_teardown(test_description, start, stop),
		cmocka_unit_test_setup_teardown(test_sweep, start, stop),
		cmocka_unit_test(test_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

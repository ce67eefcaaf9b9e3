/* SPDX-License-Identifier: BSD-3-Clause */

/* From weir's list to targets, and what weir is told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "probe.h"
#include "target.h"

static unsigned int ended;

void probe_ended(struct target *target, bool good, const char *result)
{
}

static void end(struct target *target)
{
	ended++;
}

static int start(void **state)
{
	ended = 0;
	return events_start();
}

static int stop(void **state)
{
	target_stop(NULL);
	schedule_stop();
	events_stop();
	return 0;
}

/* A row, with what `more` replaces. */
static json_t *row(const char *vip, const char *address, const char *state, json_t *more)
{
	json_t *made = json_pack("{s:s, s:s, s:i, s:s, s:i, s:s, s:{s:s, s:f, s:i, s:i, s:i, s:s}}",
				 "protocol", "tcp", "vip", vip, "port", 80, "address", address,
				 "server_port", 8080, "state", state, "check", "type", "tcp",
				 "interval", 0.5, "timeout", 1, "rise", 2, "fall", 2, "on_failure",
				 "remove");

	if (more != NULL)
		json_object_update_new(made, more);
	return made;
}

static int load(bool trust, json_t *list)
{
	int status = target_load(list, trust, end);

	json_decref(list);
	return status;
}

static size_t results(void)
{
	json_t *list = target_results(1000);
	size_t count = json_array_size(list);

	json_decref(list);
	return count;
}

static void test_same_is_one(void **state)
{
	assert_int_equal(load(true, json_pack("[o,o,o]", row("10.0.0.1", "10.1.0.1", "up", NULL),
					      row("10.0.0.2", "10.1.0.1", "up", NULL),
					      row("10.0.0.1", "10.1.0.2", "up", NULL))),
			 0);
	assert_int_equal(target_count(), 2);
	assert_int_equal(target_by_number(0)->row_count, 2);
	assert_int_equal(target_by_number(0)->key.check.interval, 500);
	assert_int_equal(target_by_number(0)->key.port, 8080);
	assert_int_equal(target_by_number(0)->key.check.on_failure, 0);
}

/* Rows without a check are other people's. */
static void test_passed_over(void **state)
{
	json_t *other = row("10.0.0.1", "10.1.0.2", "weight 0", NULL);

	json_object_del(other, "check");
	assert_int_equal(
		load(true, json_pack("[o,o]", row("10.0.0.1", "10.1.0.1", "up", NULL), other)), 0);
	assert_int_equal(target_count(), 1);
}

/* A list that is wrong changes nothing. */
static void test_wrong(void **state)
{
	static const char *const wrong[] = {
		"{'protocol':5}",
		"{'address':'x'}",
		"{'server_port':'80'}",
		"{'check':5}",
		"{'check':{'type':'smtp','interval':1,'timeout':1,'rise':1,'fall':1}}",
		"{'check':{'type':'tcp','interval':0,'timeout':1,'rise':1,'fall':1}}",
		"{'check':{'type':'tcp','interval':1,'timeout':-1,'rise':1,'fall':1}}",
	};

	load(true, json_pack("[o]", row("10.0.0.1", "10.1.0.1", "up", NULL)));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), "%s", wrong[i]);
		for (char *c = text; *c != '\0'; c++)
			*c = *c == '\'' ? '"' : *c;
		assert_int_equal(load(false, json_pack("[o]", row("10.0.0.9", "10.1.0.9", "up",
								  json_loads(text, 0, NULL)))),
				 -EINVAL);
	}
	assert_int_equal(target_count(), 1);
	assert_int_equal(target_by_number(0)->row_count, 1);
	assert_int_equal(ended, 0);
}

static void test_telling(void **state)
{
	struct target *target;

	load(true, json_pack("[o,o]", row("10.0.0.1", "10.1.0.1", "unchecked", NULL),
			     row("10.0.0.2", "10.1.0.1", "unchecked", NULL)));
	target = target_by_number(0);
	assert_int_equal(results(), 0);
	target_judge(target, true, "connected");
	assert_int_equal(results(), 2);
	assert_int_equal(results(), 2); // not told yet
	target_told();
	assert_int_equal(results(), 0);
	target_judge(target, true, "connected");
	assert_int_equal(results(), 0); // nothing new
	target_judge(target, false, "connection refused");
	assert_int_equal(results(), 2); // the streak
	target_told();
	target_judge(target, false, "connection refused");
	assert_int_equal(target->judge.state, JUDGE_DOWN);
	assert_string_equal(target->reason, "connection refused");
	results();
	target_judge(target, false, "no answer within 1 s");
	target_told();
	assert_int_equal(results(), 2); // of what came after the request was made
}

/* A new list: what is there goes on; weir's states count only when they are trusted. */
static void test_reload(void **state)
{
	struct target *target;

	load(true, json_pack("[o]", row("10.0.0.1", "10.1.0.1", "up", NULL)));
	target = target_by_number(0);
	target_judge(target, false, "connection refused");
	target_judge(target, false, "connection refused");
	assert_int_equal(load(false, json_pack("[o,o]", row("10.0.0.1", "10.1.0.1", "up", NULL),
					       row("10.0.0.1", "10.1.0.2", "down", NULL))),
			 0);
	assert_ptr_equal(target_by_number(0), target);
	assert_int_equal(target->judge.state, JUDGE_DOWN);
	assert_int_equal(target_by_number(1)->judge.state, JUDGE_DOWN);
	assert_int_equal(results(), 1);
	load(true, json_pack("[o]", row("10.0.0.1", "10.1.0.1", "up", NULL)));
	assert_int_equal(target->judge.state, JUDGE_UP);
	assert_int_equal(results(), 0);
	assert_int_equal(ended, 1);
	assert_int_equal(target_count(), 1);
	load(false, json_array());
	assert_int_equal(target_count(), 0);
	assert_null(schedule_first());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_same_is_one, start, stop),
		cmocka_unit_test_setup_teardown(test_passed_over, start, stop),
		cmocka_unit_test_setup_teardown(test_wrong, start, stop),
		cmocka_unit_test_setup_teardown(test_telling, start, stop),
		cmocka_unit_test_setup_teardown(test_reload, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

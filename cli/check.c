/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "place.h"
#include "table.h"

static const struct column check_columns[] = {
	{"PROTOCOL", "protocol", false, 0},
	{"SERVICE", "vip+port", false, 0},
	{"SERVER", "address+server_port", false, 0},
	{"TYPE", "type", false, 0},
	{"STATE", "state", false, 0},
	{"SINCE", "since", false, 0},
	{"CHANGES", "changes", true, 0},
	{"RISE", "rise", true, 0},
	{"FALL", "fall", true, 0},
	{"LAST-RESULT", "result", false, 0},
	{"REASON", "reason", false, 0},
	{0},
};

/* "1/3": one of the three checks in a row that it takes; "3" where none has begun to count. */
static json_t *count_json(json_int_t streak, json_t *needed)
{
	if (!streak)
		return json_incref(needed);
	return json_sprintf("%lld/%lld", (long long)streak, (long long)json_integer_value(needed));
}

static void row_complete(json_t *row)
{
	json_t *check = json_object_get(row, "check");
	const char *state = json_string_value(json_object_get(row, "state"));
	json_int_t streak = json_integer_value(json_object_get(row, "streak"));
	bool down = state && !strcmp(state, "down");

	if (json_is_true(json_object_get(row, "gone")) && state)
		json_object_set_new(row, "state", json_sprintf("%s (gone)", state));
	if (!check)
		return;
	json_object_set(row, "type", json_object_get(check, "type"));
	json_object_set_new(row, "rise",
			    count_json(down ? streak : 0, json_object_get(check, "rise")));
	json_object_set_new(row, "fall",
			    count_json(down ? 0 : streak, json_object_get(check, "fall")));
}

/* Is somebody looking? Said only when not. */
static void checker_print(const json_t *checker, bool wanted)
{
	const char *state = json_string_value(json_object_get(checker, "state"));
	const char *since = json_string_value(json_object_get(checker, "since"));

	if (state && !strcmp(state, "gone"))
		printf("\nweir-checker (pid %lld) is gone since %s: nothing is checked, and what "
		       "was "
		       "found out last stays\n",
		       (long long)json_integer_value(json_object_get(checker, "pid")), since);
	else if (state && !strcmp(state, "none") && wanted)
		puts("\nweir-checker has not been there since weir was started: nothing is "
		     "checked");
}

static enum exit_code check_list(struct client *client, const struct arguments *arguments)
{
	json_t *answer, *row;
	bool wanted = false;
	size_t i;
	enum exit_code code = client_get(client, "/v1/checks", &answer);

	if (code != EXIT_OK)
		return code;
	if (arguments->json) {
		json_print(answer);
	} else {
		json_array_foreach (answer_array(answer, "checks"), i, row) {
			wanted = wanted || json_object_get(row, "check");
			row_complete(row);
		}
		table_print(answer_array(answer, "checks"), check_columns);
		checker_print(json_object_get(answer, "checker"), wanted);
	}
	json_decref(answer);
	return EXIT_OK;
}

const struct command check_commands[] = {
	{"check", "list", "", NULL,
	 "the health of real servers, since when, and the reason of the last change", check_list},
	{0},
};

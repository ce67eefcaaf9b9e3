/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "command.h"
#include "place.h"
#include "table.h"

static const struct column announcement_columns[] = {
	{"VIP", "vip", false, 0},
	{"STATE", "state", false, 0},
	{"SINCE", "since", false, 0},
	{"SERVICES", "services", true, 0},
	{"WITH-QUORUM", "services_with_quorum", true, 0},
	{"CHANGES", "changes", true, 0},
	{"REASON", "reason", false, 0},
	{0},
};

static const struct column event_columns[] = {
	{"TIME", "time", false, 0},
	{"VIP", "vip", false, 0},
	{"STATE", "state", false, 0},
	{"REASON", "reason", false, 0},
	{0},
};

static enum exit_code announcement_list(struct client *client, const struct arguments *arguments)
{
	return place_list(client, arguments, "/v1/announcements", "announcements",
			  announcement_columns);
}

static enum exit_code announcement_history(struct client *client, const struct arguments *arguments)
{
	return place_list(client, arguments, "/v1/announcements/history", "events", event_columns);
}

/* Draining */

enum { POLL_MICROSECONDS = 200000, POLLS_PER_LINE = 5 };

static const struct option drain_options[] = {
	{"deadline", 'd', OPTION_NUMBER, "SECONDS", "deadline",
	 "give up waiting for sessions to end after so long; none is cut", NULL},
	{"wait", 'w', OPTION_FLAG, NULL, NULL,
	 "show how many sessions are left until none is, or the deadline has passed", NULL},
	{0},
};

static void progress_print(const json_t *drain, bool json)
{
	const json_t *remaining = json_object_get(drain, "remaining");
	json_int_t sessions = json_integer_value(json_object_get(drain, "sessions"));

	if (json) {
		json_dumpf(drain, stdout, JSON_COMPACT);
		putchar('\n');
	} else if (remaining) {
		printf("draining: %lld sessions left, %.0f s until the deadline\n",
		       (long long)sessions, json_number_value(remaining));
	} else {
		printf("draining: %lld sessions left\n", (long long)sessions);
	}
	fflush(stdout);
}

/* The last line of a wait. */
static enum exit_code drain_end(const json_t *drain, bool json)
{
	const char *state = json_string_value(json_object_get(drain, "state"));
	json_int_t sessions = json_integer_value(json_object_get(drain, "sessions"));

	if (json) {
		progress_print(drain, true);
	} else if (state && !strcmp(state, "drained")) {
		puts("drained: no session is left");
	}
	if (state && !strcmp(state, "drained"))
		return EXIT_OK;
	if (state && !strcmp(state, "expired"))
		fprintf(stderr,
			"weirctl: the deadline has passed, %lld sessions are left; they go on\n",
			(long long)sessions);
	else
		fputs("weirctl: somebody has ended the drain\n", stderr);
	return EXIT_REFUSED;
}

/* A line each second. */
static enum exit_code drain_wait(struct client *client, bool json)
{
	for (unsigned int polls = 0;; polls++) {
		json_t *drain;
		enum exit_code code = client_get(client, "/v1/drain", &drain);
		const char *state;

		if (code != EXIT_OK)
			return code;
		state = json_string_value(json_object_get(drain, "state"));
		if (!state || strcmp(state, "draining")) {
			code = drain_end(drain, json);
			json_decref(drain);
			return code;
		}
		if (polls % POLLS_PER_LINE == 0)
			progress_print(drain, json);
		json_decref(drain);
		usleep(POLL_MICROSECONDS);
	}
}

static enum exit_code drain_run(struct client *client, const struct arguments *arguments)
{
	json_t *answer, *body = arguments_body(arguments);
	enum exit_code code;

	if (!body)
		return EXIT_USAGE;
	code = client_request(client, "POST", "/v1/drain", body, &answer);
	json_decref(body);
	if (code != EXIT_OK)
		return code;
	if (arguments_option(arguments, "wait"))
		code = drain_wait(client, arguments->json);
	else if (arguments->json)
		json_print(answer);
	else
		object_print(answer, 0);
	json_decref(answer);
	return code;
}

static enum exit_code undrain_run(struct client *client, const struct arguments *arguments)
{
	return client_request(client, "DELETE", "/v1/drain", NULL, NULL);
}

const struct command announce_commands[] = {
	{"announcement", "list", "", NULL,
	 "VIPs that are shown to routing daemons, or why they are not", announcement_list},
	{"announcement", "history", "", NULL, "the last changes of all announced VIPs",
	 announcement_history},
	{"drain", NULL, "", drain_options,
	 "withdraw all VIPs of this node; everything that still comes is served", drain_run},
	{"undrain", NULL, "", NULL, "announce VIPs again after a drain", undrain_run},
	{0},
};

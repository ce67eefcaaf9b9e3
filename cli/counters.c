/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "place.h"
#include "table.h"

/*
 * What concerns all services at once: counters set to zero, the timeouts that they share, and the
 * settings of those that come through the IPVS door.
 */

static enum exit_code zero_run(struct client *client, const struct arguments *arguments)
{
	char path[PLACE_TEXT] = "/v1";
	enum exit_code code = EXIT_OK;

	if (arguments->positional_count == 1)
		return usage_error(arguments->command, "give PROTOCOL VIP:PORT, or nothing");
	if (arguments->positional_count == 2)
		code = place_service(arguments, 0, path);
	if (code != EXIT_OK)
		return code;
	strncat(path, "/zero", sizeof(path) - strlen(path) - 1);
	return client_request(client, "POST", path, NULL, NULL);
}

static enum exit_code timeout_list(struct client *client, const struct arguments *arguments)
{
	json_t *answer;
	enum exit_code code = client_get(client, "/v1/timeouts", &answer);

	return code == EXIT_OK ? place_print(arguments, answer) : code;
}

/* "established=100" into the body; "established=" is the default again. */
static enum exit_code timeout_take(const struct arguments *arguments, json_t *body,
				   const char *word)
{
	const char *equals = strchr(word, '=');
	char name[32], *end = NULL;
	long seconds = 0;

	if (equals == NULL || equals == word || (size_t)(equals - word) >= sizeof(name))
		return usage_error(arguments->command, "\"%s\" is not STATE=SECONDS", word);
	snprintf(name, sizeof(name), "%.*s", (int)(equals - word), word);
	if (equals[1] == '\0') {
		json_object_set_new(body, name, json_null());
		return EXIT_OK;
	}
	seconds = strtol(equals + 1, &end, 10);
	if (*end != '\0')
		return usage_error(arguments->command, "%s: \"%s\" is no number of seconds", name,
				   equals + 1);
	json_object_set_new(body, name, json_integer(seconds));
	return EXIT_OK;
}

static enum exit_code timeout_set(struct client *client, const struct arguments *arguments)
{
	json_t *body = json_object(), *answer = NULL;
	enum exit_code code = EXIT_OK;

	for (unsigned int i = 0; i < arguments->positional_count && code == EXIT_OK; i++)
		code = timeout_take(arguments, body, arguments->positional[i]);
	if (code == EXIT_OK)
		code = client_request(client, "PATCH", "/v1/timeouts", body, &answer);
	json_decref(body);
	json_decref(answer);
	return code;
}

static const struct option nat_log_options[] = {
	{"rate", 'r', OPTION_NUMBER, "LINES", "rate", "lines a second at most; 0: off", NULL},
	{0},
};

static enum exit_code nat_log_show(struct client *client, const struct arguments *arguments)
{
	json_t *answer;
	enum exit_code code = client_get(client, "/v1/nat_log", &answer);

	return code == EXIT_OK ? place_print(arguments, answer) : code;
}

static enum exit_code nat_log_set(struct client *client, const struct arguments *arguments)
{
	return place_set(client, arguments, "/v1/nat_log");
}

static enum exit_code ipvs_list(struct client *client, const struct arguments *arguments)
{
	json_t *answer;
	enum exit_code code = client_get(client, "/v1/ipvs", &answer);

	return code == EXIT_OK ? place_print(arguments, answer) : code;
}

const struct command counters_commands[] = {
	{"zero", NULL, "[PROTOCOL] [VIP:PORT]", NULL,
	 "set the counters of one service and its real servers to zero, or of all", zero_run},
	{"timeout", "list", "", NULL, "the timeouts that services have unless they name their own",
	 timeout_list},
	{"timeout", "set", "STATE=SECONDS [STATE=SECONDS...]", NULL,
	 "change them; STATE= without a number: weir's own default", timeout_set},
	{"nat-log", "show", "", NULL,
	 "the log of who had which address and port of SNAT: its rate, and what was written",
	 nat_log_show},
	{"nat-log", "set", "", nat_log_options, "change its rate, until a file is applied",
	 nat_log_set},
	{"ipvs", "list", "", NULL,
	 "settings that complete what comes from stock ipvsadm and keepalived", ipvs_list},
	{0},
};

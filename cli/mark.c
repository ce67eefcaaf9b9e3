/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "place.h"
#include "table.h"

/* Rules that give firewall marks to the first packets of connections, in the order of trying. */

static const struct option add_options[] = {
	{"source", 0, OPTION_TEXT, "PREFIX", "source", "packets from this network", NULL},
	{"destination", 0, OPTION_TEXT, "PREFIX", "destination", "packets to this network", NULL},
	{"interface", 'i', OPTION_TEXT, "NAME", "interface", "packets that come by it", NULL},
	{"protocol", 0, OPTION_TEXT, "NAME", "protocol", "tcp, udp or sctp; any without it",
	 "tcp udp sctp"},
	{"port", 0, OPTION_NUMBER, "NUMBER", "port", "to this port; any without it", NULL},
	{"port-end", 0, OPTION_NUMBER, "NUMBER", "port_end",
	 "the last one of a range that begins with --port", NULL},
	{"at", 0, OPTION_TEXT, "PLACE", NULL, "before the rule that stands there now, 0: the first",
	 NULL},
	{0},
};

static const struct column columns[] = {
	{"PLACE", "place", true, 0},
	{"MARK", "mark", true, 0},
	{"PROTOCOL", "protocol", false, 0},
	{"SOURCE", "source", false, 0},
	{"DESTINATION", "destination", false, 0},
	{"PORT", "port", true, 0},
	{"PORT-END", "port_end", true, 0},
	{"INTERFACE", "interface", false, 0},
	{"HITS", "hits", true, 0},
	{"ORIGIN", "origin", false, 0},
	{0},
};

static enum exit_code mark_list(struct client *client, const struct arguments *arguments)
{
	json_t *answer, *rows, *row;
	enum exit_code code = client_get(client, "/v1/marks", &answer);
	size_t i;

	if (code != EXIT_OK)
		return code;
	rows = answer_array(answer, "marks");
	json_array_foreach (rows, i, row)
		json_object_set_new(row, "place", json_integer((json_int_t)i));
	if (arguments->json)
		json_print(rows);
	else
		table_print(rows, columns);
	json_decref(answer);
	return EXIT_OK;
}

static bool is_number(const char *text)
{
	size_t length = strlen(text);

	return length > 0 && length <= 10 && strspn(text, "0123456789") == length;
}

static enum exit_code mark_add(struct client *client, const struct arguments *arguments)
{
	const char *mark = arguments->positional[0], *at = arguments_option(arguments, "at");
	char path[64] = "/v1/marks";
	enum exit_code code;
	json_t *body;

	if (!is_number(mark))
		return usage_error(arguments->command, "\"%s\" is not a firewall mark, a number",
				   mark);
	if (at && !is_number(at))
		return usage_error(arguments->command, "--at: \"%s\" is not a whole number", at);
	body = arguments_body(arguments);
	if (!body)
		return EXIT_USAGE;
	json_object_set_new(body, "mark", json_integer(strtoll(mark, NULL, 10)));
	if (at)
		snprintf(path, sizeof(path), "/v1/marks?at=%s", at);
	code = client_request(client, "POST", path, body, NULL);
	json_decref(body);
	return code;
}

static enum exit_code mark_delete(struct client *client, const struct arguments *arguments)
{
	char path[64];

	if (!is_number(arguments->positional[0]))
		return usage_error(arguments->command,
				   "\"%s\" is not the place of a rule, a number",
				   arguments->positional[0]);
	snprintf(path, sizeof(path), "/v1/marks/%s", arguments->positional[0]);
	return place_delete(client, path);
}

const struct command mark_commands[] = {
	{"mark", "list", "", NULL, "the rules that give firewall marks, and how often each has fit",
	 mark_list},
	{"mark", "add", "MARK", add_options,
	 "add a rule after the others, or before one of them; the first that fits counts",
	 mark_add},
	{"mark", "delete", "PLACE", NULL, "remove a rule; connections that there are go on",
	 mark_delete},
	{0},
};

/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "client.h"
#include "command.h"
#include "lines.h"
#include "place.h"
#include "table.h"

/*
 * There may be millions of sessions: the daemon sends one JSON object a line while it walks its
 * tables, and each is printed as it comes, so neither side ever holds the list.
 */
static const struct option list_options[] = {
	{"protocol", 'p', OPTION_TEXT, "tcp|udp|sctp", "protocol", "only this protocol",
	 "tcp udp sctp"},
	{"client", 'c', OPTION_TEXT, "ADDRESS[:PORT]", "client", "only this client", NULL},
	{"vip", 'v', OPTION_TEXT, "ADDRESS[:PORT]", "vip", "only of this service", NULL},
	{"server", 'r', OPTION_TEXT, "ADDRESS[:PORT]", "server", "only to this real server", NULL},
	{"state", 't', OPTION_TEXT, "STATE", "state", "only in this state",
	 "syn_sent syn_recv established fin_wait close_wait last_ack time_wait close udp_one_way "
	 "udp_normal init init_ack cookie shutdown closed"},
	{"limit", 'n', OPTION_NUMBER, "COUNT", "limit", "stop after so many", NULL},
	{0},
};

static const struct column session_columns[] = {
	{"PROTO", "protocol", false, 5},
	{"STATE", "state", false, 11},
	{"EXPIRES", "expires", true, 7},
	{"CLIENT", "client+client_port", false, 21},
	{"VIP", "vip+vip_port", false, 21},
	{"LOCAL", "local+local_port", false, 21},
	{"SERVER", "server+server_port", false, 21},
	{"PACKETS-IN", "packets_in", true, 10},
	{"PACKETS-OUT", "packets_out", true, 11},
	{0},
};

struct session_output {
	bool json;
	bool titles_done;
	struct lines lines;
};

static bool session_print(const char *text, void *arg)
{
	struct session_output *output = arg;
	json_t *row;

	if (!*text)
		return true;
	if (output->json)
		return puts(text) >= 0;
	row = json_loads(text, 0, NULL);
	if (!row) {
		fprintf(stderr, "weirctl: not JSON: %s\n", text);
		return true;
	}
	if (!output->titles_done)
		table_print_titles(session_columns);
	output->titles_done = true;
	table_print_row(row, session_columns);
	json_decref(row);
	return !ferror(stdout);
}

static bool session_take(const char *bytes, size_t size, void *arg)
{
	struct session_output *output = arg;

	return lines_take(&output->lines, bytes, size, session_print, output);
}

static enum exit_code session_list(struct client *client, const struct arguments *arguments)
{
	struct session_output output = {.json = arguments->json};
	char *query = arguments_query(arguments), *path;

	if (asprintf(&path, "/v1/sessions%s", query) < 0)
		abort();
	enum exit_code code = client_stream(client, path, session_take, &output);
	lines_end(&output.lines, session_print, &output);
	free(query);
	free(path);
	return code;
}

const struct command session_commands[] = {
	{"session", "list", "", list_options,
	 "the sessions that match; with -o json one object a line", session_list},
	{0},
};

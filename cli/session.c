/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "lines.h"
#include "place.h"
#include "service_name.h"
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
	{"service", 0, OPTION_TEXT, "PROTOCOL/VIP/PORT", "service",
	 "only of this service, also one on many ports: tcp/10.0.0.100/0, fwmark/ipv4/5", NULL},
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

/* Rows as they come; `complete`, where there is one, adds to a row what its columns show. */
struct row_output {
	bool json;
	bool titles_done;
	const struct column *columns;
	void (*complete)(json_t *row);
	struct lines lines;
};

static bool row_print(const char *text, void *arg)
{
	struct row_output *output = arg;
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
	if (output->complete)
		output->complete(row);
	if (!output->titles_done)
		table_print_titles(output->columns);
	output->titles_done = true;
	table_print_row(row, output->columns);
	json_decref(row);
	return !ferror(stdout);
}

static bool row_take(const char *bytes, size_t size, void *arg)
{
	struct row_output *output = arg;

	return lines_take(&output->lines, bytes, size, row_print, output);
}

static enum exit_code session_list(struct client *client, const struct arguments *arguments)
{
	struct row_output output = {.json = arguments->json, .columns = session_columns};
	char *query = arguments_query(arguments), *path;

	if (asprintf(&path, "/v1/sessions%s", query) < 0)
		abort();
	enum exit_code code = client_stream(client, path, row_take, &output);
	lines_end(&output.lines, row_print, &output);
	free(query);
	free(path);
	return code;
}

/* Templates of persistent services */

static const struct column template_columns[] = {
	{"PROTO", "protocol", false, 6},   {"SERVICE", "service", false, 21},
	{"CLIENTS", "clients", false, 24}, {"SERVER", "server+server_port", false, 21},
	{"EXPIRES", "expires", true, 7},   {0},
};

static void template_complete(json_t *row)
{
	char service[SERVICE_PATH];

	json_object_set_new(row, "service", json_string(service_endpoint(row, service)));
	json_object_set_new(
		row, "clients",
		json_sprintf("%s/%lld", json_string_value(json_object_get(row, "client")),
			     (long long)json_integer_value(json_object_get(row, "netmask"))));
}

static enum exit_code template_list(struct client *client, const struct arguments *arguments)
{
	struct row_output output = {.json = arguments->json,
				    .columns = template_columns,
				    .complete = template_complete};
	char path[PLACE_TEXT] = "/v1/services/", target[PLACE_TEXT + 32] = "/v1/templates";
	enum exit_code code = EXIT_OK;

	if (arguments->positional_count == 1)
		return usage_error(arguments->command, "PROTOCOL needs VIP:PORT after it");
	if (arguments->positional_count) {
		code = place_service(arguments, 0, path);
		snprintf(target, sizeof(target), "/v1/templates?service=%s",
			 path + strlen("/v1/services/"));
	}
	if (code == EXIT_OK)
		code = client_stream(client, target, row_take, &output);
	lines_end(&output.lines, row_print, &output);
	return code;
}

const struct command session_commands[] = {
	{"session", "list", "", list_options,
	 "the sessions that match; with -o json one object a line", session_list},
	{"template", "list", "[PROTOCOL] [VIP:PORT]", NULL,
	 "which real server the clients of persistent services stay with", template_list},
	{0},
};

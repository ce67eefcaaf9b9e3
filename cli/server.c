/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "command.h"
#include "place.h"
#include "service_name.h"
#include "table.h"

static const struct option list_options[] = {
	{"fresh", 0, OPTION_FLAG, NULL, "fresh",
	 "wait until packet and byte counters are exact (at most a second)", NULL},
	{0},
};

static const struct option server_options[] = {
	{"weight", 'w', OPTION_NUMBER, "NUMBER", "weight",
	 "share of new connections; 0 drains: nothing new, what is there goes on", NULL},
	{"mode", 'm', OPTION_TEXT, "NAME", "mode",
	 "forwarding mode, instead of the service's: fullnat, nat, dr or tunnel",
	 "fullnat nat dr tunnel snat"},
	{"upper-threshold", 'x', OPTION_NUMBER, "NUMBER", "upper_threshold",
	 "it gets no new connections while it has so many; 0: no threshold", NULL},
	{"lower-threshold", 'y', OPTION_NUMBER, "NUMBER", "lower_threshold",
	 "... until it has fewer than these; 0: than three quarters", NULL},
	{"vni", 0, OPTION_NUMBER, "VNI", "vni",
	 "it is a VM of this VNI, wherever the VM table says", NULL},
	{"tunnel", 0, OPTION_TEXT, "TYPE[:PORT][+CHECKSUM]", "tunnel",
	 "of mode tunnel: ipip, gre, gre+full, gue:6080, gue:6080+full or gue:6080+remote",
	 "ipip gre gre+full gue:6080 gue:6080+full gue:6080+remote"},
	{"quic-id", 0, OPTION_TEXT, "HEX", "quic_id",
	 "its server ID in QUIC connection IDs (quic: quic-lb); by its address without", NULL},
	{"bfd", 0, OPTION_TEXT, "[KIND/]PEER", "bfd",
	 "a BFD session that it follows: it gets nothing new while the session is down", NULL},
	{0},
};

static const struct column server_columns[] = {
	{"PROTOCOL", "protocol", false, 0},	 {"SERVICE", "service", false, 0},
	{"SERVER", "address+port", false, 0},	 {"WEIGHT", "weight", true, 0},
	{"HEALTH", "health", false, 0},		 {"DRAIN", "drain", false, 0},
	{"ACTIVE", "active", true, 0},		 {"INACTIVE", "inactive", true, 0},
	{"CONNECTIONS", "connections", true, 0}, {"PACKETS-IN", "packets_in", true, 0},
	{"PACKETS-OUT", "packets_out", true, 0}, {"BYTES-IN", "bytes_in", true, 0},
	{"BYTES-OUT", "bytes_out", true, 0},	 {0},
};

/* The real servers of a service as rows that also name the service. */
static void server_rows_append(json_t *rows, json_t *service)
{
	size_t i;
	json_t *server;

	match_name_service(service);
	json_array_foreach (json_object_get(service, "servers"), i, server) {
		char name[SERVICE_PATH];
		json_t *row = json_pack("{s:O, s:s}", "protocol",
					json_object_get(service, "protocol"), "service",
					service_endpoint(service, name));
		// What the rows of services have, under names that no server has.
		json_object_set(row, "vip", json_object_get(service, "vip"));
		json_object_set(row, "vip_port", json_object_get(service, "port"));
		json_object_update(row, server);
		json_object_set(row, "address_vni", json_object_get(server, "vni"));
		if (json_object_get(service, "vni"))
			json_object_set(row, "vni", json_object_get(service, "vni"));
		json_array_append_new(rows, row);
	}
}

static enum exit_code server_list(struct client *client, const struct arguments *arguments)
{
	char path[PLACE_TEXT] = "/v1/services", target[PLACE_TEXT + 16];
	enum exit_code code = EXIT_OK;
	json_t *answer, *rows, *service;
	size_t i;

	if (arguments->positional_count == 1)
		return usage_error(arguments->command, "PROTOCOL needs VIP:PORT after it");
	if (arguments->positional_count)
		code = place_service(arguments, 0, path);
	if (code != EXIT_OK)
		return code;
	char *query = arguments_query(arguments);
	snprintf(target, sizeof(target), "%s%s", path, query);
	free(query);
	code = client_get(client, target, &answer);
	if (code != EXIT_OK)
		return code;
	rows = json_array();
	if (arguments->positional_count)
		server_rows_append(rows, answer);
	else
		json_array_foreach (answer_array(answer, "services"), i, service)
			server_rows_append(rows, service);
	if (arguments->json)
		json_print(rows);
	else
		table_print(rows, server_columns);
	json_decref(rows);
	json_decref(answer);
	return EXIT_OK;
}

static enum exit_code server_place(const struct arguments *arguments, char path[static PLACE_TEXT])
{
	enum exit_code code = place_service(arguments, 0, path);

	return code == EXIT_OK ? place_server(arguments, 2, path) : code;
}

static enum exit_code server_add(struct client *client, const struct arguments *arguments)
{
	char path[PLACE_TEXT];
	enum exit_code code = server_place(arguments, path);

	return code == EXIT_OK ? place_add(client, arguments, path, arguments_body(arguments))
			       : code;
}

static enum exit_code server_set(struct client *client, const struct arguments *arguments)
{
	char path[PLACE_TEXT];
	enum exit_code code = server_place(arguments, path);

	return code == EXIT_OK ? place_set(client, arguments, path) : code;
}

static enum exit_code server_delete(struct client *client, const struct arguments *arguments)
{
	char path[PLACE_TEXT];
	enum exit_code code = server_place(arguments, path);

	return code == EXIT_OK ? place_delete(client, path) : code;
}

/* Draining */

enum { POLL_MICROSECONDS = 200000, POLLS_PER_LINE = 5 };

static const struct option drain_options[] = {
	{"deadline", 'd', OPTION_NUMBER, "SECONDS", "deadline",
	 "end the sessions that are left after so long, as removed_servers of the service says, or "
	 "with a reset",
	 NULL},
	{"wait", 'w', OPTION_FLAG, NULL, NULL,
	 "show how many sessions are left until none is, or the deadline has passed", NULL},
	{0},
};

static void drain_print(const json_t *drain, bool json)
{
	const json_t *remaining = json_object_get(drain, "drain_remaining");
	const char *state = json_string_value(json_object_get(drain, "drain"));

	if (json) {
		json_dumpf(drain, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		printf("%s: %lld sessions left", state ? state : "-",
		       (long long)json_integer_value(json_object_get(drain, "sessions")));
		if (remaining)
			printf(", %.0f s until the deadline", json_number_value(remaining));
		putchar('\n');
	}
	fflush(stdout);
}

/* A line each second; 0 when no session is left. */
static enum exit_code drain_wait(struct client *client, const char *path, bool json)
{
	for (unsigned int polls = 0;; polls++) {
		json_t *drain;
		enum exit_code code = client_get(client, path, &drain);
		const char *state;
		bool over;

		if (code != EXIT_OK)
			return code;
		state = json_string_value(json_object_get(drain, "drain"));
		over = !state || strcmp(state, "draining");
		if (over || polls % POLLS_PER_LINE == 0)
			drain_print(drain, json);
		if (over && state && !strcmp(state, "none"))
			fputs("weirctl: somebody has ended the drain\n", stderr);
		code = over && state && !strcmp(state, "drained") ? EXIT_OK : EXIT_REFUSED;
		json_decref(drain);
		if (over)
			return code;
		usleep(POLL_MICROSECONDS);
	}
}

static enum exit_code server_drain(struct client *client, const struct arguments *arguments)
{
	char path[PLACE_TEXT];
	enum exit_code code = server_place(arguments, path);
	json_t *answer, *body;

	if (code != EXIT_OK)
		return code;
	strcat(path, "/drain");
	body = arguments_body(arguments);
	if (!body)
		return EXIT_USAGE;
	code = client_request(client, "POST", path, body, &answer);
	json_decref(body);
	if (code != EXIT_OK)
		return code;
	if (arguments_option(arguments, "wait"))
		code = drain_wait(client, path, arguments->json);
	else
		drain_print(answer, arguments->json);
	json_decref(answer);
	return code;
}

static enum exit_code server_undrain(struct client *client, const struct arguments *arguments)
{
	char path[PLACE_TEXT];
	enum exit_code code = server_place(arguments, path);

	return code == EXIT_OK ? place_delete(client, strcat(path, "/drain")) : code;
}

const struct command server_commands[] = {
	{"server", "list", "[PROTOCOL] [VIP:PORT]", list_options,
	 "the real servers of all services, or of one, with their counters", server_list},
	{"server", "add", "PROTOCOL VIP:PORT SERVER:PORT", server_options, "add a real server",
	 server_add},
	{"server", "set", "PROTOCOL VIP:PORT SERVER:PORT", server_options,
	 "change a real server; no session is touched", server_set},
	{"server", "delete", "PROTOCOL VIP:PORT SERVER:PORT", NULL,
	 "remove a real server; its sessions go on until they end, unless removed_servers of the "
	 "service says otherwise",
	 server_delete},
	{"server", "drain", "PROTOCOL VIP:PORT SERVER:PORT", drain_options,
	 "give a real server no new sessions, also of persistent clients; its weight stays",
	 server_drain},
	{"server", "undrain", "PROTOCOL VIP:PORT SERVER:PORT", NULL,
	 "let a real server that was drained have new sessions again", server_undrain},
	{0},
};

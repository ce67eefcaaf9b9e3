/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "place.h"
#include "table.h"

/* Access lists of the node and what all of them have counted, and named sets. */

static const struct column hit_columns[] = {
	{"SERVICE", "service", false, 0},
	{"LIST", "list", false, 0},
	{"ENTRY", "entry", false, 0},
	{"HITS", "hits", true, 0},
	{0},
};

static const struct column set_columns[] = {
	{"NAME", "name", false, 0},
	{"TYPE", "type", false, 0},
	{"FAMILY", "family", false, 0},
	{"RANGE", "range", false, 0},
	{"ENTRIES", "count", true, 0},
	{"MAXELEM", "maxelem", true, 0},
	{"REFERENCES", "references", true, 0},
	{"BYTES", "bytes", true, 0},
	{"ORIGIN", "origin", false, 0},
	{0},
};

static const struct column entry_columns[] = {
	{"ENTRY", "entry", false, 0},
	{"NOMATCH", "nomatch", false, 0},
	{"COMMENT", "comment", false, 0},
	{"ORIGIN", "origin", false, 0},
	{0},
};

/* The counters of one service, or of the node, as rows. */
static void rows_add(json_t *rows, const char *service, const json_t *hits)
{
	static const char *const lists[] = {"deny", "allow"};
	json_t *entry;
	size_t i;

	for (unsigned int k = 0; k < 2; k++)
		json_array_foreach (json_object_get(hits, lists[k]), i, entry)
			json_array_append_new(
				rows, json_pack("{s:s, s:s, s:O, s:O}", "service", service, "list",
						lists[k], "entry", json_object_get(entry, "entry"),
						"hits", json_object_get(entry, "hits")));
	if (json_array_size(json_object_get(hits, "allow")) > 0)
		json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:O}", "service", service,
						      "list", "allow", "entry", "(on none)", "hits",
						      json_object_get(hits, "not_allowed")));
}

static enum exit_code acl_list(struct client *client, const struct arguments *arguments)
{
	json_t *answer, *rows, *service;
	enum exit_code code = client_get(client, "/v1/acl", &answer);
	size_t i;

	if (code != EXIT_OK)
		return code;
	rows = json_array();
	rows_add(rows, "(node)", json_object_get(answer, "hits"));
	json_array_foreach (json_object_get(answer, "services"), i, service)
		rows_add(rows, json_string_value(json_object_get(service, "service")),
			 json_object_get(service, "hits"));
	if (arguments->json)
		json_print(answer);
	else
		table_print(rows, hit_columns);
	json_decref(rows);
	json_decref(answer);
	return EXIT_OK;
}

static const struct option acl_options[] = {
	{"deny", 0, OPTION_WORDS, "LIST", "deny",
	 "who may begin nothing: 10.0.0.0/8,ipset:bad; none for nobody", NULL},
	{"allow", 0, OPTION_WORDS, "LIST", "allow", "the only ones who may; none for everybody",
	 NULL},
	{"denied-sessions", 0, OPTION_TEXT, "WHAT", "denied_sessions",
	 "what becomes of sessions that changed lists would not let in", "end keep"},
	{0},
};

static enum exit_code acl_set(struct client *client, const struct arguments *arguments)
{
	json_t *body = arguments_body(arguments);
	enum exit_code code;

	if (!body)
		return EXIT_USAGE;
	code = client_request(client, "PATCH", "/v1/acl", body, NULL);
	json_decref(body);
	return code;
}

const struct command acl_commands[] = {
	{"acl", "list", "", NULL, "how often each access list has decided", acl_list},
	{"acl", "set", "", acl_options, "change the lists of the node", acl_set},
	{0},
};

/* Sets */

static enum exit_code set_list(struct client *client, const struct arguments *arguments)
{
	json_t *answer, *rows;
	enum exit_code code = client_get(client, "/v1/sets", &answer);

	if (code != EXIT_OK)
		return code;
	rows = answer_array(answer, "sets");
	if (arguments->json)
		json_print(rows);
	else
		table_print(rows, set_columns);
	json_decref(answer);
	return EXIT_OK;
}

static enum exit_code set_path(const struct arguments *arguments, const char *below,
			       char path[static 128])
{
	const char *name = arguments->positional[0];

	if (strlen(name) > 32 || strpbrk(name, "/?#% ,\""))
		return usage_error(arguments->command, "\"%s\" is no name of a set", name);
	snprintf(path, 128, "/v1/sets/%s%s", name, below);
	return EXIT_OK;
}

static enum exit_code set_show(struct client *client, const struct arguments *arguments)
{
	char path[128];
	json_t *answer = NULL;
	enum exit_code code = set_path(arguments, "", path);

	if (code == EXIT_OK)
		code = client_get(client, path, &answer);
	if (code != EXIT_OK)
		return code;
	if (arguments->json)
		json_print(answer);
	else
		table_print(json_object_get(answer, "entries"), entry_columns);
	json_decref(answer);
	return EXIT_OK;
}

static enum exit_code set_delete(struct client *client, const struct arguments *arguments)
{
	char path[128];
	enum exit_code code = set_path(arguments, "", path);

	return code == EXIT_OK ? place_delete(client, path) : code;
}

static const struct option create_options[] = {
	{"family", 0, OPTION_TEXT, "FAMILY", "family", "of its addresses", "inet inet6"},
	{"range", 0, OPTION_TEXT, "RANGE", "range", "of a bitmap", NULL},
	{"maxelem", 0, OPTION_NUMBER, "NUMBER", "maxelem", "the most entries (65535)", NULL},
	{"comment", 0, OPTION_FLAG, NULL, "comment", "entries may have comments", NULL},
	{0},
};

static enum exit_code set_create(struct client *client, const struct arguments *arguments)
{
	char path[128];
	enum exit_code code = set_path(arguments, "", path);
	json_t *body = code == EXIT_OK ? arguments_body(arguments) : NULL;

	if (!body)
		return EXIT_USAGE;
	json_object_set_new(body, "type", json_string(arguments->positional[1]));
	code = client_create(client, path, body);
	json_decref(body);
	return code;
}

static enum exit_code entry_change(struct client *client, const struct arguments *arguments,
				   const char *below)
{
	char path[128];
	enum exit_code code = set_path(arguments, below, path);
	json_t *body;

	if (code != EXIT_OK)
		return code;
	body = json_pack("{s:[s]}", "entries", arguments->positional[1]);
	code = client_request(client, "POST", path, body, NULL);
	json_decref(body);
	return code;
}

static enum exit_code set_add(struct client *client, const struct arguments *arguments)
{
	return entry_change(client, arguments, "/entries");
}

static enum exit_code set_remove(struct client *client, const struct arguments *arguments)
{
	return entry_change(client, arguments, "/delete");
}

static enum exit_code set_flush(struct client *client, const struct arguments *arguments)
{
	char path[128];
	enum exit_code code = set_path(arguments, "/flush", path);

	return code == EXIT_OK ? client_request(client, "POST", path, NULL, NULL) : code;
}

const struct command set_commands[] = {
	{"set", "list", "", NULL, "the named sets", set_list},
	{"set", "show", "NAME", NULL, "the entries of a set", set_show},
	{"set", "create", "NAME TYPE", create_options, "make a set, of a type such as hash:net",
	 set_create},
	{"set", "delete", "NAME", NULL, "remove a set that nothing refers to", set_delete},
	{"set", "add", "NAME ENTRY", NULL, "put an entry into a set: 10.0.0.0/8, 10.0.0.1,tcp:80",
	 set_add},
	{"set", "remove", "NAME ENTRY", NULL, "take an entry out of a set", set_remove},
	{"set", "flush", "NAME", NULL, "take all entries out of a set", set_flush},
	{0},
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses, routes and neighbours in Linux, settings of ports, and the busiest flows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "client.h"
#include "command.h"
#include "place.h"
#include "table.h"

/* "10.0.0.1/24" as "10.0.0.1/24" of a path; without a length the host's; "default". */
static enum exit_code prefix_text(const struct arguments *arguments, unsigned int at,
				  char text[static PREFIX_TEXT])
{
	const char *word = arguments->positional[at];
	struct prefix prefix;

	if (!strcmp(word, "default")) {
		const char *via = arguments_option(arguments, "via");

		strcpy(text, via && strchr(via, ':') ? "::/0" : "0.0.0.0/0");
		return EXIT_OK;
	}
	if (prefix_parse(word, &prefix) < 0)
		return usage_error(arguments->command, "\"%s\" is no address or prefix", word);
	prefix_format(&prefix, text);
	return EXIT_OK;
}

static enum exit_code put(struct client *client, const struct arguments *arguments,
			  const char *path)
{
	json_t *body = arguments_body(arguments), *answer = NULL;
	enum exit_code code;

	if (!body)
		return EXIT_USAGE;
	code = client_request(client, "PUT", path, body, &answer);
	if (code == EXIT_OK && json_object_get(answer, "note"))
		fprintf(stderr, "weirctl: note: %s\n",
			json_string_value(json_object_get(answer, "note")));
	json_decref(answer);
	json_decref(body);
	return code;
}

/* Addresses */

static const struct option address_options[] = {
	{"broadcast", 0, OPTION_TEXT, "ADDRESS", "broadcast", "its broadcast address", NULL},
	{"scope", 0, OPTION_TEXT, "SCOPE", "scope", "host, link, global or a number",
	 "host link global"},
	{"valid", 0, OPTION_NUMBER, "SECONDS", "valid_lifetime", "how long it is there", NULL},
	{"preferred", 0, OPTION_NUMBER, "SECONDS", "preferred_lifetime",
	 "how long Linux uses it for new connections", NULL},
	{0},
};

static enum exit_code address_add(struct client *client, const struct arguments *arguments)
{
	char prefix[PREFIX_TEXT], path[PLACE_TEXT];
	enum exit_code code = prefix_text(arguments, 1, prefix);

	snprintf(path, sizeof(path), "/v1/addresses/%.32s/%s?new=1", arguments->positional[0],
		 prefix);
	return code == EXIT_OK ? put(client, arguments, path) : code;
}

static enum exit_code address_delete(struct client *client, const struct arguments *arguments)
{
	char prefix[PREFIX_TEXT], path[PLACE_TEXT];
	enum exit_code code = prefix_text(arguments, 1, prefix);

	snprintf(path, sizeof(path), "/v1/addresses/%.32s/%s", arguments->positional[0], prefix);
	return code == EXIT_OK ? place_delete(client, path) : code;
}

/* Routes */

#define ROUTE_COMMON                                                                           \
	{"interface", 'i', OPTION_TEXT, "NAME", "interface", "the interface it leads through", \
	 NULL},                                                                                \
		{"via", 0, OPTION_TEXT, "ADDRESS", "via", "its gateway", NULL},                \
		{"metric", 0,	     OPTION_NUMBER,                                            \
		 "NUMBER", "metric", "the lower, the more it is preferred",                    \
		 NULL},                                                                        \
	{                                                                                      \
		"scope", 0, OPTION_TEXT, "SCOPE", "scope", "host, kni_host, link or global",   \
			"host kni_host link global"                                            \
	}

static const struct option route_add_options[] = {
	ROUTE_COMMON,
	{"source", 0, OPTION_TEXT, "ADDRESS", "source", "the address that Linux sends from", NULL},
	{"mtu", 0, OPTION_NUMBER, "BYTES", "mtu", "the largest packet", NULL},
	{"onlink", 0, OPTION_FLAG, NULL, "onlink",
	 "the gateway is on the link, whatever routes say", NULL},
	{0},
};

static const struct option route_delete_options[] = {ROUTE_COMMON, {0}};

static enum exit_code route_add(struct client *client, const struct arguments *arguments)
{
	char prefix[PREFIX_TEXT], path[PLACE_TEXT];
	enum exit_code code = prefix_text(arguments, 0, prefix);

	snprintf(path, sizeof(path), "/v1/routes/%s?new=1", prefix);
	return code == EXIT_OK ? put(client, arguments, path) : code;
}

static enum exit_code route_delete(struct client *client, const struct arguments *arguments)
{
	char prefix[PREFIX_TEXT], path[2 * PLACE_TEXT];
	enum exit_code code = prefix_text(arguments, 0, prefix);
	char *query = arguments_query(arguments);

	snprintf(path, sizeof(path), "/v1/routes/%s%.256s", prefix, query);
	free(query);
	return code == EXIT_OK ? place_delete(client, path) : code;
}

/* Neighbours */

static enum exit_code neighbour_add(struct client *client, const struct arguments *arguments)
{
	json_t *body = json_pack("{s:s}", "mac", arguments->positional[2]);
	char path[PLACE_TEXT];
	enum exit_code code;

	snprintf(path, sizeof(path), "/v1/neighbours/%.32s/%.64s?new=1", arguments->positional[0],
		 arguments->positional[1]);
	code = client_request(client, "PUT", path, body, NULL);
	json_decref(body);
	return code;
}

static enum exit_code neighbour_delete(struct client *client, const struct arguments *arguments)
{
	char path[PLACE_TEXT];

	snprintf(path, sizeof(path), "/v1/neighbours/%.32s/%.64s", arguments->positional[0],
		 arguments->positional[1]);
	return place_delete(client, path);
}

/* Ports */

static const struct option port_options[] = {
	{"up", 0, OPTION_TEXT, "on|off", NULL, "its interface in Linux", "on off"},
	{"promiscuous", 0, OPTION_TEXT, "on|off", NULL, "receive what is for other stations",
	 "on off"},
	{"all-multicast", 0, OPTION_TEXT, "on|off", NULL, "receive all multicast", "on off"},
	{"mac", 0, OPTION_TEXT, "MAC", NULL, "its MAC address", NULL},
	{0},
};

static enum exit_code port_set(struct client *client, const struct arguments *arguments)
{
	static const struct {
		const char *option, *field;
	} switches[] = {
		{"up", "up"}, {"promiscuous", "promiscuous"}, {"all-multicast", "all_multicast"}};
	const char *mac = arguments_option(arguments, "mac");
	json_t *body = json_object();
	char path[PLACE_TEXT];
	enum exit_code code = EXIT_OK;

	for (unsigned int i = 0; i < sizeof(switches) / sizeof(*switches); i++) {
		const char *text = arguments_option(arguments, switches[i].option);

		if (text && strcmp(text, "on") && strcmp(text, "off"))
			code = usage_error(arguments->command, "--%s takes on or off",
					   switches[i].option);
		if (text)
			json_object_set_new(body, switches[i].field,
					    json_boolean(!strcmp(text, "on")));
	}
	if (mac)
		json_object_set_new(body, "mac", json_string(mac));
	if (code == EXIT_OK && !json_object_size(body))
		code = usage_error(arguments->command, "nothing to set");
	snprintf(path, sizeof(path), "/v1/ports/%.32s", arguments->positional[0]);
	if (code == EXIT_OK)
		code = client_request(client, "PATCH", path, body, NULL);
	json_decref(body);
	return code;
}

/* Memory */

static enum exit_code memory_show(struct client *client, const struct arguments *arguments)
{
	static const char *const names[] = {[0] = "segments", "zones", "pools", "rings"};
	const char *only = arguments->positional[0];
	json_t *answer;
	bool found = false;
	enum exit_code code = client_get(client, "/v1/memory", &answer);

	if (code != EXIT_OK)
		return code;
	if (arguments->json && !only) {
		json_print(answer);
		json_decref(answer);
		return EXIT_OK;
	}
	for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (only && strcmp(only, names[i]))
			continue;
		found = true;
		if (arguments->json)
			json_print(json_object_get(answer, names[i]));
		else
			table_print_all(json_object_get(answer, names[i]));
		if (!only && i + 1 < sizeof(names) / sizeof(*names))
			putchar('\n');
	}
	json_decref(answer);
	return found ? EXIT_OK
		     : usage_error(arguments->command,
				   "\"%s\" is none of: segments, zones, pools, rings", only);
}

/* The busiest flows */

static enum exit_code top_list(struct client *client, const struct arguments *arguments)
{
	json_t *answer;
	enum exit_code code = client_get(client, "/v1/top", &answer);

	if (code != EXIT_OK)
		return code;
	if (!json_is_true(json_object_get(answer, "enabled")))
		fputs("weirctl: it is off: `weirctl top enable`\n", stderr);
	if (arguments->json)
		json_print(answer);
	else
		table_print_all(answer_array(answer, "top"));
	json_decref(answer);
	return EXIT_OK;
}

static enum exit_code top_put(struct client *client, bool on)
{
	json_t *body = json_pack("{s:b}", "enabled", on);
	enum exit_code code = client_request(client, "PUT", "/v1/top", body, NULL);

	json_decref(body);
	return code;
}

static enum exit_code top_enable(struct client *client, const struct arguments *arguments)
{
	return top_put(client, true);
}

static enum exit_code top_disable(struct client *client, const struct arguments *arguments)
{
	return top_put(client, false);
}

const struct command network_commands[] = {
	{"address", "add", "INTERFACE ADDRESS/LENGTH", address_options,
	 "put an address on an interface in Linux; kept over restarts", address_add},
	{"address", "delete", "INTERFACE ADDRESS/LENGTH", NULL, "take it away", address_delete},
	{"route", "add", "DESTINATION/LENGTH", route_add_options,
	 "put a route into Linux; kept over restarts", route_add},
	{"route", "delete", "DESTINATION/LENGTH", route_delete_options, "take it away",
	 route_delete},
	{"neighbour", "add", "INTERFACE ADDRESS MAC", NULL,
	 "put a permanent neighbour into Linux; kept over restarts", neighbour_add},
	{"neighbour", "delete", "INTERFACE ADDRESS", NULL, "take it away", neighbour_delete},
	{"port", "set", "NAME", port_options, "change settings of a port", port_set},
	{"memory", NULL, "[WHAT]", NULL, "DPDK's memory: segments, zones, pools and rings",
	 memory_show},
	{"top", "list", "", NULL, "the ten busiest flows of each interface", top_list},
	{"top", "enable", "", NULL, "let them be found when somebody asks", top_enable},
	{"top", "disable", "", NULL, "and no longer", top_disable},
	{0},
};

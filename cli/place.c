/* SPDX-License-Identifier: BSD-3-Clause */
#include "place.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "base/protocol.h"
#include "client.h"
#include "table.h"

/* Take "@VNI" out of "ADDRESS@VNI:PORT": `plain` is without, and `vni` is "@VNI" or "". */
static void vni_split(const char *word, char plain[static 80], char vni[static 16])
{
	const char *at = strchr(word, '@'), *colon = at ? strchr(at, ':') : NULL;

	vni[0] = '\0';
	snprintf(plain, 80, "%s", word);
	if (!colon || colon - at >= 16 || at - word >= 64)
		return;
	snprintf(vni, 16, "%.*s", (int)(colon - at), at);
	snprintf(plain, 80, "%.*s%.8s", (int)(at - word), word, colon);
}

/* Append "/ADDRESS/PORT" to the path. */
static enum exit_code endpoint_append(const struct arguments *arguments, unsigned int position,
				      char path[static PLACE_TEXT])
{
	const char *word = arguments->positional[position];
	size_t length = strlen(path);
	struct addr addr;
	uint16_t port;
	char text[ADDR_TEXT];

	if (endpoint_parse(word, &addr, &port) < 0)
		return usage_error(arguments->command,
				   "\"%s\" is not ADDRESS:PORT (IPv6: [ADDRESS]:PORT)", word);
	snprintf(path + length, PLACE_TEXT - length, "/%s/%u", addr_format(&addr, text), port);
	return EXIT_OK;
}

/* The same of a service, which may be on a range of ports and in a VNI: "10.0.0.1@96:8000-8010". */
static enum exit_code ports_append(const struct arguments *arguments, unsigned int position,
				   char path[static PLACE_TEXT])
{
	const char *word = arguments->positional[position], *dash = strrchr(word, '-');
	char first[ENDPOINT_TEXT + 16], plain[80], vni[16], text[ADDR_TEXT];
	size_t length = strlen(path);
	struct addr addr;
	uint16_t port;
	bool good;

	snprintf(first, sizeof(first), "%.*s", dash ? (int)(dash - word) : (int)strlen(word), word);
	vni_split(first, plain, vni);
	good = endpoint_parse(plain, &addr, &port) == 0;
	if (dash)
		good = good && dash[1] && dash[1 + strspn(dash + 1, "0123456789")] == '\0';
	if (!good)
		return usage_error(arguments->command,
				   "\"%s\" is not ADDRESS:PORT (IPv6: [ADDRESS]:PORT; in a VNI: "
				   "ADDRESS@VNI:PORT)",
				   word);
	snprintf(path + length, PLACE_TEXT - length, "/%s%s/%u%.8s", addr_format(&addr, text), vni,
		 port, dash ? dash : "");
	return EXIT_OK;
}

static enum exit_code mark_append(const struct arguments *arguments, unsigned int position,
				  bool ipv6, char path[static PLACE_TEXT])
{
	const char *word = arguments->positional[position];

	if (!*word || word[strspn(word, "0123456789")] || strlen(word) > 10)
		return usage_error(arguments->command, "\"%s\" is not a firewall mark, a number",
				   word);
	snprintf(path, PLACE_TEXT, "/v1/services/fwmark/%s/%s", ipv6 ? "ipv6" : "ipv4", word);
	return EXIT_OK;
}

static enum exit_code place_match(const struct arguments *arguments, const char *word,
				  char path[static PLACE_TEXT])
{
	char text[MATCH_TEXT], piece[MATCH_PATH];
	struct match match;
	struct error error = {0};

	if (match_parse(word, &match, &error) < 0)
		return usage_error(arguments->command, "%s%s%s", error.field,
				   *error.field ? ": " : "", error.text);
	snprintf(path, PLACE_TEXT, "/v1/services/match/%s/0",
		 match_escape(match_format(&match, text), piece));
	return EXIT_OK;
}

bool place_is_match(const struct arguments *arguments, unsigned int first)
{
	return !strcasecmp(arguments->positional[first], "match");
}

enum exit_code place_service(const struct arguments *arguments, unsigned int first,
			     char path[static PLACE_TEXT])
{
	const char *protocol = arguments->positional[first];
	bool mark6 = !strcmp(protocol, "fwmark6");

	if (place_is_match(arguments, first))
		return place_match(arguments, arguments->positional[first + 1], path);
	if (mark6 || !strcmp(protocol, "fwmark"))
		return mark_append(arguments, first + 1, mark6, path);
	if (protocol_parse(protocol) < 0)
		return usage_error(arguments->command,
				   "\"%s\" is not a protocol: " PROTOCOL_WORDS
				   ", nor fwmark, fwmark6 or match",
				   protocol);
	snprintf(path, PLACE_TEXT, "/v1/services/%s", protocol);
	return ports_append(arguments, first + 1, path);
}

enum exit_code place_server(const struct arguments *arguments, unsigned int position,
			    char path[static PLACE_TEXT])
{
	const char *word = arguments->positional[position];
	char text[ADDR_TEXT];
	struct addr addr;

	strcat(path, "/servers");
	if (place_is_match(arguments, 0) && addr_parse(word, &addr) == 0) {
		size_t length = strlen(path);

		snprintf(path + length, PLACE_TEXT - length, "/%s/0", addr_format(&addr, text));
		return EXIT_OK;
	}
	return endpoint_append(arguments, position, path);
}

enum exit_code place_local_address(const struct arguments *arguments, unsigned int position,
				   char path[static PLACE_TEXT])
{
	const char *word = arguments->positional[position];
	size_t length = strlen(path);
	struct addr addr;
	char text[ADDR_TEXT];

	if (addr_parse(word, &addr) < 0)
		return usage_error(arguments->command, "\"%s\" is not an address", word);
	snprintf(path + length, PLACE_TEXT - length, "/local_addresses/%s",
		 addr_format(&addr, text));
	return EXIT_OK;
}

enum exit_code place_add(struct client *client, const struct arguments *arguments, const char *path,
			 json_t *body)
{
	enum exit_code code = body ? client_exists(client, path) : EXIT_USAGE;

	if (code == EXIT_OK) {
		fprintf(stderr, "weirctl: it exists already; change it with `weirctl %s set`\n",
			arguments->command->noun);
		code = EXIT_REFUSED;
	} else if (code == EXIT_REFUSED) {
		code = client_request(client, "PUT", path, body, NULL);
	}
	json_decref(body);
	return code;
}

enum exit_code place_set(struct client *client, const struct arguments *arguments, const char *path)
{
	json_t *body = arguments_body(arguments);
	enum exit_code code = EXIT_USAGE;

	if (!body)
		return EXIT_USAGE;
	if (!json_object_size(body))
		usage_error(arguments->command, "nothing to set: give at least one option");
	else
		code = client_request(client, "PATCH", path, body, NULL);
	json_decref(body);
	return code;
}

enum exit_code place_delete(struct client *client, const char *path)
{
	return client_request(client, "DELETE", path, NULL, NULL);
}

enum exit_code place_show(struct client *client, const struct arguments *arguments,
			  const char *path)
{
	json_t *answer;
	enum exit_code code = client_get(client, path, &answer);

	return code == EXIT_OK ? place_print(arguments, answer) : code;
}

enum exit_code place_print(const struct arguments *arguments, json_t *answer)
{
	if (arguments->json)
		json_print(answer);
	else
		object_print(answer, 0);
	json_decref(answer);
	return EXIT_OK;
}

enum exit_code place_list(struct client *client, const struct arguments *arguments,
			  const char *path, const char *name, const struct column *columns)
{
	json_t *answer;
	enum exit_code code = client_get(client, path, &answer);

	if (code != EXIT_OK)
		return code;
	if (arguments->json)
		json_print(answer);
	else
		table_print(answer_array(answer, name), columns);
	json_decref(answer);
	return EXIT_OK;
}

json_t *answer_array(json_t *answer, const char *name)
{
	json_t *inside = json_object_get(answer, name);

	return inside ? inside : answer;
}

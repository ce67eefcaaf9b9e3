/* SPDX-License-Identifier: BSD-3-Clause */
/* What all objects of dpip need: taking words apart, names of interfaces, rows of listings. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/addr.h"
#include "dpip.h"
#include "place.h"

enum exit_code dpip_words(const struct dpip *dpip, const struct dpip_word *table, const char **bare,
			  const char *bare_name)
{
	for (char **at = dpip->words; *at; at++) {
		const struct dpip_word *word = table;

		while (word->name && strcmp(word->name, *at))
			word++;
		if (!word->name) {
			if (!bare)
				return dpip_wrong("unknown word \"%s\"; see `dpip %s help`", *at,
						  dpip->object);
			if (*bare)
				return dpip_wrong("unknown word \"%s\": %s is \"%s\" already; see "
						  "`dpip %s help`",
						  *at, bare_name, *bare, dpip->object);
			*bare = *at;
			continue;
		}
		if (*word->value)
			return dpip_wrong("\"%s\" is given twice", *at);
		if (!word->flag && !at[1])
			return dpip_wrong("\"%s\" needs a value", *at);
		*word->value = word->flag ? "1" : *++at;
	}
	return EXIT_OK;
}

enum exit_code dpip_number(const char *name, const char *text, long long minimum, long long maximum,
			   long long *number)
{
	char *end;

	errno = 0;
	*number = strtoll(text, &end, 0);
	if (errno || end == text || *end)
		return dpip_wrong("%s: \"%s\" is no number", name, text);
	if (*number < minimum || *number > maximum)
		return dpip_wrong("%s: %s is out of range, %lld to %lld", name, text, minimum,
				  maximum);
	return EXIT_OK;
}

enum exit_code dpip_prefix(const struct dpip *dpip, const char *what, const char *text,
			   struct dpip_prefix *out)
{
	struct prefix prefix;

	if (prefix_parse(text, &prefix) < 0)
		return dpip_wrong("%s: \"%s\" is no address or prefix", what, text);
	if (dpip->family && dpip->family != prefix.addr.family)
		return dpip_wrong("%s: %s is not IPv%d", what, text,
				  dpip->family == AF_INET6 ? 6 : 4);
	out->family = prefix.addr.family;
	out->length = prefix.len;
	addr_format(&prefix.addr, out->address);
	return EXIT_OK;
}

enum exit_code dpip_destination(const struct dpip *dpip, const char *text,
				struct dpip_prefix *prefix)
{
	if (strcmp(text, "default"))
		return dpip_prefix(dpip, "destination", text, prefix);
	prefix->family = dpip->family == AF_INET6 ? AF_INET6 : AF_INET;
	prefix->length = 0;
	strcpy(prefix->address, dpip->family == AF_INET6 ? "::" : "0.0.0.0");
	return EXIT_OK;
}

enum exit_code dpip_device(const struct dpip *dpip, const char *device, char name[static 32])
{
	char path[PLACE_TEXT], *escaped = curl_easy_escape(NULL, device, 0);
	json_t *answer;
	enum exit_code code;

	snprintf(path, sizeof(path), "/v1/ports/%s", escaped ? escaped : "");
	curl_free(escaped);
	if (!*device || strchr(device, '/'))
		return dpip_wrong("\"%s\" is no name of an interface", device);
	code = client_get(dpip->client, path, &answer);
	if (code != EXIT_OK)
		return code;
	snprintf(name, 32, "%s", dpip_text(answer, "name"));
	json_decref(answer);
	return EXIT_OK;
}

bool dpip_row_on(const json_t *row, const char *device)
{
	const char *interface = dpip_text(row, "interface");

	return *interface && (!device || !strcmp(interface, device));
}

const char *dpip_text(const json_t *row, const char *field)
{
	const char *text = json_string_value(json_object_get(row, field));

	return text ? text : "";
}

long long dpip_integer(const json_t *row, const char *field)
{
	return json_integer_value(json_object_get(row, field));
}

enum exit_code dpip_patch(const struct dpip *dpip, const char *section, const char *name,
			  const char *field, json_t *value)
{
	char path[PLACE_TEXT];
	json_t *body = json_object();
	enum exit_code code;

	json_object_set_new(body, field, value);
	snprintf(path, sizeof(path), "/v1/%s/%s", section, name);
	code = client_request(dpip->client, "PATCH", path, body, NULL);
	json_decref(body);
	return code;
}

enum exit_code dpip_list(const struct dpip *dpip, const char *path, const char *name,
			 json_t **answer, json_t **rows)
{
	enum exit_code code = client_get(dpip->client, path, answer);

	*rows = code == EXIT_OK ? answer_array(*answer, name) : NULL;
	return code;
}

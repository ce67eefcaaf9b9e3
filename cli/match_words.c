/* SPDX-License-Identifier: BSD-3-Clause */
#include "match_words.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

const json_t *match_of_service(const json_t *service)
{
	return json_object_get(service, "match");
}

/* The daemon's parts are canonical already: they only have to be strung together. */
static char *parts_text(const json_t *match, const char *const names[6],
			char text[static MATCH_TEXT])
{
	static const char *const fields[] = {"protocol", "source", "destination",
					     "family",	 "in",	   "out"};
	int length = 0;

	*text = '\0';
	for (unsigned int i = 0; i < 6; i++) {
		const char *part = json_string_value(json_object_get(match, fields[i]));

		if (part && length < MATCH_TEXT)
			length += snprintf(text + length, (size_t)(MATCH_TEXT - length), "%s%s%s",
					   length ? "," : "", names[i], part);
	}
	if (json_object_get(match, "vni") && length < MATCH_TEXT)
		snprintf(text + length, (size_t)(MATCH_TEXT - length), "%svni=%lld",
			 length ? "," : "",
			 (long long)json_integer_value(json_object_get(match, "vni")));
	return text;
}

char *match_text(const json_t *match, char text[static MATCH_TEXT])
{
	static const char *const names[] = {"", "from=", "to=", "af=", "iif=", "oif="};

	return parts_text(match, names, text);
}

char *match_option_text(const json_t *match, char text[static MATCH_TEXT])
{
	static const char *const names[] = {
		"proto=", "src-range=", "dst-range=", "af=", "iif=", "oif="};

	return parts_text(match, names, text);
}

char *match_escape(const char *text, char piece[static MATCH_PATH])
{
	char *to = piece;

	for (unsigned int i = 0; text[i] && i < MATCH_TEXT - 1; i++) {
		unsigned char c = (unsigned char)text[i];

		if (isalnum(c) || strchr(",=:-._[]", c))
			*to++ = text[i];
		else
			to += sprintf(to, "%%%02X", c);
	}
	*to = '\0';
	return piece;
}

void match_name_service(json_t *service)
{
	const json_t *match = match_of_service(service);
	char text[MATCH_TEXT];

	if (!match)
		return;
	json_object_set_new(service, "protocol", json_string("match"));
	json_object_set_new(service, "vip", json_string(match_text(match, text)));
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

enum exit_code usage_error(const struct command *command, const char *format, ...)
{
	va_list list;

	fputs("weirctl: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	if (command)
		fprintf(stderr, "; see `weirctl help %s%s%s`\n", command->noun,
			command->verb ? " " : "", command->verb ? command->verb : "");
	else
		fputs("; see `weirctl help`\n", stderr);
	return EXIT_USAGE;
}

/* How many words the positionals description has, and how many of them must be given. */
static void positionals_count(const char *description, unsigned int *needed, unsigned int *allowed)
{
	*needed = *allowed = 0;
	for (const char *at = description; at && *at;) {
		at += strspn(at, " ");
		if (!*at)
			break;
		(*allowed)++;
		if (*at != '[')
			(*needed)++;
		size_t length = strcspn(at, " ");
		if (length > 4 && !memcmp(at + length - 4, "...]", 4))
			*allowed = ARGUMENTS_POSITIONAL_MAX;
		at += length;
	}
}

static const struct option *option_find(const struct command *command, const char *text,
					size_t length)
{
	for (const struct option *o = command->options; o && o->name; o++) {
		if (text[0] == '-' && strlen(o->name) == length - 1 &&
		    !memcmp(o->name, text + 1, length - 1))
			return o;
		if (text[0] != '-' && length == 1 && o->letter == text[0])
			return o;
	}
	return NULL;
}

/* One option at argv[*at], with its value in the same word after "=" or in the next word. */
static enum exit_code option_take(struct arguments *out, int argc, char **argv, int *at)
{
	const char *word = argv[*at], *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	const struct option *option = option_find(out->command, word + 1, length - 1);
	const char *value = equals ? equals + 1 : NULL;

	if (!option)
		return usage_error(out->command, "unknown option %.*s", (int)length, word);
	if (out->given_count == ARGUMENTS_OPTION_MAX)
		return usage_error(out->command, "too many options");
	if (option->type == OPTION_FLAG && value)
		return usage_error(out->command, "--%s takes no value", option->name);
	if (option->type != OPTION_FLAG && !value) {
		if (*at + 1 >= argc)
			return usage_error(out->command, "--%s needs a value: %s", option->name,
					   option->value);
		value = argv[++*at];
	}
	out->given[out->given_count].option = option;
	out->given[out->given_count++].value = value;
	return EXIT_OK;
}

enum exit_code arguments_parse(struct arguments *out, const struct command *command, int argc,
			       char **argv)
{
	unsigned int needed, allowed;
	bool only_positionals = false;

	out->command = command;
	positionals_count(command->positionals, &needed, &allowed);
	for (int i = 0; i < argc; i++) {
		if (!only_positionals && !strcmp(argv[i], "--")) {
			only_positionals = true;
		} else if (!only_positionals && argv[i][0] == '-' && argv[i][1]) {
			enum exit_code code = option_take(out, argc, argv, &i);
			if (code != EXIT_OK)
				return code;
		} else if (out->positional_count == allowed) {
			return usage_error(command, "\"%s\" is too much", argv[i]);
		} else {
			out->positional[out->positional_count++] = argv[i];
		}
	}
	if (out->positional_count < needed)
		return usage_error(command, "missing argument: the command needs %s",
				   command->positionals);
	return EXIT_OK;
}

const char *arguments_option(const struct arguments *arguments, const char *name)
{
	for (unsigned int i = arguments->given_count; i-- > 0;)
		if (!strcmp(arguments->given[i].option->name, name))
			return arguments->given[i].value ? arguments->given[i].value : "";
	return NULL;
}

/* Whole numbers only; the daemon checks the range and names the field. */
static json_t *number_parse(const struct arguments *arguments, const struct option *option,
			    const char *text)
{
	char *end;

	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (errno || end == text || *end) {
		usage_error(arguments->command, "--%s: \"%s\" is not a whole number", option->name,
			    text);
		return NULL;
	}
	return json_integer(number);
}

static json_t *boolean_parse(const struct arguments *arguments, const struct option *option,
			     const char *text)
{
	if (!strcmp(text, "yes") || !strcmp(text, "true"))
		return json_true();
	if (!strcmp(text, "no") || !strcmp(text, "false"))
		return json_false();
	usage_error(arguments->command, "--%s takes yes or no, not \"%s\"", option->name, text);
	return NULL;
}

/* An object in the place of what is not there yet. */
static json_t *object_member(json_t *body, const char *name)
{
	json_t *object = json_object_get(body, name);

	if (!object) {
		object = json_object();
		json_object_set_new(body, name, object);
	}
	return object;
}

/*
 * "key=12" into the object that the option's field names; "inner.key=12" into an object in that. A
 * word is a value too where the option says VALUE.
 */
static int list_entry_put(const struct arguments *arguments, json_t *body,
			  const struct option *option, const char *text)
{
	const char *equals = strchr(text, '=');
	char key[64], *dot;

	if (!equals || equals == text || (size_t)(equals - text) >= sizeof(key)) {
		usage_error(arguments->command, "--%s: \"%s\" is not of the form %s", option->name,
			    text, option->value);
		return -EINVAL;
	}
	bool is_word = strstr(option->value, "VALUE") && equals[1] >= 'a' && equals[1] <= 'z';
	json_t *value = is_word ? json_string(equals + 1)
				: number_parse(arguments, option, equals + 1);
	if (!value)
		return -EINVAL;
	json_t *object = object_member(body, option->field);
	snprintf(key, sizeof(key), "%.*s", (int)(equals - text), text);
	dot = strchr(key, '.');
	if (dot) {
		*dot++ = '\0';
		object = object_member(object, key);
	}
	return json_object_set_new(object, dot ? dot : key, value);
}

static json_t *words_parse(const char *text)
{
	json_t *list = json_array();

	if (!strcmp(text, "none"))
		return list;
	for (;; text++) {
		size_t length = strcspn(text, ",");

		json_array_append_new(list, json_stringn(text, length));
		text += length;
		if (!*text)
			return list;
	}
}

json_t *arguments_body(const struct arguments *arguments)
{
	json_t *body = json_object();

	for (unsigned int i = 0; i < arguments->given_count; i++) {
		const struct option *option = arguments->given[i].option;
		const char *text = arguments->given[i].value;
		json_t *value = NULL;

		if (!option->field)
			continue;
		if (option->type == OPTION_LIST) {
			if (list_entry_put(arguments, body, option, text) < 0)
				goto wrong;
			continue;
		}
		if (option->type == OPTION_FLAG)
			value = json_true();
		else if (option->type == OPTION_NUMBER)
			value = number_parse(arguments, option, text);
		else if (option->type == OPTION_BOOLEAN)
			value = boolean_parse(arguments, option, text);
		else if (option->type == OPTION_SWITCH)
			value = strcmp(text, "auto") ? boolean_parse(arguments, option, text)
						     : json_string(text);
		else if (option->type == OPTION_WORDS)
			value = words_parse(text);
		else
			value = json_string(text);
		if (!value || json_object_set_new(body, option->field, value) < 0)
			goto wrong;
	}
	return body;

wrong:
	json_decref(body);
	return NULL;
}

char *arguments_query(const struct arguments *arguments)
{
	char *query = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&query, &size);
	char separator = '?';

	if (!out)
		abort();
	for (unsigned int i = 0; i < arguments->given_count; i++) {
		const char *field = arguments->given[i].option->field;
		const char *value = arguments->given[i].value;

		if (!field)
			continue;
		char *escaped = curl_easy_escape(NULL, value ? value : "1", 0);
		fprintf(out, "%c%s=%s", separator, field, escaped ? escaped : "");
		curl_free(escaped);
		separator = '&';
	}
	fclose(out);
	return query;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "place.h"
#include "table.h"

static const struct option apply_options[] = {
	{"file", 'f', OPTION_TEXT, "FILE", NULL, "the file, YAML or JSON; -: standard input", NULL},
	{"dry-run", 'n', OPTION_FLAG, NULL, "dry_run", "only show what would change", NULL},
	{0},
};

/* The whole file in memory, ended by a zero; NULL with errno set. */
static char *file_read(const char *name, size_t *size)
{
	FILE *in = strcmp(name, "-") ? fopen(name, "rb") : stdin;
	char *bytes = NULL, piece[65536];
	size_t got;

	if (!in)
		return NULL;
	FILE *out = open_memstream(&bytes, size);
	if (!out)
		abort();
	while ((got = fread(piece, 1, sizeof(piece), in)) > 0)
		fwrite(piece, 1, got, out);
	int error = ferror(in) ? errno : 0;
	fclose(out);
	if (in != stdin)
		fclose(in);
	if (error) {
		free(bytes);
		errno = error;
		return NULL;
	}
	return bytes;
}

static void difference_print(const json_t *difference)
{
	const char *text = json_string_value(difference);
	char *dumped = text ? NULL : json_dumps(difference, JSON_COMPACT | JSON_ENCODE_ANY);

	puts(text ? text : dumped);
	free(dumped);
}

static void differences_print(json_t *answer, bool dry_run)
{
	json_t *differences = answer_array(answer, "differences"), *difference;
	size_t i;

	if (!json_is_array(differences)) {
		object_print(answer, 0);
		return;
	}
	json_array_foreach (differences, i, difference)
		difference_print(difference);
	if (!i)
		puts("nothing differs");
	else
		printf("%zu %s%s\n", i, i == 1 ? "difference" : "differences",
		       dry_run ? ", nothing was changed" : ", applied");
}

static enum exit_code apply_run(struct client *client, const struct arguments *arguments)
{
	const char *name = arguments_option(arguments, "file");
	char *query, *bytes, path[PLACE_TEXT];
	json_t *answer;
	size_t size;

	if (!name)
		return usage_error(arguments->command, "--file is needed");
	bytes = file_read(name, &size);
	if (!bytes)
		return usage_error(arguments->command, "cannot read %s: %m", name);
	query = arguments_query(arguments);
	snprintf(path, sizeof(path), "/v1/config%s", query);
	free(query);
	size_t start = strspn(bytes, " \t\r\n");
	enum exit_code code = client_send(
		client, "PUT", path, bytes[start] == '{' ? "application/json" : "application/yaml",
		bytes, size, &answer);
	free(bytes);
	if (code != EXIT_OK)
		return code;
	if (arguments->json && answer)
		json_print(answer);
	else if (answer)
		differences_print(answer, arguments_option(arguments, "dry-run"));
	json_decref(answer);
	return EXIT_OK;
}

static enum exit_code config_show(struct client *client, const struct arguments *arguments)
{
	json_t *answer;
	enum exit_code code = client_get(client, "/v1/config", &answer);

	if (code != EXIT_OK)
		return code;
	json_print(answer);
	json_decref(answer);
	return EXIT_OK;
}

const struct command config_commands[] = {
	{"apply", NULL, "", apply_options,
	 "make the running state what a file says, changing only what differs", apply_run},
	{"config", NULL, "", NULL, "the running configuration as JSON, fit for apply", config_show},
	{0},
};

/* SPDX-License-Identifier: BSD-3-Clause */
#include "switch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

static const char interface_columns[] =
	"--columns=name,type,options,bfd,bfd_status,ofport,external_ids,error";
static const char bridge_columns[] = "--columns=name,external_ids,protocols";

/* What ovs-vsctl prints as JSON */

static json_t *value_plain(json_t *value)
{
	const char *kind = json_string_value(json_array_get(value, 0));
	json_t *rows = json_array_get(value, 1), *row, *map;
	size_t i;

	if (kind == NULL || strcmp(kind, "map") != 0)
		return kind != NULL && strcmp(kind, "set") == 0 ? json_incref(rows)
								: json_incref(value);
	map = json_object();
	json_array_foreach (rows, i, row) {
		const char *key = json_string_value(json_array_get(row, 0));

		if (key != NULL)
			json_object_set(map, key, json_array_get(row, 1));
	}
	return map;
}

/* Rows by name. */
static json_t *table_read(const char **text)
{
	json_error_t where;
	json_t *json = json_loads(*text, JSON_DISABLE_EOF_CHECK, &where), *row, *head, *rows;
	json_t *made = json_object();
	size_t i, k;

	if (json == NULL)
		return made;
	*text += where.position;
	rows = json_object_get(json, "data");
	json_array_foreach (rows, i, row) {
		json_t *object = json_object();
		const char *name;

		json_array_foreach (json_object_get(json, "headings"), k, head)
			json_object_set_new(object, json_string_value(head) ?: "",
					    value_plain(json_array_get(row, k)));
		name = json_string_value(json_object_get(object, "name"));
		if (name != NULL)
			json_object_set(made, name, object);
		json_decref(object);
	}
	json_decref(json);
	return made;
}

static void here_note(json_t *interfaces, char *names)
{
	char *name;

	while ((name = strsep(&names, "\n")) != NULL)
		if (*name != '\0')
			json_object_set_new(json_object_get(interfaces, name), "here", json_true());
}

static int database_read(const struct setup *setup, struct seen *seen, struct error *error)
{
	const char *bridge = setup->bridge;
	char *output = NULL;
	const char *rest;
	json_t *bridges;
	int status = command_run((char *const[]){"ovs-vsctl", "--timeout=5", "--format=json", "--",
						 (char *)interface_columns, "list", "Interface",
						 "--", (char *)bridge_columns, "list", "Bridge",
						 (char *)bridge, "--", "list-ifaces",
						 (char *)bridge, NULL},
				 NULL, &output, error);

	if (status < 0 && strstr(error->text, "no row") != NULL)
		return error_set(error, -ENOENT, "bridge", "Open vSwitch has no bridge \"%s\"",
				 bridge);
	if (status < 0)
		return status;
	rest = output;
	seen->interfaces = table_read(&rest);
	bridges = table_read(&rest);
	seen->bridge = json_incref(json_object_get(bridges, bridge));
	here_note(seen->interfaces, (char *)rest);
	json_decref(bridges);
	free(output);
	if (seen->bridge == NULL)
		return error_set(error, -EPROTO, "", "ovs-vsctl prints what cannot be read");
	return 0;
}

/* OpenFlow */

static int openflow(const struct setup *setup, const char *command, const char *word,
		    const char *input, char **output, struct error *error)
{
	// "mod-group" makes the group when there is none, and changes it in place otherwise, so that
	// flows that lead to it stay.
	int status = command_run((char *const[]){"ovs-ofctl", "-O", "OpenFlow15", "--timeout=5",
						 "--no-names", "--may-create", (char *)command,
						 (char *)setup->bridge,
						 (char *)(input ? "-" : word), NULL},
				 input, output, error);
	char said[sizeof(error->text)];

	if (status == 0 || (strstr(error->text, "failed to open socket") == NULL &&
			    strstr(error->text, "is not a bridge or a socket") == NULL))
		return status;
	memcpy(said, error->text, sizeof(said));
	return error_set(error, -EIO, "",
			 "Open vSwitch does not answer for %s: does ovs-vswitchd run? (%.128s)",
			 setup->bridge, said);
}

/* The line that begins with " group_id=N,", without its blank; "" when there is none. */
static char *line_of_group(const struct setup *setup, const char *text)
{
	char begin[32];
	const char *line;

	snprintf(begin, sizeof(begin), " group_id=%u,", setup->group);
	line = strstr(text, begin);
	return line ? strndup(line + 1, strcspn(line + 1, "\n")) : strdup("");
}

static int openflow_read(const struct setup *setup, struct seen *seen, struct error *error)
{
	char cookies[64], number[16], *text = NULL;
	int status;

	snprintf(number, sizeof(number), "%u", setup->group);
	status = openflow(setup, "dump-groups", number, NULL, &text, error);
	if (status < 0)
		return status;
	seen->group = line_of_group(setup, text);
	free(text);
	plan_cookies(setup, cookies);
	return openflow(setup, "dump-flows", cookies, NULL, &seen->flows, error);
}

int switch_read(const struct setup *setup, bool openflow, struct seen *seen, struct error *error)
{
	int status;

	memset(seen, 0, sizeof(*seen));
	status = database_read(setup, seen, error);
	if (status == 0 && openflow)
		status = openflow_read(setup, seen, error);
	return status;
}

int switch_statistics(const struct setup *setup, char **line, struct error *error)
{
	char number[32], *text = NULL;
	int status;

	snprintf(number, sizeof(number), "group_id=%u", setup->group);
	status = openflow(setup, "dump-group-stats", number, NULL, &text, error);
	if (status == 0)
		*line = line_of_group(setup, text);
	free(text);
	return status;
}

/* Changing */

static int database_change(const json_t *words, struct error *error)
{
	// The first of `words` is "--". The switch is not waited for: it may not run.
	size_t count = json_array_size(words), i;
	char **argv;
	json_t *word;
	int status;

	if (count == 0)
		return 0;
	argv = calloc(count + 4, sizeof(*argv));
	if (argv == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	argv[0] = "ovs-vsctl";
	argv[1] = "--timeout=5";
	argv[2] = "--no-wait";
	json_array_foreach ((json_t *)words, i, word)
		argv[3 + i] = (char *)json_string_value(word);
	status = command_run(argv, NULL, NULL, error);
	free(argv);
	return status;
}

int switch_change(const struct setup *setup, const struct plan *plan, struct error *error)
{
	struct {
		const char *command, *input;
	} const steps[] = {
		{"mod-group", plan->group},
		{"add-flows", plan->flows_added},
		{"del-flows", plan->flows_removed},
	};
	int status = database_change(plan->database, error);

	for (unsigned int i = 0; i < 3 && status == 0; i++)
		if (steps[i].input != NULL && steps[i].input[0] != '\0')
			status = openflow(setup, steps[i].command, NULL, steps[i].input, NULL,
					  error);
	return status;
}

int switch_remove(const struct setup *setup, bool *any, struct error *error)
{
	struct seen seen;
	json_t *words = NULL;
	char text[64], number[32];
	int status = switch_read(setup, false, &seen, error);

	*any = false;
	if (status < 0)
		goto free_seen;
	words = plan_removal(setup, &seen);
	*any = json_array_size(words) > 0;
	if (!*any)
		goto free_seen;
	// While the mark is there, a remove that failed half-way can be done again.
	plan_cookies(setup, text);
	snprintf(number, sizeof(number), "group_id=%u", setup->group);
	status = openflow(setup, "del-flows", text, NULL, NULL, error);
	if (status == 0)
		status = openflow(setup, "del-groups", number, NULL, NULL, error);
	if (status == 0)
		status = database_change(words, error);
free_seen:
	json_decref(words);
	seen_free(&seen);
	return status;
}

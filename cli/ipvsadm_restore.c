/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "face.h"
#include "ipvsadm_change.h"

/*
 * -R. Every request waits until all workers have what it changes, so that ten thousand services
 * with their servers, one line each, would take a while. A new service is therefore held back, and
 * lines that add servers and local addresses to it are laid into its body; at the end, or before
 * any line that is not of that kind, each service goes out as one request. When the daemon refuses
 * such a whole, its lines are sent one by one: what is good is done, and what is not is reported
 * with the daemon's own reason and the number of the line.
 */
enum { WORDS_MAX = 128 };

struct member {
	unsigned long line;
	struct change change;
};

/* A service that is still to be made, with what its lines add to it. */
struct held {
	struct member *members; // the first makes the service
	unsigned int count;
	json_t *body;
};

struct restore {
	struct client *client;
	struct interfaces interfaces;
	int (*run)(struct client *client, const struct rule *rule);
	unsigned long line;
	struct held *held;
	size_t held_count;
	json_t *index; // path of a service -> its place in `held`
	bool failed;
};

/* Lines */

int restore_split(char *line, char **words, int room)
{
	int count = 0;
	char *to = line;

	for (;;) {
		char quote = 0;

		line += strspn(line, " \t\r\n");
		if (!*line || *line == '#')
			return count;
		if (count == room)
			return -E2BIG;
		words[count++] = to = line;
		for (; *line && (quote || !strchr(" \t\r\n", *line)); line++) {
			if (*line == '\\' && quote != '\'' && line[1])
				*to++ = *++line;
			else if (*line == quote)
				quote = 0;
			else if (!quote && (*line == '"' || *line == '\''))
				quote = *line;
			else
				*to++ = *line;
		}
		if (quote)
			return -EINVAL;
		bool end = !*line;
		*to = '\0';
		if (end)
			return count;
		line++;
	}
}

/* Messages begin with "ipvsadm: line 12" while a line is carried out. */
static void line_announce(unsigned long line)
{
	static char name[48];

	snprintf(name, sizeof(name), "ipvsadm: line %lu", line);
	face_name = name;
}

static int line_failed(struct restore *restore, int code)
{
	restore->failed |= code != EXIT_OK;
	// Without a daemon the other lines would only say so too.
	return code == EXIT_UNREACHABLE ? code : EXIT_OK;
}

/* Holding back */

static struct held *held_find(struct restore *restore, const char *service)
{
	const json_t *place = json_object_get(restore->index, service);

	return place ? &restore->held[json_integer_value(place)] : NULL;
}

static void member_add(struct restore *restore, struct held *held, const struct change *change)
{
	struct member *grown = realloc(held->members, (held->count + 1) * sizeof(*grown));

	if (!grown)
		abort();
	held->members = grown;
	held->members[held->count++] = (struct member){restore->line, *change};
}

static void held_add(struct restore *restore, const struct change *change)
{
	struct held *grown = realloc(restore->held, (restore->held_count + 1) * sizeof(*grown));

	if (!grown)
		abort();
	restore->held = grown;
	grown[restore->held_count] = (struct held){.body = json_deep_copy(change->body)};
	member_add(restore, &grown[restore->held_count], change);
	json_object_set_new(restore->index, change->service,
			    json_integer((json_int_t)restore->held_count++));
}

/* "/servers/10.0.0.2/80" -> address and port as fields of the entry. */
static json_t *entry_make(const struct change *change, const char **list)
{
	json_t *entry = json_deep_copy(change->body);
	const char *address = strchr(change->below + 1, '/') + 1, *port = strchr(address, '/');

	*list = port ? "servers" : "local_addresses";
	json_object_set_new(
		entry, "address",
		json_stringn(address, port ? (size_t)(port - address) : strlen(address)));
	if (port)
		json_object_set_new(entry, "port", json_integer(atoi(port + 1)));
	return entry;
}

/* Lay a server or a local address into the service that waits for it; false: it must go alone. */
static bool held_extend(struct restore *restore, struct held *held, const struct change *change)
{
	const char *name;
	json_t *entry = entry_make(change, &name), *list = json_object_get(held->body, name);

	for (unsigned int i = 0; i < held->count; i++) {
		if (strcmp(held->members[i].change.below, change->below) == 0) {
			json_decref(entry);
			return false; // named twice
		}
	}
	if (!list) {
		list = json_array();
		json_object_set_new(held->body, name, list);
	}
	json_array_append_new(list, entry);
	member_add(restore, held, change);
	return true;
}

static int held_send(struct restore *restore, struct held *held)
{
	struct change whole = held->members[0].change;

	whole.body = held->body;
	line_announce(held->members[0].line);
	client_quiet(restore->client, true);
	int code = change_send(&whole, restore->client);
	client_quiet(restore->client, false);
	if (code != EXIT_REFUSED)
		return line_failed(restore, code);
	code = EXIT_OK;
	for (unsigned int i = 0; i < held->count && code == EXIT_OK; i++) {
		line_announce(held->members[i].line);
		code = line_failed(restore, change_send(&held->members[i].change, restore->client));
	}
	return code;
}

static void held_free(struct restore *restore)
{
	for (size_t i = 0; i < restore->held_count; i++) {
		struct held *held = &restore->held[i];
		for (unsigned int k = 0; k < held->count; k++)
			json_decref(held->members[k].change.body);
		free(held->members);
		json_decref(held->body);
	}
	restore->held_count = 0;
	json_object_clear(restore->index);
}

/* Send all that waits; an exit code other than EXIT_OK: no daemon. */
static int restore_flush(struct restore *restore)
{
	int code = EXIT_OK;

	for (size_t i = 0; i < restore->held_count && code == EXIT_OK; i++)
		code = held_send(restore, &restore->held[i]);
	held_free(restore);
	line_announce(restore->line);
	return code;
}

/* Carrying out */

static int change_take(struct restore *restore, const struct change *change)
{
	struct held *held = held_find(restore, change->service);
	int code;

	if (change->create && !*change->below && !held) {
		held_add(restore, change);
		return EXIT_OK;
	}
	if (change->create && *change->below && held && held_extend(restore, held, change))
		return EXIT_OK;
	// What waits goes first, so that reports come in the order of the lines.
	code = restore_flush(restore);
	if (code == EXIT_OK)
		code = line_failed(restore, change_send(change, restore->client));
	json_decref(change->body);
	return code;
}

static int line_run(struct restore *restore, char *line)
{
	char *words[WORDS_MAX + 1] = {"ipvsadm"};
	struct change change;
	struct rule rule;
	int count = restore_split(line, words + 1, WORDS_MAX), code;

	if (count < 0)
		return line_failed(restore,
				   rule_fail(count == -EINVAL ? "a quotation mark is not closed"
							      : "has too many words"));
	// A line may be a whole command, as scripts have them: "./ipvsadm -A ...".
	bool whole = count > 0 && !strcmp(basename(words[1]), "ipvsadm");
	char **argv = whole ? words + 1 : words;
	int argc = argv == words ? count + 1 : count;
	if (argc < 2)
		return EXIT_OK;
	code = rule_parse(&rule, argc, argv);
	if (code)
		return line_failed(restore, code);
	if (rule.command->id == RULE_RESTORE)
		return line_failed(restore, rule_fail("-R (--restore) cannot stand in what -R "
						      "reads"));
	code = change_make(&change, &rule, &restore->interfaces);
	if (code != EXIT_OK)
		return line_failed(restore, code);
	if (change.method)
		return change_take(restore, &change);
	code = restore_flush(restore);
	return code == EXIT_OK ? line_failed(restore, restore->run(restore->client, &rule)) : code;
}

int restore_run(struct client *client, FILE *in,
		int (*run)(struct client *client, const struct rule *rule))
{
	struct restore restore = {
		.client = client,
		.interfaces = {.client = client},
		.run = run,
		.index = json_object(),
	};
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	int code = EXIT_OK;

	while (code == EXIT_OK && (length = getline(&line, &room, in)) >= 0) {
		line_announce(++restore.line);
		if (strlen(line) == (size_t)length)
			code = line_run(&restore, line);
		else
			line_failed(&restore, rule_fail("has a zero byte in it"));
	}
	bool unread = ferror(in);
	if (code == EXIT_OK)
		code = restore_flush(&restore);
	face_name = "ipvsadm";
	if (unread)
		code = rule_fail("standard input: %m");
	held_free(&restore);
	free(restore.held);
	json_decref(restore.index);
	interfaces_free(&restore.interfaces);
	free(line);
	return code == EXIT_OK && restore.failed ? EXIT_REFUSED : code;
}

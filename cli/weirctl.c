/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "face.h"
#include "socket.h"

/*
 * weirctl, the client of weir's REST API. It knows no more than how to turn words into requests
 * and answers into tables: every check that concerns the configuration is the daemon's, so that
 * its sentences are the same whichever door one comes through.
 */
static enum exit_code help_run(struct client *client, const struct arguments *arguments);

static const struct command main_commands[] = {
	{"help", NULL, "[NOUN] [VERB]", NULL, "this text, or the options of one command", help_run},
	{0},
};

const struct command *const command_groups[] = {
	service_commands,	server_commands,
	local_address_commands, session_commands,
	check_commands,		show_commands,
	network_commands,	interface_commands,
	stream_commands,	config_commands,
	import_commands,	counters_commands,
	announce_commands,	mark_commands,
	acl_commands,		set_commands,
	vpc_commands,		bfd_commands,
	traffic_commands,	complete_commands,
	main_commands,		NULL,
};

/* Options that stand before the noun. */
struct global {
	const char *socket;
	const char *instance;
	bool json;
};

static void option_help(const struct option *option)
{
	char text[64];

	snprintf(text, sizeof(text), "%s%c%s--%s%s%s", option->letter ? "-" : "",
		 option->letter ? option->letter : ' ', option->letter ? ", " : "   ", option->name,
		 option->value ? " " : "", option->value ? option->value : "");
	printf("  %-34s %s\n", text, option->help);
}

static void command_help(const struct command *command)
{
	printf("weirctl %s%s%s%s%s%s\n  %s\n", command->noun, command->verb ? " " : "",
	       command->verb ? command->verb : "", *command->positionals ? " " : "",
	       command->positionals, command->options ? " [OPTIONS]" : "", command->help);
	for (const struct option *o = command->options; o && o->name; o++)
		option_help(o);
}

static void general_help(void)
{
	puts("usage: weirctl [-s SOCKET | --instance NAME] [-o table|json] NOUN [VERB] ...\n\n"
	     "  -s, --socket SOCKET                the daemon's socket (default "
	     "/run/weir/weir.sock)\n"
	     "      --instance NAME                the socket of this instance, "
	     "/run/weir/NAME.sock\n"
	     "  -o, --output table|json            tables for people, JSON for programs\n"
	     "  -h, --help                         this text\n");
	for (unsigned int g = 0; command_groups[g]; g++)
		for (const struct command *c = command_groups[g]; c->noun; c++) {
			char text[80];
			snprintf(text, sizeof(text), "%s%s%s %s", c->noun, c->verb ? " " : "",
				 c->verb ? c->verb : "", c->positionals);
			printf("%-52s %s\n", text, c->help);
		}
	puts("\nA noun with a list needs no verb: `weirctl drop`. Exit status: 0 done, 1 refused "
	     "by "
	     "the daemon,\n2 wrong usage, 3 no daemon reached.");
}

/*
 * The command of a noun and verb. A noun that is followed by no verb stands for its list. `*used`
 * is how many words were taken; NULL: no such command.
 */
static const struct command *command_find(int argc, char **argv, int *used)
{
	const char *noun = argv[0], *verb = argc > 1 && argv[1][0] != '-' ? argv[1] : NULL;

	for (unsigned int g = 0; command_groups[g]; g++)
		for (const struct command *c = command_groups[g]; c->noun; c++) {
			if (strcmp(c->noun, noun))
				continue;
			*used = c->verb && verb ? 2 : 1;
			if (!c->verb || !strcmp(c->verb, verb ? verb : "list"))
				return c;
		}
	return NULL;
}

static bool noun_exists(const char *noun)
{
	for (unsigned int g = 0; command_groups[g]; g++)
		for (const struct command *c = command_groups[g]; c->noun; c++)
			if (!strcmp(c->noun, noun))
				return true;
	return false;
}

static enum exit_code help_run(struct client *client, const struct arguments *arguments)
{
	const char *noun = arguments->positional[0], *verb = arguments->positional[1];
	bool any = false;

	if (!noun) {
		general_help();
		return EXIT_OK;
	}
	for (unsigned int g = 0; command_groups[g]; g++)
		for (const struct command *c = command_groups[g]; c->noun; c++) {
			if (strcmp(c->noun, noun) || (verb && (!c->verb || strcmp(c->verb, verb))))
				continue;
			command_help(c);
			any = true;
		}
	return any ? EXIT_OK
		   : usage_error(NULL, "no command \"%s%s%s\"", noun, verb ? " " : "",
				 verb ? verb : "");
}

/* Take "-x VALUE", "--name VALUE" or "--name=VALUE" at argv[*at]; false: it is another option. */
static bool global_take(int argc, char **argv, int *at, const char *letter, const char *name,
			const char **value)
{
	const char *word = argv[*at];
	size_t length = strlen(name);

	if (!strncmp(word, name, length) && word[length] == '=') {
		*value = word + length + 1;
		return true;
	}
	if (strcmp(word, letter) && strcmp(word, name))
		return false;
	*value = *at + 1 < argc ? argv[++*at] : NULL;
	return true;
}

/* Everything before the noun. `*at` is left at the noun. */
static enum exit_code global_parse(struct global *global, int argc, char **argv, int *at)
{
	const char *value;

	for (*at = 1; *at < argc && argv[*at][0] == '-'; (*at)++) {
		const char *word = argv[*at];
		if (!strcmp(word, "-h") || !strcmp(word, "--help")) {
			argv[*at] = "help";
			return EXIT_OK;
		}
		if (global_take(argc, argv, at, "-s", "--socket", &value)) {
			global->socket = value;
		} else if (global_take(argc, argv, at, "--instance", "--instance", &value)) {
			global->instance = value;
		} else if (global_take(argc, argv, at, "-o", "--output", &value)) {
			if (!value || (strcmp(value, "json") && strcmp(value, "table")))
				return usage_error(NULL, "%s takes json or table", word);
			global->json = !strcmp(value, "json");
		} else {
			return usage_error(NULL, "unknown option %s", word);
		}
		if (!value)
			return usage_error(NULL, "%s needs a value", word);
	}
	return *at < argc ? EXIT_OK : usage_error(NULL, "no command given");
}

/* -o json may also stand after the noun, where people look for it; take it out of there. */
static enum exit_code output_take(struct global *global, int *argc, char **argv)
{
	for (int i = 0; i < *argc; i++) {
		const char *value;
		int at = i;
		if (!global_take(*argc, argv, &at, "-o", "--output", &value))
			continue;
		if (!value || (strcmp(value, "json") && strcmp(value, "table")))
			return usage_error(NULL, "%s takes json or table", argv[i]);
		global->json = !strcmp(value, "json");
		memmove(argv + i, argv + at + 1, (size_t)(*argc - at - 1) * sizeof(*argv));
		*argc -= at + 1 - i;
		i--;
	}
	return EXIT_OK;
}

static enum exit_code command_run(const struct global *global, const struct command *command,
				  int argc, char **argv)
{
	struct arguments arguments = {.json = global->json};
	char socket[256];
	enum exit_code code = arguments_parse(&arguments, command, argc, argv);

	if (code != EXIT_OK)
		return code;
	if (global->instance)
		snprintf(socket, sizeof(socket), "/run/weir/%s.sock", global->instance);
	else
		snprintf(socket, sizeof(socket), "%s", client_socket());
	struct client *client = client_open(global->socket ? global->socket : socket);
	code = command->run(client, &arguments);
	client_close(client);
	return code;
}

int weirctl_main(int argc, char **argv)
{
	struct global global = {0};
	int at, used;
	enum exit_code code = global_parse(&global, argc, argv, &at);

	if (code != EXIT_OK)
		return code;
	argc -= at;
	argv += at;
	// Completion is handed the words of another command line, which are not ours to take.
	if (strcmp(argv[0], "complete"))
		code = output_take(&global, &argc, argv);
	if (code != EXIT_OK)
		return code;
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--help") && strcmp(argv[0], "complete"))
			return help_run(NULL, &(struct arguments){.positional = {argv[0]}});
	const struct command *command = command_find(argc, argv, &used);
	if (!command && noun_exists(argv[0]))
		return usage_error(NULL, "%s has no \"%s\"", argv[0], argc > 1 ? argv[1] : "list");
	if (!command)
		return usage_error(NULL, "no command \"%s\"", argv[0]);
	return command_run(&global, command, argc - used, argv + used);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "command.h"

/*
 * Completion: the shell's part is a few lines that hand the words typed so far to `weirctl
 * complete`, which answers from the same tables that parse them.
 */
static const char bash_script[] =
	"_weirctl()\n"
	"{\n"
	"	local current=\"${COMP_WORDS[COMP_CWORD]}\" candidates\n"
	"	case \"${COMP_WORDS[COMP_CWORD-1]}\" in\n"
	"	-f | --file | -w | --write | -s | --socket)\n"
	"		COMPREPLY=($(compgen -f -- \"$current\"))\n"
	"		return\n"
	"		;;\n"
	"	esac\n"
	"	candidates=\"$(weirctl complete -- \"${COMP_WORDS[@]:1:COMP_CWORD-1}\" "
	"2>/dev/null)\"\n"
	"	COMPREPLY=($(compgen -W \"$candidates\" -- \"$current\"))\n"
	"	[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace\n"
	"}\n"
	"complete -F _weirctl weirctl\n";

static enum exit_code completion_run(struct client *client, const struct arguments *arguments)
{
	if (strcmp(arguments->positional[0], "bash"))
		return usage_error(arguments->command, "only bash is known");
	fputs(bash_script, stdout);
	return EXIT_OK;
}

static void nouns_print(void)
{
	const char *before = "";

	for (unsigned int g = 0; command_groups[g]; g++)
		for (const struct command *c = command_groups[g]; c->noun; c++) {
			if (strcmp(before, c->noun) && strcmp(c->noun, "complete"))
				puts(c->noun);
			before = c->noun;
		}
}

static void verbs_print(const char *noun)
{
	for (unsigned int g = 0; command_groups[g]; g++)
		for (const struct command *c = command_groups[g]; c->noun; c++)
			if (!strcmp(c->noun, noun) && c->verb)
				puts(c->verb);
}

static const struct command *command_named(const char *noun, const char *verb)
{
	for (unsigned int g = 0; command_groups[g]; g++)
		for (const struct command *c = command_groups[g]; c->noun; c++)
			if (!strcmp(c->noun, noun) &&
			    (!c->verb || (verb && !strcmp(c->verb, verb))))
				return c;
	return NULL;
}

/* Options of the command, or the words for the value of the option that was typed last. */
static void options_print(const struct command *command, const char *last)
{
	for (const struct option *o = command->options; o && o->name; o++) {
		bool typed = (last[0] == '-' && last[1] == '-' && !strcmp(last + 2, o->name)) ||
			     (last[0] == '-' && last[1] == o->letter && !last[2]);
		if (typed && o->type != OPTION_FLAG) {
			if (o->words)
				puts(o->words);
			return;
		}
	}
	for (const struct option *o = command->options; o && o->name; o++)
		printf("--%s\n", o->name);
}

static enum exit_code complete_run(struct client *client, const struct arguments *arguments)
{
	const char *const *word = arguments->positional;
	unsigned int count = arguments->positional_count;

	while (count && word[0][0] == '-') { // the general options, all with a value
		unsigned int step = count > 1 ? 2 : 1;
		word += step;
		count -= step;
	}
	if (count == 0) {
		nouns_print();
		return EXIT_OK;
	}
	const struct command *command = command_named(word[0], count > 1 ? word[1] : NULL);
	if (!command) {
		verbs_print(word[0]);
		return EXIT_OK;
	}
	// Right after the verb most commands want the protocol.
	if (command->verb && count == 2 && strstr(command->positionals, "PROTOCOL"))
		puts("tcp udp sctp fwmark fwmark6");
	if (!strcmp(command->noun, "completion"))
		puts("bash");
	options_print(command, word[count - 1]);
	return EXIT_OK;
}

const struct command complete_commands[] = {
	{"completion", NULL, "SHELL", NULL, "print the completion script for bash", completion_run},
	{"complete", NULL, "[WORD...]", NULL,
	 "what may follow these words (for the completion script)", complete_run},
	{0},
};

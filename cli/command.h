/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

/*
 * The commands of weirctl as tables. One table entry is at once the parser's grammar, the help
 * text and the completion, so that the three cannot disagree; the man page is compared with what
 * `weirctl help` prints by a check of the test run.
 *
 * Each noun has a file with an array of its commands; main.c lists the arrays.
 */

/* What the program ends with, the same for every command. */
enum exit_code {
	EXIT_OK = 0,
	EXIT_REFUSED = 1,     // the daemon said no, and why
	EXIT_USAGE = 2,	      // the command line is wrong; nothing was sent
	EXIT_UNREACHABLE = 3, // no daemon answered
};

/* How the value of an option appears in a request. */
enum option_type {
	OPTION_FLAG,
	OPTION_TEXT,
	OPTION_NUMBER,
	OPTION_LIST,
	OPTION_BOOLEAN,
	OPTION_SWITCH, // yes, no or auto
	OPTION_WORDS,  // "a,b" makes a list, "none" an empty one
};

struct option {
	const char *name; // "scheduler", written --scheduler
	char letter;	  // 'f' for -f, or 0
	enum option_type type;
	const char *value; // what the help calls the value, NULL for a flag
	const char
		*field; // field of the request's body or query; NULL: the command reads it itself
	const char *help;
	const char *words; // what completion offers for the value, separated by spaces, or NULL
};

struct client;
struct arguments;

struct command {
	const char *noun;
	const char *verb; // NULL: the noun is the whole command
	// "PROTOCOL VIP:PORT"; "[X]": may be left out, "[X...]": any number
	const char *positionals;
	const struct option *options; // ends with a NULL name; NULL: none
	const char *help;	      // one sentence
	enum exit_code (*run)(struct client *client, const struct arguments *arguments);
};

/* Ended by an entry without a noun. */
extern const struct command service_commands[], server_commands[], local_address_commands[],
	session_commands[], check_commands[], counters_commands[], show_commands[],
	network_commands[], interface_commands[], stream_commands[], config_commands[],
	import_commands[], announce_commands[], mark_commands[], acl_commands[], set_commands[],
	vpc_commands[], bfd_commands[], traffic_commands[], complete_commands[];

/* All of the arrays above, NULL at the end. */
extern const struct command *const command_groups[];

enum { ARGUMENTS_POSITIONAL_MAX = 64, ARGUMENTS_OPTION_MAX = 64 };

struct arguments {
	const struct command *command;
	bool json;					  // -o json
	const char *positional[ARGUMENTS_POSITIONAL_MAX]; // NULL where left out
	unsigned int positional_count;
	struct {
		const struct option *option;
		const char *value; // NULL for a flag
	} given[ARGUMENTS_OPTION_MAX];
	unsigned int given_count;
};

/* Take apart what follows noun and verb. Says on standard error what is wrong: EXIT_USAGE. */
enum exit_code arguments_parse(struct arguments *out, const struct command *command, int argc,
			       char **argv);
/* The (last) value of an option, "" for a flag that was given, NULL when it was not. */
const char *arguments_option(const struct arguments *arguments, const char *name);
/*
 * The options that name a field, as a JSON object ("a.b" makes an object inside) for a body. NULL
 * after a message on standard error, when a number is none or a list entry has no "=".
 */
json_t *arguments_body(const struct arguments *arguments);
/* The same as a query, "?a=1&b=x" or "", for free(). */
char *arguments_query(const struct arguments *arguments);

/* Print to standard error and give EXIT_USAGE. */
enum exit_code usage_error(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

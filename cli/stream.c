/* SPDX-License-Identifier: BSD-3-Clause */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "command.h"

/*
 * Trace and capture: both run until the number of packets is reached or the user presses Ctrl-C.
 * The signal is not caught: closing the connection ends it in the daemon too, and a pcapng file
 * is complete after each block.
 */
#define FILTER_OPTIONS                                                                          \
	{"packets", 'n', OPTION_NUMBER, "COUNT", "packets", "end after so many packets", NULL}, \
		{"address",   'a',                                                              \
		 OPTION_TEXT, "ADDRESS[/LENGTH]",                                               \
		 "address",   "only packets with this address at either end",                   \
		 NULL},                                                                         \
		{"port", 'p',	 OPTION_NUMBER,                                                 \
		 "PORT", "port", "only packets with this port at either end",                   \
		 NULL},                                                                         \
		{"protocol",                                                                    \
		 0,                                                                             \
		 OPTION_TEXT,                                                                   \
		 "tcp|udp|sctp|icmp|icmp6",                                                     \
		 "protocol",                                                                    \
		 "only packets of this protocol",                                               \
		 "tcp udp sctp icmp icmp6"},                                                    \
		{"interface", 'i',	   OPTION_TEXT,                                         \
		 "NAME",      "interface", "only packets of this interface (dpdk0)",            \
		 NULL},                                                                         \
	{                                                                                       \
		"drop", 'd', OPTION_TEXT, "REASON", "drop",                                     \
			"only packets dropped for this reason", NULL                            \
	}

static const struct option trace_options[] = {FILTER_OPTIONS, {0}};

static const struct option capture_options[] = {
	FILTER_OPTIONS,
	{"snap", 0, OPTION_NUMBER, "BYTES", "snap", "keep so many bytes of each packet", NULL},
	{"write", 'w', OPTION_TEXT, "FILE", NULL,
	 "where the pcapng goes; - or nothing: standard output", NULL},
	{0},
};

static bool stream_write(const char *bytes, size_t size, void *arg)
{
	FILE *out = arg;

	// A reader behind a pipe wants each packet when it happens.
	return fwrite(bytes, 1, size, out) == size && !fflush(out);
}

static enum exit_code stream_run(struct client *client, const struct arguments *arguments,
				 const char *what, FILE *out)
{
	char *query = arguments_query(arguments), *path;

	if (asprintf(&path, "/v1/%s%s", what, query) < 0)
		abort();
	enum exit_code code = client_stream(client, path, stream_write, out);
	free(query);
	free(path);
	return code;
}

static enum exit_code trace_run(struct client *client, const struct arguments *arguments)
{
	return stream_run(client, arguments, "trace", stdout);
}

static enum exit_code capture_run(struct client *client, const struct arguments *arguments)
{
	const char *name = arguments_option(arguments, "write");
	FILE *out = stdout;

	if ((!name || !strcmp(name, "-")) && isatty(STDOUT_FILENO))
		return usage_error(arguments->command,
				   "pcapng on a terminal is of no use: give --write FILE");
	if (name && strcmp(name, "-"))
		out = fopen(name, "wb");
	if (!out)
		return usage_error(arguments->command, "cannot write %s: %m", name);
	enum exit_code code = stream_run(client, arguments, "capture", out);
	if (out != stdout && fclose(out) && code == EXIT_OK)
		return usage_error(arguments->command, "cannot write %s: %m", name);
	return code;
}

const struct command stream_commands[] = {
	{"trace", NULL, "", trace_options, "show stages and fate of the next packets that match",
	 trace_run},
	{"capture", NULL, "", capture_options,
	 "copy packets that match, with their fate as comment, to a pcapng file", capture_run},
	{0},
};

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

/* The command line of weir-run, and what it has to know of the one that keepalived gets. */
struct run_options {
	char *socket;	   // of weir's REST
	char *ipvs_socket; // of its IPVS door
	const char *library;
	bool check; // translate, report, run nothing
	bool print; // the same, and print what came of it
	bool help;
	unsigned int wait; // seconds for weir to answer
	char **program;	   // its words, NULL at the end
};

/* 0, or 2 after a message. */
int run_options_parse(struct run_options *options, int argc, char **argv);
void run_options_free(struct run_options *options);
void run_options_help(void);

struct keepalived_options {
	const char *file;
	const char *pid_file;
	bool stay; // -n, in the foreground
	bool test; // -t, only check the configuration
	bool info; // --version and such, which need no configuration
};

/* `words` is keepalived's command line, which is left as it is. */
void keepalived_options_read(struct keepalived_options *options, char **words);

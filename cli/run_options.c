/* SPDX-License-Identifier: BSD-3-Clause */
#include "run_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option own_options[] = {
	{"socket", required_argument, NULL, 's'},  {"instance", required_argument, NULL, 'i'},
	{"library", required_argument, NULL, 'l'}, {"wait", required_argument, NULL, 'w'},
	{"check", no_argument, NULL, 'c'},	   {"print", no_argument, NULL, 'p'},
	{"help", no_argument, NULL, 'h'},	   {0},
};

void run_options_help(void)
{
	puts("usage: weir-run [OPTIONS] PROGRAM [ARGUMENTS...]\n\n"
	     "Run a program that drives IPVS, such as ipvsadm or keepalived, against weir. The\n"
	     "configuration of keepalived may have the words that DPVS has added.\n\n"
	     "  -s, --socket SOCKET    weir's socket (default /run/weir/weir.sock)\n"
	     "      --instance NAME    the socket of this instance, /run/weir/NAME.sock\n"
	     "      --library FILE     the library to preload, libweir-ipvs.so\n"
	     "      --wait SECONDS     how long weir may take to answer (default 10)\n"
	     "      --check            keepalived: only translate its file and report\n"
	     "      --print            keepalived: the same, and print the translation\n"
	     "  -h, --help             this text\n\n"
	     "Exit status: that of the program, 128 and its number when a signal ended it; 1 a\n"
	     "file that cannot be translated or that weir refuses, 2 wrong usage, 3 no weir.");
}

static int usage(const char *format, const char *word)
{
	fputs("weir-run: ", stderr);
	fprintf(stderr, format, word);
	fputs("; see weir-run --help\n", stderr);
	return 2;
}

static char *text_join(const char *a, const char *b, const char *c)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", a, b, c) < 0)
		abort();
	return joined;
}

/* /run/weir/weir.sock -> /run/weir/weir.ipvs.sock */
static char *door_of(const char *socket)
{
	size_t length = strlen(socket);

	if (length < 5 || strcmp(socket + length - 5, ".sock"))
		return text_join(socket, ".ipvs.sock", "");
	char *stem = strndup(socket, length - 5);
	char *door = text_join(stem ? stem : "", ".ipvs.sock", "");
	free(stem);
	return door;
}

static int seconds_parse(const char *text, unsigned int *seconds)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (end == text || *end || *text == '-' || number > 3600)
		return usage("--wait takes a number of seconds from 0 to 3600, not \"%s\"", text);
	*seconds = (unsigned int)number;
	return 0;
}

int run_options_parse(struct run_options *options, int argc, char **argv)
{
	const char *socket = getenv("WEIR_SOCKET"), *door = getenv("WEIR_IPVS_SOCKET");
	int letter, code = 0;

	*options = (struct run_options){.wait = 10, .library = getenv("WEIR_IPVS_LIBRARY")};
	if (!options->library)
		options->library = WEIR_LIBRARY;
	options->socket = text_join(socket ? socket : "/run/weir/weir.sock", "", "");
	optind = 0;
	opterr = 0;
	while (!code && (letter = getopt_long(argc, argv, "+:s:h", own_options, NULL)) != -1) {
		if (letter == 's' || letter == 'i') {
			free(options->socket);
			options->socket = letter == 's' ? text_join(optarg, "", "")
							: text_join("/run/weir/", optarg, ".sock");
			door = NULL;
		} else if (letter == 'l') {
			options->library = optarg;
		} else if (letter == 'w') {
			code = seconds_parse(optarg, &options->wait);
		} else if (letter == 'c') {
			options->check = true;
		} else if (letter == 'p') {
			options->print = true;
		} else if (letter == 'h') {
			options->help = true;
			return 0;
		} else {
			code = usage(letter == ':' ? "%s needs a value" : "there is no option %s",
				     argv[optind - 1]);
		}
	}
	options->ipvs_socket = door ? text_join(door, "", "") : door_of(options->socket);
	options->program = argv + optind;
	if (!code && optind >= argc)
		code = usage("%s is missing", "the program to run");
	return code;
}

void run_options_free(struct run_options *options)
{
	free(options->socket);
	free(options->ipvs_socket);
}

enum { LONG_ALL = 256, LONG_SIGNUM };

static const struct option keepalived_long[] = {
	{"use-file", required_argument, NULL, 'f'},
	{"vrrp", no_argument, NULL, 'P'},
	{"check", no_argument, NULL, 'C'},
	{"no_bfd", no_argument, NULL, 'B'},
	{"all", no_argument, NULL, LONG_ALL},
	{"log-console", no_argument, NULL, 'l'},
	{"log-detail", no_argument, NULL, 'D'},
	{"log-facility", required_argument, NULL, 'S'},
	{"log-file", optional_argument, NULL, 'g'},
	{"flush-log-file", no_argument, NULL, LONG_ALL},
	{"no-syslog", no_argument, NULL, 'G'},
	{"umask", required_argument, NULL, 'u'},
	{"release-vips", no_argument, NULL, 'X'},
	{"dont-release-vrrp", no_argument, NULL, 'V'},
	{"dont-release-ipvs", no_argument, NULL, 'I'},
	{"dont-respawn", no_argument, NULL, 'R'},
	{"dont-fork", no_argument, NULL, 'n'},
	{"dump-conf", no_argument, NULL, 'd'},
	{"pid", required_argument, NULL, 'p'},
	{"vrrp_pid", required_argument, NULL, 'r'},
	{"genhash", no_argument, NULL, 'T'},
	{"checkers_pid", required_argument, NULL, 'c'},
	{"address-monitoring", no_argument, NULL, 'a'},
	{"bfd_pid", required_argument, NULL, 'b'},
	{"snmp", no_argument, NULL, 'x'},
	{"snmp-agent-socket", required_argument, NULL, 'A'},
	{"namespace", required_argument, NULL, 's'},
	{"core-dump", no_argument, NULL, 'm'},
	{"core-dump-pattern", optional_argument, NULL, 'M'},
	{"all-config", no_argument, NULL, 'e'},
	{"config-id", required_argument, NULL, 'i'},
	{"signum", required_argument, NULL, LONG_SIGNUM},
	{"config-test", optional_argument, NULL, 't'},
	{"version", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

void keepalived_options_read(struct keepalived_options *options, char **words)
{
	int count = 0, letter;

	*options = (struct keepalived_options){
		.file = "/etc/keepalived/keepalived.conf",
		.pid_file = "/run/keepalived.pid",
	};
	while (words[count])
		count++;
	char **copy = calloc((size_t)count + 1, sizeof(char *));
	if (!copy)
		abort();
	memcpy(copy, words, (size_t)count * sizeof(char *));
	optind = 0;
	opterr = 0; // what is wrong with it is keepalived's to say
	while ((letter = getopt_long(count, copy,
				     ":f:PCBlDS:g::Gu:XVIRndp:r:Tc:ab:xA:s:mM::ei:t::vh",
				     keepalived_long, NULL)) != -1) {
		if (letter == 'f')
			options->file = optarg;
		else if (letter == 'p')
			options->pid_file = optarg;
		else if (letter == 'n')
			options->stay = true;
		else if (letter == 't')
			options->test = true;
		else if (strchr("vhT", letter) || letter == LONG_SIGNUM)
			options->info = true;
	}
	free(copy);
}

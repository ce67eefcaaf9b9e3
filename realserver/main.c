/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * weir-realserver: on a real server behind FullNAT, have programs see their clients' addresses.
 * Three commands, each of which does its work and ends; the kernel keeps what was attached.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "realserver/programs.h"

enum { USAGE = 2, FAILED = 1, PATH_LENGTH = 4096 };

static const char usage[] =
	"usage: weir-realserver attach [-c CGROUP] [-o] [-i INTERFACE]... TRUSTED...\n"
	"       weir-realserver detach [-c CGROUP]\n"
	"       weir-realserver show [-c CGROUP] [--json]\n"
	"\n"
	"Programs on this host see the client behind a FullNAT director as their peer, when the\n"
	"director says who it is (TOA, UOA). TRUSTED: local addresses of directors, or prefixes.\n"
	"\n"
	"  -c, --cgroup CGROUP  only programs in this cgroup (version 2), instead of all\n"
	"  -i, --interface INTERFACE  UDP with the header of UOA comes by it; may be repeated\n"
	"  -o, --options        believe the IPv4 option of UOA: where no client can write it\n"
	"  -j, --json           for programs\n"
	"  -h, --help           this text\n"
	"  -V, --version        the version\n";

static const char *const counter_names[COUNTER_COUNT] = {
	[COUNTER_CONNECTIONS] = "connections",
	[COUNTER_TOLD] = "told",
	[COUNTER_TOLD_LATE] = "told_late",
	[COUNTER_UNTRUSTED] = "untrusted",
	[COUNTER_ASKED] = "asked",
	[COUNTER_ANSWERED] = "answered",
	[COUNTER_DATAGRAMS] = "datagrams",
};

struct request {
	const char *cgroup;
	bool json;
	char *const *trusted;
	unsigned int trusted_count;
	struct programs_wanted wanted;
};

static int fail(const struct error *error)
{
	fprintf(stderr, "weir-realserver: %s%s%s\n", error->field, error->field[0] ? ": " : "",
		error->text);
	return FAILED;
}

/* Where the cgroups of version 2 are: all processes of this host, whatever holds them. */
static int cgroup_root(char path[PATH_LENGTH], struct error *error)
{
	FILE *mounts = setmntent("/proc/self/mounts", "r");
	struct mntent *entry;

	while (mounts && (entry = getmntent(mounts)) != NULL) {
		if (strcmp(entry->mnt_type, "cgroup2") != 0)
			continue;
		snprintf(path, PATH_LENGTH, "%s", entry->mnt_dir);
		endmntent(mounts);
		return 0;
	}
	if (mounts)
		endmntent(mounts);
	return error_set(error, -ENOENT, "cgroup",
			 "no cgroup file system of version 2 is mounted: mount one "
			 "(mount -t cgroup2 none /sys/fs/cgroup)");
}

/* The prefixes as given; host bits count for nothing. */
static int trusted_parse(const struct request *request, struct prefix *trusted, struct error *error)
{
	if (request->trusted_count == 0)
		return error_set(error, -EINVAL, "TRUSTED",
				 "give the local addresses of the directors, or prefixes of them");
	if (request->trusted_count > TRUSTED_MAX)
		return error_set(error, -E2BIG, "TRUSTED", "there are more than %d", TRUSTED_MAX);
	for (unsigned int i = 0; i < request->trusted_count; i++) {
		unsigned int bits;

		if (prefix_parse(request->trusted[i], &trusted[i]) < 0)
			return error_set(error, -EINVAL, "TRUSTED",
					 "\"%s\" is no address or prefix like 192.0.2.0/24",
					 request->trusted[i]);
		bits = trusted[i].addr.family == AF_INET6 ? 128 : 32;
		for (unsigned int bit = trusted[i].len; bit < bits; bit++)
			trusted[i].addr.bytes[bit / 8] &= ~(0x80 >> bit % 8);
	}
	return 0;
}

static int attach(struct programs *p, const struct request *request, struct error *error)
{
	static struct prefix trusted[TRUSTED_MAX];
	struct programs_wanted wanted = request->wanted;
	int status = trusted_parse(request, trusted, error);

	wanted.trusted = trusted;
	wanted.trusted_count = request->trusted_count;
	return status < 0 ? status : programs_attach(p, &wanted, error);
}

static int detach(struct programs *p, const struct request *request, struct error *error)
{
	return programs_detach(p, error);
}

static json_t *interfaces_json(void)
{
	char names[INTERFACES_MAX][IF_NAMESIZE];
	unsigned int count = programs_interfaces(names, INTERFACES_MAX);
	json_t *list = json_array();

	for (unsigned int i = 0; i < count; i++)
		json_array_append_new(list, json_string(names[i]));
	return list;
}

static json_t *state_json(const struct programs *p, const struct request *request)
{
	json_t *trusted = json_array(), *counters = json_object();
	static struct prefix prefixes[TRUSTED_MAX];
	uint64_t counts[COUNTER_COUNT] = {0};
	char text[PREFIX_TEXT];

	if (p->whole) {
		unsigned int count = programs_trusted(p, prefixes, TRUSTED_MAX);

		for (unsigned int i = 0; i < count; i++)
			json_array_append_new(trusted,
					      json_string(prefix_format(&prefixes[i], text)));
		programs_count(p, counts);
	}
	for (unsigned int i = 0; i < COUNTER_COUNT; i++)
		json_object_set_new(counters, counter_names[i],
				    json_integer((json_int_t)counts[i]));
	return json_pack("{s:s, s:b, s:o, s:o, s:o}", "cgroup", request->cgroup, "attached",
			 p->whole, "trusted", trusted, "interfaces", interfaces_json(), "counters",
			 counters);
}

static int show(struct programs *p, const struct request *request, struct error *error)
{
	json_t *state = state_json(p, request), *value;
	const char *name;
	size_t i;

	if (request->json) {
		json_dumpf(state, stdout, JSON_INDENT(2));
		printf("\n");
	} else if (!p->whole) {
		printf("not attached to %s\n", request->cgroup);
	} else {
		printf("attached to %s\n", request->cgroup);
		json_array_foreach (json_object_get(state, "trusted"), i, value)
			printf("trusted %s\n", json_string_value(value));
		json_array_foreach (json_object_get(state, "interfaces"), i, value)
			printf("interface %s\n", json_string_value(value));
		json_object_foreach (json_object_get(state, "counters"), name, value)
			printf("%s %" JSON_INTEGER_FORMAT "\n", name, json_integer_value(value));
	}
	json_decref(state);
	return 0;
}

static const struct command {
	const char *name;
	bool takes_trusted, takes_json;
	int (*run)(struct programs *p, const struct request *request, struct error *error);
} commands[] = {
	{"attach", .takes_trusted = true, .run = attach},
	{"detach", .run = detach},
	{"show", .takes_json = true, .run = show},
};

static const struct command *command_find(const char *name)
{
	for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (name && strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static int command_run(const struct command *command, struct request *request)
{
	char root[PATH_LENGTH];
	struct programs p;
	struct error error = {0};
	int status;

	if (!request->cgroup) {
		if (cgroup_root(root, &error) < 0)
			return fail(&error);
		request->cgroup = root;
	}
	if (programs_open(&p, request->cgroup, &error) < 0)
		return fail(&error);
	status = command->run(&p, request, &error);
	programs_close(&p);
	return status < 0 ? fail(&error) : 0;
}

static int misused(const char *what, const char *about)
{
	fprintf(stderr, "weir-realserver: %s%s\n%s", about, what, usage);
	return USAGE;
}

int main(int count, char **words)
{
	static const struct option options[] = {
		{"cgroup", required_argument, NULL, 'c'},
		{"interface", required_argument, NULL, 'i'},
		{"options", no_argument, NULL, 'o'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	struct request request = {0};
	const struct command *command;
	int option;

	libbpf_set_print(NULL); // what went wrong is said in this program's own words
	while ((option = getopt_long(count, words, "c:i:ojhV", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			request.cgroup = optarg;
			break;
		case 'i':
			if (request.wanted.interface_count == INTERFACES_MAX)
				return misused(optarg, "there are too many interfaces: ");
			request.wanted.interfaces[request.wanted.interface_count++] = optarg;
			break;
		case 'o':
			request.wanted.options = true;
			break;
		case 'j':
			request.json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'V':
			printf("weir-realserver %s\n", WEIR_VERSION);
			return 0;
		default:
			fputs(usage, stderr);
			return USAGE;
		}
	}
	if (optind == count)
		return misused("", "attach, detach or show?");
	command = command_find(words[optind]);
	if (!command)
		return misused(words[optind], "there is no command ");
	request.trusted = words + optind + 1;
	request.trusted_count = count - optind - 1;
	if (request.trusted_count && !command->takes_trusted)
		return misused(request.trusted[0], "this command takes no ");
	if ((request.wanted.options || request.wanted.interface_count) && !command->takes_trusted)
		return misused("", "--interface and --options are for attach");
	if (request.json && !command->takes_json)
		return misused("", "--json is for show");
	return command_run(command, &request);
}

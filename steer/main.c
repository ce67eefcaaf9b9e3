/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * weir-vpc-steer: keeps an Open vSwitch on a host of VMs so that flows are spread over several weirs
 * and leave one that is gone within its detection time.
 *
 * setup.c    what is wanted, from the file
 * switch.c   what there is, and changing it, by ovs-vsctl and ovs-ofctl (command.c runs them)
 * plan.c     the difference; group.c the group of buckets
 * show.c     for people and programs
 *
 * Who is alive Open vSwitch knows by itself, from BFD in each tunnel, and flows move when it says so;
 * this program is not in the way and may end. It looks at the switch every second and mends what
 * differs: after ovs-vswitchd was restarted the group and the flows are gone, ports of VMs come and
 * go, and so do gateways of the file (SIGHUP).
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "cli/table.h"
#include "show.h"
#include "switch.h"

enum { USAGE = 2, APPLY_WAIT = 10000, APPLY_LOOK = 50 };

static const char usage[] =
	"Usage: weir-vpc-steer [-c FILE] COMMAND\n"
	"Keep flows of VMs behind an Open vSwitch spread over weirs that are alive.\n"
	"\n"
	"  run             keep the switch as the file says, until SIGTERM; SIGHUP reads it again\n"
	"  apply           make the switch be as the file says, once\n"
	"  show [--json]   the gateways, whether they are alive, and the ports of VMs\n"
	"  remove          remove all that was made\n"
	"  check           read the file, and nothing else\n"
	"\n"
	"  -c, --config FILE   default /etc/weir/vpc-steer.yaml\n"
	"  -n, --dry-run       with apply: print what would be done\n"
	"  -j, --json          with show\n"
	"      --remove        the same as remove\n"
	"  -h, --help          print this and end\n"
	"  -V, --version       print the version and end\n";

static struct {
	const char *file, *command;
	bool json, dry_run;
	struct setup setup;
	json_t *states, *warnings; // what was logged last
	char problem[sizeof(((struct error *)0)->text)];
} steer = {.file = "/etc/weir/vpc-steer.yaml"};

static int fail(const struct error *error)
{
	fprintf(stderr, "weir-vpc-steer: %s%s%s\n", error->field, error->field[0] ? ": " : "",
		error->text);
	return EXIT_FAILURE;
}

/* What came of one look. `left`: something is still to be done. */
static int reconcile(bool *left, bool *changed, json_t **warnings, struct error *error)
{
	struct plan plan = {0};
	struct seen seen;
	int status = switch_read(&steer.setup, true, &seen, error);

	*left = *changed = false;
	if (status == 0)
		status = plan_make(&steer.setup, &seen, &plan, error);
	if (status == 0 && !plan_is_empty(&plan)) {
		*changed = true;
		status = switch_change(&steer.setup, &plan, error);
	}
	*left = *changed || plan.waits;
	if (status == 0 && warnings != NULL)
		*warnings = json_incref(plan.warnings);
	plan_free(&plan);
	seen_free(&seen);
	return status;
}

static void wait_milliseconds(unsigned int time)
{
	nanosleep(&(struct timespec){time / 1000, time % 1000 * 1000000}, NULL);
}

/* Commands that end */

static int print_plan(void)
{
	struct error error = {0};
	struct plan plan = {0};
	struct seen seen;
	json_t *word;
	size_t i;
	int status = switch_read(&steer.setup, true, &seen, &error);

	if (status == 0)
		status = plan_make(&steer.setup, &seen, &plan, &error);
	if (status == 0 && plan_is_empty(&plan))
		puts("nothing differs");
	json_array_foreach (plan.database, i, word)
		printf("%s%s", i == 0 ? "ovs-vsctl " : " ", json_string_value(word));
	if (status == 0 && json_array_size(plan.database) > 0)
		putchar('\n');
	if (status == 0 && plan.group[0] != '\0')
		printf("mod-group %s\n", plan.group);
	if (status == 0)
		printf("%s%s%s%s", plan.flows_added[0] ? "add-flows\n" : "", plan.flows_added,
		       plan.flows_removed[0] ? "del-flows\n" : "", plan.flows_removed);
	plan_free(&plan);
	seen_free(&seen);
	return status < 0 ? fail(&error) : EXIT_SUCCESS;
}

static int apply_command(void)
{
	struct error error = {0};
	bool left = true, changed, any = false;
	json_t *warnings = NULL, *text;
	size_t i;

	if (steer.dry_run)
		return print_plan();
	for (unsigned int waited = 0; left && waited <= APPLY_WAIT; waited += APPLY_LOOK) {
		json_decref(warnings);
		warnings = NULL;
		if (reconcile(&left, &changed, &warnings, &error) < 0)
			return fail(&error);
		any |= changed;
		if (left && !changed)
			wait_milliseconds(APPLY_LOOK);
	}
	json_array_foreach (warnings, i, text)
		fprintf(stderr, "weir-vpc-steer: %s\n", json_string_value(text));
	json_decref(warnings);
	if (left) {
		error_set(&error, -ETIMEDOUT, "",
			  "Open vSwitch has not made the ports within %d s: does ovs-vswitchd run?",
			  APPLY_WAIT / 1000);
		return fail(&error);
	}
	puts(any ? "done" : "nothing differs");
	return EXIT_SUCCESS;
}

static int show_command(void)
{
	struct error error = {0};
	char *statistics = NULL;
	struct seen seen;
	json_t *shown;
	int status = switch_read(&steer.setup, true, &seen, &error);

	if (status == 0)
		status = switch_statistics(&steer.setup, &statistics, &error);
	if (status == 0) {
		shown = show_make(&steer.setup, &seen, statistics);
		if (steer.json)
			json_print(shown);
		else
			show_print(shown);
		json_decref(shown);
	}
	free(statistics);
	seen_free(&seen);
	return status < 0 ? fail(&error) : EXIT_SUCCESS;
}

static int remove_command(void)
{
	struct error error = {0};
	bool any;

	if (switch_remove(&steer.setup, &any, &error) < 0)
		return fail(&error);
	puts(any ? "removed" : "nothing is there");
	return EXIT_SUCCESS;
}

static int check_command(void)
{
	printf("%s is right: %u gateways, %u VMs\n", steer.file, steer.setup.gateway_count,
	       steer.setup.vm_count);
	return EXIT_SUCCESS;
}

/* run */

/* Tell what is new, once. */
static void states_log(void)
{
	struct error error = {0};
	struct seen seen;

	if (switch_read(&steer.setup, false, &seen, &error) == 0) {
		for (uint32_t i = 0; i < steer.setup.gateway_count; i++) {
			const struct setup_gateway *g = &steer.setup.gateways[i];
			const char *state = show_state(&seen, g);
			const json_t *last = json_object_get(steer.states, g->name);
			char address[ADDR_TEXT];

			if (last != NULL && strcmp(json_string_value(last), state) == 0)
				continue;
			log_notice("gateway %s is %s", addr_format(&g->address, address), state);
			json_object_set_new(steer.states, g->name, json_string(state));
		}
	}
	seen_free(&seen);
}

static void warnings_log(json_t *warnings)
{
	json_t *text;
	size_t i;

	if (!json_equal(warnings, steer.warnings))
		json_array_foreach (warnings, i, text)
			log_warning("%s", json_string_value(text));
	json_decref(steer.warnings);
	steer.warnings = warnings;
}

static void look(void)
{
	struct error error = {0};
	json_t *warnings = NULL;
	bool left, changed;
	int status = reconcile(&left, &changed, &warnings, &error);

	if (status < 0 && strcmp(error.text, steer.problem) != 0)
		log_warning("%s%s%s; it is tried again", error.field, error.field[0] ? ": " : "",
			    error.text);
	else if (status == 0 && steer.problem[0] != '\0')
		log_notice("the switch answers again");
	snprintf(steer.problem, sizeof(steer.problem), "%s", error.text);
	if (status == 0 && changed)
		log_notice("the switch was changed to what %s says", steer.file);
	if (warnings != NULL)
		warnings_log(warnings);
	if (status == 0)
		states_log();
}

static void file_again(void)
{
	struct error error = {0};
	struct setup setup;

	if (setup_read(steer.file, &setup, &error) < 0) {
		log_error("%s: %s%s%s; what was wanted before stays", steer.file, error.field,
			  error.field[0] ? ": " : "", error.text);
		setup_free(&setup);
		return;
	}
	if (strcmp(setup.bridge, steer.setup.bridge) != 0 || setup.group != steer.setup.group ||
	    strcmp(setup.run_directory, steer.setup.run_directory) != 0) {
		log_error(
			"bridge, group and run_directory cannot change while it runs: remove, and "
			"start again");
		setup_free(&setup);
		return;
	}
	setup_free(&steer.setup);
	steer.setup = setup;
	log_notice("%s was read again", steer.file);
}

static int run_command(void)
{
	sigset_t signals;
	int number = 0;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	steer.states = json_object();
	while (number != SIGTERM && number != SIGINT) {
		uint32_t time = steer.setup.interval;

		look();
		number = sigtimedwait(&signals, NULL,
				      &(struct timespec){time / 1000, time % 1000 * 1000000});
		if (number == SIGHUP)
			file_again();
	}
	log_notice("stopping; what was made stays in the switch (weir-vpc-steer remove)");
	json_decref(steer.states);
	json_decref(steer.warnings);
	return EXIT_SUCCESS;
}

/* The command line */

static const struct {
	const char *name;
	int (*run)(void);
} commands[] = {
	{"run", run_command},	    {"apply", apply_command}, {"show", show_command},
	{"remove", remove_command}, {"check", check_command},
};

static int usage_fail(const char *what, const char *word)
{
	fprintf(stderr, "weir-vpc-steer: %s%s\n%s", what, word, usage);
	return USAGE;
}

/* -1: go on. */
static int options_take(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"dry-run", no_argument, NULL, 'n'},
		{"json", no_argument, NULL, 'j'},
		{"remove", no_argument, NULL, 'r'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:njhV", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			steer.file = optarg;
			break;
		case 'n':
			steer.dry_run = true;
			break;
		case 'j':
			steer.json = true;
			break;
		case 'r':
			steer.command = "remove";
			break;
		case 'h':
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		case 'V':
			puts("weir-vpc-steer " WEIR_VERSION);
			return EXIT_SUCCESS;
		default:
			return USAGE;
		}
	}
	if (steer.command == NULL && optind < argc)
		steer.command = argv[optind++];
	if (steer.command == NULL)
		return usage_fail("a command is wanted", "");
	if (optind < argc)
		return usage_fail("unexpected word: ", argv[optind]);
	return -1;
}

int main(int argc, char **argv)
{
	struct error error = {0};
	int code = options_take(argc, argv);

	if (code >= 0)
		return code;
	for (unsigned int i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (strcmp(commands[i].name, steer.command) != 0)
			continue;
		if (setup_read(steer.file, &steer.setup, &error) < 0) {
			code = fail(&error);
		} else {
			if (steer.setup.run_directory[0] != '\0')
				setenv("OVS_RUNDIR", steer.setup.run_directory, 1);
			code = commands[i].run();
		}
		setup_free(&steer.setup);
		return code;
	}
	return usage_fail("unknown command: ", steer.command);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "face.h"
#include "ipvsadm_change.h"
#include "ipvsadm_rule.h"
#include "ipvsadm_show.h"
#include "socket.h"
#include "service_name.h"

/*
 * The face that speaks the grammar of DPVS' ipvsadm, so that scripts need no change.
 *
 *   ipvsadm_options.c  the grammar: one table of commands and one of options
 *   ipvsadm_rule.c     takes a line apart by these tables
 *   ipvsadm_value.c    the values of options
 *   ipvsadm_change.c   from a line to a request of the REST API
 *   ipvsadm_restore.c  many lines from a file
 *   ipvsadm_show.c     asks for what listings need
 *   ipvsadm_list.c     the tables; ipvsadm_format.c, what they are made of; ipvsadm_save.c, -S
 *
 * Exit codes: 0 done, 1 refused by the daemon, 2 a wrong command line or no daemon, 255 when the
 * first word is no command. What the daemon does not have yet is refused, never left out.
 */
static void option_line(const char *letter, const char *name, const char *value, bool optional,
			const char *help)
{
	char text[64];

	snprintf(text, sizeof(text), "%s--%s%s%s%s%s", letter, name, value ? " " : "",
		 optional ? "[" : "", value ? value : "", optional ? "]" : "");
	printf("  %-44s %s\n", text, help);
}

static int help_print(void)
{
	char letters[16];

	puts("usage: ipvsadm COMMAND [OPTIONS]; the command comes first\n\nCommands:");
	for (const struct rule_command *c = rule_commands; c->name; c++) {
		*letters = '\0';
		if (c->letter)
			snprintf(letters, sizeof(letters), "-%c, ", c->letter);
		if (c->letter2)
			snprintf(letters + 4, sizeof(letters) - 4, "-%c, ", c->letter2);
		option_line(letters, c->name, c->words_help, false, c->help);
	}
	puts("\nOptions:");
	for (const struct rule_option *o = rule_options; o->name; o++) {
		*letters = '\0';
		if (o->letter)
			snprintf(letters, sizeof(letters), "-%c, ", o->letter);
		option_line(letters, o->name, o->value, o->optional, o->help);
	}
	puts("\nWithout a command all services are listed. The daemon is found by WEIR_SOCKET or "
	     "DPVS_IPC_FILE.");
	return EXIT_OK;
}

static int clear_run(struct client *client)
{
	json_t *answer = NULL, *service;
	char path[SERVICE_PATH];
	size_t i;
	int code = client_get(client, "/v1/services", &answer), worst = EXIT_OK;

	json_array_foreach (json_object_get(answer, "services"), i, service) {
		if (json_object_get(service, "vni"))
			continue; // IPVS has no words for it, so nobody here has seen it
		code = client_request(client, "DELETE", service_path(service, path), NULL, NULL);
		if (code == EXIT_UNREACHABLE)
			break;
		worst = code != EXIT_OK ? code : worst;
	}
	json_decref(answer);
	return code == EXIT_OK ? worst : code;
}

static int zero_run(struct client *client, const struct rule *rule)
{
	char path[CHANGE_PATH + 8] = "/v1";

	if (rule_has(rule, SLOT_SERVICE))
		change_service_path(rule, path);
	strcat(path, "/zero");
	return client_request(client, "POST", path, NULL, NULL);
}

/* --set TCP TCPFIN UDP: one that is 0 stays as it is. */
static int set_run(struct client *client, const struct rule *rule)
{
	static const char *const fields[] = {"established", "fin_wait", "udp_normal"};
	json_t *body = json_object();

	for (unsigned int i = 0; i < 3; i++)
		if (rule->seconds[i])
			json_object_set_new(body, fields[i], json_integer(rule->seconds[i]));
	int code = client_request(client, "PATCH", "/v1/timeouts", body, NULL);
	json_decref(body);
	return code;
}

/* Everything but what change_make() makes a request of, and -R. */
static int rule_run(struct client *client, const struct rule *rule)
{
	switch (rule->command->id) {
	case RULE_LIST:
		return show_list(client, rule);
	case RULE_GET_LOCAL:
		return show_local(client, rule);
	case RULE_GET_DENY:
	case RULE_GET_ALLOW:
		return show_access(client, rule);
	case RULE_SAVE:
		return show_save(client);
	case RULE_CLEAR:
		return clear_run(client);
	case RULE_ZERO:
		return zero_run(client, rule);
	case RULE_SET:
		return set_run(client, rule);
	case RULE_HELP:
		return help_print();
	case RULE_VERSION:
		puts("ipvsadm v1.27 (weir " WEIR_VERSION ", in the grammar of DPVS 1.10)");
		return EXIT_OK;
	default: // what is still to come was refused by rule_parse()
		return rule_fail("--%s is not available yet", rule->command->name);
	}
}

static int change_run(struct client *client, const struct rule *rule)
{
	struct interfaces interfaces = {.client = client};
	struct change change;
	int code = change_make(&change, rule, &interfaces);

	if (code == EXIT_OK)
		code = change.method ? (int)change_send(&change, client) : rule_run(client, rule);
	json_decref(change.body);
	interfaces_free(&interfaces);
	return code;
}

int ipvsadm_main(int argc, char **argv)
{
	struct rule rule;
	int code = rule_parse(&rule, argc, argv);

	if (code)
		return code;
	struct client *client = client_open(client_socket());
	if (rule.command->id == RULE_RESTORE)
		code = restore_run(client, stdin, rule_run);
	else
		code = change_run(client, &rule);
	client_close(client);
	// Like the tool itself, which cannot do without its daemon either.
	return code == EXIT_UNREACHABLE ? (int)EXIT_USAGE : code;
}

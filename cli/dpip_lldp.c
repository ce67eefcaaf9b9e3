/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dpip lldp: what stock lldpd says and hears on the interfaces in Linux, asked through lldpcli,
 * whose JSON is shown as the TLVs of the message.
 */
#include "dpip_lldp.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dpip.h"

extern char **environ;

static const char *lldp_socket(void)
{
	const char *path = getenv("WEIR_LLDP_SOCKET");

	return path && *path ? path : "/run/lldpd.socket";
}

static bool lldpd_runs(void)
{
	return access(lldp_socket(), F_OK) == 0;
}

static enum exit_code lldpd_missing(void)
{
	return dpip_refused("LLDP is spoken by lldpd, which does not run: there is no %s "
			    "(WEIR_LLDP_SOCKET names another)",
			    lldp_socket());
}

/* What it prints, for free(); NULL when it fails, which it has said itself. */
static char *lldpcli(const char *const *words)
{
	const char *arguments[24] = {[0] = "lldpcli", "-u", lldp_socket(), "-f", "json"};
	posix_spawn_file_actions_t actions;
	char *text = NULL;
	size_t size = 0;
	int pipes[2], status = -1, failed, character;
	pid_t pid;
	FILE *in, *out = open_memstream(&text, &size);

	for (unsigned int i = 0; words[i] && i < 16; i++)
		arguments[5 + i] = words[i];
	if (!out || pipe(pipes) < 0)
		abort();
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
	posix_spawn_file_actions_addclose(&actions, pipes[0]);
	failed = posix_spawnp(&pid, arguments[0], &actions, NULL, (char *const *)arguments,
			      environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	in = fdopen(pipes[0], "r");
	while (in && !failed && (character = fgetc(in)) != EOF)
		fputc(character, out);
	if (in)
		fclose(in);
	fclose(out);
	if (!failed)
		waitpid(pid, &status, 0);
	else
		dpip_refused("lldpcli: %s", strerror(failed));
	if (!failed && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return text;
	free(text);
	return NULL;
}

/* The object of one interface in {"lldp": {"interface": {NAME: {...}}}}, or in a list of those. */
static json_t *interface_find(const json_t *answer, const char *tap)
{
	json_t *all = json_object_get(json_object_get(answer, "lldp"), "interface"), *one;
	size_t i;

	if (json_is_object(all))
		return json_object_get(all, tap);
	json_array_foreach (all, i, one)
		if (json_object_get(one, tap))
			return json_object_get(one, tap);
	return NULL;
}

/* `what`: "interfaces" or "neighbors". A new reference, or NULL when there is nothing. */
static enum exit_code lldp_get(const char *what, const char *tap, json_t **found)
{
	const char *words[] = {[0] = "show", what, "ports", tap, "details", NULL};
	char *text = lldpcli(words);
	json_t *answer = text ? json_loads(text, 0, NULL) : NULL;

	*found = json_incref(interface_find(answer, tap));
	json_decref(answer);
	free(text);
	return text ? EXIT_OK : EXIT_REFUSED;
}

bool dpip_lldp_enabled(const char *tap)
{
	bool enabled = false;
	json_t *row;

	if (!lldpd_runs() || lldp_get("interfaces", tap, &row) != EXIT_OK)
		return false;
	enabled = row && strcmp(dpip_text(row, "status"), "disabled");
	json_decref(row);
	return enabled;
}

enum exit_code dpip_lldp_enable(const char *tap, bool on)
{
	const char *words[] = {[0] = "configure",
			       "ports",
			       tap,
			       "lldp",
			       "status",
			       on ? "rx-and-tx" : "disabled",
			       NULL};
	char *text;

	if (!lldpd_runs())
		return lldpd_missing();
	text = lldpcli(words);
	if (text && dpip_lldp_enabled(tap) != on) {
		free(text);
		return dpip_refused("lldp: lldpd did not switch it %s on %s: does it run in weir's "
				    "network namespace?",
				    on ? "on" : "off", tap);
	}
	free(text);
	return text ? EXIT_OK : EXIT_REFUSED;
}

/* TLVs */

static void tlv_print(const char *title, const char *kind, const char *value)
{
	if (value && *value)
		printf("%s\n\t%s%s%s\n", title, kind, *kind ? ": " : "", value);
}

static void id_print(const char *title, const json_t *id)
{
	const char *type = dpip_text(id, "type");

	tlv_print(title, !strcmp(type, "mac") ? "MAC" : type, dpip_text(id, "value"));
}

static void capabilities_print(const json_t *list)
{
	const json_t *one;
	size_t i;

	if (!json_array_size(list))
		return;
	printf("System Capabilities TLV (7)\n\tSystem capabilities:");
	json_array_foreach (list, i, one)
		printf(" %s", dpip_text(one, "type"));
	printf("\n\tEnabled capabilities:");
	json_array_foreach (list, i, one)
		if (json_is_true(json_object_get(one, "enabled")))
			printf(" %s", dpip_text(one, "type"));
	putchar('\n');
}

static void addresses_print(const json_t *addresses)
{
	const json_t *one;
	size_t i;

	if (json_is_string(addresses))
		tlv_print("Management Address TLV (8)", "", json_string_value(addresses));
	json_array_foreach (addresses, i, one)
		tlv_print("Management Address TLV (8)", "", json_string_value(one));
}

/* {NAME: {...}}, or without a name {...}. */
static const json_t *chassis_of(const json_t *row, const char **name)
{
	json_t *chassis = json_object_get(row, "chassis"), *inner;
	const char *key;

	*name = "";
	if (json_object_get(chassis, "id"))
		return chassis;
	json_object_foreach (chassis, key, inner) {
		*name = key;
		return inner;
	}
	return NULL;
}

static void message_print(const char *which, const char *device, const json_t *row)
{
	const char *name, *ttl = dpip_text(json_object_get(row, "ttl"), "ttl");
	const json_t *chassis = chassis_of(row, &name), *port = json_object_get(row, "port");

	printf("-*-*-*- %s LLDP Message on Port %s -*-*-*-\n", which, device);
	id_print("Chassis ID TLV (1)", json_object_get(chassis, "id"));
	id_print("Port ID TLV (2)", json_object_get(port, "id"));
	tlv_print("Time to Live TLV (3)", "", *ttl ? ttl : dpip_text(port, "ttl"));
	tlv_print("Port Description TLV (4)", "", dpip_text(port, "descr"));
	tlv_print("System Name TLV (5)", "", name);
	tlv_print("System Description TLV (6)", "", dpip_text(chassis, "descr"));
	capabilities_print(json_object_get(chassis, "capability"));
	addresses_print(json_object_get(chassis, "mgmt-ip"));
	printf("End of LLDPDU TLV\n");
}

static enum exit_code lldp_show(const char *device, const char *tap, bool local)
{
	json_t *row;
	enum exit_code code = lldp_get(local ? "interfaces" : "neighbors", tap, &row);

	if (code != EXIT_OK)
		return code;
	if (local && (!row || !strcmp(dpip_text(row, "status"), "disabled")))
		code = dpip_refused("lldp is off on %s", device);
	else if (row)
		message_print(local ? "Local" : "Neighbour", device, row);
	json_decref(row);
	return code;
}

enum exit_code dpip_lldp(struct dpip *dpip)
{
	const char *which = NULL, *dev = NULL;
	const struct dpip_word table[] = {{"dev", false, &dev}, {NULL}};
	enum exit_code code = dpip_words(dpip, table, &which, "what to show");
	json_t *ports, *rows, *row;
	char name[32];
	size_t i;

	if (code != EXIT_OK)
		return code;
	if (!dpip_is(dpip, "show"))
		return dpip_no_command(dpip, "show");
	if (which && strcmp(which, "local") && strcmp(which, "neigh"))
		return dpip_wrong("\"%s\" is neither local nor neigh", which);
	if (!dev)
		return dpip_wrong("missing device: `dev NIC`");
	code = dpip_device(dpip, dev, name);
	if (code == EXIT_OK && !lldpd_runs())
		code = lldpd_missing();
	if (code == EXIT_OK)
		code = dpip_list(dpip, "/v1/ports", "ports", &ports, &rows);
	if (code != EXIT_OK)
		return code;
	json_array_foreach (rows, i, row)
		if (!strcmp(dpip_text(row, "name"), name))
			code = lldp_show(name, dpip_text(row, "tap"),
					 !which || !strcmp(which, "local"));
	json_decref(ports);
	return code;
}

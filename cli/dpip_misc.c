/* SPDX-License-Identifier: BSD-3-Clause */
/* dpip flow and maddr: what goes to Linux, and the multicast groups of its interfaces. */
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "dpip.h"

/*
 * DPVS needs a rule in the NIC for each address that belongs to Linux. Weir needs none: what is for
 * an address of Linux goes to Linux. So the list of these rules is the list of Linux's own
 * addresses, one can be added if it is there, and deleted if it is not.
 */
struct flow_words {
	const char *address, *device, *type;
};

static bool row_fits(const struct dpip *dpip, const json_t *row, const char *device)
{
	const char *address = dpip_text(row, "address");
	bool ipv6 = strchr(address, ':') != NULL;

	if (!dpip_row_on(row, device) || (dpip->family == AF_INET && ipv6) ||
	    (dpip->family == AF_INET6 && !ipv6))
		return false;
	return strncmp(address, "fe80:", 5) || dpip->family == AF_INET6;
}

static bool row_is(const json_t *row, const char *address)
{
	const char *text = dpip_text(row, "address");

	return strlen(address) == strcspn(text, "/") && !strncmp(text, address, strlen(address));
}

/* Show, or see what there is: how many, and is `address` among them? */
static enum exit_code flow_look(struct dpip *dpip, const char *device, const char *address,
				bool print, unsigned int *count, bool *found)
{
	json_t *answer, *rows, *row;
	enum exit_code code = dpip_list(dpip, "/v1/addresses", "addresses", &answer, &rows);
	size_t i;

	json_array_foreach (rows, i, row) {
		const char *text = dpip_text(row, "address");

		if (!row_fits(dpip, row, device))
			continue;
		(*count)++;
		*found |= address && row_is(row, address);
		if (print && (!address || row_is(row, address)))
			printf("kni addr flow %.*s dev %s\n", (int)strcspn(text, "/"), text,
			       dpip_text(row, "interface"));
	}
	json_decref(answer);
	return code;
}

static enum exit_code flow_change(struct dpip *dpip, const char *device, const char *address)
{
	unsigned int count = 0;
	bool found = false;
	enum exit_code code = flow_look(dpip, device, address, false, &count, &found);

	if (code != EXIT_OK)
		return code;
	if (dpip_is(dpip, "flush"))
		return count == 0 ? EXIT_OK
				  : dpip_refused("what is for the addresses of %s in Linux always "
						 "goes to Linux: to end that, take them away "
						 "(dpip addr flush dev %s)",
						 device, device);
	if (dpip_is(dpip, "add"))
		return found ? EXIT_OK
			     : dpip_refused(
				       "%s is no address of %s in Linux: add it there; what is "
				       "for it then goes to Linux without a flow",
				       address, device);
	return !found ? EXIT_OK
		      : dpip_refused("what is for %s goes to Linux as long as it is an address of "
				     "%s there: take it away (dpip addr del %s dev %s)",
				     address, device, address, device);
}

enum exit_code dpip_flow(struct dpip *dpip)
{
	struct flow_words words = {0};
	const struct dpip_word table[] = {
		{"dev", false, &words.device},
		{"type", false, &words.type},
		{NULL},
	};
	enum exit_code code = dpip_words(dpip, table, &words.address, "the address");
	struct dpip_prefix prefix = {0};
	char device[32];
	unsigned int count = 0;
	bool found = false, show = dpip_is(dpip, "show");

	if (code != EXIT_OK)
		return code;
	if (!show && !dpip_is(dpip, "add") && !dpip_is(dpip, "del") && !dpip_is(dpip, "flush"))
		return dpip_no_command(dpip, "add, del, show, flush");
	if (!words.type)
		return dpip_wrong("missing type: `type kni`");
	if (strcmp(words.type, "kni"))
		return dpip_wrong("type: \"%s\" is not kni, the only one there is", words.type);
	if (!show && !words.device)
		return dpip_wrong("missing device: `dev NIC`");
	if ((dpip_is(dpip, "add") || dpip_is(dpip, "del")) && !words.address)
		return dpip_wrong("missing address");
	if (words.address)
		code = dpip_prefix(dpip, "address", words.address, &prefix);
	if (code == EXIT_OK && words.device)
		code = dpip_device(dpip, words.device, device);
	if (code != EXIT_OK)
		return code;
	if (show)
		return flow_look(dpip, words.device ? device : NULL,
				 words.address ? prefix.address : NULL, true, &count, &found);
	return flow_change(dpip, device, prefix.address);
}

/* Multicast */

static void groups_print(const struct dpip *dpip, const json_t *groups, const json_t *port)
{
	const json_t *group;
	size_t i;

	json_array_foreach (groups, i, group) {
		const char *family = dpip_text(group, "family");

		if (strcmp(dpip_text(group, "interface"), dpip_text(port, "name")))
			continue;
		if (strcmp(family, "link"))
			printf("\t%5s %s", family, dpip_text(group, "address"));
		else if (dpip->verbose)
			printf("\tlink  %s (+kni)", dpip_text(group, "address"));
		else
			printf("\tlink %s", dpip_text(group, "address"));
		if (dpip->verbose)
			printf("\t\trefcnt %lld\t\tsync 0", dpip_integer(group, "users"));
		putchar('\n');
	}
}

enum exit_code dpip_maddr(struct dpip *dpip)
{
	const char *dev = NULL;
	const struct dpip_word table[] = {{"dev", false, &dev}, {NULL}};
	enum exit_code code = dpip_words(dpip, table, NULL, NULL);
	json_t *answer, *groups, *ports = NULL, *rows = NULL, *port;
	char name[32];
	size_t i;

	if (code != EXIT_OK)
		return code;
	if (!dpip_is(dpip, "show"))
		return dpip_no_command(dpip, "show");
	if (dev)
		code = dpip_device(dpip, dev, name);
	if (code == EXIT_OK)
		code = dpip_list(dpip, "/v1/multicast", "groups", &answer, &groups);
	if (code != EXIT_OK)
		return code;
	code = dpip_list(dpip, "/v1/ports", "ports", &ports, &rows);
	json_array_foreach (rows, i, port) {
		if (dev && strcmp(dpip_text(port, "name"), name))
			continue;
		if (dev)
			printf("%s:\n", name);
		else
			printf("%lld:\t%s\n", dpip_integer(port, "id") + 1,
			       dpip_text(port, "name"));
		groups_print(dpip, groups, port);
	}
	json_decref(ports);
	json_decref(answer);
	return code;
}

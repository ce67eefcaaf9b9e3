/* SPDX-License-Identifier: BSD-3-Clause */
/* dpip link, of bonds: the words and their spelling are those of DPVS' dpip. */
#include "dpip_bond.h"

#include <stdio.h>
#include <string.h>

#include "place.h"

static void members_print(const json_t *members)
{
	const json_t *member;
	size_t i;

	printf("slaves:");
	json_array_foreach (members, i, member)
		printf(" %s(%s, %s%s)", dpip_text(member, "name"), dpip_text(member, "mac"),
		       json_is_true(json_object_get(member, "active")) ? "active" : "inactive",
		       json_is_true(json_object_get(member, "primary")) ? ", primary" : "");
	putchar('\n');
}

enum exit_code dpip_bond_status(struct dpip *dpip, const char *name)
{
	char path[PLACE_TEXT];
	json_t *port, *bond;
	enum exit_code code;

	snprintf(path, sizeof(path), "/v1/ports/%s", name);
	code = client_get(dpip->client, path, &port);
	if (code != EXIT_OK)
		return code;
	bond = json_object_get(port, "bond");
	if (bond) {
		printf("--- bonding status ---\n"
		       "mode %lld mac_addr %s xmit_policy %s link_monitor %lldms\n"
		       "ative/slaves %lld/%lld link_down_prop_delay %lldms "
		       "link_up_prop_delay %lldms\n",
		       dpip_integer(bond, "mode"), dpip_text(port, "mac"),
		       dpip_text(bond, "xmit_policy"), dpip_integer(bond, "monitor_interval"),
		       dpip_integer(bond, "active"), dpip_integer(bond, "total"),
		       dpip_integer(bond, "link_down_delay"), dpip_integer(bond, "link_up_delay"));
		members_print(json_object_get(bond, "members"));
	}
	json_decref(port);
	return EXIT_OK;
}

enum exit_code dpip_bond_set(struct dpip *dpip, const char *name, const char *item,
			     const char *value)
{
	static const struct {
		const char *item, *field;
		long long minimum, maximum; // both 0: a word
	} items[] = {
		{"bond-mode", "mode", 0, 6},
		{"bond-primary", "primary", 0, 0},
		{"bond-xmit-policy", "xmit_policy", 0, 0},
		{"bond-monitor-interval", "monitor_interval", 1, 10000},
		{"bond-link-up-prop", "link_up_delay", 0, 60000},
		{"bond-link-down-prop", "link_down_delay", 0, 60000},
	};
	const unsigned int count = sizeof(items) / sizeof(*items);
	unsigned int i = 0;
	long long number;
	char member[32];
	enum exit_code code;

	while (i < count && strcmp(items[i].item, item))
		i++;
	if (i == count)
		return dpip_wrong("no item \"%s\"; see `dpip link help`", item);
	if (items[i].maximum > 0) {
		code = dpip_number(item, value, items[i].minimum, items[i].maximum, &number);
		return code == EXIT_OK ? dpip_patch(dpip, "bonds", name, items[i].field,
						    json_integer(number))
				       : code;
	}
	if (strcmp(items[i].field, "primary"))
		return dpip_patch(dpip, "bonds", name, items[i].field, json_string(value));
	code = dpip_device(dpip, value, member);
	return code == EXIT_OK ? dpip_patch(dpip, "bonds", name, "primary", json_string(member))
			       : code;
}

enum exit_code dpip_bond_member(struct dpip *dpip)
{
	char path[PLACE_TEXT], bond[32], member[32];
	enum exit_code code;

	if (!dpip->words[0] || !dpip->words[1] || !dpip->words[2])
		return dpip_wrong("missing words: `dpip link %s BOND bond-slave NIC`",
				  dpip->command);
	if (strcmp(dpip->words[1], "bond-slave"))
		return dpip_wrong("unknown word \"%s\"; see `dpip link help`", dpip->words[1]);
	if (dpip->words[3])
		return dpip_wrong("unknown word \"%s\"; see `dpip link help`", dpip->words[3]);
	code = dpip_device(dpip, dpip->words[0], bond);
	if (code == EXIT_OK)
		code = dpip_device(dpip, dpip->words[2], member);
	if (code != EXIT_OK)
		return code;
	snprintf(path, sizeof(path), "/v1/bonds/%s/members/%s", bond, member);
	return client_request(dpip->client, dpip_is(dpip, "add") ? "PUT" : "DELETE", path, NULL,
			      NULL);
}

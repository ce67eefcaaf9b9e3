/* SPDX-License-Identifier: BSD-3-Clause */
/* Interfaces beside those of ports. */
#include <stdio.h>

#include "client.h"
#include "command.h"
#include "place.h"
#include "table.h"

static enum exit_code interface_put(struct client *client, const struct arguments *arguments,
				    const char *section)
{
	json_t *body = arguments_body(arguments);
	char path[PLACE_TEXT];
	enum exit_code code;

	if (!body)
		return EXIT_USAGE;
	snprintf(path, sizeof(path), "/v1/%s/%.32s?new=1", section, arguments->positional[0]);
	code = client_request(client, "PUT", path, body, NULL);
	json_decref(body);
	return code;
}

static enum exit_code interface_delete(struct client *client, const struct arguments *arguments,
				       const char *section)
{
	char path[PLACE_TEXT];

	snprintf(path, sizeof(path), "/v1/%s/%.32s", section, arguments->positional[0]);
	return place_delete(client, path);
}

/* VLANs */

static const struct option vlan_options[] = {
	{"link", 'l', OPTION_TEXT, "INTERFACE", "link",
	 "the port, bond or VLAN that it stands on; must be given", NULL},
	{"id", 'i', OPTION_NUMBER, "NUMBER", "id", "its number, 1 to 4094; must be given", NULL},
	{"protocol", 'p', OPTION_TEXT, "PROTOCOL", "protocol", "802.1q or 802.1ad (default 802.1q)",
	 "802.1q 802.1ad"},
	{"tap", 0, OPTION_TEXT, "NAME", "tap", "its name in Linux (default NAME.kni)", NULL},
	{"mtu", 0, OPTION_NUMBER, "BYTES", "mtu", "default: that of the interface beneath", NULL},
	{0},
};

static enum exit_code vlan_list(struct client *client, const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"VLAN", "name", false, 0},
		{"LINK", "link", false, 0},
		{"PROTOCOL", "protocol", false, 0},
		{"ID", "id", true, 0},
		{"TAP", "tap", false, 0},
		{"UP", "up", false, 0},
		{"MTU", "mtu", true, 0},
		{"MAC", "mac", false, 0},
		{"PACKETS-IN", "packets_in", true, 0},
		{"PACKETS-OUT", "packets_out", true, 0},
		{"BYTES-IN", "bytes_in", true, 0},
		{"BYTES-OUT", "bytes_out", true, 0},
		{"ORIGIN", "origin", false, 0},
		{0},
	};

	return place_list(client, arguments, "/v1/vlans", "vlans", columns);
}

static enum exit_code vlan_add(struct client *client, const struct arguments *arguments)
{
	return interface_put(client, arguments, "vlans");
}

static enum exit_code vlan_delete(struct client *client, const struct arguments *arguments)
{
	return interface_delete(client, arguments, "vlans");
}

const struct command interface_commands[] = {
	{"vlan", "list", "", NULL, "interfaces of VLANs, with their counters", vlan_list},
	{"vlan", "add", "NAME", vlan_options, "make one; kept over restarts", vlan_add},
	{"vlan", "delete", "NAME", NULL, "remove one, with all that was put on it", vlan_delete},
	{0},
};

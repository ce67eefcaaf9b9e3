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

/* Bonds */

static const struct option bond_options[] = {
	{"xmit-policy", 'x', OPTION_TEXT, "POLICY", "xmit_policy",
	 "how modes 2 and 4 choose a member: layer2, layer23 or layer34", "layer2 layer23 layer34"},
	{"primary", 'p', OPTION_TEXT, "PORT", "primary",
	 "the member that mode 1 uses while it has a link", NULL},
	{"monitor-interval", 'i', OPTION_NUMBER, "MS", "monitor_interval",
	 "how often links are looked at", NULL},
	{"link-up-delay", 0, OPTION_NUMBER, "MS", "link_up_delay",
	 "how long a link must be up before its member is used", NULL},
	{"link-down-delay", 0, OPTION_NUMBER, "MS", "link_down_delay",
	 "how long it must be down before its member is left", NULL},
	{0},
};

static void bond_rows(json_t *rows, const json_t *bond)
{
	const json_t *member;
	json_t *row;
	size_t i;

	json_array_foreach (json_object_get(bond, "members"), i, member) {
		row = json_deep_copy(member);
		json_object_set(row, "member", json_object_get(member, "name"));
		json_object_update_missing(row, (json_t *)bond);
		json_object_set(row, "bond", json_object_get(bond, "name"));
		json_array_append_new(rows, row);
	}
}

/* A row for each member, with the settings of its bond. */
static enum exit_code bond_list(struct client *client, const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"BOND", "bond", false, 0},
		{"MODE", "mode", true, 0},
		{"XMIT-POLICY", "xmit_policy", false, 0},
		{"MEMBER", "member", false, 0},
		{"MAC", "mac", false, 0},
		{"LINK-UP", "link_up", false, 0},
		{"ACTIVE", "active", false, 0},
		{"PRIMARY", "primary", false, 0},
		{"NEGOTIATED", "negotiated", false, 0},
		{0},
	};
	json_t *answer, *rows, *bond;
	enum exit_code code = client_get(client, "/v1/bonds", &answer);
	size_t i;

	if (code != EXIT_OK)
		return code;
	if (arguments->json) {
		json_print(answer);
	} else {
		rows = json_array();
		json_array_foreach (answer_array(answer, "bonds"), i, bond)
			bond_rows(rows, bond);
		table_print(rows, columns);
		json_decref(rows);
	}
	json_decref(answer);
	return EXIT_OK;
}

static enum exit_code bond_set(struct client *client, const struct arguments *arguments)
{
	json_t *body = arguments_body(arguments);
	char path[PLACE_TEXT];
	enum exit_code code;

	if (!body)
		return EXIT_USAGE;
	snprintf(path, sizeof(path), "/v1/bonds/%.32s", arguments->positional[0]);
	code = client_request(client, "PATCH", path, body, NULL);
	json_decref(body);
	return code;
}

static enum exit_code bond_member(struct client *client, const struct arguments *arguments,
				  const char *method)
{
	char path[PLACE_TEXT];

	snprintf(path, sizeof(path), "/v1/bonds/%.32s/members/%.32s", arguments->positional[0],
		 arguments->positional[1]);
	return client_request(client, method, path, NULL, NULL);
}

static enum exit_code bond_join(struct client *client, const struct arguments *arguments)
{
	return bond_member(client, arguments, "PUT");
}

static enum exit_code bond_leave(struct client *client, const struct arguments *arguments)
{
	return bond_member(client, arguments, "DELETE");
}

/* Tunnels */

static const struct option tunnel_options[] = {
	{"kind", 'k', OPTION_TEXT, "KIND", "kind", "ipip, gre or vxlan; must be given",
	 "ipip gre vxlan"},
	{"remote", 'r', OPTION_TEXT, "ADDRESS", "remote", "the other side; must be given", NULL},
	{"local", 'l', OPTION_TEXT, "ADDRESS", "local",
	 "this side (default: of the interface by which packets leave)", NULL},
	{"link", 0, OPTION_TEXT, "INTERFACE", "link", "take packets that come by this one only",
	 NULL},
	{"key", 0, OPTION_NUMBER, "NUMBER", "key", "of gre, in both directions", NULL},
	{"input-key", 0, OPTION_NUMBER, "NUMBER", "input_key", "of gre, in packets that come",
	 NULL},
	{"output-key", 0, OPTION_NUMBER, "NUMBER", "output_key", "of gre, in packets that leave",
	 NULL},
	{"checksum", 0, OPTION_BOOLEAN, "BOOLEAN", "checksum",
	 "of gre: send one, and want one in packets that come", "true false"},
	{"sequence", 0, OPTION_BOOLEAN, "BOOLEAN", "sequence",
	 "of gre: number packets, with one worker; numbers that come are passed over",
	 "true false"},
	{"vni", 'i', OPTION_NUMBER, "NUMBER", "vni", "of vxlan: the network, 0 to 16777215", NULL},
	{"port", 0, OPTION_NUMBER, "PORT", "port", "of vxlan (default 4789)", NULL},
	{"ttl", 0, OPTION_NUMBER, "NUMBER", "ttl", "of the outer header (default 64)", NULL},
	{"tos", 0, OPTION_NUMBER, "NUMBER", "tos",
	 "of the outer header (default: that of the packet inside)", NULL},
	{"tap", 0, OPTION_TEXT, "NAME", "tap", "its name in Linux (default NAME.kni)", NULL},
	{"mtu", 0, OPTION_NUMBER, "BYTES", "mtu",
	 "default: what the outer headers leave of the interface beneath", NULL},
	{0},
};

static enum exit_code tunnel_list(struct client *client, const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"TUNNEL", "name", false, 0},
		{"KIND", "kind", false, 0},
		{"LOCAL", "local", false, 0},
		{"REMOTE", "remote", false, 0},
		{"KEY", "input_key", true, 0},
		{"VNI", "vni", true, 0},
		{"TAP", "tap", false, 0},
		{"UP", "up", false, 0},
		{"MTU", "mtu", true, 0},
		{"PATH-MTU", "path_mtu", true, 0},
		{"PACKETS-IN", "packets_in", true, 0},
		{"PACKETS-OUT", "packets_out", true, 0},
		{"BYTES-IN", "bytes_in", true, 0},
		{"BYTES-OUT", "bytes_out", true, 0},
		{"ORIGIN", "origin", false, 0},
		{0},
	};

	return place_list(client, arguments, "/v1/tunnels", "tunnels", columns);
}

static enum exit_code tunnel_add(struct client *client, const struct arguments *arguments)
{
	return interface_put(client, arguments, "tunnels");
}

static enum exit_code tunnel_delete(struct client *client, const struct arguments *arguments)
{
	return interface_delete(client, arguments, "tunnels");
}

const struct command interface_commands[] = {
	{"tunnel", "list", "", NULL, "tunnel interfaces, with their counters", tunnel_list},
	{"tunnel", "add", "NAME", tunnel_options, "make one; kept over restarts", tunnel_add},
	{"tunnel", "delete", "NAME", NULL, "remove one, with all that was put on it",
	 tunnel_delete},
	{"bond", "list", "", NULL, "bonds and what their members are at", bond_list},
	{"bond", "set", "NAME", bond_options, "change settings of a bond until weir is restarted",
	 bond_set},
	{"bond", "join", "NAME PORT", NULL, "let a member back in that was taken out", bond_join},
	{"bond", "leave", "NAME PORT", NULL, "take a member out, for work on its cable",
	 bond_leave},
	{"vlan", "list", "", NULL, "interfaces of VLANs, with their counters", vlan_list},
	{"vlan", "add", "NAME", vlan_options, "make one; kept over restarts", vlan_add},
	{"vlan", "delete", "NAME", NULL, "remove one, with all that was put on it", vlan_delete},
	{0},
};

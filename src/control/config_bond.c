/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/config_fields.h"
#include "control/config_interface.h"

/* The section "bonds": ports that are made of ports. */

const char *const config_xmit_policies[] = {"layer2", "layer23", "layer34", NULL};

static int decode_mode(struct decode *d, const json_t *value, const struct field *field,
		       void *target)
{
	json_int_t mode = json_integer_value(value);

	if (!json_is_integer(value) || (mode != 0 && mode != 1 && mode != 2 && mode != 4))
		return decode_fail(
			d, -EINVAL,
			"must be 0 (round robin), 1 (active backup), 2 (hash) or 4 (LACP)");
	((struct port_config *)target)->bond.mode = mode;
	return 0;
}

static int decode_members(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	struct bond_config *bond = &((struct port_config *)target)->bond;
	const struct field name = {.size = PORT_NAME, .minimum = 1};
	size_t length, count;
	int status = decode_list_size(d, value, BOND_MEMBERS_MAX, &count);

	if (status == 0 && count == 0)
		return decode_fail(d, -EINVAL, "must name at least one port");
	for (size_t i = 0; i < count && status == 0; i++) {
		length = decode_enter(d, "[%zu]", i);
		status = decode_interface_name(d, json_array_get(value, i), &name,
					       bond->members[i]);
		if (status == 0)
			decode_leave(d, length);
	}
	bond->member_count = (uint8_t)count;
	return status;
}

#define BOND_FIELDS                                                                              \
	{"xmit_policy", decode_word, FIELD_OF(struct port_config, bond.xmit_policy),             \
	 .more = config_xmit_policies},                                                          \
		{"primary", decode_text, FIELD_OF(struct port_config, bond.primary)},            \
		{"monitor_interval", decode_integer,                                             \
		 FIELD_OF(struct port_config, bond.monitor_ms), .minimum = 1, .maximum = 10000}, \
		{"link_up_delay", decode_integer, FIELD_OF(struct port_config, bond.up_ms),      \
		 .maximum = 60000},                                                              \
		{"link_down_delay", decode_integer, FIELD_OF(struct port_config, bond.down_ms),  \
		 .maximum = 60000},                                                              \
	{                                                                                        \
		"mode", decode_mode, .required = true                                            \
	}

static const struct field bond_fields[] = {
	{"name", decode_interface_name, FIELD_OF(struct port_config, name), .minimum = 1,
	 .required = true},
	BOND_FIELDS,
	{"members", decode_members, .required = true},
	{"tap", decode_interface_name, FIELD_OF(struct port_config, tap), .minimum = 1},
	{"mtu", decode_integer, FIELD_OF(struct port_config, mtu), .maximum = 9216},
	{"addresses", decode_ignore}, // after the others
	{NULL},
};

static struct port_config *port_of_file(struct config *config, const char *name)
{
	for (unsigned int i = 0; i < config->port_count; i++)
		if (strcmp(config->ports[i].name, name) == 0)
			return &config->ports[i];
	return NULL;
}

static bool has_addresses(const struct config *config, const char *name)
{
	for (unsigned int i = 0; i < config->address_count; i++)
		if (strcmp(config->addresses[i].iface, name) == 0)
			return true;
	return false;
}

static int member_check(struct decode *d, struct config *config, const char *name)
{
	struct port_config *port = port_of_file(config, name);

	if (port == NULL)
		return decode_fail(d, -EINVAL, "there is no port \"%s\"", name);
	if (port->member)
		return decode_fail(d, -EINVAL, "%s is a member already", name);
	if (has_addresses(config, name))
		return decode_fail(d, -EINVAL,
				   "%s has addresses: a member of a bond has no interface", name);
	if (port->take_over)
		return decode_fail(d, -EINVAL, "%s says take_over: a bond does not do that", name);
	port->member = true;
	return 0;
}

static int bond_check(struct decode *d, struct config *config, const struct port_config *bond)
{
	bool primary = bond->bond.primary[0] == '\0';
	size_t length;
	int status = 0;

	for (unsigned int i = 0; i < config->bond_count; i++)
		if (strcmp(config->bonds[i].name, bond->name) == 0)
			status = -EEXIST;
	if (status < 0 || port_of_file(config, bond->name) != NULL) {
		decode_enter(d, ".name");
		return decode_fail(d, -EINVAL, "there is an interface \"%s\" already", bond->name);
	}
	for (unsigned int i = 0; i < bond->bond.member_count; i++) {
		length = decode_enter(d, ".members[%u]", i);
		status = member_check(d, config, bond->bond.members[i]);
		if (status < 0)
			return status;
		decode_leave(d, length);
		primary = primary || strcmp(bond->bond.members[i], bond->bond.primary) == 0;
	}
	if (primary)
		return 0;
	decode_enter(d, ".primary");
	return decode_fail(d, -EINVAL, "%s is no member of %s", bond->bond.primary, bond->name);
}

int config_decode_bonds(struct decode *d, const json_t *list, struct config *config)
{
	size_t length, inner, count;
	int status = decode_list_size(d, list, CONFIG_BONDS_MAX, &count);

	for (unsigned int i = 0; i < config->bond_count; i++)
		config_drop_addresses(config, config->bonds[i].name);
	config->bond_count = 0;
	for (size_t i = 0; i < count && status == 0; i++) {
		struct port_config *bond = &config->bonds[i];
		json_t *entry = json_array_get(list, i);

		length = decode_enter(d, "[%zu]", i);
		memset(bond, 0, sizeof(*bond));
		bond->bond.monitor_ms = 10;
		status = decode_object(d, entry, bond_fields, bond);
		if (status == 0)
			status = bond_check(d, config, bond);
		if (status < 0)
			return status;
		config->bond_count++;
		inner = decode_enter(d, ".addresses");
		status = config_decode_addresses(d, json_object_get(entry, "addresses"), bond->name,
						 config);
		if (status < 0)
			return status;
		decode_leave(d, inner);
		decode_leave(d, length);
	}
	return status;
}

json_t *config_bond_json(const struct port_config *bond)
{
	json_t *members = json_array(), *object;

	for (unsigned int i = 0; i < bond->bond.member_count; i++)
		json_array_append_new(members, json_string(bond->bond.members[i]));
	object = json_pack("{s:s, s:i, s:s, s:i, s:i, s:i, s:s, s:i, s:o}", "name", bond->name,
			   "mode", (int)bond->bond.mode, "xmit_policy",
			   config_xmit_policies[bond->bond.xmit_policy], "monitor_interval",
			   (int)bond->bond.monitor_ms, "link_up_delay", (int)bond->bond.up_ms,
			   "link_down_delay", (int)bond->bond.down_ms, "tap", bond->tap, "mtu",
			   (int)bond->mtu, "members", members);
	if (bond->bond.primary[0])
		json_object_set_new(object, "primary", json_string(bond->bond.primary));
	return object;
}

int config_decode_bond_settings(const json_t *body, struct bond_config *bond, struct error *error)
{
	static const struct field fields[] = {BOND_FIELDS, {NULL}};
	struct port_config made = {.bond = *bond};
	struct decode d = {.error = error};
	json_t *whole = json_pack("{s:i}", "mode", (int)bond->mode);
	int status;

	json_object_update(whole, (json_t *)body);
	status = decode_object(&d, json_is_object(body) ? whole : body, fields, &made);
	json_decref(whole);
	if (status == 0)
		*bond = made.bond;
	return status;
}

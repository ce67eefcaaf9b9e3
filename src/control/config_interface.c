/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/config_interface.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/config_fields.h"

/*
 * The sections "vlans" and the like share one list, in which an interface stands behind what it
 * stands on. A section replaces all of its kind; their addresses stand with those of the ports.
 */

bool config_has_interface(const struct config *config, const char *name)
{
	for (unsigned int i = 0; i < config->interface_count; i++)
		if (strcmp(config->interfaces[i].name, name) == 0 ||
		    strcmp(config->interfaces[i].tap, name) == 0)
			return true;
	for (unsigned int i = 0; i < config->bond_count; i++)
		if (strcmp(config->bonds[i].name, name) == 0 ||
		    strcmp(config->bonds[i].tap, name) == 0)
			return true;
	return false;
}

struct interface_config *config_interfaces_copy(const struct config *config)
{
	struct interface_config *copy = calloc(config->interface_count + 1, sizeof(*copy));

	if (copy != NULL && config->interface_count > 0)
		memcpy(copy, config->interfaces, config->interface_count * sizeof(*copy));
	return copy;
}

static bool port_named(const struct config *config, const char *name)
{
	for (unsigned int i = 0; i < config->port_count; i++)
		if (!config->ports[i].member && (strcmp(config->ports[i].name, name) == 0 ||
						 strcmp(config->ports[i].tap, name) == 0))
			return true;
	return false;
}

/* Take away what an earlier document had of this kind. */
static void interfaces_drop(struct config *config, enum interface_kind kind)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < config->interface_count; i++) {
		if (config->interfaces[i].kind == kind)
			config_drop_addresses(config, config->interfaces[i].name);
		else
			config->interfaces[kept++] = config->interfaces[i];
	}
	config->interface_count = kept;
}

static int interface_check(struct decode *d, const struct config *config,
			   const struct interface_config *made)
{
	const struct vlan_config *vlan = &made->vlan;
	bool has_link = made->kind == INTERFACE_VLAN || made->link[0];

	if (has_link && !port_named(config, vlan->link) &&
	    !config_has_interface(config, vlan->link)) {
		decode_enter(d, ".link");
		return decode_fail(d, -EINVAL, "there is no interface \"%s\" before this one",
				   vlan->link);
	}
	if (port_named(config, vlan->name) || config_has_interface(config, vlan->name)) {
		decode_enter(d, ".name");
		return decode_fail(d, -EINVAL, "there is an interface \"%s\" already", vlan->name);
	}
	for (unsigned int i = 0; i < config->interface_count && made->kind == INTERFACE_VLAN; i++) {
		const struct vlan_config *other = &config->interfaces[i].vlan;

		if (config->interfaces[i].kind != INTERFACE_VLAN)
			continue;
		if (other->id != vlan->id || other->type != vlan->type ||
		    strcmp(other->link, vlan->link) != 0)
			continue;
		decode_enter(d, ".id");
		return decode_fail(d, -EINVAL, "VLAN %u on %s is %s already", vlan->id, vlan->link,
				   other->name);
	}
	return 0;
}

static int interface_decode_one(struct decode *d, const json_t *value, enum interface_kind kind,
				struct config *config)
{
	struct interface_config made, *larger;
	struct error error = {0};
	size_t length;
	int status = interface_decode(kind, value, NULL, &made, &error);

	if (status < 0) {
		if (error.field[0])
			decode_enter(d, error.field[0] == '[' ? "%s" : ".%s", error.field);
		return decode_fail(d, status, "%s", error.text);
	}
	if (kind == INTERFACE_VLAN)
		vlan_complete(&made.vlan);
	else
		device_complete_tunnel(&made.tunnel);
	status = interface_check(d, config, &made);
	if (status == 0 && interface_check_order(&made, config->workers.count, &error) < 0) {
		decode_enter(d, ".%s", error.field);
		status = decode_fail(d, -EINVAL, "%s", error.text);
	}
	if (status < 0)
		return status;
	larger = realloc(config->interfaces,
			 (config->interface_count + 1) * sizeof(*config->interfaces));
	if (larger == NULL)
		return decode_fail(d, -ENOMEM, "out of memory");
	config->interfaces = larger;
	config->interfaces[config->interface_count++] = made;
	length = decode_enter(d, ".addresses");
	status = config_decode_addresses(d, json_object_get(value, "addresses"), made.name, config);
	if (status == 0)
		decode_leave(d, length);
	return status;
}

static int decode_interfaces(struct decode *d, const json_t *value, enum interface_kind kind,
			     struct config *config)
{
	size_t length, count;
	int status = decode_list_size(d, value, IFACE_MAX, &count);

	if (status < 0)
		return status;
	interfaces_drop(config, kind);
	for (size_t i = 0; i < count; i++) {
		length = decode_enter(d, "[%zu]", i);
		status = interface_decode_one(d, json_array_get(value, i), kind, config);
		if (status < 0)
			return status;
		decode_leave(d, length);
	}
	return 0;
}

int config_decode_interfaces(const json_t *json, struct config *config, struct error *error)
{
	const json_t *bonds = json_object_get(json, "bonds");
	struct decode d = {.error = error};
	int status = 0;

	if (bonds != NULL) {
		for (unsigned int i = 0; i < config->port_count; i++)
			config->ports[i].member = false;
		decode_enter(&d, ".bonds");
		status = config_decode_bonds(&d, bonds, config);
		decode_leave(&d, 0);
	}
	for (enum interface_kind kind = 0; kind < INTERFACE_KINDS && status == 0; kind++) {
		const json_t *list = json_object_get(json, interface_section(kind));

		if (list == NULL)
			continue;
		decode_enter(&d, ".%s", interface_section(kind));
		status = decode_interfaces(&d, list, kind, config);
		decode_leave(&d, 0);
	}
	return status;
}

void config_interfaces_add(json_t *object, const struct config *config)
{
	json_t *bonds = json_array();

	for (unsigned int i = 0; i < config->bond_count; i++) {
		json_t *bond = config_bond_json(&config->bonds[i]);

		json_object_set_new(bond, "addresses",
				    config_addresses_json(config, config->bonds[i].name));
		json_array_append_new(bonds, bond);
	}
	json_object_set_new(object, "bonds", bonds);
	for (enum interface_kind kind = 0; kind < INTERFACE_KINDS; kind++) {
		json_t *list = json_array();

		for (unsigned int i = 0; i < config->interface_count; i++) {
			const struct interface_config *one = &config->interfaces[i];
			json_t *entry;

			if (one->kind != kind)
				continue;
			entry = interface_config_json(one);
			json_object_set_new(entry, "addresses",
					    config_addresses_json(config, one->name));
			json_array_append_new(list, entry);
		}
		json_object_set_new(object, interface_section(kind), list);
	}
}

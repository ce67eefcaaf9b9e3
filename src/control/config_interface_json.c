/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON of interfaces: bodies of requests, entries of the file, and what network.json keeps. */
#include "control/interface.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/config_fields.h"
#include "control/config_tunnel.h"
#include "control/decode.h"

const char *interface_section(enum interface_kind kind)
{
	static const char *const sections[INTERFACE_KINDS] = {"vlans", "tunnels"};

	return sections[kind];
}

/* VLANs: the words of DPVS' dpip, too. */

static const struct {
	const char *word;
	uint16_t type;
} vlan_protocols[] = {
	{"802.1q", RTE_ETHER_TYPE_VLAN},
	{"802.1ad", RTE_ETHER_TYPE_QINQ},
	{"vlan", RTE_ETHER_TYPE_VLAN},
	{"QinQ", RTE_ETHER_TYPE_QINQ},
};

static int decode_vlan_protocol(struct decode *d, const json_t *value, const struct field *field,
				void *target)
{
	const char *text = json_string_value(value);

	for (unsigned int i = 0; text && i < sizeof(vlan_protocols) / sizeof(*vlan_protocols); i++)
		if (strcmp(vlan_protocols[i].word, text) == 0) {
			((struct vlan_config *)target)->type = vlan_protocols[i].type;
			return 0;
		}
	return decode_fail(d, -EINVAL, "\"%.32s\" is neither 802.1q nor 802.1ad", text ? text : "");
}

static const struct field vlan_fields[] = {
	{"name", decode_interface_name, FIELD_OF(struct vlan_config, name), .minimum = 1},
	{"link", decode_interface_name, FIELD_OF(struct vlan_config, link), .minimum = 1,
	 .required = true},
	{"id", decode_integer, FIELD_OF(struct vlan_config, id), .minimum = 1,
	 .maximum = VLAN_MAX - 1, .required = true},
	{"protocol", decode_vlan_protocol},
	{"tap", decode_interface_name, FIELD_OF(struct vlan_config, tap), .minimum = 1},
	{"mtu", decode_integer, FIELD_OF(struct vlan_config, mtu), .maximum = 9216},
	{"addresses", decode_ignore}, // of the file, taken by config_interface.c
	{NULL},
};

static json_t *vlan_json(const struct vlan_config *vlan)
{
	json_t *object = json_pack("{s:s, s:s, s:i, s:s, s:s}", "name", vlan->name, "link",
				   vlan->link, "id", (int)vlan->id, "protocol",
				   vlan->type == RTE_ETHER_TYPE_QINQ ? "802.1ad" : "802.1q", "tap",
				   vlan->tap);

	if (vlan->mtu)
		json_object_set_new(object, "mtu", json_integer(vlan->mtu));
	return object;
}

/* All kinds */

int interface_decode(enum interface_kind kind, const json_t *body, const char *name,
		     struct interface_config *config, struct error *error)
{
	struct decode d = {.error = error};
	int status;

	memset(config, 0, sizeof(*config));
	config->kind = kind;
	if (kind == INTERFACE_TUNNEL) {
		status = config_decode_tunnel(&d, body, &config->tunnel);
		if (status == 0 && name == NULL && !config->name[0])
			status = error_set(error, -EINVAL, "name", "is missing");
	} else {
		config->vlan.type = RTE_ETHER_TYPE_VLAN;
		status = decode_object(&d, body, vlan_fields, &config->vlan);
	}
	if (status < 0 || name == NULL)
		return status;
	if (config->name[0] && strcmp(config->name, name) != 0)
		return error_set(error, -EINVAL, "name", "is \"%s\" here and \"%.32s\" in the path",
				 config->name, name);
	if (strlen(name) >= IFACE_NAME)
		return error_set(error, -EINVAL, "name", "has more than %d characters",
				 IFACE_NAME - 1);
	snprintf(config->name, sizeof(config->name), "%s", name);
	return 0;
}

json_t *interface_config_json(const struct interface_config *config)
{
	return config->kind == INTERFACE_TUNNEL ? config_tunnel_json(&config->tunnel)
						: vlan_json(&config->vlan);
}

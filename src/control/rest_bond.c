/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/rest_bond.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "control/config_interface.h"
#include "control/network.h"
#include "control/rest.h"
#include "io/port_bond.h"

/*
 * Bonds: what they are at, and the settings that the driver can change while packets flow. The file
 * says what a bond is when weir starts; what is changed here lasts until then.
 */

static json_t *member_json(const struct port *bond, const struct port *member, bool primary)
{
	char mac[RTE_ETHER_ADDR_FMT_SIZE];

	rte_ether_format_addr(mac, sizeof(mac), &member->mac);
	return json_pack("{s:s, s:s, s:b, s:b, s:b, s:b}", "name", member->config.name, "mac", mac,
			 "link_up", member->link_up, "active", port_bond_is_active(bond, member),
			 "primary", primary, "negotiated", port_bond_is_negotiated(bond, member));
}

json_t *rest_bond_json(const struct port *bond)
{
	json_t *members = json_array();
	struct port_bond_state state;
	unsigned int active = 0;

	port_bond_get(bond, &state);
	for (unsigned int i = 0; i < port_count(); i++) {
		const struct port *member = port_get(i);

		if (member->bond != bond->index + 1)
			continue;
		active += port_bond_is_active(bond, member);
		json_array_append_new(members, member_json(bond, member, state.primary == (int)i));
	}
	return json_pack("{s:i, s:s, s:i, s:i, s:i, s:i, s:i, s:o}", "mode", (int)state.mode,
			 "xmit_policy", config_xmit_policies[state.xmit_policy], "monitor_interval",
			 (int)state.monitor_ms, "link_up_delay", (int)state.up_ms,
			 "link_down_delay", (int)state.down_ms, "active", (int)active, "total",
			 (int)json_array_size(members), "members", members);
}

/* The bond that the path names, NULL after an error. */
static struct port *bond_of_request(const struct request *request, struct error *error)
{
	const char *name = request_part(request, 0);
	const struct iface *iface = iface_find(name); // it may be named by its TAP
	struct port *port = port_find(iface ? iface->name : name);

	if (port == NULL || port->config.bond.member_count == 0) {
		error_set(error, -ENOENT, "name", "there is no bond \"%.32s\"", name);
		return NULL;
	}
	return port;
}

int rest_bond_list(struct request *request, struct error *error)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < port_count(); i++) {
		const struct port *bond = port_get(i);
		json_t *object;

		if (bond->config.bond.member_count == 0)
			continue;
		object = rest_bond_json(bond);
		json_object_set_new(object, "name", json_string(bond->config.name));
		json_array_append_new(list, object);
	}
	return request_reply(request, 200, json_pack("{s:o}", "bonds", list));
}

int rest_bond_patch(struct request *request, struct error *error)
{
	struct port *bond = bond_of_request(request, error);
	json_t *body = bond ? request_body(request, error) : NULL;
	struct bond_config wanted;
	char *text;
	int status;

	if (body == NULL)
		return error->code;
	wanted = bond->config.bond;
	status = config_decode_bond_settings(body, &wanted, error);
	if (status == 0)
		status = port_bond_set(bond, &wanted, error);
	if (status == 0) {
		text = json_dumps(body, JSON_COMPACT);
		log_notice("%s: bond %s set %s", request_peer(request), bond->config.name,
			   text ? text : "");
		free(text);
	}
	json_decref(body);
	return status < 0 ? status : request_reply(request, 200, rest_bond_json(bond));
}

static int member_change(struct request *request, bool in, struct error *error)
{
	struct port *bond = bond_of_request(request, error), *member;
	int status;

	if (bond == NULL)
		return error->code;
	member = port_find(request_part(request, 1));
	if (member == NULL)
		return error_set(error, -ENOENT, "member", "there is no port \"%.32s\"",
				 request_part(request, 1));
	status = port_bond_member(bond, member, in, error);
	if (status < 0)
		return status;
	log_notice("%s: %s %s bond %s", request_peer(request), member->config.name,
		   in ? "is back in" : "is taken out of", bond->config.name);
	return request_reply(request, 200, rest_bond_json(bond));
}

int rest_bond_member_put(struct request *request, struct error *error)
{
	return member_change(request, true, error);
}

int rest_bond_member_delete(struct request *request, struct error *error)
{
	return member_change(request, false, error);
}

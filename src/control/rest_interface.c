/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/log.h"
#include "control/interface.h"
#include "control/rest.h"

/* Interfaces beside those of ports. */

static int list(struct request *request, enum interface_kind kind)
{
	return request_reply(
		request, 200,
		json_pack("{s:o}", interface_section(kind), interface_list_json(kind)));
}

static int put(struct request *request, enum interface_kind kind, struct error *error)
{
	json_t *body = request_body(request, error);
	struct interface_config config;
	bool existed = false;
	int status;

	if (body == NULL)
		return error->code;
	status = interface_decode(kind, body, request_part(request, 0), &config, error);
	json_decref(body);
	if (status == 0)
		status = interface_put(&config, request_flag(request, "new"), &existed, error);
	if (status < 0)
		return status;
	if (!existed)
		log_notice("%s: added interface %s", request_peer(request), config.name);
	request_wait_grace(request);
	return request_reply(request, existed ? 200 : 201, interface_config_json(&config));
}

static int delete (struct request *request, enum interface_kind kind, struct error *error)
{
	int status = interface_delete(kind, request_part(request, 0), error);

	if (status < 0)
		return status;
	log_notice("%s: removed interface %s", request_peer(request), request_part(request, 0));
	request_wait_grace(request);
	return request_reply_empty(request, 204);
}

int rest_vlan_list(struct request *request, struct error *error)
{
	return list(request, INTERFACE_VLAN);
}

int rest_vlan_put(struct request *request, struct error *error)
{
	return put(request, INTERFACE_VLAN, error);
}

int rest_vlan_delete(struct request *request, struct error *error)
{
	return delete (request, INTERFACE_VLAN, error);
}

int rest_tunnel_list(struct request *request, struct error *error)
{
	return list(request, INTERFACE_TUNNEL);
}

int rest_tunnel_put(struct request *request, struct error *error)
{
	return put(request, INTERFACE_TUNNEL, error);
}

int rest_tunnel_delete(struct request *request, struct error *error)
{
	return delete (request, INTERFACE_TUNNEL, error);
}

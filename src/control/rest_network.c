/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/document.h"
#include "control/network.h"
#include "control/rest.h"

/* Addresses, routes and neighbours that doors put into Linux, and settings of ports. */

/* Answer a PUT when the workers have seen what came of it. */
static int put_reply(struct request *request, bool existed, json_t *object, const char *what,
		     const char *text)
{
	log_notice("%s: %s %s %s", request_peer(request), existed ? "changed" : "added", what,
		   text);
	request_wait_grace(request);
	return request_reply(request, existed ? 200 : 201, object);
}

static int delete_reply(struct request *request, const char *what, const char *text)
{
	log_notice("%s: removed %s %s", request_peer(request), what, text);
	request_wait_grace(request);
	return request_reply_empty(request, 204);
}

static int name_of_request(const struct request *request, unsigned int part,
			   char name[static IFACE_NAME], struct error *error)
{
	const char *text = request_part(request, part);
	struct iface *iface;

	if (strlen(text) >= IFACE_NAME)
		return network_iface(text, &iface, error);
	snprintf(name, IFACE_NAME, "%s", text);
	return 0;
}

/* Addresses */

static int address_of_request(const struct request *request, struct network_address *address,
			      struct error *error)
{
	int status = name_of_request(request, 0, address->iface, error);

	return status < 0 ? status
			  : network_decode_prefix("address", request_part(request, 1),
						  request_part(request, 2), false,
						  &address->is.prefix, error);
}

int rest_address_put(struct request *request, struct error *error)
{
	struct network_address address = {0};
	char text[PREFIX_TEXT];
	bool existed = false;
	int status = address_of_request(request, &address, error);
	json_t *body = status == 0 ? request_body(request, error) : NULL;

	if (body == NULL)
		return error->code;
	status = network_decode_address(body, &address, error);
	json_decref(body);
	if (status == 0)
		status = network_address_put(&address, request_flag(request, "new"), &existed,
					     error);
	return status < 0 ? status
			  : put_reply(request, existed, network_address_json(&address), "address",
				      prefix_format(&address.is.prefix, text));
}

int rest_address_delete(struct request *request, struct error *error)
{
	struct network_address address = {0};
	char text[PREFIX_TEXT];
	int status = address_of_request(request, &address, error);

	if (status == 0)
		status = network_address_delete(address.iface, &address.is.prefix, error);
	return status < 0
		       ? status
		       : delete_reply(request, "address", prefix_format(&address.is.prefix, text));
}

/* Routes */

static int route_of_request(const struct request *request, struct network_route *route,
			    struct error *error)
{
	return network_decode_prefix("destination", request_part(request, 0),
				     request_part(request, 1), true, &route->is.prefix, error);
}

int rest_route_put(struct request *request, struct error *error)
{
	struct network_route route = {0};
	char text[PREFIX_TEXT], address[ADDR_TEXT];
	bool existed = false;
	int status = route_of_request(request, &route, error);
	json_t *body = status == 0 ? request_body(request, error) : NULL, *object;

	if (body == NULL)
		return error->code;
	status = network_decode_route(body, &route, error);
	json_decref(body);
	if (status == 0)
		status = network_route_put(&route, request_flag(request, "new"), &existed, error);
	if (status < 0)
		return status;
	object = network_route_json(&route);
	if (route.scope == SCOPE_KNI_HOST && !kernel_address_known(&route.is.prefix.addr))
		json_object_set_new(object, "note",
				    json_sprintf("%s is no address of Linux yet: what is for it "
						 "goes to Linux as soon as it stands on %s.kni",
						 addr_format(&route.is.prefix.addr, address),
						 route.iface));
	return put_reply(request, existed, object, "route", prefix_format(&route.is.prefix, text));
}

/* What the query says about which route is meant. */
static int route_query(const struct request *request, struct network_route *route,
		       struct error *error)
{
	const char *iface = request_query(request, "interface");
	const char *via = request_query(request, "via");
	const char *scope = request_query(request, "scope");
	uint64_t metric = 0;
	int status = request_number(request, "metric", UINT32_MAX, &metric, error);

	route->is.metric = (uint32_t)metric;
	route->scope = SCOPE_NONE;
	if (status == 0 && iface != NULL)
		snprintf(route->iface, sizeof(route->iface), "%.15s", iface);
	if (status == 0 && via != NULL && addr_parse(via, &route->is.gateway) < 0)
		status = error_set(error, -EINVAL, "via", "\"%.64s\" is no IPv4 or IPv6 address",
				   via);
	if (status == 0 && scope != NULL)
		status = network_decode_scope(scope, route, error);
	return status;
}

int rest_route_delete(struct request *request, struct error *error)
{
	struct network_route route = {0};
	char text[PREFIX_TEXT];
	int status = route_of_request(request, &route, error);

	if (status == 0)
		status = route_query(request, &route, error);
	if (status == 0)
		status = network_route_delete(&route, error);
	return status < 0 ? status
			  : delete_reply(request, "route", prefix_format(&route.is.prefix, text));
}

/* Neighbours */

static int neighbour_of_request(const struct request *request, struct network_neighbour *neighbour,
				struct error *error)
{
	int status = name_of_request(request, 0, neighbour->iface, error);

	if (status == 0)
		status = document_decode_address(request_part(request, 1), &neighbour->addr, error);
	if (status == 0 &&
	    (addr_is_multicast(&neighbour->addr) || addr_is_unspecified(&neighbour->addr)))
		status = error_set(error, -EINVAL, "address", "must be the address of one host");
	return status;
}

int rest_neighbour_put(struct request *request, struct error *error)
{
	struct network_neighbour neighbour = {0};
	char text[ADDR_TEXT];
	bool existed = false;
	int status = neighbour_of_request(request, &neighbour, error);
	json_t *body = status == 0 ? request_body(request, error) : NULL;

	if (body == NULL)
		return error->code;
	status = network_decode_neighbour(body, &neighbour, error);
	json_decref(body);
	if (status == 0)
		status = network_neighbour_put(&neighbour, request_flag(request, "new"), &existed,
					       error);
	return status < 0 ? status
			  : put_reply(request, existed, network_neighbour_json(&neighbour),
				      "neighbour", addr_format(&neighbour.addr, text));
}

int rest_neighbour_delete(struct request *request, struct error *error)
{
	struct network_neighbour neighbour = {0};
	char text[ADDR_TEXT];
	int status = neighbour_of_request(request, &neighbour, error);

	if (status == 0)
		status = network_neighbour_delete(&neighbour, error);
	return status < 0 ? status
			  : delete_reply(request, "neighbour", addr_format(&neighbour.addr, text));
}

/* Ports */

int rest_port_patch(struct request *request, struct error *error)
{
	struct network_port port = {0};
	int status = name_of_request(request, 0, port.name, error);
	json_t *body = status == 0 ? request_body(request, error) : NULL;

	if (body == NULL)
		return error->code;
	status = network_decode_port(body, &port, error);
	if (status == 0)
		status = network_port_patch(&port, error);
	if (status == 0) {
		char *text = json_dumps(body, JSON_COMPACT);

		log_notice("%s: port %s set %s", request_peer(request), port.name,
			   text ? text : "");
		free(text);
		request_wait_grace(request);
	}
	json_decref(body);
	return status < 0 ? status : rest_port_get(request, error);
}

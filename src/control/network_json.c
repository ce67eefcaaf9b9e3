/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON of addresses, routes, neighbours and settings of ports: bodies, and network.json. */
#include "control/network.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "control/decode.h"

/* Names and keys */

int network_iface(const char *name, struct iface **iface, struct error *error)
{
	char list[160] = "";

	*iface = iface_find(name);
	if (*iface != NULL)
		return 0;
	for (unsigned int i = 1; i < IFACE_MAX; i++) {
		const struct iface *one = iface_get(i);

		if (one != NULL)
			snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
				 list[0] ? ", " : "", one->name);
	}
	return error_set(error, -ENODEV, "interface", "there is no interface \"%.32s\"%s%s", name,
			 list[0] ? "; there are: " : "", list);
}

/* The address with the bits behind its length cleared. */
static struct prefix prefix_network(const struct prefix *prefix)
{
	struct prefix network = *prefix;

	for (unsigned int bit = prefix->len; bit < (prefix->addr.family == AF_INET6 ? 128 : 32);
	     bit++)
		network.addr.bytes[bit / 8] &= ~(0x80 >> bit % 8);
	return network;
}

int network_decode_prefix(const char *field, const char *address, const char *length, bool network,
			  struct prefix *prefix, struct error *error)
{
	unsigned long number, most;
	struct prefix clean;
	char text[PREFIX_TEXT], right[PREFIX_TEXT];
	char *end;

	memset(prefix, 0, sizeof(*prefix));
	if (addr_parse(address, &prefix->addr) < 0)
		return error_set(error, -EINVAL, field, "\"%.64s\" is no IPv4 or IPv6 address",
				 address);
	most = prefix->addr.family == AF_INET6 ? 128 : 32;
	number = strtoul(length, &end, 10);
	if (*length < '0' || *length > '9' || *end != '\0' || number > most)
		return error_set(error, -EINVAL, field,
				 "\"%.16s\" is no length of a prefix, 0 to %lu", length, most);
	prefix->len = (uint8_t)number;
	clean = prefix_network(prefix);
	if (network && !addr_equal(&clean.addr, &prefix->addr))
		return error_set(error, -EINVAL, field,
				 "%s has bits behind its length; the network is %s",
				 prefix_format(prefix, text), prefix_format(&clean, right));
	if (!network && (addr_is_multicast(&prefix->addr) || addr_is_unspecified(&prefix->addr) ||
			 (prefix->addr.family == AF_INET && prefix->addr.bytes[0] == 127)))
		return error_set(error, -EINVAL, field, "%s cannot be an interface's own address",
				 addr_format(&prefix->addr, text));
	return 0;
}

/* "10.0.0.0/16", of the saved file. */
static int prefix_load(const json_t *entry, const char *field, struct prefix *prefix,
		       struct error *error)
{
	const char *text = json_string_value(json_object_get(entry, field));

	if (text == NULL || prefix_parse(text, prefix) < 0)
		return error_set(error, -EINVAL, field, "is no prefix");
	return 0;
}

static int name_load(const json_t *entry, const char *field, char name[static IFACE_NAME],
		     struct error *error)
{
	const char *text = json_string_value(json_object_get(entry, field));

	if (text == NULL || strlen(text) >= IFACE_NAME)
		return error_set(error, -EINVAL, field, "is no name of an interface");
	snprintf(name, IFACE_NAME, "%s", text);
	return 0;
}

/* Addresses */

static const struct {
	const char *word;
	uint8_t scope;
} address_scopes[] = {
	{"host", RT_SCOPE_HOST},
	{"link", RT_SCOPE_LINK},
	{"global", RT_SCOPE_UNIVERSE},
};

enum { ADDRESS_SCOPES = sizeof(address_scopes) / sizeof(*address_scopes) };

static json_t *address_scope_json(uint8_t scope)
{
	for (unsigned int i = 0; i < ADDRESS_SCOPES; i++)
		if (address_scopes[i].scope == scope)
			return json_string(address_scopes[i].word);
	return json_integer(scope);
}

static int decode_address_scope(struct decode *d, const json_t *value, const struct field *field,
				void *target)
{
	uint8_t *scope = (uint8_t *)target + field->offset;
	const char *text = json_string_value(value);
	json_int_t number = json_integer_value(value);
	char *end;

	if (text != NULL && *text >= '0' && *text <= '9') {
		number = strtol(text, &end, 10);
		text = *end == '\0' ? NULL : text;
	} else if (text == NULL && !json_is_integer(value)) {
		number = -1;
	}
	for (unsigned int i = 0; text != NULL && i < ADDRESS_SCOPES; i++) {
		if (strcasecmp(text, address_scopes[i].word) == 0) {
			*scope = address_scopes[i].scope;
			return 0;
		}
	}
	if (text != NULL || number < 0 || number > UINT8_MAX)
		return decode_fail(d, -EINVAL, "\"%.32s\" is none of: host, link, global, 0 to 255",
				   text ? text : "");
	*scope = (uint8_t)number;
	return 0;
}

/* Seconds from now, as a number or "forever". */
static int decode_lifetime(struct decode *d, const json_t *value, const struct field *field,
			   void *target)
{
	int64_t *seconds = (int64_t *)((char *)target + field->offset);
	const char *text = json_string_value(value);

	if (text != NULL && strcasecmp(text, "forever") == 0) {
		*seconds = KERNEL_FOREVER;
		return 0;
	}
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) >= UINT32_MAX)
		return decode_fail(d, -EINVAL,
				   "must be a number of seconds, 0 to 4294967294, or \"forever\"");
	*seconds = json_integer_value(value);
	return 0;
}

/* Unix time, of the saved file. */
static int decode_until(struct decode *d, const json_t *value, const struct field *field,
			void *target)
{
	*(int64_t *)((char *)target + field->offset) = json_integer_value(value);
	return 0;
}

#define ADDRESS_FIELDS                                                                           \
	{"broadcast", decode_address, FIELD_OF(struct network_address, is.broadcast)},           \
		{"scope", decode_address_scope, FIELD_OF(struct network_address, is.scope)},     \
		{"valid_lifetime", decode_lifetime, FIELD_OF(struct network_address, is.valid)}, \
	{                                                                                        \
		"preferred_lifetime", decode_lifetime,                                           \
			FIELD_OF(struct network_address, is.preferred)                           \
	}

static int64_t until(int64_t seconds)
{
	return seconds == KERNEL_FOREVER ? KERNEL_FOREVER : time(NULL) + seconds;
}

int network_decode_address(const json_t *body, struct network_address *address, struct error *error)
{
	static const struct field fields[] = {ADDRESS_FIELDS, {NULL}};
	struct decode d = {.error = error};
	bool forever;
	int status;

	address->is.valid = address->is.preferred = KERNEL_FOREVER;
	status = decode_object(&d, body, fields, address);
	if (status < 0)
		return status;
	if (address->is.broadcast.family != AF_UNSPEC &&
	    (address->is.broadcast.family != AF_INET || address->is.prefix.addr.family != AF_INET))
		return error_set(error, -EINVAL, "broadcast", "only IPv4 has broadcast addresses");
	if (address->is.valid == 0)
		return error_set(error, -EINVAL, "valid_lifetime",
				 "is 0: such an address would be gone at once");
	forever = address->is.valid == KERNEL_FOREVER;
	if (address->is.preferred == KERNEL_FOREVER)
		address->is.preferred = address->is.valid;
	if (!forever && address->is.preferred > address->is.valid)
		return error_set(error, -EINVAL, "preferred_lifetime",
				 "is longer than valid_lifetime");
	address->valid_until = until(address->is.valid);
	address->preferred_until = until(address->is.preferred);
	return 0;
}

int network_load_address(const json_t *entry, struct network_address *address, struct error *error)
{
	static const struct field fields[] = {
		ADDRESS_FIELDS,
		{"interface", decode_ignore},
		{"address", decode_ignore},
		{"valid_until", decode_until, FIELD_OF(struct network_address, valid_until)},
		{"preferred_until", decode_until,
		 FIELD_OF(struct network_address, preferred_until)},
		{NULL},
	};
	struct decode d = {.error = error};
	int status = name_load(entry, "interface", address->iface, error);

	address->is.valid = address->is.preferred = KERNEL_FOREVER;
	address->valid_until = address->preferred_until = KERNEL_FOREVER;
	if (status == 0)
		status = prefix_load(entry, "address", &address->is.prefix, error);
	return status < 0 ? status : decode_object(&d, entry, fields, address);
}

json_t *network_address_json(const struct network_address *address)
{
	char text[PREFIX_TEXT], broadcast[ADDR_TEXT];
	json_t *object = json_pack("{s:s, s:s, s:o}", "interface", address->iface, "address",
				   prefix_format(&address->is.prefix, text), "scope",
				   address_scope_json(address->is.scope));

	if (address->is.broadcast.family != AF_UNSPEC)
		json_object_set_new(object, "broadcast",
				    json_string(addr_format(&address->is.broadcast, broadcast)));
	if (address->valid_until != KERNEL_FOREVER)
		json_object_set_new(object, "valid_until", json_integer(address->valid_until));
	if (address->preferred_until != KERNEL_FOREVER)
		json_object_set_new(object, "preferred_until",
				    json_integer(address->preferred_until));
	return object;
}

/* Routes */

static const char *const scope_words[] = {"host", "kni_host", "link", "global", NULL};

/* A body; scope, local and interface need more than their own value and are judged afterwards. */
struct route_body {
	char interface[IFACE_NAME];
	struct addr via, source;
	uint32_t metric;
	uint16_t mtu;
	uint8_t scope;
	bool local, onlink;
};

#define ROUTE_FIELDS                                                                             \
	{"interface", decode_text, FIELD_OF(struct route_body, interface), .minimum = 1},        \
		{"via", decode_address, FIELD_OF(struct route_body, via)},                       \
		{"source", decode_address, FIELD_OF(struct route_body, source)},                 \
		{"metric", decode_integer, FIELD_OF(struct route_body, metric), 0, UINT32_MAX},  \
		{"mtu", decode_integer, FIELD_OF(struct route_body, mtu), 0, UINT16_MAX},        \
		{"scope", decode_word, FIELD_OF(struct route_body, scope), .more = scope_words}, \
		{"onlink", decode_boolean, FIELD_OF(struct route_body, onlink)},                 \
	{                                                                                        \
		"local", decode_boolean, FIELD_OF(struct route_body, local)                      \
	}

static int route_check_family(const struct prefix *prefix, const struct addr *addr,
			      const char *field, struct error *error)
{
	if (addr->family == AF_UNSPEC)
		return 0;
	if (addr->family != prefix->addr.family)
		return error_set(error, -EINVAL, field,
				 "is not of the same family as the destination");
	if (addr_is_multicast(addr) || addr_is_unspecified(addr))
		return error_set(error, -EINVAL, field, "must be the address of one host");
	return 0;
}

static int route_check_scope(const struct network_route *route, struct error *error)
{
	unsigned int host = route->is.prefix.addr.family == AF_INET6 ? 128 : 32;
	bool has_gateway = route->is.gateway.family != AF_UNSPEC;

	if (route->scope == SCOPE_KNI_HOST && route->is.prefix.len != host)
		return error_set(error, -EINVAL, "scope",
				 "kni_host is for one address: the length must be %u", host);
	if (route->is.onlink && (!has_gateway || !route->iface[0]))
		return error_set(error, -EINVAL, "onlink",
				 "is about a gateway: \"via\" and \"interface\" are missing");
	if (route->scope != SCOPE_GLOBAL && has_gateway)
		return error_set(error, -EINVAL, "scope",
				 "%s means that there is no gateway, but \"via\" names one",
				 scope_words[route->scope]);
	return 0;
}

static int route_judge(const struct route_body *body, struct network_route *route,
		       struct error *error)
{
	int status;

	snprintf(route->iface, sizeof(route->iface), "%s", body->interface);
	route->is.gateway = body->via;
	route->is.source = body->source;
	route->is.metric = body->metric;
	route->is.mtu = body->mtu;
	route->is.onlink = body->onlink;
	route->scope = body->scope;
	if (body->local && body->scope != SCOPE_NONE && body->scope != SCOPE_HOST)
		return error_set(error, -EINVAL, "local", "means scope host, not %s",
				 scope_words[body->scope]);
	if (body->scope == SCOPE_NONE)
		route->scope = body->local		       ? SCOPE_HOST
			       : body->via.family == AF_UNSPEC ? SCOPE_LINK
							       : SCOPE_GLOBAL;
	route->is.local = route->scope == SCOPE_HOST;
	route->is.scope = route->scope == SCOPE_HOST   ? RT_SCOPE_HOST
			  : route->scope == SCOPE_LINK ? RT_SCOPE_LINK
						       : RT_SCOPE_UNIVERSE;
	if (route->is.mtu != 0 && route->is.mtu < 68)
		return error_set(error, -EINVAL, "mtu", "%u is out of range, 68 to 65535",
				 route->is.mtu);
	status = route_check_family(&route->is.prefix, &route->is.gateway, "via", error);
	if (status == 0)
		status = route_check_family(&route->is.prefix, &route->is.source, "source", error);
	return status < 0 ? status : route_check_scope(route, error);
}

int network_decode_route(const json_t *body, struct network_route *route, struct error *error)
{
	static const struct field fields[] = {ROUTE_FIELDS, {NULL}};
	struct route_body read = {.scope = SCOPE_NONE};
	struct decode d = {.error = error};
	int status = decode_object(&d, body, fields, &read);

	return status < 0 ? status : route_judge(&read, route, error);
}

int network_load_route(const json_t *entry, struct network_route *route, struct error *error)
{
	static const struct field fields[] = {ROUTE_FIELDS, {"destination", decode_ignore}, {NULL}};
	struct route_body read = {.scope = SCOPE_NONE};
	struct decode d = {.error = error};
	int status = prefix_load(entry, "destination", &route->is.prefix, error);

	if (status == 0)
		status = decode_object(&d, entry, fields, &read);
	return status < 0 ? status : route_judge(&read, route, error);
}

int network_decode_scope(const char *word, struct network_route *route, struct error *error)
{
	struct decode d = {.error = error, .path = "scope"};
	const struct field field = {FIELD_OF(struct network_route, scope), .more = scope_words};
	json_t *value = json_string(word);
	int status = decode_word(&d, value, &field, route);

	json_decref(value);
	return status;
}

json_t *network_route_json(const struct network_route *route)
{
	char text[PREFIX_TEXT], via[ADDR_TEXT], source[ADDR_TEXT];
	json_t *object = json_pack("{s:s, s:s, s:s}", "destination",
				   prefix_format(&route->is.prefix, text), "interface",
				   route->iface, "scope", scope_words[route->scope]);

	if (route->is.gateway.family != AF_UNSPEC)
		json_object_set_new(object, "via",
				    json_string(addr_format(&route->is.gateway, via)));
	if (route->is.source.family != AF_UNSPEC)
		json_object_set_new(object, "source",
				    json_string(addr_format(&route->is.source, source)));
	if (route->is.metric != 0)
		json_object_set_new(object, "metric", json_integer(route->is.metric));
	if (route->is.onlink)
		json_object_set_new(object, "onlink", json_true());
	if (route->is.mtu != 0)
		json_object_set_new(object, "mtu", json_integer(route->is.mtu));
	return object;
}

/* Neighbours */

static int decode_mac(struct decode *d, const json_t *value, const struct field *field,
		      void *target)
{
	struct rte_ether_addr *mac = (struct rte_ether_addr *)((char *)target + field->offset);
	const char *text = json_string_value(value);

	if (text == NULL || rte_ether_unformat_addr(text, mac) < 0)
		return decode_fail(d, -EINVAL, "\"%.32s\" is no MAC address like 02:00:00:00:00:01",
				   text ? text : "");
	if (!rte_is_valid_assigned_ether_addr(mac))
		return decode_fail(d, -EINVAL, "%s is not the address of one interface", text);
	return 0;
}

int network_decode_neighbour(const json_t *body, struct network_neighbour *neighbour,
			     struct error *error)
{
	static const struct field fields[] = {
		{"mac", decode_mac, FIELD_OF(struct network_neighbour, mac), .required = true},
		{NULL},
	};
	struct decode d = {.error = error};

	return decode_object(&d, body, fields, neighbour);
}

int network_load_neighbour(const json_t *entry, struct network_neighbour *neighbour,
			   struct error *error)
{
	static const struct field fields[] = {
		{"interface", decode_text, FIELD_OF(struct network_neighbour, iface),
		 .required = true},
		{"address", decode_address, FIELD_OF(struct network_neighbour, addr),
		 .required = true},
		{"mac", decode_mac, FIELD_OF(struct network_neighbour, mac), .required = true},
		{NULL},
	};
	struct decode d = {.error = error};

	return decode_object(&d, entry, fields, neighbour);
}

json_t *network_neighbour_json(const struct network_neighbour *neighbour)
{
	char text[ADDR_TEXT], mac[RTE_ETHER_ADDR_FMT_SIZE];

	rte_ether_format_addr(mac, sizeof(mac), &neighbour->mac);
	return json_pack("{s:s, s:s, s:s}", "interface", neighbour->iface, "address",
			 addr_format(&neighbour->addr, text), "mac", mac);
}

/* Ports */

static int decode_switch(struct decode *d, const json_t *value, const struct field *field,
			 void *target)
{
	const struct field as_bool = {.offset = 0, .size = sizeof(bool)};
	bool on = false;
	int status = decode_boolean(d, value, &as_bool, &on);

	*((int8_t *)target + field->offset) = on;
	return status;
}

static int decode_port_mac(struct decode *d, const json_t *value, const struct field *field,
			   void *target)
{
	((struct network_port *)target)->has_mac = true;
	return decode_mac(d, value, field, target);
}

#define PORT_FIELDS                                                                             \
	{"promiscuous", decode_switch, FIELD_OF(struct network_port, promiscuous)},             \
		{"all_multicast", decode_switch, FIELD_OF(struct network_port, all_multicast)}, \
		{"up", decode_switch, FIELD_OF(struct network_port, up)},                       \
	{                                                                                       \
		"mac", decode_port_mac, FIELD_OF(struct network_port, mac)                      \
	}

int network_decode_port(const json_t *body, struct network_port *port, struct error *error)
{
	static const struct field fields[] = {PORT_FIELDS, {NULL}};
	struct decode d = {.error = error};

	port->promiscuous = port->all_multicast = port->up = -1;
	return decode_object(&d, body, fields, port);
}

int network_load_port(const json_t *entry, struct network_port *port, struct error *error)
{
	static const struct field fields[] = {PORT_FIELDS, {"name", decode_ignore}, {NULL}};
	struct decode d = {.error = error};
	int status = name_load(entry, "name", port->name, error);

	port->promiscuous = port->all_multicast = port->up = -1;
	return status < 0 ? status : decode_object(&d, entry, fields, port);
}

json_t *network_port_json(const struct network_port *port)
{
	json_t *object = json_pack("{s:s}", "name", port->name);
	char mac[RTE_ETHER_ADDR_FMT_SIZE];

	if (port->promiscuous >= 0)
		json_object_set_new(object, "promiscuous", json_boolean(port->promiscuous));
	if (port->all_multicast >= 0)
		json_object_set_new(object, "all_multicast", json_boolean(port->all_multicast));
	if (port->has_mac) {
		rte_ether_format_addr(mac, sizeof(mac), &port->mac);
		json_object_set_new(object, "mac", json_string(mac));
	}
	return object;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/document_fields.h"
#include "control/match_number.h"

/*
 * The field `match` of a service: a text in either spelling of base/match.h, or an object with
 * protocol, family, source, destination, in and out. And what only such services have or have not.
 */

/* Names of the parts in an object, by the names that errors of base/match.h have. */
static const char *part_name(const char *part)
{
	static const char *const names[][2] = {
		{"proto", "protocol"}, {"src-range", "source"}, {"dst-range", "destination"},
		{"af", "family"},      {"iif", "in"},		{"oif", "out"},
		{"vni", "vni"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i][0], part) == 0)
			return names[i][1];
	return NULL;
}

static int match_fail(struct decode *d, const struct error *error)
{
	const char *part = part_name(error->field);

	if (part)
		decode_enter(d, ".%s", part);
	return decode_fail(d, -EINVAL, "%s", error->text);
}

static int decode_match_protocol(struct decode *d, const json_t *value, const struct field *field,
				 void *target)
{
	struct match *match = target;
	const char *text = json_string_value(value);

	match->protocol = text ? match_protocol_parse(text) : 0;
	if (match->protocol != 0)
		return 0;
	return decode_fail(d, -EINVAL, "\"%.32s\" is none of: tcp, udp, sctp, icmp, icmpv6",
			   text ? text : "");
}

static int decode_match_family(struct decode *d, const json_t *value, const struct field *field,
			       void *target)
{
	static const char *const words[] = {"ipv4", "ipv6", NULL};
	struct field place = {.size = 1, .more = words};
	uint8_t index;
	int status = decode_word(d, value, &place, &index);

	if (status == 0)
		((struct match *)target)->family = index == 0 ? AF_INET : AF_INET6;
	return status;
}

static int decode_match_range(struct decode *d, const json_t *value, const struct field *field,
			      void *target)
{
	struct match *match = target;
	const char *text = json_string_value(value);
	uint8_t family;
	struct error error;

	if (text == NULL)
		return decode_fail(d, -EINVAL, "must be a text such as 10.0.0.0/8 or A-B:P-Q");
	if (match_range_parse(text, (struct match_range *)((char *)match + field->offset), &family,
			      &error) < 0)
		return decode_fail(d, -EINVAL, "%s", error.text);
	if (match->family != AF_UNSPEC && match->family != family)
		return decode_fail(d, -EINVAL, "is IPv%c, and another part of the match IPv%c",
				   family == AF_INET ? '4' : '6', family == AF_INET ? '6' : '4');
	match->family = family;
	return 0;
}

static const struct field match_fields[] = {
	{"protocol", decode_match_protocol},
	{"family", decode_match_family},
	{"source", decode_match_range, FIELD_OF(struct match, source)},
	{"destination", decode_match_range, FIELD_OF(struct match, destination)},
	{"in", decode_text, FIELD_OF(struct match, in), .minimum = 1},
	{"out", decode_text, FIELD_OF(struct match, out), .minimum = 1},
	{"vni", decode_integer, FIELD_OF(struct match, vni), .minimum = 1,
	 .maximum = (1 << 24) - 1},
	{NULL},
};

int document_decode_match(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	struct model_service *service = target;
	struct error error;
	struct match match;
	struct service_key key;
	int status;

	memset(&match, 0, sizeof(match));
	if (json_is_string(value)) {
		if (match_parse(json_string_value(value), &match, &error) < 0)
			return match_fail(d, &error);
	} else {
		status = decode_object(d, value, match_fields, &match);
		if (status < 0)
			return status;
		if (match_normalize(&match, &error) < 0)
			return match_fail(d, &error);
	}
	key = match_key(&match);
	if (key.mark == 0)
		return decode_fail(d, -ENOSPC, "there is no room for more matches");
	if (service->key.kind != SERVICE_MATCH)
		strcpy(service->mode, "snat");
	service->key = key;
	return 0;
}

int document_decode_ranges(struct decode *d, const json_t *value, uint8_t family, bool any,
			   struct match *out)
{
	struct error error;
	int status;

	memset(out, 0, sizeof(*out));
	if (json_is_string(value)) {
		char text[MATCH_TEXT];

		// The family follows from elsewhere: a text that lacks it is whole with it.
		snprintf(text, sizeof(text), "%s,af=%s", json_string_value(value),
			 family == AF_INET6 ? "ipv6" : "ipv4");
		status = match_parse(any ? json_string_value(value) : text, out, &error);
		if (status < 0 && any)
			status = match_parse(text, out, &error);
		return status < 0 ? match_fail(d, &error) : 0;
	}
	status = decode_object(d, value, match_fields, out);
	if (status < 0)
		return status;
	if (out->family == AF_UNSPEC)
		out->family = family;
	if (out->family != family && !any)
		return decode_fail(d, -EINVAL, "is of IPv%c, and packets says IPv%c",
				   out->family == AF_INET ? '4' : '6',
				   family == AF_INET ? '4' : '6');
	return match_normalize(out, &error) < 0 ? match_fail(d, &error) : 0;
}

static int judge_interface(struct decode *d, const char *name, const char *part)
{
	const struct document_source *source =
		((const struct document_context *)d->context)->source;
	bool exists = name[0] == '\0' ||
		      (source->has_interface ? source->has_interface(name, source->arg)
					     : iface_find(name) != NULL);

	if (exists)
		return 0;
	decode_enter(d, ".match.%s", part);
	return decode_fail(d, -EINVAL, "there is no interface \"%s\"", name);
}

/* What belongs to the address of a service, or to its servers, and not to a match. */
static int judge_foreign(struct decode *d, const json_t *json)
{
	static const char *const foreign[] = {"vip",
					      "port",
					      "port_end",
					      "protocol",
					      "fwmark",
					      "family",
					      "local_addresses",
					      "check",
					      "announce",
					      "one_packet",
					      "symmetric_return",
					      "client_address",
					      "proxy_protocol",
					      "uoa_max_trail"};

	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		const json_t *value = json_object_get(json, foreign[i]);

		if (value == NULL || json_is_false(value) || json_is_null(value) ||
		    (json_is_array(value) && json_array_size(value) == 0))
			continue;
		decode_enter(d, ".%s", foreign[i]);
		return decode_fail(d, -EINVAL, "is not for a service by match");
	}
	return 0;
}

int document_judge_match(struct decode *d, const json_t *json, const struct model_service *service)
{
	bool by_match = service->key.kind == SERVICE_MATCH;
	int status;

	for (unsigned int i = 0; i < service->server_count; i++) {
		const struct model_server *server = &service->servers[i];
		char text[ADDR_TEXT];

		if ((strcmp(model_server_mode(service, server), "snat") == 0) == by_match)
			continue;
		addr_format(&server->addr, text);
		decode_enter(d, ".mode");
		return by_match ? decode_fail(d, -EINVAL,
					      "a service by match has the mode snat, %s has %s",
					      text, model_server_mode(service, server))
				: decode_fail(d, -EINVAL, "snat is for a service by match");
	}
	if ((strcmp(service->mode, "snat") == 0) != by_match) {
		decode_enter(d, ".mode");
		return by_match ? decode_fail(d, -EINVAL,
					      "a service by match has the mode snat, not %s",
					      service->mode)
				: decode_fail(d, -EINVAL, "snat is for a service by match");
	}
	if (!by_match)
		return 0;
	status = judge_foreign(d, json);
	if (status == 0)
		status = judge_interface(d, match_of_key(&service->key)->in, "in");
	return status < 0 ? status : judge_interface(d, match_of_key(&service->key)->out, "out");
}

int document_check_wan(struct decode *d, const struct service_key *key,
		       const struct model_server *server)
{
	bool snat = strcmp(server->mode, "snat") == 0;

	if (*server->mode && snat != (key->kind == SERVICE_MATCH)) {
		decode_enter(d, ".mode");
		return decode_fail(d, -EINVAL,
				   snat ? "snat is for a service by match"
					: "of a WAN address of a service by match is snat");
	}
	if (key->kind != SERVICE_MATCH)
		return 0;
	if (server->port != 0) {
		decode_enter(d, ".port");
		return decode_fail(
			d, -EINVAL,
			"must be 0 or left out: SNAT chooses the ports of a WAN address");
	}
	if (server->check != NULL) {
		decode_enter(d, ".check");
		return decode_fail(d, -EINVAL, "is not for a WAN address");
	}
	if (server->addr.family == key->vip.family)
		return 0;
	decode_enter(d, ".address");
	return decode_fail(d, -EINVAL, "is IPv%c, and the match IPv%c",
			   server->addr.family == AF_INET ? '4' : '6',
			   key->vip.family == AF_INET ? '4' : '6');
}

json_t *document_match_json(const struct match *match)
{
	json_t *object = json_object();
	char text[MATCH_RANGE_TEXT];

	if (match->protocol)
		json_object_set_new(object, "protocol",
				    json_string(match_protocol_name(match->protocol)));
	if (match_range_is_any(&match->source) && match_range_is_any(&match->destination))
		json_object_set_new(object, "family",
				    json_string(match->family == AF_INET ? "ipv4" : "ipv6"));
	if (!match_range_is_any(&match->source))
		json_object_set_new(
			object, "source",
			json_string(match_range_format(&match->source, match->family, text)));
	if (!match_range_is_any(&match->destination))
		json_object_set_new(
			object, "destination",
			json_string(match_range_format(&match->destination, match->family, text)));
	if (match->in[0])
		json_object_set_new(object, "in", json_string(match->in));
	if (match->out[0])
		json_object_set_new(object, "out", json_string(match->out));
	if (match->vni)
		json_object_set_new(object, "vni", json_integer(match->vni));
	return object;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/config_tunnel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/config_fields.h"
#include "control/decode.h"

/* JSON of tunnel interfaces: bodies of requests, entries of the file, what network.json keeps. */

static const char *const tunnel_kinds[] = {[TUNNEL_KIND_IPIP] = "ipip",
					   [TUNNEL_KIND_GRE] = "gre",
					   [TUNNEL_KIND_VXLAN] = "vxlan",
					   NULL};

enum { VXLAN_IDENTIFIER_MAX = (1 << 24) - 1 };

static int decode_number_or_inherit(struct decode *d, const json_t *value,
				    const struct field *field, void *target)
{
	int16_t *number = (int16_t *)((char *)target + field->offset);
	const char *text = json_string_value(value);

	if (text && strcmp(text, "inherit") == 0)
		*number = TUNNEL_INHERIT;
	else if (!json_is_integer(value) || json_integer_value(value) < field->minimum ||
		 json_integer_value(value) > 255)
		return decode_fail(d, -EINVAL, "must be a number, %d to 255, or inherit",
				   (int)field->minimum);
	else
		*number = (int16_t)json_integer_value(value);
	return 0;
}

/* "any" is what DPVS' dpip calls an address that is not fixed. */
static int decode_end(struct decode *d, const json_t *value, const struct field *field,
		      void *target)
{
	const char *text = json_string_value(value);

	if (text == NULL || strcmp(text, "any") != 0)
		return decode_address(d, value, field, target);
	return 0;
}

static int decode_key(struct decode *d, const json_t *value, const struct field *field,
		      void *target)
{
	const struct field number = {.size = 4, .maximum = UINT32_MAX};
	struct tunnel_config *config = target;
	uint32_t key;
	int status = decode_integer(d, value, &number, &key);

	if (status < 0)
		return status;
	if (strcmp(field->name, "output_key") != 0) {
		config->has_input_key = true;
		config->input_key = key;
	}
	if (strcmp(field->name, "input_key") != 0) {
		config->has_output_key = true;
		config->output_key = key;
	}
	return 0;
}

static int decode_checksum(struct decode *d, const json_t *value, const struct field *field,
			   void *target)
{
	struct tunnel_config *config = target;

	if (!json_is_boolean(value))
		return decode_fail(d, -EINVAL, "must be true or false");
	if (strcmp(field->name, "output_checksum") != 0)
		config->input_checksum = json_is_true(value);
	if (strcmp(field->name, "input_checksum") != 0)
		config->output_checksum = json_is_true(value);
	return 0;
}

static int decode_sequence(struct decode *d, const json_t *value, const struct field *field,
			   void *target)
{
	struct tunnel_config *config = target;

	if (!json_is_boolean(value))
		return decode_fail(d, -EINVAL, "must be true or false");
	if (strcmp(field->name, "output_sequence") != 0)
		config->input_sequence = json_is_true(value);
	if (strcmp(field->name, "input_sequence") != 0)
		config->output_sequence = json_is_true(value);
	return 0;
}

static int decode_identifier(struct decode *d, const json_t *value, const struct field *field,
			     void *target)
{
	const struct field number = {.size = 4, .maximum = VXLAN_IDENTIFIER_MAX};
	struct tunnel_config *config = target;
	int status = decode_integer(d, value, &number, &config->input_key);

	config->output_key = config->input_key;
	config->has_input_key = config->has_output_key = true;
	return status;
}

static const struct field tunnel_fields[] = {
	{"name", decode_interface_name, FIELD_OF(struct tunnel_config, name), .minimum = 1},
	{"kind", decode_word, FIELD_OF(struct tunnel_config, kind), .more = tunnel_kinds,
	 .required = true},
	{"remote", decode_end, FIELD_OF(struct tunnel_config, remote), .required = true},
	{"local", decode_end, FIELD_OF(struct tunnel_config, local)},
	{"link", decode_interface_name, FIELD_OF(struct tunnel_config, link), .minimum = 1},
	{"key", decode_key},
	{"input_key", decode_key},
	{"output_key", decode_key},
	{"checksum", decode_checksum},
	{"input_checksum", decode_checksum},
	{"output_checksum", decode_checksum},
	{"sequence", decode_sequence},
	{"input_sequence", decode_sequence},
	{"output_sequence", decode_sequence},
	{"vni", decode_identifier},
	{"port", decode_integer, FIELD_OF(struct tunnel_config, port), .minimum = 1,
	 .maximum = UINT16_MAX},
	{"ttl", decode_number_or_inherit, FIELD_OF(struct tunnel_config, ttl), .minimum = 1},
	{"tos", decode_number_or_inherit, FIELD_OF(struct tunnel_config, tos)},
	{"tap", decode_interface_name, FIELD_OF(struct tunnel_config, tap), .minimum = 1},
	{"mtu", decode_integer, FIELD_OF(struct tunnel_config, mtu), .maximum = 9216},
	{"addresses", decode_ignore}, // of the file, taken by config_interface.c
	{NULL},
};

static int tunnel_check_kind(struct decode *d, const struct tunnel_config *t, const json_t *body)
{
	static const char *const of_gre[] = {"key",	 "input_key",	   "output_key",
					     "checksum", "input_checksum", "output_checksum",
					     "sequence", "input_sequence", "output_sequence",
					     NULL};
	static const char *const of_vxlan[] = {"vni", "port", NULL};
	const char *const *foreign[2] = {of_gre, of_vxlan};

	for (unsigned int i = 0; i < 2; i++) {
		if (t->kind == (i ? TUNNEL_KIND_VXLAN : TUNNEL_KIND_GRE))
			continue;
		for (const char *const *name = foreign[i]; *name; name++) {
			if (json_object_get(body, *name) == NULL)
				continue;
			decode_enter(d, ".%s", *name);
			return decode_fail(d, -EINVAL, "is only for a tunnel of kind %s",
					   i ? "vxlan" : "gre");
		}
	}
	return 0;
}

static int tunnel_check(struct decode *d, struct tunnel_config *t, const json_t *body)
{
	int status = tunnel_check_kind(d, t, body);

	if (status < 0)
		return status;
	if (t->remote.family == AF_UNSPEC || addr_is_unspecified(&t->remote) ||
	    addr_is_multicast(&t->remote)) {
		decode_enter(d, ".remote");
		return decode_fail(d, -EINVAL,
				   "must be the address of one host: packets have to go somewhere");
	}
	if (t->local.family != AF_UNSPEC && t->local.family != t->remote.family) {
		decode_enter(d, ".local");
		return decode_fail(d, -EINVAL, "is of another IP version than remote");
	}
	if (t->kind == TUNNEL_KIND_VXLAN && !t->has_input_key) {
		decode_enter(d, ".vni");
		return decode_fail(d, -EINVAL, "is missing: a tunnel of kind vxlan has one");
	}
	if (t->mtu > 0 && t->mtu < 68) {
		decode_enter(d, ".mtu");
		return decode_fail(d, -EINVAL, "%u is out of range, 68 to 9216", t->mtu);
	}
	t->local.family = t->remote.family;
	return 0;
}

int config_decode_tunnel(struct decode *d, const json_t *body, struct tunnel_config *config)
{
	int status;

	config->ttl = TEMPLATE_TTL;
	config->tos = TUNNEL_INHERIT;
	config->port = TUNNEL_VXLAN_PORT;
	status = decode_object(d, body, tunnel_fields, config);
	return status < 0 ? status : tunnel_check(d, config, body);
}

static json_t *number_or_inherit(int16_t number)
{
	return number < 0 ? json_string("inherit") : json_integer(number);
}

json_t *config_tunnel_json(const struct tunnel_config *t)
{
	char local[ADDR_TEXT], remote[ADDR_TEXT];
	json_t *object = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "name", t->name, "kind",
		tunnel_kinds[t->kind], "remote", addr_format(&t->remote, remote), "local",
		addr_is_unspecified(&t->local) ? "any" : addr_format(&t->local, local), "tap",
		t->tap, "ttl", number_or_inherit(t->ttl), "tos", number_or_inherit(t->tos));

	if (t->link[0])
		json_object_set_new(object, "link", json_string(t->link));
	if (t->mtu)
		json_object_set_new(object, "mtu", json_integer(t->mtu));
	if (t->kind == TUNNEL_KIND_VXLAN)
		json_object_update_new(object, json_pack("{s:i, s:i}", "vni", (int)t->input_key,
							 "port", (int)t->port));
	if (t->kind != TUNNEL_KIND_GRE)
		return object;
	if (t->has_input_key)
		json_object_set_new(object, "input_key", json_integer(t->input_key));
	if (t->has_output_key)
		json_object_set_new(object, "output_key", json_integer(t->output_key));
	json_object_update_new(object, json_pack("{s:b, s:b}", "input_checksum", t->input_checksum,
						 "output_checksum", t->output_checksum));
	if (t->input_sequence || t->output_sequence)
		json_object_update_new(object,
				       json_pack("{s:b, s:b}", "input_sequence", t->input_sequence,
						 "output_sequence", t->output_sequence));
	return object;
}

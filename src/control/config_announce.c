/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/config_announce.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/config.h"
#include "control/config_fields.h"
#include "control/decode.h"

enum { LINGER_MAX = 60 };

static const char *const shared_words[] = {
	[SHARED_ALL] = "all",
	[SHARED_ANY] = "any",
	NULL,
};

void announce_config_defaults(struct announce_config *config)
{
	memset(config, 0, sizeof(*config));
	strcpy(config->interface, "weir.vip");
	config->shared = SHARED_ALL;
	config->linger_ms = 1000;
}

/* Seconds, whole or not, into milliseconds. */
static int decode_linger(struct decode *d, const json_t *value, const struct field *field,
			 void *target)
{
	struct announce_config *config = target;
	double seconds = json_number_value(value);

	if (!json_is_number(value))
		return decode_fail(d, -EINVAL, "must be a number of seconds, such as 1.5");
	if (!(seconds >= 0 && seconds <= LINGER_MAX))
		return decode_fail(d, -EINVAL, "is out of range, 0 to %d seconds", LINGER_MAX);
	config->linger_ms = (uint32_t)(seconds * 1000 + 0.5);
	return 0;
}

static int decode_links(struct decode *d, const json_t *value, const struct field *field,
			void *target)
{
	struct announce_config *config = target;
	struct field name = {.size = PORT_NAME, .minimum = 1};
	size_t length, count;
	int status = decode_list_size(d, value, PORT_MAX, &count);

	config->link_count = 0;
	for (size_t i = 0; i < count && status == 0; i++) {
		length = decode_enter(d, "[%zu]", i);
		status = decode_text(d, json_array_get(value, i), &name,
				     config->links[config->link_count]);
		for (size_t k = 0; k < i && status == 0; k++) {
			if (strcmp(config->links[k], config->links[i]) == 0)
				status = decode_fail(d, -EINVAL,
						     "is the same as entry [%zu] of this list", k);
		}
		if (status < 0)
			return status;
		config->link_count++;
		decode_leave(d, length);
	}
	return status;
}

static const struct field isolate_fields[] = {
	{"links", decode_links},
	{"servers", decode_boolean, FIELD_OF(struct announce_config, isolate_servers)},
	{NULL},
};

static int decode_isolate(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	return json_is_null(value) ? 0 : decode_object(d, value, isolate_fields, target);
}

static int decode_gates(struct decode *d, const json_t *value, const struct field *field,
			void *target)
{
	static const struct field one = {.name = "sessions"};
	struct announce_config *config = target;
	size_t length, count;
	int status = decode_list_size(d, value, BFD_GATES, &count);

	config->bfd_count = 0;
	for (size_t i = 0; i < count && status == 0; i++) {
		const json_t *text = json_array_get(value, i);
		struct bfd_name *name = &config->bfd[i];

		length = decode_enter(d, "[%zu]", i);
		status = decode_bfd_reference(d, json_is_null(text) ? NULL : text, &one, name);
		for (size_t k = 0; k < i && status == 0; k++)
			if (memcmp(&config->bfd[k], name, sizeof(*name)) == 0)
				status = decode_fail(d, -EINVAL,
						     "is the same as entry [%zu] of this list", k);
		if (status < 0)
			return status;
		config->bfd_count++;
		decode_leave(d, length);
	}
	return status;
}

static const struct field gate_fields[] = {
	{"sessions", decode_gates, .required = true},
	{"quorum", decode_integer, FIELD_OF(struct announce_config, bfd_quorum), .minimum = 1,
	 .maximum = BFD_GATES},
	{NULL},
};

static int decode_gate(struct decode *d, const json_t *value, const struct field *field,
		       void *target)
{
	struct announce_config *config = target;
	int status;

	config->bfd_count = 0;
	config->bfd_quorum = 1;
	status = json_is_null(value) ? 0 : decode_object(d, value, gate_fields, config);
	if (status < 0 || json_is_null(value) || config->bfd_quorum <= config->bfd_count)
		return status;
	decode_enter(d, ".quorum");
	return decode_fail(d, -EINVAL, "is %u, but there are only %u sessions", config->bfd_quorum,
			   config->bfd_count);
}

static const struct field announce_fields[] = {
	{"interface", decode_interface_name, FIELD_OF(struct announce_config, interface),
	 .minimum = 1},
	{"shared", decode_word, FIELD_OF(struct announce_config, shared), .more = shared_words},
	{"linger", decode_linger},
	{"isolate", decode_isolate},
	{"bfd", decode_gate},
	{NULL},
};

int decode_announce(struct decode *d, const json_t *value, const struct field *field, void *target)
{
	struct config *config = target;

	return json_is_null(value) ? 0
				   : decode_object(d, value, announce_fields, &config->announce);
}

int announce_config_check(const struct config *config, struct error *error)
{
	const struct announce_config *announce = &config->announce;
	char field[40];

	for (unsigned int i = 0; i < config->port_count; i++) {
		if (strcmp(config->ports[i].tap, announce->interface) == 0)
			return error_set(
				error, -EINVAL, "announce.interface",
				"\"%s\" is the TAP of port %s: VIPs need a device of their "
				"own",
				announce->interface, config->ports[i].name);
	}
	for (unsigned int i = 0; i < announce->link_count; i++) {
		unsigned int k = 0;

		while (k < config->port_count &&
		       strcmp(config->ports[k].name, announce->links[i]) != 0)
			k++;
		if (k < config->port_count)
			continue;
		snprintf(field, sizeof(field), "announce.isolate.links[%u]", i);
		return error_set(error, -EINVAL, field, "there is no port \"%s\"",
				 announce->links[i]);
	}
	return 0;
}

json_t *announce_config_json(const struct announce_config *config)
{
	json_t *links = json_array(), *sessions = json_array(), *object;
	char name[BFD_REFERENCE];

	for (unsigned int i = 0; i < config->link_count; i++)
		json_array_append_new(links, json_string(config->links[i]));
	for (unsigned int i = 0; i < config->bfd_count; i++)
		json_array_append_new(sessions,
				      json_string(bfd_reference_format(&config->bfd[i], name)));
	object = json_pack("{s:s, s:s, s:f, s:{s:o, s:b}}", "interface", config->interface,
			   "shared", shared_words[config->shared], "linger",
			   config->linger_ms / 1000.0, "isolate", "links", links, "servers",
			   config->isolate_servers);
	if (config->bfd_count == 0) {
		json_decref(sessions);
		return object;
	}
	json_object_set_new(
		object, "bfd",
		json_pack("{s:o, s:i}", "sessions", sessions, "quorum", (int)config->bfd_quorum));
	return object;
}

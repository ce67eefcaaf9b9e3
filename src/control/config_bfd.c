/* SPDX-License-Identifier: BSD-3-Clause */

/* The section `bfd` of the file, and sessions as every door has them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config.h"
#include "control/document_fields.h"
#include "tunnel/vm_table.h"

enum {
	INTERVAL = 300, // milliseconds
	INTERVAL_LEAST = BFD_INTERVAL_MIN / 1000,
	INTERVAL_MOST = BFD_INTERVAL_MAX / 1000,
	MULTIPLIER = 3,
	ACCEPTS_MAX = 64,
	ACCEPT_LIMIT = 256,
};

const char *const bfd_kind_words[] = {"single_hop", "multihop", "vxlan", NULL};

/* In the order of enum bfd_auth_type. */
static const char *const auth_words[] = {
	"none", "password", "md5", "meticulous_md5", "sha1", "meticulous_sha1", NULL,
};

/* What fields are decoded into: milliseconds, and a secret as text. */
struct row {
	struct bfd_spec spec;
	struct bfd_accept accept;
	uint32_t interval, transmit, receive;
	uint32_t multiplier, key_id;
	uint8_t auth;
	char secret[BFD_SECRET_MAX + 1];
};

static int decode_kind(struct decode *d, const json_t *value, const struct field *field,
		       void *target)
{
	struct field word = {.size = 1, .more = bfd_kind_words};
	struct row *row = target;
	uint8_t kind;
	int status = decode_word(d, value, &word, &kind);

	if (status == 0)
		row->spec.name.kind = row->accept.kind = kind;
	return status;
}

static int decode_refused(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	if (json_is_false(value) || json_is_null(value))
		return 0;
	return decode_fail(d, -EINVAL,
			   "is not done: both ends send all the time (asynchronous mode), and "
			   "peers are told so");
}

static int decode_from(struct decode *d, const json_t *value, const struct field *field,
		       void *target)
{
	const char *text = json_string_value(value);
	struct row *row = target;

	if (text == NULL || prefix_parse(text, &row->accept.from) < 0)
		return decode_fail(d, -EINVAL, "must be a prefix such as 10.0.0.0/8");
	return 0;
}

static const struct field auth_fields[] = {
	{"type", decode_word, FIELD_OF(struct row, auth), .more = auth_words, .required = true},
	{"id", decode_integer, FIELD_OF(struct row, key_id), .maximum = 255},
	{"secret", decode_text, FIELD_OF(struct row, secret), .minimum = 1},
	{NULL},
};

static int decode_auth(struct decode *d, const json_t *value, const struct field *field,
		       void *target)
{
	struct row *row = target;
	unsigned int most;
	size_t length;
	int status;

	row->auth = BFD_AUTH_NONE;
	if (json_is_null(value))
		return 0;
	status = decode_object(d, value, auth_fields, row);
	if (status < 0 || row->auth == BFD_AUTH_NONE)
		return status;
	most = row->auth >= BFD_AUTH_SHA1 ? BFD_SECRET_MAX : 16;
	length = decode_enter(d, ".secret");
	if (row->secret[0] == '\0')
		return decode_fail(d, -EINVAL, "is missing");
	if (strlen(row->secret) > most)
		return decode_fail(d, -EINVAL, "has at most %u bytes with %s", most,
				   auth_words[row->auth]);
	decode_leave(d, length);
	return 0;
}

#define INTERVAL_OF(member) \
	FIELD_OF(struct row, member), .minimum = INTERVAL_LEAST, .maximum = INTERVAL_MOST
/* clang-format off */
#define COMMON_FIELDS \
	{"kind", decode_kind}, \
	{"interval", decode_integer, INTERVAL_OF(interval)}, \
	{"transmit_interval", decode_integer, INTERVAL_OF(transmit)}, \
	{"receive_interval", decode_integer, INTERVAL_OF(receive)}, \
	{"multiplier", decode_integer, FIELD_OF(struct row, multiplier), .minimum = 1, \
	 .maximum = 255}, \
	{"auth", decode_auth}, \
	{"demand", decode_refused}, \
	{"echo", decode_refused}
/* clang-format on */

static const struct field session_fields[] = {
	{"peer", document_decode_unicast, FIELD_OF(struct row, spec.name.peer), .required = true},
	{"vni", decode_integer, FIELD_OF(struct row, spec.name.vni), .maximum = VNI_MAX},
	{"local", document_decode_unicast, FIELD_OF(struct row, spec.local)},
	{"passive", decode_boolean, FIELD_OF(struct row, spec.config.passive)},
	COMMON_FIELDS,
	{NULL},
};

static const struct field accept_fields[] = {
	{"from", decode_from},
	{"vm_hosts", decode_boolean, FIELD_OF(struct row, accept.vm_hosts)},
	{"limit", decode_integer, FIELD_OF(struct row, accept.limit), .minimum = 1,
	 .maximum = BFD_SESSIONS_MAX},
	COMMON_FIELDS,
	{NULL},
};

static void row_defaults(struct row *row)
{
	memset(row, 0, sizeof(*row));
	row->interval = INTERVAL;
	row->multiplier = MULTIPLIER;
	row->accept.limit = ACCEPT_LIMIT;
}

static void row_finish(const struct row *row, struct bfd_config *config)
{
	config->min_transmit = (row->transmit ? row->transmit : row->interval) * 1000;
	config->min_receive = (row->receive ? row->receive : row->interval) * 1000;
	config->multiplier = row->multiplier;
	memset(&config->key, 0, sizeof(config->key));
	config->key.type = row->auth;
	if (row->auth == BFD_AUTH_NONE)
		return;
	config->key.id = row->key_id;
	config->key.length = strlen(row->secret);
	memcpy(config->key.secret, row->secret, config->key.length);
}

/* What does not go together. */
static int judge_session(struct decode *d, const struct bfd_spec *spec)
{
	const struct bfd_name *name = &spec->name;

	if (name->vni != 0 && name->kind != BFD_VXLAN) {
		decode_enter(d, ".vni");
		return decode_fail(d, -EINVAL, "is only for sessions of kind vxlan");
	}
	if (spec->local.family != AF_UNSPEC && name->kind == BFD_VXLAN) {
		decode_enter(d, ".local");
		return decode_fail(d, -EINVAL, "is not for kind vxlan: vpc.addresses are used");
	}
	if (spec->local.family != AF_UNSPEC && spec->local.family != name->peer.family) {
		decode_enter(d, ".local");
		return decode_fail(d, -EINVAL, "is not of the peer's family");
	}
	if (name->peer.family == AF_INET6 && name->peer.bytes[0] == 0xfe &&
	    (name->peer.bytes[1] & 0xc0) == 0x80) {
		decode_enter(d, ".peer");
		return decode_fail(d, -EOPNOTSUPP,
				   "is a link-local address, which is not available yet");
	}
	return 0;
}

static int session_decode(struct decode *d, const json_t *json, const struct field *fields,
			  struct bfd_spec *spec)
{
	struct row row;
	int status;

	row_defaults(&row);
	row.spec = *spec;
	status = decode_object(d, json, fields, &row);
	if (status == 0)
		status = judge_session(d, &row.spec);
	if (status < 0)
		return status;
	row_finish(&row, &row.spec.config);
	*spec = row.spec;
	return 0;
}

int bfd_decode_session(const json_t *body, struct bfd_spec *spec, struct error *error)
{
	struct field fields[sizeof(session_fields) / sizeof(session_fields[0])];
	const struct bfd_name wanted = spec->name;
	struct decode d = {.error = error};
	int status;

	memcpy(fields, session_fields, sizeof(fields));
	fields[0].required = false; // it stands in the path
	status = document_check_unicast(&d, &spec->name.peer);
	if (status == 0)
		status = session_decode(&d, body, fields, spec);
	if (status == 0 && memcmp(&spec->name, &wanted, sizeof(wanted)) != 0)
		return error_set(error, -EINVAL, "",
				 "kind, peer and vni differ from those in the path");
	return status;
}

int bfd_decode_name(const char *kind, const char *peer, struct bfd_name *name, struct error *error)
{
	char address[ADDR_TEXT + 2];
	int status = document_split_vni(peer, address, &name->vni, error);

	if (status < 0)
		return status;
	for (name->kind = 0; bfd_kind_words[name->kind] != NULL; name->kind++)
		if (strcmp(kind, bfd_kind_words[name->kind]) == 0)
			break;
	if (bfd_kind_words[name->kind] == NULL)
		return error_set(error, -EINVAL, "kind",
				 "\"%.32s\" is none of: single_hop, multihop, vxlan", kind);
	if (addr_parse(address, &name->peer) < 0)
		return error_set(error, -EINVAL, "peer", "\"%.48s\" is not an address", address);
	return 0;
}

static int accept_decode(struct decode *d, const json_t *json, struct bfd_accept *accept)
{
	struct row row;
	int status;

	row_defaults(&row);
	status = decode_object(d, json, accept_fields, &row);
	if (status < 0)
		return status;
	if (row.accept.vm_hosts && row.accept.kind != BFD_VXLAN) {
		decode_enter(d, ".vm_hosts");
		return decode_fail(d, -EINVAL, "is only for kind vxlan");
	}
	if (row.accept.vm_hosts == (row.accept.from.addr.family != AF_UNSPEC)) {
		decode_enter(d, ".from");
		return decode_fail(d, -EINVAL,
				   row.accept.vm_hosts ? "is not needed beside vm_hosts"
						       : "is missing: a prefix, or vm_hosts: true");
	}
	row_finish(&row, &row.accept.config);
	row.accept.config.passive = true;
	*accept = row.accept;
	return 0;
}

static int decode_sessions(struct decode *d, const json_t *value, const struct field *field,
			   void *target)
{
	struct bfd_section *section = target;
	size_t length, count;
	int status = decode_list_size(d, value, BFD_SESSIONS_MAX, &count);

	if (status < 0)
		return status;
	section->sessions = calloc(count + 1, sizeof(*section->sessions));
	if (section->sessions == NULL)
		return decode_fail(d, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		struct bfd_spec *spec = &section->sessions[i];

		spec->origin = ORIGIN_FILE;
		length = decode_enter(d, "[%zu]", i);
		status = session_decode(d, json_array_get(value, i), session_fields, spec);
		for (size_t k = 0; k < i && status == 0; k++)
			if (memcmp(&section->sessions[k].name, &spec->name, sizeof(spec->name)) ==
			    0)
				status = decode_fail(d, -EINVAL, "is the same session as [%zu]", k);
		if (status < 0)
			return status;
		decode_leave(d, length);
		section->session_count++;
	}
	return 0;
}

static int decode_accepts(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	struct bfd_section *section = target;
	size_t length, count;
	int status = decode_list_size(d, value, ACCEPTS_MAX, &count);

	if (status < 0)
		return status;
	section->accepts = calloc(count + 1, sizeof(*section->accepts));
	if (section->accepts == NULL)
		return decode_fail(d, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		length = decode_enter(d, "[%zu]", i);
		status = accept_decode(d, json_array_get(value, i), &section->accepts[i]);
		if (status < 0)
			return status;
		decode_leave(d, length);
		section->accept_count++;
	}
	return 0;
}

static const struct field section_fields[] = {
	{"sessions", decode_sessions},
	{"accept", decode_accepts},
	{NULL},
};

int decode_bfd(struct decode *d, const json_t *value, const struct field *field, void *target)
{
	struct bfd_section *section = &((struct config *)target)->bfd;

	bfd_section_free(section);
	return json_is_null(value) ? 0 : decode_object(d, value, section_fields, section);
}

void bfd_section_drop(struct bfd_section *section)
{
	memset(section, 0, sizeof(*section));
}

void bfd_section_free(struct bfd_section *section)
{
	free(section->sessions);
	free(section->accepts);
	bfd_section_drop(section);
}

/* Listings */

char *bfd_peer_format(const struct bfd_name *name, char text[static ADDR_TEXT + 16])
{
	addr_format(&name->peer, text);
	if (name->vni)
		sprintf(text + strlen(text), "@%u", name->vni);
	return text;
}

static void config_add(json_t *object, const struct bfd_config *config, bool secrets)
{
	json_t *auth;

	json_object_set_new(object, "transmit_interval", json_integer(config->min_transmit / 1000));
	json_object_set_new(object, "receive_interval", json_integer(config->min_receive / 1000));
	json_object_set_new(object, "multiplier", json_integer(config->multiplier));
	if (config->key.type == BFD_AUTH_NONE)
		return;
	auth = json_pack("{s:s, s:i}", "type", auth_words[config->key.type], "id", config->key.id);
	if (secrets)
		json_object_set_new(
			auth, "secret",
			json_stringn((const char *)config->key.secret, config->key.length));
	json_object_set_new(object, "auth", auth);
}

json_t *bfd_spec_json(const struct bfd_spec *spec, bool secrets)
{
	char text[ADDR_TEXT];
	json_t *object = json_pack("{s:s, s:s}", "peer", addr_format(&spec->name.peer, text),
				   "kind", bfd_kind_words[spec->name.kind]);

	if (spec->name.vni)
		json_object_set_new(object, "vni", json_integer(spec->name.vni));
	if (spec->local.family != AF_UNSPEC)
		json_object_set_new(object, "local", json_string(addr_format(&spec->local, text)));
	if (spec->config.passive)
		json_object_set_new(object, "passive", json_true());
	config_add(object, &spec->config, secrets);
	return object;
}

json_t *bfd_accept_json(const struct bfd_accept *accept, bool secrets)
{
	char text[PREFIX_TEXT];
	json_t *object = json_pack("{s:s, s:i}", "kind", bfd_kind_words[accept->kind], "limit",
				   (int)accept->limit);

	if (accept->vm_hosts)
		json_object_set_new(object, "vm_hosts", json_true());
	else
		json_object_set_new(object, "from",
				    json_string(prefix_format(&accept->from, text)));
	config_add(object, &accept->config, secrets);
	return object;
}

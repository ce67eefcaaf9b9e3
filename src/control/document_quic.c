/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "control/document_fields.h"

/*
 * Routing by QUIC connection ID (balance/quic.c) in a document: `quic` and `quic_lb` of a service,
 * `quic_id` of a real server, and whether they fit together.
 */
const char *const document_quic_words[] = {"none", "dpvs", "quic-lb", NULL};

/* A word; in DPVS's documents it is a boolean. */
int document_decode_quic(struct decode *d, const json_t *value, const struct field *field,
			 void *target)
{
	struct model_service *service = target;
	const struct field word = {FIELD_OF(struct model_service, quic.format),
				   .more = document_quic_words};

	if (!json_is_null(value) && !json_is_boolean(value))
		return decode_word(d, value, &word, target);
	service->quic.format = json_is_true(value) ? QUIC_DPVS : QUIC_NONE;
	return 0;
}

/* By rotation; the first three bits of a connection ID are its number, and 7 means: not routable. */
#define ROTATION(number)                                                                          \
	{                                                                                         \
#number, decode_integer, offsetof(struct quic_settings, id_length[number]), 1, 1, \
			QUIC_SERVER_ID                                                            \
	}

static const struct field rotation_fields[] = {
	ROTATION(0), ROTATION(1), ROTATION(2), ROTATION(3),
	ROTATION(4), ROTATION(5), ROTATION(6), {NULL},
};

/* {"0": 4, "1": 8}, in place of what was there. */
int document_decode_quic_lb(struct decode *d, const json_t *value, const struct field *field,
			    void *target)
{
	struct quic_settings *quic = &((struct model_service *)target)->quic;
	struct quic_settings wanted = {.format = quic->format};
	int status = json_is_null(value) ? 0 : decode_object(d, value, rotation_fields, &wanted);

	if (status == 0)
		memcpy(quic->id_length, wanted.id_length, sizeof(quic->id_length));
	return status;
}

static int digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* "0a0b": the bytes of a server ID. */
int document_decode_quic_id(struct decode *d, const json_t *value, const struct field *field,
			    void *target)
{
	struct quic_server_id *id = &((struct model_server *)target)->quic_id;
	const char *text = json_string_value(value);
	size_t length = text ? strlen(text) : 0;

	memset(id, 0, sizeof(*id));
	if (json_is_null(value) || (text && length == 0))
		return 0;
	if (!text || length % 2 || length > 2 * QUIC_SERVER_ID ||
	    strspn(text, "0123456789abcdefABCDEF") != length)
		return decode_fail(d, -EINVAL,
				   "must be 1 to %d bytes, two hexadecimal digits each, such as "
				   "\"0a1f\"",
				   QUIC_SERVER_ID);
	for (size_t i = 0; i < length; i += 2)
		id->bytes[i / 2] = (uint8_t)(digit(text[i]) << 4 | digit(text[i + 1]));
	id->length = (uint8_t)(length / 2);
	return 0;
}

static bool has_rotations(const struct quic_settings *quic)
{
	static const uint8_t none[QUIC_ROTATIONS];

	return memcmp(quic->id_length, none, sizeof(none)) != 0;
}

int document_judge_quic(struct decode *d, const struct model_service *service)
{
	const struct quic_settings *quic = &service->quic;
	const char *field = ".quic", *wrong = NULL;

	if (quic->format != QUIC_NONE && service->key.protocol != IPPROTO_UDP) {
		wrong = "is only for UDP";
	} else if (quic->format == QUIC_LB && !has_rotations(quic)) {
		field = ".quic_lb";
		wrong = "is missing: it says for each configuration rotation in use how many bytes "
			"its server IDs have, such as {\"0\": 4}";
	} else if (quic->format != QUIC_LB && has_rotations(quic)) {
		field = ".quic_lb";
		wrong = "is only for a service with quic: quic-lb";
	}
	if (!wrong)
		return 0;
	decode_enter(d, "%s", field);
	return decode_fail(d, -EINVAL, "%s", wrong);
}

json_t *document_quic_lb_json(const struct quic_settings *quic)
{
	json_t *object = json_object();

	for (unsigned int i = 0; i < QUIC_ROTATIONS; i++)
		if (quic->id_length[i])
			json_object_set_new(object, rotation_fields[i].name,
					    json_integer(quic->id_length[i]));
	return object;
}

char *document_quic_id_format(const struct quic_server_id *id, char text[static QUIC_ID_TEXT])
{
	text[0] = '\0';
	for (unsigned int i = 0; i < id->length; i++)
		snprintf(text + 2 * i, 3, "%02x", id->bytes[i]);
	return text;
}

static int id_compare(const void *a, const void *b)
{
	const struct model_server *const *x = a, *const *y = b;

	return memcmp(&(*x)->quic_id, &(*y)->quic_id, sizeof((*x)->quic_id));
}

/* Two servers that were given the same ID. */
static int check_same(const struct model_server **given, unsigned int count, struct error *error)
{
	char one[ENDPOINT_TEXT], other[ENDPOINT_TEXT];

	qsort(given, count, sizeof(*given), id_compare);
	for (unsigned int i = 1; i < count; i++)
		if (id_compare(&given[i - 1], &given[i]) == 0)
			return error_set(
				error, -EINVAL, "servers",
				"real servers %s and %s have the same quic_id",
				endpoint_format(&given[i - 1]->addr, given[i - 1]->port, one),
				endpoint_format(&given[i]->addr, given[i]->port, other));
	return 0;
}

int document_check_quic(const struct model_service *service, struct error *error)
{
	const struct model_server **given = NULL;
	char text[ENDPOINT_TEXT];
	unsigned int count = 0;
	int status = 0;

	for (unsigned int i = 0; i < service->server_count; i++) {
		const struct model_server *server = &service->servers[i];

		if (server->quic_id.length == 0)
			continue;
		if (service->quic.format != QUIC_LB)
			return error_set(error, -EINVAL, "servers",
					 "real server %s: quic_id is only for a service with quic: "
					 "quic-lb",
					 endpoint_format(&server->addr, server->port, text));
		if (!memchr(service->quic.id_length, server->quic_id.length, QUIC_ROTATIONS))
			return error_set(error, -EINVAL, "servers",
					 "real server %s: quic_id has %u bytes, and no rotation of "
					 "quic_lb has server IDs of that length",
					 endpoint_format(&server->addr, server->port, text),
					 server->quic_id.length);
		if (!given)
			given = calloc(service->server_count, sizeof(*given));
		if (!given)
			return error_set(error, -ENOMEM, "", "out of memory");
		given[count++] = server;
	}
	if (given)
		status = check_same(given, count, error);
	free(given);
	return status;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "control/check.h"
#include "control/check_status.h"
#include "control/decode.h"
#include "control/document.h"
#include "control/document_fields.h"

/*
 * The field `check`, of a service and of a real server. That of a service is complete, and what is
 * sent later goes over it; that of a real server is kept as it was named, replaced as a whole, and
 * means something only together with its service's.
 */
enum { INTERVAL_LEAST = 100, INTERVAL_MOST = 3600 * 1000 };

/* Seconds, which may be a fraction, as milliseconds. */
static int decode_duration(struct decode *d, const json_t *value, const struct field *field,
			   void *target)
{
	double seconds = json_number_value(value);

	if (!json_is_number(value))
		return decode_fail(d, -EINVAL, "must be a number of seconds, such as 5 or 0.5");
	if (!(seconds * 1000 >= INTERVAL_LEAST && seconds * 1000 <= INTERVAL_MOST))
		return decode_fail(d, -EINVAL, "%g s is out of range, 0.1 to 3600", seconds);
	*(uint32_t *)((char *)target + field->offset) = (uint32_t)lround(seconds * 1000);
	return 0;
}

/* Text that goes into a line of an HTTP request: no blanks, nothing that ends the line. */
static int decode_line(struct decode *d, const json_t *value, const struct field *field,
		       void *target)
{
	int status = decode_text(d, value, field, target);

	if (status < 0)
		return status;
	for (const char *c = (const char *)target + field->offset; *c != '\0'; c++) {
		if (!isgraph((unsigned char)*c) && (unsigned char)*c < 0x80)
			return decode_fail(d, -EINVAL,
					   "must not hold blanks or control characters");
	}
	return 0;
}

static int decode_check_path(struct decode *d, const json_t *value, const struct field *field,
			     void *target)
{
	int status = decode_line(d, value, field, target);

	if (status == 0 && *((const char *)target + field->offset) != '/')
		return decode_fail(d, -EINVAL, "must begin with \"/\"");
	return status;
}

/* One entry of `status` as text: 200, or "200-299". */
static bool status_append(const json_t *value, char *text, size_t room)
{
	size_t length = strlen(text);
	int written;

	if (json_is_integer(value))
		written = snprintf(text + length, room - length, "%s%lld", length ? "," : "",
				   (long long)json_integer_value(value));
	else if (json_is_string(value))
		written = snprintf(text + length, room - length, "%s%s", length ? "," : "",
				   json_string_value(value));
	else
		return false;
	return written > 0 && (size_t)written < room - length;
}

/* A status, a range, several separated by commas, or a list of these. */
static int decode_status(struct decode *d, const json_t *value, const struct field *field,
			 void *target)
{
	char text[CHECK_STATUS] = "";
	bool good = json_is_array(value) || status_append(value, text, sizeof(text));

	for (size_t i = 0; good && i < json_array_size(value); i++)
		good = status_append(json_array_get(value, i), text, sizeof(text));
	if (!good || !check_status_valid(text))
		return decode_fail(d, -EINVAL,
				   "must be HTTP statuses from 100 to 599, such as 200, "
				   "\"200-299\" or [200, \"301-302\"]");
	memset((char *)target + field->offset, 0, field->size);
	strcpy((char *)target + field->offset, text);
	return 0;
}

/* In the order of enum check_field. */
static const struct field check_fields[] = {
	{"type", decode_word, FIELD_OF(struct check, type), .more = check_types},
	{"port", decode_integer, FIELD_OF(struct check, port), .minimum = 1, .maximum = 65535},
	{"interval", decode_duration, FIELD_OF(struct check, interval)},
	{"timeout", decode_duration, FIELD_OF(struct check, timeout)},
	{"rise", decode_integer, FIELD_OF(struct check, rise), .minimum = 1, .maximum = 100},
	{"fall", decode_integer, FIELD_OF(struct check, fall), .minimum = 1, .maximum = 100},
	{"on_failure", decode_word, FIELD_OF(struct check, on_failure), .more = check_failures},
	{"path", decode_check_path, FIELD_OF(struct check, path), .minimum = 1},
	{"host", decode_line, FIELD_OF(struct check, host)},
	{"status", decode_status, FIELD_OF(struct check, status)},
	{"send", decode_text, FIELD_OF(struct check, send)},
	{"expect", decode_text, FIELD_OF(struct check, expect)},
	{NULL},
};

static uint32_t names_of(const json_t *value)
{
	uint32_t named = 0;

	for (unsigned int i = 0; check_fields[i].name != NULL; i++) {
		if (json_object_get(value, check_fields[i].name) != NULL)
			named |= 1u << i;
	}
	return named;
}

static int field_fail(struct decode *d, const char *name, const char *text)
{
	decode_enter(d, ".%s", name);
	return decode_fail(d, -EINVAL, "%s", text);
}

/* Does what is named fit the type, and the rest together? */
static int check_judge(struct decode *d, const struct check *check, uint32_t named)
{
	static const char only_http[] = "only a check of type http has this";
	bool http = check->type == CHECK_HTTP, udp = check->type == CHECK_UDP;

	if ((named & CHECK_HAS_PATH) != 0 && !http)
		return field_fail(d, "path", only_http);
	if ((named & CHECK_HAS_HOST) != 0 && !http)
		return field_fail(d, "host", only_http);
	if ((named & CHECK_HAS_STATUS) != 0 && !http)
		return field_fail(d, "status", only_http);
	if ((named & CHECK_HAS_SEND) != 0 && !udp)
		return field_fail(d, "send", "only a check of type udp sends something");
	if ((named & CHECK_HAS_EXPECT) != 0 && !udp && !http)
		return field_fail(d, "expect", "only checks of type http and udp expect something");
	if ((named & CHECK_HAS_PORT) != 0 && check->type == CHECK_PING)
		return field_fail(d, "port", "a check of type ping has no port");
	if (check->timeout <= check->interval)
		return 0;
	decode_enter(d, ".timeout");
	return decode_fail(d, -EINVAL,
			   "%g s is longer than the interval, %g s: a check must end before the "
			   "next begins",
			   check->timeout / 1000.0, check->interval / 1000.0);
}

/* A type that the object names, or `type`. */
static int type_decode(struct decode *d, const json_t *value, uint8_t *type)
{
	const json_t *word = json_object_get(value, "type");
	const struct field field = {.size = 1, .more = check_types};
	size_t length;
	int status;

	if (word == NULL)
		return 0;
	length = decode_enter(d, ".type");
	status = decode_word(d, word, &field, type);
	if (status == 0)
		decode_leave(d, length);
	return status;
}

static void check_change_type(struct check *check, uint8_t type)
{
	const struct check was = *check;

	check_defaults(check, type);
	check->interval = was.interval;
	check->timeout = was.timeout;
	check->rise = was.rise;
	check->fall = was.fall;
	check->on_failure = was.on_failure;
}

static int check_store(struct decode *d, const struct check *check, const struct check **out)
{
	*out = check_intern(check);
	return *out != NULL ? 0 : decode_fail(d, -ENOMEM, "out of memory");
}

/* No program here speaks SCTP, so its servers are asked whether they live at all. */
static uint8_t check_default_type(uint8_t protocol)
{
	return protocol == IPPROTO_UDP	  ? CHECK_UDP
	       : protocol == IPPROTO_SCTP ? CHECK_PING
					  : CHECK_TCP;
}

int document_decode_check(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	struct model_service *service = target;
	uint8_t type = check_default_type(service->key.protocol);
	uint32_t named = names_of(value);
	struct check check;
	int status;

	if (json_is_null(value) || json_is_false(value)) {
		service->check = NULL;
		return 0;
	}
	if (service->check != NULL)
		type = service->check->type;
	status = json_is_object(value) ? type_decode(d, value, &type) : 0;
	if (status < 0)
		return status;
	if (service->check != NULL)
		check = *service->check;
	else
		check_defaults(&check, type);
	if (check.type != type)
		check_change_type(&check, type);
	status = decode_object(d, value, check_fields, &check);
	if (status < 0)
		return status;
	if ((named & CHECK_HAS_TIMEOUT) == 0 && check.timeout > check.interval)
		check.timeout = check.interval;
	check.named = CHECK_HAS_ALL;
	status = check_judge(d, &check, named);
	return status < 0 ? status : check_store(d, &check, &service->check);
}

/* A real server's own settings over those of the context's service. */
static int own_judge(struct decode *d, const struct check *service, const struct check *own)
{
	struct check effective;

	if (service == NULL && (own->named & CHECK_HAS_TYPE) == 0)
		return field_fail(d, "type", "is missing, and the service has no check");
	check_effective(service, own, &effective);
	return check_judge(d, &effective, own->named);
}

int document_decode_server_check(struct decode *d, const json_t *value, const struct field *field,
				 void *target)
{
	const struct document_context *context = d->context;
	const struct check *service = context->service ? context->service->check : NULL;
	struct model_server *server = target;
	struct check own;
	int status;

	memset(&own, 0, sizeof(own));
	server->check = &check_none;
	if (json_is_null(value) || json_is_false(value))
		return 0;
	status = decode_object(d, value, check_fields, &own);
	if (status < 0)
		return status;
	own.named = names_of(value);
	server->check = NULL;
	if (own.named == 0)
		return 0; // as the service
	status = own_judge(d, service, &own);
	return status < 0 ? status : check_store(d, &own, &server->check);
}

/* After the service's settings changed: do its servers' own still fit? */
int document_judge_checks(struct decode *d, const struct model_service *service)
{
	for (unsigned int i = 0; i < service->server_count; i++) {
		const struct model_server *server = &service->servers[i];
		char text[ENDPOINT_TEXT];
		struct error inner;
		struct decode own = {.error = &inner};

		if (server->check == NULL || server->check == &check_none ||
		    own_judge(&own, service->check, server->check) == 0)
			continue;
		decode_enter(d, ".check");
		return decode_fail(d, -EINVAL,
				   "does not go with the own settings of server %s: %s: %s",
				   endpoint_format(&server->addr, server->port, text), inner.field,
				   inner.text);
	}
	return 0;
}

/* JSON */

static json_t *duration_json(uint32_t milliseconds)
{
	if (milliseconds % 1000 == 0)
		return json_integer(milliseconds / 1000);
	return json_real(milliseconds / 1000.0);
}

json_t *document_check_json(const struct check *check)
{
	const struct {
		uint32_t bit;
		const char *name, *text;
	} texts[] = {
		{CHECK_HAS_PATH, "path", check->path},	     {CHECK_HAS_HOST, "host", check->host},
		{CHECK_HAS_STATUS, "status", check->status}, {CHECK_HAS_SEND, "send", check->send},
		{CHECK_HAS_EXPECT, "expect", check->expect},
	};
	json_t *object = json_object();

	if ((check->named & CHECK_HAS_TYPE) != 0)
		json_object_set_new(object, "type", json_string(check_types[check->type]));
	if ((check->named & CHECK_HAS_PORT) != 0 && check->port != 0)
		json_object_set_new(object, "port", json_integer(check->port));
	if ((check->named & CHECK_HAS_INTERVAL) != 0)
		json_object_set_new(object, "interval", duration_json(check->interval));
	if ((check->named & CHECK_HAS_TIMEOUT) != 0)
		json_object_set_new(object, "timeout", duration_json(check->timeout));
	if ((check->named & CHECK_HAS_RISE) != 0)
		json_object_set_new(object, "rise", json_integer(check->rise));
	if ((check->named & CHECK_HAS_FALL) != 0)
		json_object_set_new(object, "fall", json_integer(check->fall));
	if ((check->named & CHECK_HAS_ON_FAILURE) != 0)
		json_object_set_new(object, "on_failure",
				    json_string(check_failures[check->on_failure]));
	for (unsigned int i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		// Of complete settings an empty text is the default; a server may name it.
		if ((check->named & texts[i].bit) != 0 &&
		    (texts[i].text[0] != '\0' || check->named != CHECK_HAS_ALL))
			json_object_set_new(object, texts[i].name, json_string(texts[i].text));
	}
	return object;
}

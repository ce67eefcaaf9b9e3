/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balance/mark.h"
#include "control/document_fields.h"

/* The section `marks`: rules that give firewall marks, in their order. */
static const char *const protocol_words[] = {"tcp", "udp", "sctp", NULL};
static const uint8_t protocol_numbers[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};

static int decode_mark_prefix(struct decode *d, const json_t *value, const struct field *field,
			      void *target)
{
	struct prefix *prefix = (struct prefix *)((char *)target + field->offset);
	const char *text = json_string_value(value);

	if (text != NULL && prefix_parse(text, prefix) == 0)
		return 0;
	return decode_fail(d, -EINVAL,
			   "must be an address, or a network such as 10.0.0.0/8 or 2001:db8::/32");
}

static int decode_mark_protocol(struct decode *d, const json_t *value, const struct field *field,
				void *target)
{
	const struct field place = {.size = 1, .more = protocol_words};
	uint8_t index;
	int status = decode_word(d, value, &place, &index);

	if (status == 0)
		((struct model_mark *)target)->protocol = protocol_numbers[index];
	return status;
}

static int decode_mark_interface(struct decode *d, const json_t *value, const struct field *field,
				 void *target)
{
	const struct document_context *context = d->context;
	const struct document_source *source = context->source;
	char *name = ((struct model_mark *)target)->iface;
	int status = decode_text(d, value, field, target);

	if (status < 0)
		return status;
	if (source->has_interface ? source->has_interface(name, source->arg)
				  : iface_find(name) != NULL)
		return 0;
	return decode_fail(d, -EINVAL, "there is no interface \"%s\"", name);
}

static int decode_origin(struct decode *d, const json_t *value, const struct field *field,
			 void *target)
{
	const struct document_context *context = d->context;
	const char *text = json_string_value(value);

	for (unsigned int i = 0; context->source->saved && text != NULL && i < ORIGIN_COUNT; i++)
		if (strcmp(text, origin_name(i)) == 0)
			((struct model_mark *)target)->origin = (uint8_t)i;
	return 0;
}

/* What a listing has counted is no configuration. */
static int decode_finding(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	return 0;
}

static const struct field mark_fields[] = {
	{"mark", decode_integer, FIELD_OF(struct model_mark, mark), .minimum = 1,
	 .maximum = UINT32_MAX, .required = true},
	{"protocol", decode_mark_protocol},
	{"source", decode_mark_prefix, FIELD_OF(struct model_mark, source)},
	{"destination", decode_mark_prefix, FIELD_OF(struct model_mark, destination)},
	{"port", decode_integer, FIELD_OF(struct model_mark, port), .minimum = 1, .maximum = 65535},
	{"port_end", decode_integer, FIELD_OF(struct model_mark, port_end), .minimum = 1,
	 .maximum = 65535},
	{"interface", decode_mark_interface, FIELD_OF(struct model_mark, iface), .minimum = 1},
	{"origin", decode_origin},
	{"hits", decode_finding},
	{NULL},
};

/* What the parts are together; fills in what was left out. */
static int mark_judge(struct decode *d, struct model_mark *rule)
{
	uint8_t from = rule->source.addr.family, to = rule->destination.addr.family;

	if (from == AF_UNSPEC && to == AF_UNSPEC && rule->iface[0] == '\0')
		return decode_fail(
			d, -EINVAL,
			"a rule names at least one of source, destination and interface");
	if (from != AF_UNSPEC && to != AF_UNSPEC && from != to) {
		decode_enter(d, ".destination");
		return decode_fail(d, -EINVAL, "is IPv%c, and the source IPv%c",
				   to == AF_INET ? '4' : '6', from == AF_INET ? '4' : '6');
	}
	if (rule->port_end != 0 && rule->port == 0) {
		decode_enter(d, ".port");
		return decode_fail(d, -EINVAL,
				   "is missing, where a range of ports ends (port_end)");
	}
	if (rule->port_end != 0 && rule->port_end < rule->port) {
		decode_enter(d, ".port_end");
		return decode_fail(d, -EINVAL, "must not be below the port, %u", rule->port);
	}
	if (rule->port_end == 0)
		rule->port_end = rule->port ? rule->port : UINT16_MAX;
	return 0;
}

static int mark_decode(struct decode *d, const json_t *value, struct model_mark *rule)
{
	const struct document_context *context = d->context;
	int status;

	memset(rule, 0, sizeof(*rule));
	rule->origin = (uint8_t)context->source->origin;
	status = decode_object(d, value, mark_fields, rule);
	return status < 0 ? status : mark_judge(d, rule);
}

int document_decode_marks(struct decode *d, const json_t *list, struct model_marks *marks)
{
	size_t count, length;
	int status = decode_list_size(d, list, MARK_RULES_MAX, &count);

	memset(marks, 0, sizeof(*marks));
	if (status < 0)
		return status;
	marks->rules = calloc(count + 1, sizeof(*marks->rules));
	if (marks->rules == NULL)
		return decode_fail(d, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count && status == 0; i++) {
		length = decode_enter(d, "[%zu]", i);
		status = mark_decode(d, json_array_get(list, i), &marks->rules[i]);
		for (unsigned int k = 0; k < i && status == 0; k++)
			if (mark_equal(&marks->rules[k], &marks->rules[i]))
				status = decode_fail(d, -EINVAL, "is the same as marks[%u]", k);
		if (status == 0)
			decode_leave(d, length);
		marks->count++;
	}
	if (status < 0)
		marks_free(marks);
	return status;
}

int document_decode_mark_rule(const json_t *body, struct model_mark *rule, struct error *error)
{
	const struct document_source source = {.origin = ORIGIN_REST};
	struct document_context context = {.source = &source};
	struct decode d = {.error = error, .context = &context};

	return mark_decode(&d, body, rule);
}

int document_decode_mark_list(const json_t *list, struct model_marks *marks, struct error *error)
{
	const struct document_source source = {.origin = ORIGIN_REST};
	struct document_context context = {.source = &source};
	struct decode d = {.error = error, .context = &context};

	decode_enter(&d, ".marks");
	return document_decode_marks(&d, list, marks);
}

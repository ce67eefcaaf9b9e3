/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/document_fields.h"

#include <errno.h>
#include <string.h>

#include "control/model.h"

/*
 * Limits of a service, in the words of the file and of the API. DPVS has two more words, bps and
 * limit_proportion: together they say how many bits a second the service may have.
 */
enum { PREFIX4 = 32, PREFIX6 = 64, BITS_MIN = 8000 };
#define BITS_MAX 1000000000000

const char *const document_limit_kinds[] = {
	[LIMIT_CONNECTIONS] = "connections",
	[LIMIT_NEW] = "new_connections",
	[LIMIT_PACKETS] = "packets",
	[LIMIT_BITS] = "bits",
	[LIMIT_KINDS] = NULL,
};
static const char *const reaction_words[] = {
	[LIMIT_DROP] = "drop",
	[LIMIT_RESET] = "reset",
	[LIMIT_PROHIBITED] = "prohibited",
	NULL,
};

/* A number, 0 or null: no limit. Fewer bits than a packet has every second are none. */
static int decode_rate(struct decode *d, const json_t *value, const struct field *field,
		       void *target)
{
	uint64_t *rate = (uint64_t *)((char *)target + field->offset);

	if (json_is_null(value)) {
		*rate = 0;
		return 0;
	}
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) > field->maximum ||
	    (json_integer_value(value) > 0 && json_integer_value(value) < field->minimum))
		return decode_fail(d, json_is_integer(value) ? -ERANGE : -EINVAL,
				   "must be a whole number, %lld to %lld, or 0 for no limit",
				   (long long)field->minimum, (long long)field->maximum);
	*rate = (uint64_t)json_integer_value(value);
	return 0;
}

#define RATE(kind, of)                                                    \
	decode_rate, .offset = offsetof(struct limit_settings, of[kind]), \
		     .minimum = kind == LIMIT_BITS ? BITS_MIN : 1,        \
		     .maximum = kind == LIMIT_BITS ? BITS_MAX : UINT32_MAX

static const struct field source_fields[] = {
	{"prefix4", decode_integer, FIELD_OF(struct limit_settings, prefix4), .minimum = 1,
	 .maximum = 32},
	{"prefix6", decode_integer, FIELD_OF(struct limit_settings, prefix6), .minimum = 1,
	 .maximum = 128},
	{"connections", RATE(LIMIT_CONNECTIONS, source)},
	{"new_connections", RATE(LIMIT_NEW, source)},
	{"packets", RATE(LIMIT_PACKETS, source)},
	{"bits", RATE(LIMIT_BITS, source)},
	{NULL},
};

static int decode_source(struct decode *d, const json_t *value, const struct field *field,
			 void *target)
{
	struct limit_settings *limits = target;

	memset(limits->source, 0, sizeof(limits->source));
	limits->prefix4 = limits->prefix6 = 0;
	if (json_is_null(value))
		return 0;
	limits->prefix4 = PREFIX4;
	limits->prefix6 = PREFIX6;
	return decode_object(d, value, source_fields, limits);
}

static const struct field limit_fields[] = {
	{"connections", RATE(LIMIT_CONNECTIONS, service)},
	{"new_connections", RATE(LIMIT_NEW, service)},
	{"packets", RATE(LIMIT_PACKETS, service)},
	{"bits", RATE(LIMIT_BITS, service)},
	{"reaction", decode_word, FIELD_OF(struct limit_settings, reaction),
	 .more = reaction_words},
	{"per_source", decode_source},
	{NULL},
};

/* Of the whole node there are only limits of sources. */
static const struct field node_fields[] = {
	{"per_source", decode_source},
	{NULL},
};

int document_limits_decode(struct decode *d, const json_t *value, bool node,
			   struct limit_settings *limits)
{
	struct limit_settings given = {0};
	int status = 0;

	if (!json_is_null(value))
		status = decode_object(d, value, node ? node_fields : limit_fields, &given);
	if (status < 0)
		return status;
	if (!limit_is_any(&given)) // what is left has nothing to say
		given.prefix4 = given.prefix6 = 0;
	*limits = given;
	return 0;
}

/* Given, they are given as a whole. */
int document_decode_limits(struct decode *d, const json_t *value, const struct field *field,
			   void *target)
{
	return document_limits_decode(d, value, false, &((struct model_service *)target)->limits);
}

int document_decode_bps(struct decode *d, const json_t *value, const struct field *field,
			void *target)
{
	const struct field bits = {.offset = 0, .minimum = BITS_MIN, .maximum = BITS_MAX};

	return decode_rate(d, value, &bits,
			   &((struct model_service *)target)->limits.service[LIMIT_BITS]);
}

/* 100: all of it. Fewer is a part of `bps`, which has to stand beside it. */
int document_decode_proportion(struct decode *d, const json_t *value, const struct field *field,
			       void *target)
{
	if (json_is_null(value) || json_integer_value(value) == 100)
		return 0;
	return decode_fail(d, -EINVAL,
			   "weir drops no packets at random: give the service `limits` (bits, "
			   "packets) instead, or a smaller bps");
}

static json_t *rates_json(const uint64_t *rates)
{
	json_t *object = json_object();

	for (unsigned int kind = 0; kind < LIMIT_KINDS; kind++)
		if (rates[kind])
			json_object_set_new(object, document_limit_kinds[kind],
					    json_integer((json_int_t)rates[kind]));
	return object;
}

json_t *document_limits_json(const struct limit_settings *limits)
{
	json_t *object = rates_json(limits->service), *source = rates_json(limits->source);

	if (json_object_size(source) > 0) {
		json_object_set_new(source, "prefix4", json_integer(limits->prefix4));
		json_object_set_new(source, "prefix6", json_integer(limits->prefix6));
		json_object_set(object, "per_source", source);
	}
	json_decref(source);
	if (limits->reaction != LIMIT_DROP)
		json_object_set_new(object, "reaction",
				    json_string(reaction_words[limits->reaction]));
	return object;
}

/* As in LVS, the lower one is no use above the upper one, or without it. */
int document_check_thresholds(struct decode *d, const struct model_server *server)
{
	if (server->lower <= server->upper)
		return 0;
	decode_enter(d, ".lower_threshold");
	return decode_fail(d, -EINVAL, "must be at most the upper_threshold, which is %u",
			   server->upper);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/* The section `traffic_control` of the file, and queues and classifiers as every door has them. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config.h"
#include "control/decode.h"
#include "control/document_fields.h"

enum { RATE_MAX_GIGABIT = 10000 };

const char *const traffic_kind_words[] = {"pfifo", "bfifo", "pfifo_fast", "tbf", NULL};
static const char *const packets_words[] = {"ipv4", "ipv6", "vlan", NULL};

/* Handles */

uint32_t traffic_handle_parse(const char *text)
{
	unsigned long major, minor = 0;
	char *end;

	if (strcmp(text, "root") == 0)
		return TRAFFIC_ROOT;
	if (strcmp(text, "ingress") == 0)
		return TRAFFIC_INGRESS;
	if (!isxdigit((unsigned char)*text))
		return 0;
	major = strtoul(text, &end, 16);
	if (*end != ':' || major > 0xfffe)
		return 0;
	if (end[1] != '\0') {
		if (!isxdigit((unsigned char)end[1]))
			return 0;
		minor = strtoul(end + 1, &end, 16);
		end--;
	}
	return end[1] != '\0' || minor > 0xffff ? 0 : (uint32_t)(major << 16 | minor);
}

char *traffic_handle_format(uint32_t handle, char text[static TRAFFIC_HANDLE_TEXT])
{
	if (handle == TRAFFIC_ROOT)
		return strcpy(text, "root");
	if (handle == TRAFFIC_INGRESS)
		return strcpy(text, "ingress");
	if (handle & 0xffff)
		snprintf(text, TRAFFIC_HANDLE_TEXT, "%x:%x", handle >> 16, handle & 0xffff);
	else
		snprintf(text, TRAFFIC_HANDLE_TEXT, "%x:", handle >> 16);
	return text;
}

static int decode_handle(struct decode *d, const json_t *value, const struct field *field,
			 void *target)
{
	const char *text = json_string_value(value);
	uint32_t handle = text ? traffic_handle_parse(text) : 0;

	if (handle == 0)
		return decode_fail(d, -EINVAL,
				   "must be root, ingress, or a handle as a text such as \"1:\"");
	memcpy((char *)target + field->offset, &handle, sizeof(handle));
	return 0;
}

static int decode_target(struct decode *d, const json_t *value, const struct field *field,
			 void *target)
{
	const char *text = json_string_value(value);

	if (text == NULL || strcmp(text, "drop") != 0)
		return decode_handle(d, value, field, target);
	((struct traffic_classifier_spec *)target)->target = 0;
	return 0;
}

/* Bits per second, as a number or as a text with k, m or g behind it. */
static int decode_rate(struct decode *d, const json_t *value, const struct field *field,
		       void *target)
{
	const char *text = json_string_value(value);
	double rate = json_is_integer(value) ? (double)json_integer_value(value) : 0;
	uint64_t *out = (void *)((char *)target + field->offset);
	char unit = '\0', more = '\0';

	if (text != NULL &&
	    (!isdigit((unsigned char)*text) || sscanf(text, "%lf%c%c", &rate, &unit, &more) > 2))
		rate = 0;
	rate *= unit == '\0'	       ? 1
		: tolower(unit) == 'k' ? 1e3
		: tolower(unit) == 'm' ? 1e6
		: tolower(unit) == 'g' ? 1e9
				       : 0;
	if (!(rate >= 1 && rate <= RATE_MAX_GIGABIT * 1e9))
		return decode_fail(d, -EINVAL,
				   "must be a rate in bit/s, such as 20000000 or 20m, up to %dg",
				   RATE_MAX_GIGABIT);
	*out = (uint64_t)rate;
	return 0;
}

/* Queues */

struct queue_row {
	struct traffic_queue_spec spec;
	uint32_t latency; // milliseconds, 0: not given
	bool limited;	  // `limit` is given
};

static int decode_limit(struct decode *d, const json_t *value, const struct field *field,
			void *target)
{
	((struct queue_row *)target)->limited = true;
	return decode_integer(d, value, field, target);
}

static int decode_kind(struct decode *d, const json_t *value, const struct field *field,
		       void *target)
{
	struct field word = {.size = 1, .more = traffic_kind_words};
	uint8_t kind = 0;
	int status = decode_word(d, value, &word, &kind);

	if (status == 0)
		((struct queue_row *)target)->spec.kind = kind;
	return status;
}

#define QUEUE(member) FIELD_OF(struct queue_row, spec.member)
static const struct field queue_fields[] = {
	{"handle", decode_handle, QUEUE(handle)},
	{"parent", decode_handle, QUEUE(parent)},
	{"kind", decode_kind},
	{"limit", decode_limit, QUEUE(limit), .minimum = 1, .maximum = UINT32_MAX},
	{"rate", decode_rate, QUEUE(rate)},
	{"burst", decode_integer, QUEUE(burst), .minimum = 1, .maximum = TRAFFIC_BURST_MAX},
	{"latency", decode_integer, FIELD_OF(struct queue_row, latency), .minimum = 1,
	 .maximum = 60000},
	{"peakrate", decode_rate, QUEUE(peakrate)},
	{"mtu", decode_integer, QUEUE(mtu), .minimum = 1, .maximum = TRAFFIC_BURST_MAX},
	{"packets", decode_ignore}, // what listings show
	{"bytes", decode_ignore},
	{"dropped", decode_ignore},
	{"overlimits", decode_ignore},
	{"backlog_packets", decode_ignore},
	{"backlog_bytes", decode_ignore},
	{NULL},
};

static int queue_lacks(struct decode *d, const char *field, const char *text)
{
	decode_enter(d, ".%s", field);
	return decode_fail(d, -EINVAL, "%s", text);
}

/* What a kind needs and what it does not have. */
static int queue_judge(struct decode *d, const json_t *json, struct queue_row *row)
{
	static const char *const of_tbf[] = {"rate", "burst", "latency", "peakrate", "mtu"};
	struct traffic_queue_spec *spec = &row->spec;

	for (unsigned int i = 0; i < 5 && spec->kind != TRAFFIC_TBF; i++)
		if (json_object_get(json, of_tbf[i]) != NULL)
			return queue_lacks(d, of_tbf[i], "is only for a tbf");
	if (spec->kind == TRAFFIC_PFIFO_FAST && row->limited)
		return queue_lacks(d, "limit", "is not for a pfifo_fast: it holds 1000 packets");
	if ((spec->kind == TRAFFIC_PFIFO || spec->kind == TRAFFIC_BFIFO) && spec->limit == 0)
		return queue_lacks(d, "limit", "is missing");
	if (spec->kind != TRAFFIC_TBF)
		return 0;
	if (spec->rate == 0)
		return queue_lacks(d, "rate", "is missing");
	if (spec->burst == 0)
		return queue_lacks(d, "burst", "is missing");
	if (row->latency && row->limited)
		return queue_lacks(d, "latency", "and limit exclude each other");
	if (row->latency)
		spec->limit = RTE_MAX(spec->rate / 8000 * row->latency, UINT64_C(1));
	if (spec->limit == 0)
		return queue_lacks(d, "latency", "is missing: milliseconds; or limit, in bytes");
	if (!spec->peakrate != !spec->mtu)
		return queue_lacks(d, spec->peakrate ? "mtu" : "peakrate",
				   "is missing: peakrate and mtu go together");
	if (spec->peakrate && spec->peakrate <= spec->rate)
		return queue_lacks(d, "peakrate", "must be above rate");
	return 0;
}

static int queue_decode(struct decode *d, const json_t *json, struct traffic_queue_spec *spec)
{
	struct queue_row row = {.spec = *spec};
	int status;

	if (spec->handle == 0)
		row.spec.kind = UINT32_MAX;
	status = decode_object(d, json, queue_fields, &row);
	if (status == 0 && row.spec.kind == UINT32_MAX)
		return queue_lacks(d, "kind", "is missing: pfifo, bfifo, pfifo_fast or tbf");
	// Another kind begins anew.
	if (status == 0 && spec->handle != 0 && row.spec.kind != spec->kind && spec->rate) {
		row.spec = (struct traffic_queue_spec){.handle = spec->handle,
						       .parent = spec->parent};
		row.limited = false;
		status = decode_object(d, json, queue_fields, &row);
	}
	if (status == 0)
		status = queue_judge(d, json, &row);
	if (status < 0)
		return status;
	if (row.spec.handle == TRAFFIC_ROOT || row.spec.handle == TRAFFIC_INGRESS) {
		if (json_object_get(json, "parent") != NULL)
			return queue_lacks(d, "parent", "is not for root and ingress");
		row.spec.parent = 0;
	} else if (row.spec.parent == 0) {
		row.spec.parent = TRAFFIC_ROOT;
	}
	*spec = row.spec;
	return 0;
}

int traffic_decode_queue(const json_t *body, struct traffic_queue_spec *spec, struct error *error)
{
	struct decode d = {.error = error};
	uint32_t handle = spec->handle;
	int status;

	status = queue_decode(&d, body, spec);
	if (status == 0 && spec->handle != handle)
		status = error_set(error, -EINVAL, "handle", "differs from that in the path");
	return status;
}

/* Classifiers */

static int decode_packets(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	struct field word = {.size = 1, .more = packets_words};
	uint8_t packets = 0;
	int status = decode_word(d, value, &word, &packets);

	if (status == 0)
		((struct traffic_classifier_spec *)target)->packets = packets;
	return status;
}

/* "NAME", "NAME,src" or "NAME,dst". */
static int decode_set(struct decode *d, const json_t *value, const struct field *field,
		      void *target)
{
	struct traffic_classifier_spec *spec = target;
	const char *text = json_string_value(value), *side = text ? strchr(text, ',') : NULL;
	size_t length = text ? strcspn(text, ",") : 0;

	if (length == 0 || length > SET_NAME_MAX ||
	    (side != NULL && strcmp(side, ",src") != 0 && strcmp(side, ",dst") != 0))
		return decode_fail(d, -EINVAL,
				   "must be the name of a set, with ,src or ,dst behind it");
	memcpy(spec->set, text, length);
	spec->set[length] = '\0';
	spec->destination = side != NULL && side[1] == 'd';
	return 0;
}

#define CLASSIFIER(member) FIELD_OF(struct traffic_classifier_spec, member)
static const struct field classifier_fields[] = {
	{"handle", decode_handle, CLASSIFIER(handle)},
	{"queue", decode_handle, CLASSIFIER(queue)},
	{"target", decode_target, CLASSIFIER(target), .required = true},
	{"packets", decode_packets},
	{"priority", decode_integer, CLASSIFIER(priority), .maximum = UINT32_MAX},
	{"match", decode_ignore}, // below: what it means depends on `packets`
	{"set", decode_set},
	{NULL},
};

static int classifier_decode(struct decode *d, const json_t *json,
			     struct traffic_classifier_spec *spec)
{
	const json_t *match = json_object_get(json, "match");
	struct traffic_classifier_spec row = {.handle = spec->handle, .queue = TRAFFIC_ROOT};
	int status = decode_object(d, json, classifier_fields, &row);
	size_t length;

	if (status < 0)
		return status;
	row.match.family = row.packets == TRAFFIC_IPV6 ? AF_INET6 : AF_INET;
	length = decode_enter(d, ".match");
	if (match != NULL && row.set[0] != '\0')
		return decode_fail(d, -EINVAL, "and set exclude each other");
	if (match == NULL && row.set[0] == '\0')
		return decode_fail(d, -EINVAL, "is missing; or set");
	if (match == NULL) {
		decode_leave(d, length);
		*spec = row;
		return 0;
	}
	status = document_decode_ranges(d, match, row.packets == TRAFFIC_IPV6 ? AF_INET6 : AF_INET,
					row.packets == TRAFFIC_VLAN, &row.match);
	if (status < 0)
		return status;
	if (row.match.vni != 0)
		return decode_fail(d, -EINVAL, "may not name a VNI");
	decode_leave(d, length);
	*spec = row;
	return 0;
}

int traffic_decode_classifier(const json_t *body, struct traffic_classifier_spec *spec,
			      struct error *error)
{
	struct decode d = {.error = error};
	uint32_t handle = spec->handle;
	int status = classifier_decode(&d, body, spec);

	if (status == 0 && spec->handle != handle)
		status = error_set(error, -EINVAL, "handle", "differs from that in the path");
	return status;
}

/* Ports */

static int decode_queues(struct decode *d, const json_t *value, const struct field *field,
			 void *target)
{
	struct traffic_spec *spec = target;
	size_t count, length;
	int status = decode_list_size(d, value, TRAFFIC_QUEUES_MAX, &count);

	for (size_t i = 0; i < count && status == 0; i++) {
		struct traffic_queue_spec *queue = &spec->queues[spec->queue_count++];

		memset(queue, 0, sizeof(*queue));
		length = decode_enter(d, "[%zu]", i);
		status = queue_decode(d, json_array_get(value, i), queue);
		if (status < 0)
			return status;
		if (queue->handle == 0)
			return queue_lacks(d, "handle", "is missing: root, ingress, or \"1:\"");
		decode_leave(d, length);
	}
	return status;
}

static int decode_classifiers(struct decode *d, const json_t *value, const struct field *field,
			      void *target)
{
	struct traffic_spec *spec = target;
	size_t count, length;
	int status = decode_list_size(d, value, TRAFFIC_CLASSIFIERS_MAX, &count);

	for (size_t i = 0; i < count && status == 0; i++) {
		struct traffic_classifier_spec *row = &spec->classifiers[i];

		memset(row, 0, sizeof(*row));
		length = decode_enter(d, "[%zu]", i);
		status = classifier_decode(d, json_array_get(value, i), row);
		if (status < 0)
			return status;
		if (row->handle == 0)
			row->handle = (uint32_t)(0x8001 + i) << 16;
		decode_leave(d, length);
		spec->classifier_count++;
	}
	return status;
}

static const struct field spec_fields[] = {
	{"interface", decode_text, FIELD_OF(struct traffic_spec, interface), .minimum = 1},
	{"egress", decode_boolean, FIELD_OF(struct traffic_spec, egress)},
	{"ingress", decode_boolean, FIELD_OF(struct traffic_spec, ingress)},
	{"queues", decode_queues},
	{"classifiers", decode_classifiers},
	{"origin", decode_ignore},
	{NULL},
};

static int spec_decode(struct decode *d, const json_t *json, struct traffic_spec *spec)
{
	spec->queue_count = spec->classifier_count = 0;
	spec->egress = spec->ingress = true;
	return decode_object(d, json, spec_fields, spec);
}

int traffic_decode_spec(const json_t *body, struct traffic_spec *spec, struct error *error)
{
	struct decode d = {.error = error};

	return spec_decode(&d, body, spec);
}

int decode_traffic(struct decode *d, const json_t *value, const struct field *field, void *target)
{
	struct traffic_section *section = &((struct config *)target)->traffic;
	size_t count, length;
	int status = decode_list_size(d, value, PORT_MAX, &count);

	traffic_section_free(section);
	if (status < 0 || count == 0)
		return status;
	section->specs = calloc(count, sizeof(*section->specs));
	if (section->specs == NULL)
		return decode_fail(d, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		struct traffic_spec *spec = &section->specs[i];

		length = decode_enter(d, "[%zu]", i);
		status = spec_decode(d, json_array_get(value, i), spec);
		if (status < 0)
			return status;
		if (spec->interface[0] == '\0')
			return queue_lacks(d, "interface", "is missing");
		spec->of_file = true;
		decode_leave(d, length);
		section->count++;
	}
	return 0;
}

void traffic_section_drop(struct traffic_section *section)
{
	memset(section, 0, sizeof(*section));
}

void traffic_section_free(struct traffic_section *section)
{
	free(section->specs);
	traffic_section_drop(section);
}

/* JSON */

json_t *traffic_queue_json(const struct traffic_queue_spec *spec)
{
	char text[TRAFFIC_HANDLE_TEXT];
	json_t *object = json_pack("{s:s}", "handle", traffic_handle_format(spec->handle, text));

	if (spec->parent)
		json_object_set_new(object, "parent",
				    json_string(traffic_handle_format(spec->parent, text)));
	json_object_set_new(object, "kind", json_string(traffic_kind_words[spec->kind]));
	if (spec->kind != TRAFFIC_PFIFO_FAST)
		json_object_set_new(object, "limit", json_integer((json_int_t)spec->limit));
	if (spec->kind != TRAFFIC_TBF)
		return object;
	json_object_set_new(object, "rate", json_integer((json_int_t)spec->rate));
	json_object_set_new(object, "burst", json_integer(spec->burst));
	if (spec->peakrate) {
		json_object_set_new(object, "peakrate", json_integer((json_int_t)spec->peakrate));
		json_object_set_new(object, "mtu", json_integer(spec->mtu));
	}
	return object;
}

json_t *traffic_classifier_json(const struct traffic_classifier_spec *spec)
{
	char text[TRAFFIC_HANDLE_TEXT], queue[TRAFFIC_HANDLE_TEXT], target[TRAFFIC_HANDLE_TEXT];

	json_t *object = json_pack(
		"{s:s, s:s, s:s, s:I, s:s}", "handle", traffic_handle_format(spec->handle, text),
		"queue", traffic_handle_format(spec->queue, queue), "packets",
		packets_words[spec->packets], "priority", (json_int_t)spec->priority, "target",
		spec->target ? traffic_handle_format(spec->target, target) : "drop");

	if (spec->set[0] != '\0')
		json_object_set_new(
			object, "set",
			json_sprintf("%s,%s", spec->set, spec->destination ? "dst" : "src"));
	else
		json_object_set_new(object, "match", document_match_json(&spec->match));
	return object;
}

static void counts_add(json_t *object, unsigned int port, uint32_t handle)
{
	struct traffic_report report;

	traffic_read(port, handle, &report);
	json_object_update_new(object,
			       json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "packets",
					 (json_int_t)report.counts.packets, "bytes",
					 (json_int_t)report.counts.bytes, "dropped",
					 (json_int_t)report.counts.drops, "overlimits",
					 (json_int_t)report.counts.overlimits, "backlog_packets",
					 (json_int_t)report.waiting_packets, "backlog_bytes",
					 (json_int_t)report.waiting_bytes));
}

json_t *traffic_spec_json(const struct traffic_spec *spec, int port)
{
	json_t *queues = json_array(), *classifiers = json_array(), *object;

	for (unsigned int i = 0; i < spec->queue_count; i++) {
		json_t *queue = traffic_queue_json(&spec->queues[i]);

		if (port >= 0)
			counts_add(queue, (unsigned int)port, spec->queues[i].handle);
		json_array_append_new(queues, queue);
	}
	for (unsigned int i = 0; i < spec->classifier_count; i++)
		json_array_append_new(classifiers, traffic_classifier_json(&spec->classifiers[i]));
	object = json_pack("{s:s, s:b, s:b, s:o, s:o}", "interface", spec->interface, "egress",
			   spec->egress, "ingress", spec->ingress, "queues", queues, "classifiers",
			   classifiers);
	if (port >= 0)
		json_object_set_new(object, "origin", json_string(spec->of_file ? "file" : "door"));
	return object;
}

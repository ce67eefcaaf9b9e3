/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/marks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balance/mark.h"
#include "base/log.h"
#include "base/protocol.h"
#include "control/model.h"
#include "path/workers.h"

/*
 * Each rule has a counter of the workers' for as long as it stays, wherever it moves to. Nobody can
 * set a counter of a worker to zero, so it counts from what it had when the rule got it.
 */
static struct {
	struct model_marks marks;
	uint16_t counters[MARK_RULES_MAX]; // of each rule
	uint64_t bases[MARK_RULES_MAX];	   // of each rule: what its counter had
	uint16_t ifaces[MARK_RULES_MAX];   // of each rule, as workers see it
} shown;

const struct model_marks *model_marks(void)
{
	return &shown.marks;
}

static bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && addr_equal(&a->addr, &b->addr);
}

bool mark_equal(const struct model_mark *a, const struct model_mark *b)
{
	return a->mark == b->mark && a->protocol == b->protocol && a->port == b->port &&
	       a->port_end == b->port_end && strcmp(a->iface, b->iface) == 0 &&
	       prefix_equal(&a->source, &b->source) &&
	       prefix_equal(&a->destination, &b->destination);
}

bool marks_equal(const struct model_marks *a, const struct model_marks *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned int i = 0; i < a->count; i++)
		if (!mark_equal(&a->rules[i], &b->rules[i]) ||
		    a->rules[i].origin != b->rules[i].origin)
			return false;
	return true;
}

int marks_copy(struct model_marks *marks, const struct model_marks *from)
{
	marks->count = 0;
	marks->rules = calloc(from->count + 1, sizeof(*marks->rules));
	if (marks->rules == NULL)
		return -ENOMEM;
	if (from->count > 0)
		memcpy(marks->rules, from->rules, from->count * sizeof(*marks->rules));
	marks->count = from->count;
	return 0;
}

void marks_free(struct model_marks *marks)
{
	free(marks->rules);
	memset(marks, 0, sizeof(*marks));
}

int marks_insert(struct model_marks *marks, unsigned int at, const struct model_mark *rule)
{
	struct model_mark *larger = realloc(marks->rules,
					    (marks->count + 1) * sizeof(*marks->rules));

	if (larger == NULL)
		return -ENOMEM;
	marks->rules = larger;
	memmove(larger + at + 1, larger + at, (marks->count - at) * sizeof(*larger));
	larger[at] = *rule;
	marks->count++;
	return 0;
}

static bool marks_have(const struct model_marks *marks, const struct model_mark *rule)
{
	for (unsigned int i = 0; i < marks->count; i++)
		if (mark_equal(&marks->rules[i], rule))
			return true;
	return false;
}

int marks_merge(struct model_marks *marks, const struct model_marks *running)
{
	for (unsigned int i = 0; i < running->count; i++) {
		const struct model_mark *rule = &running->rules[i];

		if (rule->origin == ORIGIN_FILE || marks->count >= MARK_RULES_MAX ||
		    marks_have(marks, rule))
			continue;
		if (marks_insert(marks, marks->count, rule) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Publishing */

/* An interface that has gone is none that a packet comes by. */
static uint16_t iface_number(const char *name)
{
	const struct iface *iface = name[0] ? iface_find(name) : NULL;

	return name[0] == '\0' ? 0 : iface ? iface->index : UINT16_MAX;
}

/* The counters: rules that stay keep theirs, new ones get those that nobody has. */
static void counters_give(const struct model_marks *marks, uint16_t counters[MARK_RULES_MAX],
			  uint64_t bases[MARK_RULES_MAX])
{
	bool used[MARK_RULES_MAX] = {0}, kept[MARK_RULES_MAX] = {0};
	unsigned int next = 0;

	for (unsigned int i = 0; i < marks->count; i++)
		for (unsigned int k = 0; k < shown.marks.count; k++) {
			if (kept[i] || used[shown.counters[k]] ||
			    !mark_equal(&marks->rules[i], &shown.marks.rules[k]))
				continue;
			counters[i] = shown.counters[k];
			bases[i] = shown.bases[k];
			used[counters[i]] = kept[i] = true;
		}
	for (unsigned int i = 0; i < marks->count; i++) {
		if (kept[i])
			continue;
		while (used[next])
			next++;
		used[next] = true;
		counters[i] = next;
		bases[i] = workers_mark_hits(next);
	}
}

int marks_publish(const struct model_marks *marks)
{
	struct mark_rule *rules = calloc(marks->count + 1, sizeof(*rules));
	uint16_t counters[MARK_RULES_MAX];
	uint64_t bases[MARK_RULES_MAX];
	struct model_marks copy;
	int status;

	if (rules == NULL)
		return -ENOMEM;
	counters_give(marks, counters, bases);
	for (unsigned int i = 0; i < marks->count; i++) {
		const struct model_mark *mark = &marks->rules[i];

		rules[i] = (struct mark_rule){
			.source = mark->source,
			.destination = mark->destination,
			.protocol = mark->protocol,
			.port = mark->port,
			.port_end = mark->port_end,
			.iface = iface_number(mark->iface),
			.counter = counters[i],
			.mark = mark->mark,
		};
	}
	status = marks_copy(&copy, marks);
	if (status < 0)
		goto free_rules;
	status = mark_publish(rules, marks->count);
	if (status < 0) {
		marks_free(&copy);
		goto free_rules;
	}
	marks_free(&shown.marks);
	shown.marks = copy;
	for (unsigned int i = 0; i < copy.count; i++) {
		shown.counters[i] = counters[i];
		shown.bases[i] = bases[i];
		shown.ifaces[i] = rules[i].iface;
	}
free_rules:
	free(rules);
	return status;
}

void marks_follow(void)
{
	for (unsigned int i = 0; i < shown.marks.count; i++) {
		if (iface_number(shown.marks.rules[i].iface) == shown.ifaces[i])
			continue;
		if (marks_publish(&shown.marks) < 0)
			log_error("out of memory: rules for marks do not follow their interfaces");
		return;
	}
}

void marks_stop(void)
{
	marks_free(&shown.marks);
}

/* In words */

char *mark_format(const struct model_mark *rule, char text[static MARK_TEXT])
{
	char prefix[PREFIX_TEXT];
	int length = snprintf(text, MARK_TEXT, "%u:%s%s", rule->mark, rule->protocol ? " " : "",
			      rule->protocol ? protocol_name(rule->protocol) : "");

	if (rule->source.addr.family != AF_UNSPEC)
		length += snprintf(text + length, MARK_TEXT - length, " from %s",
				   prefix_format(&rule->source, prefix));
	if (rule->destination.addr.family != AF_UNSPEC)
		length += snprintf(text + length, MARK_TEXT - length, " to %s",
				   prefix_format(&rule->destination, prefix));
	if (rule->port != 0)
		length += snprintf(text + length, MARK_TEXT - length, " port %u", rule->port);
	if (rule->port != 0 && rule->port_end != rule->port)
		length += snprintf(text + length, MARK_TEXT - length, "-%u", rule->port_end);
	if (rule->iface[0])
		snprintf(text + length, MARK_TEXT - length, " by %s", rule->iface);
	return text;
}

json_t *mark_json(const struct model_mark *rule, bool origin)
{
	json_t *object = json_pack("{s:I}", "mark", (json_int_t)rule->mark);
	char prefix[PREFIX_TEXT];

	if (rule->protocol)
		json_object_set_new(object, "protocol", json_string(protocol_name(rule->protocol)));
	if (rule->source.addr.family != AF_UNSPEC)
		json_object_set_new(object, "source",
				    json_string(prefix_format(&rule->source, prefix)));
	if (rule->destination.addr.family != AF_UNSPEC)
		json_object_set_new(object, "destination",
				    json_string(prefix_format(&rule->destination, prefix)));
	if (rule->port != 0)
		json_object_set_new(object, "port", json_integer(rule->port));
	if (rule->port != 0 && rule->port_end != rule->port)
		json_object_set_new(object, "port_end", json_integer(rule->port_end));
	if (rule->iface[0])
		json_object_set_new(object, "interface", json_string(rule->iface));
	if (origin)
		json_object_set_new(object, "origin", json_string(origin_name(rule->origin)));
	return object;
}

json_t *marks_json(const struct model_marks *marks, bool origins)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < marks->count; i++)
		json_array_append_new(list, mark_json(&marks->rules[i], origins));
	return list;
}

json_t *marks_show(void)
{
	json_t *list = marks_json(&shown.marks, true);

	for (unsigned int i = 0; i < shown.marks.count; i++)
		json_object_set_new(json_array_get(list, i), "hits",
				    json_integer((json_int_t)(workers_mark_hits(shown.counters[i]) -
							      shown.bases[i])));
	return list;
}

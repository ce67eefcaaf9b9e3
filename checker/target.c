/* SPDX-License-Identifier: BSD-3-Clause */
#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/keyed.h"

/*
 * Targets are found by key when a list is taken in, by number when an echo reply comes back, and
 * chained when they have something to tell. A number is used again when its target has gone, so
 * that numbers stay dense: the phase in the schedule follows from them.
 *
 * weir is told of changes only (state, streak, what the check said): ten thousand servers that stay
 * up cost one short request a second.
 */
enum {
	FIRST_CHECK = 5000
}; // milliseconds, within which a new target is checked for the first time

static struct {
	struct keyed table;
	struct target **by_number;
	uint32_t numbers, free_number; // none below free_number is free
	struct target *dirty, **dirty_end;
	// What was given to be told, and has not been told.
	struct told {
		struct target *target;
		uint32_t version;
	} * telling;
	uint32_t telling_count, telling_room;
} targets = {.table = KEYED_INIT(sizeof(struct target_key)), .dirty_end = &targets.dirty};

/* A row of the list */
struct entry {
	struct target_key key;
	struct row row;
	char result[TARGET_TEXT]; // that weir has
	uint16_t streak;
};

uint32_t target_count(void)
{
	return targets.table.count;
}

struct target *target_by_number(uint32_t number)
{
	return number < targets.numbers ? targets.by_number[number] : NULL;
}

/* What is to be told */

static void dirty_add(struct target *target)
{
	if (target->is_dirty)
		return;
	target->is_dirty = true;
	target->dirty = NULL;
	*targets.dirty_end = target;
	targets.dirty_end = &target->dirty;
}

static struct target *dirty_take(void)
{
	struct target *target = targets.dirty;

	if (target == NULL)
		return NULL;
	targets.dirty = target->dirty;
	if (targets.dirty == NULL)
		targets.dirty_end = &targets.dirty;
	target->is_dirty = false;
	return target;
}

static bool telling_add(struct target *target)
{
	uint32_t room = targets.telling_room ? 2 * targets.telling_room : 256;
	struct told *larger;

	if (targets.telling_count == targets.telling_room) {
		larger = realloc(targets.telling, room * sizeof(*larger));
		if (larger == NULL)
			return false;
		targets.telling = larger;
		targets.telling_room = room;
	}
	targets.telling[targets.telling_count++] = (struct told){.target = target,
								 .version = target->version};
	return true;
}

static json_t *row_json(const struct target *target, const struct row *row)
{
	char address[ADDR_TEXT];

	return json_pack("{s:s, s:s, s:I, s:i, s:s, s:i, s:s, s:s, s:s, s:i}", "protocol",
			 row->protocol, "vip", row->vip, "port", (json_int_t)row->port, "port_end",
			 row->port_end, "address", addr_format(&target->key.addr, address),
			 "server_port", row->server_port, "state", judge_name(target->judge.state),
			 "reason", target->reason[0] ? target->reason : target->result, "result",
			 target->result, "streak", target->judge.streak);
}

json_t *target_results(uint32_t most)
{
	json_t *list = json_array();
	struct target *target;

	for (uint32_t i = 0; i < targets.telling_count; i++)
		dirty_add(targets.telling[i].target);
	targets.telling_count = 0;
	while (json_array_size(list) < most && (target = dirty_take()) != NULL) {
		if (target->judge.state == JUDGE_UNCHECKED)
			continue; // a first bad result that is not enough yet
		if (!telling_add(target)) {
			dirty_add(target);
			break;
		}
		for (uint32_t i = 0; i < target->row_count; i++) {
			if (target->rows[i].told != target->version)
				json_array_append_new(list, row_json(target, &target->rows[i]));
		}
	}
	return list;
}

void target_told(void)
{
	for (uint32_t i = 0; i < targets.telling_count; i++) {
		struct target *target = targets.telling[i].target;

		for (uint32_t k = 0; k < target->row_count; k++)
			target->rows[k].told = targets.telling[i].version;
	}
	targets.telling_count = 0;
}

/* Checks */

bool target_judge(struct target *target, bool good, const char *result)
{
	const struct check *check = &target->key.check;
	uint16_t streak = target->judge.streak;
	bool changed = judge_take(&target->judge, good, check->rise, check->fall);

	if (!changed && streak == target->judge.streak && strcmp(result, target->result) == 0)
		return false;
	snprintf(target->result, sizeof(target->result), "%s", result);
	if (changed)
		memcpy(target->reason, target->result, sizeof(target->reason));
	target->version++;
	dirty_add(target);
	return changed;
}

void target_wait(struct target *target)
{
	schedule_set(&target->item, schedule_next(&target->base, events_now(),
						  target->key.check.interval, events_random()));
}

/* Taking in a list */

static void text_take(char *text, size_t room, const char *value)
{
	if (value != NULL)
		snprintf(text, room, "%s", value);
}

static uint8_t word_place(const char *const *words, const char *word)
{
	for (uint8_t i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], word) == 0)
			return i;
	}
	return UINT8_MAX;
}

static int check_decode(json_t *json, struct target_key *key)
{
	const char *type, *path = NULL, *host = NULL, *status = NULL, *send = NULL, *expect = NULL;
	struct check *check = &key->check;
	double interval, timeout;
	int port = 0, rise, fall;

	if (json_unpack(json, "{s:s, s:F, s:F, s:i, s:i, s?i, s?s, s?s, s?s, s?s, s?s}", "type",
			&type, "interval", &interval, "timeout", &timeout, "rise", &rise, "fall",
			&fall, "port", &port, "path", &path, "host", &host, "status", &status,
			"send", &send, "expect", &expect) < 0)
		return -EINVAL;
	check->type = word_place(check_types, type);
	if (check->type > CHECK_PING || !(interval >= 0.1 && interval <= 3600) ||
	    !(timeout >= 0.01 && timeout <= 3600))
		return -EINVAL;
	check->interval = (uint32_t)(interval * 1000 + 0.5);
	check->timeout = (uint32_t)(timeout * 1000 + 0.5);
	check->rise = (uint16_t)rise;
	check->fall = (uint16_t)fall;
	if (port != 0)
		key->port = (uint16_t)port;
	if (check->type == CHECK_PING)
		key->port = 0;
	text_take(check->path, sizeof(check->path), path);
	text_take(check->host, sizeof(check->host), host);
	text_take(check->status, sizeof(check->status), status);
	text_take(check->send, sizeof(check->send), send);
	text_take(check->expect, sizeof(check->expect), expect);
	return 0;
}

/* -ENOENT: a row of something that is not checked. */
static int entry_decode(json_t *json, struct entry *entry)
{
	const char *protocol, *vip, *address, *state, *result = NULL, *device = NULL;
	int port_end = 0, server_port, streak = 0;
	json_int_t port;
	json_t *check = NULL;

	memset(entry, 0, sizeof(*entry));
	if (json_unpack(json, "{s:s, s:s, s:I, s?i, s:s, s:i, s:s, s?s, s?i, s?o, s?s}", "protocol",
			&protocol, "vip", &vip, "port", &port, "port_end", &port_end, "address",
			&address, "server_port", &server_port, "state", &state, "result", &result,
			"streak", &streak, "check", &check, "device", &device) < 0 ||
	    addr_parse(address, &entry->key.addr) < 0)
		return -EINVAL;
	if (check == NULL)
		return -ENOENT;
	snprintf(entry->row.protocol, sizeof(entry->row.protocol), "%s", protocol);
	snprintf(entry->row.vip, sizeof(entry->row.vip), "%s", vip);
	entry->row.port = (uint32_t)port;
	entry->row.port_end = (uint16_t)port_end;
	entry->row.server_port = (uint16_t)server_port;
	entry->row.state = strcmp(state, "up") == 0	? JUDGE_UP
			   : strcmp(state, "down") == 0 ? JUDGE_DOWN
							: JUDGE_UNCHECKED;
	text_take(entry->result, sizeof(entry->result), result);
	entry->streak = (uint16_t)streak;
	entry->key.port = entry->row.server_port;
	text_take(entry->key.device, sizeof(entry->key.device), device);
	return check_decode(check, &entry->key);
}

static struct target *target_new(const struct target_key *key)
{
	struct target *target = calloc(1, sizeof(*target));
	struct target **larger;

	while (targets.free_number < targets.numbers &&
	       targets.by_number[targets.free_number] != NULL)
		targets.free_number++;
	if (targets.free_number == targets.numbers) {
		uint32_t numbers = targets.numbers ? 2 * targets.numbers : 256;

		larger = realloc(targets.by_number, numbers * sizeof(struct target *));
		if (larger == NULL)
			goto free_target;
		memset(larger + targets.numbers, 0,
		       (numbers - targets.numbers) * sizeof(struct target *));
		targets.by_number = larger;
		targets.numbers = numbers;
	}
	if (target == NULL)
		return NULL;
	target->key = *key;
	target->fd = -1;
	target->version = 1;
	target->number = targets.free_number;
	target->base = events_now() + schedule_phase(target->number, key->check.interval);
	if (keyed_insert(&targets.table, target) < 0)
		goto free_target;
	targets.by_number[target->number] = target;
	return target;

free_target:
	free(target);
	return NULL;
}

static void target_free(struct target *target, void (*end)(struct target *target))
{
	if (end != NULL)
		end(target);
	schedule_remove(&target->item);
	targets.by_number[target->number] = NULL;
	if (target->number < targets.free_number)
		targets.free_number = target->number;
	free(target->rows);
	free(target);
}

static int row_add(struct target *target, const struct entry *entry)
{
	uint32_t room = target->row_room ? 2 * target->row_room : 1;
	struct row *larger;

	if (target->row_count == target->row_room) {
		larger = realloc(target->rows, room * sizeof(*larger));
		if (larger == NULL)
			return -ENOMEM;
		target->rows = larger;
		target->row_room = room;
	}
	target->rows[target->row_count] = entry->row;
	// Does weir know all that we know?
	if (target->result[0] == '\0' ||
	    (entry->row.state == target->judge.state && entry->streak == target->judge.streak &&
	     strcmp(entry->result, target->result) == 0))
		target->rows[target->row_count].told = target->version;
	else
		dirty_add(target);
	target->row_count++;
	return 0;
}

static int entry_take(const struct entry *entry, bool trust)
{
	struct target *target = keyed_find(&targets.table, &entry->key);
	bool first = target == NULL || !target->wanted;

	if (target == NULL)
		target = target_new(&entry->key);
	if (target == NULL)
		return -ENOMEM;
	if (first && (target->item.place == 0 || trust)) {
		target->judge = (struct judge){.state = entry->row.state};
		target->reason[0] = '\0';
		target->result[0] = '\0';
	} else if (target->result[0] == '\0' && target->judge.state == JUDGE_UNCHECKED) {
		target->judge.state = entry->row.state; // another service knows more
	}
	if (target->item.place == 0) {
		uint32_t span = target->key.check.interval;

		span = span < FIRST_CHECK ? span : FIRST_CHECK;
		if (schedule_set(&target->item,
				 events_now() + schedule_phase(target->number, span)) < 0)
			return -ENOMEM;
	}
	target->wanted = true;
	return row_add(target, entry);
}

/* Targets that the list no longer has. */
static void targets_prune(void (*end)(struct target *target))
{
	for (uint32_t i = 0; i < targets.numbers; i++) {
		struct target *target = targets.by_number[i];

		if (target == NULL || target->wanted)
			continue;
		keyed_remove(&targets.table, &target->key);
		target_free(target, end);
	}
}

/* Nothing is to be told; what is, is found out row by row. */
static void telling_reset(void)
{
	while (dirty_take() != NULL)
		continue;
	targets.telling_count = 0;
}

int target_load(const json_t *list, bool trust, void (*end)(struct target *target))
{
	size_t count = json_array_size(list), used = 0;
	struct entry *entries = calloc(count + 1, sizeof(*entries));
	int status = entries ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && status == 0; i++) {
		status = entry_decode(json_array_get(list, i), &entries[used]);
		used += status == 0;
		if (status == -ENOENT)
			status = 0;
	}
	if (status < 0)
		goto free_entries;
	telling_reset();
	for (uint32_t i = 0; i < targets.numbers; i++) {
		if (targets.by_number[i] == NULL)
			continue;
		targets.by_number[i]->wanted = false;
		targets.by_number[i]->row_count = 0;
	}
	for (size_t i = 0; i < used && status == 0; i++)
		status = entry_take(&entries[i], trust);
	if (status == 0)
		targets_prune(end);
free_entries:
	free(entries);
	return status;
}

void target_stop(void (*end)(struct target *target))
{
	for (uint32_t i = 0; i < targets.numbers; i++) {
		if (targets.by_number[i] != NULL)
			target_free(targets.by_number[i], end);
	}
	keyed_free(&targets.table);
	free(targets.by_number);
	free(targets.telling);
	targets.by_number = NULL;
	targets.telling = NULL;
	targets.numbers = 0;
	targets.free_number = 0;
	targets.telling_count = 0;
	targets.telling_room = 0;
	targets.dirty = NULL;
	targets.dirty_end = &targets.dirty;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/model.h"
#include "control/rest_acl.h"
#include "control/set_build.h"
#include "control/sets.h"
#include "control/sets_load.h"

/* Named sets: what they are, and their entries, a few or millions at once. */

int rest_set_list(struct request *request, struct error *error)
{
	json_t *list = json_array();
	struct named_set *named;
	unsigned int at = 0;

	while ((named = sets_next(&at)) != NULL)
		json_array_append_new(list, sets_json(named));
	return request_reply(request, 200, json_pack("{s:o}", "sets", list));
}

static struct named_set *set_of_request(struct request *request, struct error *error)
{
	struct named_set *named = sets_find_named(request_part(request, 0));

	if (named == NULL)
		error_set(error, -ENOENT, "", "there is no set \"%.40s\"",
			  request_part(request, 0));
	return named;
}

/*
 * A set may change, or go, while it is sent. What is loaded in its place meanwhile is for those who
 * ask later: the content that was there when this one began stays until it has been sent.
 */
struct set_stream {
	char name[SET_NAME_MAX + 1];
	uint64_t content;
	uint32_t cursor;
	bool begun;
};

static struct set *stream_set(const struct set_stream *stream)
{
	struct set *set = sets_find(stream->name);

	return set != NULL && set->content == stream->content ? set
							      : set_retired_find(stream->content);
}

static void stream_free(void *arg)
{
	struct set_stream *stream = arg;
	struct set *set = stream_set(stream);

	if (set != NULL)
		set->readers--;
	free(stream);
}

static enum stream_next set_stream_more(void *arg, struct text *text)
{
	struct set_stream *stream = arg;
	const struct set *set = stream_set(stream);
	struct set_entry *entry;
	char *line;
	json_t *object;

	while (set != NULL && text->size < STREAM_PIECE) {
		entry = set_next(set, &stream->cursor);
		if (entry == NULL)
			break;
		object = sets_entry_json(set, entry, true);
		line = json_dumps(object, JSON_COMPACT);
		json_decref(object);
		text_add(text, "%s%s", stream->begun ? ",\n" : "\n", line ? line : "null");
		free(line);
		stream->begun = true;
	}
	if (text->size >= STREAM_PIECE)
		return STREAM_MORE;
	text_add(text, "]}\n");
	return STREAM_END;
}

static enum stream_next set_stream_first(void *arg, struct text *text)
{
	struct set_stream *stream = arg;
	const struct named_set *named;
	char *head;
	json_t *object;

	if (stream->begun || stream->cursor > 0)
		return set_stream_more(arg, text);
	named = sets_find_named(stream->name);
	object = named ? sets_json(named) : json_object();
	head = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	// The object goes on behind what its last brace would end.
	text_add(text, "%.*s,\"entries\":[", head ? (int)strlen(head) - 1 : 1, head ? head : "{");
	free(head);
	return set_stream_more(arg, text);
}

int rest_set_get(struct request *request, struct error *error)
{
	const struct named_set *named = set_of_request(request, error);
	struct set_stream *stream;

	if (named == NULL)
		return error->code;
	stream = calloc(1, sizeof(*stream));
	if (stream == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	strcpy(stream->name, named->set->settings.name);
	stream->content = named->set->content;
	named->set->readers++;
	return request_stream(request, "application/json", set_stream_first, stream, stream_free);
}

/* Changes */

static int set_reply(struct request *request, const char *what, uint32_t rows, bool made)
{
	const struct named_set *named = sets_find_named(request_part(request, 0));

	log_notice("%s: set %s: %u entries %s, %u in all", request_peer(request),
		   named->set->settings.name, rows, what, named->set->count);
	return request_reply(request, made ? 201 : 200, sets_json(named));
}

/* A change that takes longer. */
struct loading {
	const char *what;
	bool made;
};

static const struct loading loading_put = {"put", false}, loading_removed = {"removed", false},
			    loading_replaced = {"replaced", false},
			    loading_made = {"in a new set", true}, loading_left = {"left", false};

static int loading_poll(struct request *request, void *arg, struct error *error)
{
	const struct loading *loading = arg;
	uint32_t rows;
	int status = sets_load_result(&rows, error);

	if (status == -EAGAIN)
		return 0;
	return status < 0 ? status : set_reply(request, loading->what, rows, loading->made);
}

static void loading_end(void *arg)
{
	sets_load_abandon();
}

/* The body's work in slices, when another one's is done. */
static int change_large(struct request *request, enum set_change change, bool whole,
			const struct loading *loading, struct error *error)
{
	struct request_text body = {0};
	int status;

	if (sets_loading())
		return request_handle_later(request);
	if (loading != &loading_left)
		body = request_take_body(request);
	status = sets_load_begin(request_part(request, 0), change, whole, &body, ORIGIN_REST,
				 error);
	if (status < 0)
		return status;
	return request_poll(request, loading_poll, (void *)loading, loading_end);
}

/* {"entries": [...], "force": true}; -E2BIG: it is work for change_large(). */
static int rows_of_body(struct request *request, const struct set *set, struct set_rows *rows,
			bool *force, struct error *error)
{
	json_t *body;
	int status;

	if (request_body_size(request) > SETS_LOAD_BYTES)
		return -E2BIG;
	body = request_body(request, error);
	if (body == NULL)
		return error->code;
	rows->limit = SETS_LOAD_ROWS;
	status = sets_decode_change(body, &set->settings, rows, force, error);
	json_decref(body);
	return status;
}

static int entries_change(struct request *request, enum set_change change,
			  const struct loading *loading, struct error *error)
{
	struct named_set *named = set_of_request(request, error);
	struct set_rows rows = {0};
	bool force = false;
	uint32_t count;
	int status;

	if (named == NULL)
		return error->code;
	if (sets_load_holds(named->set->settings.name))
		return request_handle_later(request);
	status = change == SET_REPLACE && named->set->count > SETS_LOAD_ROWS
			 ? -E2BIG
			 : rows_of_body(request, named->set, &rows, &force, error);
	if (status == 0 && change == SET_PUT)
		status = sets_put(named->set, &rows, ORIGIN_REST, force, error);
	else if (status == 0 && change == SET_TAKE)
		status = sets_take(named->set, &rows, force, error);
	else if (status == 0)
		status = sets_replace(named->set, &rows, ORIGIN_REST, error);
	count = rows.count;
	set_rows_free(&rows);
	if (status == -E2BIG)
		return change_large(request, change, false, loading, error);
	return status < 0 ? status : set_reply(request, loading->what, count, false);
}

int rest_set_entries_post(struct request *request, struct error *error)
{
	return entries_change(request, SET_PUT, &loading_put, error);
}

int rest_set_entries_delete(struct request *request, struct error *error)
{
	return entries_change(request, SET_TAKE, &loading_removed, error);
}

int rest_set_entries_put(struct request *request, struct error *error)
{
	return entries_change(request, SET_REPLACE, &loading_replaced, error);
}

int rest_set_flush(struct request *request, struct error *error)
{
	struct named_set *named = set_of_request(request, error);
	int status;

	if (named == NULL)
		return error->code;
	if (sets_load_holds(named->set->settings.name))
		return request_handle_later(request);
	if (named->set->count > SETS_LOAD_ROWS)
		return change_large(request, SET_REPLACE, false, &loading_left, error);
	status = sets_flush(named->set, error);
	return status < 0 ? status : set_reply(request, loading_left.what, 0, false);
}

/* A set of this name, or when it is there the same settings; entries when there are any. */
static int set_put(const json_t *body, const char *name, struct error *error)
{
	const struct named_set *there = sets_find_named(name);
	const json_t *entries = json_object_get(body, "entries");
	struct set_rows rows = {.limit = SETS_LOAD_ROWS};
	struct set_settings settings;
	struct error ignored;
	int status = sets_decode_settings(body, name, &settings, error);

	if (status == 0)
		status = sets_decode_rows(entries, &settings, &rows, error);
	if (status == 0 && there != NULL &&
	    memcmp(&settings, &there->set->settings, sizeof(settings)) != 0)
		status = error_set(error, -EEXIST, "name",
				   "there is a set \"%s\" already, with other settings", name);
	if (status == 0 && there == NULL)
		status = sets_make(&settings, ORIGIN_REST, error);
	if (status == 0 && entries != NULL) {
		status = sets_replace(sets_find(name), &rows, ORIGIN_REST, error);
		if (status < 0 && there == NULL)
			sets_remove(name, &ignored);
	}
	set_rows_free(&rows);
	return status;
}

int rest_set_put(struct request *request, struct error *error)
{
	const char *name = request_part(request, 0);
	struct named_set *named = sets_find_named(name);
	const struct loading *loading = named ? &loading_replaced : &loading_made;
	json_t *body;
	int status;

	if (sets_load_holds(name))
		return request_handle_later(request);
	status = request_check_new(request, named != NULL, "set", name, error);
	if (status < 0)
		return status;
	if (request_body_size(request) > SETS_LOAD_BYTES)
		return change_large(request, SET_REPLACE, true, loading, error);
	body = request_body(request, error);
	if (body == NULL)
		return error->code;
	if (named != NULL && named->set->count > SETS_LOAD_ROWS &&
	    json_object_get(body, "entries") != NULL)
		status = -E2BIG;
	else
		status = set_put(body, name, error);
	json_decref(body);
	if (status == -E2BIG)
		return change_large(request, SET_REPLACE, true, loading, error);
	if (status < 0)
		return status;
	return set_reply(request, loading->what, sets_find(name)->count, loading->made);
}

int rest_set_delete(struct request *request, struct error *error)
{
	int status;

	if (sets_load_holds(request_part(request, 0)))
		return request_handle_later(request);
	status = sets_remove(request_part(request, 0), error);
	if (status < 0)
		return status;
	log_notice("%s: set %s removed", request_peer(request), request_part(request, 0));
	return request_reply_empty(request, 204);
}

int rest_set_test(struct request *request, struct error *error)
{
	const struct named_set *named = set_of_request(request, error);
	struct set_rows rows = {0};
	json_t *body;
	const char *text;
	int status;

	if (named == NULL)
		return error->code;
	body = request_body(request, error);
	if (body == NULL)
		return error->code;
	text = json_string_value(json_object_get(body, "entry"));
	if (text == NULL)
		status = error_set(error, -EINVAL, "entry", "is missing, or no text");
	else
		status = sets_decode_row(text, &named->set->settings, &rows, error);
	json_decref(body);
	if (status == 0)
		status = request_reply(
			request, 200,
			json_pack("{s:b}", "match",
				  rows.count > 0 && set_has(named->set, &rows.rows[0].item)));
	set_rows_free(&rows);
	return status;
}

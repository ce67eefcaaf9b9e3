/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/model.h"
#include "control/rest_acl.h"
#include "control/sets.h"

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

/* A set may change, or go, while it is sent: it is asked for by name each time. */
struct set_stream {
	char name[SET_NAME_MAX + 1];
	uint32_t cursor;
	bool begun;
};

static enum stream_next set_stream_more(void *arg, struct text *text)
{
	struct set_stream *stream = arg;
	const struct set *set = sets_find(stream->name);
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
	return request_stream(request, "application/json", set_stream_first, stream, free);
}

/* Make it, or when it is there with the same settings, only put its entries. */
int rest_set_put(struct request *request, struct error *error)
{
	const char *name = request_part(request, 0);
	json_t *body = request_body(request, error);
	struct named_set *named = sets_find_named(name);
	struct set_settings settings;
	struct set_rows rows = {0};
	int status;

	if (body == NULL)
		return error->code;
	status = request_check_new(request, named != NULL, "set", name, error);
	if (status == 0)
		status = sets_decode_settings(body, name, &settings, error);
	if (status == 0)
		status = sets_decode_rows(json_object_get(body, "entries"), &settings, &rows,
					  error);
	if (status == 0 && named != NULL &&
	    memcmp(&settings, &named->set->settings, sizeof(settings)) != 0)
		status = error_set(error, -EEXIST, "name",
				   "there is a set \"%s\" already, with other settings", name);
	if (status == 0 && named == NULL)
		status = sets_make(&settings, ORIGIN_REST, error);
	if (status == 0 && json_object_get(body, "entries") != NULL)
		status = sets_replace(sets_find(name), &rows, ORIGIN_REST, error);
	if (status < 0 && named == NULL && sets_find(name) != NULL) {
		struct error ignored;

		sets_remove(name, &ignored);
	}
	json_decref(body);
	set_rows_free(&rows);
	if (status < 0)
		return status;
	log_notice("%s: set %s, %u entries", request_peer(request), name, sets_find(name)->count);
	return request_reply(request, named ? 200 : 201, sets_json(sets_find_named(name)));
}

int rest_set_delete(struct request *request, struct error *error)
{
	int status = sets_remove(request_part(request, 0), error);

	if (status < 0)
		return status;
	log_notice("%s: set %s removed", request_peer(request), request_part(request, 0));
	return request_reply_empty(request, 204);
}

/* Rows of a body, {"entries": [...], "force": true}, for sets_rows_free(). */
static int rows_of_body(struct request *request, const struct set *set, struct set_rows *rows,
			bool *force, struct error *error)
{
	json_t *body = request_body(request, error), *value;
	const char *name;
	int status = 0;

	if (body == NULL)
		return error->code;
	json_object_foreach (body, name, value)
		if (strcmp(name, "entries") != 0 && strcmp(name, "force") != 0 && status == 0)
			status = error_set(error, -EINVAL, name,
					   "unknown field; there are: entries, force");
	value = json_object_get(body, "force");
	if (status == 0 && value != NULL && !json_is_boolean(value))
		status = error_set(error, -EINVAL, "force", "must be true or false");
	*force = json_is_true(value);
	if (status == 0 && json_object_get(body, "entries") == NULL)
		status = error_set(error, -EINVAL, "entries", "is missing");
	if (status == 0)
		status = sets_decode_rows(json_object_get(body, "entries"), &set->settings, rows,
					  error);
	json_decref(body);
	return status;
}

static int set_reply(struct request *request, const struct named_set *named, const char *what,
		     uint32_t rows)
{
	log_notice("%s: set %s: %u entries %s, %u in all", request_peer(request),
		   named->set->settings.name, rows, what, named->set->count);
	return request_reply(request, 200, sets_json(named));
}

int rest_set_entries_post(struct request *request, struct error *error)
{
	struct named_set *named = set_of_request(request, error);
	struct set_rows rows = {0};
	bool force;
	int status = named ? rows_of_body(request, named->set, &rows, &force, error) : error->code;

	if (status == 0)
		status = sets_put(named->set, &rows, ORIGIN_REST, force, error);
	set_rows_free(&rows);
	return status < 0 ? status : set_reply(request, named, "put", rows.count);
}

int rest_set_entries_delete(struct request *request, struct error *error)
{
	struct named_set *named = set_of_request(request, error);
	struct set_rows rows = {0};
	bool force;
	int status = named ? rows_of_body(request, named->set, &rows, &force, error) : error->code;

	if (status == 0)
		status = sets_take(named->set, &rows, force, error);
	set_rows_free(&rows);
	return status < 0 ? status : set_reply(request, named, "removed", rows.count);
}

int rest_set_entries_put(struct request *request, struct error *error)
{
	struct named_set *named = set_of_request(request, error);
	struct set_rows rows = {0};
	bool force;
	int status = named ? rows_of_body(request, named->set, &rows, &force, error) : error->code;

	if (status == 0)
		status = sets_replace(named->set, &rows, ORIGIN_REST, error);
	set_rows_free(&rows);
	return status < 0 ? status : set_reply(request, named, "replaced", rows.count);
}

int rest_set_flush(struct request *request, struct error *error)
{
	struct named_set *named = set_of_request(request, error);

	if (named == NULL)
		return error->code;
	sets_flush(named->set);
	return set_reply(request, named, "left", 0);
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

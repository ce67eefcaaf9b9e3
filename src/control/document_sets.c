/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/decode.h"
#include "control/model.h"
#include "control/sets.h"

/* Named sets in documents and requests. An entry is a text, or an object with more about it. */

enum { DOCUMENT_SETS = 16384, DOCUMENT_ENTRIES = SET_MAXELEM_MAX };

/* What a listing has counted is no configuration. */
static int decode_finding(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	return 0;
}

static int decode_type(struct decode *d, const json_t *value, const struct field *field,
		       void *target)
{
	const struct field word = {.size = 1, .more = set_type_words};

	return decode_word(d, value, &word, &((struct set_settings *)target)->type);
}

static int decode_set_family(struct decode *d, const json_t *value, const struct field *field,
			     void *target)
{
	static const char *const words[] = {"inet", "inet6", NULL};
	const struct field word = {.size = 1, .more = words};
	uint8_t index;
	int status = decode_word(d, value, &word, &index);

	if (status == 0)
		((struct set_settings *)target)->family = index ? AF_INET6 : AF_INET;
	return status;
}

/* After the type, which says what a range is: see settings_decode(). */
static int decode_range(struct decode *d, const json_t *value, const struct field *field,
			void *target)
{
	struct set_settings *settings = target;
	const char *text = json_string_value(value);
	struct error inner;

	if (text == NULL)
		return decode_fail(d, -EINVAL, "must be a text");
	if (!(set_type_parts(settings->type) & SET_BITMAP))
		return decode_fail(d, -EINVAL, "only a set of type bitmap has a range");
	if (set_parse_range(settings, text, &inner) < 0)
		return decode_fail(d, -EINVAL, "%s", inner.text);
	return 0;
}

static const char *const findings[] = {"origin", "bytes", "references", "count"};

static const struct field set_fields[] = {
	{"name", decode_text, FIELD_OF(struct set_settings, name), .minimum = 1},
	{"type", decode_type, .required = true},
	{"family", decode_set_family},
	{"range", decode_range},
	{"comment", decode_boolean, FIELD_OF(struct set_settings, comment)},
	{"hashsize", decode_integer, FIELD_OF(struct set_settings, hashsize), .minimum = 1,
	 .maximum = 1 << 24},
	{"maxelem", decode_integer, FIELD_OF(struct set_settings, maxelem), .minimum = 1,
	 .maximum = SET_MAXELEM_MAX},
	{"entries", decode_ignore},
	{"origin", decode_finding},
	{"bytes", decode_finding},
	{"references", decode_finding},
	{"count", decode_finding},
	{NULL},
};

static int settings_decode(struct decode *d, const json_t *object, const char *name,
			   struct set_settings *s)
{
	const json_t *type = json_object_get(object, "type");
	unsigned int parts;
	struct error inner;
	size_t length;
	int status;

	memset(s, 0, sizeof(*s));
	s->hashsize = SET_HASHSIZE;
	s->maxelem = SET_MAXELEM;
	for (unsigned int i = 0; json_is_string(type) && i < SET_TYPES; i++)
		if (strcmp(set_type_words[i], json_string_value(type)) == 0)
			s->type = (uint8_t)i;
	if (name != NULL)
		snprintf(s->name, sizeof(s->name), "%s", name);
	status = decode_object(d, object, set_fields, s);
	if (status < 0)
		return status;
	parts = set_type_parts(s->type);
	length = decode_enter(d, ".name");
	if (s->name[0] == '\0')
		return decode_fail(d, -EINVAL, "is missing");
	if (strpbrk(s->name, ", \t\n/\"") != NULL)
		return decode_fail(d, -EINVAL, "must not have spaces, commas, quotes or slashes");
	if (name != NULL && strcmp(s->name, name) != 0)
		return decode_fail(d, -EINVAL, "differs from that in the path");
	decode_leave(d, length);
	if (s->type == SET_BITMAP_PORT)
		s->family = AF_UNSPEC;
	else if (s->family == AF_UNSPEC)
		s->family = AF_INET;
	if ((parts & SET_BITMAP) && s->family == AF_INET6)
		return decode_fail(d, -EINVAL, "a set of type %s has IPv4 addresses",
				   set_type_words[s->type]);
	if (set_check(s, &inner) < 0) {
		decode_enter(d, ".%s", inner.field);
		return decode_fail(d, -EINVAL, "%s", inner.text);
	}
	if (parts & SET_BITMAP) { // as many as its range has
		s->maxelem = SET_RANGE_MAX;
		s->hashsize = 0;
	}
	return 0;
}

/* Entries */

struct row_target {
	struct set_rows *rows;
	struct set_row row;
};

static int row_add(const struct set_item *item, void *arg)
{
	struct row_target *target = arg;
	struct set_rows *rows = target->rows;

	if (rows->count >= SET_MAXELEM_MAX)
		return -ENOSPC;
	if (rows->limit > 0 && rows->count >= rows->limit)
		return -E2BIG;
	if (rows->count == rows->room) {
		uint32_t room = rows->room ? 2 * rows->room : 16;
		struct set_row *larger = realloc(rows->rows, room * sizeof(*larger));

		if (larger == NULL)
			return -ENOMEM;
		rows->rows = larger;
		rows->room = room;
	}
	target->row.item = *item;
	rows->rows[rows->count++] = target->row;
	return 0;
}

static const struct field row_fields[] = {
	{"entry", decode_ignore},
	{"comment", decode_text, FIELD_OF(struct set_row, comment)},
	{"nomatch", decode_boolean, FIELD_OF(struct set_row, nomatch)},
	{"origin", decode_finding},
	{NULL},
};

static int row_decode(struct decode *d, const json_t *value, const struct set_settings *settings,
		      struct set_rows *rows)
{
	const char *text = json_string_value(json_is_object(value) ? json_object_get(value, "entry")
								   : value);
	struct row_target target = {.rows = rows};
	struct error inner = {0};
	int status;

	if (text == NULL)
		return decode_fail(d, -EINVAL,
				   "must be a text, or an object with \"entry\" and perhaps "
				   "\"comment\" and \"nomatch\"");
	status = json_is_object(value) ? decode_object(d, value, row_fields, &target.row) : 0;
	if (status < 0)
		return status;
	if (target.row.comment[0] && !settings->comment)
		return decode_fail(d, -EINVAL,
				   "has a comment, but the set was made without comments");
	if (target.row.nomatch && !(set_type_parts(settings->type) & (SET_NET | SET_SECOND_NET)))
		return decode_fail(d, -EINVAL, "nomatch is for sets with networks");
	status = set_parse(settings, text, row_add, &target, &inner);
	if (status == -ENOSPC)
		return decode_fail(d, -EINVAL, "stands for more than %d entries", SET_MAXELEM_MAX);
	if (status == -ENOMEM)
		return decode_fail(d, -ENOMEM, "out of memory");
	return status < 0 ? decode_fail(d, status, "%s", inner.text) : 0;
}

static int rows_decode(struct decode *d, const json_t *list, const struct set_settings *settings,
		       struct set_rows *rows)
{
	size_t count, length = decode_enter(d, ".entries");
	int status = 0;

	if (list != NULL)
		status = decode_list_size(d, list, DOCUMENT_ENTRIES, &count);
	else
		count = 0;

	for (size_t i = 0; status == 0 && i < count; i++) {
		size_t inner = decode_enter(d, "[%zu]", i);

		status = row_decode(d, json_array_get(list, i), settings, rows);
		if (status == 0)
			decode_leave(d, inner);
	}
	if (status == 0)
		decode_leave(d, length);
	else
		set_rows_free(rows);
	return status;
}

int sets_decode_rows(const json_t *list, const struct set_settings *settings, struct set_rows *rows,
		     struct error *error)
{
	struct decode d = {.error = error};

	return rows_decode(&d, list, settings, rows);
}

int sets_decode_change(const json_t *body, const struct set_settings *settings,
		       struct set_rows *rows, bool *force, struct error *error)
{
	const json_t *entries = json_object_get(body, "entries");
	const json_t *forced = json_object_get(body, "force");
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)body, name, value)
		if (strcmp(name, "entries") != 0 && strcmp(name, "force") != 0)
			return error_set(error, -EINVAL, name,
					 "unknown field; there are: entries, force");
	if (forced != NULL && !json_is_boolean(forced))
		return error_set(error, -EINVAL, "force", "must be true or false");
	if (entries == NULL)
		return error_set(error, -EINVAL, "entries", "is missing");
	*force = json_is_true(forced);
	return sets_decode_rows(entries, settings, rows, error);
}

int sets_decode_row(const char *text, const struct set_settings *settings, struct set_rows *rows,
		    struct error *error)
{
	struct row_target target = {.rows = rows};

	return set_parse(settings, text, row_add, &target, error);
}

int sets_decode_settings(const json_t *body, const char *name, struct set_settings *settings,
			 struct error *error)
{
	struct decode d = {.error = error};

	if (strlen(name) > SET_NAME_MAX)
		return error_set(error, -EINVAL, "name", "has more than %d characters",
				 SET_NAME_MAX);
	return settings_decode(&d, body, name, settings);
}

int sets_decode(const json_t *list, struct sets_wanted *wanted, struct error *error)
{
	struct decode d = {.error = error};
	size_t count, length;
	int status;

	memset(wanted, 0, sizeof(*wanted));
	if (list == NULL)
		return 0;
	decode_enter(&d, ".sets");
	status = decode_list_size(&d, list, DOCUMENT_SETS, &count);
	if (status < 0)
		return status;
	wanted->sets = calloc(count + 1, sizeof(*wanted->sets));
	if (wanted->sets == NULL)
		return decode_fail(&d, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count && status == 0; i++) {
		const json_t *value = json_array_get(list, i);
		struct set_wanted *one = &wanted->sets[i];

		length = decode_enter(&d, "[%zu]", i);
		status = settings_decode(&d, value, NULL, &one->settings);
		for (size_t k = 0; k < i && status == 0; k++)
			if (strcmp(wanted->sets[k].settings.name, one->settings.name) == 0)
				status = decode_fail(&d, -EINVAL, "has the name of sets[%zu]", k);
		if (status == 0)
			status = rows_decode(&d, json_object_get(value, "entries"), &one->settings,
					     &one->rows);
		if (status == 0)
			decode_leave(&d, length);
		wanted->count++;
	}
	if (status < 0)
		sets_wanted_free(wanted);
	return status;
}

/* The other way */

json_t *sets_json(const struct named_set *named)
{
	const struct set *set = named->set;
	const struct set_settings *s = &set->settings;
	json_t *object = json_pack("{s:s, s:s}", "name", s->name, "type", set_type_words[s->type]);
	char range[SET_ENTRY_TEXT];

	if (set_type_parts(s->type) & SET_BITMAP)
		json_object_set_new(object, "range", json_string(set_format_range(s, range)));
	else
		json_object_set_new(object, "family",
				    json_string(s->family == AF_INET6 ? "inet6" : "inet"));
	if (s->comment)
		json_object_set_new(object, "comment", json_true());
	if (!(set_type_parts(s->type) & SET_BITMAP)) {
		json_object_set_new(object, "hashsize", json_integer(s->hashsize));
		json_object_set_new(object, "maxelem", json_integer(s->maxelem));
	}
	json_object_set_new(object, "origin", json_string(origin_name(named->origin)));
	json_object_set_new(object, "bytes", json_integer((json_int_t)set->bytes));
	json_object_set_new(object, "references", json_integer(set->references));
	json_object_set_new(object, "count", json_integer(set->count));
	return object;
}

json_t *sets_entry_json(const struct set *set, const struct set_entry *entry, bool origin)
{
	struct set_item item;
	char text[SET_ENTRY_TEXT];
	json_t *object;

	set_entry_item(set, entry, &item);
	object = json_pack("{s:s}", "entry", set_format(&set->settings, &item, text));
	if (set_entry_nomatch(entry))
		json_object_set_new(object, "nomatch", json_true());
	if (set_entry_comment(entry)[0])
		json_object_set_new(object, "comment", json_string(set_entry_comment(entry)));
	if (origin)
		json_object_set_new(object, "origin",
				    json_string(origin_name(set_entry_mark(entry))));
	return object;
}

json_t *sets_config_json(void)
{
	json_t *list = json_array();
	struct named_set *named;
	unsigned int at = 0;

	while ((named = sets_next(&at)) != NULL) {
		json_t *object = sets_json(named), *entries = json_array();
		struct set_entry *entry;
		uint32_t cursor = 0;

		for (unsigned int i = 0; i < 4; i++)
			json_object_del(object, findings[i]);
		while ((entry = set_next(named->set, &cursor)) != NULL)
			json_array_append_new(entries, sets_entry_json(named->set, entry, false));
		json_object_set_new(object, "entries", entries);
		json_array_append_new(list, object);
	}
	return list;
}

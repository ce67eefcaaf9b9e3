/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/decode.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"

/* Errors and paths */

size_t decode_enter(struct decode *d, const char *format, ...)
{
	size_t length = strlen(d->path);
	char *end = d->path + length;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(end, sizeof(d->path) - length, format, arguments);
	va_end(arguments);
	if (length == 0 && *end == '.')
		memmove(end, end + 1, strlen(end)); // no dot before the first name
	return length;
}

void decode_leave(struct decode *d, size_t length)
{
	assert(length <= strlen(d->path));
	d->path[length] = '\0';
}

int decode_fail(struct decode *d, int code, const char *format, ...)
{
	char text[sizeof(d->error->text)];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return error_set(d->error, code, d->path, "%s", text);
}

/* "a list", to say what was found instead of what was wanted. */
static const char *json_kind(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "a mapping";
	case JSON_ARRAY:
		return "a list";
	case JSON_STRING:
		return "text";
	case JSON_INTEGER:
		return "a number";
	case JSON_REAL:
		return "a fraction";
	case JSON_TRUE:
		return "true";
	case JSON_FALSE:
		return "false";
	default:
		return "nothing";
	}
}

/* Distance of two words in single-character changes; long words are cut. */
static unsigned int word_distance(const char *a, const char *b)
{
	enum { WORD = 32 };
	unsigned int row[WORD + 1];
	size_t a_length = strnlen(a, WORD), b_length = strnlen(b, WORD);

	for (size_t k = 0; k <= b_length; k++)
		row[k] = (unsigned int)k;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned int diagonal = row[0];

		row[0] = (unsigned int)i;
		for (size_t k = 1; k <= b_length; k++) {
			unsigned int change = diagonal + (a[i - 1] != b[k - 1]);
			unsigned int shorter = row[k] < row[k - 1] ? row[k] : row[k - 1];

			diagonal = row[k];
			row[k] = change < shorter + 1 ? change : shorter + 1;
		}
	}
	return row[b_length];
}

const char *decode_nearest(const char *text, const char *const *words)
{
	const char *nearest = NULL;
	unsigned int least = 2 + (unsigned int)strnlen(text, 32) / 4;

	for (; *words != NULL; words++) {
		unsigned int distance = word_distance(text, *words);

		if (distance < least) {
			least = distance;
			nearest = *words;
		}
	}
	return nearest;
}

/* Objects */

static const struct field *field_find(const struct field *fields, const char *name)
{
	for (; fields->name != NULL; fields++) {
		if (strcmp(fields->name, name) == 0)
			return fields;
	}
	return NULL;
}

static int field_unknown(struct decode *d, const struct field *fields, const char *name)
{
	enum { NAMES = 64 };
	const char *names[NAMES + 1];
	unsigned int count = 0;
	const char *nearest;

	for (; fields->name != NULL && count < NAMES; fields++)
		names[count++] = fields->name;
	names[count] = NULL;
	nearest = decode_nearest(name, names);
	if (nearest != NULL)
		return decode_fail(d, -EINVAL, "unknown field; did you mean \"%s\"?", nearest);
	return decode_fail(d, -EINVAL, "unknown field");
}

int decode_object(struct decode *d, const json_t *object, const struct field *fields, void *target)
{
	const char *name;
	json_t *value;
	size_t length;
	int status;

	if (!json_is_object(object))
		return decode_fail(d, -EINVAL, "must be a mapping of fields, not %s",
				   json_kind(object));
	json_object_foreach ((json_t *)object, name, value) {
		const struct field *field = field_find(fields, name);

		length = decode_enter(d, ".%.64s", name);
		status = field == NULL ? field_unknown(d, fields, name)
				       : field->decode(d, value, field, target);
		if (status < 0)
			return status;
		decode_leave(d, length);
	}
	for (; fields->name != NULL; fields++) {
		if (!fields->required || json_object_get(object, fields->name) != NULL)
			continue;
		decode_enter(d, ".%s", fields->name);
		return decode_fail(d, -EINVAL, "is missing");
	}
	return 0;
}

int decode_list_size(struct decode *d, const json_t *value, size_t maximum, size_t *size)
{
	*size = 0;
	if (json_is_null(value))
		return 0;
	if (!json_is_array(value))
		return decode_fail(d, -EINVAL, "must be a list, not %s", json_kind(value));
	*size = json_array_size(value);
	if (*size > maximum)
		return decode_fail(d, -EINVAL, "has %zu entries, at most %zu are possible", *size,
				   maximum);
	return 0;
}

/* Single values */

static void integer_store(void *target, const struct field *field, int64_t value)
{
	void *member = (char *)target + field->offset;

	switch (field->size) {
	case 1:
		*(uint8_t *)member = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)member = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)member = (uint32_t)value;
		break;
	case 8:
		*(uint64_t *)member = (uint64_t)value;
		break;
	}
}

int decode_integer(struct decode *d, const json_t *value, const struct field *field, void *target)
{
	int64_t number;

	if (json_is_string(value))
		return decode_fail(d, -EINVAL, "must be a number, not the text \"%.32s\"",
				   json_string_value(value));
	if (!json_is_integer(value))
		return decode_fail(d, -EINVAL, "must be a whole number, not %s", json_kind(value));
	number = json_integer_value(value);
	if (number < field->minimum || number > field->maximum)
		return decode_fail(d, -EINVAL, "%lld is out of range, %lld to %lld",
				   (long long)number, (long long)field->minimum,
				   (long long)field->maximum);
	integer_store(target, field, number);
	return 0;
}

int decode_boolean(struct decode *d, const json_t *value, const struct field *field, void *target)
{
	if (!json_is_boolean(value))
		return decode_fail(d, -EINVAL, "must be true or false, not %s%.32s",
				   json_is_string(value) ? "the text " : json_kind(value),
				   json_is_string(value) ? json_string_value(value) : "");
	*(bool *)((char *)target + field->offset) = json_is_true(value);
	return 0;
}

/* A text value, NULL after an error. */
static const char *text_value(struct decode *d, const json_t *value)
{
	const char *text = json_string_value(value);

	if (text == NULL)
		decode_fail(d, -EINVAL, "must be text, not %s", json_kind(value));
	else if (strlen(text) != json_string_length(value)) {
		decode_fail(d, -EINVAL, "holds a NUL character");
		text = NULL;
	}
	return text;
}

int decode_text(struct decode *d, const json_t *value, const struct field *field, void *target)
{
	const char *text = text_value(d, value);
	size_t length;

	if (text == NULL)
		return d->error->code;
	length = strlen(text);
	if (length < (size_t)field->minimum)
		return decode_fail(d, -EINVAL, "must not be empty");
	if (length >= field->size)
		return decode_fail(d, -EINVAL, "is too long: %zu characters, at most %zu", length,
				   field->size - 1);
	memset((char *)target + field->offset, 0, field->size);
	memcpy((char *)target + field->offset, text, length);
	return 0;
}

int decode_word(struct decode *d, const json_t *value, const struct field *field, void *target)
{
	const char *const *words = field->more;
	const char *text = text_value(d, value);
	char list[160] = "";

	if (text == NULL)
		return d->error->code;
	for (unsigned int i = 0; words[i] != NULL; i++) {
		if (strcasecmp(words[i], text) == 0) {
			integer_store(target, field, i);
			return 0;
		}
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "",
			 words[i]);
	}
	return decode_fail(d, -EINVAL, "\"%.32s\" is none of: %s", text, list);
}

int decode_address(struct decode *d, const json_t *value, const struct field *field, void *target)
{
	struct addr *addr = (struct addr *)((char *)target + field->offset);
	const char *text = text_value(d, value);

	if (text == NULL)
		return d->error->code;
	if (addr_parse(text, addr) < 0)
		return decode_fail(d, -EINVAL, "\"%.64s\" is no IPv4 or IPv6 address", text);
	return 0;
}

/* Does a value only say that something is not wanted? */
static bool value_is_off(const json_t *value)
{
	const char *text = json_string_value(value);

	return json_is_null(value) || json_is_false(value) ||
	       (json_is_integer(value) && json_integer_value(value) == 0) ||
	       (json_is_array(value) && json_array_size(value) == 0) ||
	       (json_is_object(value) && json_object_size(value) == 0) ||
	       (text != NULL && (strcmp(text, "off") == 0 || strcmp(text, "disable") == 0));
}

int decode_later(struct decode *d, const json_t *value, const struct field *field, void *target)
{
	const char *what = field->more ? field->more : field->name;

	if (value_is_off(value))
		return 0;
	return decode_fail(d, -EOPNOTSUPP, "%s is not available yet", what);
}

int decode_ignore(struct decode *d, const json_t *value, const struct field *field, void *target)
{
	return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

/*
 * libyaml gives events; a stack of the open collections turns them into values without recursion.
 * Aliases are refused and the depth is bounded, so the result is never larger than a constant
 * times the text, whatever the text is.
 */
struct level {
	json_t *collection;
	char *key; // of the value that comes next in a mapping; NULL: a key comes next
};

struct builder {
	struct level levels[YAML_DEPTH];
	unsigned int depth;
	json_t *root;
	struct error *error;
	const yaml_event_t *event;
};

static int builder_fail(const struct builder *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int builder_fail(const struct builder *b, const char *format, ...)
{
	char text[sizeof(b->error->text)];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return error_set(b->error, -EINVAL, "", "line %zu: %s", b->event->start_mark.line + 1,
			 text);
}

/* Scalars */

static bool word_among(const char *text, const char *const *words)
{
	for (; *words != NULL; words++) {
		if (strcmp(text, *words) == 0)
			return true;
	}
	return false;
}

/* [-+]?[0-9]+, 0x[0-9a-f]+ or 0o[0-7]+; the base, or 0 when it is something else. */
static int integer_base(const char *text)
{
	const char *digits = text + (*text == '-' || *text == '+');
	int base = 10;

	if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'o') && digits == text) {
		base = digits[1] == 'x' ? 16 : 8;
		digits += 2;
	}
	if (*digits == '\0' || strspn(digits, base == 16  ? "0123456789abcdefABCDEF"
					      : base == 8 ? "01234567"
							  : "0123456789") != strlen(digits))
		return 0;
	return base;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_fraction(const char *text)
{
	size_t whole, part = 0;

	text += *text == '-' || *text == '+';
	whole = strspn(text, "0123456789");
	text += whole;
	if (*text == '.') {
		part = strspn(++text, "0123456789");
		text += part;
	}
	if (whole + part == 0)
		return false;
	if (*text == 'e' || *text == 'E') {
		text++;
		text += *text == '-' || *text == '+';
		whole = strspn(text, "0123456789");
		if (whole == 0)
			return false;
		text += whole;
	}
	return *text == '\0';
}

static json_t *number_value(const struct builder *b, const char *text, int base)
{
	long long number;

	errno = 0;
	number = strtoll(text + (base == 10 ? 0 : 2), NULL, base);
	if (errno == ERANGE) {
		builder_fail(b, "the number %.32s is too large", text);
		return NULL;
	}
	return json_integer(number);
}

/* A plain scalar by the core schema. NULL after an error. */
static json_t *plain_value(const struct builder *b, const char *text, size_t length)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const trues[] = {"true", "True", "TRUE", NULL};
	static const char *const falses[] = {"false", "False", "FALSE", NULL};
	int base = integer_base(text);

	if (word_among(text, nulls))
		return json_null();
	if (word_among(text, trues))
		return json_true();
	if (word_among(text, falses))
		return json_false();
	if (base != 0)
		return number_value(b, text, base);
	if (is_fraction(text) && isfinite(strtod(text, NULL)))
		return json_real(strtod(text, NULL));
	return json_stringn(text, length);
}

static json_t *scalar_value(const struct builder *b)
{
	const char *text = (const char *)b->event->data.scalar.value;
	const char *tag = (const char *)b->event->data.scalar.tag;
	size_t length = b->event->data.scalar.length;
	bool plain = b->event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	json_t *value;

	if (strlen(text) != length) {
		builder_fail(b, "a NUL character");
		return NULL;
	}
	if (tag != NULL && strcmp(tag, YAML_STR_TAG) == 0)
		plain = false;
	else if (tag != NULL && strcmp(tag, "!") != 0) {
		builder_fail(b, "the tag %.64s is not supported", tag);
		return NULL;
	}
	b->error->code = 0;
	value = plain && tag == NULL ? plain_value(b, text, length) : json_stringn(text, length);
	if (value == NULL && b->error->code == 0)
		builder_fail(b, "text that is not UTF-8, or out of memory");
	return value;
}

/* Collections */

/* Put a value where it belongs; takes the reference also when it fails. */
static int builder_add(struct builder *b, json_t *value)
{
	struct level *top = b->depth ? &b->levels[b->depth - 1] : NULL;
	int status;

	if (top == NULL) {
		b->root = value;
		return 0;
	}
	if (json_is_array(top->collection)) {
		status = json_array_append_new(top->collection, value);
	} else {
		status = json_object_set_new(top->collection, top->key, value);
		free(top->key);
		top->key = NULL;
	}
	return status < 0 ? builder_fail(b, "out of memory") : 0;
}

static int builder_key(struct builder *b, struct level *top)
{
	const char *text = (const char *)b->event->data.scalar.value;

	if (strlen(text) != b->event->data.scalar.length)
		return builder_fail(b, "a NUL character in a key");
	if (json_object_get(top->collection, text) != NULL)
		return builder_fail(b, "\"%.64s\" stands twice in the same mapping", text);
	top->key = strdup(text);
	return top->key == NULL ? builder_fail(b, "out of memory") : 0;
}

static int builder_scalar(struct builder *b)
{
	struct level *top = b->depth ? &b->levels[b->depth - 1] : NULL;
	json_t *value;

	if (b->event->data.scalar.anchor != NULL)
		return builder_fail(b, "anchors are not supported: write it out");
	if (top != NULL && json_is_object(top->collection) && top->key == NULL)
		return builder_key(b, top);
	value = scalar_value(b);
	return value == NULL ? -EINVAL : builder_add(b, value);
}

static int builder_open(struct builder *b, json_t *collection, const yaml_char_t *anchor,
			const yaml_char_t *tag)
{
	struct level *top = b->depth ? &b->levels[b->depth - 1] : NULL;
	int status;

	if (collection == NULL)
		return builder_fail(b, "out of memory");
	if (anchor != NULL)
		status = builder_fail(b, "anchors are not supported: write it out");
	else if (tag != NULL)
		status = builder_fail(b, "the tag %.64s is not supported", (const char *)tag);
	else if (b->depth == YAML_DEPTH)
		status = builder_fail(b, "nested deeper than %d levels", YAML_DEPTH);
	else if (top != NULL && json_is_object(top->collection) && top->key == NULL)
		status = builder_fail(b, "a key must be text");
	else
		status = builder_add(b, json_incref(collection));
	if (status < 0) {
		json_decref(collection);
		return status;
	}
	b->levels[b->depth++] = (struct level){.collection = collection};
	return 0;
}

static void builder_close(struct builder *b)
{
	struct level *top = &b->levels[--b->depth];

	json_decref(top->collection);
	free(top->key);
}

/* 1: go on, 0: the end, negative: an error. */
static int builder_event(struct builder *b)
{
	const yaml_event_t *event = b->event;
	int status = 0;

	switch (event->type) {
	case YAML_STREAM_END_EVENT:
		return 0;
	case YAML_DOCUMENT_START_EVENT:
		if (b->root != NULL)
			status = builder_fail(b, "a second document");
		break;
	case YAML_ALIAS_EVENT:
		status = builder_fail(b, "aliases are not supported: write it out");
		break;
	case YAML_SCALAR_EVENT:
		status = builder_scalar(b);
		break;
	case YAML_SEQUENCE_START_EVENT:
		status = builder_open(b, json_array(), event->data.sequence_start.anchor,
				      event->data.sequence_start.tag);
		break;
	case YAML_MAPPING_START_EVENT:
		status = builder_open(b, json_object(), event->data.mapping_start.anchor,
				      event->data.mapping_start.tag);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		builder_close(b);
		break;
	default:
		break;
	}
	return status < 0 ? status : 1;
}

static int parser_fail(const yaml_parser_t *parser, struct error *error)
{
	if (parser->error == YAML_MEMORY_ERROR)
		return error_set(error, -ENOMEM, "", "out of memory");
	if (parser->error == YAML_READER_ERROR)
		return error_set(error, -EINVAL, "", "byte %zu: %s", parser->problem_offset,
				 parser->problem);
	return error_set(error, -EINVAL, "", "line %zu: %s%s%s", parser->problem_mark.line + 1,
			 parser->problem, parser->context ? " " : "",
			 parser->context ? parser->context : "");
}

json_t *yaml_parse(const char *text, size_t size, struct error *error)
{
	struct builder b = {.error = error};
	yaml_parser_t parser;
	yaml_event_t event;
	int status;

	if (!yaml_parser_initialize(&parser)) {
		error_set(error, -ENOMEM, "", "out of memory");
		return NULL;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	do {
		if (!yaml_parser_parse(&parser, &event)) {
			status = parser_fail(&parser, error);
			break;
		}
		b.event = &event;
		status = builder_event(&b);
		yaml_event_delete(&event);
	} while (status > 0);
	yaml_parser_delete(&parser);
	while (b.depth > 0)
		builder_close(&b);
	if (status < 0) {
		json_decref(b.root);
		return NULL;
	}
	return b.root != NULL ? b.root : json_null();
}

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/error.h"

/*
 * Decoding JSON objects by tables: an array of `struct field` says which names an object may have
 * and how each is turned into a member of a C structure. An unknown name is refused with the
 * nearest known one suggested, and every error names the field by its path from the root.
 */
struct decode {
	struct error *error;
	char path[sizeof(((struct error *)0)->field)];
	void *context; // of whoever decodes
};

struct field {
	const char *name; // NULL ends a table
	int (*decode)(struct decode *d, const json_t *value, const struct field *field,
		      void *target);
	size_t offset;		  // of the member in the target
	size_t size;		  // of the member
	int64_t minimum, maximum; // of a number; length of a text
	const void *more;	  // what the decode function needs beyond that
	bool required;
};

#define FIELD_OF(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)

/* Decode an object; members that it does not name are left as they are. 0 or negative errno. */
int decode_object(struct decode *d, const json_t *object, const struct field *fields, void *target);

/* Functions for tables. */
int decode_integer(struct decode *d, const json_t *value, const struct field *field, void *target);
int decode_boolean(struct decode *d, const json_t *value, const struct field *field, void *target);
int decode_text(struct decode *d, const json_t *value, const struct field *field, void *target);
/* One of `more`, a list of words with NULL at the end; the member becomes its place. */
int decode_word(struct decode *d, const json_t *value, const struct field *field, void *target);
int decode_address(struct decode *d, const json_t *value, const struct field *field, void *target);
/*
 * Known, but nothing does it yet: -EOPNOTSUPP, unless the value only says "off". `more` may be a
 * text that says what it is.
 */
int decode_later(struct decode *d, const json_t *value, const struct field *field, void *target);
/* What listings show and nobody can set: taken and ignored. */
int decode_ignore(struct decode *d, const json_t *value, const struct field *field, void *target);

/*
 * Add to the path: ".name" or "[3]". decode_leave() with what decode_enter() returned goes back.
 */
size_t decode_enter(struct decode *d, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void decode_leave(struct decode *d, size_t length);
/* Fill in the error with the present path. Return the (negative) code. */
int decode_fail(struct decode *d, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* NULL counts as empty. -EINVAL when it is no list or longer than `maximum`. */
int decode_list_size(struct decode *d, const json_t *value, size_t maximum, size_t *size);
/* The word in `words` (NULL at the end) that is most like `text`, or NULL. */
const char *decode_nearest(const char *text, const char *const *words);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

#include <jansson.h>

/*
 * Tables for people. A column takes a field of each row by name; "vip+port" makes an endpoint of
 * two fields, "servers#" counts the entries of an array. Fields that a row lacks show as "-".
 */
struct column {
	const char *title;
	const char *field;
	bool right; // numbers
	int width;  // at least so wide; used where rows are printed before all of them are known
};

/* `columns` ends with a NULL title. An empty array prints nothing but the titles. */
void table_print(const json_t *rows, const struct column *columns);
/* One column for each field that any row has, in the order in which the daemon sent them. */
void table_print_all(const json_t *rows);
/* For streams: the titles, then rows as they come, in columns of the given widths. */
void table_print_titles(const struct column *columns);
void table_print_row(const json_t *row, const struct column *columns);
/* "name: value" lines; objects inside are indented, arrays of objects become tables. */
void object_print(const json_t *object, unsigned int indent);
/* What `-o json` prints. */
void json_print(const json_t *value);

/* SPDX-License-Identifier: BSD-3-Clause */
#include "table.h"
#include "service_name.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Cells are made as texts first, because the widths of the columns depend on all of them. The texts
 * of one table live in one array, row after row, the titles being the first row.
 */
struct cells {
	char **text;
	unsigned int columns, rows;
	const bool *right;
};

/* A short text for any JSON value; the caller frees. */
static char *value_format(const json_t *value)
{
	char *text = NULL;
	size_t size;
	FILE *out;

	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_NULL:
		return strdup("-");
	case JSON_STRING:
		return strdup(json_string_length(value) ? json_string_value(value) : "-");
	case JSON_TRUE:
		return strdup("yes");
	case JSON_FALSE:
		return strdup("no");
	case JSON_INTEGER:
	case JSON_REAL:
		return json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
	default:
		break;
	}
	out = open_memstream(&text, &size);
	if (json_is_array(value)) {
		size_t i;
		json_t *entry;

		json_array_foreach ((json_t *)value, i, entry) {
			char *inner = value_format(entry);
			fprintf(out, "%s%s", i ? ", " : "", inner);
			free(inner);
		}
		if (!i)
			fputs("-", out);
	} else {
		const char *key, *space = "";
		json_t *entry;

		json_object_foreach ((json_t *)value, key, entry) {
			char *inner = value_format(entry);
			fprintf(out, "%s%s=%s", space, key, inner);
			free(inner);
			space = " ";
		}
	}
	fclose(out);
	return text;
}

/* "10.0.0.1:80", "[fd00::1]:80" out of two fields. */
static char *endpoint_cell(const json_t *row, const char *field, const char *plus)
{
	char name[64], vni[24] = "", *text = NULL;

	snprintf(name, sizeof(name), "%.*s", (int)(plus - field), field);
	const char *address = json_string_value(json_object_get(row, name));
	const json_t *port = json_object_get(row, plus + 1);

	if (!strcmp(field, "vip+port")) {
		char service[SERVICE_PATH];
		return strdup(service_endpoint(row, service));
	}
	if (!address)
		return strdup("-");
	if (!port)
		return strdup(address);
	// In a VNI: "172.16.25.13@96:80", as commands take it.
	const json_t *number = json_object_get(row, !strcmp(name, "vip") ? "vni" : "address_vni");
	if (number && (!strcmp(name, "vip") || !strcmp(name, "address")))
		snprintf(vni, sizeof(vni), "@%lld", (long long)json_integer_value(number));
	if (asprintf(&text, strchr(address, ':') ? "[%s]%s:%lld" : "%s%s:%lld", address, vni,
		     (long long)json_integer_value(port)) < 0)
		abort();
	return text;
}

static char *cell_format(const json_t *row, const char *field)
{
	const char *plus = strchr(field, '+');
	size_t length = strlen(field);
	char name[64], *text = NULL;

	if (plus)
		return endpoint_cell(row, field, plus);
	if (field[length - 1] != '#')
		return value_format(json_object_get(row, field));
	snprintf(name, sizeof(name), "%.*s", (int)length - 1, field);
	if (asprintf(&text, "%zu", json_array_size(json_object_get(row, name))) < 0)
		abort();
	return text;
}

static void cells_print(const struct cells *cells)
{
	int *width = calloc(cells->columns + 1, sizeof(*width));

	if (!width)
		abort();
	for (unsigned int i = 0; i < cells->rows * cells->columns; i++) {
		int length = (int)strlen(cells->text[i]);
		if (length > width[i % cells->columns])
			width[i % cells->columns] = length;
	}
	for (unsigned int i = 0; i < cells->rows * cells->columns; i++) {
		unsigned int column = i % cells->columns;
		bool last = column + 1 == cells->columns;

		if (cells->right[column])
			printf("%*s%s", width[column], cells->text[i], last ? "\n" : "  ");
		else if (last)
			printf("%s\n", cells->text[i]);
		else
			printf("%-*s  ", width[column], cells->text[i]);
	}
	free(width);
}

void table_print(const json_t *rows, const struct column *columns)
{
	unsigned int count = 0, at = 0;
	bool right[64] = {false};
	size_t i;
	json_t *row;

	while (columns[count].title && count < 64) {
		right[count] = columns[count].right;
		count++;
	}
	unsigned int row_count = (unsigned int)json_array_size(rows) + 1;
	char **text = calloc((size_t)row_count * count + 1, sizeof(*text));
	if (!text)
		abort();
	for (unsigned int c = 0; c < count; c++)
		text[at++] = strdup(columns[c].title);
	json_array_foreach ((json_t *)rows, i, row) {
		for (unsigned int c = 0; c < count; c++)
			text[at++] = cell_format(row, columns[c].field);
	}
	cells_print(&(struct cells){text, count, row_count, right});
	while (at > 0)
		free(text[--at]);
	free(text);
}

/* "local_ports_exhausted" as a title: "LOCAL-PORTS-EXHAUSTED". */
static char *title_make(const char *field)
{
	char *title = strdup(field);

	if (!title)
		abort();
	for (char *c = title; *c; c++)
		*c = *c == '_' ? '-' : (char)toupper((unsigned char)*c);
	return title;
}

void table_print_all(const json_t *rows)
{
	struct column columns[64] = {{0}};
	unsigned int count = 0;
	size_t i;
	json_t *row, *value;
	const char *key;

	json_array_foreach ((json_t *)rows, i, row) {
		json_object_foreach (row, key, value) {
			unsigned int c = 0;
			while (c < count && strcmp(columns[c].field, key))
				c++;
			if (c == count && count < 63)
				columns[count++] = (struct column){.title = title_make(key),
								   .field = key,
								   .right = json_is_number(value)};
		}
	}
	if (count)
		table_print(rows, columns);
	while (count > 0)
		free((char *)columns[--count].title);
}

void table_print_titles(const struct column *columns)
{
	for (const struct column *c = columns; c->title; c++)
		printf(c->right ? "%*s%s" : "%-*s%s", c->width, c->title, c[1].title ? "  " : "\n");
}

void table_print_row(const json_t *row, const struct column *columns)
{
	for (const struct column *c = columns; c->title; c++) {
		char *text = cell_format(row, c->field);
		printf(c->right ? "%*s%s" : "%-*s%s", c->width, text, c[1].title ? "  " : "\n");
		free(text);
	}
}

void object_print(const json_t *object, unsigned int indent)
{
	const char *key;
	json_t *value;
	int width = 0;

	json_object_foreach ((json_t *)object, key, value) {
		int length = (int)strlen(key);
		if (length > width && !json_is_object(value))
			width = length;
	}
	json_object_foreach ((json_t *)object, key, value) {
		if (json_is_object(value)) {
			printf("%*s%s:\n", (int)indent, "", key);
			object_print(value, indent + 2);
		} else if (json_is_object(json_array_get(value, 0))) {
			printf("%*s%s:\n", (int)indent, "", key);
			table_print_all(value);
		} else {
			char *text = value_format(value);
			printf("%*s%s:%*s %s\n", (int)indent, "", key, width - (int)strlen(key), "",
			       text);
			free(text);
		}
	}
}

void json_print(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
}

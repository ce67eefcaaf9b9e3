/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/document_fields.h"

/* Access lists in documents and requests: lists of texts, of a service and of the node. */

int document_decode_acl(struct decode *d, const json_t *value, const struct field *field,
			void *target)
{
	struct acl_list *list = (struct acl_list *)((char *)target + field->offset);
	struct acl_list fresh = {0};
	size_t count, length;
	struct error inner;
	int status = decode_list_size(d, value, ACL_ENTRIES, &count);

	for (size_t i = 0; i < count && status == 0; i++) {
		const char *text = json_string_value(json_array_get(value, i));

		length = decode_enter(d, "[%zu]", i);
		if (text == NULL)
			status = decode_fail(d, -EINVAL, "must be a text");
		else if (acl_list_parse(&fresh, text, &inner) < 0)
			status = decode_fail(d, inner.code, "%s", inner.text);
		if (status == 0)
			decode_leave(d, length);
	}
	if (status < 0) {
		acl_list_free(&fresh);
		return status;
	}
	acl_list_free(list);
	*list = fresh;
	return 0;
}

int document_decode_denied(struct decode *d, const json_t *value, const struct field *field,
			   void *target)
{
	static const char *const words[] = {"end", "keep", NULL};
	const struct field word = {.size = 1, .more = words};
	uint8_t index;
	int status = decode_word(d, value, &word, &index);

	if (status == 0)
		*(bool *)((char *)target + field->offset) = index == 1;
	return status;
}

/* What a listing has counted is no configuration. */
static int decode_finding(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	return 0;
}

static const struct field node_fields[] = {
	{"allow", document_decode_acl, FIELD_OF(struct acl_node, allow)},
	{"deny", document_decode_acl, FIELD_OF(struct acl_node, deny)},
	{"denied_sessions", document_decode_denied, FIELD_OF(struct acl_node, keep)},
	{"hits", decode_finding},
	{NULL},
};

int document_decode_acl_node(const json_t *body, struct acl_node *node, struct error *error)
{
	struct decode d = {.error = error};

	return decode_object(&d, body, node_fields, node);
}

int document_decode_acl_sections(struct decode *d, const json_t *document, struct acl_node *node)
{
	for (const struct field *field = node_fields; field->name != NULL; field++) {
		const json_t *value = json_object_get(document, field->name);
		size_t length;
		int status;

		if (value == NULL || json_is_null(value))
			continue;
		length = decode_enter(d, ".%s", field->name);
		status = field->decode(d, value, field, node);
		if (status < 0)
			return status;
		decode_leave(d, length);
	}
	return 0;
}

static bool set_is_there(const struct document *document, const char *name)
{
	for (unsigned int i = 0; i < document->sets.count; i++)
		if (strcmp(document->sets.sets[i].settings.name, name) == 0)
			return true;
	return sets_find(name) != NULL;
}

static int list_judge(const struct document *document, const struct acl_list *list,
		      const char *field, struct error *error)
{
	for (unsigned int i = 0; i < list->count; i++)
		if (list->entries[i].set[0] && !set_is_there(document, list->entries[i].set))
			return error_set(error, -EINVAL, field, "there is no set \"%s\"",
					 list->entries[i].set);
	return 0;
}

int document_judge_acl(const struct document *document, struct error *error)
{
	int status = list_judge(document, &document->acl.deny, "deny", error);
	char field[40];

	if (status == 0)
		status = list_judge(document, &document->acl.allow, "allow", error);
	for (unsigned int i = 0; i < document->service_count && status == 0; i++) {
		snprintf(field, sizeof(field), "services[%u].deny", i);
		status = list_judge(document, &document->services[i]->deny, field, error);
		snprintf(field, sizeof(field), "services[%u].allow", i);
		if (status == 0)
			status = list_judge(document, &document->services[i]->allow, field, error);
	}
	return status;
}

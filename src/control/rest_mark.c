/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balance/mark.h"
#include "control/document.h"
#include "control/rest.h"

/* Rules for firewall marks: the list as a whole, and single rules by their place in it. */

static json_t *marks_answer(void)
{
	return json_pack("{s:o}", "marks", marks_show());
}

int rest_mark_list(struct request *request, struct error *error)
{
	return request_reply(request, 200, marks_answer());
}

/* Publish what the edit has. */
static int marks_take(struct request *request, struct edit *edit, unsigned int code,
		      struct error *error)
{
	int status;

	edit->marks_given = true;
	status = request_publish(request, edit, error);
	return status < 0 ? status : request_reply(request, code, marks_answer());
}

int rest_mark_put(struct request *request, struct error *error)
{
	json_t *body = request_body(request, error);
	const struct model_marks *running = model_marks();
	struct edit edit = {0};
	const char *name;
	json_t *value;
	int status = 0;

	if (body == NULL)
		return error->code;
	json_object_foreach (body, name, value)
		if (strcmp(name, "marks") != 0 && status == 0)
			status = error_set(error, -EINVAL, name, "unknown field; there is: marks");
	if (status == 0 && !json_is_array(json_object_get(body, "marks")))
		status = error_set(error, -EINVAL, "marks", "must be a list");
	if (status == 0)
		status = document_decode_mark_list(json_object_get(body, "marks"), &edit.marks,
						   error);
	json_decref(body);
	if (status < 0)
		return status;
	// What the file has said stays the file's.
	for (unsigned int i = 0; i < edit.marks.count; i++)
		for (unsigned int k = 0; k < running->count; k++)
			if (mark_equal(&edit.marks.rules[i], &running->rules[k]))
				edit.marks.rules[i].origin = running->rules[k].origin;
	return marks_take(request, &edit, 200, error);
}

int rest_mark_post(struct request *request, struct error *error)
{
	json_t *body = request_body(request, error);
	const struct model_marks *running = model_marks();
	uint64_t at = running->count;
	struct edit edit = {0};
	struct model_mark rule;
	int status;

	if (body == NULL)
		return error->code;
	status = request_number(request, "at", running->count, &at, error);
	if (status == 0)
		status = document_decode_mark_rule(body, &rule, error);
	json_decref(body);
	if (status < 0)
		return status;
	if (running->count >= MARK_RULES_MAX)
		return error_set(error, -ENOSPC, "",
				 "there are %d rules for marks already, the most", MARK_RULES_MAX);
	for (unsigned int i = 0; i < running->count; i++)
		if (mark_equal(&running->rules[i], &rule))
			return error_set(error, -EEXIST, "", "rule %u is the same", i);
	if (marks_copy(&edit.marks, running) < 0 ||
	    marks_insert(&edit.marks, (unsigned int)at, &rule) < 0) {
		edit_free(&edit);
		return error_set(error, -ENOMEM, "", "out of memory");
	}
	return marks_take(request, &edit, 201, error);
}

int rest_mark_delete(struct request *request, struct error *error)
{
	const struct model_marks *running = model_marks();
	const char *text = request_part(request, 0);
	struct edit edit = {0};
	unsigned long place;
	char *end;

	errno = 0;
	place = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0)
		return error_set(error, -EINVAL, "place", "\"%.32s\" is no place, 0 for the first",
				 text);
	if (place >= running->count)
		return error_set(error, -ENOENT, "", "there is no rule %lu; there are %u", place,
				 running->count);
	if (marks_copy(&edit.marks, running) < 0)
		return error_set(error, -ENOMEM, "", "out of memory");
	edit.marks.count--;
	memmove(&edit.marks.rules[place], &edit.marks.rules[place + 1],
		(edit.marks.count - place) * sizeof(*edit.marks.rules));
	return marks_take(request, &edit, 200, error);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/keyed.h"

/*
 * Who owns what, and what `apply` does to it.
 *
 * Every service, server and local address carries the door it came through. Applying a document
 * makes the running state hold everything that the document says, and removes what is marked
 * "file" and is not in it; a server that REST added to a service of the file stays, one that both
 * name becomes the file's. A service is removed with everything in it.
 *
 * Changing an object of the file through another door is allowed: it keeps the mark "file", is
 * marked as overridden, and lasts (over restarts too, see persist.c) until a document is applied.
 */
void edit_free(struct edit *edit)
{
	for (unsigned int i = 0; i < edit->count; i++) {
		if (edit->changes[i].before != NULL)
			edit->changes[i].before->editing = false;
		model_service_free(edit->changes[i].after);
	}
	free(edit->changes);
	free(edit->pool);
	marks_free(&edit->marks);
	acl_node_free(&edit->acl);
	memset(edit, 0, sizeof(*edit));
}

bool edit_empty(const struct edit *edit)
{
	return edit->count == 0 && !edit->pool_given && !edit->marks_given && !edit->acl_given &&
	       !edit->timeouts_given;
}

static int edit_add(struct edit *edit, struct model_service *before, struct model_service *after)
{
	if (edit->count == edit->capacity) {
		unsigned int capacity = edit->capacity ? 2 * edit->capacity : 8;
		struct edit_change *larger = realloc(edit->changes,
						     capacity * sizeof(*edit->changes));

		if (larger == NULL) {
			model_service_free(after);
			return -ENOMEM;
		}
		edit->changes = larger;
		edit->capacity = capacity;
	}
	if (before != NULL)
		before->editing = true;
	if (after != NULL)
		after->editing = false;
	edit->changes[edit->count++] = (struct edit_change){.before = before, .after = after};
	return 0;
}

int edit_service(struct edit *edit, struct model_service *before, struct model_service *after)
{
	if (before != NULL && after != NULL)
		model_service_carry_health(before, after);
	if (before != NULL && after != NULL && model_service_equal(before, after) &&
	    model_service_same_origins(before, after)) {
		model_service_free(after);
		return 0;
	}
	return edit_add(edit, before, after);
}

int edit_health(struct edit *edit, struct model_service *before, struct model_service *after)
{
	return edit_add(edit, before, after);
}

int edit_republish(struct edit *edit, struct model_service *service)
{
	struct model_service *copy = model_service_copy(service);
	int status = copy == NULL ? -ENOMEM : edit_add(edit, service, copy);

	if (status == 0)
		edit->changes[edit->count - 1].again = true;
	return status;
}

int edit_pool(struct edit *edit, const struct model_local *pool, unsigned int count)
{
	struct model_local *copy = NULL;

	if (count > 0) {
		copy = malloc(count * sizeof(*copy));
		if (copy == NULL)
			return -ENOMEM;
		memcpy(copy, pool, count * sizeof(*copy));
	}
	free(edit->pool);
	edit->pool = copy;
	edit->pool_count = count;
	edit->pool_given = true;
	return 0;
}

/* The document's local addresses, and those in `running` that came through other doors. */
static int locals_merge(struct model_local **merged, unsigned int *merged_count,
			const struct model_local *running, unsigned int running_count)
{
	for (unsigned int i = 0; i < running_count; i++) {
		if (running[i].origin == ORIGIN_FILE ||
		    model_local_find(*merged, *merged_count, &running[i].addr) != NULL)
			continue;
		if (model_local_put(merged, merged_count, &running[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* What a running service becomes when the document has it. */
static struct model_service *service_merge(const struct model_service *running,
					   const struct model_service *wanted)
{
	struct model_service *merged = model_service_copy(wanted);

	if (merged == NULL)
		return NULL;
	for (unsigned int i = 0; i < running->server_count; i++) {
		const struct model_server *server = &running->servers[i];

		if (server->origin == ORIGIN_FILE ||
		    model_service_find_server(merged, &server->addr, server->port) != NULL)
			continue;
		if (model_service_put_server(merged, server) < 0)
			goto free_merged;
	}
	if (locals_merge(&merged->locals, &merged->local_count, running->locals,
			 running->local_count) < 0)
		goto free_merged;
	model_service_carry_health(running, merged);
	return merged;

free_merged:
	model_service_free(merged);
	return NULL;
}

/* Services of the file that the document no longer has. */
static int apply_prune(struct edit *edit, const struct keyed *wanted)
{
	struct model_service *service;
	uint32_t cursor = 0;

	while ((service = model_next(&cursor)) != NULL) {
		if (service->origin != ORIGIN_FILE || keyed_find(wanted, &service->key) != NULL)
			continue;
		if (edit_service(edit, service, NULL) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int apply_services(struct edit *edit, const struct document *document)
{
	struct keyed wanted = KEYED_INIT(sizeof(struct service_key));
	int status = keyed_reserve(&wanted, document->service_count);

	for (unsigned int i = 0; i < document->service_count && status == 0; i++)
		status = keyed_insert(&wanted, document->services[i]);
	if (status == 0)
		status = apply_prune(edit, &wanted);
	for (unsigned int i = 0; i < document->service_count && status == 0; i++) {
		const struct model_service *service = document->services[i];
		struct model_service *running = model_find(&service->key);
		struct model_service *after = running ? service_merge(running, service)
						      : model_service_copy(service);

		status = after == NULL ? -ENOMEM : edit_service(edit, running, after);
	}
	keyed_free(&wanted);
	return status;
}

static bool locals_same_origins(const struct model_local *a, const struct model_local *b,
				unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		if (a[i].origin != b[i].origin)
			return false;
	}
	return true;
}

static int apply_pool(struct edit *edit, const struct document *document)
{
	unsigned int running_count;
	const struct model_local *running = model_pool(&running_count);
	struct edit merged = {0};
	int status;

	status = edit_pool(&merged, document->pool, document->pool_count);
	if (status == 0)
		status = locals_merge(&merged.pool, &merged.pool_count, running, running_count);
	if (status == 0 &&
	    (!model_locals_equal(merged.pool, merged.pool_count, running, running_count) ||
	     !locals_same_origins(merged.pool, running, running_count)))
		status = edit_pool(edit, merged.pool, merged.pool_count);
	edit_free(&merged);
	return status;
}

static int apply_marks(struct edit *edit, const struct document *document)
{
	if (marks_copy(&edit->marks, &document->marks) < 0 ||
	    marks_merge(&edit->marks, model_marks()) < 0)
		return -ENOMEM;
	edit->marks_given = !marks_equal(&edit->marks, model_marks());
	return 0;
}

int edit_acl(struct edit *edit, const struct acl_node *wanted)
{
	acl_node_free(&edit->acl);
	if (acl_list_copy(&edit->acl.allow, &wanted->allow) < 0 ||
	    acl_list_copy(&edit->acl.deny, &wanted->deny) < 0)
		return -ENOMEM;
	edit->acl.keep = wanted->keep;
	edit->acl_given = wanted->keep != acl_node()->keep ||
			  !acl_list_equal(&wanted->allow, &acl_node()->allow) ||
			  !acl_list_equal(&wanted->deny, &acl_node()->deny);
	return 0;
}

int edit_apply(struct edit *edit, const struct document *document, struct error *error)
{
	if (apply_services(edit, document) < 0 || apply_pool(edit, document) < 0 ||
	    apply_marks(edit, document) < 0 || edit_acl(edit, &document->acl) < 0)
		return error_set(error, -ENOMEM, "", "out of memory");
	if (memcmp(&document->timeouts, model_timeouts(), sizeof(document->timeouts)) != 0) {
		edit->timeouts = document->timeouts;
		edit->timeouts_given = true;
	}
	return 0;
}

/* The merged services, all of them new objects. NULL: no memory. */
static struct model_service **services_merge(const struct document *saved,
					     const struct document *file, unsigned int *count)
{
	unsigned int most = saved->service_count + file->service_count;
	struct model_service **merged = calloc(most + 1, sizeof(struct model_service *));
	struct keyed found = KEYED_INIT(sizeof(struct service_key));
	bool failed = merged == NULL || keyed_reserve(&found, most) < 0;

	*count = 0;
	for (unsigned int i = 0; i < saved->service_count && !failed; i++)
		keyed_insert(&found, saved->services[i]);
	for (unsigned int i = 0; i < file->service_count && !failed; i++) {
		struct model_service *old = keyed_remove(&found, &file->services[i]->key);

		merged[*count] = old ? service_merge(old, file->services[i])
				     : model_service_copy(file->services[i]);
		failed = merged[(*count)++] == NULL;
	}
	for (unsigned int i = 0; i < saved->service_count && !failed; i++) {
		const struct model_service *old = saved->services[i];

		if (old->origin == ORIGIN_FILE || keyed_find(&found, &old->key) == NULL)
			continue;
		merged[*count] = model_service_copy(old);
		failed = merged[(*count)++] == NULL;
	}
	keyed_free(&found);
	if (!failed)
		return merged;
	for (unsigned int i = 0; merged != NULL && i < *count; i++)
		model_service_free(merged[i]);
	free(merged);
	return NULL;
}

int document_merge(struct document *saved, const struct document *file)
{
	struct document result = {.timeouts = file->timeouts, .acl.keep = file->acl.keep};
	struct edit pool = {0};

	if (marks_copy(&result.marks, &file->marks) < 0 ||
	    marks_merge(&result.marks, &saved->marks) < 0 ||
	    acl_list_copy(&result.acl.allow, &file->acl.allow) < 0 ||
	    acl_list_copy(&result.acl.deny, &file->acl.deny) < 0 ||
	    edit_pool(&pool, file->pool, file->pool_count) < 0 ||
	    locals_merge(&pool.pool, &pool.pool_count, saved->pool, saved->pool_count) < 0)
		goto free_pool;
	result.services = services_merge(saved, file, &result.service_count);
	if (result.services == NULL)
		goto free_pool;
	result.pool = pool.pool;
	result.pool_count = pool.pool_count;
	document_free(saved);
	*saved = result;
	return 0;

free_pool:
	marks_free(&result.marks);
	acl_node_free(&result.acl);
	edit_free(&pool);
	return -ENOMEM;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/restore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/apply.h"
#include "control/edit.h"
#include "control/health.h"
#include "control/mode_check.h"
#include "control/persist.h"
#include "control/publish.h"
#include "control/sets_journal.h"
#include "control/keyed.h"

/*
 * Was the saved model made on this very file? Then it is the state to go back to, changes to the
 * file's objects included. Otherwise the file is applied to it: everything marked "file" is
 * replaced by what the file says now.
 */

/* Services */

static int one_service(const struct model_service *service, struct error *error)
{
	struct model_service *copy = model_service_copy(service);
	struct edit edit = {0};
	int status;

	if (copy == NULL || edit_service(&edit, NULL, copy) < 0)
		return error_set(error, -ENOMEM, "", "out of memory");
	status = publish_edit(&edit, error);
	edit_free(&edit);
	return status;
}

/* Must this object be there for weir to start? */
static bool is_required(const struct model_service *service)
{
	if (service->origin != ORIGIN_FILE || service->overridden)
		return false;
	for (unsigned int i = 0; i < service->server_count; i++) {
		if (service->servers[i].origin != ORIGIN_FILE || service->servers[i].overridden)
			return false;
	}
	for (unsigned int i = 0; i < service->local_count; i++) {
		if (service->locals[i].origin != ORIGIN_FILE)
			return false;
	}
	return true;
}

/* A server that was down stays so until its next check; without a check nobody would look again. */
static void restore_health(struct model_service *service)
{
	for (unsigned int i = 0; i < service->server_count; i++) {
		struct model_server *server = &service->servers[i];

		if (!model_server_is_checked(service, server))
			server->health = HEALTH_UNCHECKED;
		if (server->health != HEALTH_UNCHECKED)
			health_note(&service->key, &server->addr, server->port,
				    health_name(server->health),
				    "as it was before weir was restarted");
	}
}

static int restore_services(const struct document *document, struct error *error)
{
	for (unsigned int i = 0; i < document->service_count; i++) {
		int status;

		restore_health(document->services[i]);
		status = one_service(document->services[i], error);
		if (status < 0 && is_required(document->services[i]))
			return status;
		if (status < 0)
			log_warning("what was saved is left out: %s", error->text);
	}
	return 0;
}

/* The pool */

static int publish_pool(const struct model_local *pool, unsigned int count,
			const struct timeouts *timeouts, struct error *error)
{
	struct edit edit = {.timeouts_given = true, .timeouts = *timeouts};
	int status;

	if (edit_pool(&edit, pool, count) < 0)
		return error_set(error, -ENOMEM, "", "out of memory");
	status = publish_edit(&edit, error);
	edit_free(&edit);
	return status;
}

/* Only what is the file's. */
static int publish_pool_of_file(const struct document *document, struct error *error)
{
	struct model_local *pool = calloc(document->pool_count + 1, sizeof(*pool));
	unsigned int count = 0;
	int status;

	if (pool == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	for (unsigned int i = 0; i < document->pool_count; i++) {
		if (document->pool[i].origin == ORIGIN_FILE)
			pool[count++] = document->pool[i];
	}
	status = publish_pool(pool, count, &document->timeouts, error);
	free(pool);
	return status;
}

static int restore_pool(const struct document *document, struct error *error)
{
	int status = publish_pool(document->pool, document->pool_count, &document->timeouts, error);

	if (status == 0)
		return 0;
	status = publish_pool_of_file(document, error);
	if (status == 0)
		log_warning("saved local addresses are left out: %s", error->text);
	return status;
}

static int restore_document(const struct document *document, struct error *error)
{
	int status = restore_pool(document, error);

	if (status == 0)
		status = acl_node_set(&document->acl, error);
	if (status == 0 && marks_publish(&document->marks) < 0)
		status = error_set(error, -ENOMEM, "", "out of memory");
	return status < 0 ? status : restore_services(document, error);
}

/*
 * Sets first, because lists refer to them: those that were, and what the file says of them when it
 * is another one than before, or when there were none.
 */
static int restore_sets(const struct config *config, bool same_file, struct error *error)
{
	const struct sets_wanted *wanted = &config->document.sets;
	unsigned int at = 0;
	int status;

	if (same_file && sets_next(&at) != NULL)
		return 0;
	status = sets_apply(wanted, error);
	if (status == 0)
		sets_apply_end(true);
	return status;
}

/* What there is to restore: `saved` as it is, or the file applied to it. */
static int restore_any(const struct config *config, struct error *error)
{
	struct document saved = {0};
	struct persist_settings settings = {0};
	uint64_t digest = 0;
	int status;

	status = sets_journal_start(config->state_dir, error); // what was saved refers to them
	if (status < 0)
		return status;
	status = persist_load(config->state_dir, &saved, &digest, &settings, error);

	if (restore_sets(config, status == 0 && digest == config->digest, error) < 0)
		return error->code;
	if (status == -ENOENT)
		return restore_document(&config->document, error);
	if (status < 0) {
		log_warning("what was saved in %s is not taken: %s%s%s", config->state_dir,
			    error->field, error->field[0] ? ": " : "", error->text);
		return restore_document(&config->document, error);
	}
	if (digest != config->digest) {
		status = document_merge(&saved, &config->document);
		if (status < 0)
			error_set(error, status, "", "out of memory");
	} else if (settings.has_nat_log && apply_nat_log(settings.nat_log_rate) < 0) {
		log_warning("nat_log: out of memory");
	}
	if (status == 0)
		status = restore_document(&saved, error);
	if (status == 0 && digest != config->digest)
		sets_prune(&config->document.sets);
	document_free(&saved);
	return status;
}

int restore_model(const struct config *config, struct error *error)
{
	int status;

	mode_check_links(false);
	status = restore_any(config, error);
	mode_check_links(true);
	return status;
}

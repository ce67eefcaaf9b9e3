/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/persist.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "control/ipvs_keeper.h"
#include "control/ipvs_settings.h"
#include "control/nat_journal.h"
#include "control/node.h"
#include "control/saver.h"

/*
 * The whole model is written, not the changes: a few megabytes at ten thousand services, at most
 * a few times a second (control/saver.h), and there is no second format that could disagree with
 * the first.
 *
 * What is restored: when the start file is the one that the saved model stood on, the saved model
 * as it is, changes to the file's objects included. When the file is another one, it is applied to
 * the saved model (control.c), as if by `weirctl apply`.
 */
enum { MODEL_VERSION = 1 };

static struct {
	struct saver saver;
	uint64_t digest;
} persist;

/* Reading */

static bool any_interface(const char *name, const void *arg)
{
	return true; // one that has gone is found out when the object is published
}

/* Settings for the IPVS door. A model that was saved before there were any has none. */
static void settings_restore(const json_t *json)
{
	struct ipvs_settings *settings;
	struct error error;

	if (json == NULL)
		return;
	if (ipvs_settings_decode(json, true, &settings, &error) == 0)
		ipvs_settings_use(settings);
	else
		log_warning("saved settings for the IPVS door are left out: %s: %s", error.field,
			    error.text);
}

static void nat_log_decode(const json_t *json, struct persist_settings *settings)
{
	const json_t *rate = json_object_get(json, "rate");
	json_int_t lines = json_integer_value(rate);

	settings->has_nat_log = json_is_integer(rate) && lines >= 0 &&
				lines <= NAT_JOURNAL_RATE_MAX;
	settings->nat_log_rate = settings->has_nat_log ? (uint32_t)lines : 0;
}

static int saved_decode(const json_t *json, struct document *document, uint64_t *digest,
			struct persist_settings *settings, struct error *error)
{
	const struct document_source source = {
		.origin = ORIGIN_FILE, .saved = true, .has_interface = any_interface};
	const char *text = json_string_value(json_object_get(json, "file_digest"));
	json_int_t version = json_integer_value(json_object_get(json, "version"));

	if (version != MODEL_VERSION)
		return error_set(error, -EINVAL, "version", "is %lld, not %d", (long long)version,
				 MODEL_VERSION);
	if (text == NULL || sscanf(text, "%" SCNx64, digest) != 1)
		return error_set(error, -EINVAL, "file_digest", "is missing");
	settings_restore(json_object_get(json, "ipvs"));
	node_restore(json_object_get(json, "node"));
	nat_log_decode(json_object_get(json, "nat_log"), settings);
	ipvs_keeper_restore(json_object_get(json, "keepalived"));
	return document_decode(json_object_get(json, "model"), &source, document, error);
}

int persist_load(const char *state_dir, struct document *document, uint64_t *digest,
		 struct persist_settings *settings, struct error *error)
{
	char path[SAVER_PATH];
	json_error_t where;
	json_t *json;
	int status;

	snprintf(path, sizeof(path), "%s/model.json", state_dir);
	if (access(path, F_OK) < 0)
		return error_set(error, -ENOENT, "", "there is no %s", path);
	json = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
	if (json == NULL)
		status = error_set(error, -EINVAL, "", "line %d: %s", where.line, where.text);
	else
		status = saved_decode(json, document, digest, settings, error);
	json_decref(json);
	if (status == -EINVAL)
		saver_set_aside(path);
	return status;
}

/* Writing */

static json_t *model_json(void)
{
	json_t *services = json_array();
	const struct model_service *service;
	const struct model_local *pool;
	unsigned int pool_count;
	uint32_t cursor = 0;
	char digest[24];

	while ((service = model_next(&cursor)) != NULL)
		json_array_append_new(services, document_service_json(service, true));
	pool = model_pool(&pool_count);
	snprintf(digest, sizeof(digest), "%016" PRIx64, persist.digest);
	return json_pack(
		"{s:i, s:s, s:o, s:o, s:o, s:{s:I}, s:{s:o, s:o, s:o, s:o, s:o, s:o, s:s}}",
		"version", MODEL_VERSION, "file_digest", digest, "ipvs", ipvs_settings_json(),
		"keepalived", ipvs_keeper_json(), "node", node_saved_json(), "nat_log", "rate",
		(json_int_t)nat_journal_rate(), "model", "timeouts",
		document_timeouts_json(model_timeouts()), "local_addresses",
		document_locals_json(pool, pool_count, true), "marks",
		marks_json(model_marks(), true), "services", services, "allow",
		acl_list_json(&acl_node()->allow), "deny", acl_list_json(&acl_node()->deny),
		"denied_sessions", acl_node()->keep ? "keep" : "end");
}

void persist_changed(void)
{
	saver_changed(&persist.saver);
}

void persist_set_digest(uint64_t digest)
{
	persist.digest = digest;
	persist_changed();
}

int persist_start(const char *state_dir, uint64_t digest, struct error *error)
{
	int status = saver_start(&persist.saver, state_dir, "model.json", model_json, error);

	if (status == 0)
		persist_set_digest(digest);
	return status;
}

void persist_stop(void)
{
	saver_stop(&persist.saver);
}

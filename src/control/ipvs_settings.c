/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/ipvs_settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/decode.h"
#include "control/document.h"
#include "control/keyed.h"

/*
 * Settings are kept as the JSON that they came as, so that a field which another part of weir adds
 * to services can be set here at once. To lay them over a service is to patch it, as REST would.
 *
 * Services by match are no settings of anything, because the door has no words for them: they are
 * made whole, belong to the door, and go when the settings that replace these do not have them.
 *
 * When a setting is taken back, its field gets its default again: the service is written as JSON,
 * without the fields of the old settings and with those of the new, and read back as a saved one.
 */
struct setting {
	struct service_key key; // first: what the table finds it by
	json_t *fields;		// without those of the key
};

struct ipvs_settings {
	struct keyed table;
	struct model_service **matches;
	unsigned int match_count;
	json_t *given;
};

static struct ipvs_settings *in_use;

static const char *const key_fields[] = {"protocol", "vip",    "port", "port_end",
					 "fwmark",   "family", NULL};

/* What makes no sense as a setting, and why. */
static const struct {
	const char *name, *reason;
} foreign_fields[] = {
	{"servers", "real servers come through the IPVS door"},
	{"origin", "is the door that a service came through, and cannot be set"},
	{"overridden", "is found out, and cannot be set"},
	{"keepalived", "is found out, and cannot be set"},
};

static bool any_interface(const char *name, const void *arg)
{
	return true;
}

void ipvs_settings_free(struct ipvs_settings *settings)
{
	if (settings == NULL)
		return;
	for (uint32_t i = 0; i < settings->table.capacity; i++) {
		struct setting *setting = settings->table.slots[i];

		if (setting == NULL)
			continue;
		json_decref(setting->fields);
		free(setting);
	}
	keyed_free(&settings->table);
	for (unsigned int i = 0; i < settings->match_count; i++)
		model_service_free(settings->matches[i]);
	free(settings->matches);
	json_decref(settings->given);
	free(settings);
}

static int match_add(struct ipvs_settings *settings, const struct model_service *service)
{
	struct model_service **larger = realloc(settings->matches,
						(settings->match_count + 1) * sizeof(*larger));

	if (larger == NULL)
		return -ENOMEM;
	settings->matches = larger;
	larger[settings->match_count] = model_service_copy(service);
	return larger[settings->match_count++] ? 0 : -ENOMEM;
}

static int setting_add(struct ipvs_settings *settings, const struct service_key *key,
		       const json_t *entry)
{
	struct setting *setting = malloc(sizeof(*setting));

	if (setting == NULL)
		return -ENOMEM;
	*setting = (struct setting){.key = *key, .fields = json_copy((json_t *)entry)};
	if (setting->fields == NULL || keyed_insert(&settings->table, setting) < 0) {
		json_decref(setting->fields);
		free(setting);
		return -ENOMEM;
	}
	for (unsigned int i = 0; key_fields[i] != NULL; i++)
		json_object_del(setting->fields, key_fields[i]);
	return 0;
}

/* What the decoder of services would take, but is no setting. */
static int entry_check(const json_t *entry, size_t index, struct error *error)
{
	char field[64];

	for (size_t i = 0; i < sizeof(foreign_fields) / sizeof(foreign_fields[0]); i++) {
		if (json_object_get(entry, foreign_fields[i].name) == NULL)
			continue;
		snprintf(field, sizeof(field), "services[%zu].%s", index, foreign_fields[i].name);
		return error_set(error, -EINVAL, field, "%s", foreign_fields[i].reason);
	}
	return 0;
}

static int body_check(const json_t *json, struct error *error)
{
	const char *name;
	json_t *value;

	if (!json_is_object(json))
		return error_set(error, -EINVAL, "", "must be an object with a list \"services\"");
	json_object_foreach ((json_t *)json, name, value) {
		if (strcmp(name, "services") != 0)
			return error_set(error, -EINVAL, name,
					 "is no field of this request; there is: services");
	}
	return 0;
}

int ipvs_settings_decode(const json_t *json, bool saved, struct ipvs_settings **out,
			 struct error *error)
{
	const struct document_source source = {.origin = ORIGIN_IPVS,
					       .has_interface = saved ? any_interface : NULL};
	struct ipvs_settings *settings = calloc(1, sizeof(*settings));
	const json_t *list = json_object_get(json, "services");
	struct document document = {0};
	int status = body_check(json, error);

	if (settings == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	settings->table = (struct keyed)KEYED_INIT(sizeof(struct service_key));
	settings->given = json_deep_copy(json);
	if (status == 0)
		status = document_decode(json, &source, &document, error);
	// The decoder keeps the order of the list, and has refused what is no list of objects.
	for (unsigned int i = 0; i < document.service_count && status == 0; i++) {
		const json_t *entry = json_array_get(list, i);
		const struct model_service *service = document.services[i];

		if (service->key.kind == SERVICE_MATCH) {
			status = match_add(settings, service);
		} else {
			status = entry_check(entry, i, error);
			if (status < 0)
				break;
			status = setting_add(settings, &service->key, entry);
		}
		if (status < 0)
			error_set(error, status, "", "out of memory");
	}
	document_free(&document);
	if (status < 0) {
		ipvs_settings_free(settings);
		return status;
	}
	*out = settings;
	return 0;
}

static bool matches_have(const struct ipvs_settings *settings, const struct service_key *key)
{
	for (unsigned int i = 0; i < settings->match_count; i++)
		if (memcmp(&settings->matches[i]->key, key, sizeof(*key)) == 0)
			return true;
	return false;
}

static json_t *fields_of(const struct ipvs_settings *settings, const struct service_key *key)
{
	const struct setting *setting = settings ? keyed_find(&settings->table, key) : NULL;

	return setting ? setting->fields : NULL;
}

/* The services by match that the door has, and those that it shall have. */
static int matches_edit(const struct ipvs_settings *wanted, struct edit *edit)
{
	struct model_service *service, *after;
	uint32_t cursor = 0;
	int status = 0;

	while (status == 0 && (service = model_next(&cursor)) != NULL)
		if (service->key.kind == SERVICE_MATCH && service->origin == ORIGIN_IPVS &&
		    !matches_have(wanted, &service->key))
			status = edit_service(edit, service, NULL);
	for (unsigned int i = 0; i < wanted->match_count && status == 0; i++) {
		service = model_find(&wanted->matches[i]->key);
		if (service != NULL && service->origin != ORIGIN_IPVS)
			continue;
		after = model_service_copy(wanted->matches[i]);
		status = after ? edit_service(edit, service, after) : -ENOMEM;
	}
	return status;
}

/* What was found out about servers and is not in JSON. */
static void findings_copy(const struct model_service *from, struct model_service *to)
{
	for (unsigned int i = 0; i < to->server_count; i++) {
		struct model_server *server = &to->servers[i];
		const struct model_server *old = model_service_find_server(from, &server->addr,
									   server->port);

		if (old != NULL)
			server->health = old->health;
	}
}

/* The service without the fields of `old` and with those of `new`. */
static int service_relay(const struct model_service *service, json_t *old, json_t *new,
			 struct model_service **out, struct error *error)
{
	const struct document_source source = {
		.origin = ORIGIN_IPVS, .saved = true, .has_interface = any_interface};
	json_t *object = document_service_json(service, true);
	struct document document;
	const char *name;
	json_t *value, *body;
	int status;

	json_object_foreach (old, name, value)
		json_object_del(object, name);
	if (new != NULL)
		json_object_update(object, new);
	body = json_pack("{s:[o]}", "services", object);
	if (body == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	status = document_decode(body, &source, &document, error);
	json_decref(body);
	if (status < 0)
		return status;
	*out = document.services[0];
	document.service_count = 0;
	document_free(&document);
	findings_copy(service, *out);
	return 0;
}

int ipvs_settings_edit(const struct ipvs_settings *wanted, struct edit *edit, struct error *error)
{
	struct model_service *service, *after = NULL;
	uint32_t cursor = 0;
	int status = matches_edit(wanted, edit);

	if (status < 0)
		return error_set(error, status, "", "out of memory");
	while ((service = model_next(&cursor)) != NULL) {
		json_t *old = fields_of(in_use, &service->key);
		json_t *new = fields_of(wanted, &service->key);

		if (service->origin != ORIGIN_IPVS || (old == NULL && new == NULL))
			continue;
		status = service_relay(service, old, new, &after, error);
		if (status == 0 && edit_service(edit, service, after) < 0)
			status = error_set(error, -ENOMEM, "", "out of memory");
		if (status < 0)
			return status;
	}
	return 0;
}

void ipvs_settings_use(struct ipvs_settings *wanted)
{
	ipvs_settings_free(in_use);
	in_use = wanted;
}

int ipvs_settings_complete(struct model_service *service, struct error *error)
{
	json_t *fields = fields_of(in_use, &service->key);

	return fields ? document_patch_service(fields, ORIGIN_IPVS, service, error) : 0;
}

bool ipvs_settings_fullnat(const struct service_key *key)
{
	const char *mode = json_string_value(json_object_get(fields_of(in_use, key), "mode"));

	return mode && strcmp(mode, "fullnat") == 0;
}

json_t *ipvs_settings_json(void)
{
	if (in_use == NULL || json_object_size(in_use->given) == 0)
		return json_pack("{s:[]}", "services");
	return json_deep_copy(in_use->given);
}

void ipvs_settings_stop(void)
{
	ipvs_settings_use(NULL);
}

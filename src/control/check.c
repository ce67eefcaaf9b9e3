/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/keyed.h"
#include "control/model.h"

/*
 * The table only grows while requests are served, and is swept between them, when it has become
 * twice as large as what was in use at the last sweep: settings have no reference count that every
 * copy of an object of the model would have to keep right.
 */
enum { SWEEP_LEAST = 256 };

struct settings {
	struct check check; // first: what the table finds it by
	bool live;
};

static struct keyed table = KEYED_INIT(sizeof(struct check));
static uint32_t last_live;

const struct check check_none;

void check_defaults(struct check *check, enum check_type type)
{
	memset(check, 0, sizeof(*check));
	check->type = (uint8_t)type;
	check->interval = 5000;
	check->timeout = 3000;
	check->rise = 1;
	check->fall = 1;
	if (type == CHECK_HTTP) {
		strcpy(check->path, "/");
		strcpy(check->status, "200-299");
	}
}

const struct check *check_intern(const struct check *check)
{
	struct settings *settings = keyed_find(&table, check);

	if (settings != NULL)
		return &settings->check;
	settings = calloc(1, sizeof(*settings));
	if (settings == NULL)
		return NULL;
	settings->check = *check;
	if (keyed_insert(&table, settings) < 0) {
		free(settings);
		return NULL;
	}
	return &settings->check;
}

bool check_is_wanted(const struct check *service, const struct check *server)
{
	return server != &check_none && (service != NULL || server != NULL);
}

enum check_failure check_on_failure(const struct check *service, const struct check *server)
{
	if (server != NULL && (server->named & CHECK_HAS_ON_FAILURE) != 0)
		return server->on_failure;
	return service != NULL ? service->on_failure : CHECK_INHIBIT;
}

/* What concerns every type of check, where `own` names it. */
static void common_override(struct check *out, const struct check *own)
{
	if ((own->named & CHECK_HAS_INTERVAL) != 0)
		out->interval = own->interval;
	if ((own->named & CHECK_HAS_TIMEOUT) != 0)
		out->timeout = own->timeout;
	else if (out->timeout > out->interval)
		out->timeout = out->interval;
	if ((own->named & CHECK_HAS_RISE) != 0)
		out->rise = own->rise;
	if ((own->named & CHECK_HAS_FALL) != 0)
		out->fall = own->fall;
	if ((own->named & CHECK_HAS_ON_FAILURE) != 0)
		out->on_failure = own->on_failure;
	if ((own->named & CHECK_HAS_PORT) != 0)
		out->port = own->port;
}

/* Another type has nothing in common with the service's but how often and what for. */
static void type_override(struct check *out, const struct check *own)
{
	const struct check service = *out;

	if ((own->named & CHECK_HAS_TYPE) == 0 || own->type == service.type)
		return;
	check_defaults(out, own->type);
	out->interval = service.interval;
	out->timeout = service.timeout;
	out->rise = service.rise;
	out->fall = service.fall;
	out->on_failure = service.on_failure;
}

bool check_effective(const struct check *service, const struct check *server, struct check *out)
{
	if (!check_is_wanted(service, server))
		return false;
	if (service != NULL)
		*out = *service;
	else
		check_defaults(out, server->type);
	out->named = CHECK_HAS_ALL;
	if (server == NULL)
		return true;
	type_override(out, server);
	common_override(out, server);
	if ((server->named & CHECK_HAS_PATH) != 0)
		memcpy(out->path, server->path, sizeof(out->path));
	if ((server->named & CHECK_HAS_HOST) != 0)
		memcpy(out->host, server->host, sizeof(out->host));
	if ((server->named & CHECK_HAS_STATUS) != 0)
		memcpy(out->status, server->status, sizeof(out->status));
	if ((server->named & CHECK_HAS_SEND) != 0)
		memcpy(out->send, server->send, sizeof(out->send));
	if ((server->named & CHECK_HAS_EXPECT) != 0)
		memcpy(out->expect, server->expect, sizeof(out->expect));
	return true;
}

/* Sweep */

static void mark(const struct check *check)
{
	if (check != NULL && check != &check_none)
		((struct settings *)(uintptr_t)check)->live = true;
}

static void mark_model(void)
{
	const struct model_service *service;
	uint32_t cursor = 0;

	while ((service = model_next(&cursor)) != NULL) {
		mark(service->check);
		for (unsigned int i = 0; i < service->server_count; i++)
			mark(service->servers[i].check);
	}
}

void check_sweep(void)
{
	struct keyed kept = KEYED_INIT(sizeof(struct check));

	if (table.count < SWEEP_LEAST || table.count < 2 * last_live)
		return;
	mark_model();
	if (keyed_reserve(&kept, table.count) < 0)
		return;
	for (uint32_t i = 0; i < table.capacity; i++) {
		struct settings *settings = table.slots[i];

		if (settings == NULL)
			continue;
		if (!settings->live) {
			free(settings);
			continue;
		}
		settings->live = false;
		keyed_insert(&kept, settings);
	}
	keyed_free(&table);
	table = kept;
	last_live = kept.count;
}

void check_stop(void)
{
	for (uint32_t i = 0; i < table.capacity; i++)
		free(table.slots[i]);
	keyed_free(&table);
	last_live = 0;
}

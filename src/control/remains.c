/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/remains.h"

#include <errno.h>
#include <stdlib.h>

#include "balance/server.h"
#include "balance/service.h"
#include "control/claim.h"
#include "control/loop.h"
#include "session/timeout.h"

/*
 * Three ages of what a change leaves behind. Objects that were replaced are free at once: no
 * worker ever saw the model. What the published service named (servers, timeout sets, local
 * addresses) is given back after a grace period: until then a worker may still choose it.
 *
 * A removed service is "departed" until its last server is free: sessions still count on its
 * number, and Linux must still answer for its local addresses while they last.
 */
struct departed {
	struct departed *next;
	uint32_t number;
	uint32_t *servers;
	unsigned int server_count;
	struct model_local *locals;
	unsigned int local_count;
};

struct remains {
	struct loop_grace grace;
	struct remains *next, **place; // in the list of those under way
	uint32_t *servers;
	unsigned int server_count;
	int *timeout_sets;
	unsigned int timeout_count;
	struct model_local *locals;
	unsigned int local_count;
	struct departed *departed;
};

static struct {
	struct remains *first;	   // waiting for their grace period
	struct departed *departed; // waiting for their sessions
	unsigned int leaving;
} under_way;

static void departed_free(struct departed *departed)
{
	if (departed == NULL)
		return;
	free(departed->servers);
	free(departed->locals);
	free(departed);
}

static struct departed *departed_new(const struct model_service *service)
{
	struct departed *departed = calloc(1, sizeof(*departed));

	if (departed == NULL)
		return NULL;
	departed->number = service->number;
	departed->servers = calloc(service->server_count + 1, sizeof(*departed->servers));
	departed->locals = calloc(service->local_count + 1, sizeof(*departed->locals));
	if (departed->servers == NULL || departed->locals == NULL) {
		departed_free(departed);
		return NULL;
	}
	for (unsigned int i = 0; i < service->server_count; i++)
		departed->servers[departed->server_count++] = service->servers[i].number;
	for (unsigned int i = 0; i < service->local_count; i++)
		departed->locals[departed->local_count++] = service->locals[i];
	return departed;
}

static bool departed_has_servers(const struct departed *departed)
{
	for (unsigned int i = 0; i < departed->server_count; i++) {
		const struct server *server = &server_table[departed->servers[i]];

		// A number that is in use again for another service is free for this one.
		if (server->in_use && server->service == departed->number)
			return true;
	}
	return false;
}

static void departed_end(struct departed *departed)
{
	for (unsigned int i = 0; i < departed->local_count; i++)
		claim_release(&departed->locals[i]);
	service_number_free(departed->number);
	departed_free(departed);
}

void remains_drop_departed(struct remains *remains)
{
	while (remains->departed != NULL) {
		struct departed *departed = remains->departed;

		remains->departed = departed->next;
		departed_free(departed);
	}
}

void remains_free(struct remains *remains)
{
	if (remains == NULL)
		return;
	remains_drop_departed(remains);
	free(remains->servers);
	free(remains->timeout_sets);
	free(remains->locals);
	free(remains);
}

/* The grace period is over: no worker can choose any of this for a new session. */
static void remains_done(void *arg)
{
	struct remains *remains = arg;

	for (unsigned int i = 0; i < remains->server_count; i++)
		server_remove(remains->servers[i]);
	for (unsigned int i = 0; i < remains->timeout_count; i++)
		timeout_release(remains->timeout_sets[i]);
	for (unsigned int i = 0; i < remains->local_count; i++)
		claim_release(&remains->locals[i]);
	while (remains->departed != NULL) {
		struct departed *departed = remains->departed;

		remains->departed = departed->next;
		departed->next = under_way.departed;
		under_way.departed = departed;
	}
	*remains->place = remains->next;
	if (remains->next != NULL)
		remains->next->place = remains->place;
	remains_free(remains);
}

void remains_begin(struct remains *remains)
{
	remains->next = under_way.first;
	remains->place = &under_way.first;
	if (remains->next != NULL)
		remains->next->place = &remains->next;
	under_way.first = remains;
	remains->grace.done = remains_done;
	remains->grace.arg = remains;
	loop_after_grace(&remains->grace);
}

/* With room for whatever this edit may leave behind, committed or taken back half-way. */
struct remains *remains_new(const struct edit *edit)
{
	struct remains *remains = calloc(1, sizeof(*remains));
	size_t servers = 1, locals = 1;

	if (remains == NULL)
		return NULL;
	for (unsigned int i = 0; i < edit->count; i++) {
		const struct model_service *ends[2] = {edit->changes[i].before,
						       edit->changes[i].after};

		for (unsigned int k = 0; k < 2; k++) {
			servers += ends[k] ? ends[k]->server_count : 0;
			locals += ends[k] ? ends[k]->local_count : 0;
		}
	}
	if (edit->pool_given) {
		unsigned int pool_count;

		model_pool(&pool_count);
		locals += edit->pool_count + pool_count;
	}
	remains->servers = calloc(servers, sizeof(*remains->servers));
	remains->timeout_sets = calloc(2 * edit->count + 1, sizeof(*remains->timeout_sets));
	remains->locals = calloc(locals, sizeof(*remains->locals));
	if (remains->servers == NULL || remains->timeout_sets == NULL || remains->locals == NULL) {
		remains_free(remains);
		return NULL;
	}
	return remains;
}

/* Hand the locals of one object to the remains. */
void remains_locals(struct remains *remains, const struct model_local *locals, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		remains->locals[remains->local_count++] = locals[i];
}

/* Hand over what `old` has and `kept` (may be NULL) has not. */
void remains_service(struct remains *remains, const struct model_service *old,
		     const struct model_service *kept)
{
	for (unsigned int i = 0; i < old->server_count; i++) {
		const struct model_server *server = &old->servers[i];

		const struct model_server *same =
			kept ? model_service_find_server(kept, &server->addr, server->port) : NULL;

		if (same == NULL || same->number != server->number)
			remains->servers[remains->server_count++] = server->number;
	}
	remains->timeout_sets[remains->timeout_count++] = old->timeout_set;
	if (kept != NULL)
		remains_locals(remains, old->locals, old->local_count);
}

int remains_departed(struct remains *remains, const struct model_service *service)
{
	struct departed *departed = departed_new(service);

	if (departed == NULL)
		return -ENOMEM;
	departed->next = remains->departed;
	remains->departed = departed;
	return 0;
}

void remains_reap(void)
{
	struct departed **place = &under_way.departed;

	under_way.leaving = server_reap();
	while (*place != NULL) {
		struct departed *departed = *place;

		if (departed_has_servers(departed)) {
			place = &departed->next;
			continue;
		}
		*place = departed->next;
		departed_end(departed);
	}
}

unsigned int remains_leaving(void)
{
	return under_way.leaving;
}

void remains_stop(void)
{
	while (under_way.first != NULL) {
		struct remains *remains = under_way.first;

		loop_cancel_grace(&remains->grace);
		under_way.first = remains->next;
		remains_free(remains);
	}
	while (under_way.departed != NULL) {
		struct departed *departed = under_way.departed;

		under_way.departed = departed->next;
		departed_free(departed);
	}
	under_way.leaving = 0;
}

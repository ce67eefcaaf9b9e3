/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Draining a real server: it gets no new session, also of persistent clients, and those that it has
 * go on. When they have ended, or when the deadline has passed, nobody misses the server: it can be
 * shut down. What is left at the deadline ends as the service's removed_servers says, with a reset
 * where that is `keep`.
 *
 * A drain is no configuration: it stands beside the weight, which is as it was when the drain is
 * taken back. It lasts over a restart, and so does its deadline.
 */
#include "control/server_drain.h"

#include <errno.h>
#include <time.h>

#include "base/log.h"
#include "control/edit.h"
#include "control/loop.h"
#include "control/publish.h"
#include "control/rest.h"
#include "control/rest_service.h"
#include "path/workers.h"

static bool any = true; // after a restart there may be some

static uint64_t wall_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t server_drain_until_wall(uint64_t until)
{
	return wall_clock() + until - loop_clock();
}

uint64_t server_drain_until_loop(uint64_t wall)
{
	uint64_t now = wall_clock();

	// What is past is so at once; 0 would be no deadline.
	return wall > now ? loop_clock() + (wall - now) : 1;
}

static uint64_t sessions_of(const struct model_server *server)
{
	struct traffic traffic;

	workers_server_traffic(server->number, &traffic);
	return traffic.active + traffic.inactive;
}

static const char *state_of(const struct model_server *server, uint64_t sessions)
{
	if (server->drain == DRAIN_OVER)
		return "expired"; // however soon the last ones have ended then
	return sessions == 0 ? "drained" : "draining";
}

void server_drain_add(json_t *object, const struct model_server *server)
{
	uint64_t now = loop_clock();

	if (server->drain == DRAIN_NONE)
		return;
	json_object_set_new(object, "drain", json_string(state_of(server, sessions_of(server))));
	if (server->drain_until != 0)
		json_object_set_new(object, "drain_remaining",
				    json_real(server->drain_until > now
						      ? (double)(server->drain_until - now) / 1000
						      : 0));
}

static json_t *drain_json(const struct model_server *server)
{
	json_t *object = json_object();

	json_object_set_new(object, "drain", json_string("none"));
	json_object_set_new(object, "sessions", json_integer((json_int_t)sessions_of(server)));
	server_drain_add(object, server);
	return object;
}

/* Servers of a service whose time is over, in a copy; NULL: there are none, or no memory. */
static struct model_service *service_expire(const struct model_service *service)
{
	struct model_service *after = NULL;
	char name[SERVICE_TEXT], text[ENDPOINT_TEXT];

	for (unsigned int i = 0; i < service->server_count; i++) {
		const struct model_server *server = &service->servers[i];

		any = any || server->drain == DRAIN_WAITING;
		if (server->drain != DRAIN_WAITING || server->drain_until == 0 ||
		    server->drain_until > loop_clock())
			continue;
		if (after == NULL)
			after = model_service_copy(service);
		if (after == NULL)
			return NULL;
		if (sessions_of(server) == 0) {
			after->servers[i].drain_until = 0;
			continue;
		}
		after->servers[i].drain = DRAIN_OVER;
		log_notice(
			"service %s: the deadline of server %s has passed, %llu sessions are left",
			model_service_format(&service->key, name),
			endpoint_format(&server->addr, server->port, text),
			(unsigned long long)sessions_of(server));
	}
	return after;
}

void server_drain_tick(void)
{
	struct edit edit = {0};
	struct model_service *service, *after;
	struct error error;
	uint32_t cursor = 0;
	int status = 0;

	if (!any)
		return;
	any = false;
	while (status == 0 && (service = model_next(&cursor)) != NULL) {
		after = service_expire(service);
		if (after != NULL)
			status = edit_health(&edit, service, after);
	}
	if (status == 0)
		status = publish_edit(&edit, &error);
	if (status < 0) {
		any = true; // try again
		log_error(
			"the deadline of a drain has passed, but its sessions could not be ended");
	}
	edit_free(&edit);
}

/* REST */

static int drain_set(struct request *request, enum drain drain, uint64_t until,
		     struct model_server **server, struct error *error)
{
	struct model_service *service, *after;
	struct edit edit = {0};
	struct service_key key;
	struct model_server wanted;
	int status = server_of_request(request, &service, server, error);

	if (status < 0)
		return status;
	key = service->key;
	wanted = **server;
	after = model_service_copy(service);
	if (after == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	*server = model_service_find_server(after, &wanted.addr, wanted.port);
	(*server)->drain = drain;
	(*server)->drain_until = until;
	any = any || drain == DRAIN_WAITING;
	if (edit_health(&edit, service, after) < 0)
		return error_set(error, -ENOMEM, "", "out of memory");
	status = request_publish(request, &edit, error);
	if (status == 0)
		*server = model_service_find_server(model_find(&key), &wanted.addr, wanted.port);
	return status;
}

int rest_server_drain_post(struct request *request, struct error *error)
{
	struct model_server *server;
	uint64_t deadline = 0;
	int status = request_deadline(request, &deadline, error);

	if (status == 0)
		status = drain_set(request, DRAIN_WAITING, deadline ? loop_clock() + deadline : 0,
				   &server, error);
	return status < 0 ? status : request_reply(request, 200, drain_json(server));
}

int rest_server_drain_get(struct request *request, struct error *error)
{
	struct model_service *service;
	struct model_server *server;
	int status = server_of_request(request, &service, &server, error);

	return status < 0 ? status : request_reply(request, 200, drain_json(server));
}

int rest_server_drain_delete(struct request *request, struct error *error)
{
	struct model_server *server;
	int status = drain_set(request, DRAIN_NONE, 0, &server, error);

	return status < 0 ? status : request_reply_empty(request, 204);
}

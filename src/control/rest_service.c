/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/rest_service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/bfd_gate.h"
#include "control/document.h"
#include "control/rest.h"
#include "control/server_drain.h"
#include "control/zero.h"
#include "path/workers.h"

/*
 * Services, their real servers and their own local addresses. A change copies the service, changes
 * the copy and publishes it; objects of the file that are changed here are marked as overridden.
 */

/* JSON with counters */

static void traffic_add(json_t *object, const struct traffic *traffic)
{
	const struct {
		const char *name;
		uint64_t value;
	} counters[] = {
		{"connections", traffic->connections}, {"active", traffic->active},
		{"inactive", traffic->inactive},       {"packets_in", traffic->packets_in},
		{"packets_out", traffic->packets_out}, {"bytes_in", traffic->bytes_in},
		{"bytes_out", traffic->bytes_out},
	};

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		json_object_set_new(object, counters[i].name,
				    json_integer((json_int_t)counters[i].value));
}

/* Whose counters: those of one worker, or of all together less what was zeroed. */
enum { ALL_WORKERS = -1 };

static void server_traffic_add(json_t *object, const struct model_server *server, int worker)
{
	struct traffic traffic;

	if (worker == ALL_WORKERS)
		zero_server_traffic(server->number, &traffic);
	else
		workers_server_share((unsigned int)worker, server->number, &traffic);
	traffic_add(object, &traffic);
}

static void templates_add(json_t *object, const struct model_service *service,
			  const struct model_server *server)
{
	if (service->persistent)
		json_object_set_new(object, "persistent_connections",
				    json_integer(workers_server_templates(server->number)));
}

static json_t *server_show(const struct model_service *service, const struct model_server *server)
{
	json_t *object = document_server_json(server, true);

	if (model_server_is_removed(service, server))
		json_object_set_new(object, "removed", json_true());
	server_drain_add(object, server);
	templates_add(object, service, server);
	bfd_gate_add(object, server);
	server_traffic_add(object, server, ALL_WORKERS);
	return object;
}

static json_t *service_show_of(const struct model_service *service, int worker)
{
	json_t *object = document_service_json(service, true);
	json_t *servers = json_object_get(object, "servers");
	struct traffic traffic;

	if (worker == ALL_WORKERS)
		zero_service_traffic(service->number, &traffic);
	else
		workers_service_share((unsigned int)worker, service->number, &traffic);
	traffic_add(object, &traffic);
	for (unsigned int i = 0; i < service->server_count; i++) {
		if (model_server_is_removed(service, &service->servers[i]))
			json_object_set_new(json_array_get(servers, i), "removed", json_true());
		server_drain_add(json_array_get(servers, i), &service->servers[i]);
		templates_add(json_array_get(servers, i), service, &service->servers[i]);
		bfd_gate_add(json_array_get(servers, i), &service->servers[i]);
		server_traffic_add(json_array_get(servers, i), &service->servers[i], worker);
	}
	return object;
}

static json_t *service_show(const struct model_service *service)
{
	return service_show_of(service, ALL_WORKERS);
}

/* The parameter `worker`. */
static int worker_of_request(const struct request *request, int *worker, struct error *error)
{
	uint64_t number = 0;
	int status = request_number(request, "worker", workers_count() - 1, &number, error);

	*worker = request_query(request, "worker") != NULL ? (int)number : ALL_WORKERS;
	return status;
}

/* Finding what a path names */

int service_of_request(const struct request *request, struct service_key *key,
		       struct model_service **service, struct error *error)
{
	char name[SERVICE_TEXT];
	int status = document_decode_key(request_part(request, 0), request_part(request, 1),
					 request_part(request, 2), key, error);

	if (status < 0)
		return status;
	*service = model_find(key);
	if (*service == NULL)
		return error_set(error, -ENOENT, "", "there is no service %s",
				 model_service_format(key, name));
	return 0;
}

int service_edit(struct request *request, struct model_service *before, struct model_service *after,
		 struct error *error)
{
	struct edit edit = {0};

	if (before != NULL && after != NULL)
		model_service_mark(before, after);
	if (edit_service(&edit, before, after) < 0)
		return error_set(error, -ENOMEM, "", "out of memory");
	return request_publish(request, &edit, error);
}

/* Fresh counters: begin a pass, and go on when it is over. */

struct fresh {
	uint64_t pass;
	int (*show)(struct request *request, struct error *error);
};

static int fresh_poll(struct request *request, void *arg, struct error *error)
{
	const struct fresh *fresh = arg;

	return workers_pass_over(fresh->pass) ? fresh->show(request, error) : 0;
}

static int show_maybe_fresh(struct request *request,
			    int (*show)(struct request *request, struct error *error),
			    struct error *error)
{
	struct fresh *fresh;

	if (!request_flag(request, "fresh"))
		return show(request, error);
	fresh = malloc(sizeof(*fresh));
	if (fresh == NULL)
		return -ENOMEM;
	*fresh = (struct fresh){.pass = workers_pass_begin(), .show = show};
	return request_poll(request, fresh_poll, fresh, free);
}

/* The list, produced service by service */

struct service_stream {
	uint32_t cursor;
	int worker;
	bool begun;
};

static enum stream_next service_stream_more(void *arg, struct text *text)
{
	struct service_stream *stream = arg;
	const struct model_service *service;

	if (!stream->begun)
		text_add(text, "{\"services\":[");
	while (text->size < STREAM_PIECE) {
		json_t *object;
		char *line;

		service = model_next(&stream->cursor);
		if (service == NULL) {
			text_add(text, "]}\n");
			return STREAM_END;
		}
		object = service_show_of(service, stream->worker);
		line = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(10));
		json_decref(object);
		text_add(text, "%s%s", stream->begun ? ",\n" : "\n", line ? line : "null");
		free(line);
		stream->begun = true;
	}
	return STREAM_MORE;
}

static int services_show(struct request *request, struct error *error)
{
	struct service_stream *stream;
	int worker, status = worker_of_request(request, &worker, error);

	if (status < 0)
		return status;
	stream = calloc(1, sizeof(*stream));
	if (stream == NULL)
		return -ENOMEM;
	stream->worker = worker;
	return request_stream(request, "application/json", service_stream_more, stream, free);
}

int rest_service_list(struct request *request, struct error *error)
{
	return show_maybe_fresh(request, services_show, error);
}

/* One service */

static int one_service_show(struct request *request, struct error *error)
{
	struct model_service *service;
	struct service_key key;
	int worker, status = worker_of_request(request, &worker, error);

	if (status == 0)
		status = service_of_request(request, &key, &service, error);
	return status < 0 ? status : request_reply(request, 200, service_show_of(service, worker));
}

int rest_service_get(struct request *request, struct error *error)
{
	return show_maybe_fresh(request, one_service_show, error);
}

int rest_service_put(struct request *request, struct error *error)
{
	struct model_service *after, *before;
	struct service_key key;
	char name[SERVICE_TEXT];
	json_t *body;
	int status = document_decode_key(request_part(request, 0), request_part(request, 1),
					 request_part(request, 2), &key, error);

	if (status == 0)
		status = request_check_new(request, model_find(&key) != NULL, "service",
					   model_service_format(&key, name), error);
	if (status < 0)
		return status;
	body = request_body(request, error);
	if (body == NULL)
		return error->code;
	status = document_decode_service(body, &key, ORIGIN_REST, &after, error);
	json_decref(body);
	if (status < 0)
		return status;
	before = model_find(&key);
	status = service_edit(request, before, after, error);
	if (status < 0)
		return status;
	return request_reply(request, before ? 200 : 201, service_show(model_find(&key)));
}

int rest_service_patch(struct request *request, struct error *error)
{
	struct model_service *before, *after;
	struct service_key key;
	json_t *body;
	int status = service_of_request(request, &key, &before, error);

	if (status < 0)
		return status;
	body = request_body(request, error);
	if (body == NULL)
		return error->code;
	after = model_service_copy(before);
	status = after ? document_patch_service(body, ORIGIN_REST, after, error) : -ENOMEM;
	json_decref(body);
	if (status < 0) {
		model_service_free(after);
		return status;
	}
	status = service_edit(request, before, after, error);
	if (status < 0)
		return status;
	return request_reply(request, 200, service_show(model_find(&key)));
}

int rest_service_delete(struct request *request, struct error *error)
{
	struct model_service *service;
	struct service_key key;
	int status = service_of_request(request, &key, &service, error);

	if (status == 0)
		status = service_edit(request, service, NULL, error);
	return status < 0 ? status : request_reply_empty(request, 204);
}

/* Real servers */

static int server_key(const struct request *request, bool by_match, struct model_server *server,
		      struct error *error)
{
	int status;

	memset(server, 0, sizeof(*server));
	status = document_decode_address(request_part(request, 3), &server->addr, error);
	if (status == 0 && by_match && strcmp(request_part(request, 4), "0") == 0)
		return 0;
	return status < 0 ? status
			  : document_decode_server_port(request_part(request, 4), &server->port,
							error);
}

/* The service and the server of a path; `*server` is NULL when the service has no such server. */
static int server_maybe_of_request(const struct request *request, struct model_service **service,
				   struct model_server *wanted, struct model_server **server,
				   struct error *error)
{
	struct service_key key;
	int status = service_of_request(request, &key, service, error);

	if (status == 0)
		status = server_key(request, key.kind == SERVICE_MATCH, wanted, error);
	if (status == 0)
		*server = model_service_find_server(*service, &wanted->addr, wanted->port);
	return status;
}

static int no_server(const struct model_service *service, const struct model_server *server,
		     struct error *error)
{
	char name[SERVICE_TEXT], text[ENDPOINT_TEXT];

	return error_set(error, -ENOENT, "", "service %s has no real server %s",
			 model_service_format(&service->key, name),
			 endpoint_format(&server->addr, server->port, text));
}

int server_of_request(const struct request *request, struct model_service **service,
		      struct model_server **server, struct error *error)
{
	struct model_server wanted;
	int status = server_maybe_of_request(request, service, &wanted, server, error);

	if (status == 0 && *server == NULL)
		return no_server(*service, &wanted, error);
	return status;
}

static int one_server_show(struct request *request, struct error *error)
{
	struct model_service *service;
	struct model_server wanted, *server = NULL;
	int status = server_maybe_of_request(request, &service, &wanted, &server, error);

	if (status < 0)
		return status;
	if (server == NULL)
		return no_server(service, &wanted, error);
	return request_reply(request, 200, server_show(service, server));
}

int rest_server_get(struct request *request, struct error *error)
{
	return show_maybe_fresh(request, one_server_show, error);
}

/* PUT (`whole`) makes or replaces a server, PATCH changes one that is there. */
static int server_change(struct request *request, bool whole, struct error *error)
{
	struct model_service *service, *after;
	struct model_server wanted, *server = NULL;
	struct service_key key;
	char name[ENDPOINT_TEXT];
	json_t *body;
	int status = server_maybe_of_request(request, &service, &wanted, &server, error);
	bool existed;

	if (status == 0 && whole)
		status = request_check_new(request, server != NULL, "real server",
					   endpoint_format(&wanted.addr, wanted.port, name), error);
	if (status < 0)
		return status;
	existed = server != NULL;
	if (!existed && !whole)
		return no_server(service, &wanted, error);
	if (!whole)
		wanted = *server;
	else
		wanted.weight = 1;
	wanted.origin = ORIGIN_REST;
	body = request_body(request, error);
	if (body == NULL)
		return error->code;
	status = document_decode_server(body, &service->key, &wanted, error);
	json_decref(body);
	if (status < 0)
		return status;
	if (!existed) {
		unsigned int count;
		const struct model_local *pool = model_pool(&count);

		status = document_check_locals(service, &wanted, pool, count, error);
		if (status < 0)
			return status;
	}
	after = model_service_copy(service);
	status = after ? model_service_put_server(after, &wanted) : -ENOMEM;
	if (status < 0) {
		model_service_free(after);
		return error_set(error, status, "", "%s",
				 status == -ENOSPC ? "the service has as many real servers as are "
						     "possible"
						   : "out of memory");
	}
	key = service->key;
	status = service_edit(request, service, after, error);
	if (status < 0)
		return status;
	service = model_find(&key);
	server = model_service_find_server(service, &wanted.addr, wanted.port);
	return request_reply(request, existed ? 200 : 201, server_show(service, server));
}

int rest_server_put(struct request *request, struct error *error)
{
	return server_change(request, true, error);
}

int rest_server_patch(struct request *request, struct error *error)
{
	return server_change(request, false, error);
}

int rest_server_delete(struct request *request, struct error *error)
{
	struct model_service *service, *after;
	struct model_server wanted, *server = NULL;
	int status = server_maybe_of_request(request, &service, &wanted, &server, error);

	if (status < 0)
		return status;
	if (server == NULL)
		return no_server(service, &wanted, error);
	after = model_service_copy(service);
	if (after == NULL)
		return -ENOMEM;
	model_service_remove_server(after, &wanted.addr, wanted.port);
	status = service_edit(request, service, after, error);
	return status < 0 ? status : request_reply_empty(request, 204);
}

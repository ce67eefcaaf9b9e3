/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/request.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <microhttpd.h>

#include "base/log.h"
#include "control/describe.h"
#include "control/persist.h"
#include "control/publish.h"
#include "control/yaml.h"

/*
 * One request. Its life:
 *
 * begin   the head is there: find the route, refuse what is known to be wrong already
 * take    collect the body
 * serve   call the handler, which sets the reply; when the reply must wait, suspend
 * serve   again, after it was resumed: send the reply
 * free    libmicrohttpd has sent it, or the client has gone
 *
 * libmicrohttpd tells of a client that has gone only when it next touches the connection; a
 * suspended one is untouched, and its timer or grace period resumes it in any case.
 */
enum { REQUEST_BODY_MAX = 64 << 20, REQUEST_PARTS = 8, REQUEST_POLL = 5 };

struct request {
	struct request *next, **place; // among the suspended ones
	struct MHD_Connection *connection;
	const struct route *route; // NULL: the reply is an error already
	char *path;		   // cut into pieces in place
	const char *parts[REQUEST_PARTS];
	char peer[64];
	int pid;
	char *body;
	size_t body_size, body_room;
	bool served, suspended;
	// The reply.
	struct MHD_Response *response;
	unsigned int status;
	// Why it waits.
	bool wants_grace;
	struct loop_grace grace;
	int (*poll)(struct request *request, void *arg, struct error *error);
	void (*poll_end)(void *arg);
	void *poll_arg;
	struct loop_timer timer;
};

static struct request *suspended;

/* Replies */

int request_set_response(struct request *request, unsigned int status,
			 struct MHD_Response *response, const char *content_type)
{
	assert(request->response == NULL);
	if (response == NULL)
		return -ENOMEM;
	if (content_type != NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	request->response = response;
	request->status = status;
	return 0;
}

int request_reply(struct request *request, unsigned int status, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(10));
	size_t length = text ? strlen(text) : 0;
	char *line = text ? realloc(text, length + 2) : NULL;

	json_decref(json);
	if (line == NULL) {
		free(text);
		return -ENOMEM;
	}
	memcpy(line + length, "\n", 2);
	return request_set_response(
		request, status,
		MHD_create_response_from_buffer(length + 1, line, MHD_RESPMEM_MUST_FREE),
		"application/json");
}

int request_reply_empty(struct request *request, unsigned int status)
{
	return request_set_response(
		request, status, MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT),
		NULL);
}

static unsigned int error_status(int code)
{
	switch (-code) {
	case EINVAL:
	case EOPNOTSUPP:
	case ENODEV:
		return MHD_HTTP_BAD_REQUEST;
	case ENOENT:
		return MHD_HTTP_NOT_FOUND;
	case EPERM:
		return MHD_HTTP_METHOD_NOT_ALLOWED;
	case EEXIST:
	case EBUSY:
		return MHD_HTTP_CONFLICT;
	case EFBIG:
		return 413;
	case ENOSPC:
		return MHD_HTTP_INSUFFICIENT_STORAGE;
	case ENOMEM:
	case ESHUTDOWN:
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	default:
		return MHD_HTTP_INTERNAL_SERVER_ERROR;
	}
}

static void request_reply_error(struct request *request, const struct error *error)
{
	const char *name = strerrorname_np(-error->code);
	json_t *body = json_pack("{s:{s:s, s:s, s:s}}", "error", "code", name ? name : "EIO",
				 "field", error->field, "text", error->text);

	request_reply(request, error_status(error->code), body);
}

/* Of a handler that may not have said what is wrong. */
static void request_reply_failure(struct request *request, int status, struct error *error)
{
	if (error->code == 0)
		error_set(error, status < 0 ? status : -EIO, "", "%s",
			  strerror(status < 0 ? -status : EIO));
	request_reply_error(request, error);
}

/* Routes */

static int count_parts(char *path, char **pieces, int most)
{
	int count = 0;
	char *piece;

	while ((piece = strsep(&path, "/")) != NULL && count < most)
		pieces[count++] = piece;
	return piece == NULL ? count : most + 1;
}

/* Does the pattern fit these pieces of a path? Fills in the values of its {names}. */
static bool route_fits(const char *pattern, char *const *pieces, int count, const char **parts)
{
	char copy[160];
	char *words[24];
	unsigned int values = 0;

	snprintf(copy, sizeof(copy), "%s", pattern);
	if (count_parts(copy, words, 24) != count)
		return false;
	for (int i = 0; i < count; i++) {
		if (words[i][0] == '{')
			parts[values++] = pieces[i];
		else if (strcmp(words[i], pieces[i]) != 0)
			return false;
	}
	return true;
}

static int request_route(struct request *request, const char *method, struct error *error)
{
	char *pieces[24];
	int count = count_parts(request->path, pieces, 24);
	bool known = false;

	for (const struct route *route = rest_routes; route->method != NULL; route++) {
		if (!route_fits(route->pattern, pieces, count, request->parts))
			continue;
		known = true;
		if (strcmp(route->method, method) != 0)
			continue;
		request->route = route;
		return 0;
	}
	if (known)
		return error_set(error, -EPERM, "", "%s is not possible here", method);
	return error_set(error, -ENOENT, "", "there is nothing at this path");
}

/* A parameter that no handler would look at is a mistake of the client. */
static enum MHD_Result query_check(void *arg, enum MHD_ValueKind kind, const char *name,
				   const char *value)
{
	struct {
		const char *known;
		struct error *error;
	} *check = arg;
	size_t length = strlen(name);
	const char *word = check->known;

	while ((word = strstr(word, name)) != NULL) {
		if ((word == check->known || word[-1] == ' ') &&
		    (word[length] == ' ' || word[length] == '\0') && length > 0)
			return MHD_YES;
		word++;
	}
	error_set(check->error, -EINVAL, name, "unknown parameter%s%s",
		  check->known[0] ? "; there are: " : "", check->known);
	return MHD_NO;
}

static int request_check_query(struct request *request, struct error *error)
{
	struct {
		const char *known;
		struct error *error;
	} check = {.known = request->route->query, .error = error};

	error->code = 0;
	MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, query_check, &check);
	return error->code;
}

/* Send */

static bool request_send(struct request *request)
{
	return MHD_queue_response(request->connection, request->status, request->response) ==
	       MHD_YES;
}

/* Begin */

static void request_find_peer(struct request *request)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct ucred peer = {.pid = 0, .uid = (uid_t)-1};
	socklen_t length = sizeof(peer);

	if (info != NULL)
		getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
	request->pid = peer.pid;
	snprintf(request->peer, sizeof(request->peer), "REST, uid %u, pid %d", peer.uid, peer.pid);
}

static bool body_too_large(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							 MHD_HTTP_HEADER_CONTENT_LENGTH);

	return length != NULL && strtoull(length, NULL, 10) > REQUEST_BODY_MAX;
}

static void error_too_large(struct error *error)
{
	error_set(error, -EFBIG, "", "the body is larger than %d megabytes",
		  REQUEST_BODY_MAX >> 20);
}

struct request *request_begin(struct MHD_Connection *connection, const char *method,
			      const char *url)
{
	struct request *request = calloc(1, sizeof(*request));
	struct error error;

	if (request == NULL)
		return NULL;
	request->connection = connection;
	request->path = strdup(url);
	if (request->path == NULL) {
		free(request);
		return NULL;
	}
	request_find_peer(request);
	if (request_route(request, method, &error) < 0) {
		request_reply_error(request, &error);
		return request;
	}
	if (request_check_query(request, &error) < 0) {
		request_reply_error(request, &error);
		return request;
	}
	if (body_too_large(connection)) {
		error_too_large(&error);
		request_reply_error(request, &error);
		// Said at once, and the connection closed: nobody wants to wait for the body.
		request->served = true;
		request_send(request);
	}
	return request;
}

bool request_take(struct request *request, const char *bytes, size_t size)
{
	struct error error;
	size_t room = request->body_room ? request->body_room : 4096;
	char *larger;

	if (request->response != NULL)
		return true; // refused already; the rest of the body is of no interest
	if (size > REQUEST_BODY_MAX - request->body_size) {
		error_too_large(&error);
		request_reply_error(request, &error);
		return true;
	}
	while (room < request->body_size + size + 1)
		room *= 2;
	if (room != request->body_room) {
		larger = realloc(request->body, room);
		if (larger == NULL)
			return false;
		request->body = larger;
		request->body_room = room;
	}
	memcpy(request->body + request->body_size, bytes, size);
	request->body_size += size;
	return true;
}

/* Waiting */

static void request_suspend(struct request *request)
{
	request->suspended = true;
	request->next = suspended;
	request->place = &suspended;
	if (request->next != NULL)
		request->next->place = &request->next;
	suspended = request;
	MHD_suspend_connection(request->connection);
}

static void request_resume(struct request *request)
{
	*request->place = request->next;
	if (request->next != NULL)
		request->next->place = request->place;
	request->suspended = false;
	MHD_resume_connection(request->connection);
	rest_kick();
}

static void grace_over(void *arg)
{
	struct request *request = arg;

	request->wants_grace = false;
	request_resume(request);
}

void request_wait_grace(struct request *request)
{
	request->wants_grace = true;
}

static void request_end_poll(struct request *request)
{
	if (request->poll != NULL && request->poll_end != NULL)
		request->poll_end(request->poll_arg);
	request->poll = NULL;
}

/* Ask again whether the reply is ready; true when it is. */
static bool request_poll_once(struct request *request)
{
	struct error error = {0};
	int status = request->poll(request, request->poll_arg, &error);

	if (status < 0)
		request_reply_failure(request, status, &error);
	if (request->response == NULL)
		return false;
	request_end_poll(request);
	return true;
}

static void poll_again(void *arg)
{
	struct request *request = arg;

	if (request_poll_once(request))
		request_resume(request);
	else
		loop_timer_set(&request->timer, REQUEST_POLL);
}

int request_poll(struct request *request,
		 int (*poll)(struct request *request, void *arg, struct error *error), void *arg,
		 void (*end)(void *arg))
{
	request->poll = poll;
	request->poll_arg = arg;
	request->poll_end = end;
	return 0;
}

static int handle_again(struct request *request, void *arg, struct error *error)
{
	return request->route->handle(request, error);
}

int request_handle_later(struct request *request)
{
	return request_poll(request, handle_again, NULL, NULL);
}

/* Serve */

static void request_handle(struct request *request)
{
	struct error error = {0};
	int status = request->route->handle(request, &error);

	if (status >= 0 && (request->response != NULL || request->poll != NULL))
		return;
	request_reply_failure(request, status, &error);
}

bool request_serve(struct request *request)
{
	if (!request->served && request->response == NULL) {
		request->served = true;
		request_handle(request);
		if (request->poll != NULL && !request_poll_once(request)) {
			request->timer = (struct loop_timer){.fire = poll_again, .arg = request};
			loop_timer_set(&request->timer, REQUEST_POLL);
			request_suspend(request);
			return true;
		}
		if (request->wants_grace) {
			request->grace = (struct loop_grace){.done = grace_over, .arg = request};
			loop_after_grace(&request->grace);
			request_suspend(request);
			return true;
		}
	}
	return request->response != NULL && request_send(request);
}

void request_free(struct request *request)
{
	if (request == NULL)
		return;
	request_end_poll(request);
	loop_timer_cancel(&request->timer);
	if (request->wants_grace)
		loop_cancel_grace(&request->grace);
	if (request->response != NULL)
		MHD_destroy_response(request->response);
	free(request->body);
	free(request->path);
	free(request);
}

void request_stop_all(void)
{
	struct error error;

	stream_stop_all();
	while (suspended != NULL) {
		struct request *request = suspended;

		loop_cancel_grace(&request->grace);
		loop_timer_cancel(&request->timer);
		request_end_poll(request);
		error_set(&error, -ESHUTDOWN, "", "weir is stopping");
		if (request->response == NULL)
			request_reply_error(request, &error);
		request_resume(request);
	}
}

/* What handlers ask for */

struct MHD_Connection *request_connection(const struct request *request)
{
	return request->connection;
}

const char *request_part(const struct request *request, unsigned int index)
{
	return request->parts[index];
}

const char *request_peer(const struct request *request)
{
	return request->peer;
}

int request_pid(const struct request *request)
{
	return request->pid;
}

const char *request_query(const struct request *request, const char *name)
{
	const char *value = MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND,
							name);

	if (value == NULL &&
	    MHD_lookup_connection_value_n(request->connection, MHD_GET_ARGUMENT_KIND, name,
					  strlen(name), NULL, NULL) == MHD_YES)
		return "";
	return value;
}

bool request_flag(const struct request *request, const char *name)
{
	const char *value = request_query(request, name);

	return value != NULL && strcmp(value, "0") != 0 && strcmp(value, "false") != 0;
}

int request_number(const struct request *request, const char *name, uint64_t maximum,
		   uint64_t *value, struct error *error)
{
	const char *text = request_query(request, name);
	unsigned long long number;
	char *end;

	if (text == NULL)
		return 0;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || number > maximum)
		return error_set(error, -EINVAL, name, "\"%.32s\" is no number, 0 to %llu", text,
				 (unsigned long long)maximum);
	*value = number;
	return 0;
}

int request_check_new(const struct request *request, bool exists, const char *kind,
		      const char *name, struct error *error)
{
	const char *match = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
							MHD_HTTP_HEADER_IF_NONE_MATCH);

	if (!exists || match == NULL || strcmp(match, "*") != 0)
		return 0;
	return error_set(error, -EEXIST, "", "%s %s exists already", kind, name);
}

static bool body_is_yaml(const struct request *request)
{
	const char *type = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
						       MHD_HTTP_HEADER_CONTENT_TYPE);

	return type != NULL && strstr(type, "yaml") != NULL;
}

json_t *request_body(const struct request *request, struct error *error)
{
	const struct request_text text = {request->body, request->body_size, body_is_yaml(request)};

	return request_text_parse(&text, error);
}

size_t request_body_size(const struct request *request)
{
	return request->body_size;
}

struct request_text request_take_body(struct request *request)
{
	const struct request_text text = {request->body, request->body_size, body_is_yaml(request)};

	request->body = NULL;
	request->body_size = request->body_room = 0;
	return text;
}

json_t *request_text_parse(const struct request_text *text, struct error *error)
{
	json_error_t where;
	json_t *json;

	if (text->size == 0)
		return json_object();
	if (text->yaml)
		return yaml_parse(text->bytes, text->size, error);
	json = json_loadb(text->bytes, text->size, JSON_REJECT_DUPLICATES, &where);
	if (json == NULL)
		error_set(error, -EINVAL, "", "line %d, column %d: %s", where.line, where.column,
			  where.text);
	return json;
}

int request_publish(struct request *request, struct edit *edit, struct error *error)
{
	struct describe d = {.texts = json_array(), .limit = 16};
	bool empty = edit_empty(edit);
	int status;

	describe_edit(edit, &d);
	status = publish_edit(edit, error);
	edit_free(edit);
	if (status == 0 && !empty) {
		for (size_t i = 0; i < json_array_size(d.texts); i++)
			log_notice("%s: %s", request->peer,
				   json_string_value(json_array_get(d.texts, i)));
		persist_changed();
		request_wait_grace(request);
	}
	json_decref(d.texts);
	return status;
}

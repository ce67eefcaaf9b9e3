/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/protocol.h"
#include "control/bfd_gate.h"
#include "control/checker.h"
#include "control/document.h"
#include "control/health.h"
#include "control/model.h"
#include "control/persist.h"
#include "control/rest.h"
#include "control/service_key.h"
#include "control/vni_tap.h"
#include "control/rest_service.h"

/*
 * GET /v1/checks is at once what people look at and what the checker works by: the servers that are
 * checked, with their settings as they are in effect, and those of which a door has said something;
 * then servers that are gone from their service and of which something is still known.
 *
 * A report changes the health of servers in the model, and nothing else there: it is no
 * configuration, marks nothing as overridden, and an edit of the service keeps it.
 */
struct check_stream {
	uint32_t service_cursor, gone_cursor;
	bool services_done;
	bool begun;
};

/* The listing */

static json_t *row_json(const struct service_key *service, const struct addr *addr, uint16_t port)
{
	char address[ADDR_TEXT];
	json_t *row = json_object();

	service_key_add(row, service);
	json_object_set_new(row, "address", json_string(addr_format(addr, address)));
	json_object_set_new(row, "server_port", json_integer(port));
	return row;
}

static void change_add(json_t *row, const struct health_entry *entry)
{
	char time[HEALTH_TIME];

	json_object_set_new(row, "since", json_string(health_time_format(entry->since, time)));
	json_object_set_new(row, "changes", json_integer(entry->changes));
	json_object_set_new(row, "reason", json_string(entry->reason));
}

static void row_add(struct check_stream *stream, struct text *text, json_t *row)
{
	char *line = json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(10));

	json_decref(row);
	if (line == NULL)
		text->failed = true;
	else
		text_add(text, "%s%s", stream->begun ? ",\n" : "\n", line);
	free(line);
	stream->begun = true;
}

static void server_add(struct check_stream *stream, struct text *text,
		       const struct model_service *service, const struct model_server *server)
{
	const struct health_entry *entry = health_find(&service->key, &server->addr, server->port);
	char device[VNI_TAP_NAME];
	struct check check;
	bool checked = check_effective(service->check, server->check, &check);
	bool follows = server->bfd.peer.family != AF_UNSPEC;
	const char *state = health_name(server->bfd_down ? HEALTH_DOWN : server->health);
	char session[BFD_REFERENCE];
	json_t *row;

	if (entry == NULL && !checked && !follows && server->health == HEALTH_UNCHECKED)
		return;
	if (entry != NULL && !checked && server->health == HEALTH_UNCHECKED && !server->bfd_down)
		state = entry->state;
	row = row_json(&service->key, &server->addr, server->port);
	if (server->vni != 0)
		json_object_set_new(row, "device", json_string(vni_tap_name(server->vni, device)));
	json_object_set_new(row, "state", json_string(state));
	if (entry != NULL && strcmp(state, entry->state) == 0)
		change_add(row, entry);
	if (checked && entry != NULL && entry->result[0] != '\0') {
		json_object_set_new(row, "result", json_string(entry->result));
		json_object_set_new(row, "streak", json_integer(entry->streak));
	}
	if (checked)
		json_object_set_new(row, "check", document_check_json(&check));
	if (follows)
		json_object_set_new(row, "bfd",
				    json_string(bfd_reference_format(&server->bfd, session)));
	row_add(stream, text, row);
}

static void gone_add(struct check_stream *stream, struct text *text,
		     const struct health_entry *entry)
{
	const struct health_key *key = &entry->key;
	const struct model_service *service = model_find(&key->service);
	json_t *row;

	if (service != NULL && model_service_find_server(service, &key->addr, key->port) != NULL)
		return;
	row = row_json(&key->service, &key->addr, key->port);
	json_object_set_new(row, "state", json_string(entry->state));
	change_add(row, entry);
	json_object_set_new(row, "gone", json_true());
	row_add(stream, text, row);
}

static void stream_begin(struct check_stream *stream, struct text *text)
{
	json_t *checker = checker_json();
	char *line = json_dumps(checker, JSON_COMPACT);

	json_decref(checker);
	text_add(text, "{\"generation\":%llu,\"checker\":%s,\"checks\":[",
		 (unsigned long long)model_check_generation(), line ? line : "null");
	free(line);
}

static enum stream_next check_stream_more(void *arg, struct text *text)
{
	struct check_stream *stream = arg;

	if (stream->service_cursor == 0)
		stream_begin(stream, text);
	while (text->size < STREAM_PIECE) {
		const struct model_service *service = NULL;
		const struct health_entry *entry;

		if (!stream->services_done)
			service = model_next(&stream->service_cursor);
		for (unsigned int i = 0; service != NULL && i < service->server_count; i++)
			server_add(stream, text, service, &service->servers[i]);
		if (service != NULL)
			continue;
		stream->services_done = true;
		entry = health_next(&stream->gone_cursor);
		if (entry == NULL) {
			text_add(text, "]}\n");
			return STREAM_END;
		}
		gone_add(stream, text, entry);
	}
	return STREAM_MORE;
}

int rest_check_list(struct request *request, struct error *error)
{
	uint64_t generation = 0;
	struct check_stream *stream;
	int status = request_number(request, "generation", INT64_MAX, &generation, error);

	if (status < 0)
		return status;
	if (generation == model_check_generation())
		return request_reply(request, 200,
				     json_pack("{s:I, s:b}", "generation", (json_int_t)generation,
					       "unchanged", 1));
	stream = calloc(1, sizeof(*stream));
	if (stream == NULL)
		return -ENOMEM;
	stream->service_cursor = 0;
	return request_stream(request, "application/json", check_stream_more, stream, free);
}

/* Reports */

struct result {
	struct service_key service;
	struct addr addr;
	uint16_t port;
	uint16_t streak;
	uint8_t health;	    // enum health, HEALTH_UP or HEALTH_DOWN
	const char *reason; // of the report's JSON
	const char *said;   // what the last check said; NULL: the reason
};

enum { RESULTS_MAX = 65536, RESULTS_LOGGED = 16 };

static int state_decode(const char *text, uint8_t *health, struct error *error)
{
	if (text != NULL && strcmp(text, "up") == 0)
		*health = HEALTH_UP;
	else if (text != NULL && strcmp(text, "down") == 0)
		*health = HEALTH_DOWN;
	else
		return error_set(error, -EINVAL, "state", "must be up or down");
	return 0;
}

static int reason_decode(const json_t *json, const char **reason, struct error *error)
{
	*reason = json_string_value(json);
	if (*reason == NULL || **reason == '\0')
		return error_set(error, -EINVAL, "reason", "must be a text that says why");
	return 0;
}

static int result_decode(const json_t *json, struct result *result, struct error *error)
{
	const char *protocol = NULL, *vip = NULL, *address = NULL, *state = NULL;
	json_int_t port = 0, port_end = 0, server_port = 0, streak = 0;
	json_t *reason = NULL;
	char text[48];
	int status;

	memset(result, 0, sizeof(*result));
	if (json_unpack((json_t *)json, "{s:s, s:s, s:I, s?I, s:s, s:I, s:s, s:o, s?s, s?I}",
			"protocol", &protocol, "vip", &vip, "port", &port, "port_end", &port_end,
			"address", &address, "server_port", &server_port, "state", &state, "reason",
			&reason, "result", &result->said, "streak", &streak) < 0)
		return error_set(error, -EINVAL, "",
				 "must have protocol, vip, port, address, server_port, state and "
				 "reason");
	snprintf(text, sizeof(text), port_end ? "%lld-%lld" : "%lld", (long long)port,
		 (long long)port_end);
	status = document_decode_key(protocol, vip, text, &result->service, error);
	if (status == 0)
		status = document_decode_address(address, &result->addr, error);
	snprintf(text, sizeof(text), "%lld", (long long)server_port);
	if (status == 0)
		status = document_decode_server_port(text, &result->port, error);
	if (status == 0)
		status = state_decode(state, &result->health, error);
	if (status == 0)
		status = reason_decode(reason, &result->reason, error);
	result->streak = (uint16_t)(streak < 0 ? 0 : streak > 100 ? 100 : streak);
	return status;
}

/* All results of a report, for free(). An error names the one that is wrong. */
static int results_decode(const json_t *list, struct result **results, size_t *count,
			  struct error *error)
{
	*results = NULL;
	*count = json_array_size(list);
	if (list != NULL && !json_is_array(list))
		return error_set(error, -EINVAL, "results", "must be a list");
	if (*count > RESULTS_MAX)
		return error_set(error, -EINVAL, "results", "has %zu entries, at most %d are taken",
				 *count, RESULTS_MAX);
	*results = calloc(*count + 1, sizeof(**results));
	if (*results == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	for (size_t i = 0; i < *count; i++) {
		struct error inner;
		char field[160];
		int status = result_decode(json_array_get(list, i), &(*results)[i], &inner);

		if (status == 0)
			continue;
		snprintf(field, sizeof(field), "results[%zu]%s%s", i, inner.field[0] ? "." : "",
			 inner.field);
		free(*results);
		*results = NULL;
		return error_set(error, status, field, "%s", inner.text);
	}
	return 0;
}

/* The server that a result is about, in the service as the edit makes it; NULL: -ENOMEM. */
static struct model_server *server_to_change(struct edit *edit, struct model_service *service,
					     const struct result *result)
{
	struct model_service *after = NULL;

	for (unsigned int i = edit->count; service->editing && i-- > 0 && after == NULL;) {
		if (edit->changes[i].before == service)
			after = edit->changes[i].after;
	}
	if (after == NULL) {
		after = model_service_copy(service);
		if (after == NULL || edit_health(edit, service, after) < 0)
			return NULL;
	}
	return model_service_find_server(after, &result->addr, result->port);
}

/* Put it into the edit. A server that is no longer there, or no longer checked, is passed over. */
static int result_put(struct edit *edit, struct result *result, bool of_checker)
{
	struct model_service *service = model_find(&result->service);
	struct model_server *server = NULL;

	if (service != NULL)
		server = model_service_find_server(service, &result->addr, result->port);
	if (server == NULL || (of_checker && !model_server_is_checked(service, server))) {
		result->health = HEALTH_UNCHECKED;
		return 0;
	}
	if (server->health == result->health && !service->editing)
		return 0;
	server = server_to_change(edit, service, result);
	if (server == NULL)
		return -ENOMEM;
	server->health = result->health;
	return 0;
}

/* Remember it, and say on the log what changed. */
static bool result_note(const struct result *result, bool log)
{
	const struct health_entry *entry = health_find(&result->service, &result->addr,
						       result->port);
	const char *state = health_name(result->health);
	bool changed = entry == NULL || strcmp(entry->state, state) != 0;
	const struct model_service *service = model_find(&result->service);
	const struct model_server *server =
		service ? model_service_find_server(service, &result->addr, result->port) : NULL;
	char name[SERVICE_TEXT], text[ENDPOINT_TEXT];

	if (server != NULL && server->bfd_down)
		changed = false; // it stays down, for the reason that its session has given
	else
		health_note(&result->service, &result->addr, result->port, state, result->reason);
	health_result(&result->service, &result->addr, result->port,
		      result->said ? result->said : result->reason, result->streak);
	if (changed && log)
		log_notice("service %s: server %s is %s: %s",
			   model_service_format(&result->service, name),
			   endpoint_format(&result->addr, result->port, text), state,
			   result->reason);
	return changed;
}

static int results_apply(struct request *request, struct result *results, size_t count,
			 bool of_checker, struct error *error)
{
	struct edit edit = {0};
	size_t changed = 0;
	int status = 0;

	for (size_t i = 0; i < count && status == 0; i++)
		status = result_put(&edit, &results[i], of_checker);
	if (status < 0) {
		edit_free(&edit);
		return error_set(error, status, "", "out of memory");
	}
	status = request_publish(request, &edit, error);
	if (status < 0)
		return status;
	for (size_t i = 0; i < count; i++) {
		if (results[i].health != HEALTH_UNCHECKED)
			changed += result_note(&results[i], changed < RESULTS_LOGGED);
	}
	if (changed > RESULTS_LOGGED)
		log_notice("... and %zu more real servers", changed - RESULTS_LOGGED);
	return 0;
}

/*
 * Does the checker still go by what an earlier process of weir told it? What it found out while
 * that one went away says little about the servers.
 */
static bool is_of_earlier(const json_t *body)
{
	json_int_t generation = json_integer_value(json_object_get(body, "generation"));

	return generation > 0 && (uint64_t)generation < model_check_first_generation();
}

/* {"checker": "name of this process", "ends": false, "generation": 1, "results": [...]} */
int rest_check_report(struct request *request, struct error *error)
{
	json_t *body = request_body(request, error);
	bool of_earlier = is_of_earlier(body);
	const char *id = json_string_value(json_object_get(body, "checker"));
	struct result *results = NULL;
	size_t count;
	int status;

	if (body == NULL)
		return error->code;
	if (id == NULL || *id == '\0' || strlen(id) >= CHECKER_ID)
		status = error_set(error, -EINVAL, "checker",
				   "must be a text of 1 to %d characters that no other checker has",
				   CHECKER_ID - 1);
	else
		status = results_decode(json_object_get(body, "results"), &results, &count, error);
	if (status == 0)
		status = checker_heard(id, request_pid(request), error);
	if (status == 0)
		status = results_apply(request, results, of_earlier ? 0 : count, true, error);
	if (status == 0 && json_is_true(json_object_get(body, "ends")))
		checker_ended();
	free(results);
	json_decref(body);
	return status < 0 ? status
			  : request_reply(request, 200,
					  json_pack("{s:I, s:b}", "generation",
						    (json_int_t)model_check_generation(),
						    "restarted", of_earlier));
}

/* One server, by whoever checks it. */
static int health_decode(const json_t *body, struct result *result, struct error *error)
{
	const char *name;
	json_t *value;
	int status;

	json_object_foreach ((json_t *)body, name, value) {
		if (strcmp(name, "state") != 0 && strcmp(name, "reason") != 0)
			return error_set(error, -EINVAL, name,
					 "unknown field; there are: state, reason");
	}
	status = state_decode(json_string_value(json_object_get(body, "state")), &result->health,
			      error);
	return status < 0 ? status
			  : reason_decode(json_object_get(body, "reason"), &result->reason, error);
}

int rest_health_put(struct request *request, struct error *error)
{
	struct model_server *server;
	struct model_service *service;
	struct result result = {0};
	json_t *body;
	int status = server_of_request(request, &service, &server, error);

	if (status < 0)
		return status;
	if (model_server_is_checked(service, server) && checker_is_running())
		return error_set(
			error, -EBUSY, "",
			"weir-checker checks this real server and says itself whether it is "
			"up; take its check away or stop weir-checker");
	result.service = service->key;
	result.addr = server->addr;
	result.port = server->port;
	body = request_body(request, error);
	if (body == NULL)
		return error->code;
	status = health_decode(body, &result, error);
	if (status == 0)
		status = results_apply(request, &result, 1, false, error);
	json_decref(body);
	return status < 0 ? status : request_reply_empty(request, 204);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/health.h"
#include "control/model.h"
#include "control/rest.h"

/*
 * The health of real servers, with the reason of each one's last change: those of the services
 * first, then those that are gone from their service and of which something is still known.
 */
struct check_stream {
	uint32_t service_cursor, gone_cursor;
	bool services_done;
	bool begun;
};

static json_t *row_json(const struct service_key *service, const struct addr *addr, uint16_t port)
{
	char vip[ADDR_TEXT], address[ADDR_TEXT];

	return json_pack("{s:s, s:s, s:i, s:s, s:i}", "protocol",
			 service->protocol == IPPROTO_TCP ? "tcp" : "udp", "vip",
			 addr_format(&service->vip, vip), "port", service->port, "address",
			 addr_format(addr, address), "server_port", port);
}

static void change_add(json_t *row, const struct health_entry *entry)
{
	char time[HEALTH_TIME];

	json_object_set_new(row, "state", json_string(entry->state));
	json_object_set_new(row, "since", json_string(health_time_format(entry->since, time)));
	json_object_set_new(row, "changes", json_integer(entry->changes));
	json_object_set_new(row, "reason", json_string(entry->reason));
}

static void row_add(struct check_stream *stream, struct text *text, json_t *row)
{
	char *line = json_dumps(row, JSON_COMPACT);

	json_decref(row);
	if (line == NULL)
		text->failed = true;
	else
		text_add(text, "%s%s", stream->begun ? ",\n" : "\n", line);
	free(line);
	stream->begun = true;
}

/* The servers of one service of which something is known. */
static void service_add(struct check_stream *stream, struct text *text,
			const struct model_service *service)
{
	for (unsigned int i = 0; i < service->server_count; i++) {
		const struct model_server *server = &service->servers[i];
		const struct health_entry *entry = health_find(&service->key, &server->addr,
							       server->port);
		json_t *row;

		if (entry == NULL)
			continue;
		row = row_json(&service->key, &server->addr, server->port);
		change_add(row, entry);
		row_add(stream, text, row);
	}
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
	change_add(row, entry);
	json_object_set_new(row, "gone", json_true());
	row_add(stream, text, row);
}

static enum stream_next check_stream_more(void *arg, struct text *text)
{
	struct check_stream *stream = arg;

	if (stream->service_cursor == 0)
		text_add(text, "{\"checks\":[");
	while (text->size < STREAM_PIECE) {
		const struct model_service *service = NULL;
		const struct health_entry *entry;

		if (!stream->services_done)
			service = model_next(&stream->service_cursor);
		if (service != NULL) {
			service_add(stream, text, service);
			continue;
		}
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
	struct check_stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL)
		return -ENOMEM;
	return request_stream(request, "application/json", check_stream_more, stream, free);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/rest_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/protocol.h"
#include "control/document.h"
#include "path/workers.h"

/*
 * Sessions, one JSON object a line, while the tables are walked. A filter that fits little looks
 * at many slots for one line, so each call looks at a bounded number and then gives way.
 */
enum { SESSION_BUDGET = 65536, SESSION_STEP = 1024 };

/* An address, or a prefix of addresses, and a port; 0 and AF_UNSPEC fit everything. */
struct endpoint_filter {
	struct prefix prefix;
	uint16_t port;
};

struct session_stream {
	uint64_t cursor;
	uint64_t left; // of the limit
	uint8_t protocol;
	const char *state; // NULL: any
	uint32_t service;  // number, 0: any
	struct endpoint_filter client, vip, server;
};

static bool endpoint_fits(const struct endpoint_filter *filter, const struct addr *addr,
			  uint16_t port)
{
	return (filter->prefix.addr.family == AF_UNSPEC ||
		prefix_contains(&filter->prefix, addr)) &&
	       (filter->port == 0 || filter->port == port);
}

static bool session_fits(const struct session_stream *s, const struct session_view *view)
{
	return (s->service == 0 || s->service == view->service) &&
	       (s->protocol == 0 || s->protocol == view->protocol) &&
	       (s->state == NULL || strcasecmp(s->state, session_state_name(view->state)) == 0) &&
	       endpoint_fits(&s->client, &view->client, view->client_port) &&
	       endpoint_fits(&s->vip, &view->vip, view->vip_port) &&
	       endpoint_fits(&s->server, &view->destination, view->destination_port);
}

/* Written by hand: a million of these pass through here. Nothing in it needs escaping. */
static void session_add(struct text *text, const struct session_view *view)
{
	char client[ADDR_TEXT], vip[ADDR_TEXT], local[ADDR_TEXT], server[ADDR_TEXT], vni[48];

	vni[0] = '\0';
	if (view->zone)
		snprintf(vni, sizeof(vni), "\"vni\":%u,", view->zone);
	else if (view->server_zone)
		snprintf(vni, sizeof(vni), "\"server_vni\":%u,", view->server_zone);
	text_add(text,
		 "{\"protocol\":\"%s\",\"state\":\"%s\",\"expires\":%u,%s\"client\":\"%s\","
		 "\"client_port\":%u,\"vip\":\"%s\",\"vip_port\":%u,\"local\":\"%s\","
		 "\"local_port\":%u,\"server\":\"%s\",\"server_port\":%u,\"worker\":%u,"
		 "\"packets_in\":%llu,\"packets_out\":%llu,\"bytes_in\":%llu,\"bytes_out\":%llu}\n",
		 protocol_name(view->protocol), session_state_name(view->state), view->expires, vni,
		 addr_format(&view->client, client), view->client_port,
		 addr_format(&view->vip, vip), view->vip_port, addr_format(&view->local, local),
		 view->local_port, addr_format(&view->destination, server), view->destination_port,
		 view->worker, (unsigned long long)view->packets_in,
		 (unsigned long long)view->packets_out, (unsigned long long)view->bytes_in,
		 (unsigned long long)view->bytes_out);
}

static enum stream_next session_more(void *arg, struct text *text)
{
	struct session_stream *s = arg;
	struct session_view view;
	bool found;

	for (unsigned int looked = 0; looked < SESSION_BUDGET; looked += SESSION_STEP) {
		// A step ends at the first session that it finds, so inner steps are cheap.
		for (unsigned int k = 0; k < SESSION_STEP; k++) {
			if (s->left == 0)
				return STREAM_END;
			if (!workers_session_next(&s->cursor, SESSION_STEP, &view, &found))
				return STREAM_END;
			if (!found)
				break;
			if (!session_fits(s, &view))
				continue;
			session_add(text, &view);
			s->left--;
			if (text->size >= STREAM_PIECE)
				return STREAM_MORE;
		}
	}
	return STREAM_MORE;
}

static int filter_endpoint(const struct request *request, const char *name,
			   struct endpoint_filter *filter, struct error *error)
{
	const char *text = request_query(request, name);

	if (text == NULL || prefix_parse(text, &filter->prefix) == 0)
		return 0;
	if (endpoint_parse(text, &filter->prefix.addr, &filter->port) < 0)
		return error_set(error, -EINVAL, name,
				 "\"%.64s\" is no address, prefix, or address and port", text);
	filter->prefix.len = filter->prefix.addr.family == AF_INET ? 32 : 128;
	return 0;
}

static int filter_state(const struct request *request, const char **state, struct error *error)
{
	const char *text = request_query(request, "state");

	*state = NULL;
	if (text == NULL)
		return 0;
	for (int i = STATE_NONE + 1; i < STATE_COUNT; i++) {
		if (strcasecmp(session_state_name(i), text) == 0) {
			*state = session_state_name(i);
			return 0;
		}
	}
	return error_set(error, -EINVAL, "state", "\"%.32s\" is no state of a session", text);
}

int request_service_number(const struct request *request, uint32_t *number, struct error *error)
{
	const char *text = request_query(request, "service"), *vip, *port;
	const struct model_service *service;
	struct service_key key;
	char parts[MATCH_TEXT + 64];
	char name[SERVICE_TEXT];
	int status;

	*number = 0;
	if (text == NULL)
		return 0;
	// A match has no "/" of its own after the last one: prefixes stand before its port, 0.
	vip = strchr(text, '/');
	port = strrchr(text, '/');
	if (vip == NULL || port == vip || strlen(text) >= sizeof(parts))
		return error_set(error, -EINVAL, "service",
				 "\"%.64s\" is not of the form PROTOCOL/VIP/PORT", text);
	strcpy(parts, text);
	parts[vip - text] = parts[port - text] = '\0';
	status = document_decode_key(parts, parts + (vip - text) + 1, port + 1, &key, error);
	if (status < 0)
		return status;
	service = model_find(&key);
	if (service == NULL)
		return error_set(error, -ENOENT, "service", "there is no service %s",
				 model_service_format(&key, name));
	*number = service->number;
	return 0;
}

int rest_session_list(struct request *request, struct error *error)
{
	const char *protocol = request_query(request, "protocol");
	struct session_stream *s = calloc(1, sizeof(*s));
	int status = 0;

	if (s == NULL)
		return -ENOMEM;
	s->left = UINT64_MAX;
	if (protocol != NULL)
		status = document_decode_protocol(protocol, &s->protocol, error);
	if (status == 0)
		status = filter_endpoint(request, "client", &s->client, error);
	if (status == 0)
		status = filter_endpoint(request, "vip", &s->vip, error);
	if (status == 0)
		status = filter_endpoint(request, "server", &s->server, error);
	if (status == 0)
		status = request_service_number(request, &s->service, error);
	if (status == 0)
		status = filter_state(request, &s->state, error);
	if (status == 0)
		status = request_number(request, "limit", UINT64_MAX, &s->left, error);
	if (status < 0) {
		free(s);
		return status;
	}
	return request_stream(request, "application/x-ndjson", session_more, s, free);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include <rte_byteorder.h>

#include "balance/persistence.h"
#include "balance/server.h"
#include "control/rest.h"
#include "control/rest_session.h"
#include "control/service_key.h"
#include "path/workers.h"

/*
 * Templates of persistent services, one JSON object a line: which real server the clients of a
 * network stay with. Walked as sessions are.
 */
enum { TEMPLATE_BUDGET = 65536, TEMPLATE_STEP = 1024 };

struct template_stream {
	uint64_t cursor;
	uint32_t service; // number, 0: all
};

static void template_add(struct text *text, const struct persistence_view *view)
{
	const struct model_service *service = model_by_number(view->key.service);
	const struct server *server = &server_table[view->server];
	char vip[SERVICE_VIP_TEXT], client[ADDR_TEXT], address[ADDR_TEXT];
	struct addr network;
	uint32_t mark;

	if (service == NULL)
		return; // gone since
	mark = service->key.kind == SERVICE_MARK ? service->key.mark : 0;
	network = view->key.ipv6 ? addr_v6(view->key.client)
				 : addr_v4(*(const uint32_t *)view->key.client);
	text_add(text, "{\"protocol\":\"%s\",\"vip\":\"%s\",\"port\":%u,",
		 service_key_protocol(&service->key), service_key_vip(&service->key, vip),
		 service_key_number(&service->key));
	if (service->key.port_end)
		text_add(text, "\"port_end\":%u,", service->key.port_end);
	if (mark)
		text_add(text, "\"fwmark\":%u,", mark);
	text_add(text,
		 "\"client\":\"%s\",\"netmask\":%u,\"server\":\"%s\",\"server_port\":%u,"
		 "\"expires\":%u,\"worker\":%u}\n",
		 addr_format(&network, client), model_service_persistent_bits(service),
		 addr_format(&server->addr, address), rte_be_to_cpu_16(server->port), view->expires,
		 view->worker);
}

static enum stream_next template_more(void *arg, struct text *text)
{
	struct template_stream *s = arg;
	struct persistence_view view;
	bool found;

	for (unsigned int looked = 0; looked < TEMPLATE_BUDGET; looked += TEMPLATE_STEP) {
		for (unsigned int k = 0; k < TEMPLATE_STEP; k++) {
			if (!workers_template_next(&s->cursor, TEMPLATE_STEP, &view, &found))
				return STREAM_END;
			if (!found)
				break;
			if (s->service != 0 && view.key.service != s->service)
				continue;
			template_add(text, &view);
			if (text->size >= STREAM_PIECE)
				return STREAM_MORE;
		}
	}
	return STREAM_MORE;
}

int rest_template_list(struct request *request, struct error *error)
{
	struct template_stream *s = calloc(1, sizeof(*s));
	int status;

	if (s == NULL)
		return -ENOMEM;
	status = request_service_number(request, &s->service, error);
	if (status < 0) {
		free(s);
		return status;
	}
	return request_stream(request, "application/x-ndjson", template_more, s, free);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/protocol.h"
#include "control/model.h"
#include "control/rates.h"
#include "control/rest.h"
#include "control/service_key.h"

/*
 * Rates, a row for each service followed by rows for its servers. The first who asks waits for
 * two samples, about a second.
 */
struct rate_stream {
	uint32_t cursor;
	bool begun;
};

static void row_add(struct rate_stream *stream, struct text *text,
		    const struct model_service *service, const struct model_server *server,
		    const struct rate *rate)
{
	const struct service_key *key = &service->key;
	char vip[SERVICE_VIP_TEXT], address[ADDR_TEXT];

	text_add(text, "%s{\"protocol\":\"%s\",\"vip\":\"%s\",\"port\":%u,",
		 stream->begun ? ",\n" : "\n", service_key_protocol(key), service_key_vip(key, vip),
		 service_key_number(key));
	if (key->port_end)
		text_add(text, "\"port_end\":%u,", key->port_end);
	if (server != NULL)
		text_add(text, "\"server\":\"%s\",\"server_port\":%u,",
			 addr_format(&server->addr, address), server->port);
	text_add(text,
		 "\"connections_per_second\":%.0f,\"packets_in_per_second\":%.0f,"
		 "\"packets_out_per_second\":%.0f,\"bits_in_per_second\":%.0f,"
		 "\"bits_out_per_second\":%.0f}",
		 rate->connections, rate->packets_in, rate->packets_out, rate->bits_in,
		 rate->bits_out);
	stream->begun = true;
}

static enum stream_next rate_more(void *arg, struct text *text)
{
	struct rate_stream *stream = arg;
	struct rate rate;

	if (stream->cursor == 0)
		text_add(text, "{\"interval_seconds\":%.3f,\"rates\":[", rates_interval());
	while (text->size < STREAM_PIECE) {
		const struct model_service *service = model_next(&stream->cursor);

		if (service == NULL) {
			text_add(text, "]}\n");
			return STREAM_END;
		}
		if (rates_service(service->number, &rate))
			row_add(stream, text, service, NULL, &rate);
		for (unsigned int i = 0; i < service->server_count; i++) {
			if (rates_server(service->servers[i].number, &rate))
				row_add(stream, text, service, &service->servers[i], &rate);
		}
	}
	return STREAM_MORE;
}

static int rate_poll(struct request *request, void *arg, struct error *error)
{
	struct rate_stream *stream;

	if (!rates_want())
		return 0;
	stream = calloc(1, sizeof(*stream));
	if (stream == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	return request_stream(request, "application/json", rate_more, stream, free);
}

int rest_rate_list(struct request *request, struct error *error)
{
	return request_poll(request, rate_poll, NULL, NULL);
}

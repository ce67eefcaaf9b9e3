/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/drops.h"
#include "control/rest.h"
#include "net/iface.h"
#include "path/trace.h"

/*
 * Trace and capture. There is one of each at a time, and it ends with the connection that asked
 * for it: when all packets were read, or when the client hangs up.
 */
enum { TRACE_PACKETS = 10, TRACE_MOST = 1000000, TRACE_LINE = 1024, CAPTURE_PIECE = 32768 };

static int filter_protocol(const struct request *request, struct packet_filter *filter,
			   struct error *error)
{
	static const struct {
		const char *name;
		uint8_t number;
	} protocols[] = {
		{"tcp", IPPROTO_TCP},	{"udp", IPPROTO_UDP},	   {"sctp", IPPROTO_SCTP},
		{"icmp", IPPROTO_ICMP}, {"icmp6", IPPROTO_ICMPV6},
	};
	const char *text = request_query(request, "protocol");

	if (text == NULL)
		return 0;
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (strcasecmp(text, protocols[i].name) == 0) {
			filter->protocol = protocols[i].number;
			return 0;
		}
	}
	return error_set(error, -EINVAL, "protocol",
			 "\"%.32s\" is none of: tcp, udp, sctp, icmp, icmp6", text);
}

static int filter_drop(const struct request *request, struct packet_filter *filter,
		       struct error *error)
{
	const char *text = request_query(request, "drop");

	filter->drop_reason = -1;
	if (text == NULL)
		return 0;
	for (int i = 1; i < DROP_COUNT; i++) {
		if (strcmp(drop_name(i), text) == 0) {
			filter->drop_reason = i;
			return 0;
		}
	}
	return error_set(error, -EINVAL, "drop",
			 "\"%.64s\" is no reason to drop a packet; `weirctl drop list --all` shows "
			 "them",
			 text);
}

static int filter_of_request(const struct request *request, struct packet_filter *filter,
			     struct error *error)
{
	const char *address = request_query(request, "address");
	const char *name = request_query(request, "interface");
	const struct iface *iface;
	uint64_t port = 0;
	int status;

	memset(filter, 0, sizeof(*filter));
	status = filter_protocol(request, filter, error);
	if (status == 0)
		status = filter_drop(request, filter, error);
	if (status == 0)
		status = request_number(request, "port", 65535, &port, error);
	if (status < 0)
		return status;
	filter->port = (uint16_t)port;
	if (address != NULL && prefix_parse(address, &filter->address) < 0)
		return error_set(error, -EINVAL, "address", "\"%.64s\" is no address or prefix",
				 address);
	if (name != NULL) {
		iface = iface_find(name);
		if (iface == NULL)
			return error_set(error, -EINVAL, "interface",
					 "there is no interface \"%.32s\"", name);
		filter->iface = iface->index;
	}
	return 0;
}

static int busy(int status, const char *what, struct error *error)
{
	if (status == -EBUSY)
		return error_set(error, status, "", "a %s is running already", what);
	return error_set(error, status, "", "the %s does not start: %s", what, strerror(-status));
}

/* Trace */

static enum stream_next trace_more(void *arg, struct text *text)
{
	while (text->size < STREAM_PIECE) {
		char *line = text_room(text, TRACE_LINE);

		if (line == NULL)
			return STREAM_END;
		if (!trace_read(line, TRACE_LINE - 1))
			return trace_finished() ? STREAM_END : STREAM_WAIT;
		text->size += strlen(line);
		text_add(text, "\n");
	}
	return STREAM_MORE;
}

static void trace_stop(void *arg)
{
	trace_end();
}

int rest_trace_get(struct request *request, struct error *error)
{
	struct packet_filter filter;
	uint64_t packets = TRACE_PACKETS;
	int status = filter_of_request(request, &filter, error);

	if (status == 0)
		status = request_number(request, "packets", TRACE_MOST, &packets, error);
	if (status < 0)
		return status;
	status = trace_begin(&filter, (uint32_t)packets);
	if (status < 0)
		return busy(status, "trace", error);
	return request_stream(request, "text/plain; charset=utf-8", trace_more, NULL, trace_stop);
}

/* Capture */

static enum stream_next capture_more(void *arg, struct text *text)
{
	while (text->size < STREAM_PIECE) {
		char *bytes = text_room(text, CAPTURE_PIECE);
		unsigned int size;

		if (bytes == NULL)
			return STREAM_END;
		size = capture_read((uint8_t *)bytes, CAPTURE_PIECE);
		if (size == 0)
			return capture_finished() ? STREAM_END : STREAM_WAIT;
		text->size += size;
	}
	return STREAM_MORE;
}

static void capture_stop(void *arg)
{
	capture_end();
}

int rest_capture_get(struct request *request, struct error *error)
{
	struct packet_filter filter;
	uint64_t packets = UINT32_MAX, snap = 65535;
	int status = filter_of_request(request, &filter, error);

	if (status == 0)
		status = request_number(request, "packets", UINT32_MAX, &packets, error);
	if (status == 0)
		status = request_number(request, "snap", 65535, &snap, error);
	if (status < 0)
		return status;
	status = capture_begin(&filter, (uint32_t)packets, (uint16_t)snap);
	if (status < 0)
		return busy(status, "capture", error);
	return request_stream(request, "application/x-pcapng", capture_more, NULL, capture_stop);
}

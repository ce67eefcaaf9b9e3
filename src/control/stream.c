/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <microhttpd.h>

#include "control/request.h"

/*
 * Replies that are produced while they are sent. libmicrohttpd asks for bytes when the socket
 * takes some; when there are none, the connection is suspended and asked again later: in the next
 * round when the producer only wanted to let others have a turn, after STREAM_PAUSE when it waits
 * for something. A suspended connection notices nothing, so each time we look ourselves whether
 * the client is still there; otherwise a trace whose client has gone would run for ever.
 */
enum { STREAM_PAUSE = 20 };

struct stream {
	struct stream *next, **place; // among those that are suspended
	struct MHD_Connection *connection;
	int fd;
	enum stream_next (*more)(void *arg, struct text *text);
	void (*end)(void *arg);
	void *arg;
	struct text text;
	size_t sent; // of the text
	enum stream_next last;
	bool suspended, stopped;
	struct loop_timer timer;
};

static struct stream *suspended;

static bool client_gone(const struct stream *stream)
{
	struct pollfd poll_fd = {.fd = stream->fd};

	return poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static void stream_resume(void *arg)
{
	struct stream *stream = arg;

	*stream->place = stream->next;
	if (stream->next != NULL)
		stream->next->place = stream->place;
	stream->suspended = false;
	if (client_gone(stream))
		stream->stopped = true;
	MHD_resume_connection(stream->connection);
	rest_kick();
}

static void stream_suspend(struct stream *stream)
{
	stream->suspended = true;
	stream->next = suspended;
	stream->place = &suspended;
	if (stream->next != NULL)
		stream->next->place = &stream->next;
	suspended = stream;
	stream->timer = (struct loop_timer){.fire = stream_resume, .arg = stream};
	loop_timer_set(&stream->timer, stream->last == STREAM_WAIT ? STREAM_PAUSE : 0);
	MHD_suspend_connection(stream->connection);
}

static ssize_t stream_read(void *arg, uint64_t position, char *bytes, size_t room)
{
	struct stream *stream = arg;
	size_t left = stream->text.size - stream->sent;

	if (stream->stopped)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (left == 0 && stream->last != STREAM_END) {
		stream->text.size = 0;
		stream->sent = 0;
		stream->last = stream->more(stream->arg, &stream->text);
		if (stream->text.failed)
			return MHD_CONTENT_READER_END_WITH_ERROR;
		left = stream->text.size;
	}
	if (left == 0 && stream->last == STREAM_END)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (left == 0) {
		stream_suspend(stream);
		return 0;
	}
	if (left > room)
		left = room;
	memcpy(bytes, stream->text.bytes + stream->sent, left);
	stream->sent += left;
	return (ssize_t)left;
}

static void stream_free(void *arg)
{
	struct stream *stream = arg;

	loop_timer_cancel(&stream->timer);
	if (stream->end != NULL)
		stream->end(stream->arg);
	text_free(&stream->text);
	free(stream);
}

int request_stream(struct request *request, const char *content_type,
		   enum stream_next (*more)(void *arg, struct text *text), void *arg,
		   void (*end)(void *arg))
{
	struct stream *stream = calloc(1, sizeof(*stream));
	struct MHD_Response *response;
	const union MHD_ConnectionInfo *info;

	if (stream == NULL)
		goto end_source;
	stream->connection = request_connection(request);
	info = MHD_get_connection_info(stream->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	stream->fd = info ? info->connect_fd : -1;
	stream->more = more;
	stream->end = end;
	stream->arg = arg;
	stream->last = STREAM_MORE;
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_PIECE, stream_read,
						     stream, stream_free);
	if (response == NULL)
		goto free_stream;
	return request_set_response(request, MHD_HTTP_OK, response, content_type);

free_stream:
	free(stream);
end_source:
	if (end != NULL)
		end(arg);
	return -ENOMEM;
}

void stream_stop_all(void)
{
	while (suspended != NULL) {
		struct stream *stream = suspended;

		loop_timer_cancel(&stream->timer);
		stream->stopped = true;
		stream_resume(stream);
	}
}

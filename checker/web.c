/* SPDX-License-Identifier: BSD-3-Clause */
#include "web.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "events.h"

/*
 * libcurl says which descriptors to watch. One that it drops may stand in the present round of
 * events still, so its watch is freed after the round.
 */
struct web_watch {
	struct watch watch; // first
	curl_socket_t fd;   // -1: dropped
	struct web_watch *next;
};

static struct {
	CURLM *multi;
	uint64_t due; // UINT64_MAX: nothing
	struct web_watch *dropped;
} web = {.due = UINT64_MAX};

static void web_ready(struct watch *watch, uint32_t events)
{
	const struct web_watch *socket = (struct web_watch *)watch;
	int flags = (events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
		    (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		    (events & EPOLLERR ? CURL_CSELECT_ERR : 0);
	int running;

	if (socket->fd >= 0)
		curl_multi_socket_action(web.multi, socket->fd, flags, &running);
}

static int socket_changed(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
	struct web_watch *socket = of_socket;
	uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0) |
			  (what & CURL_POLL_OUT ? EPOLLOUT : 0);

	if (what == CURL_POLL_REMOVE) {
		if (socket == NULL)
			return 0;
		events_remove(fd);
		socket->fd = -1;
		socket->next = web.dropped;
		web.dropped = socket;
		curl_multi_assign(web.multi, fd, NULL);
		return 0;
	}
	if (socket != NULL) {
		events_change(fd, events, &socket->watch);
		return 0;
	}
	socket = calloc(1, sizeof(*socket));
	if (socket == NULL)
		return -1;
	socket->watch.ready = web_ready;
	socket->fd = fd;
	curl_multi_assign(web.multi, fd, socket);
	return events_add(fd, events, &socket->watch) < 0 ? -1 : 0;
}

static int timer_changed(CURLM *multi, long milliseconds, void *arg)
{
	web.due = milliseconds < 0 ? UINT64_MAX : events_now() + (uint64_t)milliseconds;
	return 0;
}

int web_start(void)
{
	if (curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK)
		return -ENOMEM;
	web.multi = curl_multi_init();
	if (web.multi == NULL)
		return -ENOMEM;
	curl_multi_setopt(web.multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
	curl_multi_setopt(web.multi, CURLMOPT_TIMERFUNCTION, timer_changed);
	curl_multi_setopt(web.multi, CURLMOPT_MAXCONNECTS, 4L); // only weir's is kept
	return 0;
}

static void dropped_free(void)
{
	while (web.dropped != NULL) {
		struct web_watch *socket = web.dropped;

		web.dropped = socket->next;
		free(socket);
	}
}

void web_stop(void)
{
	curl_multi_cleanup(web.multi);
	web.multi = NULL;
	dropped_free();
	curl_global_cleanup();
}

int web_add(struct web_request *request)
{
	curl_easy_setopt(request->easy, CURLOPT_PRIVATE, request);
	return curl_multi_add_handle(web.multi, request->easy) == CURLM_OK ? 0 : -ENOMEM;
}

void web_remove(struct web_request *request)
{
	curl_multi_remove_handle(web.multi, request->easy);
}

void web_complete(void)
{
	int running, left;
	CURLMsg *message;

	if (web.due <= events_now()) {
		web.due = UINT64_MAX;
		curl_multi_socket_action(web.multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	while ((message = curl_multi_info_read(web.multi, &left)) != NULL) {
		struct web_request *request;
		CURLcode code = message->data.result;
		char *private = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		request = (struct web_request *)private;
		curl_multi_remove_handle(web.multi, request->easy);
		request->done(request, code);
	}
	dropped_free();
}

uint64_t web_due(void)
{
	return web.due;
}

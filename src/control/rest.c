/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/rest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/log.h"
#include "control/request.h"
#include "control/unix_socket.h"

/*
 * libmicrohttpd without a thread of its own: its epoll descriptor is one of those that our loop
 * waits for, and MHD_run() does what is ready. A request whose answer must wait (for a grace
 * period, for a pass over the sessions, for the next traced packet) is suspended, and resumed from
 * a callback of the loop; the thread never waits for one request.
 *
 * The socket is 0660 root:weir (unix_socket.c). Who may connect may do everything, and every change is logged
 * with the peer's uid and pid.
 */
enum { REST_CONNECTIONS = 512, REST_TIMEOUT = 300 };

static struct {
	struct MHD_Daemon *daemon;
	int listener;
	int epoll;
	char path[CONFIG_SOCKET];
	struct loop_timer timer; // when MHD has something to do without an event
} rest = {.listener = -1, .epoll = -1};

/* The server */

static void rest_run(void *arg)
{
	MHD_UNSIGNED_LONG_LONG milliseconds;

	MHD_run(rest.daemon);
	if (MHD_get_timeout(rest.daemon, &milliseconds) == MHD_YES)
		loop_timer_set(&rest.timer, (unsigned int)milliseconds);
}

void rest_kick(void)
{
	loop_timer_set(&rest.timer, 0);
}

/* Called for the head of a request, for each piece of its body, and at the end. */
static enum MHD_Result rest_access(void *arg, struct MHD_Connection *connection, const char *url,
				   const char *method, const char *version, const char *bytes,
				   size_t *size, void **state)
{
	struct request *request = *state;

	if (request == NULL) {
		*state = request_begin(connection, method, url);
		return *state != NULL ? MHD_YES : MHD_NO;
	}
	if (*size > 0) {
		enum MHD_Result result = request_take(request, bytes, *size) ? MHD_YES : MHD_NO;

		*size = 0;
		return result;
	}
	return request_serve(request) ? MHD_YES : MHD_NO;
}

static void rest_completed(void *arg, struct MHD_Connection *connection, void **state,
			   enum MHD_RequestTerminationCode code)
{
	request_free(*state);
	*state = NULL;
}

/* Where libmicrohttpd's own messages go: a client that hangs up is nothing to write home about. */
static void rest_log(void *arg, const char *format, va_list arguments)
{
	char text[256];

	vsnprintf(text, sizeof(text), format, arguments);
	text[strcspn(text, "\n")] = '\0';
	log_debug("REST: %s", text);
}

int rest_start(const struct config *config, struct error *error)
{
	const union MHD_DaemonInfo *info;
	int status;

	rest.timer = (struct loop_timer){.fire = rest_run};
	rest.listener = unix_socket_open(config->socket, SOCK_STREAM, "socket", error);
	if (rest.listener < 0)
		return rest.listener;
	snprintf(rest.path, sizeof(rest.path), "%s", config->socket);
	rest.daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
		rest_access, NULL, MHD_OPTION_EXTERNAL_LOGGER, rest_log, NULL,
		MHD_OPTION_LISTEN_SOCKET, rest.listener, MHD_OPTION_NOTIFY_COMPLETED,
		rest_completed, NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned int)REST_CONNECTIONS,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)REST_TIMEOUT, MHD_OPTION_END);
	if (rest.daemon == NULL) {
		status = error_set(error, -ENOMEM, "socket", "the HTTP server does not start");
		goto close_listener;
	}
	info = MHD_get_daemon_info(rest.daemon, MHD_DAEMON_INFO_EPOLL_FD);
	rest.epoll = info->epoll_fd;
	status = loop_watch(rest.epoll, rest_run, NULL);
	if (status < 0) {
		error_set(error, status, "socket", "%s", strerror(-status));
		goto stop_daemon;
	}
	return 0;

stop_daemon:
	MHD_stop_daemon(rest.daemon); // closes the listener
	rest.daemon = NULL;
	rest.listener = -1;
close_listener:
	if (rest.listener >= 0)
		close(rest.listener);
	rest.listener = -1;
	unlink(rest.path);
	return status;
}

void rest_stop(void)
{
	if (rest.daemon == NULL)
		return;
	unlink(rest.path);
	loop_unwatch(rest.epoll);
	request_stop_all();
	// Let those that were waiting be told: resume, serve, send.
	for (int i = 0; i < 3; i++)
		MHD_run(rest.daemon);
	loop_timer_cancel(&rest.timer);
	MHD_stop_daemon(rest.daemon);
	rest.daemon = NULL;
	rest.listener = -1;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/ipvs_door.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "control/ipvs_listing.h"
#include "control/ipvs_message.h"
#include "control/ipvs_peer.h"
#include "control/ipvs_reply.h"
#include "control/ipvs_table.h"
#include "control/loop.h"
#include "control/rates.h"
#include "control/unix_socket.h"
#include "control/zero.h"

/*
 * A connection stands for one netlink socket of a program. ipvsadm makes one for each message (it is
 * hung up on once that is answered, so that nobody has to wake up for its end), keepalived keeps one. At each moment a connection does one of three things, which is also what
 * its descriptor is watched for:
 *
 * READING   takes requests, one a datagram, and answers each at once
 * LISTING   sends a listing as fast as the program reads it, and takes no request meanwhile
 * WAITING   until the counters are up to date (ZERO), or until there are rates (`ipvsadm --rate`)
 *
 * An answer that does not fit into the socket belongs to a listing, and is kept until it does; who
 * sends requests and does not read the answers is hung up on.
 */
enum {
	CONNECTIONS_MAX = 1024,
	DATAGRAMS = 8,	    // of one listing in one round
	REQUEST_MAX = 8192, // bytes
	SEND_BUFFER = 1 << 20,
	WAIT_POLL = 5,	       // milliseconds
	RATES_PATIENCE = 3000, // then without
};

enum connection_state { CONNECTION_READING, CONNECTION_LISTING, CONNECTION_WAITING };

struct connection {
	struct connection *next, **place;
	int fd;
	enum connection_state state;
	bool watched; // by the loop
	bool peer_known;
	struct ipvs_peer peer;
	struct ipvs_request request; // that is being answered
	struct ipvs_listing listing;
	char *held; // a datagram that did not fit
	size_t held_size;
	struct loop_timer timer;
	uint64_t pass;	    // of ZERO
	uint64_t wait_ends; // for rates, by loop_now()
};

static struct {
	int listener;
	char path[CONFIG_SOCKET];
	struct connection *connections;
	unsigned int count;
} door = {.listener = -1};

static struct ipvs_reply reply; // of the request that is being answered

/* Connections */

static void connection_close(struct connection *c)
{
	*c->place = c->next;
	if (c->next != NULL)
		c->next->place = c->place;
	door.count--;
	loop_timer_cancel(&c->timer);
	if (c->watched)
		loop_unwatch(c->fd);
	close(c->fd);
	ipvs_listing_close(&c->listing);
	free(c->held);
	free(c);
}

static void connection_turn(struct connection *c, enum connection_state state)
{
	c->state = state;
	if (c->watched)
		loop_want(c->fd, state == CONNECTION_READING, state == CONNECTION_LISTING);
}

/* Send what is in `reply`. -EAGAIN: it is held. Other errors: hang up. */
static int connection_send(struct connection *c)
{
	ssize_t sent;

	if (reply.size == 0)
		return 0;
	sent = send(c->fd, reply.bytes, reply.size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent >= 0)
		return 0;
	if (errno != EAGAIN || c->state != CONNECTION_LISTING)
		return -EPIPE; // ipvsadm hangs up before its last acknowledgement
	c->held = malloc(reply.size);
	if (c->held == NULL)
		return -ENOMEM;
	memcpy(c->held, reply.bytes, reply.size);
	c->held_size = reply.size;
	return -EAGAIN;
}

static int held_send(struct connection *c)
{
	if (c->held == NULL)
		return 0;
	if (send(c->fd, c->held, c->held_size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return errno == EAGAIN ? -EAGAIN : -EPIPE;
	free(c->held);
	c->held = NULL;
	return 0;
}

/* Answers */

static int status_send(struct connection *c, int code)
{
	if (code == 0 && !c->request.wants_ack)
		return 0;
	ipvs_reply_begin(&reply, &c->request.header);
	ipvs_reply_status(&reply, code, NULL);
	return connection_send(c);
}

/* Say what was refused, in the log with whom, and in the answer. */
static int refuse(struct connection *c, const struct error *error, int code)
{
	const struct ipvs_request *request = &c->request;
	const char *name = request->kind == IPVS_KIND_COMMAND ? ipvs_command_name(request->command)
							      : NULL;

	log_notice("%s: %s refused: %s%s%s", c->peer.text, name ? name : "message", error->field,
		   error->field[0] ? ": " : "", error->text);
	if (request->header.nlmsg_len == 0)
		return -EPIPE; // not even a header to answer to
	ipvs_reply_begin(&reply, &request->header);
	ipvs_reply_status(&reply, code, error->text);
	return connection_send(c);
}

/* One datagram with an answer, and another that says that it is done. */
static int answer_send(struct connection *c)
{
	int status = connection_send(c);

	return status < 0 ? status : status_send(c, 0);
}

/* Go on with a listing for a while. */
static int listing_send(struct connection *c)
{
	for (unsigned int i = 0; i < DATAGRAMS; i++) {
		bool more;
		int status = held_send(c);

		if (status < 0)
			return status == -EAGAIN ? 0 : status;
		if (c->listing.kind == IPVS_LIST_NONE) {
			connection_turn(c, CONNECTION_READING);
			return 0;
		}
		ipvs_reply_begin(&reply, &c->request.header);
		more = ipvs_listing_next(&c->listing, &reply);
		status = connection_send(c);
		if (!more)
			ipvs_listing_close(&c->listing);
		if (status < 0 && status != -EAGAIN)
			return status;
	}
	return 0; // the descriptor is watched for writing, and is ready in the next round
}

static int listing_begin(struct connection *c, enum ipvs_listing_kind kind)
{
	int size = SEND_BUFFER;

	c->listing.kind = kind;
	setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	connection_turn(c, CONNECTION_LISTING);
	return listing_send(c);
}

/* Waiting */

static int zero_finish(struct connection *c)
{
	struct model_service *service = NULL;
	struct error error;
	char name[SERVICE_TEXT];
	int status = 0;

	if (c->request.service.given)
		status = ipvs_table_find(&c->request.service, &service, &error);
	if (status == 0 && (service ? zero_service(service) : zero_all()) < 0)
		status = error_set(&error, -ENOMEM, "", "out of memory");
	connection_turn(c, CONNECTION_READING);
	if (status < 0)
		return refuse(c, &error, status);
	if (service != NULL)
		log_notice("%s: counters of service %s set to zero", c->peer.text,
			   model_service_format(&service->key, name));
	else
		log_notice("%s: all counters set to zero", c->peer.text);
	return status_send(c, 0);
}

static void connection_wait(void *arg)
{
	struct connection *c = arg;
	bool zero = c->request.command == IPVS_CMD_ZERO;
	int status;

	if (zero ? !workers_pass_over(c->pass) : !rates_want() && loop_now() < c->wait_ends) {
		loop_timer_set(&c->timer, WAIT_POLL);
		return;
	}
	status = zero ? zero_finish(c) : listing_begin(c, IPVS_LIST_SERVICES);
	if (status < 0)
		connection_close(c);
}

static int wait_begin(struct connection *c)
{
	c->timer = (struct loop_timer){.fire = connection_wait, .arg = c};
	loop_timer_set(&c->timer, WAIT_POLL);
	connection_turn(c, CONNECTION_WAITING);
	return 0;
}

/* Requests */

static int zero_begin(struct connection *c)
{
	struct model_service *service;
	struct error error;
	int status = 0;

	if (c->request.service.given)
		status = ipvs_table_find(&c->request.service, &service, &error);
	if (status < 0)
		return refuse(c, &error, status);
	c->pass = workers_pass_begin();
	return wait_begin(c);
}

/*
 * Rates are sampled only while somebody asks for them, and the first question comes too early for
 * an answer. A program that lists nothing but rates is kept waiting for about a second.
 */
static int services_list(struct connection *c)
{
	if (!rates_want() && ipvs_peer_has_argument(&c->peer, "--rate")) {
		c->wait_ends = loop_now() + RATES_PATIENCE;
		return wait_begin(c);
	}
	return listing_begin(c, IPVS_LIST_SERVICES);
}

static int service_send(struct connection *c)
{
	struct model_service *service;
	struct error error;
	int status = ipvs_table_find(&c->request.service, &service, &error);

	if (status < 0)
		return refuse(c, &error, status);
	rates_want();
	ipvs_reply_begin(&reply, &c->request.header);
	ipvs_reply_service(&reply, service, false);
	return answer_send(c);
}

static int servers_list(struct connection *c)
{
	struct model_service *service;
	struct error error;
	int status = ipvs_table_find(&c->request.service, &service, &error);

	if (status == 0)
		c->listing.key = service->key;
	else if (status != -ESRCH)
		return refuse(c, &error, status);
	rates_want();
	// Of a service that is not there, an empty list, as in the kernel.
	return listing_begin(c, status == 0 ? IPVS_LIST_SERVERS : IPVS_LIST_EMPTY);
}

static int command_serve(struct connection *c)
{
	const struct ipvs_request *request = &c->request;
	struct error error;
	int status;

	switch (request->command) {
	case IPVS_CMD_GET_SERVICE:
		return request->dump ? services_list(c) : service_send(c);
	case IPVS_CMD_GET_DEST:
		return servers_list(c);
	case IPVS_CMD_GET_DAEMON: // there is never one
		return listing_begin(c, IPVS_LIST_EMPTY);
	case IPVS_CMD_GET_CONFIG:
		ipvs_reply_timeouts(&reply, model_timeouts());
		return answer_send(c);
	case IPVS_CMD_GET_INFO:
		ipvs_reply_info(&reply);
		return answer_send(c);
	case IPVS_CMD_ZERO:
		return zero_begin(c);
	default:
		status = ipvs_table_change(request, &c->peer, &error);
		return status < 0 ? refuse(c, &error, status) : status_send(c, 0);
	}
}

static int request_serve(struct connection *c, const void *bytes, size_t size)
{
	struct error error;
	int status = ipvs_request_parse(bytes, size, &c->request, &error);

	if (!c->peer_known) {
		ipvs_peer_identify(c->fd, &c->peer);
		c->peer_known = true;
	}
	if (status < 0)
		return refuse(c, &error, status);
	ipvs_reply_begin(&reply, &c->request.header);
	switch (c->request.kind) {
	case IPVS_KIND_FAMILY:
		ipvs_reply_family(&reply);
		return answer_send(c);
	case IPVS_KIND_FILE:
		status = ipvs_listing_open_file(&c->listing, c->request.file, &error);
		if (status < 0)
			return refuse(c, &error, status);
		return listing_begin(c, IPVS_LIST_FILE);
	case IPVS_KIND_COMMAND:
		break;
	}
	return command_serve(c);
}

/* Has a program that asks once on each socket been answered? */
static bool connection_is_done(const struct connection *c)
{
	return c->state == CONNECTION_READING && c->request.kind != IPVS_KIND_FAMILY &&
	       strcmp(c->peer.name, "ipvsadm") == 0;
}

/* Take one request; the loop calls again when there is another. */
static int request_read(struct connection *c)
{
	static char bytes[REQUEST_MAX] __attribute__((aligned(8)));
	ssize_t size = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC);
	int status;

	if (size < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (size == 0 || size > REQUEST_MAX)
		return -EPIPE; // gone, or nothing that ipvsadm or keepalived would send
	status = request_serve(c, bytes, (size_t)size);
	return status == 0 && connection_is_done(c) ? -EPIPE : status;
}

/* Do what there is to do. Negative: hang up. */
static int connection_step(struct connection *c)
{
	switch (c->state) {
	case CONNECTION_READING:
		return request_read(c);
	case CONNECTION_LISTING:
		return listing_send(c);
	case CONNECTION_WAITING:
		break; // is only told that the other side has hung up
	}
	return -EPIPE;
}

static void connection_ready(void *arg)
{
	struct connection *c = arg;

	if (connection_step(c) < 0)
		connection_close(c);
}

static int connection_watch(struct connection *c)
{
	int status = loop_watch(c->fd, connection_ready, c);

	c->watched = status == 0;
	if (c->watched)
		connection_turn(c, c->state);
	return status;
}

static void connection_open(int fd)
{
	struct connection *c = door.count < CONNECTIONS_MAX ? calloc(1, sizeof(*c)) : NULL;

	if (c == NULL) {
		log_warning("IPVS: a connection is refused: there are %u already", door.count);
		close(fd);
		return;
	}
	c->fd = fd;
	c->next = door.connections;
	c->place = &door.connections;
	if (c->next != NULL)
		c->next->place = &c->next;
	door.connections = c;
	door.count++;
	// The first request is often there already, and its answer may be all.
	if (connection_step(c) < 0 || connection_watch(c) < 0)
		connection_close(c);
}

static void door_ready(void *arg)
{
	int fd = accept4(door.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0)
		connection_open(fd);
}

/* Start and stop */

int ipvs_door_start(const struct config *config, struct error *error)
{
	int status;

	door.listener = unix_socket_open(config->ipvs_socket, SOCK_SEQPACKET, "ipvs_socket", error);
	if (door.listener < 0)
		return door.listener;
	snprintf(door.path, sizeof(door.path), "%s", config->ipvs_socket);
	status = loop_watch(door.listener, door_ready, NULL);
	if (status < 0) {
		error_set(error, status, "ipvs_socket", "%s", strerror(-status));
		unlink(door.path);
		close(door.listener);
		door.listener = -1;
	}
	return status;
}

void ipvs_door_stop(void)
{
	if (door.listener < 0)
		return;
	while (door.connections != NULL)
		connection_close(door.connections);
	ipvs_table_stop();
	unlink(door.path);
	loop_unwatch(door.listener);
	close(door.listener);
	door.listener = -1;
}

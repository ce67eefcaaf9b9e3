/* SPDX-License-Identifier: BSD-3-Clause */
#include "probe.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * TCP: a connection is made and at once reset, so that neither end keeps anything of it (no
 * TIME_WAIT here, and a server that accepts sees a client that went away).
 *
 * UDP: the socket is connected, so that an ICMP error about the datagram comes back as an error of
 * the socket. Silence is good when no answer is expected: many servers answer nothing to what they
 * do not understand.
 */
const char *probe_reason(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return "connection refused";
	case ECONNRESET:
		return "connection reset";
	case ETIMEDOUT:
		return "no answer";
	case EHOSTUNREACH:
		return "host unreachable";
	case ENETUNREACH:
		return "network unreachable";
	case ENODEV:
		return "the VNI has no TAP";
	case EACCES:
	case EPERM:
		return "administratively prohibited";
	default:
		return strerror(error);
	}
}

bool probe_is_ours(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
	       error == EADDRNOTAVAIL || error == EAGAIN;
}

static socklen_t address_fill(const struct target_key *key, struct sockaddr_storage *address)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;

	memset(address, 0, sizeof(*address));
	if (key->addr.family == AF_INET) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(key->port);
		v4->sin_addr.s_addr = key->addr.v4;
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(key->port);
	memcpy(&v6->sin6_addr, key->addr.bytes, sizeof(v6->sin6_addr));
	return sizeof(*v6);
}

static int socket_error(int fd)
{
	int error = 0;
	socklen_t length = sizeof(error);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
	return error;
}

int probe_bind(const struct target *target, int fd)
{
	const char *device = target->key.device;

	if (device[0] == '\0' ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)) == 0)
		return 0;
	return -errno;
}

unsigned int probe_device(const struct target *target)
{
	return if_nametoindex(target->key.device);
}

static void tcp_ready(struct watch *watch, uint32_t events)
{
	struct target *target = (struct target *)((char *)watch - offsetof(struct target, watch));
	int error = (events & (EPOLLERR | EPOLLHUP)) != 0 ? socket_error(target->fd) : 0;

	probe_ended(target, error == 0, error == 0 ? "connected" : probe_reason(error));
}

static void udp_ready(struct watch *watch, uint32_t events)
{
	struct target *target = (struct target *)((char *)watch - offsetof(struct target, watch));
	const char *expect = target->key.check.expect;
	char answer[4096];
	ssize_t size = recv(target->fd, answer, sizeof(answer), MSG_DONTWAIT);

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (size < 0)
		probe_ended(target, false,
			    errno == ECONNREFUSED ? "ICMP port unreachable" : probe_reason(errno));
	else if (memmem(answer, (size_t)size, expect, strlen(expect)) == NULL)
		probe_ended(target, false, "the answer lacks the expected text");
	else
		probe_ended(target, true, "answered");
}

/* A connected socket, watched; negative errno. */
static int socket_begin(struct target *target, int type, uint32_t events)
{
	const struct linger reset = {.l_onoff = 1};
	struct sockaddr_storage address;
	socklen_t length = address_fill(&target->key, &address);
	int fd = socket(address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int status;

	if (fd < 0)
		return -errno;
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	status = probe_bind(target, fd);
	if (status == 0)
		status = connect(fd, (struct sockaddr *)&address, length) < 0 ? -errno : 0;
	if (status == 0 || status == -EINPROGRESS)
		status = events_add(fd, events, &target->watch);
	if (status < 0) {
		close(fd);
		return status;
	}
	target->fd = fd;
	return 0;
}

static int tcp_begin(struct target *target)
{
	target->watch.ready = tcp_ready;
	return socket_begin(target, SOCK_STREAM, EPOLLOUT | EPOLLONESHOT);
}

static int udp_begin(struct target *target)
{
	const char *text = target->key.check.send;
	int status;

	target->watch.ready = udp_ready;
	status = socket_begin(target, SOCK_DGRAM, EPOLLIN);
	if (status == 0 && send(target->fd, text, strlen(text), MSG_DONTWAIT) < 0)
		status = -errno;
	return status;
}

int probe_begin(struct target *target)
{
	int (*const begin[])(struct target *) = {
		[CHECK_TCP] = tcp_begin,
		[CHECK_UDP] = udp_begin,
		[CHECK_HTTP] = http_begin,
		[CHECK_PING] = ping_begin,
	};
	int status;

	target->running = true;
	status = begin[target->key.check.type](target);
	if (status == 0)
		return 0;
	if (probe_is_ours(-status)) {
		probe_cancel(target);
		return -EAGAIN;
	}
	probe_ended(target, false, probe_reason(-status));
	return 0;
}

void probe_clock(struct target *target)
{
	const struct check *check = &target->key.check;
	char text[TARGET_TEXT];

	if (check->type == CHECK_UDP && check->expect[0] == '\0') {
		probe_ended(target, true, "no ICMP error");
		return;
	}
	snprintf(text, sizeof(text), "no answer within %g s", check->timeout / 1000.0);
	probe_ended(target, false, text);
}

void probe_cancel(struct target *target)
{
	http_cancel(target);
	if (target->fd >= 0)
		close(target->fd);
	target->fd = -1;
	target->running = false;
}

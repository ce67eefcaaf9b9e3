/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading netlink attributes and sending requests: what all parts of the mirror need. */
#include "net/kernel_mirror.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { REQUEST_TIMEOUT_MS = 2000 };

static void attribute_note(const struct nlattr *attribute, const struct nlattr **table)
{
	uint16_t type = mnl_attr_get_type(attribute);

	if (type < ATTRIBUTES_MAX)
		table[type] = attribute;
}

void attributes_of_message(const struct nlmsghdr *message, size_t header_size,
			   const struct nlattr **table)
{
	const struct nlattr *attribute;

	memset(table, 0, ATTRIBUTES_MAX * sizeof(*table));
	mnl_attr_for_each (attribute, message, header_size)
		attribute_note(attribute, table);
}

void attributes_of_nest(const struct nlattr *nest, const struct nlattr **table)
{
	attributes_of_bytes(mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest), table);
}

void attributes_of_bytes(const void *bytes, size_t size, const struct nlattr **table)
{
	const struct nlattr *attr; // the name that libmnl's loop wants

	memset(table, 0, ATTRIBUTES_MAX * sizeof(*table));
	mnl_attr_for_each_payload(bytes, size) attribute_note(attr, table);
}

uint32_t attribute_u32(const struct nlattr *attribute, uint32_t otherwise)
{
	if (!attribute || mnl_attr_get_payload_len(attribute) < sizeof(uint32_t))
		return otherwise;
	return mnl_attr_get_u32(attribute);
}

bool attribute_addr(const struct nlattr *attribute, int family, struct addr *addr)
{
	uint16_t size = attribute ? mnl_attr_get_payload_len(attribute) : 0;

	if (family == AF_INET && size == sizeof(uint32_t))
		*addr = addr_v4(mnl_attr_get_u32(attribute));
	else if (family == AF_INET6 && size == sizeof(addr->bytes))
		*addr = addr_v6(mnl_attr_get_payload(attribute));
	else
		return false;
	return true;
}

struct mnl_socket *kernel_socket_open(size_t receive_buffer, bool blocking, struct error *error)
{
	int flags = SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK);
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, flags);
	int size = receive_buffer, fd;

	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		error_set(error, -errno, "", "cannot open a netlink socket: %s", strerror(errno));
		if (socket)
			mnl_socket_close(socket);
		return NULL;
	}
	// Without the privilege the buffer stays at the system's limit; overruns are repaired.
	fd = mnl_socket_get_fd(socket);
	if (size && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return socket;
}

/* What the kernel says beside the errno, if it says anything (NETLINK_EXT_ACK). */
static void reason_read(const struct nlmsghdr *message, char *reason)
{
	const struct nlattr *attributes[ATTRIBUTES_MAX];
	const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);
	size_t header = sizeof(*answer);

	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(message->nlmsg_flags & NLM_F_CAPPED))
		header += answer->msg.nlmsg_len - sizeof(answer->msg);
	if (header >= mnl_nlmsg_get_payload_len(message))
		return;
	attributes_of_message(message, header, attributes);
	if (attributes[NLMSGERR_ATTR_MSG])
		snprintf(reason, KERNEL_REASON, "%.*s",
			 (int)mnl_attr_get_payload_len(attributes[NLMSGERR_ATTR_MSG]),
			 (const char *)mnl_attr_get_payload(attributes[NLMSGERR_ATTR_MSG]));
}

/* Wait for the answer to one request, skipping what is left from earlier ones. */
static int kernel_wait(struct mnl_socket *socket, uint32_t sequence, char *reason)
{
	struct pollfd poller = {.fd = mnl_socket_get_fd(socket), .events = POLLIN};
	char buffer[8192] __attribute__((aligned(8)));

	for (;;) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
		ssize_t size;
		int left;

		if (poll(&poller, 1, REQUEST_TIMEOUT_MS) <= 0)
			return -ETIMEDOUT;
		size = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
		if (size < 0 && errno != EINTR)
			return -errno;
		for (left = size; mnl_nlmsg_ok(message, left);
		     message = mnl_nlmsg_next(message, &left)) {
			const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);

			if (message->nlmsg_type != NLMSG_ERROR || message->nlmsg_seq != sequence ||
			    mnl_nlmsg_get_payload_len(message) < sizeof(*answer))
				continue;
			if (reason && answer->error)
				reason_read(message, reason);
			return answer->error;
		}
	}
}

int kernel_request(struct mnl_socket *socket, struct nlmsghdr *message, char *reason)
{
	static uint32_t sequence;

	if (reason)
		reason[0] = '\0';
	message->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	message->nlmsg_seq = ++sequence;
	if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		return -errno;
	return kernel_wait(socket, sequence, reason);
}

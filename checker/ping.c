/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "probe.h"

/*
 * Echo requests to all targets go out of one socket for each family, a ping socket where the
 * kernel grants one (net.ipv4.ping_group_range) and a raw socket otherwise (CAP_NET_RAW). Which
 * target an echo reply belongs to stands in its data: a cookie of this process, the target's number
 * and the number of the check. The source must be the target's address.
 */
struct echo {
	uint8_t type, code;
	uint16_t checksum, identifier, sequence; // network byte order
	uint64_t cookie;
	uint32_t number;
	uint32_t check;
} __attribute__((packed));

static struct ping {
	struct watch watch; // first: what is ready is found by it
	int fd;		    // -1: not open
	bool raw;
	int family;
} sockets[2] = {{.fd = -1, .family = AF_INET}, {.fd = -1, .family = AF_INET6}};

static uint64_t cookie;
static bool refused; // said once

static uint16_t checksum(const void *bytes, size_t size)
{
	const uint16_t *word = bytes;
	uint32_t sum = 0;

	for (; size > 1; size -= 2)
		sum += *word++;
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* Of anything that is no reply to one of ours nothing comes. */
static void reply_take(const struct ping *ping, const char *bytes, size_t size,
		       const struct sockaddr_storage *from)
{
	uint8_t type = ping->family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;
	struct target *target;
	struct echo echo;
	struct addr source;

	if (ping->raw && ping->family == AF_INET) {
		size_t header = size > 0 ? (size_t)(bytes[0] & 15) * 4 : 0;

		if (header < sizeof(struct iphdr) || header > size)
			return;
		bytes += header;
		size -= header;
	}
	if (size < sizeof(echo))
		return;
	memcpy(&echo, bytes, sizeof(echo));
	target = echo.type == type && echo.cookie == cookie ? target_by_number(echo.number) : NULL;
	if (target == NULL || !target->running || target->key.check.type != CHECK_PING ||
	    target->sequence != echo.check)
		return;
	source = ping->family == AF_INET
			 ? addr_v4(((const struct sockaddr_in *)from)->sin_addr.s_addr)
			 : addr_v6(((const struct sockaddr_in6 *)from)->sin6_addr.s6_addr);
	if (addr_equal(&source, &target->key.addr))
		probe_ended(target, true, "echo reply");
}

static void ping_ready(struct watch *watch, uint32_t events)
{
	const struct ping *ping = (const struct ping *)watch;
	struct sockaddr_storage from;
	char bytes[1024];

	for (unsigned int i = 0; i < 1024; i++) {
		socklen_t length = sizeof(from);
		ssize_t size = recvfrom(ping->fd, bytes, sizeof(bytes), MSG_DONTWAIT,
					(struct sockaddr *)&from, &length);

		if (size < 0 && errno == EAGAIN)
			return;
		if (size >= 0)
			reply_take(ping, bytes, (size_t)size, &from);
	}
}

/* Only echo replies are of interest: the rest would wake us for nothing. */
static void raw_filter(const struct ping *ping)
{
	struct icmp_filter v4 = {.data = ~(1u << ICMP_ECHOREPLY)};
	struct icmp6_filter v6;

	ICMP6_FILTER_SETBLOCKALL(&v6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &v6);
	if (ping->family == AF_INET)
		setsockopt(ping->fd, SOL_RAW, ICMP_FILTER, &v4, sizeof(v4));
	else
		setsockopt(ping->fd, IPPROTO_ICMPV6, ICMP6_FILTER, &v6, sizeof(v6));
}

static int ping_open(struct ping *ping)
{
	int protocol = ping->family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	int room = 1 << 20, status;

	ping->raw = false;
	ping->fd = socket(ping->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	if (ping->fd < 0 && errno == EACCES) {
		ping->raw = true;
		ping->fd = socket(ping->family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	}
	if (ping->fd < 0) {
		if (!refused && errno == EPERM)
			log_error("checks of type ping need CAP_NET_RAW or a group in "
				  "net.ipv4.ping_group_range; nothing is said about their servers");
		refused = true;
		return errno == EPERM ? -EAGAIN : -errno;
	}
	if (ping->raw)
		raw_filter(ping);
	setsockopt(ping->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	ping->watch.ready = ping_ready;
	status = events_add(ping->fd, EPOLLIN, &ping->watch);
	if (status < 0) {
		close(ping->fd);
		ping->fd = -1;
	}
	if (cookie == 0 && getrandom(&cookie, sizeof(cookie), 0) != sizeof(cookie))
		cookie = (uint64_t)getpid() << 32 | events_random();
	return status;
}

/* struct in6_pktinfo, which the headers of Linux and of the C library do not give together. */
struct packet_info6 {
	uint8_t source[16];
	uint32_t index;
};

/* By the target's device, where it has one: the socket is everybody's. */
static int echo_send(const struct ping *ping, const struct target *target, struct echo *echo,
		     struct sockaddr *to, socklen_t length)
{
	bool ipv6 = ping->family == AF_INET6;
	unsigned int index = target->key.device[0] ? probe_device(target) : 0;
	struct in_pktinfo v4 = {.ipi_ifindex = (int)index};
	struct packet_info6 v6 = {.index = index};
	size_t size = ipv6 ? sizeof(v6) : sizeof(v4);
	char room[CMSG_SPACE(sizeof(v6))] __attribute__((aligned(8))) = {0};
	struct iovec bytes = {echo, sizeof(*echo)};
	struct msghdr message = {
		.msg_name = to, .msg_namelen = length, .msg_iov = &bytes, .msg_iovlen = 1};

	if (target->key.device[0] && index == 0)
		return -ENODEV;
	if (index != 0) {
		struct cmsghdr *header = (struct cmsghdr *)room;

		message.msg_control = room;
		message.msg_controllen = CMSG_SPACE(size);
		header->cmsg_level = ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;
		header->cmsg_type = ipv6 ? IPV6_PKTINFO : IP_PKTINFO;
		header->cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(header), ipv6 ? (void *)&v6 : (void *)&v4, size);
	}
	return sendmsg(ping->fd, &message, MSG_DONTWAIT) < 0 ? -errno : 0;
}

int ping_begin(struct target *target)
{
	const struct addr *addr = &target->key.addr;
	struct ping *ping = &sockets[addr->family == AF_INET6];
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = addr->v4};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct echo echo = {
		.type = addr->family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST,
		.identifier = htons((uint16_t)getpid()),
		.number = target->number,
		.check = ++target->sequence,
	};
	int status = ping->fd < 0 ? ping_open(ping) : 0;

	if (status < 0)
		return status;
	echo.cookie = cookie;
	echo.sequence = htons((uint16_t)echo.check);
	memcpy(&v6.sin6_addr, addr->bytes, sizeof(v6.sin6_addr));
	if (addr->family == AF_INET)
		echo.checksum = checksum(&echo, sizeof(echo));
	return echo_send(ping, target, &echo,
			 addr->family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
			 addr->family == AF_INET ? sizeof(v4) : sizeof(v6));
}

void ping_stop(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		if (sockets[i].fd >= 0)
			close(sockets[i].fd);
		sockets[i].fd = -1;
	}
}

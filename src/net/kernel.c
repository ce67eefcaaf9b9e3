/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rtnetlink mirror: Linux configures, the data path follows.
 *
 * One socket hears events, one fetches dumps, one sends requests about neighbours; their messages
 * go to the parts of the mirror by kind (kernel_mirror.h). All sockets belong to the namespace in
 * which kernel_start() was called. Everything runs in the control thread.
 *
 * Events alone do not suffice. Linux takes IPv4 routes away without a message when their link or
 * next hop object goes; messages are lost when they come faster than we read (ENOBUFS); dumps can
 * be inconsistent (NLM_F_DUMP_INTR). So the truth is fetched again by dumps: after each change of a
 * link or loss of a next hop object, after an overrun, and every 30 s. A dump marks what it names
 * and what is left unmarked is swept out. While it runs, events are newer than what it says and
 * win. After an overrun, a dump starts only when all events that had been queued are taken in, for
 * they are older than what was lost.
 *
 * The work is done in slices of some milliseconds, so that a full BGP table does not hold up the
 * control thread: what a socket still holds makes it readable again, and changed prefixes wait in a
 * list for the next round.
 */
#include "net/kernel.h"

#include <assert.h>
#include <errno.h>
#include <linux/nexthop.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "net/fib.h"
#include "net/kernel_mirror.h"
#include "net/neigh.h"
#include "net/path.h"
#include "net/retire.h"

enum {
	EVENT_BUFFER = 64 << 20, // of the socket, as far as it is used
	DUMP_BUFFER = 1 << 20,
	MESSAGE_BUFFER = 64 << 10,
	READ_SLICE_MS = 10,
	APPLY_SLICE_MS = 10,
	PATH_SLICE_MS = 5,
	PATH_INTERVAL_MS = 20,
	APPLY_STEP = 500,   // prefixes or paths between looks at the clock
	DUMP_DELAY_MS = 20, // collects what belongs together
	DUMP_PERIOD_MS = 30 * 1000,
	DUMP_SHARE = 20, // a dump takes at most one part in 20 of the time
	DUMP_SILENCE_MS = 10 * 1000,
	START_TIMEOUT_MS = 60 * 1000,
};

static struct mnl_socket *event_socket, *dump_socket;
static int kernel_epoll = -1;
static char message_buffer[MESSAGE_BUFFER] __attribute__((aligned(8)));

static bool events_lost; // and those that were queued before are not all taken in yet
static uint64_t lost_logged_ms;

static struct {
	uint32_t wanted; // mask of those to be made
	uint64_t not_before_ms;
	uint64_t period_ms; // when all are due again
	int running;	    // the one under way, or DUMP_COUNT
	uint32_t sequence;
	bool interrupted;
	uint64_t begun_ms, round_ms; // of this one; of all since the last rest
	uint64_t heard_ms;	     // when its last message came
} dump;

static const struct {
	uint16_t request;
	uint8_t family;
	const char *name;
} dump_kinds[DUMP_COUNT] = {
	[DUMP_LINK] = {RTM_GETLINK, AF_UNSPEC, "links"},
	[DUMP_ADDRESS] = {RTM_GETADDR, AF_UNSPEC, "addresses"},
	[DUMP_NEXTHOP] = {RTM_GETNEXTHOP, AF_UNSPEC, "next hops"},
	[DUMP_ROUTE4] = {RTM_GETROUTE, AF_INET, "IPv4 routes"},
	[DUMP_ROUTE6] = {RTM_GETROUTE, AF_INET6, "IPv6 routes"},
	[DUMP_NEIGH4] = {RTM_GETNEIGH, AF_INET, "IPv4 neighbours"},
	[DUMP_NEIGH6] = {RTM_GETNEIGH, AF_INET6, "IPv6 neighbours"},
};

static const int event_groups[] = {
	RTNLGRP_LINK,	    RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
	RTNLGRP_IPV6_ROUTE, RTNLGRP_NEIGH,	 RTNLGRP_NEXTHOP,
};

uint64_t kernel_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void kernel_want_dumps(uint32_t mask)
{
	if (!dump.wanted) {
		uint64_t soon = kernel_now_ms() + DUMP_DELAY_MS;

		if (dump.not_before_ms < soon)
			dump.not_before_ms = soon;
	}
	dump.wanted |= mask;
}

static void kernel_take(const struct nlmsghdr *message, bool event)
{
	size_t size = mnl_nlmsg_get_payload_len(message);

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (size >= sizeof(struct ifinfomsg))
			link_message(message, event);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		if (size >= sizeof(struct ifaddrmsg))
			address_message(message, event);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (size >= sizeof(struct rtmsg))
			route_message(message, event);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		if (size >= sizeof(struct ndmsg))
			neigh_message(message, event);
		break;
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		if (size >= sizeof(struct nhmsg))
			object_message(message, event);
		break;
	}
}

static void dump_begin(int kind)
{
	switch (kind) {
	case DUMP_LINK:
		link_dump_begin();
		break;
	case DUMP_ADDRESS:
		address_dump_begin();
		break;
	case DUMP_NEXTHOP:
		object_dump_begin();
		break;
	case DUMP_ROUTE4:
	case DUMP_ROUTE6:
		rib_dump_begin(dump_kinds[kind].family);
		break;
	case DUMP_NEIGH4:
	case DUMP_NEIGH6:
		neigh_dump_begin(dump_kinds[kind].family);
		break;
	}
}

static void dump_end(int kind, bool complete)
{
	switch (kind) {
	case DUMP_LINK:
		link_dump_end(complete);
		break;
	case DUMP_ADDRESS:
		address_dump_end(complete);
		break;
	case DUMP_NEXTHOP:
		object_dump_end(complete);
		break;
	case DUMP_ROUTE4:
	case DUMP_ROUTE6:
		rib_dump_end(dump_kinds[kind].family, complete);
		break;
	case DUMP_NEIGH4:
	case DUMP_NEIGH6:
		neigh_dump_end(dump_kinds[kind].family, complete);
		break;
	}
}

/* Over, for better or worse: what is not complete is made again. */
static void dump_finish(bool complete)
{
	uint64_t now = kernel_now_ms();
	int kind = dump.running;

	dump.running = DUMP_COUNT;
	dump_end(kind, complete);
	dump.round_ms += now - dump.begun_ms;
	if (!complete)
		kernel_want_dumps(1u << kind);
	if (!complete || !dump.wanted) {
		dump.not_before_ms = now + DUMP_DELAY_MS + dump.round_ms * DUMP_SHARE;
		dump.period_ms = now + DUMP_PERIOD_MS + dump.round_ms * DUMP_SHARE;
		dump.round_ms = 0;
	}
}

static void dump_start(uint64_t now_ms)
{
	struct {
		struct nlmsghdr header;
		union {
			struct ifinfomsg link;
			struct ifaddrmsg address;
			struct rtmsg route;
			struct ndmsg neigh;
			struct nhmsg nexthop;
			uint8_t family; // the first byte of each
		};
	} request = {.header = {.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
	static const size_t sizes[DUMP_COUNT] = {
		sizeof(request.link),  sizeof(request.address), sizeof(request.nexthop),
		sizeof(request.route), sizeof(request.route),	sizeof(request.neigh),
		sizeof(request.neigh),
	};
	int kind = __builtin_ctz(dump.wanted);

	request.family = dump_kinds[kind].family;
	request.header.nlmsg_type = dump_kinds[kind].request;
	request.header.nlmsg_len = NLMSG_LENGTH(sizes[kind]);
	request.header.nlmsg_seq = ++dump.sequence;
	dump.wanted &= ~(1u << kind);
	dump.running = kind;
	dump.interrupted = false;
	dump.begun_ms = now_ms;
	dump.heard_ms = now_ms;
	dump_begin(kind);
	if (mnl_socket_sendto(dump_socket, &request, request.header.nlmsg_len) < 0)
		dump_finish(false);
}

/* Start the next dump when one is due and nothing speaks against it. */
static void dump_schedule(uint64_t now_ms)
{
	if (dump.running != DUMP_COUNT && now_ms - dump.heard_ms > DUMP_SILENCE_MS) {
		log_warning("Linux did not end its list of %s: asking again",
			    dump_kinds[dump.running].name);
		dump_finish(false);
	}
	if (dump.running != DUMP_COUNT || events_lost || rib_scanning())
		return;
	if (now_ms >= dump.period_ms) {
		dump.wanted = DUMPS_ALL;
		dump.period_ms = UINT64_MAX; // set anew when the round is over
	}
	if (dump.wanted && now_ms >= dump.not_before_ms)
		dump_start(now_ms);
}

static void dump_take(const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

	if (dump.running == DUMP_COUNT || message->nlmsg_seq != dump.sequence)
		return;
	dump.heard_ms = kernel_now_ms();
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		dump.interrupted = true;
	if (message->nlmsg_type == NLMSG_DONE) {
		dump_finish(!dump.interrupted);
	} else if (message->nlmsg_type == NLMSG_ERROR) {
		// Kernels before 5.3 have no next hop objects.
		bool unknown = mnl_nlmsg_get_payload_len(message) >= sizeof(*error) &&
			       dump.running == DUMP_NEXTHOP && error->error == -EOPNOTSUPP;

		dump_finish(unknown);
	} else {
		kernel_take(message, false);
	}
}

/*
 * Read a socket until it is empty or the time is over; true: it is empty. A lost message shows as
 * ENOBUFS, before those that were kept.
 */
static bool kernel_read_socket(struct mnl_socket *socket, bool events, uint64_t until_ms,
			       bool *overrun)
{
	do {
		ssize_t size = mnl_socket_recvfrom(socket, message_buffer, sizeof(message_buffer));
		const struct nlmsghdr *message = (const struct nlmsghdr *)message_buffer;

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0 && (errno == ENOBUFS || errno == ENOSPC)) {
			*overrun = true;
			continue;
		}
		if (size <= 0)
			return true;
		for (int left = size; mnl_nlmsg_ok(message, left);
		     message = mnl_nlmsg_next(message, &left)) {
			if (events)
				kernel_take(message, true);
			else
				dump_take(message);
		}
	} while (kernel_now_ms() < until_ms);
	return false;
}

static void events_overrun(uint64_t now_ms)
{
	events_lost = true;
	kernel_want_dumps(DUMPS_ALL);
	if (lost_logged_ms && now_ms - lost_logged_ms < DUMP_PERIOD_MS)
		return;
	log_notice("Linux changed faster than we read: fetching all routes and neighbours again");
	lost_logged_ms = now_ms;
}

/* Bring changes into the data path for some milliseconds; true: there are more. */
static bool kernel_apply(uint64_t until_ms)
{
	static uint64_t paths_ms; // when watched destinations were last looked at
	bool routes = true, paths = true;
	uint64_t now;

	while (routes && kernel_now_ms() < until_ms)
		routes = rib_apply(APPLY_STEP);
	// Also while routes keep coming: watched destinations must not wait for their end. But all
	// of them are looked at, so not after each single route.
	now = kernel_now_ms();
	if (now - paths_ms < PATH_INTERVAL_MS)
		return true;
	paths_ms = now;
	until_ms = now + PATH_SLICE_MS;
	while (paths && kernel_now_ms() < until_ms)
		paths = path_review(APPLY_STEP);
	return routes || paths;
}

void kernel_read(void)
{
	uint64_t now = kernel_now_ms();
	bool overrun = false, drained;

	drained = kernel_read_socket(event_socket, true, now + READ_SLICE_MS, &overrun);
	if (overrun)
		events_overrun(now);
	if (drained)
		events_lost = false;
	overrun = false;
	kernel_read_socket(dump_socket, false, kernel_now_ms() + READ_SLICE_MS, &overrun);
	if (overrun && dump.running != DUMP_COUNT)
		dump.interrupted = true;
	neigh_mirror_read();
	now = kernel_now_ms();
	dump_schedule(now);
	kernel_apply(now + APPLY_SLICE_MS);
	route_publish(now);
}

void kernel_tick(void)
{
	uint64_t now = kernel_now_ms();

	dump_schedule(now);
	neigh_mirror_tick(now);
	kernel_apply(now + 2 * APPLY_SLICE_MS);
	route_publish(now);
}

int kernel_fd(void)
{
	return kernel_epoll;
}

static int kernel_watch(int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(kernel_epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int kernel_open_sockets(struct error *error)
{
	kernel_epoll = epoll_create1(EPOLL_CLOEXEC);
	if (kernel_epoll < 0)
		return error_set(error, -errno, "", "cannot make an epoll: %s", strerror(errno));
	event_socket = kernel_socket_open(EVENT_BUFFER, false, error);
	dump_socket = event_socket ? kernel_socket_open(DUMP_BUFFER, false, error) : NULL;
	if (!dump_socket)
		return error->code;
	for (unsigned int i = 0; i < sizeof(event_groups) / sizeof(event_groups[0]); i++) {
		int group = event_groups[i];

		// Kernels before 5.3 have no group for next hop objects.
		if (mnl_socket_setsockopt(event_socket, NETLINK_ADD_MEMBERSHIP, &group,
					  sizeof(group)) < 0 &&
		    group != RTNLGRP_NEXTHOP)
			return error_set(error, -errno, "", "cannot listen to rtnetlink: %s",
					 strerror(errno));
	}
	if (kernel_watch(mnl_socket_get_fd(event_socket)) < 0 ||
	    kernel_watch(mnl_socket_get_fd(dump_socket)) < 0)
		return error_set(error, -ENOMEM, "", "cannot watch a netlink socket");
	return 0;
}

/* Take in all that there is before the first packet is forwarded. */
static int kernel_fetch(struct error *error)
{
	uint64_t deadline = kernel_now_ms() + START_TIMEOUT_MS;

	dump.wanted = DUMPS_ALL;
	do {
		struct pollfd poller = {.fd = kernel_epoll, .events = POLLIN};

		poll(&poller, 1, dump.running == DUMP_COUNT ? 1 : 100);
		kernel_read();
		if (kernel_now_ms() > deadline)
			return error_set(error, -ETIMEDOUT, "",
					 "Linux did not answer with its routes within a minute");
	} while (dump.wanted || dump.running != DUMP_COUNT);
	while (kernel_apply(kernel_now_ms() + START_TIMEOUT_MS))
		;
	return 0;
}

int kernel_start(struct error *error)
{
	int result;

	memset(&dump, 0, sizeof(dump));
	dump.running = DUMP_COUNT;
	dump.period_ms = UINT64_MAX;
	events_lost = false;
	lost_logged_ms = 0;
	if (link_start() < 0 || address_start() < 0 || object_start() < 0 || rib_start() < 0) {
		result = error_set(error, -ENOMEM, "",
				   "no memory for the mirror of Linux's routes");
		goto stop;
	}
	result = put_start(error);
	if (result < 0)
		goto stop;
	result = neigh_mirror_start(error);
	if (result < 0)
		goto stop;
	result = kernel_open_sockets(error);
	if (result < 0)
		goto stop;
	result = kernel_watch(neigh_mirror_fd());
	if (result < 0) {
		error_set(error, result, "", "cannot watch a netlink socket");
		goto stop;
	}
	result = kernel_fetch(error);
	if (result < 0)
		goto stop;
	log_info("routes: %u prefixes of Linux mirrored; the tries take %zu kB and grow as needed",
		 rib_count(), fib_bytes() / 1024);
	return 0;

stop:
	kernel_stop();
	return result;
}

void kernel_stop(void)
{
	put_stop();
	neigh_mirror_stop();
	rib_stop();
	object_stop();
	address_stop();
	link_stop();
	if (event_socket)
		mnl_socket_close(event_socket);
	if (dump_socket)
		mnl_socket_close(dump_socket);
	if (kernel_epoll >= 0)
		close(kernel_epoll);
	event_socket = NULL;
	dump_socket = NULL;
	kernel_epoll = -1;
}

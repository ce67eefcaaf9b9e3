/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * connections [OPTIONS] ADDRESS PORT TOTAL PARALLEL
 *
 * Makes TOTAL short HTTP connections, PARALLEL at a time, and prints one JSON object about them.
 * A connection counts as done when an answer with status 200 came and the server then closed. A
 * SYN that is sent again waits a second, so "slow" counts connections whose handshake took longer
 * than 0.9 s: these are the ones that were silently dropped or refused once.
 */
struct connection {
	int fd;
	bool connected;
	bool answered;
	double started; // seconds
};

struct figures {
	uint64_t begun, done, slow;
	uint64_t refused, reset, timed_out, short_answer, other;
	double longest; // handshake, in seconds
};

static struct {
	struct sockaddr_storage peer, source;
	socklen_t size;
	uint64_t total;
	unsigned int parallel;
	bool abort;	      // end with RST instead of FIN
	double timeout;	      // of one connection, in seconds
	uint16_t source_port; // every connection from this port, 0: as Linux likes
} options = {.timeout = 10};

static struct figures figures;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void error_count(int error)
{
	if (error == ECONNREFUSED)
		figures.refused++;
	else if (error == ECONNRESET || error == EPIPE)
		figures.reset++;
	else if (error == ETIMEDOUT)
		figures.timed_out++;
	else
		figures.other++;
}

static void connection_close(struct connection *c)
{
	if (options.abort)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0},
			   sizeof(struct linger));
	close(c->fd);
	c->fd = -1;
}

static void connection_fail(struct connection *c, int error)
{
	error_count(error);
	connection_close(c);
}

static void connection_begin(struct connection *c, int epoll)
{
	int one = 1;

	*c = (struct connection){.fd = -1};
	figures.begun++;
	c->fd = socket(options.peer.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0) {
		error_count(errno);
		return;
	}
	if (options.source.ss_family) {
		struct sockaddr_storage source = options.source;
		// The same place in both families' structures.
		((struct sockaddr_in *)&source)->sin_port = htons(options.source_port);
		setsockopt(c->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (!options.source_port)
			setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
		if (bind(c->fd, (struct sockaddr *)&source, options.size) < 0) {
			connection_fail(c, errno);
			return;
		}
	}
	c->started = now();
	if (connect(c->fd, (struct sockaddr *)&options.peer, options.size) < 0 &&
	    errno != EINPROGRESS) {
		connection_fail(c, errno);
		return;
	}
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
	epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
}

static void connection_established(struct connection *c, int epoll)
{
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	int error = 0;
	socklen_t size = sizeof(error);
	double took = now() - c->started;

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error) {
		connection_fail(c, error);
		return;
	}
	c->connected = true;
	figures.slow += took > 0.9;
	if (took > figures.longest)
		figures.longest = took;
	if (send(c->fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0) {
		connection_fail(c, errno);
		return;
	}
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
	epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
}

static void connection_read(struct connection *c)
{
	char bytes[4096];
	ssize_t got = recv(c->fd, bytes, sizeof(bytes), 0);

	if (got < 0) {
		if (errno != EAGAIN)
			connection_fail(c, errno);
		return;
	}
	if (got == 0) {
		if (c->answered)
			figures.done++;
		else
			figures.short_answer++;
		connection_close(c);
		return;
	}
	if (got >= 12 && !memcmp(bytes + 9, "200", 3))
		c->answered = true;
}

static void connections_expire(struct connection *all)
{
	double time = now();

	for (unsigned int i = 0; i < options.parallel; i++)
		if (all[i].fd >= 0 && time - all[i].started > options.timeout)
			connection_fail(&all[i], ETIMEDOUT);
}

static void connections_run(void)
{
	struct connection *all = calloc(options.parallel, sizeof(*all));
	struct epoll_event events[256];
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	unsigned int open;
	double checked = now();

	if (!all || epoll < 0)
		abort();
	for (unsigned int i = 0; i < options.parallel; i++)
		all[i].fd = -1;
	do {
		open = 0;
		for (unsigned int i = 0; i < options.parallel; i++) {
			if (all[i].fd < 0 && figures.begun < options.total)
				connection_begin(&all[i], epoll);
			open += all[i].fd >= 0;
		}
		int count = epoll_wait(epoll, events, 256, 100);
		for (int i = 0; i < count; i++) {
			struct connection *c = events[i].data.ptr;
			if (!c->connected)
				connection_established(c, epoll);
			else
				connection_read(c);
		}
		if (now() - checked > 0.5) {
			connections_expire(all);
			checked = now();
		}
	} while (open || figures.begun < options.total);
	close(epoll);
	free(all);
}

static bool address_parse(const char *text, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		options.size = sizeof(*v4);
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1)
		return false;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	options.size = sizeof(*v6);
	return true;
}

static bool options_parse(int argc, char **argv)
{
	static const struct option names[] = {
		{"source", required_argument, NULL, 's'},
		{"source-port", required_argument, NULL, 'p'},
		{"timeout", required_argument, NULL, 't'},
		{"abort", no_argument, NULL, 'a'},
		{0},
	};
	const char *source = NULL;
	int letter;

	while ((letter = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (letter == 's')
			source = optarg;
		else if (letter == 'p')
			options.source_port = (uint16_t)atoi(optarg);
		else if (letter == 't')
			options.timeout = atof(optarg);
		else if (letter == 'a')
			options.abort = true;
		else
			return false;
	}
	if (argc - optind != 4)
		return false;
	options.total = strtoull(argv[optind + 2], NULL, 10);
	options.parallel = (unsigned int)atoi(argv[optind + 3]);
	if (source && !address_parse(source, 0, &options.source))
		return false;
	return options.parallel > 0 &&
	       address_parse(argv[optind], (uint16_t)atoi(argv[optind + 1]), &options.peer);
}

int main(int argc, char **argv)
{
	struct rlimit files = {65536, 65536};

	if (!options_parse(argc, argv)) {
		fputs("usage: connections [--source=A] [--source-port=P] [--timeout=S] [--abort] "
		      "ADDRESS PORT TOTAL PARALLEL\n",
		      stderr);
		return 2;
	}
	setrlimit(RLIMIT_NOFILE, &files);
	double started = now();
	connections_run();
	printf("{\"done\": %lu, \"failed\": %lu, \"slow\": %lu, \"refused\": %lu, \"reset\": %lu, "
	       "\"timed_out\": %lu, \"short\": %lu, \"other\": %lu, \"longest\": %.3f, "
	       "\"seconds\": %.2f}\n",
	       figures.done, options.total - figures.done, figures.slow, figures.refused,
	       figures.reset, figures.timed_out, figures.short_answer, figures.other,
	       figures.longest, now() - started);
	return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * weir-checker: checks the real servers of a weir and tells it which are up. A process of its own,
 * so that whatever a server answers, and however slowly, touches no packet: one thread, one epoll,
 * nothing that blocks.
 *
 * target.c   what is checked, from weir's list; what weir does not know yet
 * judge.c    from results to up and down
 * schedule.c when each is checked: spread evenly, however many there are
 * probe.c    TCP and UDP; ping.c and http.c the others
 * weir.c     the connection to weir; web.c libcurl in this loop
 *
 * A round: events first, then what libcurl has finished, then what is due. Objects are freed only
 * outside of the events, which hold pointers to them. Nothing is judged by the clock while there
 * may be an answer that was not looked at.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "events.h"
#include "probe.h"
#include "target.h"
#include "web.h"
#include "weir.h"

enum { DESCRIPTORS_MOST = 32768, DESCRIPTORS_KEPT = 64, AGAIN = 50, END_WAIT = 2000, USAGE = 2 };

static struct {
	struct watch signals_watch;
	int signals;
	unsigned int running, running_most;
	bool full;    // said once
	uint64_t end; // when to end at the latest; 0: not yet
} checker = {.signals = -1};

/* Checks */

void probe_ended(struct target *target, bool good, const char *result)
{
	probe_cancel(target);
	checker.running--;
	if (weir_answers() && target_judge(target, good, result))
		weir_hurry();
	target_wait(target);
}

static void check_begin(struct target *target)
{
	if (!weir_answers() || checker.end != 0) {
		target_wait(target);
		return;
	}
	if (checker.running >= checker.running_most) {
		if (!checker.full)
			log_warning("%u checks are under way, as many as there may be descriptors; "
				    "others are late",
				    checker.running);
		checker.full = true;
		schedule_set(&target->item, events_now() + AGAIN);
		return;
	}
	schedule_set(&target->item, events_now() + target->key.check.timeout);
	checker.running++;
	if (probe_begin(target) == -EAGAIN) {
		checker.running--;
		schedule_set(&target->item, events_now() + AGAIN);
	}
}

static void checks_turn(void)
{
	struct schedule_item *item;

	while ((item = schedule_first()) != NULL && item->due <= events_now()) {
		struct target *target =
			(struct target *)((char *)item - offsetof(struct target, item));

		if (target->running)
			probe_clock(target);
		else
			check_begin(target);
	}
}

/* How long there is nothing to do, in milliseconds. */
static int idle_time(void)
{
	const struct schedule_item *item = schedule_first();
	uint64_t due = weir_due(), now = events_now();

	if (item != NULL && item->due < due)
		due = item->due;
	if (web_due() < due)
		due = web_due();
	if (checker.end != 0 && checker.end < due)
		due = checker.end;
	if (due == UINT64_MAX)
		return -1;
	return due > now ? (int)(due - now < 60000 ? due - now : 60000) : 0;
}

/* The process */

static void signal_ready(struct watch *watch, uint32_t events)
{
	struct signalfd_siginfo info;

	while (read(checker.signals, &info, sizeof(info)) == sizeof(info)) {
		log_notice("%s: stopping", strsignal((int)info.ssi_signo));
		checker.end = events_now() + END_WAIT;
		weir_end();
	}
}

static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	checker.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (checker.signals < 0)
		return -errno;
	checker.signals_watch.ready = signal_ready;
	return events_add(checker.signals, EPOLLIN, &checker.signals_watch);
}

/* As many descriptors as we may have, within reason. */
static void descriptors_raise(void)
{
	struct rlimit limit = {.rlim_cur = 1024};

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS_MOST ? limit.rlim_max : DESCRIPTORS_MOST;
	setrlimit(RLIMIT_NOFILE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	checker.running_most = limit.rlim_cur > 2 * DESCRIPTORS_KEPT
				       ? (unsigned int)limit.rlim_cur - DESCRIPTORS_KEPT
				       : DESCRIPTORS_KEPT;
}

static int run(const char *socket)
{
	struct error error;
	int status = events_start();

	descriptors_raise();
	if (status == 0)
		status = signals_open();
	if (status == 0)
		status = web_start();
	if (status == 0)
		status = weir_start(socket, &error);
	if (status < 0) {
		log_error("weir-checker: %s", strerror(-status));
		return EXIT_FAILURE;
	}
	log_notice("weir-checker %s: weir at %s, at most %u checks at a time", WEIR_VERSION, socket,
		   checker.running_most);
	while (weir_refusal() == NULL && !weir_is_told() &&
	       (checker.end == 0 || events_now() < checker.end)) {
		weir_turn();
		if (events_round(idle_time()))
			checks_turn();
		web_complete();
	}
	if (weir_refusal() != NULL)
		log_error("weir-checker: %s", weir_refusal());
	status = weir_refusal() != NULL ? EXIT_FAILURE : EXIT_SUCCESS;
	target_stop(probe_cancel);
	weir_stop();
	http_stop();
	ping_stop();
	web_stop();
	schedule_stop();
	close(checker.signals);
	events_stop();
	return status;
}

static void usage(FILE *out)
{
	fprintf(out, "usage: weir-checker [-s SOCKET | --instance NAME]\n"
		     "       weir-checker --help | --version\n"
		     "\n"
		     "  -s, --socket SOCKET  the daemon's socket (default /run/weir/weir.sock)\n"
		     "      --instance NAME  the socket of this instance, /run/weir/NAME.sock\n"
		     "  -h, --help           this text\n"
		     "  -V, --version        version\n");
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'},
		{"instance", required_argument, NULL, 'i'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	char socket[108] = "/run/weir/weir.sock";
	int option, length = 0;

	while ((option = getopt_long(argc, argv, "s:hV", options, NULL)) != -1) {
		switch (option) {
		case 's':
			length = snprintf(socket, sizeof(socket), "%s", optarg);
			break;
		case 'i':
			length = snprintf(socket, sizeof(socket), "/run/weir/%s.sock", optarg);
			break;
		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;
		case 'V':
			printf("weir-checker %s\n", WEIR_VERSION);
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "weir-checker: unexpected argument \"%s\"\n", argv[optind]);
		usage(stderr);
		return USAGE;
	}
	if (length >= (int)sizeof(socket)) {
		fprintf(stderr, "weir-checker: the socket's name is longer than %zu characters\n",
			sizeof(socket) - 1);
		return USAGE;
	}
	return run(socket);
}

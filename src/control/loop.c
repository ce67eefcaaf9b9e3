/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "io/rcu.h"

/*
 * One round: wait, serve what is ready, fire what is due, start a grace period for those who asked
 * for one in this round, and look which grace periods are over.
 *
 * Grace periods are not announced by anybody (a worker makes no system call for us), so the loop
 * looks every millisecond while one is running, and only then. Otherwise it sleeps until its next
 * timer; an idle weir wakes for the 20 Hz housekeeping of the mirror and nothing else.
 */
enum { LOOP_EVENTS = 64, GRACE_POLL = 1, GRACE_LONG = 5000 };

struct watch {
	struct watch *next;
	int fd; // -1: no longer watched, to be freed at the end of the round
	void (*ready)(void *arg);
	void *arg;
};

static struct {
	int epoll;
	bool quit;
	uint64_t now, begin;
	uint64_t round;
	struct watch *watches;
	struct loop_timer *timers; // sorted by due time
	struct loop_grace *asked;  // in this round, last first
	struct loop_grace *waiting, **waiting_end;
	bool grace_warned;
	unsigned int deferred; // what rcu_poll() said is still to be freed
} loop = {.epoll = -1};

uint64_t loop_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int loop_start(void)
{
	loop.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop.epoll < 0)
		return -errno;
	loop.quit = false;
	loop.now = loop_clock();
	loop.begin = loop.now;
	loop.waiting = NULL;
	loop.waiting_end = &loop.waiting;
	return 0;
}

void loop_stop(void)
{
	while (loop.watches != NULL) {
		struct watch *watch = loop.watches;

		loop.watches = watch->next;
		free(watch);
	}
	loop.timers = NULL;
	loop.asked = NULL;
	loop.waiting = NULL;
	if (loop.epoll >= 0)
		close(loop.epoll);
	loop.epoll = -1;
}

uint64_t loop_now(void)
{
	return loop.now;
}

uint64_t loop_uptime(void)
{
	return loop_clock() - loop.begin;
}

void loop_quit(void)
{
	loop.quit = true;
}

/* Descriptors */

int loop_watch(int fd, void (*ready)(void *arg), void *arg)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct watch *watch = calloc(1, sizeof(*watch));
	int status;

	if (watch == NULL)
		return -ENOMEM;
	*watch = (struct watch){.next = loop.watches, .fd = fd, .ready = ready, .arg = arg};
	event.data.ptr = watch;
	if (epoll_ctl(loop.epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		status = -errno;
		free(watch);
		return status;
	}
	loop.watches = watch;
	return 0;
}

void loop_unwatch(int fd)
{
	for (struct watch *watch = loop.watches; watch != NULL; watch = watch->next) {
		if (watch->fd != fd)
			continue;
		epoll_ctl(loop.epoll, EPOLL_CTL_DEL, fd, NULL);
		watch->fd = -1; // an event of this round may still name it
		return;
	}
}

void loop_want(int fd, bool input, bool output)
{
	struct epoll_event event = {.events = (input ? EPOLLIN : 0) | (output ? EPOLLOUT : 0)};

	for (struct watch *watch = loop.watches; watch != NULL; watch = watch->next) {
		if (watch->fd != fd)
			continue;
		event.data.ptr = watch;
		epoll_ctl(loop.epoll, EPOLL_CTL_MOD, fd, &event);
		return;
	}
}

static void watches_free_dead(void)
{
	struct watch **place = &loop.watches;

	while (*place != NULL) {
		struct watch *watch = *place;

		if (watch->fd >= 0) {
			place = &watch->next;
			continue;
		}
		*place = watch->next;
		free(watch);
	}
}

/* Timers */

void loop_timer_cancel(struct loop_timer *timer)
{
	struct loop_timer **place = &loop.timers;

	if (!timer->running)
		return;
	while (*place != NULL && *place != timer)
		place = &(*place)->next;
	if (*place != NULL)
		*place = timer->next;
	timer->running = false;
}

void loop_timer_set(struct loop_timer *timer, unsigned int milliseconds)
{
	struct loop_timer **place = &loop.timers;

	loop_timer_cancel(timer);
	timer->due = loop_clock() + milliseconds;
	timer->round = loop.round;
	while (*place != NULL && (*place)->due <= timer->due)
		place = &(*place)->next;
	timer->next = *place;
	timer->running = true;
	*place = timer;
}

static void timers_fire(void)
{
	// One that was set in this round waits for the next, so that a round always ends. None that
	// is older stands behind it: it is due now or later, and they are sorted.
	while (loop.timers != NULL && loop.timers->due <= loop.now &&
	       loop.timers->round != loop.round) {
		struct loop_timer *timer = loop.timers;

		loop.timers = timer->next;
		timer->running = false;
		timer->fire(timer->arg);
	}
}

/* Grace periods */

void loop_after_grace(struct loop_grace *grace)
{
	grace->asked = loop.now;
	grace->next = loop.asked;
	loop.asked = grace;
}

static bool grace_unlink(struct loop_grace **place, const struct loop_grace *grace)
{
	for (; *place != NULL; place = &(*place)->next) {
		if (*place == grace) {
			*place = grace->next;
			return true;
		}
	}
	return false;
}

void loop_cancel_grace(struct loop_grace *grace)
{
	if (grace_unlink(&loop.asked, grace) || !grace_unlink(&loop.waiting, grace))
		return;
	loop.waiting_end = &loop.waiting;
	while (*loop.waiting_end != NULL)
		loop.waiting_end = &(*loop.waiting_end)->next;
}

/* Those who asked in this round get one token, and stand behind those of earlier rounds. */
static void grace_begin(void)
{
	struct loop_grace *ordered = NULL;
	uint64_t token;

	if (loop.asked == NULL)
		return;
	token = rcu_token();
	while (loop.asked != NULL) {
		struct loop_grace *grace = loop.asked;

		loop.asked = grace->next;
		grace->token = token;
		grace->next = ordered;
		ordered = grace;
	}
	*loop.waiting_end = ordered;
	while (*loop.waiting_end != NULL)
		loop.waiting_end = &(*loop.waiting_end)->next;
}

/* A worker that does not come round holds up every change: somebody has to be told. */
static void grace_watch(void)
{
	if (loop.waiting == NULL || loop.now - loop.waiting->asked < GRACE_LONG) {
		loop.grace_warned = false;
		return;
	}
	if (!loop.grace_warned)
		log_warning("a worker has not come round for %d s; changes wait for it",
			    GRACE_LONG / 1000);
	loop.grace_warned = true;
}

static void grace_end(void)
{
	while (loop.waiting != NULL && rcu_passed(loop.waiting->token)) {
		struct loop_grace *grace = loop.waiting;

		loop.waiting = grace->next;
		if (loop.waiting == NULL)
			loop.waiting_end = &loop.waiting;
		grace->done(grace->arg);
	}
	grace_watch();
	loop.deferred = rcu_poll();
}

static int wait_milliseconds(int limit)
{
	int wait = limit;

	if (loop.asked != NULL)
		return 0;
	if (loop.waiting != NULL || loop.deferred > 0)
		wait = wait < 0 || wait > GRACE_POLL ? GRACE_POLL : wait;
	if (loop.timers != NULL) {
		uint64_t now = loop_clock();
		uint64_t until = loop.timers->due > now ? loop.timers->due - now : 0;

		if (wait < 0 || until < (uint64_t)wait)
			wait = (int)until;
	}
	return wait;
}

int loop_round(int milliseconds)
{
	struct epoll_event events[LOOP_EVENTS];
	int count = epoll_wait(loop.epoll, events, LOOP_EVENTS, wait_milliseconds(milliseconds));

	if (count < 0 && errno != EINTR)
		return -errno;
	loop.now = loop_clock();
	loop.round++;
	for (int i = 0; i < count; i++) {
		struct watch *watch = events[i].data.ptr;

		if (watch->fd >= 0)
			watch->ready(watch->arg);
	}
	timers_fire();
	grace_begin();
	grace_end();
	watches_free_dead();
	return 0;
}

int loop_run(void)
{
	int status = 0;

	while (!loop.quit && status == 0)
		status = loop_round(-1);
	return status;
}

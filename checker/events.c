/* SPDX-License-Identifier: BSD-3-Clause */
#include "events.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_ROUND = 1024, EVENTS_PAUSE = 8 };

static struct {
	int epoll;
	uint64_t now;
	bool full; // the last round took as much as it could
	uint32_t random;
} events = {.epoll = -1};

static void clock_read(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	events.now = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int events_start(void)
{
	events.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (events.epoll < 0)
		return -errno;
	clock_read();
	if (getrandom(&events.random, sizeof(events.random), 0) != sizeof(events.random) ||
	    events.random == 0)
		events.random = (uint32_t)events.now | 1;
	return 0;
}

void events_stop(void)
{
	close(events.epoll);
	events.epoll = -1;
}

static int control(int operation, int fd, uint32_t wanted, struct watch *watch)
{
	struct epoll_event event = {.events = wanted, .data.ptr = watch};

	return epoll_ctl(events.epoll, operation, fd, &event) < 0 ? -errno : 0;
}

int events_add(int fd, uint32_t wanted, struct watch *watch)
{
	return control(EPOLL_CTL_ADD, fd, wanted, watch);
}

int events_change(int fd, uint32_t wanted, struct watch *watch)
{
	return control(EPOLL_CTL_MOD, fd, wanted, watch);
}

void events_remove(int fd)
{
	control(EPOLL_CTL_DEL, fd, 0, NULL); // one that is closed already is not there
}

/* Rounds are EVENTS_PAUSE apart: to be woken for each answer costs more than to take it. */
static void pause_make(void)
{
	struct timespec until = {
		.tv_sec = (time_t)((events.now + EVENTS_PAUSE) / 1000),
		.tv_nsec = (long)((events.now + EVENTS_PAUSE) % 1000 * 1000000),
	};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

bool events_round(int milliseconds)
{
	static struct epoll_event ready[EVENTS_ROUND];
	int count;

	if (!events.full)
		pause_make();
	if (milliseconds >= 0)
		milliseconds = milliseconds > EVENTS_PAUSE ? milliseconds - EVENTS_PAUSE : 0;
	count = epoll_wait(events.epoll, ready, EVENTS_ROUND, milliseconds);
	events.full = count == EVENTS_ROUND;
	clock_read();
	for (int i = 0; i < count; i++) {
		struct watch *watch = ready[i].data.ptr;

		watch->ready(watch, ready[i].events);
	}
	return !events.full;
}

uint64_t events_now(void)
{
	return events.now;
}

uint32_t events_random(void)
{
	// xorshift: it only keeps checks from running in step
	events.random ^= events.random << 13;
	events.random ^= events.random >> 17;
	events.random ^= events.random << 5;
	return events.random;
}

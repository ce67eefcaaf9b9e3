/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

/*
 * Sleeping when there is nothing to do, and being woken. One `struct idle` belongs to one sleeper;
 * any number of threads may wake it. Waking costs a fence and a load while the sleeper is awake.
 */
struct idle {
	int fd;	       // eventfd, for a sleeper that waits in its own epoll
	bool sleeping; // atomic
} __attribute__((aligned(64)));

int idle_start(struct idle *idle); // 0 or negative errno
void idle_stop(struct idle *idle);

/*
 * Sleeper: at most `max_us` microseconds, and not at all when `pending(arg)` is true after the
 * flag is up; `pending` looks at everything that others put there before they call idle_wake().
 */
void idle_sleep(struct idle *idle, unsigned int max_us, bool (*pending)(void *arg), void *arg);

/* The same in parts, for a sleeper with an epoll of its own that watches idle->fd. */
void idle_begin(struct idle *idle); // then look for work once more, then wait
void idle_end(struct idle *idle);   // awake again

/* Any thread, after its work is visible in memory: wake the sleeper if it sleeps. */
void idle_wake(struct idle *idle);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The event loop: one thread, epoll. Every function returns 0 or a negative errno. */
struct watch {
	void (*ready)(struct watch *watch, uint32_t events); // of EPOLLIN, EPOLLOUT, ...
};

int events_start(void);
void events_stop(void);
/* `watch` must stay until the descriptor is closed or no longer watched, and the round is over. */
int events_add(int fd, uint32_t events, struct watch *watch);
int events_change(int fd, uint32_t events, struct watch *watch);
void events_remove(int fd);
/*
 * Wait for at most so many milliseconds and serve what is ready. false: there may be more that is
 * ready, so nothing should be judged by the clock yet.
 */
bool events_round(int milliseconds);

/* Milliseconds of a monotonic clock, as of the last round. */
uint64_t events_now(void);
/* A number that nobody foresees, and need not be kept secret. */
uint32_t events_random(void);

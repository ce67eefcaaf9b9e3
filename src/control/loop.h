/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * The event loop of the control thread. Everything here is called from that thread, and every
 * callback runs in it; none may block.
 */
int loop_start(void);
void loop_stop(void);
/* Until loop_quit(). 0, or negative errno when the kernel refuses to wait. */
int loop_run(void);
void loop_quit(void);
/* One round: waits for at most `milliseconds` (-1: as long as nothing is due). For tests. */
int loop_round(int milliseconds);

/* Call `ready` when the descriptor can be read. 0 or negative errno. */
int loop_watch(int fd, void (*ready)(void *arg), void *arg);
void loop_unwatch(int fd);
/*
 * What a watched descriptor is watched for, at first reading only. `ready` is called for either,
 * and, whatever is wanted, when the other side has hung up. Before loop_unwatch().
 */
void loop_want(int fd, bool input, bool output);

/*
 * A timer, owned by the caller and zeroed before first use. loop_timer_set() moves a timer that
 * runs already; a timer fires once, and may be set again from its own callback.
 */
struct loop_timer {
	struct loop_timer *next;
	uint64_t due;	// in milliseconds of loop_now()
	uint64_t round; // in which it was set
	bool running;
	void (*fire)(void *arg);
	void *arg;
};
void loop_timer_set(struct loop_timer *timer, unsigned int milliseconds);
void loop_timer_cancel(struct loop_timer *timer);

/*
 * Call `done` when every worker has seen what was published up to the end of this round. All who
 * ask within one round share one grace period, and are called in the order of asking.
 */
struct loop_grace {
	struct loop_grace *next;
	uint64_t token;
	uint64_t asked; // when, by loop_now()
	void (*done)(void *arg);
	void *arg;
};
void loop_after_grace(struct loop_grace *grace);
void loop_cancel_grace(struct loop_grace *grace);

/* Milliseconds of a monotonic clock: as of the beginning of this round, and right now. */
uint64_t loop_now(void);
uint64_t loop_clock(void);
/* Milliseconds since loop_start(). */
uint64_t loop_uptime(void);

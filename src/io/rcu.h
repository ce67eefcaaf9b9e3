/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Grace periods (QSBR). Workers report that they hold no reference once per loop, and go offline
 * while they sleep. The control thread unlinks, starts a grace period, and frees when it is over;
 * it never waits for one except at the very end, when the process stops.
 */
enum { RCU_WORKERS_MAX = 64 };

int rcu_start(unsigned int workers);
void rcu_stop(void);

/* Worker side; `worker` is the worker's index. */
void rcu_worker_online(unsigned int worker);
void rcu_worker_offline(unsigned int worker);
void rcu_worker_quiescent(unsigned int worker);

/* Control side. */
uint64_t rcu_token(void);	 // starts a grace period that covers all that was unlinked so far
bool rcu_passed(uint64_t token); // has every worker been quiescent since?
void rcu_wait(uint64_t token);	 // blocks: start-up, shutdown and tests only
/* Call `done(arg)` from rcu_poll() once every worker has passed; -ENOMEM. */
int rcu_defer(void (*done)(void *arg), void *arg);
/* Run what is due; returns how many deferred calls are still waiting. */
unsigned int rcu_poll(void);

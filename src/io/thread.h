/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <pthread.h>
#include <stdbool.h>

/*
 * Start a named thread known to DPDK (so that it has caches in the pools), pinned to a CPU when
 * `cpu` is not negative. `stop` is set by thread_stop() and polled by the thread's function.
 */
enum {
	THREAD_ANYWHERE = -1,  // on any CPU that the process was started on
	THREAD_LIKE_MAIN = -2, // where the control thread may run, which starts it
};

struct thread {
	pthread_t id;
	char name[16];
	int cpu;
	bool running;
	bool stop; // atomic, relaxed
	void (*run)(struct thread *self);
	void *arg;
};

/* 0, -EINVAL (no such CPU for this process), -EAGAIN or -ENOMEM; the thread runs when it is 0. */
int thread_start(struct thread *t, const char *name, int cpu, void (*run)(struct thread *self),
		 void *arg);
void thread_stop(struct thread *t); // asks, then joins; nothing when it does not run
/* Only asks: for a thread that sleeps on something else and is to be woken before it is joined. */
void thread_ask_stop(struct thread *t);
static inline bool thread_stopping(const struct thread *t)
{
	return __atomic_load_n(&t->stop, __ATOMIC_RELAXED);
}

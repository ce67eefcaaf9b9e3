/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads. A new thread names itself, registers with DPDK (which gives it a number, and with it a
 * cache in each packet pool) and says that it is ready or why not, before thread_start() returns;
 * so a failure to start is an answer to the caller and not a line in the log. Signals are blocked
 * in all of them: only the control thread takes signals. The timer slack is a microsecond, so
 * that a sleep of a millisecond is one.
 */
#include "io/thread.h"

#include "io/eal.h"

#include <rte_errno.h>
#include <rte_lcore.h>

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

enum { THREAD_TIMER_SLACK = 1000 }; // nanoseconds

/* What a thread needs to begin; lives on the stack of the one that starts it. */
struct thread_birth {
	struct thread *thread;
	sem_t done;
	int result;
};

static void *thread_main(void *arg)
{
	struct thread_birth *birth = arg;
	struct thread *t = birth->thread;
	int result = 0;

	pthread_setname_np(pthread_self(), t->name);
	prctl(PR_SET_TIMERSLACK, THREAD_TIMER_SLACK, 0, 0, 0);
	if (rte_thread_register() < 0)
		result = rte_errno > 0 ? -rte_errno : -ENOMEM;
	birth->result = result;
	sem_post(&birth->done); // `birth` is gone from here on
	if (result < 0)
		return NULL;
	t->run(t);
	rte_thread_unregister();
	return NULL;
}

static int thread_attributes(pthread_attr_t *attributes, int cpu)
{
	cpu_set_t set;
	int result;

	if (cpu >= CPU_SETSIZE)
		return -EINVAL;
	result = pthread_attr_init(attributes);
	if (result != 0)
		return -result;
	if (cpu == THREAD_LIKE_MAIN)
		return 0;
	// Otherwise it would inherit the control thread's CPU.
	if (cpu == THREAD_ANYWHERE) {
		eal_process_cpus(&set);
	} else {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
	}
	result = pthread_attr_setaffinity_np(attributes, sizeof(set), &set);
	if (result != 0)
		pthread_attr_destroy(attributes);
	return -result;
}

int thread_start(struct thread *t, const char *name, int cpu, void (*run)(struct thread *self),
		 void *arg)
{
	struct thread_birth birth = {.thread = t};
	pthread_attr_t attributes;
	sigset_t all, before;
	int result;

	result = thread_attributes(&attributes, cpu);
	if (result < 0)
		return result;
	snprintf(t->name, sizeof(t->name), "%s", name);
	t->cpu = cpu;
	t->run = run;
	t->arg = arg;
	__atomic_store_n(&t->stop, false, __ATOMIC_RELAXED);
	sem_init(&birth.done, 0, 0);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	result = -pthread_create(&t->id, &attributes, thread_main, &birth);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	if (result < 0)
		goto destroy_semaphore;
	while (sem_wait(&birth.done) < 0 && errno == EINTR)
		;
	result = birth.result;
	if (result < 0)
		pthread_join(t->id, NULL);
	t->running = result == 0;

destroy_semaphore:
	sem_destroy(&birth.done);
	return result;
}

void thread_ask_stop(struct thread *t)
{
	__atomic_store_n(&t->stop, true, __ATOMIC_RELAXED);
}

void thread_stop(struct thread *t)
{
	if (!t->running)
		return;
	thread_ask_stop(t);
	pthread_join(t->id, NULL);
	t->running = false;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Grace periods on rte_rcu_qsbr. A worker is one reader, known by its index; it is registered for
 * as long as it is online. Being offline is the same as having passed every grace period, so a
 * worker that sleeps holds up nobody.
 *
 * What is deferred waits in a list of the control thread, oldest first. Tokens only grow, so the
 * first entry whose grace period is not over ends the round. An entry takes its token when it is
 * added; requests that arrive while a period runs do not each start a walk over the workers, for
 * rcu_poll() asks once per token and DPDK remembers the newest one that all have passed.
 */
#include "io/rcu.h"

#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct rcu_deferred {
	struct rcu_deferred *next;
	uint64_t token;
	void (*done)(void *arg);
	void *arg;
};

static struct rte_rcu_qsbr *rcu_variable;
static struct rcu_deferred *rcu_first;
static struct rcu_deferred **rcu_last = &rcu_first;
static unsigned int rcu_waiting;

static void rcu_run_first(void)
{
	struct rcu_deferred *entry = rcu_first;

	rcu_first = entry->next;
	if (!rcu_first)
		rcu_last = &rcu_first;
	rcu_waiting--;
	entry->done(entry->arg);
	free(entry);
}

int rcu_start(unsigned int workers)
{
	assert(workers >= 1 && workers <= RCU_WORKERS_MAX);
	rcu_variable = rte_zmalloc("rcu", rte_rcu_qsbr_get_memsize(workers), RTE_CACHE_LINE_SIZE);
	if (!rcu_variable)
		return -ENOMEM;
	rte_rcu_qsbr_init(rcu_variable, workers);
	for (unsigned int worker = 0; worker < workers; worker++)
		rte_rcu_qsbr_thread_register(rcu_variable, worker);
	return 0;
}

void rcu_stop(void)
{
	if (!rcu_variable)
		return;
	// The workers are gone, so whatever is left is due. A call may defer a further one.
	while (rcu_first)
		rcu_run_first();
	rte_free(rcu_variable);
	rcu_variable = NULL;
}

void rcu_worker_online(unsigned int worker)
{
	rte_rcu_qsbr_thread_online(rcu_variable, worker);
}

void rcu_worker_offline(unsigned int worker)
{
	rte_rcu_qsbr_thread_offline(rcu_variable, worker);
}

void rcu_worker_quiescent(unsigned int worker)
{
	rte_rcu_qsbr_quiescent(rcu_variable, worker);
}

uint64_t rcu_token(void)
{
	return rte_rcu_qsbr_start(rcu_variable);
}

bool rcu_passed(uint64_t token)
{
	return rte_rcu_qsbr_check(rcu_variable, token, false) == 1;
}

void rcu_wait(uint64_t token)
{
	rte_rcu_qsbr_check(rcu_variable, token, true);
}

int rcu_defer(void (*done)(void *arg), void *arg)
{
	struct rcu_deferred *entry = malloc(sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	entry->next = NULL;
	entry->token = rcu_token();
	entry->done = done;
	entry->arg = arg;
	*rcu_last = entry;
	rcu_last = &entry->next;
	rcu_waiting++;
	return 0;
}

unsigned int rcu_poll(void)
{
	while (rcu_first && rcu_passed(rcu_first->token))
		rcu_run_first();
	return rcu_waiting;
}

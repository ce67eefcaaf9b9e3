/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/checker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "control/health.h"
#include "control/loop.h"

/*
 * A checker that was killed is known to be gone at once, by its process; one that hangs, or whose
 * process we cannot see, by its silence. Whatever it said last stays: servers do not come back
 * because nobody looks at them any more.
 */
enum { CHECKER_SILENCE = 10000 }; // milliseconds

static struct {
	char id[CHECKER_ID];
	pid_t pid;
	uint64_t heard; // by loop_now()
	uint64_t since; // it runs, or is gone: milliseconds since the epoch
	bool running;
} checker;

bool checker_is_running(void)
{
	if (!checker.running || loop_now() - checker.heard > CHECKER_SILENCE)
		return false;
	return checker.pid <= 0 || kill(checker.pid, 0) == 0 || errno != ESRCH;
}

void checker_tick(void)
{
	if (!checker.running || checker_is_running())
		return;
	checker.running = false;
	checker.since = health_clock();
	log_warning("the health checker (pid %d) is gone; real servers stay up or down as they are",
		    checker.pid);
}

int checker_heard(const char *id, pid_t pid, struct error *error)
{
	checker_tick();
	if (checker.running && strcmp(checker.id, id) != 0)
		return error_set(error, -EBUSY, "checker", "another one is at work, pid %d",
				 checker.pid);
	if (!checker.running) {
		checker.running = true;
		checker.since = health_clock();
		snprintf(checker.id, sizeof(checker.id), "%s", id);
		log_notice("the health checker is there, pid %d", pid);
	}
	checker.pid = pid;
	checker.heard = loop_now();
	return 0;
}

void checker_ended(void)
{
	log_notice("the health checker (pid %d) has stopped; real servers stay up or down as they "
		   "are",
		   checker.pid);
	checker.running = false;
	checker.since = health_clock();
}

json_t *checker_json(void)
{
	char time[HEALTH_TIME];

	checker_tick();
	if (checker.since == 0)
		return json_pack("{s:s}", "state", "none");
	return json_pack("{s:s, s:i, s:s}", "state", checker.running ? "running" : "gone", "pid",
			 checker.pid, "since", health_time_format(checker.since, time));
}

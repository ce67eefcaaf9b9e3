/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include <jansson.h>

#include "base/error.h"

/*
 * The process that checks real servers (weir-checker), as the daemon knows it: it speaks at least
 * once a second. There is one at a time.
 */
enum { CHECKER_ID = 64 };

/*
 * A process that calls itself `id` has spoken; `pid` is 0 when it is not known. -EBUSY when another
 * one is at work.
 */
int checker_heard(const char *id, pid_t pid, struct error *error);
/* It has said that it ends. */
void checker_ended(void);
bool checker_is_running(void);
/* {"state": "none", "running" or "gone", "pid": 1, "since": "..."} */
json_t *checker_json(void);

/* About once a second: say on the log that it is gone. */
void checker_tick(void);

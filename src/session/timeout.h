/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

#include "session/state.h"

/*
 * Timeouts in whole seconds, one for each state of a session. A set is shared by all services
 * that ask for the same numbers and named in a session by eight bits.
 */
enum { TIMEOUT_MAX = 64800, TIMEOUT_SETS = 256 };

struct timeouts {
	uint16_t seconds[STATE_COUNT];
};

extern const struct timeouts timeouts_default; // DPVS's defaults
extern struct timeouts timeout_table[TIMEOUT_SETS];

/*
 * Control: timeout_start() once; the number of a set with these values, made when there is none; -ENOSPC when 256
 * different sets are in use. Numbers are counted; give them back with timeout_release().
 */
void timeout_start(void);
int timeout_acquire(const struct timeouts *t);
void timeout_release(int number);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "balance/service.h"

/*
 * When the SYN proxy of a service that has it automatically is on; see syn_guard.c. Rates are of
 * handshakes a second that are begun and not completed, over all workers.
 */
struct syn_guard_settings {
	uint32_t service_rate; // of one service,
	uint32_t node_rate;    // and of all of them together, for which it is on from there up
	uint32_t quiet;	       // seconds with less than half of that, after which it is off again
};

#define SYN_GUARD_DEFAULTS                                            \
	{                                                             \
		.service_rate = 2000, .node_rate = 10000, .quiet = 10 \
	}

enum { SYN_GUARD_NODE = 0 }; // in place of a service's number

int syn_guard_start(void);
void syn_guard_stop(void);
void syn_guard_set(const struct syn_guard_settings *settings);
/* Control: decide for this service, or do so no longer. 0 or -ENOMEM. */
int syn_guard_watch(uint32_t service, bool watched);
/* Control, ten times a second. */
void syn_guard_tick(void);
/* Control: the rate of a service that is watched, or of all: SYN_GUARD_NODE. */
uint32_t syn_guard_rate(uint32_t service);
/* Control: which service has it on since, or off; false: no more of them. Call it until then. */
bool syn_guard_changed(uint32_t *service, bool *on);

extern uint8_t *syn_guard_on; // by service number, and [SYN_GUARD_NODE]; control writes

/* Any thread. */
static inline bool syn_guard_is_on(uint32_t service)
{
	return __atomic_load_n(&syn_guard_on[service], __ATOMIC_RELAXED) ||
	       __atomic_load_n(&syn_guard_on[SYN_GUARD_NODE], __ATOMIC_RELAXED);
}

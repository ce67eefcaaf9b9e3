/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

#include "balance/service.h"
#include "base/addr.h"

/*
 * What is known of the health of real servers: the last change of each and why it came. It stands
 * beside the model and not in it, so that it outlasts a real server that a door takes out and puts
 * back (which is how keepalived tells that one is down). Control thread only.
 */
enum {
	HEALTH_STATE = 16,   // room for a state, its NUL included
	HEALTH_REASON = 128, // and for a reason
	HEALTH_MAX = 1 << 17 // servers; beyond it the one whose change is oldest is forgotten
};

struct health_key {
	struct service_key service;
	struct addr addr;
	uint16_t port; // host byte order
	uint16_t zero;
};

struct health_entry {
	struct health_key key;		    // first: what the table finds it by
	struct health_entry *older, *newer; // by the last change
	uint32_t slot;			    // for health_next()
	uint32_t changes;		    // ever
	uint64_t since;			    // the last change: milliseconds since the epoch
	char state[HEALTH_STATE];	    // "up", "down", "removed", ...
	char reason[HEALTH_REASON];	    // of the last change
	char result[HEALTH_REASON];	    // what the last check said; empty: none
	uint16_t streak;		    // checks in a row that spoke against the state
};

/*
 * A door or a check says that a real server is now in this state, and why; said again of the same
 * state, nothing changes. Texts that are too long are cut. Without memory nothing is noted.
 */
void health_note(const struct service_key *service, const struct addr *addr, uint16_t port,
		 const char *state, const char *reason);

/* What the last check of a server said that has been noted; `streak` as in the entry. */
void health_result(const struct service_key *service, const struct addr *addr, uint16_t port,
		   const char *result, uint16_t streak);

/* NULL: nothing was ever noted, or it is forgotten. */
struct health_entry *health_find(const struct service_key *service, const struct addr *addr,
				 uint16_t port);
/* `*cursor` starts at 0; NULL at the end. Stands changes in between. */
struct health_entry *health_next(uint32_t *cursor);

/* About once a second: forget servers that have been gone for an hour, a few at a time. */
void health_tick(void);
void health_stop(void);

/* "2026-11-21T12:34:56Z" */
enum { HEALTH_TIME = 24 };
char *health_time_format(uint64_t milliseconds, char text[static HEALTH_TIME]);
/* Milliseconds since the epoch. */
uint64_t health_clock(void);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "session/table.h"

/*
 * Half-open sessions of one width in the order in which they were made, so that the oldest can be
 * had at once when there is no room. Only the worker that owns the table calls these.
 */
struct half_open_place {
	uint32_t number;
	uint16_t print; // of the session's key: the number may be another session's by now
	uint16_t seconds;
};

struct half_open {
	struct half_open_place *ring;
	uint32_t mask;
	uint32_t head, tail; // places [head, tail) & mask are in use, but while it is tidied:
	uint32_t keep, scan; // [keep, scan) is free
	uint32_t enough;     // tidied when there are more places than these
	bool tidying;
	struct memory memory;
};

/* `count`: how many half-open sessions there are at most. 0 or -ENOMEM. */
int half_open_create(struct half_open *h, unsigned int worker, bool wide, uint64_t count);
void half_open_destroy(struct half_open *h); // also of one that is all zero
/* A session was entered that is half-open. */
void half_open_add(struct half_open *h, struct table *t, bool wide, uint32_t number,
		   uint16_t seconds);
/*
 * The entry of the oldest half-open session, which is forgotten here and is for the caller to end;
 * 0 when there is none, when it is younger than `age` seconds, or when it was not found in a few
 * steps (the next call goes on from there).
 */
uint32_t half_open_take(struct half_open *h, struct table *t, bool wide, uint16_t seconds,
			uint16_t age);

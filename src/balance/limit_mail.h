/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "balance/limit.h"

/* Which source, at which service. Compared as bytes. */
struct limit_source_key {
	uint8_t prefix[16];
	uint32_t service; // 0: of all together
	uint8_t family, bits;
	uint8_t zero[2];
};
_Static_assert(sizeof(struct limit_source_key) == 24, "no padding");

/*
 * A letter between a worker and the home of a source (limit_source.c). To the home: what is asked
 * for, and connections that are given back (below 0) or that are there already (above 0). From
 * the home: what is given.
 */
struct limit_letter {
	struct limit_source_key key;
	int32_t connections;
	uint8_t from; // to the home: the worker that writes,
	bool begins;  // ... which has a new connection whose packet can not come itself
	uint8_t zero[2];
	uint64_t amounts[LIMIT_KINDS]; // [LIMIT_CONNECTIONS] is not used
};
_Static_assert(sizeof(struct limit_letter) == 64, "one cache line");

/*
 * A ring for each ordered pair of workers, and a word for each worker that says from whom there is
 * something, as in io/handoff.c. No letter is lost: who finds the ring full keeps what it has.
 */
enum { LIMIT_MAIL_WORKERS = 64 };

int limit_mail_start(unsigned int workers); // 0 or -ENOMEM
void limit_mail_stop(void);
bool limit_mail_has_room(unsigned int from, unsigned int to);
bool limit_mail_send(unsigned int from, unsigned int to, const struct limit_letter *letter);
/* Up to `max` letters to this worker. */
unsigned int limit_mail_receive(unsigned int to, struct limit_letter *letters, unsigned int max);

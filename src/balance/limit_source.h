/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "balance/limit.h"
#include "balance/limit_mail.h"
#include "base/memory.h"

/*
 * What a worker knows of the sources of services that limit them. A table of fixed size; see
 * limit_source.c for who knows what. Only its worker touches it.
 */
enum { SOURCE_WAYS = 8, SOURCE_SETS = 16384, LIMIT_SOURCES = SOURCE_WAYS * SOURCE_SETS };
enum { SOURCES_WAITING = 256 };

struct limit_source {
	struct limit_source_key key;
	uint32_t connections; // of this worker's sessions
	uint32_t credit; // at its home: given to all workers; elsewhere: connections it may have
	union {
		uint64_t next[LIMIT_KINDS]; // at its home: TSC by which what was given is paid
		int64_t left[LIMIT_KINDS];  // elsewhere: what may still pass; [0] is not used
	};
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct limit_source) == 64, "one cache line");

/* Beside each, for those who look for room and need the line of few. */
struct limit_source_age {
	uint16_t seconds; // when it was last seen
	uint16_t given;	  // elsewhere: when the home gave the last credit of a connection
	uint8_t in_use;
	uint8_t asked;	 // elsewhere: packets that are on their way to the home and back
	uint8_t waits;	 // elsewhere: it is among those that wait for more
	uint32_t ask_at; // elsewhere: part of the TSC; no letter for more before
};

struct limit_sources {
	struct limit_source *sources;
	struct limit_source_age *ages;
	unsigned int worker, workers;
	uint64_t used, full; // now; newcomers that found no room
	uint64_t surplus;    // credits of connections that are not there, at other homes
	uint32_t tidy_at;
	uint32_t waiting[SOURCES_WAITING]; // sources that have half of their part or less
	unsigned int waiting_count;
	uint64_t waiting_due; // TSC at which they are looked at
	uint16_t seconds;
	uint64_t tsc;
	struct memory memory, age_memory;
};

/* What is said of a new connection: admitted, refused by this kind of limit and one more, or: */
enum { SOURCE_ADMITTED, SOURCE_NO_ROOM = LIMIT_KINDS + 1, SOURCE_ASKS };

int limit_sources_create(struct limit_sources *t, unsigned int worker, unsigned int workers);
void limit_sources_destroy(struct limit_sources *t);
/* The clock of what follows. */
static inline void limit_sources_clock(struct limit_sources *t, uint64_t tsc, uint16_t seconds)
{
	t->tsc = tsc;
	t->seconds = seconds;
}

/* The source, made if it is not there; NULL: there is no room for it. */
struct limit_source *limit_source_get(struct limit_sources *t, const struct limit_source_key *key);
/* NULL: it is not there. */
struct limit_source *limit_source_find(const struct limit_sources *t,
				       const struct limit_source_key *key);
/* The part of an address that counts, of 4 or 16 bytes. */
void limit_source_key(struct limit_source_key *key, uint32_t service, bool ipv6,
		      const void *address, unsigned int bits);
/* Which worker has the account of this source? */
unsigned int limit_source_home(const struct limit_sources *t, const struct limit_source_key *key);

/*
 * Before a new connection: true when the home has to be asked first, by a packet that goes there
 * and comes back. `again`: it has been there, and what it could bring of packets and bits it has.
 */
bool limit_source_asks(struct limit_sources *t, const struct limit *limit,
		       const struct limit_source_key *key, bool again);
/* The packet is back. */
void limit_source_asked(struct limit_sources *t, const struct limit_source_key *key);
/* Instead, for a packet that can not go: a letter. What comes serves another packet. */
void limit_source_write(struct limit_sources *t, const struct limit_source_key *key);
/* At the home: give worker `asker` what a new connection needs. SOURCE_... */
unsigned int limit_source_give(struct limit_sources *t, const struct limit *limit,
			       const struct limit_source_key *key, unsigned int asker);
/* A new connection, as far as its rate goes; SOURCE_ASKS: the home has to be asked. */
unsigned int limit_source_admits(struct limit_sources *t, const struct limit *limit,
				 const struct limit_source_key *key);
/* It is there: false when there is no room to remember it. */
bool limit_source_begin(struct limit_sources *t, const struct limit_source_key *key);
void limit_source_end(struct limit_sources *t, const struct limit_source_key *key);
/* What was given for a connection that is not begun here goes back. */
void limit_source_leave(struct limit_sources *t, const struct limit_source_key *key);
/* So many packets or bits: true when they may pass. */
bool limit_source_pays(struct limit_sources *t, const struct limit *limit,
		       struct limit_source *source, enum limit_kind kind, uint64_t count);

/* Letters that have come, and what has to go back. */
void limit_sources_read(struct limit_sources *t);
void limit_sources_tidy(struct limit_sources *t);

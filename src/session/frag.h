/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/memory.h"

/*
 * Datagrams that come in fragments: what is remembered of each so that all its fragments follow its
 * first, which alone has the ports, and the fragments that have overtaken it. Nothing is put
 * together. Bounded in datagrams, in held packets and in time. Only the worker that owns the table
 * calls these functions, and it counts and frees what they give back.
 */
enum {
	FRAG_DATAGRAMS = 4096, // of one worker
	FRAG_HELD = 512,       // packets of one worker that wait for the first
	FRAG_HELD_EACH = 64,   // of one datagram: 64 kB in fragments of an Ethernet
	FRAG_HELD_FEW = 64,    // of one prefix (/24, /48), once half of the room is used
	FRAG_SHARES = 256,     // prefixes are told apart by a hash
	FRAG_RANGES = 8,       // pieces of a datagram with gaps between them
	FRAG_HOLD_SECONDS = 1,
	FRAG_KNOWN_SECONDS = 30,
	FRAG_BUCKETS = 4096,
	FRAG_COUNTERS = 256,
};

struct frag_key {
	uint8_t source[16], destination[16];
	uint32_t id;
	uint8_t protocol, ipv6;
	uint8_t zero[2];
};

enum frag_verdict {
	FRAG_WAITING, // for the first fragment
	FRAG_PORTS,   // the ports are known; further fragments go by session
	FRAG_PUNT,    // the first was for Linux
	FRAG_DROP,    // the first was dropped, for `reason`
};

struct frag {
	struct frag_key key;
	uint32_t next;	       // in its bucket, or in the free list
	uint32_t older, newer; // in the list of those that wait or of those that are known
	uint32_t held;	       // list of held packets, the last one first
	uint64_t deadline;     // TSC
	uint32_t ports;	       // as on the wire
	uint32_t new_id;       // what the fragments are sent with, valid if `numbered`
	uint16_t held_count, released;
	uint16_t total; // in units of eight bytes; 0: the last fragment was not seen
	uint8_t verdict, reason, numbered, range_count;
	struct {
		uint16_t start, end;
	} range[FRAG_RANGES]; // what was seen, in units of eight bytes
};

struct frag_held {
	struct rte_mbuf *mbuf;
	uint32_t next;
};

struct frag_list {
	uint32_t oldest, newest;
};

struct frag_table {
	struct frag *entry; // numbers from 1
	uint32_t *bucket;
	struct frag_held held[FRAG_HELD + 1]; // numbers from 1
	struct rte_mbuf *ready[FRAG_HELD];    // held ones whose first has come
	uint32_t ready_first, ready_count;
	uint32_t free, held_free;
	uint32_t used;
	uint32_t custody;	  // packets held or ready
	struct frag_list list[2]; // that wait for the first; that are known
	uint32_t counter[FRAG_COUNTERS];
	uint16_t held_share[FRAG_SHARES]; // packets held, by prefix
	struct memory memory;
};

int frag_create(struct frag_table *t, unsigned int worker); // 0 or -ENOMEM
void frag_destroy(struct frag_table *t);		    // frees what is held

uint32_t frag_hash(const struct frag_key *key);
struct frag *frag_find(struct frag_table *t, const struct frag_key *key);
/* NULL when the table is full: end frag_victim() first. */
struct frag *frag_add(struct frag_table *t, const struct frag_key *key, uint64_t deadline);
/* The oldest that waits for its first, else the oldest of all. */
struct frag *frag_victim(struct frag_table *t);
/* One whose deadline is over, or NULL. */
struct frag *frag_expired(struct frag_table *t, uint64_t tsc);
/* Forget a datagram; its held packets are taken out before. */
void frag_remove(struct frag_table *t, struct frag *f);
/* The verdict is known, or changes. */
void frag_decide(struct frag_table *t, struct frag *f, enum frag_verdict verdict,
		 uint64_t deadline);

/*
 * Note the bytes [start, end), in units of eight. 0; -EEXIST when they were all seen before;
 * -EINVAL when they overlap others or the end; -ENOSPC for too many gaps.
 */
int frag_note(struct frag *f, unsigned int start, unsigned int end, bool last);
/* All of it was seen, and nothing of it is kept here. */
bool frag_is_over(const struct frag *f);

bool frag_hold(struct frag_table *t, struct frag *f, struct rte_mbuf *m);
struct rte_mbuf *frag_take_held(struct frag_table *t, struct frag *f); // the latest; NULL: no more
/* Held packets that go on, in the order in which they came. */
void frag_release(struct frag_table *t, struct frag *f);
unsigned int frag_ready(struct frag_table *t, struct rte_mbuf **packets, unsigned int max);

/* An id for a datagram between these addresses, that this worker has not given for long. */
uint32_t frag_id(struct frag_table *t, const void *source, const void *destination, bool ipv6,
		 unsigned int worker, unsigned int workers);

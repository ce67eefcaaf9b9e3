/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/memory.h"
#include "io/steer_home.h"
#include "session/table.h"

/*
 * Local ports of FullNAT, by pair of local address and server: one worker's share. Only that
 * worker calls these functions. See ports.c for the theory.
 */
enum {
	PORTS_FIRST = 1024,
	PORTS_PAIRS_MAX = 1 << 20,
	PORTS_MAPS_MAX = 1024,
	PORTS_HOLD_SECONDS = 60, // how long a server may keep a connection in TIME_WAIT
};

struct port_pair {
	union {
		struct key4 key4; // server -> local address, local port 0
		struct key6 key6;
	};
	uint32_t next; // in its hash chain, or in the free list
	uint32_t used; // ports of this worker in use
	uint32_t map;  // number of its map, 0: none
	uint16_t cursor;
	uint16_t last_used; // seconds
	uint8_t ipv6;
	uint8_t in_use;
	uint8_t spare[2];
	uint32_t missed; // connections for which no port was free
};
_Static_assert(sizeof(struct port_pair) == 64, "an idle pair costs one cache line");

struct port_map;

struct ports {
	struct port_pair *pairs;
	uint32_t *heads;
	struct port_map *maps;
	uint32_t pair_high, pair_free, map_high, map_free;
	uint32_t sweep; // next pair that the housekeeping looks at
	unsigned int worker, workers;
	/* How replies with such keys come home; NULL: by ports_owner(). */
	void (*home)(struct steer_home *home, const void *key, bool ipv6);
	struct memory pair_memory, head_memory, map_memory;
};

/* What is known of the last connection on a port that was chosen. */
struct port_history {
	bool recent;	   // the server may still hold it in TIME_WAIT
	uint32_t sequence; // where the client's side of it ended, host byte order
};

int ports_create(struct ports *p, unsigned int worker, unsigned int workers);
void ports_destroy(struct ports *p);

/*
 * Choose a local port for the reverse key (its destination port is filled in): one that no session
 * of `t` has, that this worker owns, and that was unused for longest. -ENOSPC when all are taken.
 */
int ports_choose4(struct ports *p, const struct table *t, struct key4 *key, uint16_t seconds,
		  struct port_history *history);
int ports_choose6(struct ports *p, const struct table *t, struct key6 *key, uint16_t seconds,
		  struct port_history *history);
/* Take this very port when it is free and owned (sessions that Linux makes); else -EBUSY. */
int ports_take4(struct ports *p, const struct table *t, const struct key4 *key, uint16_t seconds);
int ports_take6(struct ports *p, const struct table *t, const struct key6 *key, uint16_t seconds);

/* The session with this reverse key is gone. */
void ports_release(struct ports *p, const void *key, bool ipv6, uint16_t seconds);
/* The server closed first: until PORTS_HOLD_SECONDS from now it will remember the connection. */
void ports_remember(struct ports *p, const void *key, bool ipv6, uint16_t seconds,
		    uint32_t sequence);
/*
 * Control: what pair number 1 to `pair_high` has, read while its worker goes on; false when it is
 * not in use. The missed ones are those since it was made: it goes some time after its last use.
 */
struct port_use {
	struct addr local;
	uint32_t used, missed;
};
bool ports_use(const struct ports *p, uint32_t number, struct port_use *out);

/* Give back pairs and maps that have been idle; looks at up to `budget` of them. */
void ports_tidy(struct ports *p, uint16_t seconds, unsigned int budget);

/* Which worker owns the replies to a local port? Every worker has its share of all ports. */
static inline unsigned int ports_owner(unsigned int workers, uint16_t port_host_order)
{
	return port_host_order % workers;
}

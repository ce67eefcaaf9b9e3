/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "io/batch.h"
#include "io/port.h"
#include "io/steer.h"

/*
 * How packets find the worker that owns them, port by port. See steer_home.c for the theory.
 * Started by the control thread when the ports are open; afterwards any thread.
 */
enum { STEER_NO_PORT = UINT16_MAX };

/* Where the replies of one tuple go, by local port. */
struct steer_home {
	const struct port *rss;		       // its key and table decide; NULL: the port number
	const struct steer_toeplitz *toeplitz; // of that port
	uint32_t rest;			       // hash of the tuple with local port 0
	uint16_t workers;
	uint16_t mask; // bits of the port number that count
	bool ipv6;
};

/* Choose for every open port. -ENOTSUP when a port cannot do what its configuration asks for. */
int steer_homes_start(unsigned int workers, struct error *error);
/* The reply's tuple as it comes from the wire by port number `port`; its local port is ignored. */
void steer_home(struct steer_home *home, unsigned int port, const void *key, bool ipv6);

/* The worker that owns replies to this local port (host byte order). */
static inline unsigned int steer_home_worker(const struct steer_home *home, uint16_t local_port)
{
	uint16_t port = local_port << 8 | local_port >> 8; // network byte order

	if (!home->rss)
		return (local_port & home->mask) % home->workers;
	return steer_queue(
		home->rss,
		home->rest ^
			(home->ipv6
				 ? steer_port_term6(home->toeplitz, STEER_DESTINATION_PORT, port)
				 : steer_port_term4(home->toeplitz, STEER_DESTINATION_PORT, port)));
}

/* Is there a port that spreads by itself? Then this one says who owns what clients send. */
const struct port *steer_reference(void);
/* The Toeplitz hash of a whole tuple by a port's key; only of a port that has one. */
uint32_t steer_hash(const struct port *port, const void *key, bool ipv6);

/*
 * A device that spreads by itself was caught at putting packets elsewhere than it says. From now on
 * its packets are handed over, which is only said here: owners stay who they are. Control thread.
 */
void steer_distrust(struct port *port, uint64_t wrong, uint64_t looked_at);

static inline const char *steer_way_name(enum port_steering way)
{
	static const char *const names[] = {"auto", "rss", "flow", "hand-over", "one worker"};

	return names[way];
}

/* A local address came to a port (STEER_NO_PORT: none), or is gone: rules for it where need be. */
void steer_local_add(unsigned int port, const struct addr *local);
void steer_local_remove(unsigned int port, const struct addr *local);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/error.h"
#include "net/iface.h"

/*
 * Punting: packets that are for Linux go from a worker through a ring to the punt thread, which
 * writes them to the TAP; what Linux sends comes from the TAP by the punt thread through a ring
 * to a worker. Policers stand before the rings, one of each class and worker.
 */
enum punt_class {
	PUNT_NEIGHBOUR, // ARP, ND
	PUNT_ROUTING,	// BGP, OSPF, VRRP, BFD, LACP, LLDP
	PUNT_ICMP,	// echo and errors for Linux
	PUNT_REST,	// ssh and everything else that is addressed to this host
	PUNT_CLASSES,
};

struct punt_policer {
	uint32_t packets_per_second; // over all workers, an equal share each; 0: no limit
	uint32_t burst; // packets at once, likewise; 0: a tenth of a second's, at least 64
};

int punt_start(unsigned int workers, const struct punt_policer policers[PUNT_CLASSES],
	       struct error *error);
void punt_stop(void);

/*
 * Worker side. Give a packet to Linux on interface `iface`. Takes the packet when it returns true;
 * false: over the policer's rate or the ring is full, and the caller drops it by name.
 */
bool punt_to_kernel(unsigned int worker, uint16_t iface, enum punt_class class,
		    struct rte_mbuf *packet, uint64_t now_tsc);
/*
 * The same in two steps, for who may pass beyond the policer's rate: is there something left of it,
 * and the packet whatever was said. What does not pass is counted by punt_refused().
 */
bool punt_allows(unsigned int worker, enum punt_class class, uint64_t now_tsc);
void punt_refused(unsigned int worker, enum punt_class class);
bool punt_queue(unsigned int worker, uint16_t iface, enum punt_class class,
		struct rte_mbuf *packet);
/* Worker side: take up to `max` packets that Linux sent; packet->port is the iface's index. */
unsigned int punt_from_kernel(unsigned int worker, struct rte_mbuf **packets, unsigned int max);
/* Worker side, before it sleeps: has Linux sent something? */
bool punt_pending(unsigned int worker);
/*
 * Worker side, once per loop after the stages: wake the punt thread if it sleeps and this worker
 * has given it something. The only place where a worker may make a system call for a punt.
 */
void punt_wake(unsigned int worker);

/*
 * How the punt thread wakes a worker that sleeps, set once by main before punt_start(): called
 * with the worker's index after packets were queued to it.
 */
extern void (*punt_worker_wake)(unsigned int worker);
/* Which worker a packet from Linux goes to (an owner function that path/ knows), set by main. */
extern unsigned int (*punt_worker_choose)(const struct rte_mbuf *packet);

/* What became of the packets; sums over all workers, any thread. */
struct punt_stats {
	uint64_t queued[PUNT_CLASSES];	  // taken from workers
	uint64_t policed[PUNT_CLASSES];	  // refused: over the rate of the class
	uint64_t ring_full[PUNT_CLASSES]; // refused: Linux takes them more slowly than they come
	uint64_t written;		  // to TAPs
	uint64_t write_down;		  // lost: the TAP is down in Linux
	uint64_t write_failed;		  // lost: Linux refused, or the interface is gone
	uint64_t received;		  // from TAPs, queued to workers
	uint64_t received_too_long;	  // lost: longer than a packet buffer
	uint64_t received_no_buffer;	  // lost: no packet buffer was free
	uint64_t received_ring_full;	  // lost: the worker was too slow
};
void punt_stats(struct punt_stats *out);
const char *punt_class_name(enum punt_class class); // "neighbour"

/* For iface.c: begin to read an interface's TAP; forget it for good before it is destroyed. */
int punt_watch(const struct iface *iface);
void punt_forget(const struct iface *iface);

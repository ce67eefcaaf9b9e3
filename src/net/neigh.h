/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/addr.h"
#include "net/iface.h"
#include "net/retire.h"

#include <rte_ether.h>

/*
 * Neighbours on our interfaces, see neigh.c. Everything here is the control thread's, but
 * neigh_lookup(), neigh_request() (net/route.h) and the fields marked "w".
 */

/* A next hop of a neighbour for routes with an MTU of their own. */
struct neigh_variant {
	struct retired retired;
	struct neigh_variant *next; // w
	uint16_t mtu;		    // w
	uint16_t nexthop;	    // w
};

enum neigh_queue {
	NEIGH_QUEUE_NOW,    // due in this round
	NEIGH_QUEUE_RETRY,  // in a second
	NEIGH_QUEUE_VERIFY, // in 15 s
	NEIGH_QUEUES,	    // in none
};

struct neigh {
	struct neigh *next;		// w: chain of the bucket
	struct addr addr;		// w
	uint16_t iface;			// w: index
	uint16_t nexthop;		// w: for the interface's MTU, or NEXTHOP_UNRESOLVED
	bool seen_by_worker;		// w: set when a worker finds it
	struct neigh_variant *variants; // w

	struct retired retired;
	TAILQ_ENTRY(neigh) all;
	LIST_HEAD(, neigh_user) users;
	bool present; // the kernel has an entry
	bool ours;    // we asked for the entry, and take it away when nobody wants it any more
	bool has_mac;
	struct rte_ether_addr mac;
	uint16_t state;	     // NUD_ bits as last heard
	uint32_t generation; // of the dump that saw it last
	uint32_t touched;    // generation in which an event spoke of it

	uint8_t queue;
	TAILQ_ENTRY(neigh) queued;
	uint64_t due_ms;
	uint64_t asked_ms;
	uint64_t requested_until_ms; // a worker asked for it; 0: none did
};

/* Whoever wants a neighbour to be kept resolved, and to know when its next hop changes. */
struct neigh_user {
	LIST_ENTRY(neigh_user) link;
	struct neigh *neigh; // NULL: not attached
	void (*changed)(struct neigh_user *self);
};

int neigh_start(void);
void neigh_stop(void);

/* Worker: next hop of an on-link destination for an MTU (0: the interface's). */
uint16_t neigh_lookup(uint16_t iface, const struct addr *addr, uint16_t mtu);

/* Control: of an interface that is iface.no_arp, the one next hop of each family. */
void neigh_without_arp(uint16_t iface);

/* Begin to use a neighbour, whether it is known or not. -ENOMEM. */
int neigh_attach(struct neigh_user *user, uint16_t iface, const struct addr *addr,
		 void (*changed)(struct neigh_user *self));
void neigh_detach(struct neigh_user *user);
/* Its number for routes with this MTU (0: the interface's), or NEXTHOP_UNRESOLVED. */
uint16_t neigh_nexthop(struct neigh *neigh, uint16_t mtu);
/* From now on, workers look up on-link destinations of this interface with this MTU, too. */
void neigh_add_mtu(uint16_t iface, uint16_t mtu);

/* What the kernel says: an entry as it is now, or that it is gone. `mac` may be NULL. */
void neigh_update(uint16_t iface, const struct addr *addr, uint16_t state,
		  const struct rte_ether_addr *mac, bool event);
void neigh_delete(uint16_t iface, const struct addr *addr);
/* Around a dump of one family; what a complete one did not name is gone. */
void neigh_dump_begin(uint8_t family);
void neigh_dump_end(uint8_t family, bool complete);
/* MAC, MTU or tag of an interface changed; or the interface is gone. */
void neigh_iface_changed(uint16_t iface);
void neigh_iface_gone(uint16_t iface);

bool neigh_usable(const struct neigh *neigh);
bool neigh_wanted(const struct neigh *neigh);

/* Take in what workers requested. */
void neigh_tick(uint64_t now_ms);
/*
 * The next one about which the kernel has to be told something, or NULL: to resolve it when it is
 * wanted, else to delete its entry. The caller does so, which is not repeated within a second.
 */
struct neigh *neigh_next_due(uint64_t now_ms);

TAILQ_HEAD(neigh_list, neigh);
extern struct neigh_list neigh_all; // for listing

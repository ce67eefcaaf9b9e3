/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "balance/balancer.h"
#include "balance/server.h"
#include "balance/service_data.h"
#include "balance/limit_source.h"
#include "io/batch.h"
#include "io/handoff.h"
#include "io/idle.h"
#include "io/port.h"
#include "io/thread.h"
#include "net/iface.h"
#include "net/nexthop.h"
#include "path/source_share.h"
#include "path/workers.h"
#include "session/frag.h"
#include "session/half_open.h"
#include "session/handshake.h"
#include "session/table.h"
#include "tunnel/path_mtu.h"
#include "tunnel/vm_learn.h"

/*
 * All state of one core. "w": only the worker writes it while it runs; "c": the control thread
 * writes it; "start": constant once the worker runs. What control reads of "w" fields it reads as
 * single words that may be a moment old.
 */
enum {
	TRANSMIT = 2 * BATCH, // packets gathered for one port before they are sent
	PARKED = 256,	      // packets that wait for a neighbour to answer
	PARKED_RESERVE = 64,  // and more of prefixes that have few there (source_share.h)
	EXPIRED = 32,	      // sessions that are ended together
};
/* Packets gathered for one port, or for one other worker. */
struct transmit {
	struct rte_mbuf *packet[TRANSMIT];
	unsigned int count;
};

struct parked { // a packet whose next hop is not known yet
	struct rte_mbuf *mbuf;
	uint64_t deadline; // TSC
	uint32_t hash;
	uint32_t server; // DR: what it waits for is the way there; 0: to its destination
	uint8_t l3;
	bool ipv6;
};

/* Tokens for what the worker itself sends in answer: resets and ICMP errors. */
struct bucket_tokens {
	uint64_t last; // TSC
	uint32_t tokens;
};

/* What crossed a VLAN or tunnel interface; a port's device counts by itself. */
struct iface_count {
	uint64_t packets[2], bytes[2]; // in, out; frames without tags and outer headers
};

struct worker {
	unsigned int index;	// start
	unsigned int count;	// start: how many workers there are
	int cpu;		// start
	uint64_t hz;		// start: of the TSC
	uint32_t half_open_max; // start
	bool punt_unknown;	// start: TCP and UDP to a VIP without a service go to Linux
	struct thread thread;	// start
	struct idle idle;

	struct {
		uint16_t dpdk_port, queue, iface;
	} receive[PORT_MAX]; // start
	unsigned int receive_count;
	struct port_queue transmit_queue[PORT_MAX]; // start: by port index
	uint8_t transmit_by[PORT_MAX]; // c, atomic: the worker that has that queue (traffic.h)
	uint8_t traffic;	       // c, atomic: what it has to do for traffic control
	uint16_t port_iface[PORT_MAX]; // start: untagged interface of each port
	struct iface_count iface_count[IFACE_MAX]; // w: of interfaces that are no port's, by index

	struct batch batch;		    // w
	struct table table;		    // w
	struct half_open half_open[2];	    // w: by width
	struct half_open one_way[2];	    // w: of UDP that nobody has answered, likewise
	struct balancer balancer;	    // w
	struct transmit hand[WORKERS_MAX];  // w: by the worker they go to
	struct transmit transmit[PORT_MAX]; // w: by port index
	struct parked parked[PARKED + PARKED_RESERVE]; // w
	unsigned int parked_count;		       // w
	struct rte_mbuf *opened[BATCH];		       // w: out of tunnels, for the next batch
	unsigned int opened_count;		       // w
	struct limit_sources sources;		       // w
	struct frag_table frag;			       // w: datagrams that come in fragments
	struct handshakes handshakes; // w: with servers, of clients of the SYN proxy
	uint64_t parked_look;	      // w: TSC at which they are looked at again
	uint8_t epoch;		      // w: route_epoch as of this batch
	uint16_t packet_id;	      // w: of the next IPv4 packet that was one of IPv6
	bool made, ended; // w: a session was, in this batch: what lookup() found may be gone
	struct bucket_tokens answers;				    // w
	struct source_share answer_share, parked_share, punt_share; // w
	uint16_t tunnel_id;					    // w: counts outer IPv4 headers
	struct path_mtu_reports reports; // w, c: what routers say of tunnels

	struct vm_learner learner;	    // w, c: VMs that the table does not have yet
	struct memory service_state_memory; // start

	uint64_t bfd_due; // w: TSC at which sessions of BFD are looked at
	uint64_t beat[WORKERS_MAX], beat_at[WORKERS_MAX]; // w: rounds of each worker; us
	uint64_t bonds_due;		 // w: TSC at which bonds get an empty burst, for LACP
	uint64_t next_second;		 // w: TSC at which `seconds` goes up
	uint64_t last_sweep, sweep_debt; // w: TSC; fraction of a session, times hz, still owed
	uint32_t sweep_at[2];		 // w: next number of each pool
	uint64_t pass;			 // w, atomic: passes over all sessions that are complete
	uint64_t pass_wanted;		 // c, atomic: hurry until `pass` is this
	uint32_t expired[EXPIRED];	 // w: entries
	unsigned int expired_count;

	struct observer *observer; // c, atomic: trace or capture is on
	struct observer *observed; // w: that, as of this batch: it may change in the middle of one
	struct record *record[BATCH]; // w: of this batch's packets that are observed

	// w: first packets whose hash was compared with the device's, by port; and that differed
	uint64_t rss_seen[PORT_MAX], rss_wrong[PORT_MAX];
	struct worker_stats stats;	  // w
	uint64_t drops[DROP_COUNT];	  // w
	uint32_t access_seen, limit_seen; // w: epochs as of this pass over all sessions,
	bool access_pass, limit_pass;	  // w: ... in which it judges, or counts, them anew
} __attribute__((aligned(64)));

struct worker *worker_get(unsigned int index);

/* The five stages, in their order, each in its own file. */
void input(struct worker *w, struct batch *b);
void lookup(struct worker *w, struct batch *b);
void balance(struct worker *w, struct batch *b);
void forward(struct worker *w, struct batch *b);
void output(struct worker *w, struct batch *b);

/* worker.c: walk one batch through them; tests do too. Into its batch, what others hand over. */
void worker_batch(struct worker *w, struct batch *b);
void worker_take_over(struct worker *w);
/* worker.c: everything a worker needs but its thread and queues; undone by worker_release(). */
int worker_prepare(struct worker *w, unsigned int index, const struct workers_config *config);
void worker_release(struct worker *w);
/* worker.c: start its thread; ask it to stop and wait for that. */
int worker_begin(struct worker *w);
void worker_finish(struct worker *w);
/* worker.c: bring the clocks up to `tsc`. */
void worker_clock(struct worker *w, uint64_t tsc);

/* balance.c: treat one packet as the first of its session. On success pkt.session is set. */
void balance_first(struct worker *w, struct batch *b, unsigned int at);
/* balance.c: the session is over; free it and its local port. `entry` names it. */
void session_end(struct worker *w, uint32_t entry);
/* balance.c: move a session to a state, with all that is counted by state. */
void session_set_state(struct worker *w, struct session *s, enum session_state state);

/* owner.c: choose how packets find their worker, once the ports are open. */
int owner_start(unsigned int workers, struct error *error);
/* owner.c: how replies with such keys come home (struct ports). */
void owner_home(struct steer_home *home, const void *key, bool ipv6);
/* owner.c: which worker owns the tuple that this packet carries? */
unsigned int owner_of(struct worker *w, const struct pkt *p);
unsigned int owner_of_kernel_packet(const struct rte_mbuf *packet);

/* route.c: the next hop towards the client of a session; asks for the neighbour when unknown. */
uint16_t route_of_client(struct worker *w, struct session *s, bool wide, uint32_t hash);
/* route.c: the same towards the other end of a session with FORM_ROUTED. */
uint16_t route_of_destination(struct worker *w, struct session *s, bool wide, uint32_t hash);
/* route.c: the next hop towards an address; for packets without a session. */
uint16_t route_of_address(const uint8_t *address, bool ipv6, uint32_t hash);

/* The next hop of a session's packet that came from `direction`. */
static inline uint16_t route_of_session(struct worker *w, const struct pkt *p, struct session *s,
					unsigned int direction)
{
	if (direction == 0) {
		if (unlikely(s->form & FORM_ROUTED))
			return route_of_destination(w, s, p->session & ENTRY_WIDE, p->hash);
		return path_nexthop(server_path[s->server], p->hash);
	}
	if (likely(s->epoch == w->epoch && s->nexthop != NEXTHOP_UNRESOLVED))
		return s->nexthop;
	return route_of_client(w, s, p->session & ENTRY_WIDE, p->hash);
}

/* icmp.c: translate an ICMP error about a session's packet. */
void icmp_error_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s,
			unsigned int direction);

/* sweep.c: the slice of the table that is due; fold one session's counters. */
void sweep(struct worker *w, uint64_t tsc);
void sweep_fold(struct worker *w, struct session *s);

/* output.c: send what was gathered; packets whose neighbour has answered meanwhile, or that have waited too long. */
void output_flush(struct worker *w);
void output_parked(struct worker *w, uint64_t tsc);

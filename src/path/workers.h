/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/error.h"
#include "session/state.h"

/*
 * What the control thread sees of the workers: starting and stopping them, their counters, their
 * sessions, traces and captures. Workers write, control reads; nothing here stops a worker.
 */
enum { WORKERS_MAX = 64 };

struct workers_config {
	unsigned int count;
	int cpus[WORKERS_MAX];	    // CPU of each worker, -1: not pinned
	uint64_t sessions;	    // IPv4 sessions of all workers together
	uint64_t sessions_wide;	    // sessions of 128 bytes: IPv6 and NAT64
	uint32_t half_open_percent; // share of the table that half-open sessions may take
	bool punt_unknown_vip_tcp;  // TCP and UDP to a VIP without a service: punt instead of drop
};

int workers_start(const struct workers_config *config, struct error *error);
void workers_stop(void); // their threads; tables can still be read
void workers_free(void); // their tables
/* About ten times a second: tell each worker what the others carry (for wlc), warn of shortages. */
void workers_tick(void);
/* Twenty times a second: enter the VMs that workers have heard, and remove those gone silent. */
void workers_learn(void);
unsigned int workers_count(void);
/* What the tables take when full and what is resident now, in bytes, all workers. */
uint64_t workers_table_bytes(void);

/* Sums over all workers. Exact for connections; packets and bytes since the last pass. */
struct traffic {
	uint64_t connections;		  // ever made
	uint64_t active;		  // established now
	uint64_t inactive;		  // the other sessions now
	uint64_t packets_in, packets_out; // in: from clients
	uint64_t bytes_in, bytes_out;
};
void workers_server_traffic(uint32_t server, struct traffic *out);
void workers_service_traffic(uint32_t service, struct traffic *out);
/* How many templates of persistent clients name it. */
uint32_t workers_server_templates(uint32_t server);
/* Walk all templates, as workers_session_next() does sessions. */
struct persistence_view;
bool workers_template_next(uint64_t *cursor, unsigned int budget, struct persistence_view *out,
			   bool *found);
/* How often the rule with this counter has given its mark (balance/mark.h). */
uint64_t workers_mark_hits(unsigned int counter);
/* What one worker has of it. */
void workers_server_share(unsigned int worker, uint32_t server, struct traffic *out);
void workers_service_share(unsigned int worker, uint32_t service, struct traffic *out);

/* Begin a fresh pass over all sessions so that packets and bytes are exact when it is over. */
uint64_t workers_pass_begin(void);
bool workers_pass_over(uint64_t pass);

/* Of one worker. Drop reasons are numbered 0 to DROP_COUNT - 1 (base/drops.h). */
struct worker_stats {
	int cpu;
	uint64_t loops, loops_idle; // rounds, and those that found nothing
	uint64_t packets, batches;  // received
	uint64_t sent, send_failed;
	uint64_t shaped; // packets that wait for traffic control, or were removed with a queue
	uint64_t without_session;	  // forwarded by a hash alone: the table was full
	uint64_t untold;		  // segments to servers without the client's address
	uint64_t untold_sessions;	  // whose servers are not told it: no extra line
	uint64_t proxy_headers;		  // of the PROXY protocol, sent to servers
	uint64_t proxy_made;		  // ... in segments of their own
	uint64_t extra_lines;		  // sessions that have one
	uint64_t answered;		  // resets, probes and ICMP errors made here
	uint64_t handed_over, taken_over; // to and from other workers
	uint64_t punted, from_kernel;
	uint64_t fragments_made;     // beyond the packets that were cut into them
	uint64_t repaired_checksums; // frames that had only the pseudo-header sum
	uint64_t sessions, sessions_wide, half_open;
	uint64_t half_open_evicted;	   // made room for others
	uint64_t one_way, one_way_evicted; // of UDP that nobody has answered, likewise
	uint64_t quic_routed;		   // new sessions whose server a connection ID named
	uint64_t quic_unknown;		   // ... and those of a short header whose ID named none
	uint64_t syn_cookies_sent, syn_cookies_accepted;
	uint64_t syn_proxy_refused, syn_proxy_silent; // real servers, of proven clients
	uint64_t syn_proxy_segments;		      // made here, to real servers and clients
	uint64_t gone_ended;			      // because their server was gone
	uint64_t acl_ended;			      // because access lists have changed
	uint64_t lent; // connections that other workers took, for want of a local port
	uint64_t session_capacity, session_wide_capacity;
	uint64_t local_ports_exhausted;
	uint64_t bfd_sent, bfd_taken; // packets of BFD: made here, and those that ended here
	uint64_t cycles_busy;
};
void worker_stats(unsigned int worker, struct worker_stats *out);
uint64_t worker_drops(unsigned int worker, unsigned int reason);

/* Of an interface that is no port's: in, out; since the workers have started. */
struct iface_traffic {
	uint64_t packets[2], bytes[2];
};
void workers_iface_traffic(uint16_t iface, struct iface_traffic *out);

/*
 * Of local addresses: calls `visit` with what each worker has of each pair of local address and
 * server.
 */
struct port_use;
void workers_ports(void (*visit)(unsigned int worker, const struct port_use *use, void *arg),
		   void *arg);

/* A session, copied out for people. Ports in host byte order. */
struct session_view {
	unsigned int worker;
	uint8_t protocol;
	enum session_state state;
	uint32_t zone, server_zone; // of the client, of the real server
	uint32_t server, service;   // numbers
	struct addr client, vip, local, destination;
	uint16_t client_port, vip_port, local_port, destination_port;
	uint32_t expires;				       // seconds left
	uint64_t packets_in, packets_out, bytes_in, bytes_out; // since the last fold
};
/*
 * Walk all sessions: `*cursor` starts at 0 and is given back in each call; returns false at the
 * end. At most `budget` table slots are looked at; `*found` says whether `out` was filled.
 */
bool workers_session_next(uint64_t *cursor, unsigned int budget, struct session_view *out,
			  bool *found);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

/*
 * The block of shared memory between the replay device and bench/control.py. Python writes
 * `traffic` before the program under test starts, and `phase` while it runs; the device writes the
 * rest. Everything is a 64-bit word or bytes, so that both sides agree without padding; control.py
 * holds the same lists, checked by `size`.
 */
enum {
	CONTROL_MAGIC = 0x72696577,
	CONTROL_SAMPLES = 16384, // ring, one each 5 ms
	CONTROL_CAPTURES = 2048, // ring
	CONTROL_FRAME = 104,
};

enum control_phase {
	PHASE_IDLE,
	PHASE_SETUP,	   // every flow once: SYN, SYN-ACK, ACK; or a datagram and its answer
	PHASE_INBOUND,	   // clients send on established flows, for ever
	PHASE_OUTBOUND,	   // servers do
	PHASE_CONNECTIONS, // new connections: SYN, SYN-ACK, ACK, RST
	PHASE_DRAIN,	   // finish what PHASE_CONNECTIONS has begun, begin nothing
	PHASE_PEERS,	   // as PHASE_INBOUND, `pace` apart, and the other ends of BFD sessions
};

/* How servers get their packets, and whether their answers come back through the program. */
enum control_way {
	WAY_BOTH,
	WAY_DIRECT,
	WAY_TUNNEL,
	WAY_VXLAN, // as WAY_BOTH, clients are VMs behind hosts
};

/* Addresses: 16 bytes, IPv4 in the last four; the number of a client or VIP is added to these. */
struct control_traffic {
	uint64_t magic, size;
	uint64_t family;   // of the clients: 4 or 6
	uint64_t protocol; // 6 or 17
	uint64_t flows;
	uint64_t packets; // frames in the list that is played for ever, at least `flows`
	uint64_t zipf;	  // exponent in thousandths, 0: uniform
	uint64_t seed;
	uint64_t services, vip_ports,
		first_port;	// service s: VIP s / vip_ports, port s % vip_ports
	uint64_t clients;	// addresses that the flows use
	uint64_t new_client;	// number of the first client of PHASE_CONNECTIONS
	uint64_t new_clients;	// and of how many there are
	uint64_t window;	// flows or connections that may wait for an answer
	uint64_t held;		// transmitted buffers kept before they are freed, as by a NIC
	uint64_t way;		// enum control_way
	uint64_t server_family; // 4 or 6
	uint64_t vni;		// of WAY_VXLAN
	uint64_t hosts;		// and how many: VM number n is on host n % hosts
	uint64_t peers;		// ends of BFD sessions,
	uint64_t interval;	// and how often each sends, us
	uint64_t told;		// the third ACK acknowledges a byte of the server's, too
	uint8_t client[16], vip[16];
	uint8_t host[16], peer[16], gateway[16]; // the first host, the first peer, weir for both
};

struct control_state {
	uint64_t tsc_hz;
	uint64_t entered;     // phase that the device is in
	uint64_t thread;      // of the polling thread
	uint64_t received[2]; // frames given to the program, by side
	uint64_t sent[2];     // frames of the protocol under test that it sent
	uint64_t others[2];   // all other frames that it sent
	uint64_t no_buffer;
	uint64_t learnt;      // flows that a server has seen
	uint64_t established; // flows or connections whose client has seen the answer
	uint64_t begun;	      // new connections
	uint64_t ended;	      // connections whose RST was played
	uint64_t built;	      // frames of the servers' list that are there; all: the set-up is over
	uint64_t peers_up;    // ends of BFD sessions that are
	uint64_t peers_flaps; // since `mark`: how often one went down,
	uint64_t peers_gap;   // longest time between two packets to one that is up, TSC ticks,
	uint64_t peers_stall; // and between two polls
	uint64_t peers_given, peers_got; // packets
	uint64_t peers_marked;		 // the mark that these are since
	uint64_t samples, captures;	 // ever written
};

struct control_sample {
	uint64_t phase;
	uint64_t tsc, cpu;	   // before the probe; cpu: ns of the polling thread
	uint64_t tsc_end, cpu_end; // after it: here the next interval begins
	uint64_t probe;		   // TSC ticks that a fixed piece of arithmetic took
	uint64_t received, sent;   // both sides
	uint64_t ended;
};

struct control_capture {
	uint64_t side, phase, length;
	uint8_t frame[CONTROL_FRAME];
};

struct control {
	struct control_traffic traffic;
	volatile uint64_t phase; // wanted
	volatile uint64_t pace;	 // PHASE_PEERS: thousandths of a TSC tick for each packet
	volatile uint64_t mark;	 // changed: count anew what peers_... count
	struct control_state state;
	struct control_sample samples[CONTROL_SAMPLES];
	struct control_capture captures[CONTROL_CAPTURES];
};

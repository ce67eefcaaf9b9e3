/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "balance/quic.h"
#include "balance/syn_proxy.h"
#include "base/addr.h"
#include "base/error.h"
#include "session/timeout.h"

/*
 * Services as workers see them: immutable once published, found by (zone, VIP, port, protocol) in
 * a hash table that workers read without a lock. The control thread builds a new one beside,
 * publishes the pointer, and frees the old one after a grace period.
 */
enum { SERVICE_MAX = 1 << 18, SERVICE_SERVERS_MAX = 4096 };

enum service_kind {
	SERVICE_ADDRESS, // a virtual address, port and protocol
	SERVICE_MATCH,	 // whatever a match takes: SNAT (balance/classify.h)
	SERVICE_MARK,	 // whatever has been given a firewall mark
};

/* Compared as a whole: what a kind has no use for is zero. */
struct service_key {
	struct addr vip;   // of a match or a mark: none, but of the family that it is for
	uint32_t zone;	   // 0: the underlay, else a VNI
	uint16_t port;	   // host byte order; 0: all that no other service has
	uint16_t port_end; // the last one of a range that begins with `port`, 0: no range
	uint32_t mark;	   // the firewall mark, or the number of the match
	uint8_t protocol;  // IPPROTO_TCP, IPPROTO_UDP
	uint8_t kind;	   // enum service_kind
	uint8_t zero[6];
} __attribute__((aligned(8))); // hashed in words of eight bytes

/* A server of a service: its number from server_create() and its weight (0: drain). */
struct service_server {
	uint32_t server;
	uint32_t weight;
};

/* A local address that FullNAT may use, and the interface that must carry it. */
struct service_local {
	struct addr addr;
	uint16_t iface;
};

/* How schedulers that go by address do it: sh and mh may take the client's port in. */
enum scheduler_flag { SCHEDULER_PORT = 1, SCHEDULER_FALLBACK = 2 };

/*
 * UNKNOWN_HASH is for modes in which servers answer clients by themselves: a hash of the client's
 * tuple chooses, also for new connections that the full table has no room for.
 */
enum unknown_action { UNKNOWN_RESET, UNKNOWN_DROP, UNKNOWN_HASH };

/* What conhash hashes: the client's address, or the connection ID of QUIC. */
enum hash_target { HASH_SOURCE, HASH_QUIC };

/* What becomes of the sessions of a server that was removed, at their next packet. */
enum removed_action {
	REMOVED_KEEP,	    // they go on
	REMOVED_RESET,	    // both sides are told that the connection is over
	REMOVED_RESCHEDULE, // the packet is treated as the first of a new session
};

/* How a real server behind FullNAT is told who the client is. */
enum client_address {
	CLIENT_ADDRESS_TOA, // by the TCP option address
	CLIENT_ADDRESS_NONE,
	CLIENT_ADDRESS_UOA_OPTION, // of UDP: by an IPv4 option
	CLIENT_ADDRESS_UOA_HEADER, // ... by a header before that of UDP
};

/* What the control thread asks for. It is copied; nothing in it is kept. */
struct service_spec {
	struct service_key key;
	uint32_t number;		 // from service_number_take(), names the counters
	const char *scheduler;		 // a word of the schedulers list
	const char *mode;		 // a word of the modes list: "fullnat"
	const char *const *server_modes; // of each server; NULL: all as `mode`
	int timeouts;			 // from timeout_acquire()
	uint8_t scheduler_flags;	 // enum scheduler_flag
	enum unknown_action unknown_tcp; // what a TCP packet that begins nothing gets
	enum hash_target hash_target;
	struct quic_settings quic;
	const struct quic_server_id *const *quic_ids; // of each server; NULL: none was given
	bool one_packet;			      // each datagram is scheduled alone
	bool symmetric_return;	// answers leave by the way by which the client came
	uint8_t client_address; // enum client_address
	uint8_t uoa_max_trail;	// datagrams of a session that carry it
	uint8_t proxy_protocol; // enum proxy_protocol (session/proxy_header.h)
	uint8_t limit_reaction; // enum limit_reaction
	struct syn_proxy syn_proxy;
	uint8_t persistent_bits; // how much of the client's address counts
	uint32_t persistent;	 // seconds, 0: not persistent
	uint16_t mss; // clamp the MSS option of SYN and SYN-ACK to this; 0: path MTU only
	const struct service_server *servers;
	unsigned int server_count;
	const struct match *match;	    // of SERVICE_MATCH: servers are WAN addresses
	uint16_t match_in, match_out;	    // its interfaces, 0: any
	uint16_t wan_iface;		    // where answers to WAN addresses come, 0: not known
	const struct service_local *locals; // all that it may use, of both families
	unsigned int local_count;
};

int service_start(void);
void service_stop(void);

/* Numbers 1 to SERVICE_MAX - 1, with counters at zero; 0 when there is none left. */
uint32_t service_number_take(void);
void service_number_free(uint32_t number);

/* Insert or replace. -EINVAL with the field named, -ENOMEM, -ENOSPC. */
int service_publish(const struct service_spec *spec, struct error *error);
/* -ENOENT when there is none. */
int service_withdraw(const struct service_key *key);

/* Is this the name of a scheduler (a forwarding mode) that exists? */
bool scheduler_exists(const char *name);
bool mode_exists(const char *name);
/* All names, NULL at the end, for error messages and completion. */
const char *const *scheduler_names(void);
const char *const *mode_names(void);

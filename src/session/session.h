/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "io/batch.h"
#include "session/extra.h"
#include "session/state.h"

/*
 * A session: one connection in both directions, decided at its first packet and obeyed afterwards.
 *
 * It holds the tuple of each direction as it arrives from the wire. The tuple of one direction,
 * turned round, is what packets of the other direction are rewritten to: nothing else has to be
 * stored. IPv4 sessions are one cache line, those with an IPv6 side, be it only one, two; both begin
 * with the same 32 bytes, so that the path handles them alike.
 *
 *   direction 0   from the client: key[0] = client -> VIP,    rewritten to local -> server
 *   direction 1   from the server: key[1] = server -> local,  rewritten to VIP -> client
 *
 * Of a session with SESSION_VPC one side is a VM, whose key has the VNI as its zone. Where the client
 * is one, nexthop and epoch together are its number in the VM table, which says where it is now;
 * where the server is one, the server's line has the number (path/vpc.h).
 *
 * A session belongs to one worker. Only that worker reads and writes it, but for the control
 * thread's listings, which copy a line twice and take it when both copies are equal.
 *
 * What is allowed in each state:
 *   NONE          the line is free: only the pool reads it
 *   SYN_SENT ..   the two index entries exist, the keys never change, the rest belongs to the path
 */

/*
 * How the index names a session: bit 31 says two cache lines, bit 30 which direction's key the
 * entry stands for, the rest is the number of the session in its pool, from 1. 0 is "none".
 */
enum {
	ENTRY_WIDE = 1u << 31,
	ENTRY_REVERSE = 1u << 30,
	ENTRY_NUMBER = ENTRY_REVERSE - 1,
};

enum session_flags {
	SESSION_EXTRA = 1 << 0,	    // TCP: sequence numbers are shifted by what the extra line says
	SESSION_LOCAL = 1 << 1,	    // Linux made it: direction 1 is punted
	SESSION_HALF_OPEN = 1 << 2, // counted in the worker's half_open
	SESSION_ACTIVE = 1 << 3,    // counted as active at its server, else as inactive
	SESSION_SERVER_FIN = 1 << 4,   // the server has sent FIN
	SESSION_CLIENT_FIN = 1 << 5,   // the client has sent FIN
	SESSION_SERVER_FIRST = 1 << 6, // ... and the server's came first: it keeps TIME_WAIT
	SESSION_VPC = 1 << 7,	       // one side is a VM: the way to it is by the VM table
};

/*
 * How packets of a session are changed; the mode chose it at the first packet. The kinds DIRECT and
 * TUNNEL go one way: servers answer clients by themselves, and only key[0] stands in the index.
 */
enum session_form {
	FORM_REWRITE, // addresses and ports, in both directions
	FORM_DIRECT,  // nothing but the Ethernet header
	FORM_TUNNEL,  // an outer header towards the server
	FORM_FAMILY,  // as FORM_REWRITE, with the header of the other IP version
	FORM_KIND = 3,
	FORM_PORT = 1 << 2,	  // its local port is from the port allocator
	FORM_ROUTED = 1 << 3,	  // direction 0 goes to key[1]'s source, not by the server's path
	FORM_LENT = 1 << 4,	  // with FORM_DIRECT: another worker's, whose number is in nexthop
	FORM_ONE_PACKET = 1 << 5, // of one datagram: key[0] is not in the index, it ends with
				  // the answer
	FORM_ECHO = 1 << 6,	  // ICMP echoes: the identifier stands for the port of its sender
	FORM_PROBED = 1 << 7,	  // the server is gone, and the client was asked (path/odd.c)
};

struct session {
	// A free line holds the number of the next free one in its first four bytes.
	uint16_t l3_difference; // IPv4: of the header checksum, direction 0; the other is ~
	uint16_t l4_difference; // of the TCP or UDP checksum, likewise
	uint32_t server : 24;	// number of the real server, 0: none (SESSION_LOCAL)
	uint32_t form : 8;	// enum session_form
	uint16_t nexthop;	// towards the client, valid while epoch == route_epoch
	uint8_t epoch;
	uint8_t timeouts; // number of the timeout set
	uint8_t state;
	uint8_t flags;
	uint16_t stamp; // batch.seconds of the last packet
	union {
		uint32_t extra; // number of the extra line, 0: none
		struct {	// FORM_ROUTED without an extra line: towards key[1]'s source
			uint16_t nexthop;
			uint8_t epoch; // likewise
			uint8_t known; // 0: look it up
		} out;
	};
	uint16_t packets[2];
	uint32_t bytes[2];   // of each direction since the last fold
	struct key4 key4[2]; // of a wide session: session_key6() stand here
};
_Static_assert(sizeof(struct session) == 64, "an IPv4 session is one cache line");

struct session_wide {
	struct session head; // two struct key6 begin in place of its key4
	uint8_t more[64];
};
_Static_assert(sizeof(struct session_wide) == 128, "an IPv6 session is two cache lines");

/* A key4 as two words, which is how it is compared and hashed; and where a port stands in them. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "where the ports of a key stand");
#define KEY4_DESTINATION_PORT (0xffffULL << 16) // in the second word

static inline void key4_words(const struct key4 *k, uint64_t words[2])
{
	words[0] = ((const uint64_t *)k)[0];
	words[1] = ((const uint64_t *)k)[1];
}

static inline struct key4 key4_make(uint32_t source, uint32_t destination, uint16_t source_port,
				    uint16_t destination_port, uint32_t zone_protocol)
{
	uint64_t words[2] = {
		source | (uint64_t)destination << 32,
		source_port | (uint64_t)destination_port << 16 | (uint64_t)zone_protocol << 32,
	};
	struct key4 k;

	memcpy(&k, words, sizeof(k));
	return k;
}

/* The tuple that packets of a direction are rewritten to. */
static inline struct key4 key4_turn(const struct key4 *k)
{
	return (struct key4){
		.source = k->destination,
		.destination = k->source,
		.source_port = k->destination_port,
		.destination_port = k->source_port,
		.zone_protocol = k->zone_protocol,
	};
}

/* The number of the VM that a session's client is (tunnel/vm_table.h), of SESSION_VPC. */
static inline uint32_t session_vm(const struct session *s)
{
	return s->nexthop | (uint32_t)s->epoch << 16;
}

static inline void session_set_vm(struct session *s, uint32_t vm)
{
	s->nexthop = vm;
	s->epoch = vm >> 16;
}

struct key6 key6_turn(const struct key6 *k);

/* Is there a direction 1, so that the index knows both? */
static inline bool session_is_two_way(const struct session *s)
{
	unsigned int kind = s->form & FORM_KIND;

	return kind != FORM_DIRECT && kind != FORM_TUNNEL;
}

static inline struct key6 *session_key6(struct session *s, unsigned int direction)
{
	return (struct key6 *)((char *)s + offsetof(struct session, key4)) + direction;
}

/* The tuple of a direction: a key6, or a key4 when session_key_is_ipv6() says no. */
static inline void *session_key(struct session *s, bool wide, unsigned int direction)
{
	return wide ? (void *)session_key6(s, direction) : (void *)&s->key4[direction];
}

/*
 * Of FORM_FAMILY, one direction's tuple is IPv4. It stands where a key6 would, with zeros behind:
 * the protocol of that key6 is 0, as no packet's is, so that neither is ever taken for the other.
 */
static inline bool session_key_is_ipv6(struct session *s, bool wide, unsigned int direction)
{
	return wide && session_key6(s, direction)->zone_protocol != 0;
}

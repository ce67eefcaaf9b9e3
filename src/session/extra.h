/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * The extra line: what only few sessions need, most of them only at their beginning. A session has
 * one from table_extra_allocate() on, and gives it back when nothing is left to do.
 */

/* The header of the PROXY protocol, until the server has it (path/proxy_protocol.c). */
struct session_proxy {
	uint32_t first;	      // sequence number of the client's first byte, as the client counts
	uint32_t sent_at;     // milliseconds of the TSC
	uint16_t replaced;    // bytes that the client sent and the header stands for
	uint8_t kind;	      // enum proxy_protocol; PROXY_DISABLE: it is over
	uint8_t length;	      // of the header, 0: not decided yet
	uint8_t acknowledged; // bytes of it that the server has
	uint8_t scale;	      // of the server's window
	bool sending;	      // the packet under way is the header itself
	bool judged;	      // what the client begins with was looked at
};

/* The extra line: what only few sessions need. */
struct session_extra {
	union {
		uint32_t next_free;  // while it is free
		uint32_t client_tag; // SCTP: the verification tags, as on the wire; 0: not known
	};
	union {
		uint32_t sequence_shift; // TCP: added to the client's sequence numbers, host order
		uint32_t server_tag;
	};
	uint8_t client_mac[6]; // symmetric return: the neighbour that the client comes by,
	uint16_t client_iface; // and the interface; 0: answers are routed
	uint32_t server_first; // TCP: of the server's first byte, host order; 0: not seen yet
	uint32_t client_first; // TCP: of what the client sends after its SYN, as it counts
	uint8_t toa;	 // size of the option while it is sent, else 0 (path/client_address.c)
	bool untold;	 // a segment went without the option
	uint8_t uoa;	 // datagrams that still carry the address, and one more; 0: none does
	bool uoa_header; // ... in a header of its own
	bool spliced;	 // TCP: what follows holds (session/splice.h)
	int8_t window_shift[2];	 // of the window, by direction; above 0: to the left
	uint32_t server_shift;	 // added to the server's sequence numbers,
	uint32_t time_shift;	 // and to its times
	uint32_t handshake;	 // while the server is asked (session/handshake.h)
	uint8_t limited;	 // what its packets and its source are counted for (path/limit.c),
	uint8_t limited_bits[2]; // ... by which length of its prefix: at its service, at all
	struct session_proxy proxy;
};

/* Is there nothing left that the line is needed for? */
static inline bool session_extra_is_idle(const struct session_extra *extra)
{
	return extra->sequence_shift == 0 && extra->client_iface == 0 && extra->toa == 0 &&
	       extra->uoa == 0 && extra->limited == 0 && !extra->spliced && extra->handshake == 0 &&
	       extra->proxy.kind == 0;
}

/* Are the numbers of its segments shifted (session/splice.h), and nothing else? */
static inline bool session_extra_only_splices(const struct session_extra *extra)
{
	return extra->spliced && (extra->client_iface | extra->toa | extra->uoa | extra->limited |
				  extra->proxy.kind) == 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

/* What the programs in the kernel and the command that loads them have in common. */

/* A prefix whose segments are believed; IPv4 as ::ffff:a.b.c.d with 96 bits more. */
struct trusted_key {
	__u32 bits;
	__u8 addr[16];
};

enum { TRUSTED_MAX = 4096, UDP_MAX = 1 << 17 };

enum realserver_counter {
	COUNTER_CONNECTIONS, // accepted since the programs were attached
	COUNTER_TOLD,	     // of these, such as came with an address by the end of the handshake
	COUNTER_TOLD_LATE,   // told by a later segment: the ACK of the handshake was lost
	COUNTER_UNTRUSTED,   // segments with an address from somebody who is not trusted
	COUNTER_ASKED,	     // calls of accept(), getpeername() and the like
	COUNTER_ANSWERED,    // of these, such as got the client's address
	COUNTER_DATAGRAMS,   // of UDP that came with an address
	COUNTER_COUNT,
};

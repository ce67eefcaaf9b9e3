/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "path/worker.h"

/* What only sessions of two families (FORM_FAMILY) need. */

/* A packet of `length` bytes to a server of the other IP version, or back. */
void family_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s,
		    uint16_t nexthop, unsigned int length);

/* The same of a fragment; `later`: it is not the first of its datagram. */
void family_fragment(struct worker *w, struct batch *b, unsigned int at, struct session *s,
		     uint16_t nexthop, bool later);

/*
 * Turn the packet into one of the other family: its header, still to be written, ends where the
 * transport begins, `transport` bytes into the frame. NULL: there is no room for it. The packet's
 * key stays the one that it came with, and pkt_protocol() no longer finds it.
 */
uint8_t *family_header(struct pkt *p, unsigned int transport, unsigned int header);

/* Translate an ICMP error, whose next hop is known, and what it quotes; false: dropped. */
bool family_icmp_error(struct worker *w, struct batch *b, unsigned int at, struct session *s,
		       unsigned int direction);

/* icmp.c: the ports and the checksum of a quoted transport: `length` bytes of the `whole` of it, */
void icmp_quoted_rewrite(struct worker *w, struct pkt *p, struct session *s, unsigned int direction,
			 uint8_t *l4, unsigned int length, unsigned int whole, uint16_t source_port,
			 uint16_t destination_port);
/* and where that begins in a quoted packet, whose headers input() has walked. */
unsigned int icmp6_quoted_transport(const uint8_t *inner);

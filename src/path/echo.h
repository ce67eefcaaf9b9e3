/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "path/worker.h"

/*
 * ICMP echoes as flows, for SNAT (echo.c). The ports of one, when a match wants echoes: the identifier
 * is that of the side which asks.
 */
bool echo_ports(const struct pkt *p, const uint8_t *icmp, uint16_t ports[2]);
/* The same, as the packet's key; that of an IPv6 packet has its addresses already. */
bool echo_key(struct pkt *p, const uint8_t *icmp);
/* icmp.c: the ports in the first eight bytes of a quoted header; false: it is of no session. */
bool icmp_quoted_ports(const struct pkt *p, const uint8_t *l4, uint8_t protocol, uint16_t ports[2]);
/* Rewrite an echo of a session with FORM_ECHO; and send it on. */
void echo_rewrite(const struct pkt *p, uint8_t *l3, struct session *s, unsigned int direction);
void echo_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s,
		  uint16_t nexthop, unsigned int length);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "path/worker.h"

/* Packets of tunnel interfaces, see tunnelled.c. */

/* Take the outer header off, when a tunnel interface wants the packet: it is dealt with then. */
bool tunnelled_take(struct worker *w, struct pkt *p);
/* Put what was taken into a batch that is empty. */
void tunnelled_released(struct worker *w, struct batch *b);
/* Send by a next hop that is a tunnel; and what Linux sends on a tunnel's TAP. */
void tunnelled_send(struct worker *w, struct rte_mbuf *m, unsigned int l3, bool ipv6,
		    const struct nexthop *n);
void tunnelled_send_frame(struct worker *w, struct rte_mbuf *m, const struct iface *iface);

/* output.c: a datagram without Ethernet header. */
void output_datagram(struct worker *w, struct rte_mbuf *m, bool ipv6, const struct nexthop *n);

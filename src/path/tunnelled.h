/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "path/worker.h"
#include "tunnel/device.h"

/* Packets of tunnel interfaces, see tunnelled.c. */

/* Take the outer header off, when a tunnel interface wants the packet: it is dealt with then. */
bool tunnelled_take(struct worker *w, struct pkt *p);
/* Put what was taken into a batch that is empty. */
void tunnelled_released(struct worker *w, struct batch *b);
/* Send by a next hop that is a tunnel; and what Linux sends on a tunnel's TAP. */
void tunnelled_send(struct worker *w, struct rte_mbuf *m, unsigned int l3, bool ipv6,
		    const struct nexthop *n);
void tunnelled_send_frame(struct worker *w, struct rte_mbuf *m, const struct iface *iface);

/*
 * tunnelled_mtu.c: how long an outer packet may be that leaves by this next hop; tell the sender of
 * the packet at `l3` that its outer packet would be longer (false: it must be sent in pieces); and
 * send an outer packet in pieces.
 */
unsigned int tunnelled_limit(const struct tunnel_device *d, uint16_t nexthop);
bool tunnelled_too_big(struct worker *w, struct rte_mbuf *m, const struct tunnel_device *d,
		       const uint8_t *l3, bool ipv6, unsigned int limit);
void tunnelled_cut(struct worker *w, struct rte_mbuf *m, bool ipv6, const struct nexthop *n,
		   unsigned int limit);

/* output.c: a datagram without Ethernet header. */
void output_datagram(struct worker *w, struct rte_mbuf *m, bool ipv6, const struct nexthop *n);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <netinet/in.h>

#include "path/worker.h"

/* BFD in the workers; see bfd.c. */

/* May it be one of BFD? Then, to an address of this host, it is taken, unless its peer has no session. */
bool bfd_is_packet(const struct pkt *p);
bool bfd_take(struct worker *w, struct batch *b, unsigned int at);
/* Is this, inside a VXLAN packet, a packet of BFD? Of an IPv4 header, `there` bytes readable. */
bool bfd_is_inside(const uint8_t *l3, unsigned int there);
/* The same, of a packet that has been parsed, in the zone of its VNI. */
bool bfd_is_of_zone(const struct pkt *p, uint32_t vni);
static inline bool bfd_is_of_tunnel(const struct pkt *p, uint32_t vni)
{
	return pkt_protocol(p) == IPPROTO_UDP && bfd_is_of_zone(p, vni);
}
/* One of these. */
void bfd_take_inside(struct worker *w, struct batch *b, unsigned int at);
/* What is due, about every millisecond. */
void bfd_run(struct worker *w, uint64_t tsc);

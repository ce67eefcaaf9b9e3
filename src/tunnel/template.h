/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#include "base/addr.h"
#include "base/csum.h"
#include "tunnel/tunnel.h"

/*
 * Outer headers, ready to copy: one for each real server that is reached through a tunnel, by the
 * server's number. The control thread fills one in before any worker knows the number, and changes
 * nothing of it later but the MTU; workers copy it before a packet and patch what the packet decides. See template.c.
 */
enum {
	TEMPLATE_ROOM = 52, // IPv6, UDP, GUE
	TEMPLATE_TTL = 64,
	TEMPLATE_IPV6_MTU = 1280, // what every IPv6 link carries
	TEMPLATE_MTU_UNKNOWN = UINT16_MAX,
};

enum template_flags {
	TEMPLATE_IPV6 = 1 << 0,	    // the outer header is IPv6
	TEMPLATE_CHECKSUM = 1 << 1, // GRE or GUE with a checksum over all of it
	TEMPLATE_SOURCE = 1 << 2,   // the header names its source, not the interface
};

struct template
{
	uint8_t header[TEMPLATE_ROOM];
	uint16_t sum;	   // IPv4: of the header as it stands here, folded
	uint8_t length;	   // of all outer headers; 0: there are none
	uint8_t transport; // offset of what stands behind the outer IP header
	uint8_t flags;
	uint8_t type;	    // enum tunnel_type
	uint16_t port;	    // of GUE, network byte order
	uint16_t mtu;	    // atomic: that the way there has, of the outer packet (path_mtu.c)
	uint16_t mtu_until; // control: seconds, modulo 65536
}
__attribute__((aligned(64)));
_Static_assert(sizeof(struct template) == 64, "a template is one cache line");

extern struct template *template_table; // by server; touched as it is used

int template_start(uint32_t servers);
void template_stop(void);

/* Make one that stands elsewhere; as template_make(). */
void template_fill(struct template *t, const struct tunnel_settings *settings,
		   const struct addr *to, const struct addr *source);
/* Control: `source` of family AF_UNSPEC is that of the interface which the packet leaves by. */
void template_make(uint32_t server, const struct tunnel_settings *settings, const struct addr *to,
		   const struct addr *source);
void template_clear(uint32_t server);

/* The highest server that has had one. */
uint32_t template_highest(void);

/*
 * Before template_put(): the template, and the line before the packet at `l3`, which no device has
 * brought into the cache.
 */
static inline void template_prefetch(uint32_t server, const uint8_t *l3)
{
	__builtin_prefetch(&template_table[server]);
	__builtin_prefetch(l3 - 40, 1); // an outer IP header at the most
}

/* What is left of a route's MTU, or of what the way there is known to have, for the packet inside. */
static inline unsigned int template_mtu(const struct template *t, unsigned int mtu)
{
	unsigned int learned = __atomic_load_n(&t->mtu, __ATOMIC_RELAXED);

	mtu = learned < mtu ? learned : mtu;
	return mtu > t->length ? mtu - t->length : 0;
}

/* What differs from packet to packet. */
struct template_packet {
	const uint8_t *source; // 4 or 16 bytes; not looked at with TEMPLATE_SOURCE
	uint32_t hash;	       // of the flow
	uint16_t length;       // of the packet inside
	uint16_t id;	       // of an outer IPv4 header, network byte order
	uint8_t tos;	       // of the packet inside: DSCP and ECN
	bool ipv6;	       // the packet inside is one
	bool fragments;	       // routers on the way may fragment the outer packet
};

/* Write the outer headers, all but the checksum over everything, to the t->length bytes there. */
void template_put(const struct template *t, uint8_t *outer, const struct template_packet *p);
/* Sum of a packet from an offset to its end, over all its segments; folded. */
uint16_t template_sum(const struct rte_mbuf *m, unsigned int at);
/* That checksum, for TEMPLATE_CHECKSUM: the outer IP header begins at `l3` of the packet. */
void template_checksum(const struct template *t, struct rte_mbuf *m, unsigned int l3);

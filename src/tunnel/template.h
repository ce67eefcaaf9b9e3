/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
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
	uint16_t sum;	   // IPv4: of what is the same in all headers but the source, folded
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

/* May a packet go through the tunnel whole? */
static inline bool template_fits(const struct template *t, unsigned int mtu, unsigned int length)
{
	length += t->length;
	if (unlikely(length > mtu))
		return false;
	return length <= __atomic_load_n(&t->mtu, __ATOMIC_RELAXED);
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
	const uint8_t *source; // 4 or 16 bytes
	uint32_t hash;	       // of the flow
	uint16_t length;       // of the packet inside
	uint16_t id;	       // of an outer IPv4 header, network byte order
	uint8_t tos;	       // of the packet inside: DSCP and ECN
	bool ipv6;	       // the packet inside is one
	bool fragments;	       // routers on the way may fragment the outer packet
};

/* What GRE and GUE add behind the outer IP header. */
void template_put_transport(const struct template *t, uint8_t *outer, uint32_t hash,
			    unsigned int length, bool ipv6);

/*
 * Write the outer headers, all but the checksum over everything, to the t->length bytes there: in a
 * few whole words, with the checksum from registers. To store them in pieces, or to read back as
 * words what was just stored in pieces, would cost more than all the rest. `ipip` says that the type
 * is known to be TUNNEL_IPIP, so that most is a constant.
 */
static inline __attribute__((always_inline)) void
template_put4(const struct template *t, uint8_t *outer, const struct template_packet *p, bool ipip)
{
	uint8_t inner = p->ipv6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
	uint8_t protocol = ipip || t->type == TUNNEL_IPIP ? inner : t->header[9];
	uint16_t length = rte_cpu_to_be_16((ipip ? 20 : t->length) + p->length);
	uint16_t fragments = p->fragments ? 0 : RTE_BE16(0x4000), checksum;
	uint64_t words[2];
	uint32_t source;

	memcpy(&source, p->source, 4);
	checksum = ~csum_fold((uint64_t)t->sum + source + (protocol << 8) + (p->tos << 8) + length +
			      p->id + fragments);
	words[0] = 0x45 | p->tos << 8 | (uint64_t)length << 16 | (uint64_t)p->id << 32 |
		   (uint64_t)fragments << 48;
	words[1] = TEMPLATE_TTL | protocol << 8 | (uint64_t)checksum << 16 | (uint64_t)source << 32;
	memcpy(outer + 16, t->header + 16, 4);
	memcpy(outer, words, 16);
	if (!ipip && t->type != TUNNEL_IPIP)
		template_put_transport(t, outer, p->hash, p->length, p->ipv6);
}

static inline __attribute__((always_inline)) void
template_put6(const struct template *t, uint8_t *outer, const struct template_packet *p, bool ipip)
{
	uint8_t inner = p->ipv6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
	uint8_t protocol = ipip || t->type == TUNNEL_IPIP ? inner : t->header[6];
	uint32_t flow = rte_cpu_to_be_32(6u << 28 | (uint32_t)p->tos << 20 | (p->hash & 0xfffff));
	uint16_t length = rte_cpu_to_be_16((ipip ? 0 : t->length - t->transport) + p->length);
	uint64_t word = flow | (uint64_t)length << 32 | (uint64_t)protocol << 48 |
			(uint64_t)TEMPLATE_TTL << 56;

	memcpy(outer + 24, t->header + 24, 16);
	memcpy(outer + 8, p->source, 16);
	memcpy(outer, &word, 8);
	if (!ipip && t->type != TUNNEL_IPIP)
		template_put_transport(t, outer, p->hash, p->length, p->ipv6);
}

static inline void template_put(const struct template *t, uint8_t *outer,
				const struct template_packet *p)
{
	if (t->flags & TEMPLATE_IPV6)
		template_put6(t, outer, p, false);
	else
		template_put4(t, outer, p, false);
}

/* Where the address stands that a template itself has as source, with TEMPLATE_SOURCE. */
static inline const uint8_t *template_source(const struct template *t, bool ipv6)
{
	return t->header + (ipv6 ? 8 : 12);
}

/* Sum of a packet from an offset to its end, over all its segments; folded. */
uint16_t template_sum(const struct rte_mbuf *m, unsigned int at);
/* That checksum, for TEMPLATE_CHECKSUM: the outer IP header begins at `l3` of the packet. */
void template_checksum(const struct template *t, struct rte_mbuf *m, unsigned int l3);

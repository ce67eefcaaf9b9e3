/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <netinet/in.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_prefetch.h>

#include "path/worker.h"

/*
 * What is known of a packet goes along when it is handed to its owner, who then neither checks nor
 * hashes it again: in fields of the mbuf's first line that nothing else uses by then. Both are
 * inline: a worker that owns few of its packets does this for most.
 *
 *	hash.fdir.hi   the hash of its key
 *	packet_type    the protocol, and HAND_IPV6
 *	vlan_tci       pkt.l4, and pkt.tcp_flags << 8
 */
enum { HAND_IPV6 = 1 << 8 };

/* Of a packet of the flow lane that missed: why it is handed over. */
static inline enum hand hand_pack(const struct pkt *p)
{
	uint32_t protocol = p->flags & PKT_IPV6 ? p->key6.zone_protocol : p->key4.zone_protocol;
	struct rte_mbuf *m = p->mbuf;

	// The keys of ICMP are not in its header, and who gets a packet of a VNI goes inside again.
	if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) || (p->flags & PKT_ICMP_ERROR))
		return HAND_OWNER;
	m->hash.fdir.hi = p->hash;
	m->packet_type = protocol | (p->flags & PKT_IPV6 ? HAND_IPV6 : 0);
	m->vlan_tci = p->l4 | p->tcp_flags << 8;
	return HAND_PARSED;
}

/* At the owner. The tags were taken off (tags_strip()). */
static inline void hand_read(struct pkt *p)
{
	const struct rte_mbuf *m = p->mbuf;
	const uint8_t *l3, *l4;
	uint64_t words[2];
	uint32_t ports;

	p->l3 = RTE_ETHER_HDR_LEN;
	p->l4 = m->vlan_tci;
	p->tcp_flags = m->vlan_tci >> 8;
	p->hash = m->hash.fdir.hi;
	l3 = pkt_l3(p);
	l4 = pkt_l4(p);
	if (unlikely(m->packet_type & HAND_IPV6)) {
		p->flags |= PKT_IPV6;
		memcpy(p->key6.source, l3 + offsetof(struct rte_ipv6_hdr, src_addr), 32);
		memcpy(&p->key6.source_port, l4, 4);
		p->key6.zone_protocol = m->packet_type & ~HAND_IPV6;
		return;
	}
	memcpy(&words[0], l3 + offsetof(struct rte_ipv4_hdr, src_addr), 8);
	memcpy(&ports, l4, 4);
	words[1] = ports | (uint64_t)m->packet_type << 32;
	memcpy(&p->key4, words, sizeof(p->key4));
}

/*
 * Of a packet with PKT_READY: true when it is to be looked up now, false when its fate is settled.
 * Only its interface may have gone since it was parsed.
 */
static inline bool hand_unpack(struct worker *w, struct pkt *p, const struct iface *iface)
{
	p->flags &= ~PKT_READY;
	if (p->mbuf->hash.usr == HAND_READY) {
		p->fate = FATE_BARE;
		return false;
	}
	if (unlikely(!iface || !iface->up)) {
		pkt_drop(p, DROP_iface_down);
		return false;
	}
	hand_read(p);
	rte_prefetch0(table_home(&w->table, p->hash));
	return true;
}

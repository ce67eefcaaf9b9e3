/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Packets of tunnel interfaces (tunnel/device.c).
 *
 * In: a packet with an outer header comes to an address of Linux like any other; where it would be
 * given to Linux it is looked at, and what is inside becomes a packet of the tunnel interface, at
 * the beginning of the next batch, so that it walks through all stages. Packets that no tunnel
 * interface wants go to Linux as before.
 *
 * Out: a next hop on a tunnel interface has no Ethernet header to copy (NEXTHOP_TUNNEL). The packet
 * gets the outer header and leaves by the path to the other side; tunnelled_mtu.c has what is done
 * with one that is too large for that.
 */
#include "path/tunnelled.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_jhash.h>
#include <rte_udp.h>

#include "net/nexthop.h"
#include "tunnel/device.h"
#include "tunnel/source.h"

enum { PARK_SECONDS = 1, ETHERNET_MOST = 22 };

/* In */

static bool is_fragment(const struct pkt *p)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)pkt_l3(p);

	return !(p->flags & PKT_IPV6) && (ip->fragment_offset & RTE_BE16(0x3fff)) != 0;
}

/* The frame that the tunnel interface has received: an Ethernet header where there is none. */
static struct rte_mbuf *tunnelled_open(struct pkt *p, const struct tunnel_device *d,
				       const struct tunnel_outer *outer, unsigned int length)
{
	const struct iface *iface = iface_get(d->iface);
	unsigned int at = p->l3 + p->l4 + outer->inside, padded = rte_pktmbuf_pkt_len(p->mbuf);
	struct rte_mbuf *m = p->mbuf;
	struct rte_ether_hdr *ether;

	if (padded > p->l3 + p->l4 + length)
		rte_pktmbuf_trim(m, padded - p->l3 - p->l4 - length);
	if (!iface || !rte_pktmbuf_adj(m, at))
		return NULL;
	m->port = d->iface;
	m->ol_flags &= ~(RTE_MBUF_F_RX_RSS_HASH | RTE_MBUF_F_RX_IP_CKSUM_MASK |
			 RTE_MBUF_F_RX_L4_CKSUM_MASK);
	if (outer->ether_type == 0)
		return m;
	ether = (struct rte_ether_hdr *)rte_pktmbuf_prepend(m, sizeof(*ether));
	if (!ether)
		return NULL;
	ether->dst_addr = iface->mac;
	ether->src_addr = iface->mac;
	ether->src_addr.addr_bytes[5] ^= 1; // of the other side, which has none
	ether->ether_type = outer->ether_type;
	return m;
}

static enum drop tunnelled_mark(const struct pkt *p, const struct tunnel_outer *outer)
{
	const uint8_t *l3 = pkt_l3(p);
	uint8_t tos = p->flags & PKT_IPV6 ? l3[0] << 4 | l3[1] >> 4 : l3[1];
	uint16_t type = outer->ether_type;
	uint8_t *inside = pkt_l4(p) + outer->inside;

	if (type == 0) {
		memcpy(&type, inside + 12, 2);
		inside += sizeof(struct rte_ether_hdr);
	}
	if (type != RTE_BE16(RTE_ETHER_TYPE_IPV4) && type != RTE_BE16(RTE_ETHER_TYPE_IPV6))
		return DROP_none;
	if (rte_pktmbuf_data_len(p->mbuf) < inside - rte_pktmbuf_mtod(p->mbuf, uint8_t *) + 20u)
		return DROP_none; // input() will say so
	return decapsulate_ecn(tos, inside, type == RTE_BE16(RTE_ETHER_TYPE_IPV6));
}

static const struct tunnel_device *tunnelled_device(const struct pkt *p, struct tunnel_outer *outer,
						    unsigned int length, enum drop *reason)
{
	unsigned int there = rte_pktmbuf_data_len(p->mbuf) - p->l3 - p->l4;
	bool ipv6 = p->flags & PKT_IPV6;
	struct addr remote = ipv6 ? addr_v6(p->key6.source) : addr_v4(p->key4.source);
	struct addr local = ipv6 ? addr_v6(p->key6.destination) : addr_v4(p->key4.destination);
	const struct tunnel_device *d;

	*reason = DROP_none;
	outer->kind = pkt_protocol(p) == IPPROTO_GRE   ? TUNNEL_KIND_GRE
		      : pkt_protocol(p) == IPPROTO_UDP ? TUNNEL_KIND_VXLAN
						       : TUNNEL_KIND_IPIP;
	if (!device_is_between(&local, &remote, outer->kind))
		return NULL;
	*reason = DROP_tunnel_fragment;
	if (is_fragment(p))
		return NULL;
	*reason = decapsulate(pkt_l4(p), pkt_protocol(p), RTE_MIN(there, length), length, outer);
	if (*reason != DROP_none)
		return NULL;
	d = device_find(&local, &remote, outer);
	*reason = d ? DROP_none : DROP_tunnel_key;
	if (d && d->config.input_checksum && !outer->checked)
		*reason = DROP_tunnel_checksum;
	return d;
}

/* What the outer IP header leaves for its transport. */
static unsigned int tunnelled_length(const struct pkt *p)
{
	const uint8_t *l3 = pkt_l3(p);

	return (p->flags & PKT_IPV6 ? 40 + (l3[4] << 8 | l3[5]) : l3[2] << 8 | l3[3]) - p->l4;
}

bool tunnelled_take(struct worker *w, struct pkt *p)
{
	const struct tunnel_device *d;
	struct tunnel_outer outer;
	unsigned int length, bytes;
	enum drop reason;
	uint16_t port;

	if (__atomic_load_n(&tunnel_device_count, __ATOMIC_RELAXED) == 0 || p->l4 == 0 ||
	    !decapsulate_is_outer(pkt_protocol(p)))
		return false;
	memcpy(&port, pkt_l4(p) + 2, 2);
	if (pkt_protocol(p) == IPPROTO_UDP && !device_is_vxlan_port(rte_be_to_cpu_16(port)))
		return false;
	length = tunnelled_length(p);
	d = tunnelled_device(p, &outer, length, &reason);
	if (!d && reason == DROP_none)
		return false;
	if (d && reason == DROP_none)
		reason = d->link && d->link != p->iface ? DROP_tunnel_key
							: tunnelled_mark(p, &outer);
	if (reason == DROP_none && !tunnelled_open(p, d, &outer, length))
		reason = DROP_tunnel_short;
	if (reason != DROP_none) {
		pkt_drop(p, reason);
		return true;
	}
	bytes = rte_pktmbuf_pkt_len(p->mbuf);
	w->iface_count[d->iface].packets[0]++;
	w->iface_count[d->iface].bytes[0] += bytes;
	w->opened[w->opened_count++] = p->mbuf;
	p->fate = FATE_TAKEN;
	return true;
}

void tunnelled_released(struct worker *w, struct batch *b)
{
	for (unsigned int i = 0; i < w->opened_count; i++) {
		struct pkt *p = &b->pkt[b->count++];

		p->mbuf = w->opened[i];
		p->iface = w->opened[i]->port;
		p->flags = 0;
	}
	w->opened_count = 0;
}

/* Out */

static void tunnelled_drop(struct worker *w, struct rte_mbuf *m, enum drop reason)
{
	w->drops[reason]++;
	rte_pktmbuf_free(m);
}

/* What the outer header has to know of the packet inside; `l3` NULL: it is not IP. */
static struct template_packet tunnelled_inside(const uint8_t *l3, bool ipv6)
{
	struct template_packet packet = {.fragments = true, .ipv6 = ipv6};
	unsigned int length = ipv6 ? 36 : 12;
	uint32_t flow[9];

	if (!l3)
		return packet;
	packet.tos = ipv6 ? l3[0] << 4 | l3[1] >> 4 : l3[1];
	memcpy(flow, ipv6 ? l3 + 8 : l3 + 12, length); // addresses and ports, at any place
	packet.hash = rte_jhash(flow, length, ipv6 ? l3[6] : l3[9]);
	packet.fragments = !ipv6 && !(l3[6] & 0x40);
	return packet;
}

/* The outer header's time to live, which the template has as a number of its own. */
static void tunnelled_set_ttl(uint8_t *outer, bool ipv6, uint8_t ttl)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)outer;

	if (ipv6) {
		outer[7] = ttl;
		return;
	}
	ip->time_to_live = ttl;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = ~csum_fold(csum_bytes(ip, sizeof(*ip)));
}

/* By the path to the other side; the outer IP header is at the beginning of the packet. */
static void tunnelled_leave(struct worker *w, struct rte_mbuf *m, const struct tunnel_device *d,
			    uint16_t nexthop, uint32_t hash, unsigned int limit)
{
	bool ipv6 = d->outer.flags & TEMPLATE_IPV6;
	const struct nexthop *n = &nexthop_table[nexthop];

	if (nexthop == NEXTHOP_UNRESOLVED && w->parked_count < PARKED) {
		w->parked[w->parked_count++] = (struct parked){
			.mbuf = m,
			.deadline = w->batch.tsc + PARK_SECONDS * w->hz,
			.hash = hash,
			.ipv6 = ipv6,
		};
	} else if (nexthop < NEXTHOP_FIRST) {
		tunnelled_drop(w, m,
			       nexthop == NEXTHOP_UNRESOLVED  ? DROP_neighbour_queue_full
			       : nexthop == NEXTHOP_BLACKHOLE ? DROP_route_blackhole
							      : DROP_no_route);
	} else if (n->header_len == NEXTHOP_TUNNEL) {
		tunnelled_drop(w, m, DROP_tunnel_loop);
	} else if (rte_pktmbuf_pkt_len(m) > limit) {
		tunnelled_cut(w, m, ipv6, n, limit);
	} else {
		output_datagram(w, m, ipv6, n);
	}
}

/* `m` begins with the packet or frame inside; `l3` is its IP header. */
static void tunnelled_close(struct worker *w, struct rte_mbuf *m, const struct tunnel_device *d,
			    const uint8_t *l3, bool ipv6)
{
	struct template_packet packet = tunnelled_inside(l3, ipv6);
	uint16_t nexthop = path_nexthop(d->path, packet.hash);
	uint16_t leaves = nexthop >= NEXTHOP_FIRST ? nexthop_table[nexthop].iface : 0;
	uint8_t ttl = d->config.ttl < 0 && l3 ? l3[ipv6 ? 7 : 8] : 0;
	unsigned int length = rte_pktmbuf_pkt_len(m), limit = tunnelled_limit(d, nexthop);
	uint8_t *outer;

	if (rte_pktmbuf_headroom(m) < d->length + ETHERNET_MOST) {
		tunnelled_drop(w, m, DROP_no_headroom);
		return;
	}
	if (length + d->length > UINT16_MAX) {
		tunnelled_drop(w, m, DROP_needs_fragmentation);
		return;
	}
	if (unlikely(length + d->length > limit) && !packet.fragments) {
		if (tunnelled_too_big(w, m, d, l3, ipv6, limit))
			return;
		packet.fragments = true;
	}
	w->iface_count[d->iface].packets[1]++;
	w->iface_count[d->iface].bytes[1] += length;
	outer = (uint8_t *)rte_pktmbuf_prepend(m, d->length);
	packet.length = length + d->length - d->outer.length;
	packet.id = rte_cpu_to_be_16(++w->tunnel_id * w->count + w->index);
	packet.source = d->outer.flags & TEMPLATE_SOURCE
				? template_source(&d->outer, d->outer.flags & TEMPLATE_IPV6)
				: source_of(leaves, d->outer.flags & TEMPLATE_IPV6);
	if (d->config.tos >= 0)
		packet.tos = (d->config.tos & 0xfc) | (packet.tos & 3);
	template_put(&d->outer, outer, &packet);
	memcpy(outer + d->tail_at, d->tail, d->tail_length);
	if (unlikely(d->config.output_sequence))
		device_number(d, outer + d->tail_at);
	if (ttl || d->config.ttl > 0)
		tunnelled_set_ttl(outer, d->outer.flags & TEMPLATE_IPV6, ttl ? ttl : d->config.ttl);
	if (d->outer.flags & TEMPLATE_CHECKSUM)
		template_checksum(&d->outer, m, 0);
	tunnelled_leave(w, m, d, nexthop, packet.hash, limit);
}

void tunnelled_send(struct worker *w, struct rte_mbuf *m, unsigned int l3, bool ipv6,
		    const struct nexthop *n)
{
	const struct tunnel_device *d = device_get(n->iface);
	uint16_t type = ipv6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6) : RTE_BE16(RTE_ETHER_TYPE_IPV4);
	uint8_t *inside = rte_pktmbuf_mtod_offset(m, uint8_t *, l3), *ether;

	if (!d) {
		tunnelled_drop(w, m, DROP_iface_down);
		return;
	}
	rte_pktmbuf_adj(m, l3);
	if (d->config.kind == TUNNEL_KIND_VXLAN) {
		ether = (uint8_t *)rte_pktmbuf_prepend(m, RTE_ETHER_HDR_LEN);
		if (!ether) {
			tunnelled_drop(w, m, DROP_no_headroom);
			return;
		}
		memcpy(ether, n->header, 2 * RTE_ETHER_ADDR_LEN);
		memcpy(ether + 2 * RTE_ETHER_ADDR_LEN, &type, sizeof(type));
	}
	tunnelled_close(w, m, d, inside, ipv6);
}

void tunnelled_send_frame(struct worker *w, struct rte_mbuf *m, const struct iface *iface)
{
	const struct tunnel_device *d = device_get(iface->index);
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	bool ipv6 = ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6);
	bool ipv4 = ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4);
	const uint8_t *inside = (const uint8_t *)(ether + 1);

	if (!d || (!ipv4 && !ipv6 && d->config.kind != TUNNEL_KIND_VXLAN)) {
		tunnelled_drop(w, m, d ? DROP_tunnel_protocol : DROP_iface_down);
		return;
	}
	if (rte_pktmbuf_data_len(m) < sizeof(*ether) + (ipv6 ? 40 : 20))
		inside = NULL;
	if (d->config.kind != TUNNEL_KIND_VXLAN)
		rte_pktmbuf_adj(m, sizeof(*ether));
	tunnelled_close(w, m, d, ipv4 || ipv6 ? inside : NULL, ipv6);
}

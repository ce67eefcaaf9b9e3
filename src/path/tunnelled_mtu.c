/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Packets of tunnel interfaces that are too large for the way to the other side.
 *
 * What an interface takes, its MTU, is known to routes, so that nothing larger comes here. The way
 * may take less: an interface beneath has got a smaller MTU, or a router further on has said so
 * (tunnel/path_mtu.c). Then this is the router that has to tell the sender (RFC 2003, 5.1; RFC 4459,
 * 3.2): an error is made of its packet, as if a router behind the tunnel had sent it, and becomes a
 * packet that the tunnel interface has received. So it finds its way by itself: to Linux, or by the
 * session to the client or server that has sent the packet, also by another worker.
 *
 * A packet that may be cut is sent, in an outer packet that is cut; and so is IPv6 of no more than
 * 1280 bytes, which has to get through (RFC 8200, 5).
 */
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include <rte_ip.h>

#include "net/nexthop.h"
#include "path/answer.h"
#include "path/fragment.h"
#include "path/tunnelled.h"

enum { IPV4_LEAST_MTU = 68, IPV6_LEAST_MTU = TEMPLATE_IPV6_MTU };

unsigned int tunnelled_limit(const struct tunnel_device *d, uint16_t nexthop)
{
	unsigned int learned = __atomic_load_n(&d->outer.mtu, __ATOMIC_RELAXED);

	if (nexthop < NEXTHOP_FIRST)
		return learned;
	return RTE_MIN(learned, (unsigned int)nexthop_table[nexthop].mtu);
}

/* No errors about errors, nor about pieces of which the first was told of (RFC 1122, 3.2.2). */
static bool may_be_told(const uint8_t *l3, unsigned int there, bool ipv6)
{
	unsigned int header = ipv6 ? sizeof(struct rte_ipv6_hdr) : (l3[0] & 0xf) * 4;
	uint8_t protocol = ipv6 ? l3[6] : l3[9], type;

	if (there <= header || (!ipv6 && ((l3[6] << 8 | l3[7]) & 0x1fff) != 0))
		return false;
	type = l3[header];
	if (ipv6)
		return protocol != IPPROTO_ICMPV6 || (type & ICMP6_INFOMSG_MASK);
	return protocol != IPPROTO_ICMP ||
	       (type != ICMP_DEST_UNREACH && type != ICMP_REDIRECT && type != ICMP_SOURCE_QUENCH &&
		type != ICMP_TIME_EXCEEDED && type != ICMP_PARAMETERPROB);
}

/* The packet, which begins with its IP header, becomes an error about it in a frame. */
static bool error_make(struct worker *w, struct rte_mbuf *m, const struct iface *iface, bool ipv6,
		       unsigned int mtu)
{
	struct pkt p = {.mbuf = m, .flags = ipv6 ? PKT_IPV6 : 0};
	const uint8_t *l3 = rte_pktmbuf_mtod(m, const uint8_t *);
	struct rte_ether_hdr *ether;

	if (ipv6)
		memcpy(p.key6.source, l3 + 8, 32);
	else
		p.key4 = key4_make(((const struct rte_ipv4_hdr *)l3)->src_addr,
				   ((const struct rte_ipv4_hdr *)l3)->dst_addr, 0, 0, 0);
	if (!answer_make_too_big(w, &p, mtu))
		return false;
	ether = (struct rte_ether_hdr *)rte_pktmbuf_prepend(m, sizeof(*ether));
	if (!ether)
		return false;
	ether->dst_addr = iface->mac;
	ether->src_addr = iface->mac;
	ether->src_addr.addr_bytes[5] ^= 1;
	ether->ether_type = ipv6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6) : RTE_BE16(RTE_ETHER_TYPE_IPV4);
	return true;
}

bool tunnelled_too_big(struct worker *w, struct rte_mbuf *m, const struct tunnel_device *d,
		       const uint8_t *l3, bool ipv6, unsigned int limit)
{
	unsigned int before = l3 - rte_pktmbuf_mtod(m, const uint8_t *);
	unsigned int headers = before + d->length, length = rte_pktmbuf_pkt_len(m) - before;
	unsigned int least = ipv6 ? IPV6_LEAST_MTU : IPV4_LEAST_MTU;
	const struct iface *iface = iface_get(d->iface);

	if (ipv6 && length <= IPV6_LEAST_MTU)
		return false;
	w->drops[DROP_too_big]++;
	if (!iface || w->opened_count == BATCH ||
	    !may_be_told(l3, rte_pktmbuf_data_len(m) - before, ipv6))
		goto free_packet;
	rte_pktmbuf_adj(m, before);
	if (!error_make(w, m, iface, ipv6, limit > headers + least ? limit - headers : least))
		goto free_packet;
	m->port = d->iface;
	m->ol_flags = 0;
	w->opened[w->opened_count++] = m;
	w->stats.answered++;
	return true;

free_packet:
	rte_pktmbuf_free(m);
	return true;
}

void tunnelled_cut(struct worker *w, struct rte_mbuf *m, bool ipv6, const struct nexthop *n,
		   unsigned int limit)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv6_hdr *);
	struct fragmentation f;
	struct rte_mbuf *pieces;

	if (ipv6)
		fragment_begin6(&f, m, 0, limit,
				rte_cpu_to_be_32(frag_id(&w->frag, ip->src_addr, ip->dst_addr, true,
							 w->index, w->count)));
	else
		fragment_begin(&f, m, 0, limit);
	pieces = fragment_all(&f);
	rte_pktmbuf_free(m);
	if (!pieces) {
		w->drops[DROP_needs_fragmentation]++;
		return;
	}
	w->stats.fragments_made--;
	while (pieces) {
		struct rte_mbuf *next = pieces->next;

		pieces->next = NULL;
		output_datagram(w, pieces, ipv6, n);
		w->stats.fragments_made++;
		pieces = next;
	}
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "path/punt_class.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>

enum {
	SHARE_PART = 10, // of a second is a window
	SHARE_FEW = 16,
	SHARE_RESERVE = 128,
};

/* What kind of traffic is it, for the policers? */
enum punt_class punt_class_of(const struct pkt *p)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(p->mbuf, const struct rte_ether_hdr *);
	uint16_t ports[2] = {0, 0};

	if (ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_ARP))
		return PUNT_NEIGHBOUR;
	if (p->l4 == 0)
		return PUNT_ROUTING; // LACP, LLDP, IS-IS
	if (p->flags & PKT_ICMP_ERROR)
		return PUNT_ICMP; // the key is the quoted packet's
	if (rte_pktmbuf_data_len(p->mbuf) < p->l3 + p->l4 + 4u)
		return PUNT_REST;
	switch (pkt_protocol(p)) {
	case IPPROTO_ICMPV6:
		return *pkt_l4(p) >= ND_ROUTER_SOLICIT && *pkt_l4(p) <= ND_REDIRECT ? PUNT_NEIGHBOUR
										    : PUNT_ICMP;
	case IPPROTO_ICMP:
		return PUNT_ICMP;
	case 89:  // OSPF
	case 112: // VRRP
		return PUNT_ROUTING;
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		memcpy(ports, pkt_l4(p), 4);
		break;
	default:
		return PUNT_REST;
	}
	for (unsigned int i = 0; i < 2; i++) {
		uint16_t port = rte_be_to_cpu_16(ports[i]);

		// BGP; BFD of one hop, of many, and its echo
		if (port == 179 || port == 3784 || port == 4784 || port == 3785)
			return PUNT_ROUTING;
	}
	return PUNT_REST;
}

static bool reserve_allows(struct worker *w, const struct batch *b, const struct pkt *p)
{
	// ARP and the like have no source that says anything.
	return p->l4 != 0 && source_share_take(&w->punt_share, p, b->tsc, w->hz / SHARE_PART,
					       SHARE_FEW, SHARE_RESERVE);
}

bool punt_give(struct worker *w, const struct batch *b, const struct pkt *p)
{
	enum punt_class class = punt_class_of(p);

	if (punt_allows(w->index, class, b->tsc)) {
		if (p->l4 != 0)
			source_share_count(&w->punt_share, p, b->tsc, w->hz / SHARE_PART);
	} else if (!reserve_allows(w, b, p)) {
		punt_refused(w->index, class);
		return false;
	}
	return punt_queue(w->index, p->iface, class, p->mbuf);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * ICMP echoes as flows, for SNAT. An echo becomes a flow only when a match has asked for ICMP; what
 * then belongs to no session and to no match is for Linux, as before. The identifier of a request
 * stands as its source port and that of a reply as its destination port, so that a request of the
 * other side is never taken for an answer.
 */
#include "path/echo.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "balance/matches.h"
#include "net/nexthop.h"
#include "path/answer.h"
#include "path/fragment.h"
#include "session/rewrite.h"

bool echo_ports(const struct pkt *p, const uint8_t *icmp, uint16_t ports[2])
{
	bool ipv6 = p->flags & PKT_IPV6;
	uint8_t request = ipv6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
	uint8_t reply = ipv6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY;
	uint16_t identifier;

	// What Linux sends itself belongs to no session; the answers find none and go to it.
	if (icmp[1] != 0 || (p->flags & PKT_FROM_KERNEL) || !matches_want_echo())
		return false;
	memcpy(&identifier, icmp + ECHO_IDENTIFIER, 2);
	ports[0] = icmp[0] == request ? identifier : 0;
	ports[1] = icmp[0] == request ? 0 : identifier;
	return icmp[0] == request || icmp[0] == reply;
}

bool echo_key(struct pkt *p, const uint8_t *icmp)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)pkt_l3(p);
	uint16_t ports[2];

	if (!echo_ports(p, icmp, ports))
		return false;
	p->tcp_flags = 0;
	if (p->flags & PKT_IPV6) {
		p->key6.source_port = ports[0];
		p->key6.destination_port = ports[1];
	} else {
		p->key4 = key4_make(ip->src_addr, ip->dst_addr, ports[0], ports[1], IPPROTO_ICMP);
	}
	return true;
}

void echo_rewrite(const struct pkt *p, uint8_t *l3, struct session *s, unsigned int direction)
{
	if (p->flags & PKT_IPV6)
		rewrite_echo6(l3, l3 + p->l4, s, direction);
	else
		rewrite_echo4(l3, l3 + p->l4, s, direction);
}

void echo_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s,
		  uint16_t nexthop, unsigned int length)
{
	struct pkt *p = &b->pkt[at];
	unsigned int direction = p->session & ENTRY_REVERSE ? 1 : 0;
	uint8_t *l3 = pkt_l3(p);

	if (l3[p->flags & PKT_IPV6 ? 7 : 8] <= 1) {
		answer_ttl_exceeded(w, b, at);
		return;
	}
	if (nexthop >= NEXTHOP_FIRST && length > nexthop_table[nexthop].mtu) {
		if (fragment_allowed(p)) {
			fragment_forward_cut(w, b, at, nexthop, length);
			return;
		}
		answer_too_big(w, b, at, nexthop_table[nexthop].mtu);
		return;
	}
	echo_rewrite(p, l3, s, direction);
	s->bytes[direction] += length;
	if (unlikely(++s->packets[direction] == UINT16_MAX))
		sweep_fold(w, s);
	b->nexthop[at] = nexthop;
	p->fate = FATE_SEND;
}

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * ICMP errors about packets of sessions of two families, as in icmp.c but with both headers of the
 * other IP version (RFC 7915, sections 4.2 to 4.5 and 5.2 to 5.5): types and codes by the tables of
 * session/translate.c, the MTU with 20 bytes of difference, the quoted packet as its sender knows
 * it. What is quoted is cut off where the whole would be longer than such an error may be, and the
 * extensions of RFC 4884 are left out. What has no counterpart is dropped.
 */
#include "path/family.h"

#include <netinet/in.h>

#include "base/csum.h"
#include "session/rewrite.h"
#include "session/translate.h"

enum {
	ICMP_HEADER = 8,
	ERROR4_MAX = 576,
	ERROR6_MAX = TRANSLATE_IPV6_MTU,
};

/* What is translated: the error, and the packet in it; how long they are and what they become. */
struct icmp_error {
	struct translate outer, inner;
	uint8_t *transport;	   // that is quoted: it stays where it is
	unsigned int length;	   // of what is quoted of it
	uint8_t icmp[ICMP_HEADER]; // as it will be
};

static uint16_t nexthop_mtu(uint16_t nexthop)
{
	return nexthop >= NEXTHOP_FIRST ? nexthop_table[nexthop].mtu : UINT16_MAX;
}

/* Read an ICMPv4 error; input() has checked that what it quotes is there. */
static enum drop error_from4(struct icmp_error *e, struct pkt *p, uint16_t mtu4, uint16_t mtu6)
{
	const struct rte_ipv4_hdr *outer = (const struct rte_ipv4_hdr *)pkt_l3(p);
	uint8_t *icmp = pkt_l4(p);
	const struct rte_ipv4_hdr *inner = (const struct rte_ipv4_hdr *)(icmp + ICMP_HEADER);
	unsigned int header = (inner->version_ihl & 0xf) * 4;
	unsigned int quoted = rte_be_to_cpu_16(outer->total_length) - p->l4 - ICMP_HEADER;

	if (rte_be_to_cpu_16(inner->total_length) < header)
		return DROP_icmp_error_malformed;
	translate_from4(&e->outer, outer);
	translate_from4(&e->inner, inner);
	e->transport = (uint8_t *)inner + header;
	e->length = translate_quoted_in4(icmp, quoted) - header;
	return translate_error_to6(icmp, rte_be_to_cpu_16(inner->total_length), mtu4, mtu6, e->icmp)
		       ? DROP_none
		       : DROP_icmp_error_no_counterpart;
}

static enum drop error_from6(struct icmp_error *e, struct pkt *p, uint16_t mtu4, uint16_t mtu6)
{
	const struct rte_ipv6_hdr *outer = (const struct rte_ipv6_hdr *)pkt_l3(p);
	uint8_t *icmp = pkt_l4(p);
	const struct rte_ipv6_hdr *inner = (const struct rte_ipv6_hdr *)(icmp + ICMP_HEADER);
	unsigned int header = icmp6_quoted_transport((const uint8_t *)inner);
	unsigned int quoted = sizeof(*outer) + rte_be_to_cpu_16(outer->payload_len) - p->l4 -
			      ICMP_HEADER;

	if (sizeof(*inner) + rte_be_to_cpu_16(inner->payload_len) < header ||
	    translate_quoted_in6(icmp, quoted) < header + 8)
		return DROP_icmp_error_malformed;
	translate_from6(&e->outer, outer, p->l4, IPPROTO_ICMPV6, NULL);
	translate_from6(&e->inner, inner, header, p->key6.zone_protocol, NULL);
	e->transport = (uint8_t *)inner + header;
	e->length = translate_quoted_in6(icmp, quoted) - header;
	return translate_error_to4(icmp, mtu4, mtu6, e->icmp) ? DROP_none
							      : DROP_icmp_error_no_counterpart;
}

/* The frame ends behind what is quoted of the transport. */
static void error_cut(struct pkt *p, struct icmp_error *e, unsigned int headers, unsigned int most)
{
	unsigned int end;

	e->length = RTE_MIN(e->length, most - headers);
	end = e->transport + e->length - rte_pktmbuf_mtod(p->mbuf, uint8_t *);
	p->mbuf->data_len = p->mbuf->pkt_len = end;
}

/* Headers before `header` bytes that end where the quoted transport begins; NULL: no room. */
static uint8_t *error_headers(struct pkt *p, struct icmp_error *e, unsigned int outer,
			      unsigned int all)
{
	unsigned int transport = e->transport - rte_pktmbuf_mtod(p->mbuf, uint8_t *);
	uint8_t *l3 = family_header(p, transport, all);

	if (l3) {
		p->l4 = outer;
		memcpy(l3 + outer, e->icmp, ICMP_HEADER);
	}
	e->outer.payload = all - outer + e->length;
	e->outer.hop_limit--;
	return l3;
}

static bool error_to6(struct pkt *p, struct icmp_error *e, struct session *s,
		      unsigned int direction)
{
	const struct key6 *known = session_key6(s, direction ^ 1);
	unsigned int inner = translate_header6(&e->inner), outer = sizeof(struct rte_ipv6_hdr);
	unsigned int all = outer + ICMP_HEADER + inner, length;
	struct rte_ipv6_hdr *l3;
	uint8_t *icmp;
	uint16_t sum;

	error_cut(p, e, all, ERROR6_MAX);
	l3 = (struct rte_ipv6_hdr *)error_headers(p, e, outer, all);
	if (!l3)
		return false;
	icmp = (uint8_t *)l3 + outer;
	e->outer.protocol = IPPROTO_ICMPV6;
	translate_to6((struct rte_ipv6_hdr *)(icmp + ICMP_HEADER), &e->inner, known->source,
		      known->destination);
	translate_to6(l3, &e->outer, known->destination, known->source);
	length = e->outer.payload;
	sum = ~csum_fold(csum_pseudo6(l3->src_addr, IPPROTO_ICMPV6, length) +
			 csum_bytes(icmp, length));
	memcpy(icmp + 2, &sum, 2);
	return true;
}

static bool error_to4(struct worker *w, struct pkt *p, struct icmp_error *e, struct session *s,
		      unsigned int direction)
{
	const struct key4 *known = session_key(s, true, direction ^ 1);
	unsigned int all = TRANSLATE_HEADER4 + ICMP_HEADER + TRANSLATE_HEADER4;
	struct rte_ipv4_hdr *l3;
	uint8_t *icmp;
	uint16_t sum;

	error_cut(p, e, all, ERROR4_MAX);
	l3 = (struct rte_ipv4_hdr *)error_headers(p, e, TRANSLATE_HEADER4, all);
	if (!l3)
		return false;
	icmp = (uint8_t *)l3 + TRANSLATE_HEADER4;
	e->outer.protocol = IPPROTO_ICMP;
	// What the quoted packet's identification was is not known, nor does anybody ask for it.
	translate_to4((struct rte_ipv4_hdr *)(icmp + ICMP_HEADER), &e->inner, known->source,
		      known->destination, 0);
	translate_to4(l3, &e->outer, known->destination, known->source, w->packet_id++);
	sum = ~csum_fold(csum_bytes(icmp, e->outer.payload));
	memcpy(icmp + 2, &sum, 2);
	return true;
}

bool family_icmp_error(struct worker *w, struct batch *b, unsigned int at, struct session *s,
		       unsigned int direction)
{
	struct pkt *p = &b->pkt[at];
	bool ipv6 = p->flags & PKT_IPV6, done;
	uint16_t there = nexthop_mtu(b->nexthop[at]); // where the error goes
	uint16_t here = nexthop_mtu(route_of_session(w, p, s, direction ^ 1));
	uint16_t ports[2];
	struct icmp_error e;
	enum drop reason = ipv6 ? error_from6(&e, p, there, here) : error_from4(&e, p, here, there);

	if (reason != DROP_none) {
		pkt_drop(p, reason);
		return false;
	}
	if (ipv6) {
		const struct key4 *known = session_key(s, true, direction ^ 1);

		memcpy(ports, &known->source_port, sizeof(ports));
	} else {
		memcpy(ports, &session_key6(s, direction ^ 1)->source_port, sizeof(ports));
	}
	icmp_quoted_rewrite(w, p, s, direction, e.transport, e.length, e.inner.payload, ports[0],
			    ports[1]);
	done = ipv6 ? error_to4(w, p, &e, s, direction) : error_to6(p, &e, s, direction);
	if (!done)
		pkt_drop(p, DROP_no_headroom);
	return done;
}

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * ICMP errors about a session's packets, translated so that path MTU discovery and "unreachable"
 * work through the balancer.
 *
 * The error quotes a packet as this balancer sent it. Whoever has to hear of it knows that packet
 * by the other direction's tuple: the quoted tuple becomes that, the error is addressed to its
 * source, and comes from what that side takes for its peer (RFC 792, RFC 4443). The MTU in a
 * "packet too big" stays: both sides' headers are of the same size, but for sessions of two
 * families, which family_icmp.c is for.
 */
#include <netinet/in.h>
#include <string.h>

#include <rte_ip.h>

#include "base/csum.h"
#include "path/echo.h"
#include "path/family.h"
#include "path/vpc.h"
#include "session/l4_sctp.h"
#include "session/l4_tcp.h"
#include "session/rewrite.h"

/* Add to a number in the quoted TCP header, whose checksum may not have been quoted. */
static void quoted_shift(uint8_t *tcp, unsigned int length, unsigned int at, uint32_t shift)
{
	uint16_t *sum = (uint16_t *)(tcp + CSUM_TCP);
	uint32_t before, after;

	memcpy(&before, tcp + at, 4);
	after = rte_cpu_to_be_32(rte_be_to_cpu_32(before) + shift);
	memcpy(tcp + at, &after, 4);
	if (length >= CSUM_TCP + 2)
		*sum = csum_replace32(*sum, before, after);
}

/* Of a quoted echo: the identifier, and the checksum, which stands in front of it. */
static void quoted_echo(struct pkt *p, struct session *s, unsigned int direction, uint8_t *l4)
{
	uint16_t identifier = rewrite_echo_identifier(s, direction ^ 1, p->flags & PKT_IPV6);
	uint16_t *field = (uint16_t *)(l4 + ECHO_CHECKSUM);

	memcpy(l4 + ECHO_IDENTIFIER, &identifier, 2);
	*field = csum_apply(*field, rewrite_difference(s->l4_difference, direction));
}

/*
 * The ports and the checksum of the quoted transport header, as far as it is quoted: `length` bytes
 * of the `whole` that the quoted packet had.
 */
void icmp_quoted_rewrite(struct worker *w, struct pkt *p, struct session *s, unsigned int direction,
			 uint8_t *l4, unsigned int length, unsigned int whole, uint16_t source_port,
			 uint16_t destination_port)
{
	uint8_t protocol = pkt_protocol(p);
	unsigned int field = protocol == IPPROTO_TCP ? CSUM_TCP : CSUM_UDP;
	const struct session_extra *extra;

	if (s->form & FORM_ECHO) {
		quoted_echo(p, s, direction, l4);
		return;
	}
	if (protocol == IPPROTO_SCTP && length >= SCTP_HEADER && whole >= SCTP_HEADER) {
		sctp_ports_change(l4, whole, source_port | (uint32_t)destination_port << 16);
		return;
	}

	memcpy(l4, &source_port, 2);
	memcpy(l4 + 2, &destination_port, 2);
	if (protocol == IPPROTO_SCTP)
		return;
	if (length >= field + 2)
		rewrite_l4_checksum(l4, protocol, rewrite_difference(s->l4_difference, direction));
	if (!(s->flags & SESSION_EXTRA) || protocol != IPPROTO_TCP)
		return;
	// What a side quotes has the numbers that this side was sent: those of the other, shifted, and
	// its own, unshifted.
	extra = table_extra(&w->table, s);
	quoted_shift(l4, length, 4, direction ? -extra->sequence_shift : -extra->server_shift);
	if (length >= 14 && (l4[13] & TCP_ACK))
		quoted_shift(l4, length, 8,
			     direction ? extra->server_shift : extra->sequence_shift);
}

/*
 * The inside of SNAT hears of an error from the router that has it to tell (RFC 5508, 4.2), so that
 * traceroute shows the way. Who speaks to a VIP knows nothing but the VIP.
 */
static bool icmp_keeps_source(const struct session *s, unsigned int direction)
{
	return (s->form & FORM_ROUTED) && direction == 1;
}

static void icmp4_translate(struct worker *w, struct pkt *p, struct session *s,
			    unsigned int direction)
{
	struct rte_ipv4_hdr *outer = (struct rte_ipv4_hdr *)pkt_l3(p), *inner;
	const struct key4 *known = &s->key4[direction ^ 1]; // the packet as its sender knows it
	unsigned int length = rte_be_to_cpu_16(outer->total_length) - p->l4, header;
	uint8_t *icmp = pkt_l4(p);
	uint16_t sum;

	inner = (struct rte_ipv4_hdr *)(icmp + 8);
	header = (inner->version_ihl & 0xf) * 4;
	inner->hdr_checksum = csum_apply(inner->hdr_checksum,
					 rewrite_difference(s->l3_difference, direction));
	inner->src_addr = known->source;
	inner->dst_addr = known->destination;
	icmp_quoted_rewrite(w, p, s, direction, (uint8_t *)inner + header, length - 8 - header,
			    rte_be_to_cpu_16(inner->total_length) - header, known->source_port,
			    known->destination_port);

	if (!icmp_keeps_source(s, direction))
		outer->src_addr = known->destination;
	outer->dst_addr = known->source;
	outer->time_to_live--;
	outer->hdr_checksum = 0;
	outer->hdr_checksum = ~csum_fold(csum_bytes(outer, p->l4));
	memset(icmp + 2, 0, 2);
	sum = ~csum_fold(csum_bytes(icmp, length));
	memcpy(icmp + 2, &sum, 2);
}

unsigned int icmp6_quoted_transport(const uint8_t *inner)
{
	unsigned int at = sizeof(struct rte_ipv6_hdr);
	uint8_t next = ((const struct rte_ipv6_hdr *)inner)->proto;

	while (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS) {
		next = inner[at];
		at += (inner[at + 1] + 1) * 8;
	}
	return at;
}

static void icmp6_translate(struct worker *w, struct pkt *p, struct session *s,
			    unsigned int direction)
{
	struct rte_ipv6_hdr *outer = (struct rte_ipv6_hdr *)pkt_l3(p), *inner;
	const struct key6 *known = session_key6(s, direction ^ 1);
	unsigned int length = sizeof(*outer) + rte_be_to_cpu_16(outer->payload_len) - p->l4;
	uint8_t *icmp = pkt_l4(p);
	unsigned int transport;
	uint16_t sum;

	inner = (struct rte_ipv6_hdr *)(icmp + 8);
	transport = icmp6_quoted_transport((uint8_t *)inner);
	memcpy(inner->src_addr, known->source, 16);
	memcpy(inner->dst_addr, known->destination, 16);
	icmp_quoted_rewrite(w, p, s, direction, (uint8_t *)inner + transport,
			    length - 8 - transport,
			    sizeof(*inner) + rte_be_to_cpu_16(inner->payload_len) - transport,
			    known->source_port, known->destination_port);

	if (!icmp_keeps_source(s, direction))
		memcpy(outer->src_addr, known->destination, 16);
	memcpy(outer->dst_addr, known->source, 16);
	outer->hop_limits--;
	memset(icmp + 2, 0, 2);
	sum = ~csum_fold(csum_pseudo6(outer->src_addr, IPPROTO_ICMPV6, length) +
			 csum_bytes(icmp, length));
	memcpy(icmp + 2, &sum, 2);
}

bool icmp_quoted_ports(const struct pkt *p, const uint8_t *l4, uint8_t protocol, uint16_t ports[2])
{
	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP) {
		memcpy(ports, l4, 4);
		return true;
	}
	return protocol == (p->flags & PKT_IPV6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) &&
	       echo_ports(p, l4, ports);
}

void icmp_error_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s,
			unsigned int direction)
{
	struct pkt *p = &b->pkt[at];
	const uint8_t *l3 = pkt_l3(p);
	bool ipv6 = p->flags & PKT_IPV6;
	unsigned int length = ipv6 ? 40 + (l3[4] << 8 | l3[5]) : l3[2] << 8 | l3[3];

	if (rte_pktmbuf_data_len(p->mbuf) < p->l3 + length) {
		pkt_drop(p, DROP_icmp_error_malformed); // in pieces: no real error is that long
		return;
	}
	if (l3[ipv6 ? 7 : 8] <= 1) {
		pkt_drop(p, DROP_ttl_exceeded); // and no error about an error
		return;
	}
	if (unlikely(s->flags & SESSION_VPC) && !vpc_admit(w, p, s, direction))
		return;
	b->nexthop[at] = s->flags & SESSION_LOCAL ? NEXTHOP_LOCAL
			 : s->flags & SESSION_VPC ? vpc_nexthop(w, p, s, direction)
						  : route_of_session(w, p, s, direction);
	if ((s->form & FORM_KIND) == FORM_FAMILY) {
		if (!family_icmp_error(w, b, at, s, direction))
			return;
	} else if (ipv6)
		icmp6_translate(w, p, s, direction);
	else
		icmp4_translate(w, p, s, direction);
	p->fate = s->flags & SESSION_LOCAL ? FATE_PUNT : FATE_SEND;
	if ((s->flags & SESSION_VPC) && direction == vpc_direction(s))
		vpc_encapsulate(w, p, vpc_vm(s));
	else if ((s->flags & SESSION_VPC) && (s->flags & SESSION_LOCAL))
		vpc_tap_punt(p, &vm_table[vpc_vm(s)]);
}

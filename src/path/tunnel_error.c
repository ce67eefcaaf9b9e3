/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * ICMP errors about outer packets: a router between here and a real server, or the server itself,
 * could not pass on what was sent through a tunnel. They come to the outer source, an address of
 * weir's own, and quote
 *
 *	outer IP | GRE, UDP and GUE, or nothing | the client's packet
 *
 * cut off somewhere. What a "too big" says of the way to the server is kept (tunnel/path_mtu.c).
 * Where the client's packet is quoted as far as its ports, its sender is told as if it had met the
 * trouble itself (RFC 2003, 4; RFC 2473, 8; RFC 4213, 3.4): the MTU that is left inside the tunnel,
 * or else that the host cannot be reached, since ports, protocols and routes between here and the
 * server mean nothing to a client. Errors about anything but a tunnel to a real server are Linux's;
 * but what a "too big" says of the way to the other side of a tunnel interface is kept as well, and
 * of the way to a host of VMs: the sender of the next large packet to a VM there is told.
 *
 * That it is one of ours is seen by the outer addresses and by the session: the quoted client's
 * packet must belong to one that goes through a tunnel to the quoted destination.
 */
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include <rte_ip.h>
#include <rte_udp.h>

#include "balance/address_set.h"
#include "base/csum.h"
#include "path/answer.h"
#include "path/worker.h"
#include "session/translate.h"
#include "tunnel/device.h"
#include "tunnel/template.h"
#include "tunnel/vxlan.h"

enum { ICMP_BYTES = 8, PORT_BYTES = 8, GRE_BYTES = 4, GUE_BYTES = 4 };

struct tunnel_error {
	const uint8_t *icmp;
	const uint8_t *outer; // the quoted packet
	unsigned int there;   // bytes of it that are there
	unsigned int length;  // bytes that it had
	unsigned int headers; // of it, before the client's packet
	struct addr from, to;
	uint8_t protocol; // behind the outer IP header
	uint16_t mtu;	  // of the outer packet, 0: the error is about something else
};

/* How long all headers before the client's packet are; false: it is none of a tunnel's. */
static bool headers_read(struct tunnel_error *e, uint8_t protocol, unsigned int at)
{
	e->headers = at;
	e->protocol = protocol;
	switch (protocol) {
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		return true;
	case IPPROTO_GRE: // with or without a checksum
		e->headers += GRE_BYTES + (e->outer[at] & 0x80 ? GRE_BYTES : 0);
		return true;
	case IPPROTO_UDP:
		e->headers += sizeof(struct rte_udp_hdr) + GUE_BYTES;
		return true;
	default:
		return false;
	}
}

static bool icmp4_read(struct tunnel_error *e, const struct pkt *p)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)pkt_l3(p);
	const struct rte_ipv4_hdr *outer = (const struct rte_ipv4_hdr *)e->outer;
	unsigned int length = rte_be_to_cpu_16(ip->total_length) - p->l4, header;

	if ((ip->fragment_offset & RTE_BE16(0x3fff)) != 0 ||
	    length < ICMP_BYTES + sizeof(*outer) + PORT_BYTES ||
	    e->outer + length - ICMP_BYTES >
		    rte_pktmbuf_mtod_offset(p->mbuf, uint8_t *, rte_pktmbuf_data_len(p->mbuf)))
		return false;
	header = (outer->version_ihl & 0xf) * 4;
	e->there = length - ICMP_BYTES;
	if (outer->version_ihl >> 4 != 4 || header != sizeof(*outer) ||
	    outer->src_addr != ip->dst_addr || (outer->fragment_offset & RTE_BE16(0x1fff)) != 0)
		return false;
	e->from = addr_v4(outer->src_addr);
	e->to = addr_v4(outer->dst_addr);
	e->length = rte_be_to_cpu_16(outer->total_length);
	if (e->icmp[0] == ICMP_DEST_UNREACH && e->icmp[1] == ICMP_FRAG_NEEDED) {
		e->mtu = e->icmp[6] << 8 | e->icmp[7];
		if (e->mtu == 0)
			e->mtu = translate_mtu_plateau(e->length);
		e->mtu = RTE_MAX(e->mtu, PATH_MTU_LEAST_IPV4);
	}
	return headers_read(e, outer->next_proto_id, header) &&
	       (e->icmp[0] == ICMP_DEST_UNREACH || e->icmp[0] == ICMP_TIME_EXCEEDED ||
		e->icmp[0] == ICMP_PARAMETERPROB);
}

static bool icmp6_read(struct tunnel_error *e, const struct pkt *p)
{
	const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)pkt_l3(p);
	const struct rte_ipv6_hdr *outer = (const struct rte_ipv6_hdr *)e->outer;
	unsigned int length = sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len) - p->l4;
	unsigned int at = sizeof(*outer);
	uint8_t protocol;
	uint32_t mtu;

	if (length < ICMP_BYTES + sizeof(*outer) + PORT_BYTES ||
	    e->outer + length - ICMP_BYTES >
		    rte_pktmbuf_mtod_offset(p->mbuf, uint8_t *, rte_pktmbuf_data_len(p->mbuf)))
		return false;
	e->there = length - ICMP_BYTES;
	if (e->outer[0] >> 4 != 6 || memcmp(outer->src_addr, ip->dst_addr, 16) != 0)
		return false;
	e->from = addr_v6(outer->src_addr);
	e->to = addr_v6(outer->dst_addr);
	e->length = sizeof(*outer) + rte_be_to_cpu_16(outer->payload_len);
	if (e->icmp[0] == ICMP6_PACKET_TOO_BIG) {
		memcpy(&mtu, e->icmp + 4, 4);
		mtu = RTE_MAX(rte_be_to_cpu_32(mtu), (uint32_t)PATH_MTU_LEAST_IPV6);
		e->mtu = RTE_MIN(mtu, (uint32_t)UINT16_MAX);
	}
	protocol = outer->proto;
	if (protocol == IPPROTO_FRAGMENT && e->there >= at + 16) { // the first, cut by ourselves
		if (((e->outer[at + 2] << 8 | e->outer[at + 3]) & 0xfff8) != 0)
			return false;
		protocol = e->outer[at];
		at += 8;
	}
	return headers_read(e, protocol, at) &&
	       (e->icmp[0] == ICMP6_DST_UNREACH || e->icmp[0] == ICMP6_PACKET_TOO_BIG ||
		e->icmp[0] == ICMP6_TIME_EXCEEDED || e->icmp[0] == ICMP6_PARAM_PROB);
}

static bool checksum_is_right(const struct tunnel_error *e, const struct pkt *p)
{
	unsigned int length = ICMP_BYTES + e->there;
	uint64_t sum = csum_bytes(e->icmp, length);

	if (p->flags & PKT_IPV6)
		sum += csum_pseudo6(pkt_l3(p) + 8, IPPROTO_ICMPV6, length);
	return csum_fold(sum) == 0xffff;
}

/* The client's packet becomes the packet's key; false: not enough of it is quoted. */
static bool client_read(const struct tunnel_error *e, struct pkt *p)
{
	const uint8_t *inner = e->outer + e->headers;
	unsigned int there = e->there > e->headers ? e->there - e->headers : 0, header;

	if (there < sizeof(struct rte_ipv4_hdr) + PORT_BYTES)
		return false;
	if (inner[0] >> 4 == 4) {
		const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)inner;
		uint16_t ports[2];

		header = (ip->version_ihl & 0xf) * 4;
		if (header < sizeof(*ip) || there < header + PORT_BYTES ||
		    (ip->fragment_offset & RTE_BE16(0x1fff)) != 0)
			return false;
		memcpy(ports, inner + header, sizeof(ports));
		p->flags &= ~PKT_IPV6;
		p->key4 = key4_make(ip->src_addr, ip->dst_addr, ports[0], ports[1],
				    ip->next_proto_id);
		p->hash = key4_hash(&p->key4);
	} else {
		const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)inner;

		if (inner[0] >> 4 != 6 || there < sizeof(*ip) + PORT_BYTES)
			return false;
		memcpy(p->key6.source, ip->src_addr, 32);
		memcpy(&p->key6.source_port, inner + sizeof(*ip), 4);
		p->key6.zone_protocol = ip->proto;
		p->flags |= PKT_IPV6;
		p->hash = key6_hash(&p->key6);
	}
	return pkt_protocol(p) == IPPROTO_TCP || pkt_protocol(p) == IPPROTO_UDP ||
	       pkt_protocol(p) == IPPROTO_SCTP;
}

/* Does the session of the key go through a tunnel to where the error comes from? */
static bool session_fits(struct worker *w, const struct pkt *p, const struct addr *to)
{
	const struct session *s;

	if (p->session == 0 || (p->session & ENTRY_REVERSE))
		return false;
	s = table_session(&w->table, p->session);
	return (s->form & FORM_KIND) == FORM_TUNNEL &&
	       addr_equal(&server_table[s->server].addr, to);
}

/* The frame now holds the client's packet, as far as it was quoted; tell its sender. */
static void client_tell(struct worker *w, struct batch *b, unsigned int at,
			const struct tunnel_error *e)
{
	struct pkt *p = &b->pkt[at];
	const uint8_t *inner = e->outer + e->headers;
	bool ipv6 = p->flags & PKT_IPV6;
	unsigned int length = ipv6 ? 40 + (inner[4] << 8 | inner[5]) : inner[2] << 8 | inner[3];
	unsigned int mtu = e->mtu - e->headers, padding;

	rte_pktmbuf_adj(p->mbuf, inner - pkt_l3(p));
	padding = rte_pktmbuf_pkt_len(p->mbuf) - p->l3 - (e->there - e->headers);
	rte_pktmbuf_trim(p->mbuf, padding);
	p->flags &= ~(PKT_ICMP_ERROR | PKT_LOCAL);
	if (e->mtu == 0) {
		answer_host_unreachable(w, b, at, DROP_tunnel_error);
		return;
	}
	if (ipv6)
		mtu = RTE_MAX(mtu, (unsigned int)TEMPLATE_IPV6_MTU);
	// What needs no smaller packets, or is cut here from now on, is told to nobody.
	if (length <= mtu || !(ipv6 || (pkt_l3(p)[6] & 0x40)))
		pkt_drop(p, DROP_tunnel_error);
	else
		answer_too_big(w, b, at, mtu);
}

/* What it says of the way to the other side of a tunnel interface. */
static void interface_learn(struct worker *w, const struct pkt *p, const struct tunnel_error *e)
{
	uint8_t kind = e->protocol == IPPROTO_GRE   ? TUNNEL_KIND_GRE
		       : e->protocol == IPPROTO_UDP ? TUNNEL_KIND_VXLAN
						    : TUNNEL_KIND_IPIP;

	if (e->mtu > 0 && e->mtu < e->length && device_is_between(&e->from, &e->to, kind) &&
	    checksum_is_right(e, p))
		path_mtu_report(&w->reports, &e->to, e->mtu);
}

/* The same of the way to a host of VMs, whose VXLAN packets have DF. */
static bool is_to_vm_host(const struct tunnel_error *e)
{
	uint16_t port;

	if (e->protocol != IPPROTO_UDP)
		return false;
	memcpy(&port, e->outer + e->headers - GUE_BYTES - sizeof(struct rte_udp_hdr) + 2, 2);
	return port == vxlan.port &&
	       (e->from.family == AF_INET6 ? memcmp(e->from.bytes, vxlan.v6, 16) == 0
					   : e->from.v4 == vxlan.v4);
}

bool tunnel_error_take(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	struct tunnel_error e = {.icmp = pkt_l4(p), .outer = pkt_l4(p) + ICMP_BYTES};
	unsigned int owner;

	if (!(p->flags & PKT_IPV6 ? icmp6_read(&e, p) : icmp4_read(&e, p)))
		return false;
	if (!address_set_has(ADDRESS_TUNNEL, &e.to)) {
		if (__atomic_load_n(&tunnel_device_count, __ATOMIC_RELAXED) > 0)
			interface_learn(w, p, &e);
		if (!is_to_vm_host(&e))
			return false;
	}
	if (!checksum_is_right(&e, p)) {
		pkt_drop(p, DROP_icmp_checksum);
		return true;
	}
	if (e.mtu > 0 && e.mtu < e.length)
		path_mtu_report(&w->reports, &e.to, e.mtu);
	pkt_drop(p, DROP_tunnel_error);
	if (!address_set_has(ADDRESS_TUNNEL, &e.to) || !client_read(&e, p))
		return true;
	p->session = p->flags & PKT_IPV6 ? table_find6(&w->table, &p->key6, p->hash)
					 : table_find4(&w->table, &p->key4, p->hash);
	if (session_fits(w, p, &e.to)) {
		client_tell(w, b, at, &e);
		p->session = 0; // it is no packet of the session's
		return true;
	}
	p->session = 0;
	owner = owner_of(w, p);
	if (owner != w->index && !(p->flags & PKT_HANDED)) {
		p->fate = FATE_HAND;
		b->owner[at] = owner;
		b->hand[at] = HAND_OWNER;
	} else {
		pkt_drop(p, DROP_icmp_error_no_session);
	}
	return true;
}

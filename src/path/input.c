/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Input: parse, check, and sort into lanes.
 *
 * What comes out of it: packets of the flow lane have a key and its hash, and their bucket line is
 * on its way; packets of the local lane are for Linux or for nobody, which balance() decides; the
 * rest has a drop reason. A packet is never trusted: every length is checked against what is there
 * before a byte is read.
 *
 * Extension headers of IPv6 that are walked: hop-by-hop options, routing, destination options, in
 * any order, up to EXTENSIONS_MAX of them and EXTENSION_BYTES in all. A fragment header ends the
 * walk: fragments are of the local lane, and balance() finds their flow (reassembly.c).
 */
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_prefetch.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "balance/address_set.h"
#include "base/csum.h"
#include "net/vlan.h"
#include "path/bfd.h"
#include "path/echo.h"
#include "path/hand.h"
#include "path/repair.h"
#include "path/vpc_open.h"
#include "path/worker.h"
#include "session/l4_sctp.h"
#include "session/table.h"

enum { AHEAD = 4, EXTENSIONS_MAX = 8, EXTENSION_BYTES = 200 };

/* Bytes of the IP datagram that are in the first segment, where all headers have to be. */
static inline unsigned int input_there(const struct pkt *p)
{
	return rte_pktmbuf_data_len(p->mbuf) - p->l3;
}

/* The datagram says it is longer than the frame: cut off by the device, or a lie? */
static enum drop input_too_long(const struct pkt *p, unsigned int length, enum drop lie)
{
	const struct iface *iface = iface_get(p->iface);

	return iface && length > iface->mtu ? DROP_frame_truncated : lie;
}

/* No drop: UDP to the port of VXLAN. Behind a test that is made anyway. */
#define TRANSPORT_VXLAN ((enum drop)DROP_COUNT)

/*
 * The ports of a TCP or UDP packet with all its lengths checked. `length` is what the IP header
 * leaves for the transport, `there` what of it is in the first segment.
 */
static inline enum drop input_transport(struct pkt *p, const uint8_t *l4, uint8_t protocol,
					unsigned int length, unsigned int there)
{
	if (protocol == IPPROTO_TCP) {
		const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)l4;
		unsigned int header;

		if (length < sizeof(*tcp) || there < sizeof(*tcp))
			return DROP_tcp_short;
		header = (tcp->data_off >> 4) * 4;
		if (header < sizeof(*tcp) || header > length || header > there)
			return DROP_tcp_header_length;
		p->tcp_flags = tcp->tcp_flags;
	} else {
		const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)l4;
		unsigned int datagram;

		if (length < sizeof(*udp) || there < sizeof(*udp))
			return DROP_udp_short;
		datagram = rte_be_to_cpu_16(udp->dgram_len);
		if (datagram < sizeof(*udp) || datagram > length)
			return DROP_udp_length;
		p->tcp_flags = 0;
		if (unlikely(udp->dst_port == vxlan.port))
			return TRANSPORT_VXLAN;
	}
	return DROP_none;
}

/* Where a packet goes on. Lanes are filled by input() alone, with their lengths in registers. */
enum destiny { INTO_DROP, INTO_FLOW, INTO_LOCAL, INTO_ZONE };

static inline enum destiny input_drop(struct pkt *p, enum drop reason)
{
	pkt_drop(p, reason);
	return INTO_DROP;
}

static inline enum destiny input_flow_hashed(struct worker *w, struct pkt *p, uint32_t hash)
{
	// Broadcast and multicast can only be for Linux: no session has such an address.
	if (unlikely(p->flags & PKT_MULTICAST))
		return INTO_LOCAL;
	p->hash = hash;
	rte_prefetch0(table_home(&w->table, hash));
	return INTO_FLOW;
}

static enum destiny input_flow(struct worker *w, struct pkt *p)
{
	return input_flow_hashed(w, p,
				 p->flags & PKT_IPV6 ? key6_hash(&p->key6) : key4_hash(&p->key4));
}

/*
 * The key of an IPv4 flow is made of two words in registers: reading back as eight bytes what was
 * just stored as four and four would cost more than all the rest of the hash.
 */
static inline uint32_t input_key4(struct pkt *p, const struct rte_ipv4_hdr *ip, const uint8_t *l4,
				  uint32_t zone)
{
	uint64_t words[2];
	uint32_t ports;

	memcpy(&words[0], &ip->src_addr, 8);
	memcpy(&ports, l4, 4);
	words[1] = ports | (uint64_t)(zone << 8 | ip->next_proto_id) << 32;
	memcpy(&p->key4, words, sizeof(p->key4));
	return hash_two(words);
}

/* SCTP over either IP version; addresses and protocol are in the key already. */
static enum destiny input_sctp(struct worker *w, struct pkt *p, bool repair, unsigned int length,
			       unsigned int there)
{
	const uint8_t *l4 = pkt_l4(p);
	enum drop reason = sctp_parse(l4, length, there, &p->tcp_flags);

	if (reason != DROP_none)
		return input_drop(p, reason);
	if (p->flags & PKT_IPV6)
		memcpy(&p->key6.source_port, l4, 4);
	else
		memcpy(&p->key4.source_port, l4, 4);
	if (repair)
		repair_sctp(w, p, length);
	return input_flow(w, p);
}

static inline bool icmp4_is_error(uint8_t type)
{
	return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED ||
	       type == ICMP_PARAMETERPROB;
}

/* An IPv4 packet without ports of its own: the addresses and the protocol are all of its key. */
static enum destiny input_other4(struct pkt *p, const struct rte_ipv4_hdr *ip)
{
	p->key4 = (struct key4){
		.source = ip->src_addr,
		.destination = ip->dst_addr,
		.zone_protocol = ip->next_proto_id,
	};
	p->tcp_flags = 0;
	return INTO_LOCAL;
}

/*
 * An ICMP error is looked up by the packet that it quotes, turned round: that is the tuple under
 * which the session knows packets from the error's side. The quoted packet has at least its first
 * eight transport bytes (RFC 792), which hold the ports.
 */
static enum destiny input_icmp4(struct worker *w, struct pkt *p, const struct rte_ipv4_hdr *ip,
				unsigned int length)
{
	const uint8_t *icmp = pkt_l4(p);
	const struct rte_ipv4_hdr *quoted = (const struct rte_ipv4_hdr *)(icmp + 8);
	unsigned int header;
	struct key4 key;
	uint16_t ports[2];

	if (length < 8)
		return input_drop(p, DROP_icmp_short);
	if (echo_key(p, icmp))
		return input_flow(w, p);
	if (!icmp4_is_error(icmp[0]))
		return input_other4(p, ip);
	header = length >= 8 + sizeof(*quoted) ? (quoted->version_ihl & 0xf) * 4 : 0;
	if (header < sizeof(*quoted) || length < 8 + header + 8 || quoted->version_ihl >> 4 != 4 ||
	    (quoted->fragment_offset & RTE_BE16(0x1fff)) != 0)
		return input_drop(p, DROP_icmp_error_malformed);
	if (!icmp_quoted_ports(p, (const uint8_t *)quoted + header, quoted->next_proto_id, ports))
		return input_other4(p, ip);
	if (csum_fold(csum_bytes(icmp, length)) != 0xffff)
		return input_drop(p, DROP_icmp_checksum);
	key = key4_make(quoted->src_addr, quoted->dst_addr, ports[0], ports[1],
			quoted->next_proto_id);
	p->key4 = key4_turn(&key);
	p->tcp_flags = 0;
	p->flags |= PKT_ICMP_ERROR;
	return input_flow(w, p);
}

static inline bool input_checksum4(const struct pkt *p, const struct rte_ipv4_hdr *ip,
				   unsigned int header)
{
	if ((p->mbuf->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD)
		return true;
	if (likely(header == sizeof(*ip)))
		return csum_fold(csum_bytes(ip, sizeof(*ip))) == 0xffff;
	return csum_fold(csum_bytes(ip, header)) == 0xffff;
}

static enum destiny input_tunnel(struct worker *w, struct pkt *p, bool repair);

// Inline: a call would be paid by all. `zone` is in the key of TCP and UDP, not yet in others.
static inline __attribute__((always_inline)) enum destiny
input_ipv4(struct worker *w, struct pkt *p, bool repair, uint32_t zone)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)pkt_l3(p);
	unsigned int there = input_there(p), header, length;
	enum drop reason;
	uint32_t hash;

	if (there < sizeof(*ip) || rte_pktmbuf_data_len(p->mbuf) < p->l3)
		return input_drop(p, DROP_ipv4_short);
	header = (ip->version_ihl & 0xf) * 4;
	length = rte_be_to_cpu_16(ip->total_length);
	if (unlikely(ip->version_ihl >> 4 != 4))
		return input_drop(p, DROP_ipv4_version);
	if (unlikely(header < sizeof(*ip) || header > there))
		return input_drop(p, DROP_ipv4_header_length);
	if (unlikely(length < header || length > rte_pktmbuf_pkt_len(p->mbuf) - p->l3))
		return input_drop(p, length < header
					     ? DROP_ipv4_total_length
					     : input_too_long(p, length, DROP_ipv4_total_length));
	if (unlikely(!input_checksum4(p, ip, header)))
		return input_drop(p, DROP_ipv4_checksum);
	p->l4 = header;
	if (there > length)
		there = length;
	if (unlikely((ip->fragment_offset & RTE_BE16(0x3fff)) != 0))
		return input_other4(p, ip);
	if (likely(ip->next_proto_id == IPPROTO_TCP || ip->next_proto_id == IPPROTO_UDP)) {
		const uint8_t *l4 = (const uint8_t *)ip + header;

		reason = input_transport(p, l4, ip->next_proto_id, length - header, there - header);
		if (unlikely(reason != DROP_none)) {
			if (reason != TRANSPORT_VXLAN)
				return input_drop(p, reason);
			if (vpc_is_tunnel(p))
				return input_tunnel(w, p, repair);
		}
		hash = input_key4(p, ip, l4, zone);
		if (unlikely(repair))
			repair_checksum(w, p,
					csum_pseudo4(ip->src_addr, ip->dst_addr, ip->next_proto_id,
						     length - header),
					length - header);
		return input_flow_hashed(w, p, hash);
	} else if (ip->next_proto_id == IPPROTO_ICMP) {
		return input_icmp4(w, p, ip, there - header);
	} else {
		input_other4(p, ip);
		if (ip->next_proto_id == IPPROTO_SCTP)
			return input_sctp(w, p, repair, length - header, there - header);
		return INTO_LOCAL;
	}
}

/*
 * Walk the extension headers of an IPv6 packet: `*next` is the header after the fixed one, and then
 * the transport. Returns the transport's offset, or 0 when the walk ends in something malformed.
 */
static unsigned int input_extensions(const uint8_t *l3, unsigned int there, uint8_t *next)
{
	unsigned int at = sizeof(struct rte_ipv6_hdr);

	for (unsigned int i = 0; i <= EXTENSIONS_MAX; i++) {
		if (*next != IPPROTO_HOPOPTS && *next != IPPROTO_ROUTING &&
		    *next != IPPROTO_DSTOPTS)
			return at;
		if (i == EXTENSIONS_MAX || at + 8 > there || at > EXTENSION_BYTES)
			return 0;
		*next = l3[at];
		at += (l3[at + 1] + 1) * 8;
		if (at > there || at > EXTENSION_BYTES)
			return 0;
	}
	return 0;
}

static inline bool icmp6_is_error(uint8_t type)
{
	return type == ICMP6_DST_UNREACH || type == ICMP6_PACKET_TOO_BIG ||
	       type == ICMP6_TIME_EXCEEDED || type == ICMP6_PARAM_PROB;
}

static enum destiny input_icmp6(struct worker *w, struct pkt *p, const uint8_t *icmp,
				unsigned int length)
{
	const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)pkt_l3(p);
	const struct rte_ipv6_hdr *quoted = (const struct rte_ipv6_hdr *)(icmp + 8);
	unsigned int transport;
	struct key6 key;
	uint16_t ports[2];
	uint8_t next;

	if (length < 8)
		return input_drop(p, DROP_icmp_short);
	if (echo_key(p, icmp))
		return input_flow(w, p);
	if (!icmp6_is_error(icmp[0]))
		return INTO_LOCAL;
	if (length < 8 + sizeof(*quoted) + 8 || *(const uint8_t *)quoted >> 4 != 6)
		return input_drop(p, DROP_icmp_error_malformed);
	next = quoted->proto;
	transport = input_extensions((const uint8_t *)quoted, length - 8, &next);
	if (transport == 0 || 8 + transport + 8 > length)
		return input_drop(p, DROP_icmp_error_malformed);
	if (!icmp_quoted_ports(p, (const uint8_t *)quoted + transport, next, ports))
		return INTO_LOCAL;
	if (csum_fold(csum_pseudo6(ip->src_addr, IPPROTO_ICMPV6, length) +
		      csum_bytes(icmp, length)) != 0xffff)
		return input_drop(p, DROP_icmp_checksum);
	memcpy(key.source, quoted->src_addr, 32);
	key.source_port = ports[0];
	key.destination_port = ports[1];
	key.zone_protocol = next;
	p->key6 = key6_turn(&key);
	p->tcp_flags = 0;
	p->flags |= PKT_ICMP_ERROR;
	return input_flow(w, p);
}

static inline __attribute__((always_inline)) enum destiny
input_ipv6(struct worker *w, struct pkt *p, bool repair, uint32_t zone)
{
	const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)pkt_l3(p);
	unsigned int there = input_there(p), length, transport, rest;
	enum drop reason;
	uint8_t next;

	p->flags |= PKT_IPV6;
	if (rte_pktmbuf_data_len(p->mbuf) < p->l3 + sizeof(*ip))
		return input_drop(p, DROP_ipv6_short);
	if (*(const uint8_t *)ip >> 4 != 6)
		return input_drop(p, DROP_ipv6_version);
	length = sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);
	if (length > rte_pktmbuf_pkt_len(p->mbuf) - p->l3)
		return input_drop(p, input_too_long(p, length, DROP_ipv6_payload_length));
	if (there > length)
		there = length;
	next = ip->proto;
	transport = input_extensions((const uint8_t *)ip, there, &next);
	if (transport == 0)
		return input_drop(p, DROP_ipv6_extension);
	p->l4 = transport;
	rest = length - transport;
	memcpy(p->key6.source, ip->src_addr, 32);
	p->key6.zone_protocol = next;
	if (next == IPPROTO_TCP || next == IPPROTO_UDP) {
		const uint8_t *l4 = (const uint8_t *)ip + transport;

		reason = input_transport(p, l4, next, rest, there - transport);
		if (reason != DROP_none) {
			if (reason != TRANSPORT_VXLAN)
				return input_drop(p, reason);
			if (vpc_is_tunnel(p))
				return input_tunnel(w, p, repair);
		}
		memcpy(&p->key6.source_port, l4, 4);
		p->key6.zone_protocol = zone << 8 | next;
		if (repair)
			repair_checksum(w, p, csum_pseudo6(ip->src_addr, next, rest), rest);
		return input_flow(w, p);
	} else if (next == IPPROTO_ICMPV6) {
		return input_icmp6(w, p, (const uint8_t *)ip + transport, there - transport);
	} else if (next == IPPROTO_SCTP) {
		return input_sctp(w, p, repair, rest, there - transport);
	} else {
		return INTO_LOCAL;
	}
}

/*
 * A VXLAN packet to weir: what is inside comes in as any packet, in the zone of its VNI. Its length
 * has been cut to what the outer headers say.
 */
static __attribute__((noinline)) enum destiny input_tunnel(struct worker *w, struct pkt *p,
							   bool repair)
{
	enum destiny destiny = INTO_LOCAL;
	uint32_t vni, *zone;
	uint16_t type;

	if (!vpc_decapsulate(p, &vni, &type))
		return INTO_DROP;
	p->flags &= ~PKT_IPV6;
	p->l4 = 0;
	if (likely(type == RTE_BE16(RTE_ETHER_TYPE_IPV4)))
		destiny = input_ipv4(w, p, repair, vni);
	else if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
		destiny = input_ipv6(w, p, repair, vni);
	else
		memset(&p->key6, 0, sizeof(p->key6)); // of ARP there is no other
	if (unlikely(destiny == INTO_DROP)) {
		vpc_name_drop(p);
		return INTO_DROP;
	}
	zone = p->flags & PKT_IPV6 ? &p->key6.zone_protocol : &p->key4.zone_protocol;
	if (unlikely(*zone >> 8 != vni)) {
		*zone |= vni << 8;
		destiny = destiny == INTO_FLOW ? input_flow(w, p) : destiny;
	}
	return destiny == INTO_FLOW && !bfd_is_of_tunnel(p, vni) ? INTO_FLOW : INTO_ZONE;
}

/*
 * What Linux sends leaves as it is, with the Ethernet header that Linux made; only TCP and UDP from
 * an address that FullNAT uses too becomes a session, so that its port is known to be in use.
 */
static enum destiny input_kernel(struct worker *w, struct pkt *p, enum destiny destiny)
{
	if (unlikely(vpc_tap_is(p)))
		return vpc_tap_input(p, destiny == INTO_FLOW) ? input_flow(w, p) : INTO_ZONE;
	if (destiny == INTO_FLOW && !(p->flags & PKT_ICMP_ERROR)) {
		struct addr source = p->flags & PKT_IPV6 ? addr_v6(p->key6.source)
							 : addr_v4(p->key4.source);

		if (address_set_has(ADDRESS_LOCAL, &source))
			return INTO_FLOW;
	}
	p->fate = FATE_BARE;
	return INTO_DROP;
}

static inline bool input_is_to_us(const struct rte_ether_hdr *ether, const struct iface *iface)
{
	return rte_is_same_ether_addr(&ether->dst_addr, &iface->mac);
}

/*
 * The interface of a tagged frame: each tag leads from one interface to one that stands on it. The
 * number 0 is no VLAN but only a priority (IEEE 802.1Q, 9.6): such a frame stays where it came in.
 * `*type` becomes what is behind the tags. NULL: dropped.
 */
static const struct iface *input_untag(struct worker *w, struct pkt *p, const struct iface *iface,
				       uint16_t *type)
{
	for (unsigned int tags = 0; vlan_is_tag(*type); tags++) {
		const struct rte_vlan_hdr *tag =
			rte_pktmbuf_mtod_offset(p->mbuf, const struct rte_vlan_hdr *, p->l3);
		uint16_t id;

		if (rte_pktmbuf_data_len(p->mbuf) < p->l3 + sizeof(*tag)) {
			pkt_drop(p, DROP_vlan_short);
			return NULL;
		}
		id = rte_be_to_cpu_16(tag->vlan_tci) & VLAN_MAX;
		if (id != 0)
			iface = iface_get(vlan_find(iface, *type, id));
		if (!iface || tags == VLAN_TAGS) {
			pkt_drop(p, DROP_unknown_vlan);
			return NULL;
		}
		if (!iface->up) {
			pkt_drop(p, DROP_iface_down);
			return NULL;
		}
		*type = tag->eth_proto;
		p->l3 += sizeof(*tag);
	}
	if (iface->index != p->iface) {
		struct iface_count *count = &w->iface_count[iface->index];

		count->packets[0]++;
		count->bytes[0] += rte_pktmbuf_pkt_len(p->mbuf) - iface->tag_bytes;
		p->iface = iface->index;
	}
	return iface;
}

static inline enum destiny input_one(struct worker *w, struct pkt *p)
{
	const struct iface *iface = iface_get(p->iface);
	bool kernel = p->flags & PKT_FROM_KERNEL;
	const struct rte_ether_hdr *ether;
	uint16_t type;
	bool repair;

	p->fate = FATE_DROP;
	p->drop = DROP_none;
	p->session = 0;
	p->l3 = sizeof(*ether);
	p->l4 = 0;
	if (unlikely(p->flags & PKT_READY))
		return hand_unpack(w, p, iface) ? INTO_FLOW : INTO_DROP;
	if (unlikely(p->mbuf->nb_segs > 1))
		repair_gather(p->mbuf);
	if (unlikely(rte_pktmbuf_data_len(p->mbuf) < sizeof(*ether)))
		return input_drop(p, DROP_ether_short);
	if (unlikely(!iface || !iface->up))
		return input_drop(p, DROP_iface_down);
	ether = rte_pktmbuf_mtod(p->mbuf, const struct rte_ether_hdr *);
	type = ether->ether_type;
	if (unlikely(type != RTE_BE16(RTE_ETHER_TYPE_IPV4) && vlan_is_tag(type))) {
		iface = kernel ? NULL : input_untag(w, p, iface, &type);
		if (!iface)
			return INTO_DROP; // a frame of Linux leaves as it is
	}
	if (unlikely(!kernel && !input_is_to_us(ether, iface))) {
		if (!rte_is_multicast_ether_addr(&ether->dst_addr))
			return input_drop(p, DROP_wrong_mac);
		p->flags |= PKT_MULTICAST;
	}
	repair = !kernel && iface->repair;
	if (likely(type == RTE_BE16(RTE_ETHER_TYPE_IPV4)))
		return input_ipv4(w, p, repair, 0);
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
		return input_ipv6(w, p, repair, 0);
	return INTO_LOCAL;
}

void input(struct worker *w, struct batch *b)
{
	unsigned int flow = 0, local = 0;

	b->zone.count = 0;
	for (unsigned int i = 0; i < b->count && i < AHEAD; i++)
		rte_prefetch0(rte_pktmbuf_mtod(b->pkt[i].mbuf, void *));
	for (unsigned int i = 0; i < b->count; i++) {
		struct pkt *p = &b->pkt[i];
		enum destiny destiny;

		if (i + AHEAD < b->count)
			rte_prefetch0(rte_pktmbuf_mtod(b->pkt[i + AHEAD].mbuf, void *));
		destiny = input_one(w, p);
		if (unlikely(p->flags & PKT_FROM_KERNEL))
			destiny = input_kernel(w, p, destiny);
		b->flow.at[flow] = i;
		flow += destiny == INTO_FLOW;
		if (unlikely(destiny >= INTO_LOCAL)) {
			if (destiny == INTO_ZONE) {
				lane_add(&b->zone, i);
				continue;
			}
			p->flags |= PKT_LOCAL;
			b->local.at[local++] = i;
		}
	}
	b->flow.count = flow;
	b->local.count = local;
	b->miss.count = b->known.count = 0;
}

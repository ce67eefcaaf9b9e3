/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Tunnels to real servers (RFC 2003, 2473, 4213, 2784, 8086's relative GUE as Linux speaks it).
 *
 *	IPIP	IP | packet                     4in4, 6in4, 4in6, 6in6
 *	GRE	IP | GRE [checksum] | packet
 *	GUE	IP | UDP | GUE | packet         version 0, no options, as Linux's fou and IPVS send it
 *
 * What the outer header says, and why:
 *
 *   TTL	its own, 64. The packet inside has lost one for the hop that weir is, as at any router;
 *		that it travels in a tunnel must not shorten its life further, nor end it inside.
 *   DSCP, ECN	copied from the packet inside (RFC 2983 uniform; RFC 6040 normal mode: a decapsulator
 *		puts a mark of congestion back into the packet).
 *   DF		of an IPv4 packet inside: the same. Over an IPv6 packet inside: set for what is longer
 *		than 1280, of which the sender can be told; clear below, which IPv6 has to get through
 *		(RFC 4213).
 *   id		a number of the worker's, also with DF: some routers clear that.
 *   source	an address of the interface that the packet leaves by (tunnel/source.c), so that errors
 *		about the outer packet come back here, or a local address of the service.
 *   UDP source port, IPv6 flow label	from the flow's hash: routers and network cards spread tunnels
 *		by them (RFC 6438).
 *
 * Checksums: "full" sums everything behind the outer IP header, each byte of the packet. "remote"
 * is IPVS's word for GUE with remote checksum offload, which IPVS uses only for packets whose own
 * checksum is not computed yet. Packets from the wire are complete, so nothing has to be said about
 * them and they travel like those of "none". It is accepted so that the settings of such servers
 * can be taken over.
 */
#include "tunnel/template.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "base/memory.h"

enum {
	GRE_HEADER = 4,
	GRE_CHECKSUM = 4, // the field and two bytes that are reserved
	GUE_HEADER = 4,
	GUE_PORTS_FIRST = 0xc000, // the ephemeral range: 49152 to 65535
};
#define GRE_HAS_CHECKSUM RTE_BE16(0x8000)

struct template *template_table;

static struct memory table_memory;
static uint32_t table_count, table_highest;

int template_start(uint32_t servers)
{
	if (memory_map(&table_memory, "tunnel-templates", servers * sizeof(*template_table),
		       MEMORY_SMALL) < 0)
		return -ENOMEM;
	template_table = table_memory.base;
	table_count = servers;
	return 0;
}

void template_stop(void)
{
	memory_unmap(&table_memory);
	template_table = NULL;
	table_count = table_highest = 0;
}

/* The protocol number behind the outer IP header; IPIP has the inner packet's. */
static uint8_t template_protocol(uint8_t type)
{
	switch (type) {
	case TUNNEL_GUE:
		return IPPROTO_UDP;
	case TUNNEL_GRE:
		return IPPROTO_GRE;
	default:
		return 0;
	}
}

static void template_ipv4(struct template *t, const struct addr *to, const struct addr *source)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)t->header;

	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->time_to_live = TEMPLATE_TTL;
	ip->next_proto_id = template_protocol(t->type);
	ip->dst_addr = to->v4;
	if (t->flags & TEMPLATE_SOURCE)
		ip->src_addr = source->v4;
	t->transport = sizeof(*ip);
	t->sum = csum_fold((uint64_t)RTE_BE16(RTE_IPV4_VHL_DEF << 8) + RTE_BE16(TEMPLATE_TTL << 8) +
			   ip->dst_addr);
}

static void template_ipv6(struct template *t, const struct addr *to, const struct addr *source)
{
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)t->header;

	ip->vtc_flow = RTE_BE32(6u << 28);
	ip->hop_limits = TEMPLATE_TTL;
	ip->proto = template_protocol(t->type);
	memcpy(ip->dst_addr, to->bytes, 16);
	if (t->flags & TEMPLATE_SOURCE)
		memcpy(ip->src_addr, source->bytes, 16);
	t->transport = sizeof(*ip);
}

void template_make(uint32_t server, const struct tunnel_settings *settings, const struct addr *to,
		   const struct addr *source)
{
	assert(server < table_count);
	table_highest = RTE_MAX(table_highest, server);
	template_fill(&template_table[server], settings, to, source);
}

void template_fill(struct template *t, const struct tunnel_settings *settings,
		   const struct addr *to, const struct addr *source)
{
	uint8_t *transport;

	assert(settings->type < TUNNEL_TYPES);
	memset(t, 0, sizeof(*t));
	t->type = settings->type;
	t->mtu = TEMPLATE_MTU_UNKNOWN;
	t->flags = to->family == AF_INET6 ? TEMPLATE_IPV6 : 0;
	if (settings->type != TUNNEL_IPIP && settings->checksum == TUNNEL_CHECKSUM_FULL)
		t->flags |= TEMPLATE_CHECKSUM;
	if (source->family == to->family)
		t->flags |= TEMPLATE_SOURCE;
	if (t->flags & TEMPLATE_IPV6)
		template_ipv6(t, to, source);
	else
		template_ipv4(t, to, source);
	transport = t->header + t->transport;
	t->length = t->transport;
	if (t->type == TUNNEL_GUE) {
		t->port = rte_cpu_to_be_16(settings->port);
		memcpy(transport + 2, &t->port, 2);
		t->length += sizeof(struct rte_udp_hdr) + GUE_HEADER;
	} else if (t->type == TUNNEL_GRE) {
		uint16_t flags = t->flags & TEMPLATE_CHECKSUM ? GRE_HAS_CHECKSUM : 0;

		memcpy(transport, &flags, 2);
		t->length += GRE_HEADER + (flags ? GRE_CHECKSUM : 0);
	}
	assert(t->length <= TEMPLATE_ROOM);
}

uint32_t template_highest(void)
{
	return table_highest;
}

void template_clear(uint32_t server)
{
	memset(&template_table[server], 0, sizeof(*template_table));
}

void template_put_transport(const struct template *t, uint8_t *outer, uint32_t hash,
			    unsigned int length, bool ipv6)
{
	uint8_t *transport = outer + t->transport;
	uint16_t field;

	for (unsigned int i = t->transport; i < t->length; i += 4)
		memcpy(outer + i, t->header + i, 4); // all headers are multiples of four
	if (t->type == TUNNEL_GRE) {
		field = ipv6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6) : RTE_BE16(RTE_ETHER_TYPE_IPV4);
		memcpy(transport + 2, &field, 2);
		return;
	}
	field = rte_cpu_to_be_16(GUE_PORTS_FIRST | (hash >> 16 & 0x3fff));
	memcpy(transport, &field, 2);
	field = rte_cpu_to_be_16(t->length - t->transport + length);
	memcpy(transport + 4, &field, 2);
	transport[sizeof(struct rte_udp_hdr) + 1] = ipv6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
}

/* Sum of the outer pseudo-header for UDP: the addresses stand together in both headers. */
static uint64_t template_pseudo(const struct template *t, const uint8_t *outer, uint32_t length)
{
	uint32_t addresses[2];

	if (t->flags & TEMPLATE_IPV6)
		return csum_pseudo6(outer + 8, IPPROTO_UDP, length);
	memcpy(addresses, outer + 12, sizeof(addresses));
	return csum_pseudo4(addresses[0], addresses[1], IPPROTO_UDP, length);
}

/*
 * A segment that begins at an odd byte weighs the other way round. (rte_raw_cksum_mbuf() of 22.11 loses carries there.)
 */
uint16_t template_sum(const struct rte_mbuf *m, unsigned int at)
{
	bool odd = false;
	uint64_t sum = 0;

	for (; m; m = m->next) {
		unsigned int length = rte_pktmbuf_data_len(m), skip = RTE_MIN(at, length);
		uint16_t part = csum_fold(
			csum_bytes(rte_pktmbuf_mtod_offset(m, uint8_t *, skip), length - skip));

		sum += odd ? __builtin_bswap16(part) : part;
		odd ^= (length - skip) & 1;
		at -= skip;
	}
	return csum_fold(sum);
}

void template_checksum(const struct template *t, struct rte_mbuf *m, unsigned int l3)
{
	unsigned int at = l3 + t->transport, length = rte_pktmbuf_pkt_len(m) - at;
	uint8_t *outer = rte_pktmbuf_mtod_offset(m, uint8_t *, l3);
	uint16_t sum = template_sum(m, at);

	if (t->type == TUNNEL_GUE)
		sum = csum_fold(sum + template_pseudo(t, outer, length));
	sum = ~sum;
	if (t->type == TUNNEL_GUE && sum == 0)
		sum = 0xffff;
	memcpy(outer + t->transport + (t->type == TUNNEL_GUE ? 6 : 4), &sum, 2);
}

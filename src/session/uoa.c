/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The address stands right behind the fixed IPv4 header, as its first option, or behind all of the
 * IP header in a header of 4 bytes and the address:
 *
 *	version (1: IPv4 client, 2: IPv6) << 4; next protocol; length, big endian; address
 *
 * UDP's checksum stays true: it speaks of UDP and the addresses alone.
 */
#include "session/uoa.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "base/csum.h"
#include "session/segment.h"

enum { IP4_FIXED = sizeof(struct rte_ipv4_hdr), IP4_MAX = 60 };

/*
 * Make `length` bytes of room at `at`, an offset in the frame; the first byte of the packet moves.
 */
static uint8_t *open_at(struct rte_mbuf *m, unsigned int at, unsigned int length)
{
	uint8_t *start = rte_pktmbuf_mtod(m, uint8_t *);

	memmove(start - length, start, at);
	return (uint8_t *)rte_pktmbuf_prepend(m, length) + at;
}

static void put_option(struct rte_mbuf *m, unsigned int l3, const struct toa *toa)
{
	uint8_t *at = open_at(m, l3 + IP4_FIXED, toa->length);
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, l3);
	uint16_t before, after;

	memcpy(at, toa->option, toa->length);
	at[0] = UOA_KIND;
	memcpy(&before, ip, 2);
	ip->version_ihl += toa->length / 4;
	memcpy(&after, ip, 2);
	ip->hdr_checksum = csum_replace16(ip->hdr_checksum, before, after);
	ip->hdr_checksum = csum_apply(ip->hdr_checksum,
				      csum_difference(0, csum_fold(csum_bytes(at, toa->length))));
	segment_grow((uint8_t *)ip, NULL, false, toa->length);
}

static void put_header(struct rte_mbuf *m, unsigned int l3, unsigned int l4, bool ipv6,
		       const struct toa *toa)
{
	unsigned int length = UOA_HEADER + toa->length;
	uint8_t *at = open_at(m, l3 + l4, length);
	uint8_t *l3_header = rte_pktmbuf_mtod_offset(m, uint8_t *, l3);
	struct rte_ipv4_hdr *ip4 = (struct rte_ipv4_hdr *)l3_header;
	uint16_t before, after;

	at[0] = (toa->length == TOA_LENGTH6 ? 2 : 1) << 4;
	at[1] = IPPROTO_UDP;
	at[2] = 0;
	at[3] = length;
	memcpy(at + UOA_HEADER, toa->option, toa->length);
	at[UOA_HEADER] = UOA_KIND;
	if (ipv6) {
		((struct rte_ipv6_hdr *)l3_header)->proto = UOA_PROTOCOL;
	} else {
		memcpy(&before, &ip4->time_to_live, 2);
		ip4->next_proto_id = UOA_PROTOCOL;
		memcpy(&after, &ip4->time_to_live, 2);
		ip4->hdr_checksum = csum_replace16(ip4->hdr_checksum, before, after);
	}
	segment_grow(l3_header, NULL, ipv6, length);
}

int uoa_insert(struct rte_mbuf *m, unsigned int l3, uint8_t *l4, bool ipv6, const struct toa *toa,
	       bool header, unsigned int room)
{
	unsigned int length = toa->length + (header ? UOA_HEADER : 0);

	if (header ? ipv6 && *l4 != sizeof(struct rte_ipv6_hdr) : ipv6 || *l4 + length > IP4_MAX)
		return -EINVAL;
	if (length > room)
		return -EMSGSIZE;
	if (length > rte_pktmbuf_headroom(m))
		return -ENOBUFS;
	if (header)
		put_header(m, l3, *l4, ipv6, toa);
	else
		put_option(m, l3, toa);
	*l4 += length;
	return 0;
}

void uoa_erase(uint8_t *l3, unsigned int l4)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)l3;
	uint16_t before = csum_fold(csum_bytes(l3 + IP4_FIXED, l4 - IP4_FIXED));

	for (unsigned int at = IP4_FIXED, size; at < l4 && l3[at] != 0; at += size) {
		size = l3[at] == 1 ? 1 : at + 1 < l4 ? l3[at + 1] : 0;
		if (size == 0 || (size == 1 && l3[at] != 1) || at + size > l4)
			break;
		if (l3[at] == UOA_KIND || l3[at] == UOA_KIND_COPIED)
			memset(l3 + at, 1, size);
	}
	ip->hdr_checksum = csum_apply(
		ip->hdr_checksum,
		csum_difference(before, csum_fold(csum_bytes(l3 + IP4_FIXED, l4 - IP4_FIXED))));
}

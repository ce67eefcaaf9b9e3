/* SPDX-License-Identifier: BSD-3-Clause */
#include "session/segment.h"

#include <errno.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "base/csum.h"

static unsigned int header_length(const uint8_t *tcp)
{
	return (tcp[12] >> 4) * 4;
}

/* DPDK 22.11's own is wrong behind an odd piece. */
uint64_t segment_sum(const struct rte_mbuf *m, unsigned int offset, unsigned int length)
{
	uint64_t sum = 0;

	for (; m && offset >= rte_pktmbuf_data_len(m) && length > 0; m = m->next)
		offset -= rte_pktmbuf_data_len(m);
	for (unsigned int done = 0; m && done < length; m = m->next, offset = 0) {
		unsigned int part = RTE_MIN(rte_pktmbuf_data_len(m) - offset, length - done);
		uint16_t folded = csum_fold(
			csum_bytes(rte_pktmbuf_mtod_offset(m, const uint8_t *, offset), part));

		sum += done & 1 ? __builtin_bswap16(folded) : folded;
		done += part;
	}
	return sum;
}

void segment_grow(uint8_t *l3, uint8_t *tcp, bool ipv6, int grown)
{
	struct rte_ipv4_hdr *ip4 = (struct rte_ipv4_hdr *)l3;
	struct rte_ipv6_hdr *ip6 = (struct rte_ipv6_hdr *)l3;
	struct rte_tcp_hdr *header = (struct rte_tcp_hdr *)tcp;
	uint16_t before = ipv6 ? ip6->payload_len : ip4->total_length;
	uint16_t after = rte_cpu_to_be_16(rte_be_to_cpu_16(before) + grown);

	if (header)
		header->cksum = csum_replace16(header->cksum, before, after);
	if (ipv6) {
		ip6->payload_len = after;
	} else {
		ip4->total_length = after;
		ip4->hdr_checksum = csum_replace16(ip4->hdr_checksum, before, after);
	}
}

unsigned int segment_payload(const uint8_t *l3, const uint8_t *tcp, bool ipv6)
{
	unsigned int length = ipv6 ? 40 + (l3[4] << 8 | l3[5]) : l3[2] << 8 | l3[3];
	unsigned int headers = tcp - l3 + header_length(tcp);

	return length > headers ? length - headers : 0;
}

static void payload_change(uint8_t *tcp, uint64_t before, uint64_t after)
{
	struct rte_tcp_hdr *header = (struct rte_tcp_hdr *)tcp;

	header->cksum = csum_apply(header->cksum,
				   csum_difference(csum_fold(before), csum_fold(after)));
}

void segment_forget(uint8_t *tcp, uint64_t sum)
{
	payload_change(tcp, sum, 0);
}

int segment_carry(struct rte_mbuf *m, unsigned int l3, unsigned int l4, bool ipv6,
		  const uint8_t *payload, unsigned int length)
{
	uint8_t *start = rte_pktmbuf_mtod(m, uint8_t *), *tcp = start + l4;
	unsigned int at = l4 + header_length(tcp);
	unsigned int before = segment_payload(start + l3, tcp, ipv6);
	uint64_t sum;

	if (at > rte_pktmbuf_data_len(m) || at + length + m->data_off > m->buf_len)
		return -ENOBUFS;
	sum = segment_sum(m, at, before);
	if (m->nb_segs > 1) {
		rte_pktmbuf_free(m->next);
		m->next = NULL;
		m->nb_segs = 1;
	}
	if (length > 0)
		memcpy(start + at, payload, length);
	m->data_len = m->pkt_len = at + length;
	payload_change(tcp, sum, csum_bytes(start + at, length));
	segment_grow(start + l3, tcp, ipv6, (int)length - (int)before);
	return 0;
}

int segment_strip(struct rte_mbuf *m, unsigned int l3, unsigned int l4, bool ipv6,
		  unsigned int length)
{
	uint8_t *start = rte_pktmbuf_mtod(m, uint8_t *), *tcp = start + l4;
	unsigned int at = l4 + header_length(tcp);
	unsigned int before = segment_payload(start + l3, tcp, ipv6);
	uint64_t sum = segment_sum(m, at, before);

	if (length > before || at + length > rte_pktmbuf_data_len(m))
		return -EINVAL;
	// The headers stay where they are: moved by an odd number they would not be aligned.
	m->data_len -= length;
	m->pkt_len -= length;
	memmove(start + at, start + at + length, m->data_len - at);
	payload_change(tcp, sum, segment_sum(m, at, before - length));
	segment_grow(start + l3, tcp, ipv6, -(int)length);
	return 0;
}

int segment_put_before(struct rte_mbuf *m, unsigned int l3, unsigned int l4, bool ipv6,
		       const uint8_t *bytes, unsigned int length)
{
	uint8_t *start = rte_pktmbuf_mtod(m, uint8_t *);
	unsigned int at = l4 + sizeof(struct rte_udp_hdr);
	struct rte_udp_hdr *udp;
	uint16_t before, after, sum;

	if (rte_pktmbuf_headroom(m) < length)
		return -ENOBUFS;
	memmove(start - length, start, at);
	rte_pktmbuf_prepend(m, length);
	start -= length;
	memcpy(start + at, bytes, length);
	udp = (struct rte_udp_hdr *)(start + l4);
	before = udp->dgram_len;
	after = rte_cpu_to_be_16(rte_be_to_cpu_16(before) + length);
	udp->dgram_len = after;
	if (udp->dgram_cksum != 0) {
		// The length counts twice: in the header and in the pseudo-header.
		sum = csum_replace16(udp->dgram_cksum, before, after);
		sum = csum_replace16(sum, before, after);
		sum = csum_apply(sum, csum_difference(0, csum_fold(csum_bytes(bytes, length))));
		udp->dgram_cksum = sum ? sum : 0xffff;
	}
	segment_grow(start + l3, NULL, ipv6, length);
	return 0;
}

void segment_set_sequence(uint8_t *tcp, uint32_t sequence)
{
	struct rte_tcp_hdr *header = (struct rte_tcp_hdr *)tcp;
	uint32_t after = rte_cpu_to_be_32(sequence);

	header->cksum = csum_replace32(header->cksum, header->sent_seq, after);
	header->sent_seq = after;
}

void segment_set_acknowledgement(uint8_t *tcp, uint32_t acknowledgement)
{
	struct rte_tcp_hdr *header = (struct rte_tcp_hdr *)tcp;
	uint32_t after = rte_cpu_to_be_32(acknowledgement);

	header->cksum = csum_replace32(header->cksum, header->recv_ack, after);
	header->recv_ack = after;
}

void segment_set_window(uint8_t *tcp, uint16_t window)
{
	struct rte_tcp_hdr *header = (struct rte_tcp_hdr *)tcp;
	uint16_t after = rte_cpu_to_be_16(window);

	header->cksum = csum_replace16(header->cksum, header->rx_win, after);
	header->rx_win = after;
}

void segment_set_flags(uint8_t *tcp, uint8_t flags)
{
	struct rte_tcp_hdr *header = (struct rte_tcp_hdr *)tcp;
	uint16_t before, after;

	memcpy(&before, tcp + 12, 2);
	header->tcp_flags = flags;
	memcpy(&after, tcp + 12, 2);
	header->cksum = csum_replace16(header->cksum, before, after);
}

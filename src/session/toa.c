/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * TOA: the client's address as an option of its first segments to the real server, which sees a
 * local address of the director otherwise. The headers in front of the options are moved towards
 * the headroom by as much as the options grow; the payload stays where it is.
 */
#include "session/toa.h"

#include <errno.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "base/csum.h"
#include "session/segment.h"

enum { TCP_FIXED = sizeof(struct rte_tcp_hdr), OPTIONS_MAX = 40, OPTION_TIMESTAMP = 8 };

struct options {
	uint8_t bytes[OPTIONS_MAX];
	unsigned int length;
};

void toa_make(struct toa *toa, bool ipv6, const void *addr, uint16_t port)
{
	toa->length = ipv6 ? TOA_LENGTH6 : TOA_LENGTH4;
	toa->option[0] = TOA_KIND;
	toa->option[1] = toa->length;
	memcpy(toa->option + 2, &port, 2);
	memcpy(toa->option + 4, addr, ipv6 ? 16 : 4);
}

/*
 * The length of the option at `at`: 1 of a NOP; 0: the list ends here, be it that what follows is
 * malformed.
 */
static unsigned int option_length(const uint8_t *options, unsigned int at, unsigned int end)
{
	if (at >= end || options[at] == 0)
		return 0;
	if (options[at] == 1)
		return 1;
	if (at + 1 >= end || options[at + 1] < 2 || at + options[at + 1] > end)
		return 0;
	return options[at + 1];
}

/* Those of the segment that still fit, timestamps or all others; NOPs and TOAs left out. */
static void options_keep(struct options *kept, const uint8_t *options, unsigned int end,
			 bool timestamps)
{
	unsigned int length;

	for (unsigned int at = 0; (length = option_length(options, at, end)) != 0; at += length) {
		if (options[at] == 1 || options[at] == TOA_KIND ||
		    (options[at] == OPTION_TIMESTAMP) != timestamps ||
		    kept->length + length > OPTIONS_MAX)
			continue;
		memcpy(kept->bytes + kept->length, options + at, length);
		kept->length += length;
	}
}

static void options_build(struct options *built, const struct toa *toa, const uint8_t *options,
			  unsigned int length)
{
	built->length = toa->length;
	memcpy(built->bytes, toa->option, toa->length);
	options_keep(built, options, length, true);
	options_keep(built, options, length, false);
	while (built->length % 4 != 0)
		built->bytes[built->length++] = 1;
}

/* The header as it was and as it is, but for lengths that are not its own. */
static uint16_t header_sum(const uint8_t *tcp, const uint8_t *options, unsigned int length)
{
	return csum_fold(csum_bytes(tcp + 12, 2) + csum_bytes(options, length));
}

int toa_insert(struct rte_mbuf *m, unsigned int l3, unsigned int l4, bool ipv6,
	       const struct toa *toa, unsigned int room)
{
	uint8_t *start = rte_pktmbuf_mtod(m, uint8_t *), *tcp = start + l4;
	unsigned int length = (tcp[12] >> 4) * 4 - TCP_FIXED;
	struct rte_tcp_hdr *header;
	struct options built;
	uint16_t before;
	int grown;

	options_build(&built, toa, tcp + TCP_FIXED, length);
	grown = (int)built.length - (int)length;
	if (grown > 0 && (unsigned int)grown > room)
		return -EMSGSIZE;
	if (grown > 0 && rte_pktmbuf_headroom(m) < grown)
		return -ENOBUFS;
	before = header_sum(tcp, tcp + TCP_FIXED, length);
	memmove(start - grown, start, l4 + TCP_FIXED);
	if (grown > 0)
		rte_pktmbuf_prepend(m, grown);
	else
		rte_pktmbuf_adj(m, -grown);
	tcp -= grown;
	memcpy(tcp + TCP_FIXED, built.bytes, built.length);
	header = (struct rte_tcp_hdr *)tcp;
	header->data_off = (header->data_off & 0x0f) | (TCP_FIXED + built.length) / 4 << 4;
	header->cksum =
		csum_apply(header->cksum,
			   csum_difference(before, header_sum(tcp, tcp + TCP_FIXED, built.length)));
	segment_grow(start - grown + l3, tcp, ipv6, grown);
	return 0;
}

void toa_erase(uint8_t *tcp, unsigned int length)
{
	struct rte_tcp_hdr *header = (struct rte_tcp_hdr *)tcp;
	unsigned int end = RTE_MIN((tcp[12] >> 4) * 4u, length), size;
	uint16_t before;

	if (end <= TCP_FIXED)
		return;
	end -= TCP_FIXED;
	tcp += TCP_FIXED;
	before = csum_fold(csum_bytes(tcp, end));
	for (unsigned int at = 0; (size = option_length(tcp, at, end)) != 0; at += size) {
		if (tcp[at] == TOA_KIND)
			memset(tcp + at, 1, size);
	}
	header->cksum = csum_apply(header->cksum,
				   csum_difference(before, csum_fold(csum_bytes(tcp, end))));
}

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

/*
 * Packets that become longer or shorter on their way. Lengths and checksums are mended by what
 * changes, never made anew: what was damaged before it came here stays damaged. `l3` and `l4` are
 * offsets from the first byte; all headers stand in the first piece of the mbuf.
 */

/* Sum of a packet's bytes in all its pieces, not folded; `offset` counts as even. */
uint64_t segment_sum(const struct rte_mbuf *m, unsigned int offset, unsigned int length);

/* Say in the IP header, and in TCP's checksum if `tcp` is not NULL, that it has grown. */
void segment_grow(uint8_t *l3, uint8_t *tcp, bool ipv6, int grown);

/* Bytes behind the TCP header, by the length in the IP header. */
unsigned int segment_payload(const uint8_t *l3, const uint8_t *tcp, bool ipv6);

/*
 * Other bytes in place of all that a TCP segment carries. -ENOBUFS: they do not fit, nothing done.
 */
int segment_carry(struct rte_mbuf *m, unsigned int l3, unsigned int l4, bool ipv6,
		  const uint8_t *payload, unsigned int length);

/*
 * Take the first bytes out of what a TCP segment carries; the sequence number stays. -EINVAL: they
 * are not there in the first piece.
 */
int segment_strip(struct rte_mbuf *m, unsigned int l3, unsigned int l4, bool ipv6,
		  unsigned int length);

/* Put an even number of bytes before what a UDP datagram carries. -ENOBUFS: no headroom. */
int segment_put_before(struct rte_mbuf *m, unsigned int l3, unsigned int l4, bool ipv6,
		       const uint8_t *bytes, unsigned int length);

/* Set the sequence number (acknowledgement, window) of a TCP header. */
void segment_set_sequence(uint8_t *tcp, uint32_t sequence);
void segment_set_acknowledgement(uint8_t *tcp, uint32_t acknowledgement);
void segment_set_window(uint8_t *tcp, uint16_t window);
void segment_set_flags(uint8_t *tcp, uint8_t flags);
/* Bytes with this sum are not part of it any more. */
void segment_forget(uint8_t *tcp, uint64_t sum);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_tcp.h>

#include "base/csum.h"
#include "session/session.h"
#include "session/l4_tcp.h"

/*
 * Timestamps where Linux and others put them, with two NOPs before and nothing else, are what a
 * segment of bulk data has: that is found by one comparison.
 */
enum { SPLICE_TIME_ALONE = 32 /* length of such a header */ };
#define SPLICE_NOPS_AND_TIME RTE_BE32(0x0101080a)

/*
 * A TCP connection whose client was answered by weir itself, and whose real server was asked later:
 * each side has its own idea of sequence numbers, times and window scale.
 */
struct splice_side {
	uint32_t isn;	      // the sequence number of its SYN or SYN-ACK,
	uint32_t time;	      // and its time in it, 0: no timestamps
	uint8_t window_scale; // 0 to 14
};

/*
 * The differences between what the client was told and what the server says, into the extra line.
 * `client_scale`: that of the client, by which it goes on whatever the server can do;
 * `server_scales`: the server takes part in it.
 */
void splice_begin(struct session_extra *extra, const struct splice_side *told,
		  const struct splice_side *server, uint8_t client_scale, bool server_scales);

/* splice.c: the same for times and SACK blocks wherever they stand, and for the window. */
void splice_options(uint8_t *tcp, unsigned int header, const struct session_extra *extra,
		    unsigned int direction, uint64_t *sum);
void splice_window(uint8_t *tcp, int shift, uint64_t *sum);

/* Add to a word at an even offset; what that changes in the sum is added up. */
static inline void splice_add(uint8_t *at, uint32_t shift, uint64_t *sum)
{
	uint32_t before, after;

	memcpy(&before, at, 4);
	after = rte_cpu_to_be_32(rte_be_to_cpu_32(before) + shift);
	memcpy(at, &after, 4);
	*sum += (uint64_t)(uint32_t)~before + after;
}

/* One segment, in place; its whole header is there. */
static inline void splice_segment(uint8_t *tcp, const struct session_extra *extra,
				  unsigned int direction)
{
	struct rte_tcp_hdr *fixed = (struct rte_tcp_hdr *)tcp;
	unsigned int header = (fixed->data_off >> 4) * 4;
	uint64_t sum = 0;
	uint32_t first = 0;

	splice_add(tcp + 4, direction ? extra->server_shift : extra->sequence_shift, &sum);
	if (likely(fixed->tcp_flags & TCP_ACK))
		splice_add(tcp + 8, direction ? -extra->sequence_shift : -extra->server_shift,
			   &sum);
	if (likely(header == SPLICE_TIME_ALONE))
		memcpy(&first, tcp + sizeof(*fixed), 4);
	if (likely(first == SPLICE_NOPS_AND_TIME))
		splice_add(tcp + (direction ? 24 : 28),
			   direction ? extra->time_shift : -extra->time_shift, &sum);
	else if (header > sizeof(*fixed))
		splice_options(tcp, header, extra, direction, &sum);
	if (extra->window_shift[direction])
		splice_window(tcp, extra->window_shift[direction], &sum);
	fixed->cksum = csum_apply(fixed->cksum, csum_fold(sum));
}

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Splicing: what differs is a constant for each number of a connection, so each segment is changed
 * by sums alone: sequence number, acknowledgement, SACK blocks, both times, window. Timestamps where
 * Linux and others put them, with two NOPs before, and nothing else, are what a segment of bulk data
 * has: that is found by one comparison.
 */
#include "session/splice.h"

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_tcp.h>

#include "base/csum.h"
#include "session/l4_tcp.h"

enum {
	FIXED = sizeof(struct rte_tcp_hdr),
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_SACK = 5,
	OPTION_TIME = 8,
	TIME_ALONE = FIXED + 12, // length of a header with two NOPs and the times
};
#define NOPS_AND_TIME RTE_BE32(0x0101080a)

void splice_begin(struct session_extra *extra, const struct splice_side *told,
		  const struct splice_side *server, uint8_t client_scale, bool server_scales)
{
	extra->spliced = true;
	extra->server_shift = told->isn - server->isn;
	extra->time_shift = told->time && server->time ? told->time - server->time : 0;
	extra->window_shift[0] = server_scales ? 0 : client_scale;
	extra->window_shift[1] = (server_scales ? server->window_scale : 0) - told->window_scale;
}

/* Add to a word at an even offset; what that changes in the sum is added up. */
static inline void word_add(uint8_t *at, uint32_t shift, uint64_t *sum)
{
	uint32_t before, after;

	memcpy(&before, at, 4);
	after = rte_cpu_to_be_32(rte_be_to_cpu_32(before) + shift);
	memcpy(at, &after, 4);
	*sum += (uint64_t)(uint32_t)~before + after;
}

/* The same anywhere: behind an odd number of NOPs bytes weigh the other way round. */
static void any_add(uint8_t *tcp, unsigned int at, uint32_t shift, uint64_t *sum)
{
	uint64_t odd = 0;

	if (at & 1) {
		word_add(tcp + at, shift, &odd);
		*sum += __builtin_bswap16(csum_fold(odd));
	} else {
		word_add(tcp + at, shift, sum);
	}
}

static __attribute__((noinline)) void splice_options(uint8_t *tcp, unsigned int header,
						     uint32_t sack_shift, unsigned int time_at,
						     uint32_t time_shift, uint64_t *sum)
{
	for (unsigned int at = FIXED; at < header && tcp[at] != OPTION_END;) {
		unsigned int length = tcp[at] == OPTION_NOP ? 1 : at + 1 < header ? tcp[at + 1] : 0;

		if (length == 0 || (length < 2 && tcp[at] != OPTION_NOP) || at + length > header)
			return;
		if (tcp[at] == OPTION_TIME && length == 10)
			any_add(tcp, at + time_at, time_shift, sum);
		for (unsigned int edge = 2; tcp[at] == OPTION_SACK && edge + 4 <= length; edge += 4)
			any_add(tcp, at + edge, sack_shift, sum);
		at += length;
	}
}

static void splice_window(struct rte_tcp_hdr *header, int shift, uint64_t *sum)
{
	uint16_t before = header->rx_win;
	uint32_t window = rte_be_to_cpu_16(before);

	if (shift > 0)
		window = RTE_MIN(window << shift, (uint32_t)UINT16_MAX);
	else
		window >>= -shift;
	header->rx_win = rte_cpu_to_be_16(window);
	*sum += (uint64_t)(uint16_t)~before + header->rx_win;
}

void splice_segment(uint8_t *tcp, unsigned int header, const struct session_extra *extra,
		    unsigned int direction)
{
	struct rte_tcp_hdr *fixed = (struct rte_tcp_hdr *)tcp;
	uint32_t sequence = direction ? extra->server_shift : extra->sequence_shift;
	uint32_t acknowledgement = direction ? -extra->sequence_shift : -extra->server_shift;
	uint32_t time = direction ? extra->time_shift : -extra->time_shift, first;
	unsigned int time_at = direction ? 2 : 6; // the server's own time, or the client's echo
	uint64_t sum = 0;

	word_add(tcp + 4, sequence, &sum);
	if (likely(fixed->tcp_flags & TCP_ACK))
		word_add(tcp + 8, acknowledgement, &sum);
	if (likely(header == TIME_ALONE)) {
		memcpy(&first, tcp + FIXED, 4);
		if (likely(first == NOPS_AND_TIME))
			word_add(tcp + FIXED + 2 + time_at, time, &sum);
		else
			splice_options(tcp, header, acknowledgement, time_at, time, &sum);
	} else if (header > FIXED) {
		splice_options(tcp, header, acknowledgement, time_at, time, &sum);
	}
	if (extra->window_shift[direction])
		splice_window(fixed, extra->window_shift[direction], &sum);
	fixed->cksum = csum_apply(fixed->cksum, csum_fold(sum));
}

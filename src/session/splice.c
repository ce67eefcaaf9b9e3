/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Splicing: what differs is a constant for each number of a connection, so each segment is changed
 * by sums alone: sequence number, acknowledgement, SACK blocks, both times, window.
 */
#include "session/splice.h"

#include <rte_common.h>

enum {
	FIXED = sizeof(struct rte_tcp_hdr),
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_SACK = 5,
	OPTION_TIME = 8,
};

void splice_begin(struct session_extra *extra, const struct splice_side *told,
		  const struct splice_side *server, uint8_t client_scale, bool server_scales)
{
	extra->spliced = true;
	extra->server_shift = told->isn - server->isn;
	extra->time_shift = told->time && server->time ? told->time - server->time : 0;
	extra->window_shift[0] = server_scales ? 0 : client_scale;
	extra->window_shift[1] = (server_scales ? server->window_scale : 0) - told->window_scale;
}

/* At any offset: behind an odd number of NOPs bytes weigh the other way round. */
static void any_add(uint8_t *tcp, unsigned int at, uint32_t shift, uint64_t *sum)
{
	uint64_t odd = 0;

	if (at & 1) {
		splice_add(tcp + at, shift, &odd);
		*sum += __builtin_bswap16(csum_fold(odd));
	} else {
		splice_add(tcp + at, shift, sum);
	}
}

void splice_options(uint8_t *tcp, unsigned int header, const struct session_extra *extra,
		    unsigned int direction, uint64_t *sum)
{
	uint32_t sack_shift = direction ? -extra->sequence_shift : -extra->server_shift;
	uint32_t time_shift = direction ? extra->time_shift : -extra->time_shift;
	unsigned int time_at = direction ? 2 : 6; // the server's own time, or the client's echo

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

void splice_window(uint8_t *tcp, int shift, uint64_t *sum)
{
	struct rte_tcp_hdr *header = (struct rte_tcp_hdr *)tcp;
	uint16_t before = header->rx_win;
	uint32_t window = rte_be_to_cpu_16(before);

	if (shift > 0)
		window = RTE_MIN(window << shift, (uint32_t)UINT16_MAX);
	else
		window >>= -shift;
	header->rx_win = rte_cpu_to_be_16(window);
	*sum += (uint64_t)(uint16_t)~before + header->rx_win;
}

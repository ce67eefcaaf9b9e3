/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "session/session.h"

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
 * `client_scale`: that of the client, by which it goes on whatever the server can do; `server_scales`:
 * the server takes part in it.
 */
void splice_begin(struct session_extra *extra, const struct splice_side *told,
		  const struct splice_side *server, uint8_t client_scale, bool server_scales);

/* One segment, in place, `header` bytes of which are its header. */
void splice_segment(uint8_t *tcp, unsigned int header, const struct session_extra *extra,
		    unsigned int direction);

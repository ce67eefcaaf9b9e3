/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "session/session.h"
#include "session/state.h"

enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_EVENTS = 0x07,
};

/* The state after a packet of this direction with these flags. Any thread. */
enum session_state tcp_next_state(enum session_state state, unsigned int direction, uint8_t flags);
/* The same where only the client's packets pass by. */
enum session_state tcp_next_state_one_way(enum session_state state, uint8_t flags);

/* May a SYN of a client begin a new connection in place of a session in this state? */
bool tcp_state_is_over(enum session_state state);

/*
 * Lower the MSS option of a SYN to `mss` and mend the checksum. `length` is what is there of the
 * TCP header and its options. Malformed options are left alone.
 */
void tcp_clamp_mss(uint8_t *tcp, unsigned int length, uint16_t mss);

/* Replace the timestamp option of a SYN by NOPs and mend the checksum. */
void tcp_remove_timestamp(uint8_t *tcp, unsigned int length);

/* Replace all options of a kind by NOPs and mend the checksum. */
void tcp_remove_option(uint8_t *tcp, unsigned int length, uint8_t kind);
/* What the option of a SYN says, 14 at most; 0 without one. */
uint8_t tcp_window_scale(uint8_t *tcp, unsigned int length);

/* Add to the sequence number, and to the acknowledgement and SACK blocks, mending the checksum. */
void tcp_shift_sequence(uint8_t *tcp, uint32_t shift);
void tcp_shift_acknowledgement(uint8_t *tcp, unsigned int length, uint32_t shift);

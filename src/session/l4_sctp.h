/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/drops.h"
#include "session/session.h"
#include "session/state.h"

/*
 * What an SCTP packet means for its session, in pkt.tcp_flags: an INIT looks there as a SYN does,
 * and all others have one of TCP's event bits, so that the path asks one question of both.
 */
enum sctp_event {
	SCTP_NOTHING = 0,
	SCTP_INIT = 0x02,
	SCTP_INIT_ACK = 0x12,
	SCTP_COOKIE_ECHO = 0x22,
	SCTP_COOKIE_ACK = 0x32,
	SCTP_SHUTDOWN = 0x11,
	SCTP_SHUTDOWN_ACK = 0x21,
	SCTP_SHUTDOWN_COMPLETE = 0x31,
	SCTP_ABORT = 0x14,
};

enum {
	SCTP_HEADER = 12, // the common header: ports, verification tag, checksum
	SCTP_TAG = 4,	  // offsets in it
	SCTP_CHECKSUM = 8,
};

/* Once, before any packet: the tables that checksums are mended with. */
void sctp_start(void);

/*
 * Check the common header and the chunks up to the first that carries data. `length` is what the IP
 * header leaves for SCTP, `there` what of it is in the first segment. DROP_none, and the event.
 */
enum drop sctp_parse(const uint8_t *sctp, unsigned int length, unsigned int there, uint8_t *event);

/* The state after an event of this direction. */
enum session_state sctp_next_state(enum session_state state, unsigned int direction, uint8_t event);
/* The same where only the client's packets pass: its cookie was taken when it goes on. */
enum session_state sctp_next_state_one_way(enum session_state state, uint8_t event);
/* May an INIT of a client begin a new association in place of a session in this state? */
bool sctp_state_is_over(enum session_state state);

/*
 * Both ends' verification tags, learned as they are chosen. Does the packet, whose event is one
 * that ends an association, carry a tag that its receiver will take? What is not known is taken.
 */
void sctp_tags_learn(struct session_extra *extra, enum session_state state, unsigned int direction,
		     const uint8_t *sctp, uint8_t event);
bool sctp_tag_fits(const struct session_extra *extra, unsigned int direction, const uint8_t *sctp,
		   uint8_t event);

/*
 * Write both ports (as they lie in the packet) and mend the checksum of a packet of this length by
 * what they change. A wrong checksum stays wrong.
 */
void sctp_ports_change(uint8_t *sctp, unsigned int length, uint32_t ports);
/* The checksum as it belongs into a packet of which the field is zero; all segments. */
uint32_t sctp_checksum(const struct rte_mbuf *m, unsigned int offset, unsigned int length);

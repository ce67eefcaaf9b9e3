/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bfd/packet.h"

/*
 * One BFD session (RFC 5880 section 6): a state machine without sockets, clock or memory of its
 * own. Whoever owns it gives it packets and the time, and asks what is due. All times are in
 * microseconds of one clock that never goes back. Asynchronous mode only: the peer is told
 * that there is no echo here, and a wish of the peer for demand mode is noted and not followed, so
 * that both ends go on being watched.
 */
enum {
	BFD_SLOW = 1000000,	  // not up: no more often than this (section 6.8.3)
	BFD_INTERVAL_MIN = 10000, // what may be configured
	BFD_INTERVAL_MAX = 60000000,
};

/* What a session is configured to. */
struct bfd_config {
	uint32_t min_transmit; // once it is up
	uint32_t min_receive;
	uint8_t multiplier; // at least 1
	bool passive;	    // silent until the peer has been heard
	struct bfd_key key;
};

struct bfd_session {
	struct bfd_config config;
	uint32_t my_discriminator; // never 0
	bool disabled;		   // administratively down

	uint8_t state, diagnostic; // ours
	uint8_t remote_state, remote_diagnostic;
	bool remote_demand;
	uint8_t remote_multiplier; // 0: never heard since the last time out
	uint32_t your_discriminator;
	uint32_t remote_min_receive, remote_min_transmit;

	bool polling;		   // until a packet with Final comes
	bool answer_due;	   // the peer has polled: answer with Final now
	uint32_t used_transmit;	   // what counts until the peer has agreed to something slower
	uint32_t used_receive;	   // ... or to something faster
	bool sequence_known;	   // of the peer
	uint32_t receive_sequence; // the last one
	uint32_t transmit_sequence;

	uint64_t last_sent; // 0: never
	uint64_t next_sent; // when the next packet is due
	uint64_t detected;  // when the peer will count as gone; 0: it need not be heard

	uint64_t changed; // when the state changed last
	uint32_t changes;
	uint32_t received, sent, discarded;
	uint32_t longest_gap; // between two good packets while up
	uint64_t last_received;
};

/* Begin in state Down; `random` is any number. `discriminator` is not 0. */
void bfd_session_start(struct bfd_session *s, const struct bfd_config *config,
		       uint32_t discriminator, uint64_t now, uint32_t random);

/* Change what is configured; a session that is up stays up. */
void bfd_session_configure(struct bfd_session *s, const struct bfd_config *config, uint64_t now);

/* AdminDown with this reason, or out of it again. */
void bfd_session_disable(struct bfd_session *s, enum bfd_diagnostic why, uint64_t now);
void bfd_session_enable(struct bfd_session *s, uint64_t now);

/*
 * Down because of something that this end knows: BFD_FORWARDING_RESET, BFD_PATH_DOWN,
 * BFD_CONCATENATED_PATH_DOWN.
 */
void bfd_session_fail(struct bfd_session *s, enum bfd_diagnostic why, uint64_t now);

/*
 * A packet that was decoded from `bytes` and found to be for this session. What is wrong with it is
 * counted. The bytes are as in bfd_auth_check().
 */
enum bfd_wrong bfd_session_receive(struct bfd_session *s, const struct bfd_packet *p,
				   uint8_t *bytes, uint64_t now);

/* Has the peer been silent for too long? Returns true when that has just brought the session down. */
bool bfd_session_expire(struct bfd_session *s, uint64_t now);

/* Is there a packet to be sent now? */
bool bfd_session_is_due(const struct bfd_session *s, uint64_t now);
/* Write it, and say when the next one is due. Returns its length. */
unsigned int bfd_session_send(struct bfd_session *s, uint64_t now, uint32_t random,
			      uint8_t bytes[static BFD_LENGTH_MAX]);

/* The earliest time at which one of the two has something to say; UINT64_MAX: never. */
uint64_t bfd_session_deadline(const struct bfd_session *s);

/* What both ends agreed on: how often this end sends, and after what silence the peer is gone. */
uint32_t bfd_session_interval(const struct bfd_session *s);
uint64_t bfd_session_detection(const struct bfd_session *s);

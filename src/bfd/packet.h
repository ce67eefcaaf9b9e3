/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * BFD control packets (RFC 5880 section 4) as they stand on the wire, and their authentication
 * (sections 4.2 to 4.4, 6.7). Nothing here knows a session or a clock. Numbers are in host byte
 * order, times in microseconds, as on the wire.
 */
enum {
	BFD_VERSION = 1,
	BFD_HEADER = 24,
	BFD_LENGTH_MAX = BFD_HEADER + 28,
	BFD_SECRET_MAX = 20, // of SHA1; a password and MD5 take 16
};

enum bfd_state { BFD_ADMIN_DOWN, BFD_DOWN, BFD_INIT, BFD_UP };

enum bfd_diagnostic {
	BFD_NO_DIAGNOSTIC,
	BFD_TIME_EXPIRED,
	BFD_ECHO_FAILED,
	BFD_NEIGHBOUR_DOWN,
	BFD_FORWARDING_RESET,
	BFD_PATH_DOWN,
	BFD_CONCATENATED_PATH_DOWN,
	BFD_ADMINISTRATIVELY_DOWN,
	BFD_REVERSE_PATH_DOWN,
};

enum bfd_auth_type {
	BFD_AUTH_NONE,
	BFD_AUTH_PASSWORD,
	BFD_AUTH_MD5,
	BFD_AUTH_MD5_METICULOUS,
	BFD_AUTH_SHA1,
	BFD_AUTH_SHA1_METICULOUS,
};

struct bfd_packet {
	uint8_t state;	    // enum bfd_state
	uint8_t diagnostic; // enum bfd_diagnostic, or a number that this version has no name for
	bool poll, final, independent, authenticated, demand;
	uint8_t multiplier;
	uint32_t my_discriminator, your_discriminator;
	uint32_t min_transmit, min_receive, min_echo_receive;
};

/* What both ends of a session share. */
struct bfd_key {
	uint8_t type; // enum bfd_auth_type
	uint8_t id;
	uint8_t length;
	uint8_t secret[BFD_SECRET_MAX]; // zero beyond `length`
};

/* Why a packet is discarded (RFC 5880 section 6.8.6, in its order). */
enum bfd_wrong {
	BFD_FINE,
	BFD_WRONG_SHORT,
	BFD_WRONG_VERSION,
	BFD_WRONG_LENGTH,
	BFD_WRONG_MULTIPLIER,
	BFD_WRONG_MULTIPOINT,
	BFD_WRONG_MY_DISCRIMINATOR,
	BFD_WRONG_YOUR_DISCRIMINATOR,
	BFD_WRONG_AUTH,
	BFD_WRONG_SEQUENCE,
};

const char *bfd_state_name(enum bfd_state state);
const char *
bfd_diagnostic_name(uint8_t diagnostic); // a sentence's end: "control detection time expired"
const char *bfd_wrong_name(enum bfd_wrong wrong);

/*
 * Check and read what a UDP datagram of `length` bytes holds. What an authentication section says
 * is not looked at, only that it fits.
 */
enum bfd_wrong bfd_packet_decode(const uint8_t *bytes, unsigned int length, struct bfd_packet *out);

/* Write a packet without authentication; returns BFD_HEADER. */
unsigned int bfd_packet_encode(const struct bfd_packet *p, uint8_t bytes[static BFD_LENGTH_MAX]);

/*
 * Add the authentication section of `key` to a packet that bfd_packet_encode() has just written.
 * Returns its whole length.
 */
unsigned int bfd_auth_sign(const struct bfd_key *key, uint32_t sequence,
			   uint8_t bytes[static BFD_LENGTH_MAX]);

/*
 * Is a packet that was decoded signed with `key` (NULL: not at all)? With a digest, *sequence is
 * the number that it carries. The bytes may be changed while this looks and are as before when it
 * returns.
 */
enum bfd_wrong bfd_auth_check(const struct bfd_key *key, uint8_t *bytes, uint32_t *sequence);

/* Does this type number its packets, and does the number rise with each? */
static inline bool bfd_auth_has_sequence(enum bfd_auth_type type)
{
	return type >= BFD_AUTH_MD5;
}

static inline bool bfd_auth_is_meticulous(enum bfd_auth_type type)
{
	return type == BFD_AUTH_MD5_METICULOUS || type == BFD_AUTH_SHA1_METICULOUS;
}

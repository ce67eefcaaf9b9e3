/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

#include "io/port.h"

/*
 * Which queue a packet arrives on, computed in software. Toeplitz is linear, so the hash of a tuple
 * is the exclusive or of one table entry for each nibble of it, and changing one field changes the
 * hash by what that field contributes, whatever the rest is: that is how a local port is chosen
 * that brings the reply to the wanted queue.
 */
enum {
	STEER_BYTES = 36, // of the longest tuple: IPv6 addresses and ports
	STEER_KEY_MIN = STEER_BYTES + 4,
};

struct steer_toeplitz {
	uint32_t nibble[STEER_BYTES * 2][16]; // contribution of each nibble's value at its place
};

/* Fields as a device reads them from a received packet: source first. */
enum steer_field { STEER_SOURCE_PORT, STEER_DESTINATION_PORT };

/* -EINVAL when the key is shorter than STEER_KEY_MIN bytes. */
int steer_toeplitz_init(struct steer_toeplitz *t, const uint8_t *key, unsigned int key_len);
/* For devices that have no key of their own. */
void steer_toeplitz_default(struct steer_toeplitz *t);
/* The same key for devices that take one, of `length` bytes: those beyond the tuple's are zero. */
void steer_key_default(uint8_t *key, unsigned int length);

/* All in network byte order. Any thread. */
uint32_t steer_toeplitz4(const struct steer_toeplitz *t, uint32_t source, uint32_t destination,
			 uint16_t source_port, uint16_t destination_port);
uint32_t steer_toeplitz6(const struct steer_toeplitz *t, const uint8_t source[16],
			 const uint8_t destination[16], uint16_t source_port,
			 uint16_t destination_port);
/* What a port (network byte order) adds, by exclusive or, to the hash of a tuple without it (0). */
uint32_t steer_port_term4(const struct steer_toeplitz *t, enum steer_field field, uint16_t port);
uint32_t steer_port_term6(const struct steer_toeplitz *t, enum steer_field field, uint16_t port);

/*
 * The queue, and so the worker, that a hash leads to: by the device's own table where the device
 * spreads by Toeplitz, else an even share of the hash for each of the port's queue_count workers.
 */
unsigned int steer_queue(const struct port *port, uint32_t hash);

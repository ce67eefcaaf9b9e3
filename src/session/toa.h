/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

/*
 * The TCP option address: kind 254, length, port, address of the client; DPVS's and others' layout.
 */
enum {
	TOA_KIND = 254,
	TOA_LENGTH4 = 8,
	TOA_LENGTH6 = 20,
};

struct toa {
	uint8_t length; // TOA_LENGTH4 or TOA_LENGTH6
	uint8_t option[TOA_LENGTH6];
};

/* `addr`: 4 or 16 bytes; `port` in network byte order. */
void toa_make(struct toa *toa, bool ipv6, const void *addr, uint16_t port);

/*
 * Put the option first among those of a TCP segment that has its header in the first piece of the
 * mbuf, and mend lengths and checksums. `l3` and `l4`: offsets from the first byte; they hold
 * afterwards too. A TOA of the client's own making is taken out. What does not fit beside it goes,
 * timestamps last.
 *
 * -EMSGSIZE: the packet would grow by more than `room` bytes. -ENOBUFS: no headroom. Either leaves
 * the packet as it is.
 */
int toa_insert(struct rte_mbuf *m, unsigned int l3, unsigned int l4, bool ipv6,
	       const struct toa *toa, unsigned int room);

/* Overwrite all such options of a segment by NOPs. `length`: what is there of the TCP header. */
void toa_erase(uint8_t *tcp, unsigned int length);

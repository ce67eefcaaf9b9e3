/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "tunnel/tunnel.h"

/* A packet of a tunnel as an ICMP error quotes it, taken apart. Any thread. */
struct quoted {
	uint8_t type;	     // enum tunnel_type
	bool ipv6;	     // the packet inside is one
	uint16_t port;	     // of GUE, network byte order
	struct addr to;	     // where the outer packet was sent
	unsigned int outer;  // bytes of the outer headers
	unsigned int length; // bytes of the packet inside that are quoted
};

/*
 * `length` bytes that begin with the outer IP header. -ENOENT: this is no packet of a tunnel;
 * -EINVAL: it is one, of which too little is quoted: less than the inner IP header and ports.
 */
int quoted_parse(const uint8_t *bytes, unsigned int length, bool ipv6, struct quoted *q);

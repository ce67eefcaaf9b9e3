/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

/*
 * Which outer header a real server is sent packets in. The numbers are those of IPVS's netlink
 * attributes, the words those of YAML, REST and `ipvsadm --tun-type`.
 */
enum tunnel_type { TUNNEL_IPIP, TUNNEL_GUE, TUNNEL_GRE, TUNNEL_TYPES };

enum tunnel_checksum {
	TUNNEL_CHECKSUM_NONE,
	TUNNEL_CHECKSUM_FULL,	// GRE and GUE: over everything behind the outer IP header
	TUNNEL_CHECKSUM_REMOTE, // GUE: what the inner packet carries is enough, see template.c
	TUNNEL_CHECKSUMS,
};

enum { TUNNEL_GUE_PORT = 6080 }; // as IANA has assigned it

struct tunnel_settings {
	uint8_t type;	  // enum tunnel_type
	uint8_t checksum; // enum tunnel_checksum
	uint16_t port;	  // of GUE, host byte order; 0 otherwise
};

extern const char *const tunnel_type_words[TUNNEL_TYPES + 1]; // NULL at the end
extern const char *const tunnel_checksum_words[TUNNEL_CHECKSUMS + 1];

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * The header of the PROXY protocol (HAProxy's proxy-protocol.txt, versions 1 and 2), in which a
 * proxy tells a server who the client is, before the client's first byte.
 */
enum proxy_protocol {
	PROXY_DISABLE,
	PROXY_V1,
	PROXY_V2,
	PROXY_V1_INSECURE, // what the client itself says is believed
	PROXY_V2_INSECURE,
};

enum {
	PROXY_HEADER_MAX = 107, // of those that are made; a version 2 that is read may be longer
	PROXY_TLV_VNI = 0xe0,	// 4 bytes: the client's VNI, big endian
	PROXY_TLV_VIP = 0xe1,	// 4 or 16 bytes: the address that the client asked, in that VNI
};

/* Both ends of the client's connection. */
struct proxy_ends {
	uint8_t family; // AF_INET, AF_INET6, AF_UNSPEC: not known, or none of IP
	bool datagram;
	uint32_t vni;		   // 0: the underlay
	uint8_t source[16];	   // the client, of IPv4 the first four bytes
	uint8_t destination[16];   // the VIP
	uint16_t source_port;	   // network byte order
	uint16_t destination_port; // likewise
};

/* 1 or 2 of a setting that is not PROXY_DISABLE. */
static inline unsigned int proxy_version(enum proxy_protocol setting)
{
	return setting == PROXY_V1 || setting == PROXY_V1_INSECURE ? 1 : 2;
}

static inline bool proxy_is_insecure(enum proxy_protocol setting)
{
	return setting >= PROXY_V1_INSECURE;
}

/* Write a header; returns its length, which depends on nothing but the arguments. */
unsigned int proxy_header_make(uint8_t header[static PROXY_HEADER_MAX], unsigned int version,
			       const struct proxy_ends *ends);

/*
 * Read one at the beginning of what a client sends. Its length, with `ends` and `version` filled
 * in; 0: it begins otherwise; -EBADMSG: it begins as one, but is malformed or not all there.
 */
int proxy_header_read(const uint8_t *data, unsigned int length, struct proxy_ends *ends,
		      unsigned int *version);

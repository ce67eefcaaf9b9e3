/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * An IPv4 or IPv6 address, with no pointer and no padding, so that two addresses are equal when
 * their bytes are. An IPv4 address stands in the first four bytes and the other twelve are zero.
 * Any thread may call any of these functions.
 */
struct addr {
	uint8_t family; // AF_INET, AF_INET6, or AF_UNSPEC for "none"
	uint8_t zero[3];
	union {
		uint8_t bytes[16];
		uint32_t v4; // network byte order
		uint32_t v6[4];
	};
};

struct prefix {
	struct addr addr; // host bits are zero in a route, kept in an interface address
	uint8_t len;	  // 0 to 32 or 128
};

enum {
	ADDR_TEXT = 48,	    // INET6_ADDRSTRLEN and room for a bracket pair
	ENDPOINT_TEXT = 56, // "[" address "]:65535"
	PREFIX_TEXT = 52,
};

static inline struct addr addr_v4(uint32_t network_order)
{
	struct addr a = {.family = AF_INET}; // and all 16 bytes zero, which `.v4 =` would not say

	a.v4 = network_order;
	return a;
}

static inline struct addr addr_v6(const uint8_t bytes[16])
{
	struct addr a = {.family = AF_INET6};

	memcpy(a.bytes, bytes, 16);
	return a;
}

static inline bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

int addr_compare(const struct addr *a, const struct addr *b); // as memcmp: by family, then bytes
bool addr_is_multicast(const struct addr *a);
bool addr_is_unspecified(const struct addr *a); // 0.0.0.0 or ::
bool prefix_contains(const struct prefix *p, const struct addr *a);

/* 0, or -EINVAL when the text is no address (names are not resolved). */
int addr_parse(const char *text, struct addr *out);
/* "A/len"; without "/len" the host prefix. 0 or -EINVAL. */
int prefix_parse(const char *text, struct prefix *out);
/* "1.2.3.4:80" or "[2001:db8::1]:80"; port in host byte order. 0 or -EINVAL. */
int endpoint_parse(const char *text, struct addr *addr, uint16_t *port);

/* Write text and return the buffer, to be used inside a printf argument list. */
char *addr_format(const struct addr *a, char text[static ADDR_TEXT]);
char *prefix_format(const struct prefix *p, char text[static PREFIX_TEXT]);
char *endpoint_format(const struct addr *a, uint16_t port, char text[static ENDPOINT_TEXT]);

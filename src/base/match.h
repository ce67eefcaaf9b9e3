/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/error.h"

/*
 * What SNAT is done for: packets of one protocol, or of all that SNAT knows, by ranges of their addresses and ports and by the
 * interfaces that they come and go by. No pointer and no padding: two are the same when their
 * bytes are, and match_normalize() makes what means the same be the same.
 */
enum { MATCH_DEVICE = 16 };

struct match_range {
	struct addr first, last;	// AF_UNSPEC: any address
	uint16_t port_first, port_last; // host byte order, both ends belong to it; 0 and 0: any
};

struct match {
	uint8_t protocol; // IPPROTO_, 0: all
	uint8_t family;	  // AF_INET or AF_INET6
	uint8_t zero[2];
	struct match_range source, destination;
	char in[MATCH_DEVICE], out[MATCH_DEVICE]; // names of interfaces, "": any
	uint32_t vni;				  // of packets of VMs; 0: of the underlay
};
_Static_assert(sizeof(struct match) == 4 + 2 * 44 + 2 * MATCH_DEVICE + 4, "no padding");

enum {
	MATCH_RANGE_TEXT = 2 * ADDR_TEXT + 16, // "[A-B]:p-q"
	MATCH_TEXT = 320,
};

bool match_equal(const struct match *a, const struct match *b);
/* Does the range take any address and any port? */
bool match_range_is_any(const struct match_range *range);
/* The address is of the match's family, the port in host byte order. */
bool match_range_takes(const struct match_range *range, const struct addr *addr, uint16_t port);

/* Of all protocols, those without ports are taken where no ports are named. */
bool match_takes_protocol(const struct match *match, uint8_t protocol);

/*
 * "A", "A-B", "A/length", each with ":p" or ":p-q" behind it; IPv6 with ports stands in brackets:
 * "[A-B]:p-q". 0.0.0.0 and :: alone are any address of their family, as for DPVS. `*family` is what
 * the text speaks of. -EINVAL with a sentence; the field is left to the caller.
 */
int match_range_parse(const char *text, struct match_range *out, uint8_t *family,
		      struct error *error);
/* "A-B:p-q" or "[A-B]:p-q", as DPVS's tools print it. */
char *match_range_format(const struct match_range *range, uint8_t family,
			 char text[static MATCH_RANGE_TEXT]);

/* "tcp" to its number, 0 when there is no such protocol that SNAT knows; and back. */
uint8_t match_protocol_parse(const char *text);
const char *match_protocol_name(uint8_t protocol);

/*
 * A whole match in one of its two spellings, which may be mixed:
 *	proto=tcp,src-range=A-B,dst-range=...,af=ipv6,iif=dpdk0,oif=dpdk1	(what DPVS's tools read)
 *	tcp,from=A-B:p-q,to=...,af=ipv6,iif=dpdk0,oif=dpdk1			(what they print)
 * and vni=96, which DPVS's tools do not have.
 * -EINVAL with the part that is wrong as the error's field.
 */
int match_parse(const char *text, struct match *out, struct error *error);
/* The canonical text, the second spelling; parts that say nothing are left out. */
char *match_format(const struct match *match, char text[static MATCH_TEXT]);
/* The first spelling. */
char *match_format_words(const struct match *match, char text[static MATCH_TEXT]);
/* What no single part says: that the protocol, the family and the ranges go together. -EINVAL. */
int match_normalize(struct match *match, struct error *error);

/*
 * The order in which matches are tried, whatever the order in which they were made, so that two
 * directors agree: the narrower first, by source addresses, destination addresses, source ports,
 * destination ports, then those that name interfaces, then a protocol, then by text.
 */
int match_compare(const struct match *a, const struct match *b);

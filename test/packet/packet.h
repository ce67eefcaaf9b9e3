/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * A packet as a test writes it down, and the bytes of it. What is not said has a harmless value.
 * The same description makes what is put in and what is expected to come out, with checksums
 * computed by functions that are not those of src/.
 */
enum { PACKET_MAX = 9216, PACKET_PATCHES = 4, PACKET_TTL = 64 };

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, PSH = 0x08, ACK = 0x10 };

enum packet_sum {
	SUM_GOOD,
	SUM_ZERO,    // UDP: the sender made none
	SUM_PARTIAL, // only the pseudo-header's, as with checksum offload
	SUM_BROKEN,  // off by a constant, so that repairing it would show
};

/* After everything else: bytes of the frame overwritten, no checksum mended. */
struct packet_patch {
	uint16_t at; // 0 ends the list: the first byte of a frame is never patched
	uint8_t value;
};

struct packet {
	/*
	 * "10.1.0.1:4000", "[2001:db8::1]:4000", or for ICMP no port. Port "*" in an expected packet
	 * is any, and is remembered; "@" is the one that was remembered. `from_port` and `to_port`
	 * win over both.
	 */
	const char *from, *to;
	uint16_t from_port, to_port;
	uint8_t protocol; // 0: TCP for flags, SCTP for chunks, ICMP for a type, else UDP

	uint8_t tcp; // flags
	uint32_t sequence, acknowledgement;
	const char *options; // of TCP
	unsigned int option_length;
	bool no_window;	      // TCP: window 0
	uint16_t window;      // TCP, 0: 512
	unsigned int payload; // bytes
	uint16_t word;	      // the first two bytes of the payload, 0: as the rest
	const char *before;   // TCP, UDP: bytes in front of the payload,
	unsigned int before_length;

	/*
	 * A packet in a tunnel: `protocol` IPPROTO_GRE, IPPROTO_UDP for GUE, or 0 for IPIP. What is
	 * said of checksums in `sum` is about the tunnel's: SUM_ZERO is none.
	 */
	const struct packet *inner;
	uint32_t flow; // IPv6 flow label
	/*
	 * With `inner` and UDP, not 0: in a VXLAN packet of this VNI. The Ethernet addresses inside,
	 * NULL: zero. `vxlan_flags` 0: the right ones.
	 */
	uint32_t vni;
	const uint8_t *inner_to, *inner_from;
	uint8_t vxlan_flags;
	const char *raw; // without `from`: these bytes instead of `payload`
	unsigned int raw_length;

	uint8_t ttl, tos;
	uint16_t id;
	uint16_t ip_length;	// what the IP header says of the datagram's length, 0: the truth
	bool may_fragment;	// IPv4: without the "don't fragment" bit
	uint16_t fragment;	// IPv4: offset in units of 8 bytes, 0x2000: more fragments
	const char *ip_options; // IPv4: multiple of 4 bytes
	unsigned int ip_option_length;
	const char *extensions; // IPv6: headers, each with its "next header" filled in below
	unsigned int extension_length;
	uint8_t extension_type; // of the first one
	enum packet_sum sum;

	const char *chunks; // of SCTP: as they are, nothing filled in
	unsigned int chunk_length;
	uint32_t tag; // of SCTP

	uint8_t icmp, code; // type and code
	uint32_t rest;	    // the second word of the ICMP header: an MTU
	const struct packet *quote;
	unsigned int quoted; // bytes of the quoted datagram, 0: all

	unsigned int iface;	   // 0: by the address
	const uint8_t *mac;	   // destination, NULL: the right one
	uint16_t vlan, vlan_inner; // tags: the outer one, and one more, 0: none
	bool vlan_priority;	   // a tag of VLAN 0 in front of them, with priority 7
	uint16_t vlan_type;	   // of the outer tag, 0: 0x8100
	uint16_t type;		   // Ethernet type, 0: by the address
	bool kernel;		   // Linux sends it
	bool handed;		   // another worker has handed it over
	unsigned int split;	   // bytes in the first of two segments, 0: one segment
	unsigned int pad;	   // bytes behind the datagram
	unsigned int cut;	   // bytes missing at the end of the frame
	struct packet_patch patch[PACKET_PATCHES];
};

/* Text with zero bytes in it, for `options` and the like. */
#define OPTIONS(text)  .options = text, .option_length = sizeof(text) - 1
#define CHUNKS(text)   .chunks = text, .chunk_length = sizeof(text) - 1
#define BEFORE(text)   .before = text, .before_length = sizeof(text) - 1
#define RAW(text)      .raw = text, .raw_length = sizeof(text) - 1
#define OPTIONS4(text) .ip_options = text, .ip_option_length = sizeof(text) - 1
#define EXTENSIONS(first, text) \
	.extension_type = first, .extensions = text, .extension_length = sizeof(text) - 1

/* The frame, with 12 zero bytes for the Ethernet addresses; returns its length. */
unsigned int packet_build(const struct packet *p, uint16_t remembered, uint8_t *bytes);
/* Address and port of an end; a port of "*" and "@" is `remembered`. */
void packet_end(const char *text, uint16_t remembered, struct addr *addr, uint16_t *port);
bool packet_end_is_any(const char *text);
/* The whole checksum of bytes, and of IP pseudo-header and bytes; one byte after the other. */
uint16_t packet_checksum(const uint8_t *bytes, unsigned int length, uint32_t sum);
uint32_t packet_pseudo(const struct addr *from, const struct addr *to, uint8_t protocol,
		       unsigned int length);
/* For messages about failures. */
void packet_dump(const char *what, const uint8_t *bytes, unsigned int length);

/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

uint16_t packet_checksum(const uint8_t *bytes, unsigned int length, uint32_t sum)
{
	for (unsigned int i = 0; i < length; i++)
		sum += i % 2 ? bytes[i] : bytes[i] << 8;
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

uint32_t packet_pseudo(const struct addr *from, const struct addr *to, uint8_t protocol,
		       unsigned int length)
{
	uint32_t sum = protocol + length;

	for (unsigned int i = 0; i < 16; i++)
		sum += (from->bytes[i] + to->bytes[i]) << (i % 2 ? 0 : 8);
	return sum;
}

bool packet_end_is_any(const char *text)
{
	return text && text[strlen(text) - 1] == '*';
}

void packet_end(const char *text, uint16_t remembered, struct addr *addr, uint16_t *port)
{
	char copy[ENDPOINT_TEXT];
	char *last = copy;

	*port = 0;
	memset(addr, 0, sizeof(*addr));
	if (!text || addr_parse(text, addr) == 0)
		return;
	snprintf(copy, sizeof(copy), "%s", text);
	last += strlen(copy) - 1;
	if (*last == '*' || *last == '@') {
		*last = '1';
		if (endpoint_parse(copy, addr, port) < 0)
			abort();
		*port = remembered;
		return;
	}
	if (endpoint_parse(copy, addr, port) < 0) {
		fprintf(stderr, "\"%s\" is no endpoint\n", text);
		abort();
	}
}

static uint8_t packet_protocol(const struct packet *p, const struct addr *from)
{
	if (p->protocol)
		return p->protocol;
	if (p->inner)
		return strchr(p->inner->to, '[') ? IPPROTO_IPV6 : IPPROTO_IPIP;
	if (p->tcp)
		return IPPROTO_TCP;
	if (p->chunks)
		return IPPROTO_SCTP;
	if (p->icmp || p->quote)
		return from->family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	return IPPROTO_UDP;
}

static void put_payload(const struct packet *p, uint8_t *at, unsigned int length)
{
	for (unsigned int i = 0; i < length; i++)
		at[i] = 'a' + i % 23;
	if (p->word)
		put16(at, p->word);
}

static unsigned int put_tcp(const struct packet *p, uint8_t *l4)
{
	unsigned int options = (p->option_length + 3) / 4 * 4;

	put32(l4 + 4, p->sequence);
	put32(l4 + 8, p->acknowledgement);
	l4[12] = (20 + options) / 4 << 4;
	l4[13] = p->tcp;
	put16(l4 + 14, p->no_window ? 0 : p->window ? p->window : 512);
	put16(l4 + 16, 0);
	put16(l4 + 18, 0);
	memset(l4 + 20, 0, options);
	if (options)
		memcpy(l4 + 20, p->options, p->option_length);
	if (p->before)
		memcpy(l4 + 20 + options, p->before, p->before_length);
	put_payload(p, l4 + 20 + options + p->before_length, p->payload);
	return 20 + options + p->before_length + p->payload;
}

static unsigned int put_udp(const struct packet *p, uint8_t *l4)
{
	put16(l4 + 4, 8 + p->before_length + p->payload);
	put16(l4 + 6, 0);
	if (p->before)
		memcpy(l4 + 8, p->before, p->before_length);
	put_payload(p, l4 + 8 + p->before_length, p->payload);
	return 8 + p->before_length + p->payload;
}

/* CRC32c, a bit at a time (RFC 9260, appendix A). */
static uint32_t packet_crc(const uint8_t *bytes, unsigned int length)
{
	uint32_t crc = 0xffffffff;

	for (unsigned int i = 0; i < length; i++) {
		crc ^= bytes[i];
		for (unsigned int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
	}
	return ~crc;
}

static unsigned int put_sctp(const struct packet *p, uint8_t *l4)
{
	unsigned int length = 12 + p->chunk_length + p->payload;
	uint32_t crc;

	put32(l4 + 4, p->tag);
	put32(l4 + 8, 0);
	memcpy(l4 + 12, p->chunks, p->chunk_length);
	put_payload(p, l4 + 12 + p->chunk_length, p->payload);
	if (p->sum == SUM_PARTIAL)
		return length;
	crc = packet_crc(l4, length) ^ (p->sum == SUM_BROKEN ? 0x1234 : 0);
	for (unsigned int i = 0; i < 4; i++)
		l4[8 + i] = crc >> 8 * i;
	return length;
}

static unsigned int put_icmp(const struct packet *p, uint16_t remembered, uint8_t *l4)
{
	uint8_t quote[PACKET_MAX];
	unsigned int length = 0;

	l4[0] = p->icmp;
	l4[1] = p->code;
	put16(l4 + 2, 0);
	put32(l4 + 4, p->rest);
	if (p->quote) {
		length = packet_build(p->quote, remembered, quote) - 14;
		if (p->quoted && p->quoted < length)
			length = p->quoted;
		memcpy(l4 + 8, quote + 14, length);
	} else {
		put_payload(p, l4 + 8, p->payload);
		length = p->payload;
	}
	return 8 + length;
}

/* UDP, VXLAN, and the whole inner frame. */
static unsigned int put_vxlan(const struct packet *p, uint16_t remembered, uint8_t *l4,
			      uint16_t from_port, uint16_t to_port)
{
	unsigned int length = 16 + packet_build(p->inner, remembered, l4 + 16);

	put16(l4, from_port);
	put16(l4 + 2, to_port);
	put16(l4 + 4, length);
	put16(l4 + 6, 0);
	put32(l4 + 8, (p->vxlan_flags ? p->vxlan_flags : 0x08u) << 24);
	put32(l4 + 12, p->vni << 8);
	if (p->inner_to)
		memcpy(l4 + 16, p->inner_to, 6);
	if (p->inner_from)
		memcpy(l4 + 22, p->inner_from, 6);
	return length;
}

/* A packet in a tunnel, behind the outer IP header; returns the length. */
static unsigned int put_inner(const struct packet *p, uint16_t remembered, uint8_t *l4,
			      uint8_t protocol, uint16_t from_port, uint16_t to_port)
{
	bool ipv6 = p->inner->to && strchr(p->inner->to, '['), sum = p->sum != SUM_ZERO;
	uint8_t frame[PACKET_MAX];
	unsigned int length, header = 0;

	if (p->vni)
		return put_vxlan(p, remembered, l4, from_port, to_port);
	length = packet_build(p->inner, remembered, frame) - 14;
	memset(l4, 0, 12);
	if (protocol == IPPROTO_GRE) {
		header = sum ? 8 : 4;
		l4[0] = sum ? 0x80 : 0;
		put16(l4 + 2, ipv6 ? 0x86dd : 0x0800);
	} else if (protocol == IPPROTO_UDP) {
		header = 12;
		put16(l4, from_port);
		put16(l4 + 2, to_port);
		put16(l4 + 4, header + length);
		l4[9] = ipv6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
	}
	memcpy(l4 + header, frame + 14, length);
	if (protocol == IPPROTO_GRE && sum)
		put16(l4 + 4, packet_checksum(l4, header + length, 0));
	return header + length;
}

/* Fill in the transport's checksum, complete or as the description wants it. */
static void put_checksum(const struct packet *p, uint8_t *l4, unsigned int length, uint8_t protocol,
			 const struct addr *from, const struct addr *to)
{
	unsigned int field = protocol == IPPROTO_TCP ? 16 : protocol == IPPROTO_UDP ? 6 : 2;
	uint32_t pseudo = protocol == IPPROTO_ICMP ? 0 : packet_pseudo(from, to, protocol, length);
	uint16_t sum = packet_checksum(l4, length, pseudo);

	if (p->sum == SUM_PARTIAL)
		sum = ~packet_checksum(l4, 0, pseudo);
	if (p->sum == SUM_BROKEN) {
		uint32_t wrong = sum + 0x1234u;

		sum = (wrong & 0xffff) + (wrong >> 16);
	}
	if (protocol == IPPROTO_UDP && sum == 0)
		sum = 0xffff;
	if (p->sum == SUM_ZERO)
		sum = 0;
	put16(l4 + field, sum);
}

static unsigned int put_transport(const struct packet *p, uint16_t remembered, uint8_t *l4,
				  uint8_t protocol, uint16_t from_port, uint16_t to_port)
{
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
		return put_icmp(p, remembered, l4);
	put16(l4, from_port);
	put16(l4 + 2, to_port);
	if (protocol == IPPROTO_TCP)
		return put_tcp(p, l4);
	if (protocol == IPPROTO_UDP)
		return put_udp(p, l4);
	if (protocol == IPPROTO_SCTP && p->chunks)
		return put_sctp(p, l4);
	put_payload(p, l4 + 4, p->payload);
	return 4 + p->payload;
}

static unsigned int put_ipv4(const struct packet *p, uint8_t *l3, uint8_t protocol,
			     const struct addr *from, const struct addr *to)
{
	unsigned int header = 20 + p->ip_option_length;

	memset(l3, 0, header);
	l3[0] = 0x40 | header / 4;
	l3[1] = p->tos;
	put16(l3 + 4, p->id);
	put16(l3 + 6, p->fragment | (p->may_fragment || p->fragment ? 0 : 0x4000));
	l3[8] = p->ttl ? p->ttl : PACKET_TTL;
	l3[9] = protocol;
	memcpy(l3 + 12, from->bytes, 4);
	memcpy(l3 + 16, to->bytes, 4);
	if (p->ip_option_length)
		memcpy(l3 + 20, p->ip_options, p->ip_option_length);
	return header;
}

static unsigned int put_ipv6(const struct packet *p, uint8_t *l3, uint8_t protocol,
			     const struct addr *from, const struct addr *to)
{
	memset(l3, 0, 40);
	l3[0] = 0x60 | p->tos >> 4;
	put16(l3 + 2, p->flow);
	l3[1] = p->tos << 4 | p->flow >> 16;
	l3[6] = p->extension_length ? p->extension_type : protocol;
	l3[7] = p->ttl ? p->ttl : PACKET_TTL;
	memcpy(l3 + 8, from->bytes, 16);
	memcpy(l3 + 24, to->bytes, 16);
	if (p->extension_length)
		memcpy(l3 + 40, p->extensions, p->extension_length);
	return 40 + p->extension_length;
}

/* The tags at `at`; returns how long they are. */
static unsigned int put_tags(const struct packet *p, uint8_t *at)
{
	unsigned int length = 0;

	if (p->vlan_priority) {
		put16(at, 0x8100);
		put16(at + 2, 0xe000);
		length += 4;
	}
	if (p->vlan) {
		put16(at + length, p->vlan_type ? p->vlan_type : 0x8100);
		put16(at + length + 2, p->vlan);
		length += 4;
	}
	if (p->vlan_inner) {
		put16(at + length, 0x8100);
		put16(at + length + 2, p->vlan_inner);
		length += 4;
	}
	return length;
}

unsigned int packet_build(const struct packet *p, uint16_t remembered, uint8_t *bytes)
{
	unsigned int header, length, start = 14 + put_tags(p, bytes + 12);
	uint8_t *l3 = bytes + start, protocol;
	uint16_t from_port, to_port;
	struct addr from, to;

	packet_end(p->from, remembered, &from, &from_port);
	packet_end(p->to, remembered, &to, &to_port);
	from_port = p->from_port ? p->from_port : from_port;
	to_port = p->to_port ? p->to_port : to_port;
	protocol = packet_protocol(p, &from);
	memset(bytes, 0, 12);
	put16(l3 - 2, p->type ? p->type : from.family == AF_INET6 ? 0x86dd : 0x0800);
	if (!p->from) { // no IP at all
		put_payload(p, l3, p->payload);
		if (p->raw_length)
			memcpy(l3, p->raw, p->raw_length);
		return start + p->payload + p->raw_length - p->cut;
	}
	header = from.family == AF_INET6 ? put_ipv6(p, l3, protocol, &from, &to)
					 : put_ipv4(p, l3, protocol, &from, &to);
	length = p->inner ? put_inner(p, remembered, l3 + header, protocol, from_port, to_port)
			  : put_transport(p, remembered, l3 + header, protocol, from_port, to_port);
	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_ICMP ||
	    protocol == IPPROTO_ICMPV6)
		put_checksum(p, l3 + header, length, protocol, &from, &to);
	if (from.family == AF_INET6) {
		put16(l3 + 4, (p->ip_length ? p->ip_length : header + length) - 40);
	} else {
		put16(l3 + 2, p->ip_length ? p->ip_length : header + length);
		put16(l3 + 10, packet_checksum(l3, header, 0));
	}
	memset(l3 + header + length, 0xee, p->pad);
	for (unsigned int i = 0; i < PACKET_PATCHES && p->patch[i].at; i++)
		bytes[p->patch[i].at] = p->patch[i].value;
	return start + header + length + p->pad - p->cut;
}

void packet_dump(const char *what, const uint8_t *bytes, unsigned int length)
{
	fprintf(stderr, "%s, %u bytes:", what, length);
	for (unsigned int i = 0; i < length && i < 160; i++)
		fprintf(stderr, "%s%02x",
			i == 14 || i == 34 || i == 54 || i % 32 == 0 ? "\n  " : " ", bytes[i]);
	fprintf(stderr, "\n");
}

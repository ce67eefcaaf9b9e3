/* SPDX-License-Identifier: BSD-3-Clause */

/* Packets that come out in pieces, put together again as their receiver does it. */
#include "lab_parts.h"

#include <string.h>

enum { ETHER = 14, IPV4 = 20, IPV6 = 40, FRAGMENT = 8 };

struct whole {
	uint8_t bytes[PACKET_MAX]; // from the IP header
	unsigned int header, seen, length;
	uint8_t id[4];
};

static unsigned int word(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

/* The lengths and the checksum of an IP header that should fill the rest of the frame. */
static void header_check(const uint8_t *ip, unsigned int length)
{
	if (ip[0] >> 4 == 6) {
		assert_int_equal(word(ip + 4), length - IPV6);
		return;
	}
	assert_int_equal(word(ip + 2), length);
	assert_int_equal(packet_checksum(ip, (ip[0] & 0xf) * 4, 0), 0);
}

static void piece_add(struct whole *whole, const uint8_t *ip, unsigned int length)
{
	bool ipv6 = ip[0] >> 4 == 6;
	unsigned int header = ipv6 ? IPV6 + FRAGMENT : (ip[0] & 0xf) * 4;
	unsigned int place = ipv6 ? word(ip + IPV6 + 2) & 0xfff8 : (word(ip + 6) & 0x1fff) * 8;
	bool more = ipv6 ? ip[IPV6 + 3] & 1 : ip[6] & 0x20;
	const uint8_t *id = ipv6 ? ip + IPV6 + 4 : ip + 4;
	unsigned int id_length = ipv6 ? 4 : 2;

	header_check(ip, length);
	assert_true(!ipv6 || ip[6] == 44);
	assert_true(!more || (length - header) % 8 == 0);
	assert_int_equal(place, whole->seen); // they come in order
	if (place == 0) {
		whole->header = ipv6 ? IPV6 : header;
		memcpy(whole->bytes, ip, whole->header);
		memcpy(whole->id, id, id_length);
		if (ipv6)
			whole->bytes[6] = ip[IPV6];
	}
	assert_memory_equal(whole->id, id, id_length);
	memcpy(whole->bytes + whole->header + place, ip + header, length - header);
	whole->seen += length - header;
	if (!more)
		whole->length = whole->header + whole->seen;
}

void lab_expect_pieces(const struct packet *p, unsigned int headers, unsigned int mtu,
		       const char *file, int line)
{
	uint8_t frame[PACKET_MAX];
	unsigned int length = packet_build(p, lab.remembered, frame) - ETHER, iface, pieces = 0;
	struct whole whole = {0};

	iface = p->iface ? p->iface : SERVERS;
	while (whole.length == 0) {
		unsigned int size;
		const uint8_t *got = lab_next_sent(iface - 1, &size);

		if (!got) {
			print_error("%u pieces, and the last is missing\n", pieces);
			_fail(file, line);
		}
		if (size - ETHER > mtu) {
			print_error("a piece of %u bytes\n", size - ETHER);
			_fail(file, line);
		}
		if (headers > 0)
			header_check(got + ETHER, size - ETHER);
		piece_add(&whole, got + ETHER + headers, size - ETHER - headers);
		pieces++;
	}
	assert_true(pieces > 1);
	if (whole.bytes[0] >> 4 == 6) {
		whole.bytes[4] = (whole.length - IPV6) >> 8;
		whole.bytes[5] = whole.length - IPV6;
	} else { // a checksum of the whole, and the number that it has got
		memcpy(whole.bytes + 2, frame + ETHER + 2, 6);
		memcpy(whole.bytes + 10, frame + ETHER + 10, 2);
	}
	if (whole.length == length && memcmp(whole.bytes, frame + ETHER, length) == 0)
		return;
	packet_dump("expected", frame + ETHER, length);
	packet_dump("put together", whole.bytes, whole.length);
	_fail(file, line);
}

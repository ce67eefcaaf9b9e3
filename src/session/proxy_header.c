/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Headers of the PROXY protocol, made and read.
 *
 *	1	PROXY TCP4 10.1.0.1 10.0.0.100 4000 80\r\n
 *	2	12 bytes of signature; 0x21; family and transport; length of the rest, big endian;
 *		source, destination, ports; type-length-values
 *
 * Of a client in a VNI, a version 2 ends with two values of the custom range: the VNI (0xe0) and
 * the VIP (0xe1), because addresses mean something only together with the network that they are in.
 */
#include "session/proxy_header.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <rte_byteorder.h>

static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";

enum {
	V1_MAX = 107,
	V2_FIXED = 16,
	V2_LOCAL = 0x20,
	V2_PROXY = 0x21,
	FAMILY_INET = 1,
	FAMILY_INET6 = 2,
	FAMILY_UNIX = 3,
	UNIX_ADDRESSES = 216,
};

static unsigned int make_text(uint8_t *header, const struct proxy_ends *ends)
{
	char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN], line[V1_MAX + 1];
	int length;

	if (ends->family == AF_UNSPEC) {
		length = snprintf(line, sizeof(line), "PROXY UNKNOWN\r\n");
	} else {
		inet_ntop(ends->family, ends->source, source, sizeof(source));
		inet_ntop(ends->family, ends->destination, destination, sizeof(destination));
		length = snprintf(line, sizeof(line), "PROXY TCP%c %s %s %u %u\r\n",
				  ends->family == AF_INET6 ? '6' : '4', source, destination,
				  rte_be_to_cpu_16(ends->source_port),
				  rte_be_to_cpu_16(ends->destination_port));
	}
	memcpy(header, line, length);
	return length;
}

static unsigned int put_value(uint8_t *at, uint8_t type, const void *value, unsigned int length)
{
	at[0] = type;
	at[1] = 0;
	at[2] = length;
	memcpy(at + 3, value, length);
	return 3 + length;
}

static unsigned int make_binary(uint8_t *header, const struct proxy_ends *ends)
{
	unsigned int size = ends->family == AF_INET6 ? 16 : 4, at = V2_FIXED;
	uint32_t vni = rte_cpu_to_be_32(ends->vni);

	memcpy(header, signature, sizeof(signature));
	header[12] = V2_PROXY;
	header[13] = 0;
	if (ends->family != AF_UNSPEC) {
		header[13] = (ends->family == AF_INET6 ? FAMILY_INET6 : FAMILY_INET) << 4 |
			     (ends->datagram ? 2 : 1);
		memcpy(header + at, ends->source, size);
		memcpy(header + at + size, ends->destination, size);
		at += 2 * size;
		memcpy(header + at, &ends->source_port, 2);
		memcpy(header + at + 2, &ends->destination_port, 2);
		at += 4;
		if (vni != 0) {
			at += put_value(header + at, PROXY_TLV_VNI, &vni, sizeof(vni));
			at += put_value(header + at, PROXY_TLV_VIP, ends->destination, size);
		}
	}
	header[14] = 0;
	header[15] = at - V2_FIXED;
	return at;
}

unsigned int proxy_header_make(uint8_t header[static PROXY_HEADER_MAX], unsigned int version,
			       const struct proxy_ends *ends)
{
	return version == 1 ? make_text(header, ends) : make_binary(header, ends);
}

/* The next word of a line up to a space or, of the last one, its end; false: none, or too long. */
static bool word_take(const char **at, const char *end, char *word, unsigned int size, bool last)
{
	const char *stop = memchr(*at, ' ', end - *at);
	unsigned int length;

	if ((stop == NULL) != last)
		return false;
	length = (last ? end : stop) - *at;
	if (length == 0 || length >= size)
		return false;
	memcpy(word, *at, length);
	word[length] = '\0';
	*at += length + !last;
	return true;
}

static bool port_read(const char *word, uint16_t *port)
{
	unsigned int number = 0;

	if (word[0] == '0' && word[1] != '\0')
		return false;
	for (; *word; word++) {
		if (*word < '0' || *word > '9')
			return false;
		number = number * 10 + (*word - '0');
	}
	*port = rte_cpu_to_be_16(number);
	return number <= UINT16_MAX;
}

/* What stands between "PROXY " and the end of the line. */
static bool line_read(const char *at, const char *end, struct proxy_ends *ends)
{
	char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN], ports[2][6];

	if (end - at >= 7 && memcmp(at, "UNKNOWN", 7) == 0)
		return end - at == 7 || at[7] == ' ';
	if (end - at < 5 || memcmp(at, "TCP", 3) != 0 || (at[3] != '4' && at[3] != '6') ||
	    at[4] != ' ')
		return false;
	ends->family = at[3] == '6' ? AF_INET6 : AF_INET;
	at += 5;
	return word_take(&at, end, source, sizeof(source), false) &&
	       word_take(&at, end, destination, sizeof(destination), false) &&
	       word_take(&at, end, ports[0], sizeof(ports[0]), false) &&
	       word_take(&at, end, ports[1], sizeof(ports[1]), true) &&
	       inet_pton(ends->family, source, ends->source) == 1 &&
	       inet_pton(ends->family, destination, ends->destination) == 1 &&
	       port_read(ports[0], &ends->source_port) &&
	       port_read(ports[1], &ends->destination_port);
}

static int read_text(const uint8_t *data, unsigned int length, struct proxy_ends *ends)
{
	const char *line = (const char *)data;
	const char *end = memchr(line, '\r', length < V1_MAX ? length : V1_MAX);

	if (end == NULL || end + 1 == line + length || end[1] != '\n' ||
	    !line_read(line + 6, end, ends))
		return -EBADMSG;
	return end + 2 - line;
}

static int read_binary(const uint8_t *data, unsigned int length, struct proxy_ends *ends)
{
	unsigned int rest, size;

	if (length < V2_FIXED || (data[12] != V2_PROXY && data[12] != V2_LOCAL) ||
	    (data[13] & 15) > 2)
		return -EBADMSG;
	rest = data[14] << 8 | data[15];
	if (length < V2_FIXED + rest)
		return -EBADMSG;
	ends->datagram = (data[13] & 15) == 2;
	switch (data[13] >> 4) {
	case 0:
		return V2_FIXED + rest;
	case FAMILY_UNIX:
		return rest >= UNIX_ADDRESSES ? (int)(V2_FIXED + rest) : -EBADMSG;
	case FAMILY_INET:
	case FAMILY_INET6:
		break;
	default:
		return -EBADMSG;
	}
	size = data[13] >> 4 == FAMILY_INET6 ? 16 : 4;
	if (rest < 2 * size + 4)
		return -EBADMSG;
	if (data[12] == V2_LOCAL)
		return V2_FIXED + rest; // a check of the proxy's own: who is named does not count
	ends->family = size == 16 ? AF_INET6 : AF_INET;
	memcpy(ends->source, data + V2_FIXED, size);
	memcpy(ends->destination, data + V2_FIXED + size, size);
	memcpy(&ends->source_port, data + V2_FIXED + 2 * size, 2);
	memcpy(&ends->destination_port, data + V2_FIXED + 2 * size + 2, 2);
	return V2_FIXED + rest;
}

int proxy_header_read(const uint8_t *data, unsigned int length, struct proxy_ends *ends,
		      unsigned int *version)
{
	memset(ends, 0, sizeof(*ends));
	*version = 1;
	if (length >= 6 && memcmp(data, "PROXY ", 6) == 0)
		return read_text(data, length, ends);
	*version = 2;
	if (length >= sizeof(signature) && memcmp(data, signature, sizeof(signature)) == 0)
		return read_binary(data, length, ends);
	return 0;
}

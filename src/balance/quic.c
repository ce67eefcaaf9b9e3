/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Routing by QUIC connection ID. A QUIC connection outlives its client's address (RFC 9000, section
 * 9): when that changes, packets come by a tuple of which there is no session. Real servers that
 * write into the connection IDs that they issue who they are get such packets back; any other first
 * packet is scheduled. A drained server (weight 0) is found too: the connection is an old one.
 *
 * Two layouts, both readable by anybody on the way:
 *
 *   dpvs     octet, 3 bits: bytes of the address less 1, 1 bit: a port follows, the last bytes of
 *            the server's address, its port (2 bytes), a nonce; all after the first octet is shifted
 *            by these four bits. Of several servers that it fits, the first by address is taken.
 *   quic-lb  draft-ietf-quic-load-balancers, plaintext: 3 bits of configuration rotation, 5 bits of
 *            anything, the server ID, a nonce of at least four bytes. How long the ID is, the
 *            rotation says. A server that was given none has the last bytes of its address; of IPv4,
 *            six bytes are address and port.
 *
 * Both are one sorted list of keys: the address from its last byte on, of which the ID has the
 * beginning; or the length of a server ID and its bytes.
 */
#include "balance/quic.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "balance/server.h"
#include "balance/service.h"

enum { KEY = 16, DPVS_ID_MIN = 7, LB_NONCE_MIN = 4, UDP_HEADER = 8 };

struct place {
	uint8_t key[KEY];
	uint8_t size;  // bytes of it that mean something
	uint16_t port; // network byte order
	uint32_t server;
};

struct quic_routes {
	struct quic_settings settings;
	uint32_t count;
	struct place places[];
};

static int place_compare(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = memcmp(x->key, y->key, KEY);

	if (order == 0)
		order = addr_compare(&server_table[x->server].addr, &server_table[y->server].addr);
	return order ? order : memcmp(&x->port, &y->port, sizeof(x->port));
}

static unsigned int addr_size(const struct addr *addr)
{
	return addr->family == AF_INET6 ? 16 : 4;
}

static struct place *place_add(struct quic_routes *routes, uint32_t server, unsigned int size)
{
	struct place *place = &routes->places[routes->count++];

	*place = (struct place){
		.server = server, .port = server_table[server].port, .size = (uint8_t)size};
	return place;
}

static void place_add_address(struct quic_routes *routes, uint32_t server)
{
	const struct addr *addr = &server_table[server].addr;
	unsigned int size = addr_size(addr);
	struct place *place = place_add(routes, server, size);

	for (unsigned int i = 0; i < size; i++)
		place->key[i] = addr->bytes[size - 1 - i];
}

static void place_add_id(struct quic_routes *routes, uint32_t server, const uint8_t *id,
			 unsigned int length)
{
	struct place *place = place_add(routes, server, KEY);

	place->key[0] = (uint8_t)length;
	memcpy(place->key + 1, id, length);
}

/* The IDs of a server that was given none: one of each length that is in use, where it has bytes. */
static void place_add_derived(struct quic_routes *routes, uint32_t server)
{
	const struct server *s = &server_table[server];
	unsigned int size = addr_size(&s->addr);
	uint8_t whole[16 + 2];

	memcpy(whole, s->addr.bytes, size);
	memcpy(whole + size, &s->port, 2);
	for (unsigned int length = 1; length <= QUIC_SERVER_ID; length++) {
		if (!memchr(routes->settings.id_length, (int)length, QUIC_ROTATIONS))
			continue;
		if (length <= size)
			place_add_id(routes, server, whole + size - length, length);
		else if (length == size + 2)
			place_add_id(routes, server, whole, length);
	}
}

struct quic_routes *quic_prepare(const struct quic_settings *settings,
				 const struct service_server *servers,
				 const struct quic_server_id *const *ids, unsigned int count)
{
	size_t most = settings->format == QUIC_LB ? (size_t)count * QUIC_ROTATIONS : count;
	struct quic_routes *routes = malloc(sizeof(*routes) + most * sizeof(*routes->places));

	if (!routes)
		return NULL;
	routes->settings = *settings;
	routes->count = 0;
	for (unsigned int i = 0; i < count; i++) {
		if (settings->format == QUIC_DPVS)
			place_add_address(routes, servers[i].server);
		else if (ids && ids[i]->length > 0)
			place_add_id(routes, servers[i].server, ids[i]->bytes, ids[i]->length);
		else
			place_add_derived(routes, servers[i].server);
	}
	qsort(routes->places, routes->count, sizeof(*routes->places), place_compare);
	return routes;
}

/* The first place whose key begins with these bytes and whose port is this one, 0: any. */
static uint32_t find(const struct quic_routes *routes, const uint8_t *key, unsigned int size,
		     uint16_t port)
{
	uint32_t low = 0, high = routes->count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (memcmp(routes->places[middle].key, key, size) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < routes->count && memcmp(routes->places[low].key, key, size) == 0; low++) {
		const struct place *place = &routes->places[low];

		if (place->size >= size && (port == 0 || place->port == port))
			return place->server;
	}
	return 0;
}

/* The byte whose first four bits are the last ones of id[at]. */
static uint8_t shifted(const uint8_t *id, unsigned int at)
{
	return (uint8_t)(id[at] << 4 | id[at + 1] >> 4);
}

static uint32_t route_dpvs(const struct quic_routes *routes, const uint8_t *id, size_t size)
{
	unsigned int length = (id[1] >> 5) + 1u, ports = id[1] & 0x10 ? 2 : 0;
	uint8_t key[8], port[2] = {0, 0};
	uint16_t number;

	if (size < DPVS_ID_MIN || size < 2 + length + ports)
		return 0;
	for (unsigned int i = 0; i < length; i++)
		key[length - 1 - i] = shifted(id, 1 + i);
	for (unsigned int i = 0; i < ports; i++)
		port[i] = shifted(id, 1 + length + i);
	memcpy(&number, port, 2);
	return find(routes, key, length, number);
}

static uint32_t route_lb(const struct quic_routes *routes, const uint8_t *id, size_t size)
{
	unsigned int rotation = id[0] >> 5, length;
	uint8_t key[KEY] = {0};

	if (rotation >= QUIC_ROTATIONS)
		return 0;
	length = routes->settings.id_length[rotation];
	if (length == 0 || size < 1 + length + LB_NONCE_MIN)
		return 0;
	key[0] = (uint8_t)length;
	memcpy(key + 1, id + 1, length);
	return find(routes, key, KEY, 0);
}

uint32_t quic_route(const struct quic_routes *routes, const struct pkt *p)
{
	size_t size;
	const uint8_t *id = quic_connection_id(p, &size);

	if (!id || size < 2)
		return 0;
	return routes->settings.format == QUIC_DPVS ? route_dpvs(routes, id, size)
						    : route_lb(routes, id, size);
}

/* The payload of a datagram. Padding of a short frame is none of it. */
static const uint8_t *payload(const struct pkt *p, size_t *size)
{
	const uint8_t *l4 = pkt_l4(p);
	size_t there = rte_pktmbuf_data_len(p->mbuf) - p->l3 - p->l4;
	size_t length = (size_t)(l4[4] << 8 | l4[5]);

	*size = (length < there ? length : there) - UDP_HEADER;
	return l4 + UDP_HEADER;
}

const uint8_t *quic_connection_id(const struct pkt *p, size_t *size)
{
	const uint8_t *data;
	size_t length;

	if (pkt_protocol(p) != IPPROTO_UDP)
		return NULL;
	data = payload(p, &length);
	if (length < 2)
		return NULL;
	if (!(data[0] & 0x80)) {
		*size = length - 1 < QUIC_ID_MAX ? length - 1 : QUIC_ID_MAX;
		return data + 1;
	}
	if (length < 6 || data[5] == 0 || data[5] > QUIC_ID_MAX || length < 6u + data[5])
		return NULL;
	*size = data[5];
	return data + 6;
}

bool quic_is_short(const struct pkt *p)
{
	size_t length;
	const uint8_t *data = payload(p, &length);

	// The "fixed bit", which all versions have but Google's: without it, anything at all.
	return length >= 2 && (data[0] & 0xc0) == 0x40;
}

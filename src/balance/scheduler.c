/* SPDX-License-Identifier: BSD-3-Clause */

/* What schedulers have in common that choose by address. */
#include "balance/scheduler.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "balance/server.h"
#include "balance/service_data.h"
#include "base/hash.h"

uint64_t scheduler_hash_source(const struct service *service, const struct pkt *p)
{
	uint8_t bytes[18];
	size_t size = p->flags & PKT_IPV6 ? 16 : 4;
	uint16_t port = p->flags & PKT_IPV6 ? p->key6.source_port : p->key4.source_port;

	if (p->flags & PKT_IPV6)
		memcpy(bytes, p->key6.source, size);
	else
		memcpy(bytes, &p->key4.source, size);
	if (service->scheduler_flags & SCHEDULER_PORT) {
		memcpy(bytes + size, &port, sizeof(port));
		size += sizeof(port);
	}
	return hash_stable(bytes, size);
}

uint64_t scheduler_hash_destination(const struct pkt *p)
{
	return p->flags & PKT_IPV6 ? hash_stable(p->key6.destination, 16)
				   : hash_stable(&p->key4.destination, 4);
}

/*
 * The destination connection ID of a QUIC packet: of a long header (RFC 8999) by its length; of a
 * short one the first eight bytes, since its length is the server's secret; and of Google's QUIC,
 * for which clients choose eight bytes that stay for the whole connection. At most the first eight
 * bytes count, so that packets with both headers agree. NULL: there is none.
 */
enum { QUIC_ID = 8 };

static const uint8_t *quic_id(const struct pkt *p, size_t *size)
{
	const uint8_t *l4 = pkt_l4(p), *data = l4 + 8;
	size_t there = rte_pktmbuf_data_len(p->mbuf) - p->l3 - p->l4, length;

	// Padding of a short frame is none of the datagram's.
	length = (size_t)(l4[4] << 8 | l4[5]);
	length = (length < there ? length : there) - 8;
	*size = QUIC_ID;
	if (length >= 6 && (data[0] & 0x80)) {
		*size = data[5] < QUIC_ID ? data[5] : QUIC_ID;
		return *size > 0 && data[5] <= 20 && length >= 6u + data[5] ? data + 6 : NULL;
	}
	if (length >= 1 + QUIC_ID && !(data[0] & 0x80) && (data[0] & 0x48))
		return data + 1;
	return NULL;
}

uint64_t scheduler_hash_quic(const struct service *service, const struct pkt *p)
{
	size_t size;
	const uint8_t *id = pkt_protocol(p) == IPPROTO_UDP ? quic_id(p, &size) : NULL;

	return id ? hash_stable(id, size) : scheduler_hash_source(service, p);
}

static int by_address(const void *a, const void *b)
{
	const struct server *x = &server_table[((const struct scheduler_server *)a)->server];
	const struct server *y = &server_table[((const struct scheduler_server *)b)->server];
	int order = addr_compare(&x->addr, &y->addr);

	return order ? order : memcmp(&x->port, &y->port, sizeof(x->port));
}

struct scheduler_server *scheduler_servers(const struct service *service)
{
	struct scheduler_server *servers = calloc(service->server_count, sizeof(*servers));

	for (uint32_t i = 0; servers && i < service->server_count; i++) {
		const struct server *server = &server_table[service->servers[i].server];
		uint8_t name[18];

		memcpy(name, server->addr.bytes, 16);
		memcpy(name + 16, &server->port, 2);
		servers[i] = (struct scheduler_server){
			.hash = hash_stable(name, sizeof(name)),
			.server = service->servers[i].server,
			.weight = service->servers[i].weight,
		};
	}
	if (servers)
		qsort(servers, service->server_count, sizeof(*servers), by_address);
	return servers;
}

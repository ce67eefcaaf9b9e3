/* SPDX-License-Identifier: BSD-3-Clause */

/* What schedulers have in common: passing over servers that are full, and choosing by address. */
#include "balance/scheduler.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "balance/overload.h"
#include "balance/quic.h"
#include "balance/server.h"
#include "balance/service_data.h"
#include "base/hash.h"

/*
 * The server that was chosen is overloaded. Taking turns goes on for two rounds, in which even a
 * light server has its turn when the weights are alike; after that, as for a hash, the list is
 * walked once.
 */
static uint32_t scheduler_choose_other(struct balancer *b, const struct service *service,
				       const struct pkt *p)
{
	uint32_t turns = service->scheduler->by_turns ? 2 * service->server_count : 0, at, server;

	for (uint32_t i = 0; i < turns; i++) {
		server = service->scheduler->choose(b, service, p);
		if (!overload_refuses(b, server))
			return server;
	}
	at = scheduler_hash_source(service, p) % service->server_count;
	for (uint32_t i = 0; i < service->server_count; i++) {
		server = service->servers[at].server;
		if (!overload_refuses(b, server))
			return server;
		at = at + 1 < service->server_count ? at + 1 : 0;
	}
	return 0;
}

uint32_t scheduler_choose(struct balancer *b, const struct service *service, const struct pkt *p)
{
	uint32_t server = service->scheduler->choose(b, service, p);

	if (likely(!service->thresholds) || !overload_refuses(b, server))
		return server;
	return scheduler_choose_other(b, service, p);
}

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
 * At most the first eight bytes count, so that packets with both headers agree: a short one does not
 * say how long its connection ID is, and Google's QUIC, for which clients choose IDs that stay for
 * the whole connection, has eight. One of its bits 0x48 tells a short header from other datagrams.
 */
enum { QUIC_HASHED = 8 };

uint64_t scheduler_hash_quic(const struct service *service, const struct pkt *p)
{
	size_t size;
	const uint8_t *id = quic_connection_id(p, &size);

	if (id && !(pkt_l4(p)[8] & 0x80) && (size < QUIC_HASHED || !(pkt_l4(p)[8] & 0x48)))
		id = NULL;
	return id ? hash_stable(id, size < QUIC_HASHED ? size : QUIC_HASHED)
		  : scheduler_hash_source(service, p);
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

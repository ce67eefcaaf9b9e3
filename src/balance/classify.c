/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Which service is a first packet for? The more specific before the less: a service on the very
 * port, one on a range of ports, one on any port of the address; then by firewall mark, which
 * weir's own rules give (balance/mark.c). Known packets never come here, so a few lookups one
 * after the other do no harm.
 */
#include "balance/classify.h"

#include <rte_byteorder.h>

#include "balance/balancer.h"
#include "balance/mark.h"
#include "balance/matches.h"

static const struct service *classify_address(const struct pkt *p)
{
	struct service_key key = {.zone = pkt_zone(p), .protocol = pkt_protocol(p)};
	const struct service *service;
	uint16_t port;

	if (p->flags & PKT_IPV6) {
		key.vip = addr_v6(p->key6.destination);
		port = p->key6.destination_port;
	} else {
		key.vip = addr_v4(p->key4.destination);
		port = p->key4.destination_port;
	}
	key.port = rte_be_to_cpu_16(port);
	service = service_find(&key);
	if (service || !service_has_wide())
		return service;
	service = service_find_range(&key);
	if (service)
		return service;
	key.port = 0;
	return service_find(&key);
}

static const struct service *classify_mark(struct balancer *b, const struct pkt *p)
{
	struct service_key key = {
		.kind = SERVICE_MARK,
		.vip.family = p->flags & PKT_IPV6 ? AF_INET6 : AF_INET,
		.mark = mark_of_packet(b->mark_hits, p),
	};

	return key.mark ? service_find(&key) : NULL;
}

const struct service *service_classify(struct balancer *b, const struct pkt *p)
{
	const struct service *service = classify_address(p);

	// Marks are about the underlay: out of a VNI there is nothing but what a match lets out.
	if (!service && !pkt_zone(p))
		service = classify_mark(b, p);
	return service ? service : matches_find(p);
}

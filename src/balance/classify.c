/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Which service is a first packet for? Services by address are asked before those by mark and
 * those by match, the more specific before the less: known packets never come here, so a few
 * lookups one after the other do no harm.
 */
#include "balance/classify.h"

#include <rte_byteorder.h>

#include "balance/matches.h"

const struct service *service_classify(const struct pkt *p)
{
	struct service_key key = {.protocol = pkt_protocol(p)};
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
	return service ? service : matches_find(p);
}

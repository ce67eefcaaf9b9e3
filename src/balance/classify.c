/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Which service is a first packet for? The more specific before the less: a service on the very
 * port, one on a range of ports, one on any port of the address; then by firewall mark, which
 * weir's own rules give (balance/mark.c). Known packets never come here, so a few lookups one
 * after the other do no harm; but what a flood is for is looked up once in a batch, and remembered
 * to the end of it: no longer, because a service may be replaced between two batches.
 */
#include "balance/classify.h"

#include <string.h>

#include <rte_branch_prediction.h>
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

void service_classify_begin(struct balancer *b)
{
	b->memos_valid = 0;
}

/* The address and what else decides, as words; IPv4 and IPv6 differ in the last. */
static inline void destination_words(const struct pkt *p, uint64_t words[3])
{
	if (p->flags & PKT_IPV6) {
		memcpy(words, p->key6.destination, 16);
		words[2] = (uint64_t)p->key6.zone_protocol << 32 |
			   (uint32_t)p->key6.destination_port << 1 | 1;
	} else {
		words[0] = p->key4.destination;
		words[1] = 0;
		words[2] = (uint64_t)p->key4.zone_protocol << 32 |
			   (uint32_t)p->key4.destination_port << 1;
	}
}

static inline const struct service *classify_remembered(struct balancer *b, const struct pkt *p)
{
	uint64_t words[3];
	struct service_memo *memo;
	unsigned int place;

	destination_words(p, words);
	// The upper bits of a product depend on all bits of what is multiplied.
	place = ((words[0] + words[1] + words[2]) * 0x9e3779b97f4a7c15u) >> 60;
	_Static_assert(SERVICE_MEMOS == 1 << 4, "four bits of a product");
	memo = &b->memos[place];
	if (likely(b->memos_valid >> place & 1) && memo->destination[0] == words[0] &&
	    memo->destination[1] == words[1] && memo->destination[2] == words[2])
		return memo->service;
	memcpy(memo->destination, words, sizeof(words));
	memo->service = classify_address(p);
	b->memos_valid |= 1 << place;
	return memo->service;
}

static const struct service *classify_mark(uint64_t *hits, const struct pkt *p)
{
	struct service_key key = {
		.kind = SERVICE_MARK,
		.vip.family = p->flags & PKT_IPV6 ? AF_INET6 : AF_INET,
		.mark = mark_of_packet(hits, p),
	};

	return key.mark ? service_find(&key) : NULL;
}

static inline const struct service *classify(struct balancer *b, uint64_t *hits,
					     const struct pkt *p)
{
	const struct service *service = classify_remembered(b, p);

	// Marks are about the underlay: out of a VNI there is nothing but what a match lets out.
	if (!service && !pkt_zone(p))
		service = classify_mark(hits, p);
	return service ? service : matches_find(p);
}

const struct service *service_classify(struct balancer *b, const struct pkt *p)
{
	return classify(b, b->mark_hits, p);
}

const struct service *service_classify_again(struct balancer *b, const struct pkt *p)
{
	return classify(b, NULL, p);
}

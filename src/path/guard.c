/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The guard: what stands between a packet without a session and the service that it is for. Each
 * check is one call here, the cheapest and most final first, and none of them costs a packet of a
 * session anything. A check that says no has dropped the packet by name, or answered it.
 *
 * Access lists come in two places. The node's list of those denied is asked before it is even known
 * which worker owns a packet or what it is for, because an attack has to be cheap: so it is also
 * about TCP and UDP to Linux itself, and about nothing else (ICMP, ARP, routing protocols, what
 * Linux sends). Everything else is asked when the service is known. Lookups of a batch are begun
 * together, so that they wait for the memory together.
 *
 * When lists change, sessions of those who would not be let in any more end in the next pass of the
 * sweep, unless the setting says that they stay.
 */
#include "path/guard.h"

#include "balance/access.h"
#include "balance/source_list.h"
#include "path/worker.h"

static const uint8_t *pkt_source_bytes(const struct pkt *p)
{
	return p->flags & PKT_IPV6 ? p->key6.source : (const uint8_t *)&p->key4.source;
}

/* Of the underlay, from outside: in a VNI an address says nothing about who that is. */
static bool node_judges(const struct pkt *p)
{
	return !(p->flags & (PKT_FROM_KERNEL | PKT_ICMP_ERROR)) && pkt_zone(p) == 0;
}

/* Classes of the sources of all packets without a session. */
static void guard_classify(struct batch *b)
{
	bool unknown = false;

	for (unsigned int i = 0; i < b->miss.count; i++) {
		const struct pkt *p = &b->pkt[b->miss.at[i]];

		source_prefetch(pkt_source_bytes(p), p->flags & PKT_IPV6);
	}
	for (unsigned int i = 0; i < b->miss.count; i++) {
		unsigned int at = b->miss.at[i];
		const struct pkt *p = &b->pkt[at];

		b->source[at] = source_begin(pkt_source_bytes(p), p->flags & PKT_IPV6);
		b->classified |= 1ull << at;
		unknown |= source_is_unknown(b->source[at]);
	}
	while (unknown) {
		unknown = false;
		for (unsigned int i = 0; i < b->miss.count; i++) {
			unsigned int at = b->miss.at[i];

			if (!source_is_unknown(b->source[at]))
				continue;
			b->source[at] = source_step(b->source[at], pkt_source_bytes(&b->pkt[at]));
			unknown |= source_is_unknown(b->source[at]);
		}
	}
}

/* Those whom the node denies leave the lane of packets without a session. */
static void guard_node(struct worker *w, struct batch *b, const struct access *node)
{
	uint64_t *counters = access_worker_hits(w->index);
	unsigned int kept = 0;

	for (unsigned int i = 0; i < b->miss.count; i++) {
		unsigned int at = b->miss.at[i];
		struct pkt *p = &b->pkt[at];

		if (node_judges(p) && access_denies(node, p, b->source[at], counters))
			pkt_drop(p, DROP_acl_node_denied);
		else
			b->miss.at[kept++] = at;
	}
	b->miss.count = kept;
}

void guard_batch(struct worker *w, struct batch *b)
{
	const struct access *node;

	b->classified = 0;
	if (likely(!access_in_use()) || b->miss.count == 0)
		return;
	guard_classify(b);
	node = access_of(ACCESS_NODE);
	if (node && node->denied > 0)
		guard_node(w, b, node);
}

/* What the lists of the node, and then of the service, say. */
static enum drop guard_access(const struct pkt *p, uint32_t class, uint32_t service,
			      uint64_t *counters)
{
	enum drop reason = pkt_zone(p) ? DROP_none : access_judge(ACCESS_NODE, p, class, counters);

	return reason != DROP_none ? reason : access_judge(service, p, class, counters);
}

static uint32_t guard_class(const struct pkt *p)
{
	return source_find(pkt_source_bytes(p), p->flags & PKT_IPV6);
}

bool guard_admits(struct worker *w, struct batch *b, unsigned int at, const struct service *service)
{
	struct pkt *p = &b->pkt[at];
	enum drop reason;

	if (unlikely(access_in_use())) {
		// What had a session when the batch began was in no need of a class.
		reason = guard_access(p, b->classified >> at & 1 ? b->source[at] : guard_class(p),
				      service->number, access_worker_hits(w->index));
		if (reason != DROP_none) {
			pkt_drop(p, reason);
			return false;
		}
	}
	return true;
}

void guard_pass(struct worker *w)
{
	uint32_t epoch = __atomic_load_n(&access_epoch, __ATOMIC_ACQUIRE);

	w->access_pass = epoch != w->access_seen;
	w->access_seen = epoch;
}

bool guard_ends(struct worker *w, struct session *s, bool wide)
{
	struct pkt p = {.iface = 0};

	uint32_t service = server_table[s->server].service;

	// Lists may have changed once more, with the other setting, since this pass began.
	if ((s->flags & SESSION_LOCAL) || __atomic_load_n(&access_keep, __ATOMIC_ACQUIRE) ||
	    access_needs_frame(ACCESS_NODE) || access_needs_frame(service))
		return false;
	if (session_key_is_ipv6(s, wide, 0)) {
		p.key6 = *session_key6(s, 0);
		p.flags = PKT_IPV6;
	} else {
		p.key4 = *(const struct key4 *)session_key(s, wide, 0);
	}
	return guard_access(&p, guard_class(&p), service, NULL) != DROP_none;
}

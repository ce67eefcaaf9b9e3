/* SPDX-License-Identifier: BSD-3-Clause */
#include "path/limit.h"

#include <netinet/in.h>

#include "balance/limit.h"
#include "balance/limit_source.h"
#include "path/answer.h"
#include "path/forward.h"

/* What a session is counted for, in its extra line. */
enum limited {
	LIMITED_PACKETS = 1, // its packets and bits
	LIMITED_SOURCE = 2,  // as a connection of its source, at its service
	LIMITED_NODE = 4,    // ... and at all services together
};

static const enum drop service_reasons[LIMIT_KINDS] = {
	[LIMIT_CONNECTIONS] = DROP_limit_connections,
	[LIMIT_NEW] = DROP_limit_new_connections,
	[LIMIT_PACKETS] = DROP_limit_packets,
	[LIMIT_BITS] = DROP_limit_bits,
};
static const enum drop source_reasons[LIMIT_KINDS] = {
	[LIMIT_CONNECTIONS] = DROP_source_connections,
	[LIMIT_NEW] = DROP_source_new_connections,
	[LIMIT_PACKETS] = DROP_source_packets,
	[LIMIT_BITS] = DROP_source_bits,
};

static bool service_pays(struct limit_share *share, enum limit_kind kind, uint64_t count,
			 uint64_t tsc)
{
	uint64_t cost = __atomic_load_n(&share->cost[kind], __ATOMIC_RELAXED);

	if (cost == 0)
		return true;
	share->asked[kind] += count;
	if (limit_pay(&share->next[kind], cost, count, tsc))
		return true;
	share->refused[kind]++;
	return false;
}

static bool source_pays(const struct limit *limit, struct limit_share *share,
			struct limit_source *source, enum limit_kind kind, uint64_t count,
			uint64_t tsc)
{
	if (limit->source_cost[kind] == 0 ||
	    limit_pay(&source->next[kind], limit->source_cost[kind], count, tsc))
		return true;
	share->source_refused[kind]++;
	return false;
}

/* May this source have another session? */
static enum drop source_admits(struct worker *w, struct batch *b, const struct pkt *p,
			       const struct limit *limit, struct limit_share *share,
			       uint32_t service)
{
	bool ipv6 = p->flags & PKT_IPV6;
	struct limit_source_key key;
	struct limit_source *source;

	limit_source_key(&key, service, ipv6, ipv6 ? p->key6.source : (const void *)&p->key4.source,
			 &limit->settings);
	source = limit_source_get(&w->sources, &key, b->seconds);
	if (limit->source_share[LIMIT_CONNECTIONS] &&
	    source->connections >= limit->source_share[LIMIT_CONNECTIONS]) {
		share->source_refused[LIMIT_CONNECTIONS]++;
		return source_reasons[LIMIT_CONNECTIONS];
	}
	return source_pays(limit, share, source, LIMIT_NEW, 1, b->tsc) ? DROP_none
								       : source_reasons[LIMIT_NEW];
}

static enum drop service_admits(struct worker *w, const struct batch *b, const struct limit *limit,
				struct limit_share *share, uint32_t service)
{
	const struct service_count *count = &w->balancer.service_counts[service];

	if (limit->settings.service[LIMIT_CONNECTIONS]) {
		share->asked[LIMIT_CONNECTIONS]++;
		if ((uint64_t)count->active + count->inactive >=
		    __atomic_load_n(&share->lease, __ATOMIC_RELAXED)) {
			share->refused[LIMIT_CONNECTIONS]++;
			return service_reasons[LIMIT_CONNECTIONS];
		}
	}
	return service_pays(share, LIMIT_NEW, 1, b->tsc) ? DROP_none : service_reasons[LIMIT_NEW];
}

static enum drop limit_judge(struct worker *w, struct batch *b, const struct pkt *p,
			     uint32_t service)
{
	struct limit *limit = limit_of(service);
	struct limit_share *share;
	enum drop reason = DROP_none;

	if (likely(!limit))
		return DROP_none;
	share = &limit->share[w->index];
	if (limit->by_source)
		reason = source_admits(w, b, p, limit, share, service);
	if (reason == DROP_none && service != 0)
		reason = service_admits(w, b, limit, share, service);
	return reason;
}

void limit_refuse(struct worker *w, struct batch *b, unsigned int at, const struct service *service,
		  enum drop reason)
{
	if (service->limit_reaction == LIMIT_DROP)
		pkt_drop(&b->pkt[at], reason);
	else if (service->limit_reaction == LIMIT_RESET && pkt_protocol(&b->pkt[at]) == IPPROTO_TCP)
		answer_reset_as(w, b, at, reason);
	else
		answer_prohibited(w, b, at, reason);
}

bool limit_admits(struct worker *w, struct batch *b, unsigned int at, const struct service *service)
{
	enum drop reason = limit_judge(w, b, &b->pkt[at], 0);

	if (reason == DROP_none)
		reason = limit_judge(w, b, &b->pkt[at], service->number);
	if (likely(reason == DROP_none))
		return true;
	limit_refuse(w, b, at, service, reason);
	return false;
}

/* The source of a session, by its own key. */
static void session_source(struct session *s, bool wide, uint32_t service,
			   const struct limit *limit, struct limit_source_key *key)
{
	bool ipv6 = session_key_is_ipv6(s, wide, 0);
	const struct key4 *narrow = session_key(s, wide, 0);

	limit_source_key(key, service, ipv6,
			 ipv6 ? session_key6(s, 0)->source : (const void *)&narrow->source,
			 &limit->settings);
}

static uint8_t limited_for(struct worker *w, struct session *s, bool wide, uint32_t service,
			   enum limited mark)
{
	const struct limit *limit = limit_of(service);
	uint8_t limited = 0;
	struct limit_source_key key;

	if (likely(!limit))
		return 0;
	if (limit->metered)
		limited = LIMITED_PACKETS;
	if (limit->source_share[LIMIT_CONNECTIONS]) {
		session_source(s, wide, service, limit, &key);
		limit_source_get(&w->sources, &key, w->batch.seconds)->connections++;
		limited |= mark;
	}
	return limited;
}

static void source_leave(struct worker *w, struct session *s, bool wide, uint32_t service)
{
	const struct limit *limit = limit_of(service);
	struct limit_source_key key;
	struct limit_source *source;

	if (!limit)
		return;
	session_source(s, wide, service, limit, &key);
	source = limit_source_find(&w->sources, &key);
	// It may have been forgotten, and come back with fewer.
	if (source && source->connections > 0)
		source->connections--;
}

bool limit_begin(struct worker *w, const struct service *service, struct session *s, bool wide)
{
	const struct limit *own = limit_of(service->number), *node = limit_of(0);
	struct session_extra *extra;

	if (likely(!own && !node))
		return true;
	if (!(own && (own->metered || own->source_share[LIMIT_CONNECTIONS])) &&
	    !(node && (node->metered || node->source_share[LIMIT_CONNECTIONS])))
		return true;
	extra = s->flags & SESSION_EXTRA ? table_extra(&w->table, s)
					 : table_extra_allocate(&w->table, s);
	if (!extra)
		return false;
	extra->limited = limited_for(w, s, wide, service->number, LIMITED_SOURCE) |
			 limited_for(w, s, wide, 0, LIMITED_NODE);
	return true;
}

void limit_end(struct worker *w, struct session *s, bool wide)
{
	const struct session_extra *extra = table_extra(&w->table, s);

	if (extra->limited & LIMITED_SOURCE)
		source_leave(w, s, wide, server_table[s->server].service);
	if (extra->limited & LIMITED_NODE)
		source_leave(w, s, wide, 0);
}

static enum drop packet_judge(struct worker *w, const struct batch *b, struct session *s, bool wide,
			      uint32_t service, uint64_t bits)
{
	struct limit *limit = limit_of(service);
	struct limit_share *share;
	struct limit_source_key key;
	struct limit_source *source;

	if (!limit || !limit->metered)
		return DROP_none;
	share = &limit->share[w->index];
	if (limit->source_cost[LIMIT_PACKETS] || limit->source_cost[LIMIT_BITS]) {
		session_source(s, wide, service, limit, &key);
		source = limit_source_get(&w->sources, &key, b->seconds);
		if (!source_pays(limit, share, source, LIMIT_PACKETS, 1, b->tsc))
			return source_reasons[LIMIT_PACKETS];
		if (!source_pays(limit, share, source, LIMIT_BITS, bits, b->tsc))
			return source_reasons[LIMIT_BITS];
	}
	if (!service_pays(share, LIMIT_PACKETS, 1, b->tsc))
		return service_reasons[LIMIT_PACKETS];
	return service_pays(share, LIMIT_BITS, bits, b->tsc) ? DROP_none
							     : service_reasons[LIMIT_BITS];
}

bool limit_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s)
{
	struct pkt *p = &b->pkt[at];
	bool wide = p->session & ENTRY_WIDE;
	enum drop reason;
	uint64_t bits;

	if (!(table_extra(&w->table, s)->limited & LIMITED_PACKETS))
		return true;
	bits = 8ull * forward_length(p, pkt_l3(p));
	reason = packet_judge(w, b, s, wide, 0, bits);
	if (reason == DROP_none)
		reason = packet_judge(w, b, s, wide, server_table[s->server].service, bits);
	if (reason == DROP_none)
		return true;
	pkt_drop(p, reason);
	return false;
}

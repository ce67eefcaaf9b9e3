/* SPDX-License-Identifier: BSD-3-Clause */
#include "path/limit.h"

#include <netinet/in.h>

#include "balance/limit.h"
#include "balance/limit_source.h"
#include "path/answer.h"
#include "path/forward.h"

/*
 * What a session is counted for, in its extra line. It keeps the length of the prefix too, because
 * the settings may change while it is counted.
 */
enum limited {
	LIMITED_PACKETS = 1, // its packets and bits
	LIMITED_SOURCE = 2,  // as a connection of its source, at its service
	LIMITED_NODE = 4,    // ... and at all services together
};

/* Limits of all services together are asked before those of the packet's own. */
enum level { LEVEL_NODE, LEVEL_SERVICE, LEVELS };

/*
 * The argument of HAND_SOURCE and HAND_ANSWERED: the worker that asks, or the answer (SOURCE_...);
 * how often the packet has been lent; and the level.
 */
enum { ASK_WORKER = 0xff, ASK_HOPS_SHIFT = 8, ASK_HOPS = 0xff, ASK_LEVEL_SHIFT = 16 };

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

static uint32_t level_service(enum level level, const struct service *service)
{
	return level == LEVEL_NODE ? 0 : service->number;
}

static unsigned int prefix_bits(const struct limit *limit, bool ipv6)
{
	return ipv6 ? limit->settings.prefix6 : limit->settings.prefix4;
}

static void packet_source(const struct pkt *p, const struct limit *limit, uint32_t service,
			  struct limit_source_key *key)
{
	bool ipv6 = p->flags & PKT_IPV6;

	limit_source_key(key, service, ipv6, ipv6 ? p->key6.source : (const void *)&p->key4.source,
			 prefix_bits(limit, ipv6));
}

static struct limit_sources *sources_of(struct worker *w)
{
	limit_sources_clock(&w->sources, w->batch.tsc, w->batch.seconds);
	return &w->sources;
}

static enum drop source_refusal(struct limit_share *share, unsigned int said)
{
	if (said == SOURCE_NO_ROOM)
		return DROP_limit_no_room;
	share->source_refused[said - 1]++;
	return source_reasons[said - 1];
}

static void source_hand(const struct worker *w, struct batch *b, unsigned int at,
			const struct limit_source_key *key, enum level level)
{
	struct pkt *p = &b->pkt[at];

	p->fate = FATE_HAND;
	b->owner[at] = limit_source_home(&w->sources, key);
	b->hand[at] = HAND_SOURCE | w->index | lend_hops(p) << ASK_HOPS_SHIFT |
		      level << ASK_LEVEL_SHIFT;
}

unsigned int limit_hops(uint32_t why)
{
	return why >> ASK_HOPS_SHIFT & ASK_HOPS;
}

bool limit_answers(struct worker *w, struct batch *b, unsigned int at,
		   const struct service *service)
{
	struct pkt *p = &b->pkt[at];
	uint32_t why = p->mbuf->hash.usr, number;
	unsigned int said = SOURCE_ADMITTED;
	struct limit_source_key key;
	const struct limit *limit;
	enum level level;

	if (likely(!(why & HAND_SOURCE)))
		return false;
	level = why >> ASK_LEVEL_SHIFT & 1;
	number = level_service(level, service);
	limit = limit_of(number);
	limit_sources_read(sources_of(w));
	if (limit && limit->by_source) {
		packet_source(p, limit, number, &key);
		said = limit_source_give(&w->sources, limit, &key, why & ASK_WORKER);
	}
	p->fate = FATE_HAND;
	b->owner[at] = why & ASK_WORKER;
	b->hand[at] = HAND_ANSWERED | said | (why & ~(HAND_SOURCE | ASK_WORKER));
	return true;
}

void limit_leave(struct worker *w, const struct pkt *p, const struct service *service)
{
	for (enum level level = LEVEL_NODE; level < LEVELS; level++) {
		uint32_t number = level_service(level, service);
		const struct limit *limit = limit_of(number);
		struct limit_source_key key;

		if (likely(!limit || !limit->settings.source[LIMIT_CONNECTIONS]))
			continue;
		packet_source(p, limit, number, &key);
		limit_source_leave(sources_of(w), &key);
	}
}

/* What the packet's source needs that its home has: it goes there, once for each level. */
static bool level_prepare(struct worker *w, struct batch *b, unsigned int at,
			  const struct service *service, enum level level, uint32_t why)
{
	uint32_t number = level_service(level, service);
	struct limit *limit = limit_of(number);
	enum level answered = why >> ASK_LEVEL_SHIFT & 1;
	bool again = (why & HAND_ANSWERED) && answered >= level;
	struct pkt *p = &b->pkt[at];
	struct limit_source_key key;

	if (likely(!limit || !limit->by_source))
		return true;
	packet_source(p, limit, number, &key);
	limit_sources_read(sources_of(w));
	if ((why & HAND_ANSWERED) && answered == level) {
		limit_source_asked(&w->sources, &key);
		if ((why & ASK_WORKER) != SOURCE_ADMITTED) {
			limit_leave(w, p, service);
			limit_refuse(w, b, at, service,
				     source_refusal(&limit->share[w->index], why & ASK_WORKER));
			return false;
		}
	}
	if (!limit_source_asks(&w->sources, limit, &key, again))
		return true;
	if (p->flags & PKT_LOCAL) { // a fragment has found its way already
		limit_source_write(&w->sources, &key);
		pkt_drop(p, DROP_source_asked);
	} else {
		source_hand(w, b, at, &key, level);
	}
	return false;
}

bool limit_prepare(struct worker *w, struct batch *b, unsigned int at,
		   const struct service *service)
{
	uint32_t why = b->pkt[at].flags & PKT_HANDED ? b->pkt[at].mbuf->hash.usr : HAND_OWNER;

	if (w->count == 1 || why & HAND_ASK) // asked for a server only: its owner asks for the rest
		return true;
	return level_prepare(w, b, at, service, LEVEL_NODE, why) &&
	       level_prepare(w, b, at, service, LEVEL_SERVICE, why);
}

void limit_run(struct worker *w)
{
	limit_sources_read(sources_of(w));
	limit_sources_tidy(&w->sources);
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

/* What refuses a session, at one level. */
static enum drop limit_judge(struct worker *w, struct batch *b, unsigned int at,
			     const struct service *service, enum level level)
{
	uint32_t number = level_service(level, service);
	struct limit *limit = limit_of(number);
	struct limit_source_key key;
	struct limit_share *share;
	unsigned int said;

	if (likely(!limit))
		return DROP_none;
	share = &limit->share[w->index];
	if (limit->by_source) {
		packet_source(&b->pkt[at], limit, number, &key);
		said = limit_source_admits(sources_of(w), limit, &key);
		if (said == SOURCE_ASKS)
			return DROP_source_asked;
		if (said != SOURCE_ADMITTED)
			return source_refusal(share, said);
	}
	return level == LEVEL_SERVICE ? service_admits(w, b, limit, share, number) : DROP_none;
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

/* Another packet of the source took the credit while this one was on its way. */
static void limit_again(struct worker *w, struct batch *b, unsigned int at,
			const struct service *service)
{
	if (level_prepare(w, b, at, service, LEVEL_NODE, HAND_OWNER) &&
	    level_prepare(w, b, at, service, LEVEL_SERVICE, HAND_OWNER))
		pkt_drop(&b->pkt[at], DROP_source_asked);
}

bool limit_admits(struct worker *w, struct batch *b, unsigned int at, const struct service *service)
{
	enum drop reason = limit_judge(w, b, at, service, LEVEL_NODE);

	if (reason == DROP_none)
		reason = limit_judge(w, b, at, service, LEVEL_SERVICE);
	if (likely(reason == DROP_none))
		return true;
	if (reason == DROP_source_asked) {
		limit_again(w, b, at, service);
		return false;
	}
	limit_leave(w, &b->pkt[at], service);
	limit_refuse(w, b, at, service, reason);
	return false;
}

/* The source of a session, by its own key. */
static void session_source(struct session *s, bool wide, uint32_t service, unsigned int bits,
			   struct limit_source_key *key)
{
	bool ipv6 = session_key_is_ipv6(s, wide, 0);
	const struct key4 *narrow = session_key(s, wide, 0);

	limit_source_key(key, service, ipv6,
			 ipv6 ? session_key6(s, 0)->source : (const void *)&narrow->source, bits);
}

/* Count a session at one level, and say so in its extra line. False: no room. */
static bool level_begin(struct worker *w, struct session *s, bool wide, uint32_t service,
			struct session_extra *extra)
{
	const struct limit *limit = limit_of(service);
	unsigned int bits;
	struct limit_source_key key;

	if (!limit)
		return true;
	if (limit->tracked) {
		bits = prefix_bits(limit, session_key_is_ipv6(s, wide, 0));
		session_source(s, wide, service, bits, &key);
		if (!limit_source_begin(sources_of(w), &key))
			return false;
		extra->limited |= service ? LIMITED_SOURCE : LIMITED_NODE;
		extra->limited_bits[service ? LEVEL_SERVICE : LEVEL_NODE] = bits;
	}
	if (limit->metered)
		extra->limited |= LIMITED_PACKETS;
	return true;
}

static void level_end(struct worker *w, struct session *s, bool wide, uint32_t service,
		      struct session_extra *extra)
{
	enum limited mark = service ? LIMITED_SOURCE : LIMITED_NODE;
	struct limit_source_key key;

	if (!(extra->limited & mark))
		return;
	extra->limited &= ~mark;
	session_source(s, wide, service, extra->limited_bits[service ? LEVEL_SERVICE : LEVEL_NODE],
		       &key);
	limit_source_end(sources_of(w), &key);
}

static bool limit_counts(const struct limit *limit)
{
	return limit && (limit->metered || limit->tracked);
}

bool limit_begin(struct worker *w, const struct service *service, struct session *s, bool wide)
{
	const struct limit *own = limit_of(service->number), *node = limit_of(0);
	struct session_extra *extra;

	if (likely(!own && !node))
		return true;
	if (!limit_counts(own) && !limit_counts(node))
		return true;
	extra = s->flags & SESSION_EXTRA ? table_extra(&w->table, s)
					 : table_extra_allocate(&w->table, s);
	if (!extra)
		return false;
	if (level_begin(w, s, wide, 0, extra) && level_begin(w, s, wide, service->number, extra))
		return true;
	level_end(w, s, wide, 0, extra);
	return false;
}

void limit_pass(struct worker *w)
{
	uint32_t epoch = __atomic_load_n(&limit_epoch, __ATOMIC_ACQUIRE);

	w->limit_pass = epoch != w->limit_seen;
	w->limit_seen = epoch;
}

void limit_join(struct worker *w, struct session *s)
{
	const struct limit *own = limit_of(server_table[s->server].service), *node = limit_of(0);
	struct session_extra *extra;

	if ((s->flags & SESSION_LOCAL) || !((own && own->metered) || (node && node->metered)))
		return;
	extra = s->flags & SESSION_EXTRA ? table_extra(&w->table, s)
					 : table_extra_allocate(&w->table, s);
	if (extra)
		extra->limited |= LIMITED_PACKETS;
}

void limit_end(struct worker *w, struct session *s, bool wide)
{
	struct session_extra *extra = table_extra(&w->table, s);

	level_end(w, s, wide, server_table[s->server].service, extra);
	level_end(w, s, wide, 0, extra);
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
		session_source(s, wide, service,
			       prefix_bits(limit, session_key_is_ipv6(s, wide, 0)), &key);
		source = limit_source_get(sources_of(w), &key);
		if (!source)
			return DROP_limit_no_room;
		for (enum limit_kind kind = LIMIT_PACKETS; kind <= LIMIT_BITS; kind++) {
			if (limit_source_pays(&w->sources, limit, source, kind,
					      kind == LIMIT_BITS ? bits : 1))
				continue;
			share->source_refused[kind]++;
			return source_reasons[kind];
		}
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

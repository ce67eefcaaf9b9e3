/* SPDX-License-Identifier: BSD-3-Clause */
#include "path/observe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ring.h>

#include "io/rcu.h"

static struct observer *observer;

static void observer_free(void *arg)
{
	struct observer *o = arg;

	rte_ring_free(o->free);
	rte_ring_free(o->complete);
	free(o->records);
	free(o);
}

int observer_begin(const struct packet_filter *filter, uint32_t packets, uint32_t snap)
{
	static unsigned int serial;
	char name[RTE_RING_NAMESIZE];
	struct observer *o;

	if (observer)
		return -EBUSY;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	// The rings of an observer that ended a moment ago may still exist: other names.
	serial++;
	snprintf(name, sizeof(name), "weir_record_f%u", serial);
	o->free = rte_ring_create(name, RECORDS * 2, SOCKET_ID_ANY, 0);
	snprintf(name, sizeof(name), "weir_record_c%u", serial);
	o->complete = rte_ring_create(name, RECORDS * 2, SOCKET_ID_ANY, 0);
	o->records = calloc(RECORDS, sizeof(*o->records));
	if (!o->free || !o->complete || !o->records) {
		observer_free(o);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < RECORDS; i++)
		rte_ring_enqueue(o->free, &o->records[i]);
	o->filter = *filter;
	o->wanted = o->unread = packets;
	o->snap = snap < RECORD_BYTES ? snap : RECORD_BYTES;
	observer = o;
	for (unsigned int i = 0; i < workers_count(); i++)
		__atomic_store_n(&worker_get(i)->observer, o, __ATOMIC_RELEASE);
	return 0;
}

struct observer *observer_get(void)
{
	return observer;
}

struct record *observer_next(void)
{
	void *r;

	if (!observer || rte_ring_dequeue(observer->complete, &r) < 0)
		return NULL;
	observer->unread--;
	return r;
}

void observer_return(struct record *r)
{
	rte_ring_enqueue(observer->free, r);
}

bool observer_finished(void)
{
	return !observer || observer->unread == 0;
}

void observer_end(void)
{
	struct observer *o = observer;

	if (!o)
		return;
	observer = NULL;
	for (unsigned int i = 0; i < workers_count(); i++)
		__atomic_store_n(&worker_get(i)->observer, NULL, __ATOMIC_RELEASE);
	rcu_defer(observer_free, o);
}

static bool address_matches(const struct prefix *wanted, const struct pkt *p)
{
	struct addr ends[2];

	if (wanted->addr.family == AF_UNSPEC)
		return true;
	if (p->l4 == 0)
		return false;
	for (unsigned int i = 0; i < 2; i++) {
		if (p->flags & PKT_IPV6)
			ends[i] = addr_v6(i ? p->key6.destination : p->key6.source);
		else
			ends[i] = addr_v4(i ? p->key4.destination : p->key4.source);
		if (prefix_contains(wanted, &ends[i]))
			return true;
	}
	return false;
}

static bool filter_matches(const struct packet_filter *f, const struct pkt *p)
{
	uint16_t port = rte_cpu_to_be_16(f->port);
	uint16_t source, destination;

	if (f->iface && f->iface != p->iface)
		return false;
	if (f->protocol && (p->l4 == 0 || pkt_protocol(p) != f->protocol))
		return false;
	if (!address_matches(&f->address, p))
		return false;
	if (!f->port)
		return true;
	if (p->l4 == 0)
		return false;
	source = p->flags & PKT_IPV6 ? p->key6.source_port : p->key4.source_port;
	destination = p->flags & PKT_IPV6 ? p->key6.destination_port : p->key4.destination_port;
	return source == port || destination == port;
}

static struct record *record_take(struct observer *o)
{
	void *r;

	if (rte_ring_dequeue(o->free, &r) < 0) {
		__atomic_add_fetch(&o->missed, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	return r;
}

static void record_arrival(struct worker *w, struct batch *b, unsigned int at, struct record *r)
{
	const struct observer *o = w->observed;
	const struct pkt *p = &b->pkt[at];
	const void *bytes;

	r->tsc = b->tsc;
	r->worker = w->index;
	r->length = rte_pktmbuf_pkt_len(p->mbuf);
	r->captured = RTE_MIN(r->length, o->snap);
	r->iface = p->iface;
	r->tcp_flags = p->tcp_flags;
	r->l3 = p->l3;
	r->l4 = p->l4;
	r->protocol = p->l4 ? pkt_protocol(p) : 0;
	r->ipv6 = p->flags & PKT_IPV6;
	r->key6 = p->key6;
	bytes = rte_pktmbuf_read(p->mbuf, 0, r->captured, r->bytes);
	if (bytes != r->bytes)
		memcpy(r->bytes, bytes, r->captured);
}

void observe_arrivals(struct worker *w, struct batch *b)
{
	struct observer *o = w->observed;

	for (unsigned int i = 0; i < b->count; i++) {
		w->record[i] = NULL;
		if (__atomic_load_n(&o->wanted, __ATOMIC_RELAXED) == 0 ||
		    !filter_matches(&o->filter, &b->pkt[i]))
			continue;
		w->record[i] = record_take(o);
		if (w->record[i])
			record_arrival(w, b, i, w->record[i]);
	}
}

/* The tuple that a packet leaves with, read from its headers as they now are. */
static void record_sent(struct record *r, const struct pkt *p)
{
	const uint8_t *l3 = pkt_l3(p);

	memset(&r->sent, 0, sizeof(r->sent));
	r->sent_ipv6 = p->flags & PKT_IPV6;
	if (r->sent_ipv6) {
		memcpy(r->sent.source, l3 + 8, 32);
	} else {
		memcpy(r->sent.source, l3 + 12, 4);
		memcpy(r->sent.destination, l3 + 16, 4);
	}
	memcpy(&r->sent.source_port, pkt_l4(p), 4);
}

/* Why output() will drop the packet, as far as that is known by now: full queues are not. */
static enum drop drop_ahead(const struct batch *b, unsigned int at)
{
	const struct pkt *p = &b->pkt[at];

	if (p->fate != FATE_SEND || p->drop != DROP_none)
		return p->drop;
	if (b->nexthop[at] == NEXTHOP_NONE)
		return DROP_no_route;
	return b->nexthop[at] == NEXTHOP_BLACKHOLE ? DROP_route_blackhole : DROP_none;
}

static void record_fate(struct worker *w, struct batch *b, unsigned int at, struct record *r)
{
	const struct pkt *p = &b->pkt[at];

	r->flags = p->flags;
	r->drop = drop_ahead(b, at);
	r->fate = r->drop == p->drop ? p->fate : FATE_DROP;
	r->nexthop = 0;
	if (p->fate == FATE_SEND || p->fate == FATE_PIECES)
		r->nexthop = b->nexthop[at];
	else if (p->fate == FATE_HAND || p->fate == FATE_FOLLOW)
		r->nexthop = b->owner[at];
	r->session = p->session;
	r->server = 0;
	r->state = STATE_NONE;
	if (p->session) {
		const struct session *s = table_session(&w->table, p->session);

		r->server = s->server;
		r->state = s->state;
		r->form = s->form & FORM_KIND;
	}
	if (r->fate == FATE_SEND || (p->session && r->fate != FATE_DROP))
		record_sent(r, p);
}

/* One of the records that are wanted; false when another worker took the last one. */
static bool record_claim(struct observer *o)
{
	uint32_t wanted = __atomic_load_n(&o->wanted, __ATOMIC_RELAXED);

	while (wanted > 0)
		if (__atomic_compare_exchange_n(&o->wanted, &wanted, wanted - 1, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return true;
	return false;
}

void observe_fates(struct worker *w, struct batch *b)
{
	struct observer *o = w->observed;

	for (unsigned int i = 0; i < b->count; i++) {
		struct record *r = w->record[i];
		bool wanted;

		w->record[i] = NULL;
		if (!r)
			continue;
		wanted = o->filter.drop_reason < 0 ||
			 (int)drop_ahead(b, i) == o->filter.drop_reason;
		if (wanted && record_claim(o)) {
			record_fate(w, b, i, r);
			rte_ring_enqueue(o->complete, r);
		} else {
			rte_ring_enqueue(o->free, r);
		}
	}
}

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Output: in the order of arrival, give each packet the Ethernet header of its next hop and gather
 * it for its port, hand it to its owner, to Linux, or drop it and count why. A packet whose next
 * hop is known but has not answered yet is parked for a moment, as a host would.
 */
#include <string.h>

#include <rte_ethdev.h>

#include "io/handoff.h"
#include "net/punt.h"
#include "net/route.h"
#include "path/observe.h"
#include "path/fragment.h"
#include "path/punt_class.h"
#include "path/traffic.h"
#include "path/tunnelled.h"
#include "path/worker.h"

enum { PARK_SECONDS = 1, PARK_LOOKS = 200 /* a second */, PARKED_FEW = 4 };

static void output_drop(struct worker *w, struct rte_mbuf *m, enum drop reason)
{
	w->drops[reason]++;
	rte_pktmbuf_free(m);
}

static void hand_flush(struct worker *w, unsigned int to)
{
	struct transmit *t = &w->hand[to];
	unsigned int taken = handoff_send(w->index, to, t->packet, t->count);

	w->stats.handed_over += taken;
	if (unlikely(taken < t->count)) {
		w->drops[DROP_handoff_full] += t->count - taken;
		rte_pktmbuf_free_bulk(t->packet + taken, t->count - taken);
	}
	t->count = 0;
	idle_wake(&worker_get(to)->idle);
}

/*
 * Give a packet to another worker: one that it owns, or one that is ready to be sent on a queue
 * that it has and this worker has not.
 */
static void hand_add(struct worker *w, unsigned int to, struct rte_mbuf *m, uint16_t iface,
		     uint32_t why)
{
	struct transmit *t = &w->hand[to];

	m->port = iface; // how the other worker learns where it came from
	m->hash.usr = why;
	t->packet[t->count++] = m;
	if (t->count == TRANSMIT)
		hand_flush(w, to);
}

static void transmit_flush(struct worker *w, unsigned int port)
{
	struct transmit *t = &w->transmit[port];
	const struct port_queue *q = &w->transmit_queue[port];
	unsigned int sent, by = __atomic_load_n(&w->transmit_by[port], __ATOMIC_ACQUIRE);

	if (unlikely(by != w->index)) {
		if (by == TRANSMIT_SHAPED)
			return shape_transmit(w, port, t);
		for (unsigned int i = 0; i < t->count; i++)
			hand_add(w, by, t->packet[i], w->port_iface[port], HAND_READY);
		t->count = 0;
		return;
	}
	sent = rte_eth_tx_burst(q->dpdk_port, q->queue, t->packet, t->count);
	w->stats.sent += sent;
	if (unlikely(sent < t->count)) {
		w->stats.send_failed += t->count - sent;
		w->drops[DROP_transmit_full] += t->count - sent;
		rte_pktmbuf_free_bulk(t->packet + sent, t->count - sent);
	}
	t->count = 0;
}

static inline void transmit_add(struct worker *w, unsigned int port, struct rte_mbuf *m)
{
	struct transmit *t = &w->transmit[port];

	t->packet[t->count++] = m;
	if (unlikely(t->count == TRANSMIT))
		transmit_flush(w, port);
}

void output_flush(struct worker *w)
{
	for (unsigned int port = 0; port < port_count(); port++)
		if (w->transmit[port].count > 0)
			transmit_flush(w, port);
	for (unsigned int to = 0; w->count > 1 && to < w->count; to++)
		if (w->hand[to].count > 0)
			hand_flush(w, to);
}

/* A next hop of a VLAN: copy its longer header, and count. */
static void output_tag(struct worker *w, struct rte_mbuf *m, const struct nexthop *n)
{
	struct iface_count *count = &w->iface_count[n->iface];

	memcpy(rte_pktmbuf_mtod(m, uint8_t *), n->header, n->header_len - 2);
	count->packets[1]++;
	count->bytes[1] += rte_pktmbuf_pkt_len(m) - (n->header_len - RTE_ETHER_HDR_LEN);
}

/* Put the next hop's Ethernet header before the IP header at `l3`. */
static inline void output_send(struct worker *w, struct rte_mbuf *m, unsigned int l3, bool ipv6,
			       const struct nexthop *n)
{
	uint16_t type = ipv6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6) : RTE_BE16(RTE_ETHER_TYPE_IPV4);
	uint8_t *header;

	if (unlikely(n->header_len != l3)) {
		if (unlikely(n->header_len == NEXTHOP_TUNNEL))
			return tunnelled_send(w, m, l3, ipv6, n);
		m->data_off += l3 - n->header_len;
		m->data_len += n->header_len - l3;
		m->pkt_len += n->header_len - l3;
	}
	header = rte_pktmbuf_mtod(m, uint8_t *);
	if (likely(n->header_len == RTE_ETHER_HDR_LEN))
		memcpy(header, n->header, 12);
	else
		output_tag(w, m, n);
	memcpy(header + n->header_len - 2, &type, 2);
	transmit_add(w, n->port, m);
}

/* The server whose neighbour a packet waits for, where its destination does not tell. */
static uint32_t park_server(const struct worker *w, const struct pkt *p)
{
	const struct session *s = table_session(&w->table, p->session);

	return p->session && (s->form & FORM_KIND) == FORM_DIRECT ? s->server : 0;
}

static void output_pieces(struct worker *w, struct rte_mbuf *pieces, unsigned int l3, bool ipv6,
			  const struct nexthop *n)
{
	while (pieces) {
		struct rte_mbuf *next = pieces->next;

		pieces->next = NULL;
		output_send(w, pieces, l3, ipv6, n);
		w->stats.fragments_made++;
		pieces = next;
	}
	w->stats.fragments_made--;
}

void output_datagram(struct worker *w, struct rte_mbuf *m, bool ipv6, const struct nexthop *n)
{
	output_send(w, m, 0, ipv6, n);
}

static void output_park(struct worker *w, struct batch *b, struct pkt *p)
{
	if (w->parked_count < PARKED) {
		source_share_count(&w->parked_share, p, b->tsc, PARK_SECONDS * w->hz);
	} else if (w->parked_count == PARKED + PARKED_RESERVE ||
		   !source_share_take(&w->parked_share, p, b->tsc, PARK_SECONDS * w->hz, PARKED_FEW,
				      PARKED_RESERVE)) {
		output_drop(w, p->mbuf, DROP_neighbour_queue_full);
		return;
	}
	w->parked[w->parked_count++] = (struct parked){
		.mbuf = p->mbuf,
		.deadline = b->tsc + PARK_SECONDS * w->hz,
		.hash = p->hash,
		.server = park_server(w, p),
		.l3 = p->l3,
		.ipv6 = p->flags & PKT_IPV6,
	};
}

/* A next hop number that is none. */
static void output_odd(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];

	switch (b->nexthop[at]) {
	case NEXTHOP_UNRESOLVED:
		output_park(w, b, p);
		break;
	case NEXTHOP_BLACKHOLE:
		output_drop(w, p->mbuf, DROP_route_blackhole);
		break;
	case NEXTHOP_LOCAL: // a client or server that is this host itself
		tags_strip(p);
		if (punt_to_kernel(w->index, p->iface, PUNT_REST, p->mbuf, b->tsc))
			w->stats.punted++;
		else
			output_drop(w, p->mbuf, DROP_punt_policed);
		break;
	default:
		output_drop(w, p->mbuf, DROP_no_route);
	}
}

/* How much the next hop takes was not known when the packet was judged. */
static void output_waited(struct worker *w, const struct parked *k, const struct nexthop *n)
{
	struct pkt p = {.mbuf = k->mbuf, .l3 = k->l3, .flags = k->ipv6 ? PKT_IPV6 : 0};

	if (fragment_fit(w, &p, n->mtu))
		output_pieces(w, p.mbuf, p.l3, k->ipv6, n); // or the one
	else
		output_drop(w, p.mbuf, p.drop);
}

void output_parked(struct worker *w, uint64_t tsc)
{
	unsigned int kept = 0;

	// Each look asks for the neighbours again: not in every round of the worker.
	if (tsc < w->parked_look)
		return;
	w->parked_look = tsc + w->hz / PARK_LOOKS;
	for (unsigned int i = 0; i < w->parked_count; i++) {
		struct parked k = w->parked[i];
		const uint8_t *l3 = rte_pktmbuf_mtod_offset(k.mbuf, const uint8_t *, k.l3);
		uint16_t nexthop = k.server ? path_nexthop(server_path[k.server], k.hash)
					    : route_of_address(l3 + (k.ipv6 ? 24 : 16), k.ipv6,
							       k.hash);

		if (nexthop >= NEXTHOP_FIRST)
			output_waited(w, &k, &nexthop_table[nexthop]);
		else if (tsc > k.deadline)
			output_drop(w, k.mbuf, DROP_neighbour_unresolved);
		else
			w->parked[kept++] = k;
	}
	w->parked_count = kept;
	output_flush(w);
}

static void output_punt(struct worker *w, struct batch *b, struct pkt *p)
{
	tags_strip(p);
	if (punt_give(w, b, p))
		w->stats.punted++;
	else
		output_drop(w, p->mbuf, DROP_punt_policed);
}

/* A frame of Linux as it is, with the tags of its interface. */
static void output_bare(struct worker *w, struct pkt *p)
{
	const struct iface *iface = iface_get(p->iface);
	uint8_t *frame;

	if (!iface) {
		output_drop(w, p->mbuf, DROP_iface_down);
		return;
	}
	if (iface->kind == IFACE_TUNNEL)
		return tunnelled_send_frame(w, p->mbuf, iface);
	if (iface->tag_bytes > 0) {
		struct iface_count *count = &w->iface_count[iface->index];

		count->packets[1]++;
		count->bytes[1] += rte_pktmbuf_pkt_len(p->mbuf);
		frame = (uint8_t *)rte_pktmbuf_prepend(p->mbuf, iface->tag_bytes);
		memmove(frame, frame + iface->tag_bytes, 2 * RTE_ETHER_ADDR_LEN);
		memcpy(frame + 2 * RTE_ETHER_ADDR_LEN, iface->tags, iface->tag_bytes);
	}
	transmit_add(w, iface->port, p->mbuf);
}

void output(struct worker *w, struct batch *b)
{
	struct rte_mbuf *dropped[BATCH];
	unsigned int drops = 0;

	if (unlikely(observe_active(w)))
		observe_fates(w, b);
	if (unlikely(w->traffic & TRAFFIC_MARKS))
		traffic_mark(b);
	for (unsigned int i = 0; i < b->count; i++) {
		struct pkt *p = &b->pkt[i];

		switch (p->fate) {
		case FATE_SEND:
			if (likely(b->nexthop[i] >= NEXTHOP_FIRST))
				output_send(w, p->mbuf, p->l3, p->flags & PKT_IPV6,
					    &nexthop_table[b->nexthop[i]]);
			else
				output_odd(w, b, i);
			break;
		case FATE_PUNT:
			output_punt(w, b, p);
			break;
		case FATE_HAND:
			tags_strip(p);
			hand_add(w, b->owner[i], p->mbuf, p->iface, b->hand[i]);
			break;
		case FATE_FOLLOW:
			tags_strip(p);
			hand_add(w, b->owner[i], p->mbuf, p->iface, HAND_FOLLOW);
			break;
		case FATE_PIECES:
			output_pieces(w, p->mbuf, p->l3, p->flags & PKT_IPV6,
				      &nexthop_table[b->nexthop[i]]);
			break;
		case FATE_BARE:
			output_bare(w, p);
			break;
		case FATE_TAKEN:
			break;
		default:
			w->drops[p->drop]++;
			dropped[drops++] = p->mbuf;
		}
	}
	if (drops > 0)
		rte_pktmbuf_free_bulk(dropped, drops);
	output_flush(w);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * SYN proxy, the server's side: a session whose client has completed its handshake, and whose real
 * server has not.
 *
 * What weir sends for one side is made as a packet of that side and put into the next batch: the
 * SYN again, the ACK of the server's SYN-ACK, the reset of a server that is silent. So all that a
 * session does with its packets (addresses, sequence numbers, options, the other IP version) is
 * done with these too, and there is one place for each. The SYN is told from one that the client
 * sends by its buffer.
 *
 * The server's SYN-ACK becomes the ACK that opens the client's window. From then on the session is
 * as any other, but that each of its segments is changed by constant differences
 * (session/splice.c).
 */
#include <string.h>

#include <rte_ip.h>
#include <rte_tcp.h>

#include "base/csum.h"
#include "io/pool.h"
#include "path/answer.h"
#include "path/forward.h"
#include "path/fragment.h"
#include "path/mss.h"
#include "path/syn_proxy.h"
#include "path/vpc.h"
#include "session/l4_tcp.h"
#include "session/segment.h"
#include "session/splice.h"

enum {
	FIXED = sizeof(struct rte_tcp_hdr),
	WAIT_FIRST = 1, // seconds until the SYN is sent again; doubled each time,
	WAIT_MAX = 4,	// up to this
	RELEASE_MAX = BATCH / 2,
	OWN_TTL = 64,
};

/*
 * The outer headers in which a VM's packet comes, before `length` bytes of IP: those that it would
 * get, turned round. Checksums do not mind.
 */
static void put_outer(const struct vm *vm, const struct vm_host *host, uint8_t *outer, bool ipv6,
		      unsigned int length)
{
	unsigned int size = host->ipv6 ? 16 : 4, at = host->ipv6 ? 8 : 12;
	const struct vxlan_packet packet = {.length = length,
					    .type = ipv6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6)
							 : RTE_BE16(RTE_ETHER_TYPE_IPV4)};
	uint8_t *ether = outer + vxlan_overhead(host) - RTE_ETHER_HDR_LEN, kept[16];

	vxlan_put(vm, host, outer, &packet);
	memcpy(kept, outer + at, size);
	memcpy(outer + at, outer + at + size, size);
	memcpy(outer + at + size, kept, size);
	memcpy(kept, ether, RTE_ETHER_ADDR_LEN);
	memcpy(ether, ether + RTE_ETHER_ADDR_LEN, RTE_ETHER_ADDR_LEN);
	memcpy(ether + RTE_ETHER_ADDR_LEN, kept, RTE_ETHER_ADDR_LEN);
}

/* An IP header by which weir sends in the name of whose tuple it is. */
static void put_ip(uint8_t *l3, const void *key, bool ipv6)
{
	const struct key4 *k4 = key;
	const struct key6 *k6 = key;

	if (ipv6) {
		struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)l3;

		*ip = (struct rte_ipv6_hdr){.vtc_flow = RTE_BE32(6u << 28),
					    .proto = IPPROTO_TCP,
					    .hop_limits = OWN_TTL};
		memcpy(ip->src_addr, k6->source, 32);
	} else {
		struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)l3;

		*ip = (struct rte_ipv4_hdr){.version_ihl = RTE_IPV4_VHL_DEF,
					    .fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
					    .time_to_live = OWN_TTL,
					    .next_proto_id = IPPROTO_TCP,
					    .src_addr = k4->source,
					    .dst_addr = k4->destination};
		ip->hdr_checksum = ~csum_fold(csum_bytes(ip, sizeof(*ip)));
	}
}

/* A segment as it would come from the client (direction 0) or from the server (1). */
static struct rte_mbuf *segment_make(struct worker *w, const struct handshake *one,
				     unsigned int direction, const struct rte_tcp_hdr *header,
				     const uint8_t *options, unsigned int length)
{
	bool wide = one->entry & ENTRY_WIDE;
	struct session *s = table_session(&w->table, one->entry);
	bool ipv6 = session_key_is_ipv6(s, wide, direction), outer6 = ipv6;
	unsigned int size = ipv6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr);
	const struct key4 *k4 = session_key(s, wide, direction);
	const struct key6 *k6 = session_key(s, wide, direction);
	bool from_vm = (s->flags & SESSION_VPC) && direction != vpc_direction(s);
	const struct vm *vm = &vm_table[from_vm ? vpc_vm(s) : 0];
	const struct vm_host *host = from_vm ? vm_host_of(vm) : NULL;
	const struct iface *iface = iface_get(one->iface);
	struct rte_ether_hdr *ether;
	struct rte_tcp_hdr *tcp;
	struct rte_mbuf *m;
	struct pkt p;

	if (!iface || (from_vm && !host))
		return NULL;
	m = rte_pktmbuf_alloc(pool_get(-1));
	if (!m)
		return NULL;
	p = (struct pkt){.mbuf = m, .l4 = size, .flags = ipv6 ? PKT_IPV6 : 0};
	p.l3 = sizeof(*ether) + (host ? vxlan_overhead(host) : 0);
	ether = (struct rte_ether_hdr *)rte_pktmbuf_append(m, p.l3 + size + FIXED + length);
	if (host) {
		put_outer(vm, host, (uint8_t *)(ether + 1), ipv6, size + FIXED + length);
		outer6 = host->ipv6;
	}
	ether->dst_addr = iface->mac;
	memcpy(&ether->src_addr, one->mac, sizeof(ether->src_addr));
	ether->ether_type = outer6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6) : RTE_BE16(RTE_ETHER_TYPE_IPV4);
	put_ip(pkt_l3(&p), k4, ipv6);
	tcp = (struct rte_tcp_hdr *)pkt_l4(&p);
	*tcp = *header;
	tcp->src_port = ipv6 ? k6->source_port : k4->source_port;
	tcp->dst_port = ipv6 ? k6->destination_port : k4->destination_port;
	if (length > 0)
		memcpy(tcp + 1, options, length);
	syn_proxy_finish(&p, FIXED + length);
	if (host && host->ipv6)
		vxlan_checksum(m, sizeof(*ether));
	m->port = one->iface;
	return m;
}

/* Into the next batch, before what it will hold. */
static bool segment_send(struct worker *w, struct rte_mbuf *m)
{
	if (m && handshake_ready(&w->handshakes, m)) {
		w->stats.syn_proxy_segments++;
		return true;
	}
	rte_pktmbuf_free(m);
	return false;
}

static uint64_t deadline_next(const struct worker *w, const struct handshake *one)
{
	unsigned int seconds = one->sent >= 2 ? WAIT_MAX : WAIT_FIRST << one->sent;

	return w->batch.tsc + seconds * w->hz;
}

static void syn_again(struct worker *w, uint32_t number)
{
	struct handshake *one = &w->handshakes.of[number];
	struct offer offer = one->offer;
	uint8_t options[OFFER_OPTIONS_MAX];
	struct rte_tcp_hdr header = {
		.sent_seq = rte_cpu_to_be_32(one->isn),
		.tcp_flags = TCP_SYN,
		.rx_win = syn_proxy_window(one),
	};

	offer.time_echo = 0;
	one->syn = segment_make(w, one, 0, &header, options, offer_write(&offer, options));
	if (!segment_send(w, one->syn))
		one->syn = NULL;
	handshake_wait(&w->handshakes, number, deadline_next(w, one));
}

/* The client's first byte, as the server counts: a header may stand before it. */
static uint32_t client_first(const struct worker *w, const struct session *s,
			     const struct handshake *one)
{
	const struct session_extra *extra = table_extra(&w->table, s);

	return one->isn + 1 + extra->sequence_shift - extra->proxy.length;
}

/* The server's part, which it has left out. */
static void reset_for_server(struct worker *w, uint32_t number)
{
	struct handshake *one = &w->handshakes.of[number];
	struct session *s = table_session(&w->table, one->entry);
	struct rte_tcp_hdr header = {
		.recv_ack = rte_cpu_to_be_32(client_first(w, s, one)),
		.tcp_flags = TCP_RST | TCP_ACK,
	};
	uint32_t entry = one->entry;

	one->silent = true;
	if (segment_send(w, segment_make(w, one, 1, &header, NULL, 0))) {
		handshake_wait(&w->handshakes, number, deadline_next(w, one));
		return;
	}
	w->stats.syn_proxy_silent++;
	session_end(w, entry);
}

void syn_proxy_run(struct worker *w, uint64_t now)
{
	uint32_t number;

	while ((number = handshake_expired(&w->handshakes, now)) != 0) {
		struct handshake *one = &w->handshakes.of[number];

		if (one->silent) { // its reset was lost on the way here
			w->stats.syn_proxy_silent++;
			session_end(w, one->entry);
		} else if (one->sent < one->sent_max) {
			syn_again(w, number);
		} else {
			reset_for_server(w, number);
		}
	}
}

void syn_proxy_released(struct worker *w, struct batch *b)
{
	for (unsigned int i = 0; i < RELEASE_MAX && b->count < BATCH; i++) {
		struct rte_mbuf *m = handshake_next_ready(&w->handshakes);
		struct pkt *p = &b->pkt[b->count];

		if (!m)
			return;
		p->mbuf = m;
		p->iface = m->port;
		p->flags = 0;
		b->count++;
	}
}

void syn_proxy_begin(struct worker *w, struct pkt *p, struct session *s, uint32_t handshake)
{
	struct handshake *one = &w->handshakes.of[handshake];
	struct session_extra *extra = s->flags & SESSION_EXTRA ? table_extra(&w->table, s)
							       : table_extra_allocate(&w->table, s);

	extra->handshake = handshake;
	one->entry = p->session;
	one->syn = p->mbuf;
	handshake_wait(&w->handshakes, handshake, deadline_next(w, one));
	w->stats.syn_cookies_accepted++;
}

void syn_proxy_end(struct worker *w, struct session *s)
{
	struct session_extra *extra = table_extra(&w->table, s);

	w->drops[DROP_syn_proxy_abandoned] += handshake_give(&w->handshakes, extra->handshake);
	extra->handshake = 0;
}

static void state_leave(struct worker *w, struct session *s, enum session_state state)
{
	syn_proxy_end(w, s);
	session_set_state(w, s, state);
}

static bool settled(struct pkt *p, enum drop reason)
{
	pkt_drop(p, reason);
	return false;
}

/* The client sends while its server is asked. */
static bool client_event(struct worker *w, struct pkt *p, struct session *s, uint32_t number)
{
	struct handshake *one = &w->handshakes.of[number];
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)pkt_l4(p);
	uint32_t sequence = rte_be_to_cpu_32(tcp->sent_seq);
	struct offer times;

	if (p->mbuf == one->syn) {
		one->syn = NULL;
		mss_clamp(w, p, s);
		return true;
	}
	if (p->tcp_flags & TCP_RST) {
		if (sequence - one->isn - 1 > UINT16_MAX)
			return settled(p, DROP_syn_proxy_waiting);
		// The server may have got the SYN.
		tcp->tcp_flags = p->tcp_flags = TCP_RST;
		tcp->recv_ack = 0;
		tcp->sent_seq = rte_cpu_to_be_32(one->isn + 1);
		syn_proxy_finish(p, FIXED);
		state_leave(w, s, STATE_CLOSE);
		return true;
	}
	if ((p->tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_ACK ||
	    rte_be_to_cpu_32(tcp->recv_ack) != one->cookie + 1 || (p->flags & PKT_LOCAL))
		return settled(p, DROP_syn_proxy_waiting);
	if (segment_payload(pkt_l3(p), pkt_l4(p), p->flags & PKT_IPV6) == 0 &&
	    !(p->tcp_flags & TCP_FIN)) {
		if (++one->acks > one->acks_max)
			return settled(p, DROP_syn_proxy_ack_storm);
		one->window = rte_be_to_cpu_16(tcp->rx_win);
		offer_read(&times, (uint8_t *)tcp, (tcp->data_off >> 4) * 4);
		if (one->offer.timestamps && times.timestamps)
			one->offer.time = times.time;
		return settled(p, DROP_syn_proxy_waiting);
	}
	tags_strip(p);
	p->mbuf->port = p->iface;
	if (!handshake_hold(&w->handshakes, number, p->mbuf))
		return settled(p, DROP_syn_proxy_held_full);
	p->fate = FATE_TAKEN;
	return false;
}

/* The server refuses, or was silent for too long: the client is told. */
static bool server_refuses(struct worker *w, struct pkt *p, struct session *s,
			   struct handshake *one)
{
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)pkt_l4(p);

	if (one->silent)
		w->stats.syn_proxy_silent++;
	else
		w->stats.syn_proxy_refused++;
	tcp->sent_seq = rte_cpu_to_be_32(one->cookie + 1);
	syn_proxy_finish(p, FIXED);
	state_leave(w, s, STATE_CLOSE);
	return true;
}

/* The client's ACK of the server's SYN-ACK. */
static void acknowledge(struct worker *w, const struct handshake *one)
{
	uint8_t options[OFFER_TIME_BYTES];
	struct rte_tcp_hdr header = {
		.sent_seq = rte_cpu_to_be_32(one->isn + 1),
		.recv_ack = rte_cpu_to_be_32(one->cookie + 1),
		.tcp_flags = TCP_ACK,
		.rx_win = rte_cpu_to_be_16(one->window),
	};

	segment_send(w, segment_make(w, one, 0, &header, options,
				     offer_write_time(&one->offer, options)));
}

/* The server agrees: its SYN-ACK becomes what opens the client's window. */
static bool server_accepts(struct worker *w, struct pkt *p, struct session *s, uint32_t number)
{
	struct handshake *one = &w->handshakes.of[number];
	struct session_extra *extra = table_extra(&w->table, s);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)pkt_l4(p);
	struct splice_side told = {.isn = one->cookie,
				   .time = one->offer.timestamps ? one->offer.time_echo : 0};
	struct splice_side server = {.isn = rte_be_to_cpu_32(tcp->sent_seq)};
	bool scaled = one->promised_scale != OFFER_NO_SCALE, server_scales;
	struct offer offer;

	offer_read(&offer, (uint8_t *)tcp, (tcp->data_off >> 4) * 4);
	offer.timestamps &= one->offer.timestamps;
	server_scales = scaled && offer.window_scale != OFFER_NO_SCALE;
	server.time = offer.timestamps ? offer.time : 0;
	server.window_scale = server_scales ? offer.window_scale : 0;
	told.window_scale = scaled ? one->promised_scale : 0;
	splice_begin(extra, &told, &server, scaled ? one->offer.window_scale : 0,
		     server_scales || !scaled);
	extra->server_first = server.isn + 1;
	extra->proxy.scale = told.window_scale;
	acknowledge(w, one);
	handshake_release(&w->handshakes, number);
	state_leave(w, s, STATE_ESTABLISHED);

	tcp->tcp_flags = TCP_ACK;
	tcp->sent_seq = rte_cpu_to_be_32(server.isn + 1);
	// Of a SYN-ACK it is not scaled yet, of an ACK it is.
	tcp->rx_win = rte_cpu_to_be_16(rte_be_to_cpu_16(tcp->rx_win) >> server.window_scale);
	syn_proxy_finish(p, FIXED + offer_write_time(&offer, (uint8_t *)tcp + FIXED));
	return true;
}

static bool server_event(struct worker *w, struct batch *b, struct pkt *p, struct session *s,
			 uint32_t number)
{
	struct handshake *one = &w->handshakes.of[number];
	const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)pkt_l4(p);
	bool ours = (p->tcp_flags & TCP_ACK) &&
		    rte_be_to_cpu_32(tcp->recv_ack) == client_first(w, s, one) &&
		    !(p->flags & PKT_LOCAL);

	if (ours && (p->tcp_flags & TCP_RST))
		return server_refuses(w, p, s, one);
	if (ours && (p->tcp_flags & TCP_SYN))
		return server_accepts(w, p, s, number);
	if (!(p->tcp_flags & TCP_ACK) || (p->tcp_flags & TCP_RST) || ours || (p->flags & PKT_LOCAL))
		return settled(p, DROP_syn_proxy_waiting);
	// An older connection of its own, which the reset ends (RFC 9293, 3.10.7.3).
	answer_reset(w, b, p - b->pkt);
	return false;
}

bool syn_proxy_event(struct worker *w, struct batch *b, struct pkt *p, struct session *s,
		     unsigned int direction)
{
	uint32_t number = table_extra(&w->table, s)->handshake;

	if (direction == 0)
		return client_event(w, p, s, number);
	return server_event(w, b, p, s, number);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * SYN proxy, the client's side: a SYN is answered with a cookie (session/cookie.c) and forgotten.
 *
 * Nothing is kept for a SYN, nothing is allocated and nothing is limited: the answer is written
 * into the SYN's own buffer and goes by the route. Who acknowledges the cookie has the address that
 * it says; only then is a real server chosen and a session made. The client's ACK becomes the SYN
 * that it has sent before and goes on through the path as any first SYN would (syn_proxy_server.c).
 *
 * The SYN-ACK opens the window for no more than what is held while the server is asked.
 */
#include "path/syn_proxy.h"

#include <string.h>

#include <rte_ip.h>
#include <rte_tcp.h>

#include "balance/syn_guard.h"
#include "base/csum.h"
#include "path/answer.h"
#include "path/fragment.h"
#include "path/vpc.h"
#include "session/cookie.h"
#include "session/l4_tcp.h"
#include "session/segment.h"
#include "session/toa.h"

enum { FIXED = sizeof(struct rte_tcp_hdr), TIME_SHIFT = 20, SYN_PROXY_TTL = 64 };

void syn_proxy_finish(struct pkt *p, unsigned int header)
{
	uint8_t *l3 = pkt_l3(p), *l4 = pkt_l4(p);
	struct rte_ipv4_hdr *ip4 = (struct rte_ipv4_hdr *)l3;
	struct rte_ipv6_hdr *ip6 = (struct rte_ipv6_hdr *)l3;
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)l4;
	uint16_t length = rte_cpu_to_be_16(p->l4 + header);
	uint64_t sum;

	answer_trim(p->mbuf, p->l3 + p->l4 + header);
	tcp->data_off = header / 4 << 4;
	tcp->cksum = 0;
	tcp->tcp_urp = 0;
	if (p->flags & PKT_IPV6) {
		ip6->payload_len = rte_cpu_to_be_16(p->l4 + header - sizeof(*ip6));
		sum = csum_pseudo6(ip6->src_addr, IPPROTO_TCP, header);
	} else {
		ip4->hdr_checksum = csum_replace16(ip4->hdr_checksum, ip4->total_length, length);
		ip4->total_length = length;
		sum = csum_pseudo4(ip4->src_addr, ip4->dst_addr, IPPROTO_TCP, header);
	}
	tcp->cksum = ~csum_fold(sum + csum_bytes(tcp, header));
	p->tcp_flags = tcp->tcp_flags;
}

/*
 * A segment to the client in place of the one that came. Its headers are made in registers, with
 * their sums: what was just stored is not read again.
 */
struct reply {
	uint32_t sequence, acknowledgement;
	uint16_t window;
	uint16_t nexthop;
	uint8_t flags, ttl;
	uint8_t length; // of the options, a multiple of four
	uint8_t options[OFFER_OPTIONS_MAX];
};

static inline void store32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, 4);
}

/* From the VIP to the client. Returns the sum of the addresses. */
static inline uint64_t reply_ip(struct pkt *p, const struct reply *r, unsigned int segment)
{
	uint8_t *l3 = pkt_l3(p);
	uint32_t first, second, third;

	if (p->flags & PKT_IPV6) {
		store32(l3, RTE_BE32(6u << 28));
		store32(l3 + 4, rte_cpu_to_be_32(segment << 16 | IPPROTO_TCP << 8 | r->ttl));
		memcpy(l3 + 8, p->key6.destination, 16);
		memcpy(l3 + 24, p->key6.source, 16);
		p->l4 = sizeof(struct rte_ipv6_hdr);
		return csum_bytes(p->key6.source, 32);
	}
	first = rte_cpu_to_be_32((uint32_t)RTE_IPV4_VHL_DEF << 24 |
				 (sizeof(struct rte_ipv4_hdr) + segment));
	second = RTE_BE32(RTE_IPV4_HDR_DF_FLAG);
	third = rte_cpu_to_be_32((uint32_t)r->ttl << 24 | IPPROTO_TCP << 16);
	third |= (uint32_t)(uint16_t)~csum_fold((uint64_t)first + second + third +
						p->key4.destination + p->key4.source)
		 << 16; // the upper half in memory's order
	store32(l3, first);
	store32(l3 + 4, second);
	store32(l3 + 8, third);
	store32(l3 + 12, p->key4.destination);
	store32(l3 + 16, p->key4.source);
	p->l4 = sizeof(struct rte_ipv4_hdr);
	return (uint64_t)p->key4.destination + p->key4.source;
}

static inline void reply_write(struct pkt *p, const struct reply *r)
{
	unsigned int header = FIXED + r->length;
	uint64_t sum;
	uint32_t ports, sequence, acknowledgement, flags;
	uint8_t *l4 = pkt_l4(p);

	memcpy(&ports, l4, 4);
	ports = ports << 16 | ports >> 16;
	sequence = rte_cpu_to_be_32(r->sequence);
	acknowledgement = rte_cpu_to_be_32(r->acknowledgement);
	flags = rte_cpu_to_be_32(header / 4 << 28 | (uint32_t)r->flags << 16 | r->window);
	sum = reply_ip(p, r, header) + RTE_BE16(IPPROTO_TCP) + rte_cpu_to_be_16(header);
	sum += (uint64_t)ports + sequence + acknowledgement + flags;
	sum += csum_bytes(r->options, r->length);
	l4 = pkt_l4(p);
	store32(l4, ports);
	store32(l4 + 4, sequence);
	store32(l4 + 8, acknowledgement);
	store32(l4 + 12, flags);
	store32(l4 + 16, (uint16_t)~csum_fold(sum)); // nothing is urgent
	memcpy(l4 + FIXED, r->options, r->length);
	answer_trim(p->mbuf, p->l3 + p->l4 + header);
	p->tcp_flags = r->flags;
}

/* Back by the way that the client came by. */
static void send_symmetric(struct pkt *p)
{
	const struct iface *iface = iface_get(p->iface);
	unsigned int tags = p->l3 - RTE_ETHER_HDR_LEN;
	struct rte_ether_hdr *ether = rte_pktmbuf_mtod(p->mbuf, struct rte_ether_hdr *);
	struct rte_ether_addr client = ether->src_addr;

	rte_pktmbuf_adj(p->mbuf, tags);
	p->l3 = RTE_ETHER_HDR_LEN;
	ether = rte_pktmbuf_mtod(p->mbuf, struct rte_ether_hdr *);
	ether->dst_addr = client;
	ether->src_addr = iface->mac;
	ether->ether_type = p->flags & PKT_IPV6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6)
						: RTE_BE16(RTE_ETHER_TYPE_IPV4);
	p->fate = FATE_BARE;
}

static void reply_send(struct worker *w, struct batch *b, unsigned int at,
		       const struct service *service, const struct reply *r)
{
	struct pkt *p = &b->pkt[at];

	reply_write(p, r);
	p->fate = FATE_SEND;
	b->nexthop[at] = r->nexthop;
	if (unlikely(pkt_zone(p)))
		vpc_answer(w, b, at);
	else if (unlikely(service->symmetric_return))
		send_symmetric(p);
}

static uint16_t route_back(const struct pkt *p)
{
	bool ipv6 = p->flags & PKT_IPV6;

	if (unlikely(pkt_zone(p)))
		return NEXTHOP_NONE; // by the VM table
	return route_of_address(ipv6 ? p->key6.source : (const uint8_t *)&p->key4.source, ipv6,
				p->hash);
}

/* The largest packet that may go back. */
static unsigned int mtu_back(const struct pkt *p, uint16_t nexthop)
{
	if (unlikely(pkt_zone(p)))
		return vpc_mtu_back(p);
	return nexthop >= NEXTHOP_FIRST ? nexthop_table[nexthop].mtu : RTE_ETHER_MTU;
}

/*
 * What the client may send in one segment: that fits on both sides, as far as they are alike, with
 * the option for the server.
 */
static uint16_t mss_offered(const struct service *service, bool ipv6, unsigned int mtu)
{
	unsigned int headers = service->server_headers, mss = service->syn_proxy.mss;

	if (service->client_address == CLIENT_ADDRESS_TOA)
		headers += ipv6 ? TOA_LENGTH6 : TOA_LENGTH4;
	headers = RTE_MAX(headers, ipv6 ? 60u : 40u);
	if (mtu > headers)
		mss = RTE_MIN(mss, mtu - headers);
	return service->mss ? RTE_MIN(mss, service->mss) : mss;
}

/* What is open for the client before the server has said anything. */
static uint16_t window_offered(const struct syn_proxy *settings, uint16_t mss)
{
	return RTE_MIN((unsigned int)settings->saved * mss, (unsigned int)UINT16_MAX);
}

/* What of a client's offer is taken up. */
static void offer_accept(struct offer *offer, const struct syn_proxy *settings)
{
	offer->sack &= settings->sack;
	offer->timestamps &= settings->timestamps;
	if (settings->window_scale == 0)
		offer->window_scale = OFFER_NO_SCALE;
}

static void answer_syn(struct worker *w, struct batch *b, unsigned int at,
		       const struct service *service)
{
	const struct syn_proxy *settings = &service->syn_proxy;
	struct pkt *p = &b->pkt[at];
	const struct rte_tcp_hdr *syn = (const struct rte_tcp_hdr *)pkt_l4(p);
	uint32_t isn = rte_be_to_cpu_32(syn->sent_seq);
	struct reply r = {
		.nexthop = route_back(p),
		.acknowledgement = isn + 1,
		.flags = TCP_SYN | TCP_ACK,
		.ttl = settings->ttl,
	};
	struct offer offer;

	offer_read(&offer, pkt_l4(p), (syn->data_off >> 4) * 4);
	offer_accept(&offer, settings);
	r.sequence = cookie_make(&p->key4, p->flags & PKT_IPV6, isn, &offer);
	// From here on it is weir's own offer.
	offer.mss = mss_offered(service, p->flags & PKT_IPV6, mtu_back(p, r.nexthop));
	if (offer.window_scale != OFFER_NO_SCALE)
		offer.window_scale = settings->window_scale;
	offer.time_echo = offer.time;
	offer.time = (uint32_t)(b->tsc >> TIME_SHIFT) | 1; // 0 is none
	r.length = offer_write(&offer, r.options);
	if (!settings->close_client_window)
		r.window = window_offered(settings, offer.mss);
	reply_send(w, b, at, service, &r);
	w->stats.syn_cookies_sent++;
	w->balancer.service_counts[service->number].handshakes_begun++;
}

/* The client may send now: its data is what a server is chosen for. */
static void answer_window(struct worker *w, struct batch *b, unsigned int at,
			  const struct service *service, const struct syn_proof *proof)
{
	const struct syn_proxy *settings = &service->syn_proxy;
	bool scaled = proof->offer.window_scale != OFFER_NO_SCALE;
	struct offer offer = proof->offer;
	struct reply r = {
		.nexthop = route_back(&b->pkt[at]),
		.sequence = proof->cookie + 1,
		.acknowledgement = proof->isn + 1,
		.window = window_offered(settings, offer.mss),
		.flags = TCP_ACK,
		.ttl = SYN_PROXY_TTL,
	};

	if (scaled)
		r.window = RTE_MAX(r.window >> settings->window_scale, 1);
	offer.time = proof->offer.time_echo;
	offer.time_echo = proof->offer.time;
	r.length = offer_write_time(&offer, r.options);
	reply_send(w, b, at, service, &r);
}

bool syn_proxy_proves(const struct pkt *p, struct syn_proof *proof)
{
	const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)pkt_l4(p);
	struct offer times;

	proof->isn = rte_be_to_cpu_32(tcp->sent_seq) - 1;
	proof->cookie = rte_be_to_cpu_32(tcp->recv_ack) - 1;
	if ((p->tcp_flags & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_ACK ||
	    !cookie_check(&p->key4, p->flags & PKT_IPV6, proof->isn, proof->cookie, &proof->offer))
		return false;
	proof->window = rte_be_to_cpu_16(tcp->rx_win);
	proof->proven = true;
	if (proof->offer.timestamps) {
		offer_read(&times, pkt_l4(p), (tcp->data_off >> 4) * 4);
		proof->offer.timestamps = times.timestamps;
		proof->offer.time = times.time;
		proof->offer.time_echo = times.time_echo;
	}
	return true;
}

bool syn_proxy_is_wanted(const struct worker *w, const struct pkt *p, const struct service *service)
{
	if (service->syn_proxy.mode == SYN_PROXY_ON)
		return true;
	// What is no SYN may acknowledge a cookie from the time when it was on.
	return (p->tcp_flags & (TCP_EVENTS | TCP_ACK)) != TCP_SYN ||
	       syn_guard_is_on(service->number) || w->stats.half_open >= w->half_open_max;
}

bool syn_proxy_first(struct worker *w, struct batch *b, unsigned int at,
		     const struct service *service, struct syn_proof *proof)
{
	struct pkt *p = &b->pkt[at];

	proof->proven = false;
	if (unlikely(p->flags & PKT_LOCAL)) { // nobody's first segment comes in fragments
		pkt_drop(p, DROP_fragment_no_session);
		return false;
	}
	if ((p->tcp_flags & (TCP_EVENTS | TCP_ACK)) == TCP_SYN) {
		answer_syn(w, b, at, service);
		return false;
	}
	if (!syn_proxy_proves(p, proof)) {
		if (service->unknown_tcp == UNKNOWN_RESET)
			answer_reset_as(w, b, at, DROP_syn_cookie_wrong);
		else
			pkt_drop(p, DROP_syn_cookie_wrong);
		return false;
	}
	if (service->syn_proxy.defer &&
	    segment_payload(pkt_l3(p), pkt_l4(p), p->flags & PKT_IPV6) == 0 &&
	    !(p->tcp_flags & TCP_FIN)) {
		if (service->syn_proxy.close_client_window)
			answer_window(w, b, at, service, proof);
		else
			pkt_drop(p, DROP_syn_proxy_deferred);
		return false;
	}
	w->balancer.service_counts[service->number].handshakes_done++;
	return true;
}

/* In a SYN it is not scaled yet. */
rte_be16_t syn_proxy_window(const struct handshake *one)
{
	unsigned int scale = one->offer.window_scale == OFFER_NO_SCALE ? 0
								       : one->offer.window_scale;

	return rte_cpu_to_be_16(RTE_MIN((uint32_t)one->window << scale, (uint32_t)UINT16_MAX));
}

/* A buffer of its own for the SYN; that of the client's data is held. False: there is no room. */
static bool hold_data(struct worker *w, struct pkt *p, uint32_t handshake)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(p->mbuf->pool);
	unsigned int length;

	if (!m)
		return false;
	tags_strip(p); // out of a VNI: and it stands on its outer header
	if (unlikely(pkt_zone(p)))
		p->l3 += vpc_outer_is_ipv6(p) ? VXLAN_OUTER6 : VXLAN_OUTER4;
	m->packet_type = p->mbuf->packet_type;
	length = p->l3 + p->l4 + FIXED + OFFER_OPTIONS_MAX;
	memcpy(rte_pktmbuf_append(m, length), rte_pktmbuf_mtod(p->mbuf, void *),
	       RTE_MIN(length, (unsigned int)rte_pktmbuf_data_len(p->mbuf)));
	p->mbuf->port = p->iface;
	if (!handshake_hold(&w->handshakes, handshake, p->mbuf)) {
		rte_pktmbuf_free(m);
		return false;
	}
	p->mbuf = m;
	w->stats.syn_proxy_segments++;
	return true;
}

uint32_t syn_proxy_become_syn(struct worker *w, struct pkt *p, const struct service *service,
			      const struct syn_proof *proof)
{
	struct handshakes *h = &w->handshakes;
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(p->mbuf, const struct rte_ether_hdr *);
	struct rte_tcp_hdr *tcp;
	struct handshake *one;
	struct offer offer = proof->offer;
	uint32_t number;

	if (!handshake_room(h) || !table_extra_room(&w->table)) {
		pkt_drop(p, DROP_syn_proxy_full);
		return 0;
	}
	number = handshake_take(h);
	one = &h->of[number];
	one->offer = proof->offer;
	one->isn = proof->isn;
	one->cookie = proof->cookie;
	one->window = proof->window;
	one->iface = p->iface;
	memcpy(one->mac, &ether->src_addr, sizeof(one->mac));
	one->promised_scale = offer.window_scale == OFFER_NO_SCALE
				      ? OFFER_NO_SCALE
				      : service->syn_proxy.window_scale;
	one->acks_max = service->syn_proxy.acks;
	one->sent_max = service->syn_proxy.retries + 1;
	one->held_max = service->syn_proxy.saved;
	if ((segment_payload(pkt_l3(p), pkt_l4(p), p->flags & PKT_IPV6) > 0 ||
	     (p->tcp_flags & TCP_FIN)) &&
	    !hold_data(w, p, number)) {
		handshake_give(h, number);
		pkt_drop(p, DROP_syn_proxy_full);
		return 0;
	}
	tcp = (struct rte_tcp_hdr *)pkt_l4(p);
	tcp->sent_seq = rte_cpu_to_be_32(proof->isn);
	tcp->recv_ack = 0;
	tcp->tcp_flags = TCP_SYN;
	tcp->rx_win = syn_proxy_window(one);
	offer.time_echo = 0;
	syn_proxy_finish(p, FIXED + offer_write(&offer, (uint8_t *)tcp + FIXED));
	return number;
}

void syn_proxy_refuse(struct worker *w, struct batch *b, unsigned int at,
		      const struct syn_proof *proof)
{
	struct pkt *p = &b->pkt[at];
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)pkt_l4(p);
	enum drop reason = p->drop;

	// As the client's ACK was, whatever has become of it.
	tcp->sent_seq = rte_cpu_to_be_32(proof->isn + 1);
	tcp->recv_ack = rte_cpu_to_be_32(proof->cookie + 1);
	tcp->tcp_flags = p->tcp_flags = TCP_ACK;
	answer_reset_as(w, b, at, reason);
}

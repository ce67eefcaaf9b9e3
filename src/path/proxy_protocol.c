/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * PROXY protocol to real servers behind FullNAT.
 *
 * TCP, v1 and v2. The SYN goes to the server with the client's sequence number minus the length of
 * the header, so that the header fills the gap and all that follows has the same numbers on both
 * sides:
 *
 *	client			server
 *	SYN seq=C		SYN seq=C-H
 *	SYN-ACK ack=C+1		SYN-ACK ack=C-H+1
 *	ACK seq=C+1		seq=C-H+1, the header, H bytes
 *	data seq=C+1		data seq=C+1
 *
 * Until the server has acknowledged the header, every bare acknowledgement of the client carries
 * it, beginning with the third of the handshake, which is sent without waiting for data; and before
 * data goes a segment with it, when none went just now. What if it is lost?
 *	- The server has not heard of the third ACK then, for the header is on it: it sends its
 *	  SYN-ACK again, the client acknowledges again, and the header goes again. No silence of the
 *	  client and no timer of ours matters, and a server that waits for the header is served.
 *	- The server may know the connection by data that came through. The client's data can not be
 *	  acknowledged then: it is sent again, and the header before it.
 * The server's acknowledgements of the header are clamped to C+1, its window is lowered by what is
 * still to come of the header, and its SACK blocks go: the client never sees a number of something
 * that it has not sent.
 *
 * A client's bytes below C+1 would lie where the header belongs: they are cut off, on the SYN too,
 * whose cookie of Fast Open goes, so that no client can write the header itself. A header that its
 * first data begins with is taken out, as another proxy's is that is not believed: R bytes, by
 * which the numbers of all that follows are shifted for good.
 *
 *	data seq=C+1, R bytes and more		seq=C+1, more
 *
 * Until its first data has come nothing that stands behind it may pass. When the server has our
 * header and the client's first bytes were looked at, the extra line is freed, but for that shift.
 * If they come again after that, R bytes stand before what the server has acknowledged, which
 * leaves them out.
 *
 * v1-insecure and v2-insecure believe a header that the client begins with. It takes the first data
 * to know, so the SYN is as the client's, and the header goes with that data. One of the same
 * version stays as it is. Otherwise ours is put in its place, or before the data when there is
 * none, and the numbers of all that follows are shifted by the difference, which stands in the
 * extra line for good.
 *
 * UDP has version 2 only, on every datagram: there is nobody to say that the first one has arrived,
 * and a header on a later one would be the client's own. Of a datagram that is too big together
 * with its header the client is told by ICMP how long they may be.
 */
#include "path/proxy_protocol.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "path/answer.h"
#include "path/client_address.h"
#include "path/forward.h"
#include "path/mss.h"
#include "session/l4_tcp.h"
#include "session/proxy_header.h"
#include "session/segment.h"

enum {
	AGAIN_MS = 50,
	TCP_FAST_OPEN = 34,
	IPV4_HEADER = 20,
	IPV6_HEADER = 40,
	IPV4_MTU_MIN = 68, // of all links there are; who hears of less is told nothing
	IPV6_MTU_MIN = 1280,
};

static uint32_t now_ms(const struct worker *w)
{
	return w->batch.tsc / (w->hz / 1000);
}

/* Both ends of the session as its client sees them. */
static void ends_of(struct session *s, bool wide, struct proxy_ends *ends)
{
	const struct key4 *k4 = session_key(s, wide, 0);
	const struct key6 *k6 = session_key(s, wide, 0);
	uint32_t zone_protocol;

	memset(ends, 0, sizeof(*ends));
	if (session_key_is_ipv6(s, wide, 0)) {
		ends->family = AF_INET6;
		memcpy(ends->source, k6->source, 16);
		memcpy(ends->destination, k6->destination, 16);
		ends->source_port = k6->source_port;
		ends->destination_port = k6->destination_port;
		zone_protocol = k6->zone_protocol;
	} else {
		ends->family = AF_INET;
		memcpy(ends->source, &k4->source, 4);
		memcpy(ends->destination, &k4->destination, 4);
		ends->source_port = k4->source_port;
		ends->destination_port = k4->destination_port;
		zone_protocol = k4->zone_protocol;
	}
	ends->vni = zone_protocol >> 8;
	ends->datagram = (uint8_t)zone_protocol == IPPROTO_UDP;
}

static unsigned int own_header(struct session *s, bool wide, enum proxy_protocol kind,
			       uint8_t header[PROXY_HEADER_MAX])
{
	struct proxy_ends ends;

	ends_of(s, wide, &ends);
	return proxy_header_make(header, proxy_version(kind), &ends);
}

bool proxy_protocol_begin(struct worker *w, const struct service *service, struct pkt *p,
			  struct session *s)
{
	const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)pkt_l4(p);
	uint8_t protocol = pkt_protocol(p), header[PROXY_HEADER_MAX];
	struct session_extra *extra;

	if (protocol != IPPROTO_TCP &&
	    (protocol != IPPROTO_UDP || proxy_version(service->proxy_protocol) == 1))
		return true; // of a service by mark
	if (p->flags & PKT_LOCAL) {
		pkt_drop(p, DROP_proxy_fragment);
		return false;
	}
	extra = table_extra_allocate(&w->table, s);
	if (!extra) {
		pkt_drop(p, DROP_proxy_no_line);
		return false;
	}
	extra->proxy.kind = service->proxy_protocol;
	if (protocol == IPPROTO_UDP)
		return true;
	extra->proxy.first = rte_be_to_cpu_32(tcp->sent_seq) + 1;
	if (!proxy_is_insecure(service->proxy_protocol))
		extra->proxy.length = own_header(s, p->flags & PKT_IPV6, service->proxy_protocol,
						 header);
	return true;
}

/* Where the header begins, in the client's numbers. */
static uint32_t header_begin(const struct session_proxy *proxy)
{
	return proxy->first + proxy->replaced - proxy->length;
}

/*
 * In place of what the packet carries; it becomes an acknowledgement with nothing but the header.
 */
static bool carry(struct worker *w, struct pkt *p, struct session_proxy *proxy,
		  const uint8_t *header)
{
	unsigned int l4 = p->l3 + p->l4;

	if (segment_carry(p->mbuf, p->l3, l4, p->flags & PKT_IPV6, header, proxy->length) < 0) {
		pkt_drop(p, DROP_no_headroom);
		return false;
	}
	segment_set_sequence(pkt_l4(p), header_begin(proxy));
	segment_set_flags(pkt_l4(p), TCP_ACK | TCP_PSH);
	proxy->sent_at = now_ms(w);
	w->stats.proxy_headers++;
	return true;
}

/*
 * A segment of its own, sent before this one: a copy of its headers, which goes the way of all the
 * client's packets in a batch for itself.
 */
static bool send_before(struct worker *w, const struct pkt *p, struct session_proxy *proxy,
			const uint8_t *header)
{
	unsigned int headers = p->l3 + p->l4 + (pkt_l4(p)[12] >> 4) * 4;
	unsigned int payload = segment_payload(pkt_l3(p), pkt_l4(p), p->flags & PKT_IPV6);
	struct rte_mbuf *m = rte_pktmbuf_alloc(p->mbuf->pool);
	struct observer *observed = w->observed;
	struct batch b;

	if (!m)
		return false;
	if (!rte_pktmbuf_append(m, headers)) {
		rte_pktmbuf_free(m);
		return false;
	}
	memcpy(rte_pktmbuf_mtod(m, uint8_t *), rte_pktmbuf_mtod(p->mbuf, uint8_t *), headers);
	b.pkt[0] = *p;
	b.pkt[0].mbuf = m;
	b.pkt[0].tcp_flags = TCP_ACK;
	b.pkt[0].fate = FATE_DROP;
	b.count = 1;
	b.known = (struct lane){.at = {0}, .count = 1};
	b.seconds = w->batch.seconds;
	b.tsc = w->batch.tsc;
	// The payload stays behind; its sum leaves the checksum with it.
	segment_grow(pkt_l3(&b.pkt[0]), pkt_l4(&b.pkt[0]), p->flags & PKT_IPV6, -(int)payload);
	segment_forget(pkt_l4(&b.pkt[0]), segment_sum(p->mbuf, headers, payload));
	w->stats.proxy_made++;
	if (!carry(w, &b.pkt[0], proxy, header)) {
		rte_pktmbuf_free(m);
		w->stats.proxy_made--;
		return false;
	}
	proxy->sending = true;
	w->observed = NULL; // what is traced are packets that came
	forward(w, &b);
	output(w, &b);
	w->observed = observed;
	proxy->sending = false;
	return true;
}

/* A SYN: bytes on it would lie where the header belongs. */
static bool client_syn(struct pkt *p, struct session *s, struct session_proxy *proxy)
{
	uint8_t *tcp = pkt_l4(p);

	if (p->flags & PKT_LOCAL) {
		pkt_drop(p, DROP_proxy_fragment);
		return false;
	}
	if (s->state == STATE_SYN_RECV)
		proxy->first = rte_be_to_cpu_32(((struct rte_tcp_hdr *)tcp)->sent_seq) + 1;
	tcp_remove_option(tcp, (tcp[12] >> 4) * 4, TCP_FAST_OPEN);
	if (segment_carry(p->mbuf, p->l3, p->l3 + p->l4, p->flags & PKT_IPV6, NULL, 0) < 0) {
		pkt_drop(p, DROP_no_headroom);
		return false;
	}
	segment_set_sequence(pkt_l4(p), proxy->first - 1 - proxy->length);
	return true;
}

/* The first data of a client that is believed: what does it begin with? */
static unsigned int decide(struct pkt *p, struct session *s, struct session_extra *extra,
			   uint8_t header[PROXY_HEADER_MAX])
{
	struct session_proxy *proxy = &extra->proxy;
	const uint8_t *tcp = pkt_l4(p), *payload = tcp + (tcp[12] >> 4) * 4;
	unsigned int at = payload - rte_pktmbuf_mtod(p->mbuf, uint8_t *), version = 0;
	unsigned int there = rte_pktmbuf_data_len(p->mbuf) - at;
	unsigned int length = segment_payload(pkt_l3(p), tcp, p->flags & PKT_IPV6);
	struct proxy_ends ends;
	int read = proxy_header_read(payload, RTE_MIN(there, length), &ends, &version);

	proxy->replaced = 0;
	if (read <= 0)
		return own_header(s, p->session & ENTRY_WIDE, proxy->kind, header);
	if (version == proxy_version(proxy->kind))
		return 0;
	proxy->replaced = read;
	ends.datagram = false;
	return proxy_header_make(header, proxy_version(proxy->kind), &ends);
}

/* A client that is believed; UDP's counterpart is client_datagram(). */
static bool client_believed(struct worker *w, struct pkt *p, struct session *s,
			    struct session_extra *extra)
{
	struct session_proxy *proxy = &extra->proxy;
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)pkt_l4(p);
	unsigned int payload = segment_payload(pkt_l3(p), pkt_l4(p), p->flags & PKT_IPV6), length;
	uint8_t header[PROXY_HEADER_MAX];

	if (payload == 0 || (proxy->length && rte_be_to_cpu_32(tcp->sent_seq) != proxy->first))
		return true;
	// What comes before the first data or in pieces can not be told where it belongs.
	if (rte_be_to_cpu_32(tcp->sent_seq) != proxy->first || (p->flags & PKT_LOCAL)) {
		pkt_drop(p, DROP_proxy_order);
		return false;
	}
	length = decide(p, s, extra, header);
	if (length == 0) {
		proxy->kind = PROXY_DISABLE;
		client_address_release(w, s, extra);
		return true;
	}
	if (proxy->length == 0) {
		proxy->length = length;
		extra->sequence_shift += length - proxy->replaced;
	} else if (length != proxy->length) {
		pkt_drop(p, DROP_proxy_order); // less of it than at first
		return false;
	}
	if (!send_before(w, p, proxy, header) ||
	    segment_strip(p->mbuf, p->l3, p->l3 + p->l4, p->flags & PKT_IPV6, proxy->replaced) <
		    0) {
		pkt_drop(p, DROP_no_headroom);
		return false;
	}
	segment_set_sequence(pkt_l4(p), proxy->first + proxy->replaced);
	return true;
}

/*
 * Of a client that is not believed: the first data. False: it was dropped. What comes before it,
 * which may be in other segments later, can not be told where it belongs.
 */
static bool judge(struct pkt *p, struct session_extra *extra)
{
	struct session_proxy *proxy = &extra->proxy;
	const uint8_t *tcp = pkt_l4(p), *payload = tcp + (tcp[12] >> 4) * 4;
	uint32_t sequence = rte_be_to_cpu_32(((const struct rte_tcp_hdr *)tcp)->sent_seq);
	unsigned int at = payload - rte_pktmbuf_mtod(p->mbuf, uint8_t *), version;
	unsigned int length = segment_payload(pkt_l3(p), tcp, p->flags & PKT_IPV6);
	struct proxy_ends ends;
	int read;

	if ((int32_t)(sequence - proxy->first) < 0 || (length == 0 && !(p->tcp_flags & TCP_FIN)))
		return true;
	if (sequence != proxy->first) {
		pkt_drop(p, DROP_proxy_order);
		return false;
	}
	read = proxy_header_read(payload, RTE_MIN(rte_pktmbuf_data_len(p->mbuf) - at, length),
				 &ends, &version);
	if (read > 0 && (p->flags & PKT_LOCAL)) { // the pieces that follow can not be moved
		pkt_drop(p, DROP_proxy_fragment);
		return false;
	}
	proxy->judged = true;
	if (read > 0) {
		proxy->replaced = read;
		extra->sequence_shift -= read;
	}
	return true;
}

/* Bytes of the header that the client began with, at first or again. False: it was dropped. */
static bool take_out(struct pkt *p, const struct session_proxy *proxy)
{
	uint8_t *tcp = pkt_l4(p);
	uint32_t sequence = rte_be_to_cpu_32(((struct rte_tcp_hdr *)tcp)->sent_seq);
	uint32_t over = proxy->first + proxy->replaced - sequence;
	unsigned int payload = segment_payload(pkt_l3(p), tcp, p->flags & PKT_IPV6);

	if (over == 0 || over > proxy->replaced || payload == 0)
		return true;
	if ((p->flags & PKT_LOCAL) ||
	    segment_strip(p->mbuf, p->l3, p->l3 + p->l4, p->flags & PKT_IPV6,
			  RTE_MIN(over, payload)) < 0) {
		pkt_drop(p, DROP_proxy_fragment);
		return false;
	}
	segment_set_sequence(pkt_l4(p), proxy->first + proxy->replaced);
	return true;
}

/* A client that is not believed. */
static bool client_refuted(struct worker *w, struct pkt *p, struct session *s,
			   struct session_extra *extra)
{
	struct session_proxy *proxy = &extra->proxy;
	uint8_t *tcp = pkt_l4(p), header[PROXY_HEADER_MAX];
	uint32_t sequence = rte_be_to_cpu_32(((struct rte_tcp_hdr *)tcp)->sent_seq);
	bool early = (int32_t)(sequence - proxy->first) < 0, bare;

	if (early && (p->flags & PKT_LOCAL)) {
		// A piece, which can not be cut: its bytes become the client's own.
		segment_set_sequence(tcp, proxy->first);
		early = false;
	}
	if ((!proxy->judged && !judge(p, extra)) || !take_out(p, proxy))
		return false;
	own_header(s, p->session & ENTRY_WIDE, proxy->kind, header);
	if (early) // a keepalive, if anything: once more is answered, too
		return carry(w, p, proxy, header);
	if (proxy->acknowledged == proxy->length) {
		if (proxy->judged) {
			proxy->kind = PROXY_DISABLE;
			client_address_release(w, s, extra);
		}
		return true;
	}
	bare = segment_payload(pkt_l3(p), pkt_l4(p), p->flags & PKT_IPV6) == 0 &&
	       !(p->tcp_flags & TCP_FIN);
	if (bare && !(p->flags & PKT_LOCAL))
		return carry(w, p, proxy, header);
	if (now_ms(w) - proxy->sent_at >= AGAIN_MS)
		send_before(w, p, proxy, header);
	return true;
}

/*
 * With its header a datagram is too big. The client is told how long one may be, IP header
 * included.
 */
static void datagram_too_big(struct worker *w, struct batch *b, struct pkt *p, struct session *s,
			     unsigned int length)
{
	bool ipv6 = p->flags & PKT_IPV6,
	     to_ipv6 = session_key_is_ipv6(s, p->session & ENTRY_WIDE, 1);
	unsigned int header = to_ipv6 ? IPV6_HEADER : IPV4_HEADER;
	unsigned int mtu = mss_mtu(w, p, s, 0), least = ipv6 ? IPV6_MTU_MIN : IPV4_MTU_MIN;

	if (to_ipv6 != ipv6) // the header of the other family is another one
		mtu = RTE_MAX(mtu + p->l4, header) - header;
	if ((p->flags & PKT_LOCAL) || mtu < length + least)
		pkt_drop(p, DROP_proxy_too_big);
	else
		answer_too_big_as(w, b, p - b->pkt, RTE_MIN(mtu - length, (unsigned int)UINT16_MAX),
				  DROP_proxy_too_big);
}

static bool client_datagram(struct worker *w, struct batch *b, struct pkt *p, struct session *s,
			    struct session_proxy *proxy, unsigned int room)
{
	const uint8_t *payload = pkt_l4(p) + sizeof(struct rte_udp_hdr);
	unsigned int at = payload - rte_pktmbuf_mtod(p->mbuf, uint8_t *), version, length;
	uint8_t header[PROXY_HEADER_MAX];
	struct proxy_ends ends;

	if (proxy_is_insecure(proxy->kind) && rte_pktmbuf_data_len(p->mbuf) > at &&
	    proxy_header_read(payload, rte_pktmbuf_data_len(p->mbuf) - at, &ends, &version) > 0 &&
	    version == 2)
		return true;
	length = own_header(s, p->session & ENTRY_WIDE, proxy->kind, header);
	if (length > room) {
		datagram_too_big(w, b, p, s, length);
		return false;
	}
	if (segment_put_before(p->mbuf, p->l3, p->l3 + p->l4, p->flags & PKT_IPV6, header, length) <
	    0) {
		pkt_drop(p, DROP_no_headroom);
		return false;
	}
	w->stats.proxy_headers++;
	return true;
}

bool proxy_protocol_from_client(struct worker *w, struct batch *b, struct pkt *p, struct session *s,
				struct session_extra *extra, unsigned int room)
{
	struct session_proxy *proxy = &extra->proxy;
	uint8_t *tcp = pkt_l4(p);

	if (pkt_protocol(p) == IPPROTO_UDP)
		return client_datagram(w, b, p, s, proxy, room);
	if (proxy->sending)
		return true;
	if (p->tcp_flags & TCP_SYN)
		return client_syn(p, s, proxy);
	if (p->tcp_flags & TCP_RST) {
		// A server takes a reset only at the very number that it expects.
		if (rte_be_to_cpu_32(((struct rte_tcp_hdr *)tcp)->sent_seq) == proxy->first)
			segment_set_sequence(tcp, header_begin(proxy) + proxy->acknowledged);
		return true;
	}
	return proxy_is_insecure(proxy->kind) ? client_believed(w, p, s, extra)
					      : client_refuted(w, p, s, extra);
}

/* The window counts from the acknowledgement, which was raised: what is beyond it goes. */
static void window_lower(uint8_t *tcp, unsigned int by, unsigned int scale)
{
	unsigned int window = rte_be_to_cpu_16(((struct rte_tcp_hdr *)tcp)->rx_win);

	by = (by + (1u << scale) - 1) >> scale;
	segment_set_window(tcp, window > by ? window - by : 0);
}

void proxy_protocol_from_server(struct worker *w, struct pkt *p, struct session *s,
				struct session_extra *extra)
{
	struct session_proxy *proxy = &extra->proxy;
	uint8_t *tcp = pkt_l4(p);
	unsigned int header = (tcp[12] >> 4) * 4;
	uint32_t missing;

	if (pkt_protocol(p) != IPPROTO_TCP || !(p->tcp_flags & TCP_ACK))
		return;
	if (p->tcp_flags & TCP_SYN)
		proxy->scale = tcp_window_scale(tcp, header);
	if (proxy->length == 0)
		return; // nothing was told yet, and nothing is missing
	missing = proxy->first + proxy->replaced -
		  rte_be_to_cpu_32(((struct rte_tcp_hdr *)tcp)->recv_ack);
	if (missing > 0 && missing <= proxy->length) {
		proxy->acknowledged = proxy->length - missing;
		segment_set_acknowledgement(tcp, proxy->first);
		window_lower(tcp, missing, p->tcp_flags & TCP_SYN ? 0 : proxy->scale);
		tcp_remove_option(tcp, header, 5);
	} else if ((int32_t)missing <= 0 && !(p->tcp_flags & (TCP_SYN | TCP_RST))) {
		tcp_remove_option(tcp, header, 5); // it may tell of a second copy
		proxy->acknowledged = proxy->length;
		if (!proxy->judged && !proxy_is_insecure(proxy->kind))
			return; // what does the client begin with?
		proxy->kind = PROXY_DISABLE;
		client_address_release(w, s, extra);
	}
}

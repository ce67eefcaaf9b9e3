/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Direct routing and tunnels: servers answer clients by themselves, so that only packets towards
 * them pass through here.
 *
 * The packet itself stays what the client has sent, but for one: weir is a hop on its way like any
 * router (RFC 1812, 5.3.1), so its time to live goes down by one. A packet that comes back, because
 * a server has not got the VIP and routes it, therefore runs in circles 64 times at most.
 *
 * What a tunnel adds must fit the way to the server. A sender that can be told what does fit is
 * told (RFC 1191, 8201): the MTU of the route, or of what routers further on have said
 * (tunnel/path_mtu.c), less the outer headers. One that cannot be told sends IPv4 without "don't
 * fragment": its packet is cut before it enters (RFC 2003, 5.1; RFC 4459, 3.3), so that every piece
 * is a whole packet of the tunnel and only the server's stack, which has to anyway, puts pieces
 * together; a decapsulator need not be able to. IPv6 of no more than 1280 bytes, which has to get
 * through and may not be cut, makes an outer packet that is (RFC 2473, 7.1).
 */
#include "path/one_way.h"

#include <rte_ip.h>

#include "balance/mode.h"
#include "balance/server.h"
#include "net/nexthop.h"
#include "path/answer.h"
#include "path/fragment.h"
#include "session/l4_sctp.h"
#include "session/l4_tcp.h"
#include "session/rewrite.h"
#include "tunnel/source.h"
#include "tunnel/template.h"

static inline bool source_is_missing(const uint8_t *source, bool ipv6)
{
	static const uint8_t none[16];

	return memcmp(source, none, ipv6 ? 16 : 4) == 0;
}

/* May routers after this one fragment it? IPv6 packets that are no longer than any link takes may. */
static bool outer_may_fragment(const uint8_t *l3, bool ipv6, unsigned int length)
{
	return ipv6 ? length <= TEMPLATE_IPV6_MTU : !(l3[6] & 0x40);
}

/* Cut a packet of several segments down to `length`, before `by` bytes are put before it. */
static __attribute__((noinline)) void segments_fit(struct rte_mbuf *m, unsigned int length,
						   unsigned int by)
{
	if (m->pkt_len > length)
		rte_pktmbuf_trim(m, m->pkt_len - length);
	m->pkt_len += by;
	m->data_len += by;
}

/*
 * Put the outer header before the packet at `inner`, which leaves by `iface`; from here on it is
 * one of the server's family. Where this is called for most packets, what they are is a constant.
 */
static inline __attribute__((always_inline)) bool
tunnel_enter_as(struct worker *w, struct pkt *p, const struct template *t, uint8_t *inner,
		unsigned int length, uint16_t iface, bool ipv6, bool outer_ipv6, bool ipip)
{
	unsigned int transport = outer_ipv6 ? sizeof(struct rte_ipv6_hdr)
					    : sizeof(struct rte_ipv4_hdr);
	unsigned int by = ipip ? transport : t->length;
	const struct template_packet packet = {
		.source = t->flags & TEMPLATE_SOURCE ? template_source(t, outer_ipv6)
						     : source_of(iface, outer_ipv6),
		.hash = p->hash,
		.length = length,
		.id = rte_cpu_to_be_16(++w->tunnel_id * w->count + w->index),
		.tos = ipv6 ? inner[0] << 4 | inner[1] >> 4 : inner[1],
		.ipv6 = ipv6,
		.fragments = outer_may_fragment(inner, ipv6, length),
	};
	struct rte_mbuf *m = p->mbuf;

	if (unlikely(source_is_missing(packet.source, outer_ipv6))) {
		pkt_drop(p, DROP_tunnel_no_source);
		return false;
	}
	if (unlikely(rte_pktmbuf_headroom(m) < by)) {
		pkt_drop(p, DROP_no_headroom);
		return false;
	}
	// A short frame is padded: what is behind the datagram must not travel on inside.
	if (likely(m->nb_segs == 1))
		m->pkt_len = m->data_len = p->l3 + by + length;
	else
		segments_fit(m, p->l3 + length, by);
	m->data_off -= by;
	p->l4 = transport;
	if (ipv6 != outer_ipv6)
		p->flags ^= PKT_IPV6;
	if (outer_ipv6)
		template_put6(t, inner - by, &packet, ipip);
	else
		template_put4(t, inner - by, &packet, ipip);
	return true;
}

/* Any packet and any tunnel. */
static __attribute__((noinline)) bool tunnel_enter_any(struct worker *w, struct pkt *p,
						       const struct template *t,
						       unsigned int length, uint16_t nexthop)
{
	uint16_t iface = nexthop >= NEXTHOP_FIRST ? nexthop_table[nexthop].iface : p->iface;

	if (!tunnel_enter_as(w, p, t, pkt_l3(p), length, iface, p->flags & PKT_IPV6,
			     t->flags & TEMPLATE_IPV6, false))
		return false;
	if (t->flags & TEMPLATE_CHECKSUM)
		template_checksum(t, p->mbuf, p->l3);
	return true;
}

/* The same, fast for IP in IP. `nexthop` is a real one. */
static inline bool tunnel_enter(struct worker *w, struct pkt *p, const struct template *t,
				uint8_t *inner, unsigned int length, uint16_t nexthop)
{
	bool ipv6 = p->flags & PKT_IPV6, outer_ipv6 = t->flags & TEMPLATE_IPV6;
	uint16_t iface = nexthop_table[nexthop].iface;

	if (t->type != TUNNEL_IPIP || ipv6 != outer_ipv6)
		return tunnel_enter_any(w, p, t, length, nexthop);
	return ipv6 ? tunnel_enter_as(w, p, t, inner, length, iface, true, true, true)
		    : tunnel_enter_as(w, p, t, inner, length, iface, false, false, true);
}

/* A packet that may be cut, in pieces of at most `mtu` bytes, each of which enters the tunnel. */
static __attribute__((noinline)) void tunnel_cut(struct worker *w, struct batch *b, unsigned int at,
						 const struct template *t, uint16_t nexthop,
						 unsigned int mtu)
{
	struct pkt *p = &b->pkt[at], piece = *p;
	struct rte_mbuf *pieces, **link = &pieces;
	struct fragmentation f;

	fragment_begin(&f, p->mbuf, p->l3, mtu);
	pieces = fragment_all(&f);
	if (!pieces) {
		pkt_drop(p, DROP_needs_fragmentation);
		return;
	}
	rte_pktmbuf_free(p->mbuf);
	for (; *link; link = &(*link)->next) {
		struct rte_mbuf *next = (*link)->next;

		piece = *p;
		piece.mbuf = *link;
		piece.mbuf->next = NULL; // a checksum goes over all segments
		if (!tunnel_enter_any(w, &piece, t, rte_pktmbuf_pkt_len(*link) - p->l3, nexthop)) {
			piece.mbuf->next = next;
			fragment_free(pieces->next);
			pieces->next = NULL;
			p->mbuf = pieces;
			pkt_drop(p, piece.drop);
			return;
		}
		piece.mbuf->next = next;
	}
	piece.mbuf = pieces;
	*p = piece;
	b->nexthop[at] = nexthop;
	p->fate = FATE_PIECES;
}

/* An outer packet that is too large: made here, so that it may be cut here or further on. */
static __attribute__((noinline)) void tunnel_cut_outer(struct worker *w, struct batch *b,
						       unsigned int at, const struct template *t,
						       const struct nexthop *n)
{
	struct pkt *p = &b->pkt[at];
	const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)pkt_l3(p);
	uint32_t id;

	if (!(t->flags & TEMPLATE_IPV6)) {
		if (rte_pktmbuf_pkt_len(p->mbuf) - p->l3 > n->mtu)
			fragment_cut(p, n->mtu);
		return; // routers may cut it too
	}
	id = frag_id(&w->frag, ip->src_addr, ip->dst_addr, true, w->index, w->count);
	fragment_cut6(p, template_mtu(t, n->mtu) + t->length, rte_cpu_to_be_32(id));
}

/* Is the next hop the server itself? The other direction's key has its address. */
static bool direct_is_on_link(const struct nexthop *n, uint32_t number)
{
	return addr_equal(&n->addr, &server_table[number].addr);
}

/* Too large for the way, and the sender can do something about it: tell it. Else drop by name. */
static void one_way_too_big(struct worker *w, struct batch *b, unsigned int at, unsigned int mtu)
{
	struct pkt *p = &b->pkt[at];

	if (p->flags & PKT_ICMP_ERROR) {
		pkt_drop(p, DROP_too_big); // no error about an error
		return;
	}
	if (p->flags & PKT_IPV6)
		mtu = RTE_MAX(mtu, (unsigned int)TEMPLATE_IPV6_MTU);
	answer_too_big(w, b, at, mtu);
}

/* How much of the way's MTU is left for the packet; `nexthop` is a real one. */
static inline unsigned int one_way_mtu(uint32_t server, bool tunnel, uint16_t nexthop)
{
	unsigned int mtu = nexthop_table[nexthop].mtu;

	return tunnel ? template_mtu(&template_table[server], mtu) : mtu;
}

/* May it be sent although it is too large? */
static bool one_way_may_cut(const struct pkt *p, bool tunnel, unsigned int length)
{
	return fragment_allowed(p) ||
	       (tunnel && (p->flags & PKT_IPV6) && length <= TEMPLATE_IPV6_MTU);
}

/* Send a packet that is allowed to a server. `tunnel`: through its tunnel, else directly. */
static void one_way_send(struct worker *w, struct batch *b, unsigned int at, uint32_t server,
			 bool tunnel, uint16_t nexthop, unsigned int length)
{
	struct pkt *p = &b->pkt[at];
	unsigned int mtu = nexthop >= NEXTHOP_FIRST ? one_way_mtu(server, tunnel, nexthop) : length;
	const struct template *t = &template_table[server];

	rewrite_ttl(pkt_l3(p), p->flags & PKT_IPV6);
	if (unlikely(length > mtu) && tunnel && fragment_allowed(p)) {
		tunnel_cut(w, b, at, t, nexthop, mtu);
		return;
	}
	if (tunnel && !tunnel_enter_any(w, p, t, length, nexthop))
		return;
	b->nexthop[at] = nexthop;
	p->fate = FATE_SEND;
	if (unlikely(length > mtu) && tunnel)
		tunnel_cut_outer(w, b, at, t, &nexthop_table[nexthop]);
	else if (unlikely(length > mtu))
		fragment_cut(p, mtu);
}

/* What forbids sending the packet, by name or with an answer to its sender. */
static bool one_way_allowed(struct worker *w, struct batch *b, unsigned int at, uint32_t server,
			    bool tunnel, uint16_t nexthop, unsigned int length)
{
	struct pkt *p = &b->pkt[at];
	const struct nexthop *n = &nexthop_table[nexthop];
	unsigned int ttl = pkt_l3(p)[p->flags & PKT_IPV6 ? 7 : 8], mtu;

	if (unlikely(ttl <= 1)) {
		if (p->flags & PKT_ICMP_ERROR)
			pkt_drop(p, DROP_ttl_exceeded);
		else
			answer_ttl_exceeded(w, b, at);
		return false;
	}
	if (unlikely(nexthop < NEXTHOP_FIRST))
		return true; // output() says why not
	if (!tunnel && unlikely(!direct_is_on_link(n, server))) {
		pkt_drop(p, DROP_server_off_link);
		return false;
	}
	mtu = one_way_mtu(server, tunnel, nexthop);
	if (unlikely(length > mtu) && !one_way_may_cut(p, tunnel, length)) {
		one_way_too_big(w, b, at, mtu);
		return false;
	}
	return true;
}

static unsigned int one_way_length(const struct pkt *p)
{
	const uint8_t *l3 = pkt_l3(p);

	return p->flags & PKT_IPV6 ? 40 + (l3[4] << 8 | l3[5]) : l3[2] << 8 | l3[3];
}

/* The client's SYN may not invite to more than the service allows, nor than a tunnel leaves. */
static void one_way_clamp_mss(struct pkt *p, uint32_t server, bool tunnel, uint16_t nexthop)
{
	unsigned int headers = p->flags & PKT_IPV6 ? 60 : 40, mss = UINT16_MAX;
	uint8_t *tcp = pkt_l4(p);

	if (tunnel && nexthop >= NEXTHOP_FIRST) {
		unsigned int mtu = template_mtu(&template_table[server],
						nexthop_table[nexthop].mtu);

		mss = mtu > headers ? mtu - headers : mss;
	}
	if (server_table[server].mss)
		mss = RTE_MIN(mss, server_table[server].mss);
	if (mss < UINT16_MAX)
		tcp_clamp_mss(tcp, (tcp[12] >> 4) * 4, mss);
}

static __attribute__((noinline)) void one_way_event(struct worker *w, struct pkt *p,
						    struct session *s, uint16_t nexthop)
{
	bool tcp = pkt_protocol(p) == IPPROTO_TCP;
	enum session_state state = tcp ? tcp_next_state_one_way(s->state, p->tcp_flags)
				       : sctp_next_state_one_way(s->state, p->tcp_flags);

	if (tcp && (p->tcp_flags & TCP_SYN))
		one_way_clamp_mss(p, s->server, (s->form & FORM_KIND) == FORM_TUNNEL, nexthop);
	if (state != s->state)
		session_set_state(w, s, state);
}

static inline void one_way_count(struct worker *w, struct session *s, unsigned int length)
{
	s->bytes[0] += length;
	if (unlikely(++s->packets[0] == UINT16_MAX))
		sweep_fold(w, s);
}

/* A packet that may not simply be sent, or changes the session's state. */
static __attribute__((noinline)) void one_way_odd(struct worker *w, struct batch *b,
						  unsigned int at, struct session *s,
						  uint16_t nexthop, unsigned int length)
{
	bool tunnel = (s->form & FORM_KIND) == FORM_TUNNEL;
	struct pkt *p = &b->pkt[at];

	if (!one_way_allowed(w, b, at, s->server, tunnel, nexthop, length))
		return;
	if (pkt_protocol(p) != IPPROTO_UDP)
		one_way_event(w, p, s, nexthop);
	one_way_count(w, s, length);
	one_way_send(w, b, at, s->server, tunnel, nexthop, length);
}

void one_way_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s,
		     uint16_t nexthop, unsigned int length)
{
	const struct nexthop *n = &nexthop_table[nexthop];
	struct pkt *p = &b->pkt[at];
	uint8_t *l3 = pkt_l3(p);
	bool tunnel = (s->form & FORM_KIND) == FORM_TUNNEL, ipv6 = p->flags & PKT_IPV6;
	const struct template *t = &template_table[s->server];

	// A next hop that is none takes no bytes.
	if (unlikely((p->tcp_flags & TCP_EVENTS) || !(s->flags & SESSION_ACTIVE) ||
		     l3[ipv6 ? 7 : 8] <= 1 ||
		     !(tunnel ? template_fits(t, n->mtu, length) : length <= n->mtu) ||
		     !(tunnel || direct_is_on_link(n, s->server)))) {
		one_way_odd(w, b, at, s, nexthop, length);
		return;
	}
	one_way_count(w, s, length);
	rewrite_ttl(l3, ipv6);
	if (tunnel && !tunnel_enter(w, p, t, l3, length, nexthop))
		return;
	b->nexthop[at] = nexthop;
	p->fate = FATE_SEND;
}

/*
 * The network could not carry what the server has answered to the client, and tells the VIP: the
 * server has to know. It goes there like any packet of the client's.
 */
void one_way_icmp_error(struct worker *w, struct batch *b, unsigned int at, struct session *s)
{
	bool tunnel = (s->form & FORM_KIND) == FORM_TUNNEL;
	struct pkt *p = &b->pkt[at];
	uint16_t nexthop = path_nexthop(server_path[s->server], p->hash);
	const uint8_t *l3 = pkt_l3(p);
	unsigned int length = one_way_length(p);
	bool to_vip = p->flags & PKT_IPV6
			      ? memcmp(l3 + 24, session_key6(s, 0)->destination, 16) == 0
			      : memcmp(l3 + 16, &s->key4[0].destination, 4) == 0;

	if (!to_vip)
		pkt_drop(p, DROP_icmp_error_malformed); // not from where the packet went
	else if (one_way_allowed(w, b, at, s->server, tunnel, nexthop, length))
		one_way_send(w, b, at, s->server, tunnel, nexthop, length);
}

bool one_way_without_session(struct worker *w, struct batch *b, unsigned int at, uint32_t server)
{
	const struct mode *mode = __atomic_load_n(&server_table[server].mode, __ATOMIC_RELAXED);
	struct pkt *p = &b->pkt[at];
	uint16_t nexthop = path_nexthop(server_path[server], p->hash);
	unsigned int length = one_way_length(p);
	bool tunnel = template_table[server].length > 0;

	if (!mode->one_way)
		return false;
	p->drop = DROP_none; // whatever was in the way of a session
	if (!one_way_allowed(w, b, at, server, tunnel, nexthop, length))
		return true;
	if (p->tcp_flags & TCP_SYN)
		one_way_clamp_mss(p, server, tunnel, nexthop);
	one_way_send(w, b, at, server, tunnel, nexthop, length);
	return true;
}

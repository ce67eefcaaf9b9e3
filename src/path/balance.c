/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Balance: what has no session.
 *
 * A packet that another worker owns is handed over before anything else is decided. The first
 * packet of a connection to a service is given a server and becomes a session, and then goes on
 * as if it had been known. Two packets of one new flow in one batch: the second finds the session
 * of the first, because each looks again once any session was made in this batch. What belongs to
 * no service is for Linux, or is dropped by name.
 */
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "balance/address_set.h"
#include "balance/classify.h"
#include "balance/matches.h"
#include "balance/mode.h"
#include "balance/overload.h"
#include "balance/quic.h"
#include "balance/server.h"
#include "base/csum.h"
#include "net/nexthop.h"
#include "net/route.h"
#include "path/answer.h"
#include "path/bfd.h"
#include "path/client_address.h"
#include "path/fragment.h"
#include "path/guard.h"
#include "path/hand.h"
#include "path/limit.h"
#include "path/nat_log.h"
#include "path/one_way.h"
#include "path/proxy_protocol.h"
#include "path/room.h"
#include "path/syn_proxy.h"
#include "path/tunnelled.h"
#include "path/vpc.h"
#include "path/worker.h"
#include "session/l4_sctp.h"
#include "session/l4_tcp.h"
#include "session/rewrite.h"

static bool state_is_active(enum session_state state)
{
	return state == STATE_ESTABLISHED || state == STATE_UDP_NORMAL ||
	       state == STATE_SCTP_ESTABLISHED || state == STATE_ICMP_NORMAL;
}

static bool state_is_half_open(enum session_state state)
{
	return state == STATE_SYN_SENT || state == STATE_SYN_RECV ||
	       (state >= STATE_SCTP_INIT && state <= STATE_SCTP_COOKIE);
}

/* Count a session in or out (`by` is 1 or -1) where its state says. */
static void session_count(struct worker *w, struct session *s, int by)
{
	struct server_count *server = &w->balancer.server_counts[s->server];
	struct service_count *service =
		&w->balancer.service_counts[server_table[s->server].service];

	if (s->flags & SESSION_HALF_OPEN)
		*(s->state == STATE_UDP_ONE_WAY ? &w->stats.one_way : &w->stats.half_open) += by;
	if (s->flags & SESSION_LOCAL)
		return;
	if (s->flags & SESSION_ACTIVE) {
		server->active += by;
		service->active += by;
	} else {
		server->inactive += by;
		service->inactive += by;
	}
}

static void session_enter_state(struct session *s, enum session_state state)
{
	s->state = state;
	s->flags &= ~(SESSION_HALF_OPEN | SESSION_ACTIVE);
	if (state_is_active(state))
		s->flags |= SESSION_ACTIVE;
	else if (state_is_half_open(state) || (state == STATE_UDP_ONE_WAY && session_is_two_way(s)))
		s->flags |= SESSION_HALF_OPEN;
}

void session_set_state(struct worker *w, struct session *s, enum session_state state)
{
	if (s->state == STATE_SYN_RECV && state_is_active(state))
		w->balancer.service_counts[server_table[s->server].service].handshakes_done++;
	session_count(w, s, -1);
	session_enter_state(s, state);
	session_count(w, s, 1);
}

/* Sessions in use of this width, for the statistics. */
static uint64_t *session_gauge(struct worker *w, bool wide)
{
	return wide ? &w->stats.sessions_wide : &w->stats.sessions;
}

void session_end(struct worker *w, uint32_t entry)
{
	bool wide = entry & ENTRY_WIDE;
	struct session *s = table_session(&w->table, entry);

	sweep_fold(w, s);
	session_count(w, s, -1);
	if (unlikely(s->state == STATE_SYN_PROXY))
		syn_proxy_end(w, s);
	if (s->flags & SESSION_EXTRA)
		limit_end(w, s, wide);
	if (unlikely(s->form & FORM_ROUTED))
		nat_log_session(w, s, wide, true);
	if (s->form & FORM_PORT)
		ports_release(&w->balancer.ports, session_key(s, wide, 1),
			      session_key_is_ipv6(s, wide, 1), w->batch.seconds);
	table_remove(&w->table, wide, entry & ENTRY_NUMBER);
	*session_gauge(w, wide) = w->table.pool[wide].used;
	w->ended = true;
}

static struct addr pkt_source(const struct pkt *p)
{
	return p->flags & PKT_IPV6 ? addr_v6(p->key6.source) : addr_v4(p->key4.source);
}

static struct addr pkt_destination(const struct pkt *p)
{
	return p->flags & PKT_IPV6 ? addr_v6(p->key6.destination) : addr_v4(p->key4.destination);
}

static bool source_is_wrong(const struct pkt *p)
{
	struct addr source = pkt_source(p);

	if (p->flags & PKT_IPV6) {
		static const uint8_t loopback[16] = {[15] = 1};

		return addr_is_multicast(&source) || addr_is_unspecified(&source) ||
		       memcmp(source.bytes, loopback, 16) == 0;
	}
	return source.bytes[0] >= 224 || source.bytes[0] == 127 || source.bytes[0] == 0;
}

/*
 * Enter a session whose keys are complete. It is now found by both tuples, and the packet that
 * made it goes on through the known lane.
 */
static void session_begin(struct worker *w, struct batch *b, unsigned int at, struct session *s,
			  bool wide, uint32_t number)
{
	struct pkt *p = &b->pkt[at];
	unsigned int kind = s->form & FORM_KIND;

	if (kind == FORM_REWRITE || kind == FORM_FAMILY)
		rewrite_prepare(s, wide);
	s->stamp = b->seconds;
	session_count(w, s, 1);
	overload_note(&w->balancer, s->server);
	table_insert(&w->table, wide, number);
	*session_gauge(w, wide) = w->table.pool[wide].used;
	if ((s->flags & (SESSION_HALF_OPEN | SESSION_LOCAL)) == SESSION_HALF_OPEN)
		half_open_add(s->state == STATE_UDP_ONE_WAY ? &w->one_way[wide]
							    : &w->half_open[wide],
			      &w->table, wide, number, b->seconds);
	if (unlikely(s->form & FORM_ROUTED))
		nat_log_session(w, s, wide, false);
	p->session = number | (wide ? ENTRY_WIDE : 0);
	p->flags |= PKT_NEW;
	w->made = true;
}

static struct session *session_new(struct worker *w, struct pkt *p, bool wide, uint32_t *number)
{
	struct session *s = room_take(w, wide, number);

	if (!s) {
		pkt_drop(p, DROP_session_table_full);
		return NULL;
	}
	if (p->flags & PKT_IPV6)
		*session_key6(s, 0) = p->key6;
	else
		*(struct key4 *)session_key(s, wide, 0) = p->key4;
	if (unlikely(pkt_zone(p)))
		vpc_bind(p, s);
	else
		s->epoch = w->epoch - 1; // no next hop yet
	return s;
}

static bool pkt_is_echo(const struct pkt *p)
{
	uint8_t protocol = pkt_protocol(p);

	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

/* The state after a packet that a client begins with. */
static enum session_state state_first(const struct pkt *p)
{
	switch (pkt_protocol(p)) {
	case IPPROTO_TCP:
		return tcp_next_state(STATE_NONE, 0, p->tcp_flags);
	case IPPROTO_SCTP:
		return sctp_next_state(STATE_NONE, 0, p->tcp_flags);
	}
	return pkt_is_echo(p) ? STATE_ICMP_NORMAL : STATE_UDP_ONE_WAY;
}

/* The state of a session that Linux makes. It may have begun before weir did. */
static enum session_state state_of_kernel(const struct pkt *p)
{
	switch (pkt_protocol(p)) {
	case IPPROTO_TCP:
		return p->tcp_flags & TCP_SYN ? STATE_SYN_SENT : STATE_ESTABLISHED;
	case IPPROTO_SCTP:
		return p->tcp_flags == SCTP_INIT ? STATE_SCTP_INIT : STATE_SCTP_ESTABLISHED;
	}
	return pkt_is_echo(p) ? STATE_ICMP_NORMAL : STATE_UDP_NORMAL;
}

/* The verification tags of an association, in its extra line; without one any tag will do. */
static void tags_begin(struct worker *w, const struct pkt *p, struct session *s)
{
	struct session_extra *extra = s->flags & SESSION_EXTRA ? table_extra(&w->table, s)
							       : table_extra_allocate(&w->table, s);

	if (extra)
		sctp_tags_learn(extra, STATE_NONE, 0, pkt_l4(p), p->tcp_flags);
}

/*
 * The real server of a first packet, 0: there is none. One that its QUIC connection ID names has
 * the connection already, which has only changed its client's address. Of a persistent service the
 * home of the client's template chooses (balance/persistence.c); then the packet may have to go there
 * and come back, and `*handed` says that it is on its way.
 */
static uint32_t server_choose(struct worker *w, struct batch *b, unsigned int at,
			      const struct service *service, const struct service *chooser,
			      bool *handed)
{
	struct pkt *p = &b->pkt[at];
	uint32_t why = p->flags & PKT_HANDED ? p->mbuf->hash.usr : HAND_OWNER, server;
	unsigned int home;

	*handed = false;
	if (unlikely(service->quic) && chooser == service) {
		server = quic_route(service->quic, p);
		if (server != 0) {
			w->stats.quic_routed++;
			return server;
		}
		w->stats.quic_unknown += quic_is_short(p);
	}
	if (likely(!service->persistent || chooser != service))
		return service->server_count ? scheduler_choose(&w->balancer, chooser, p) : 0;
	if (why & HAND_CHOSEN) {
		server = why & HAND_ARGUMENT;
		return persistence_is_current(service, server) ? server : 0;
	}
	home = persistence_home(service, p, w->count);
	if (home == w->index) {
		server = persistence_choose(&w->balancer, service, p);
		if (!(why & HAND_ASK))
			return server;
		b->owner[at] = why & HAND_ARGUMENT;
		b->hand[at] = HAND_CHOSEN | server;
	} else if (p->flags & PKT_LOCAL) {
		return persistence_by_hash(service, p); // a fragment has found its way already
	} else {
		b->owner[at] = home;
		b->hand[at] = HAND_ASK | w->index;
	}
	p->fate = FATE_HAND;
	*handed = true;
	return 0;
}

/* Answers are to leave by the interface and the neighbour that this packet came by. */
static void balance_symmetric(struct worker *w, const struct pkt *p, struct session *s)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(p->mbuf, const struct rte_ether_hdr *);
	struct session_extra *extra;

	if (s->form & FORM_ROUTED)
		return;
	extra = s->flags & SESSION_EXTRA ? table_extra(&w->table, s)
					 : table_extra_allocate(&w->table, s);
	if (!extra)
		return; // no room: by the routes, as without the setting
	memcpy(extra->client_mac, &ether->src_addr, sizeof(extra->client_mac));
	extra->client_iface = p->iface;
}

/*
 * No room for a session, but the service's hash gives all packets of the flow to one server: it
 * goes there without. Only where the server answers by itself.
 */
static bool balance_by_hash(struct worker *w, struct batch *b, unsigned int at,
			    const struct service *service)
{
	const struct service *h = service->by_hash;
	struct pkt *p = &b->pkt[at];

	if (!h || !one_way_without_session(w, b, at, h->scheduler->choose(&w->balancer, h, p)))
		return false;
	w->stats.without_session++;
	return true;
}

/* `chooser`: the service itself, or its hash. `proof`: of a client of the SYN proxy, else NULL. */
static void balance_service(struct worker *w, struct batch *b, unsigned int at,
			    const struct service *service, const struct service *chooser,
			    const struct syn_proof *proof)
{
	struct balancer *balancer = &w->balancer;
	struct pkt *p = &b->pkt[at];
	bool ipv6 = p->flags & PKT_IPV6, wide;
	enum session_state state;
	const struct server *server;
	const struct mode *mode;
	struct session *s;
	enum drop reason;
	uint32_t number, chosen, handshake = 0;
	bool handed;

	if (!limit_prepare(w, b, at, service))
		return;
	chosen = server_choose(w, b, at, service, chooser, &handed);
	if (handed)
		return;
	// Of a persistent service another worker has chosen, who knows only what it has itself.
	if (chosen == 0 || (unlikely(service->thresholds) && overload_refuses(balancer, chosen))) {
		if (service->server_count)
			limit_refuse(w, b, at, service, DROP_servers_overloaded);
		else
			pkt_drop(p, DROP_no_server);
		return;
	}
	if (!limit_admits(w, b, at, service))
		return;
	server = &server_table[chosen];
	mode = __atomic_load_n(&server->mode, __ATOMIC_RELAXED);
	wide = ipv6 || (mode->translates && server->addr.family == AF_INET6);
	if (unlikely(proof != NULL)) {
		handshake = syn_proxy_become_syn(w, p, service, proof);
		if (handshake == 0)
			return;
	}
	state = proof ? STATE_SYN_PROXY : state_first(p);
	if (state_is_half_open(state) && !room_for_half_open(w, wide)) {
		if (!balance_by_hash(w, b, at, service))
			pkt_drop(p, DROP_half_open_full);
		return;
	}
	if (state == STATE_UDP_ONE_WAY && !mode->one_way)
		room_for_one_way(w, wide);
	s = session_new(w, p, wide, &number);
	if (!s) {
		balance_by_hash(w, b, at, service);
		goto give_handshake;
	}
	s->server = chosen;
	s->timeouts = service->timeouts;
	if (unlikely(service->proxy_protocol) && mode->translates &&
	    !proxy_protocol_begin(w, service, p, s)) {
		table_free(&w->table, wide, number);
		goto give_handshake;
	}
	reason = mode->bind(balancer, service, server, p, s);
	if (unlikely(reason == DROP_no_local_port) && wide == ipv6 && pkt_zone(p) == 0 && !proof &&
	    lend_begin(w, p, s)) {
		limit_leave(w, p, service);
		session_begin(w, b, at, s, wide, number);
		return;
	}
	if (reason != DROP_none) {
		balancer->ports_exhausted += reason == DROP_no_local_port;
		table_free(&w->table, wide, number);
		pkt_drop(p, reason);
		goto give_handshake;
	}
	if (!limit_begin(w, service, s, wide)) {
		if (s->form & FORM_PORT)
			ports_release(&balancer->ports, session_key(s, wide, 1),
				      session_key_is_ipv6(s, wide, 1), b->seconds);
		table_free(&w->table, wide, number);
		pkt_drop(p, DROP_limit_no_room);
		goto give_handshake;
	}
	if (pkt_protocol(p) == IPPROTO_SCTP)
		tags_begin(w, p, s);
	// The later fragments of a datagram have to find it.
	if (unlikely(service->one_packet && pkt_protocol(p) == IPPROTO_UDP) &&
	    !(p->flags & PKT_LOCAL))
		s->form |= FORM_ONE_PACKET;
	if (unlikely(service->symmetric_return && session_is_two_way(s)) &&
	    !(s->flags & SESSION_VPC))
		balance_symmetric(w, p, s);
	if (mode->translates)
		client_address_begin(w, service, p, s);
	if (pkt_protocol(p) == IPPROTO_TCP && mode->one_way)
		state = tcp_next_state_one_way(STATE_NONE, p->tcp_flags);
	session_enter_state(s, state);
	balancer->server_counts[s->server].connections++;
	balancer->service_counts[service->number].connections++;
	balancer->service_counts[service->number].handshakes_begun += state == STATE_SYN_RECV;
	session_begin(w, b, at, s, wide, number);
	if (unlikely(proof != NULL))
		syn_proxy_begin(w, p, s, handshake);
	// Ask for the client's neighbour now, so that it is there when the server answers.
	if (session_is_two_way(s) && vpc_client_is_routed(s))
		route_of_client(w, s, wide, p->hash);
	return;

give_handshake:
	limit_leave(w, p, service);
	if (handshake)
		w->drops[DROP_syn_proxy_abandoned] += handshake_give(&w->handshakes, handshake);
}

/* TCP to a service that answers SYNs itself. */
static void balance_syn_proxy(struct worker *w, struct batch *b, unsigned int at,
			      const struct service *service)
{
	struct pkt *p = &b->pkt[at];
	struct syn_proof proof;

	if (!syn_proxy_first(w, b, at, service, &proof))
		return;
	balance_service(w, b, at, service, service, &proof);
	// The client takes itself for connected.
	if (p->session == 0 && p->fate == FATE_DROP)
		syn_proxy_refuse(w, b, at, &proof);
}

/*
 * Linux talks from a local address. Its connection gets a session, under its own port when that is
 * free and under another one otherwise.
 */
static void balance_kernel(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	bool wide = p->flags & PKT_IPV6;
	struct ports *ports = &w->balancer.ports;
	struct port_history ignored;
	struct session *s;
	uint32_t number;
	int result;

	if (p->tcp_flags & TCP_RST) {
		p->fate = FATE_BARE;
		if (pkt_zone(p))
			vpc_tap_local(w, b, at);
		return;
	}
	s = session_new(w, p, wide, &number);
	if (!s)
		return;
	s->flags |= SESSION_LOCAL;
	s->form = FORM_REWRITE | FORM_PORT | (pkt_is_echo(p) ? FORM_ECHO : 0);
	if (wide) {
		struct key6 *key = session_key6(s, 1);

		*key = key6_turn(&p->key6);
		result = ports_take6(ports, &w->table, key, b->seconds);
		if (result < 0)
			result = ports_choose6(ports, &w->table, key, b->seconds, &ignored);
	} else {
		s->key4[1] = key4_turn(&p->key4);
		result = ports_take4(ports, &w->table, &s->key4[1], b->seconds);
		if (result < 0)
			result = ports_choose4(ports, &w->table, &s->key4[1], b->seconds, &ignored);
	}
	if (result < 0) {
		table_free(&w->table, wide, number);
		pkt_drop(p, DROP_no_local_port);
		return;
	}
	session_enter_state(s, state_of_kernel(p));
	session_begin(w, b, at, s, wide, number);
}

/* Is the address one of Linux's own, so that the packet is for it? */
static bool destination_is_local(const struct pkt *p)
{
	if (p->flags & PKT_IPV6)
		return route_lookup6(p->key6.destination, 0, NULL) == NEXTHOP_LOCAL;
	return route_lookup4(p->key4.destination, 0, NULL) == NEXTHOP_LOCAL;
}

/* Linux must not answer for these: it would refuse what belongs to a session that it knows not. */
static bool address_is_ours(const struct addr *addr)
{
	return address_set_has(ADDRESS_VIP, addr) || address_set_has(ADDRESS_LOCAL, addr);
}

/* A large ping is for Linux, whole or not. */
static bool fragment_is_icmp6(const struct pkt *p)
{
	return rte_pktmbuf_data_len(p->mbuf) >= p->l3 + p->l4 + 8u && *pkt_l4(p) == IPPROTO_ICMPV6;
}

/* No session wants it. */
static void balance_linux(struct pkt *p, const struct addr *destination)
{
	p->fate = FATE_PUNT;
	if (!addr_is_multicast(destination) && !destination_is_local(p))
		pkt_drop(p, DROP_not_for_us);
	else if (!address_is_ours(destination))
		return;
	else if (pkt_protocol(p) == IPPROTO_SCTP)
		pkt_drop(p, DROP_ipv4_fragment);
	else if (pkt_protocol(p) == IPPROTO_FRAGMENT && !fragment_is_icmp6(p))
		pkt_drop(p, DROP_ipv6_fragment);
}

/* TCP or UDP that no service wants. */
static void balance_no_service(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	struct addr destination = pkt_destination(p);

	if (pkt_zone(p))
		pkt_drop(p, DROP_vpc_no_service);
	else if (bfd_is_packet(p) && destination_is_local(p) && bfd_take(w, b, at))
		return;
	else if (address_set_has(ADDRESS_LOCAL, &destination))
		pkt_drop(p, DROP_local_no_session);
	else if (!w->punt_unknown && address_set_has(ADDRESS_VIP, &destination))
		pkt_drop(p, DROP_vip_no_service);
	else if (destination_is_local(p))
		p->fate = tunnelled_take(w, p) ? p->fate : FATE_PUNT;
	else if (matches_is_undecided(p))
		pkt_drop(p, DROP_neighbour_unresolved);
	else
		pkt_drop(p, DROP_not_for_us);
}

/* Only a request begins anything; what no match of SNAT takes is for Linux, as without SNAT. */
static bool echo_is_for_linux(const struct pkt *p, const struct service *service)
{
	uint8_t request = p->flags & PKT_IPV6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;

	return pkt_is_echo(p) && (!service || *pkt_l4(p) != request);
}

void balance_first(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	const struct service *service;
	struct addr destination;

	if (p->flags & PKT_FROM_KERNEL) {
		balance_kernel(w, b, at);
		return;
	}
	if (source_is_wrong(p)) {
		pkt_drop(p, p->flags & PKT_IPV6 ? DROP_ipv6_source : DROP_ipv4_source);
		return;
	}
	if (unlikely(pkt_zone(p)) && !vpc_first(w, b, at))
		return;
	service = service_classify(&w->balancer, p);
	if (echo_is_for_linux(p, service)) {
		destination = pkt_destination(p);
		balance_linux(p, &destination);
		return;
	}
	if (!service) {
		balance_no_service(w, b, at);
		return;
	}
	if (unlikely(p->flags & PKT_HANDED) && limit_answers(w, b, at, service))
		return;
	if (!guard_admits(w, b, at, service))
		return;
	if (unlikely(service->syn_proxy.mode) && pkt_protocol(p) == IPPROTO_TCP &&
	    syn_proxy_is_wanted(w, p, service)) {
		balance_syn_proxy(w, b, at, service);
		return;
	}
	if (pkt_protocol(p) == IPPROTO_TCP && (p->tcp_flags & (TCP_EVENTS | TCP_ACK)) != TCP_SYN) {
		if (service->by_hash)
			balance_service(w, b, at, service, service->by_hash, NULL);
		else if (service->unknown_tcp == UNKNOWN_RESET)
			answer_reset(w, b, at);
		else
			pkt_drop(p, DROP_tcp_not_syn);
		return;
	}
	if (pkt_protocol(p) == IPPROTO_SCTP && p->tcp_flags != SCTP_INIT) {
		// No ABORT in answer: it may come by another path of an association that lives.
		pkt_drop(p, DROP_sctp_not_init);
		return;
	}
	balance_service(w, b, at, service, service, NULL);
}

/* ICMP that quotes nothing of a session, ARP, neighbour discovery, routing protocols, fragments. */
static void balance_local(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	struct addr destination;

	p->fate = FATE_PUNT;
	if ((p->flags & PKT_MULTICAST) || p->l4 == 0)
		return; // for every station, or not IP at all: Linux knows
	if (pkt_is_echo(p) && tunnel_error_take(w, b, at))
		return;
	destination = pkt_destination(p);
	if (tunnelled_take(w, p))
		return;
	if (reassembly_wants(p) && (address_is_ours(&destination) || !destination_is_local(p)) &&
	    reassembly_take(w, b, at))
		return;
	balance_linux(p, &destination);
}

static uint32_t find_one(const struct worker *w, const struct pkt *p)
{
	return p->flags & PKT_IPV6 ? table_find6(&w->table, &p->key6, p->hash)
				   : table_find4(&w->table, &p->key4, p->hash);
}

static void balance_miss(struct worker *w, struct batch *b, unsigned int at)
{
	struct pkt *p = &b->pkt[at];
	unsigned int owner;

	if (unlikely(p->flags & PKT_ICMP_ERROR) && pkt_zone(p) == 0 && tunnel_error_take(w, b, at))
		return;
	owner = owner_of(w, p);
	if (owner != w->index && !(p->flags & PKT_HANDED)) {
		p->fate = FATE_HAND;
		b->owner[at] = owner;
		b->hand[at] = hand_pack(p);
		return;
	}
	if (w->made)
		p->session = find_one(w, p);
	if (p->session == 0) {
		if (p->flags & PKT_ICMP_ERROR) {
			if (pkt_zone(p) == 0 && destination_is_local(p))
				p->fate = FATE_PUNT;
			else
				pkt_drop(p, DROP_icmp_error_no_session);
		} else {
			balance_first(w, b, at);
		}
	}
	if (p->session)
		lane_add(&b->known, at);
}

void balance(struct worker *w, struct batch *b)
{
	service_classify_begin(&w->balancer);
	guard_batch(w, b);
	for (unsigned int i = 0; i < b->miss.count; i++)
		balance_miss(w, b, b->miss.at[i]);
	for (unsigned int i = 0; i < b->local.count; i++)
		balance_local(w, b, b->local.at[i]);
	for (unsigned int i = 0; i < b->zone.count; i++)
		vpc_local(w, b, b->zone.at[i]);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Client address: a real server behind FullNAT sees a local address of the director. The TCP option
 * address (session/toa.c) tells it who the client is, on every segment from the third ACK of the
 * handshake until the client acknowledges something that the server has sent, or the server
 * something of the client's: by then the server has seen one of them, whichever were lost.
 *
 * While that lasts the session has an extra line, which says the size of the option and the
 * sequence number of the server's first byte; afterwards the session is like any other. The
 * SYN-ACK's MSS leaves room for the option; a segment that is too large all the same goes without,
 * and so does a session for which there is no extra line: a connection is worth more than its
 * address.
 *
 * A datagram of UDP carries the address in a form of its own (session/uoa.c), the first few that
 * have room for it: nobody acknowledges any. Options of that kind which a client has written are
 * taken out as long as the session lives; a header of that kind from a client does not get through.
 * The address is put in after the rewrite where the IP header is exchanged for one of the other
 * family, and before it otherwise.
 */
#include "path/client_address.h"

#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "session/l4_tcp.h"
#include "session/segment.h"
#include "session/toa.h"
#include "session/uoa.h"

enum { TCP_HEADER_MAX = 60 };

/* The number behind a SYN and what it carries: none of that has told anybody anything. */
static uint32_t client_begin(const struct pkt *p)
{
	const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)pkt_l4(p);

	return rte_be_to_cpu_32(tcp->sent_seq) + 1 +
	       segment_payload(pkt_l3(p), pkt_l4(p), p->flags & PKT_IPV6);
}

void client_address_begin(struct worker *w, const struct service *service, const struct pkt *p,
			  struct session *s)
{
	struct session_extra *extra;

	uint8_t protocol = pkt_protocol(p);
	bool wanted = protocol == IPPROTO_TCP
			      ? service->client_address == CLIENT_ADDRESS_TOA &&
					(p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN
			      : protocol == IPPROTO_UDP &&
					service->client_address >= CLIENT_ADDRESS_UOA_OPTION &&
					service->uoa_max_trail > 0;

	if (!wanted || service->proxy_protocol)
		return;
	extra = s->flags & SESSION_EXTRA ? table_extra(&w->table, s)
					 : table_extra_allocate(&w->table, s);
	if (!extra) {
		w->stats.untold_sessions++;
		return;
	}
	if (protocol == IPPROTO_UDP) {
		extra->uoa = service->uoa_max_trail + 1;
		extra->uoa_header = service->client_address == CLIENT_ADDRESS_UOA_HEADER;
		return;
	}
	extra->server_first = 0;
	extra->client_first = client_begin(p);
	extra->toa = p->flags & PKT_IPV6 ? TOA_LENGTH6 : TOA_LENGTH4;
}

void client_address_release(struct worker *w, struct session *s, const struct session_extra *extra)
{
	if (session_extra_is_idle(extra))
		table_extra_free(&w->table, s);
}

/* The option is over; so is the extra line when it was there for nothing else. */
static void told(struct worker *w, struct session *s, struct session_extra *extra)
{
	extra->toa = 0;
	client_address_release(w, s, extra);
}

static void tell(struct worker *w, struct pkt *p, struct session *s, unsigned int room)
{
	bool wide = p->session & ENTRY_WIDE, ipv6 = p->flags & PKT_IPV6;
	const struct key4 *k4 = session_key(s, wide, 0);
	const struct key6 *k6 = session_key(s, wide, 0);
	struct toa toa;

	if (ipv6)
		toa_make(&toa, true, k6->source, k6->source_port);
	else
		toa_make(&toa, false, &k4->source, k4->source_port);
	// A piece of a packet has no room. What is not told must not be told by somebody else.
	if (room > 0 && toa_insert(p->mbuf, p->l3, p->l4 + p->l3, ipv6, &toa, room) == 0)
		return;
	toa_erase(pkt_l4(p), TCP_HEADER_MAX);
	w->stats.untold++;
	table_extra(&w->table, s)->untold = true;
}

/*
 * From the server. What it acknowledges of the client's bytes has come in segments that carried the
 * option, as all of them did.
 */
static void heard(struct worker *w, const struct pkt *p, struct session *s,
		  struct session_extra *extra)
{
	const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)pkt_l4(p);

	if (!(p->tcp_flags & TCP_ACK) || (p->tcp_flags & TCP_RST))
		return;
	if (p->tcp_flags & TCP_SYN)
		extra->server_first = rte_be_to_cpu_32(tcp->sent_seq) + 1;
	else if (!extra->untold &&
		 (int32_t)(rte_be_to_cpu_32(tcp->recv_ack) - extra->client_first) > 0)
		told(w, s, extra);
}

void client_address_forward(struct worker *w, struct pkt *p, struct session *s,
			    unsigned int direction, unsigned int room)
{
	struct session_extra *extra = table_extra(&w->table, s);
	const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)pkt_l4(p);

	if (direction == 1) {
		heard(w, p, s, extra);
		return;
	}
	if (p->tcp_flags & TCP_SYN) {
		if (s->state == STATE_SYN_RECV)
			extra->client_first = client_begin(p) - extra->sequence_shift;
		toa_erase(pkt_l4(p), TCP_HEADER_MAX);
	} else if (p->tcp_flags & TCP_RST || !(p->tcp_flags & TCP_ACK)) {
		return;
	} else if (rte_be_to_cpu_32(tcp->recv_ack) == extra->server_first) {
		tell(w, p, s, room);
	} else {
		told(w, s, extra);
	}
}

void client_address_datagram(struct worker *w, struct pkt *p, struct session *s, unsigned int room)
{
	struct session_extra *extra = table_extra(&w->table, s);
	bool wide = p->session & ENTRY_WIDE, ipv6 = session_key_is_ipv6(s, wide, 0);
	const struct key4 *k4 = session_key(s, wide, 0);
	const struct key6 *k6 = session_key(s, wide, 0);
	struct toa toa;

	if (!(p->flags & PKT_IPV6) && p->l4 > sizeof(struct rte_ipv4_hdr))
		uoa_erase(pkt_l3(p), p->l4);
	if (extra->uoa == 1)
		return;
	if (ipv6)
		toa_make(&toa, true, k6->source, k6->source_port);
	else
		toa_make(&toa, false, &k4->source, k4->source_port);
	if ((p->flags & PKT_LOCAL) || uoa_insert(p->mbuf, p->l3, &p->l4, p->flags & PKT_IPV6, &toa,
						 extra->uoa_header, room) < 0) {
		w->stats.untold++;
		return;
	}
	if (--extra->uoa == 1 && extra->uoa_header) {
		extra->uoa = 0;
		client_address_release(w, s, extra);
	}
}

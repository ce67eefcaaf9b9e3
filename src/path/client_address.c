/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Client address: a real server behind FullNAT sees a local address of the director. The TCP option
 * address (session/toa.c) tells it who the client is, on every segment from the third ACK of the
 * handshake until the client acknowledges something that the server has sent: by then the server
 * has seen one of them, whichever were lost.
 *
 * While that lasts the session has an extra line, which says the size of the option and the sequence
 * number of the server's first byte; afterwards the session is like any other. The SYN-ACK's MSS
 * leaves room for the option; a segment that is too large all the same goes without, and so does a
 * session for which there is no extra line: a connection is worth more than its address.
 */
#include "path/client_address.h"

#include <rte_byteorder.h>
#include <rte_tcp.h>

#include "session/l4_tcp.h"
#include "session/toa.h"

enum { TCP_HEADER_MAX = 60 };

void client_address_begin(struct worker *w, const struct service *service, const struct pkt *p,
			  struct session *s)
{
	struct session_extra *extra;

	if (service->client_address == CLIENT_ADDRESS_NONE || service->proxy_protocol ||
	    (p->tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		return;
	extra = s->flags & SESSION_EXTRA ? table_extra(&w->table, s)
					 : table_extra_allocate(&w->table, s);
	if (!extra)
		return;
	extra->server_first = 0;
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
}

void client_address_forward(struct worker *w, struct pkt *p, struct session *s,
			    unsigned int direction, unsigned int room)
{
	struct session_extra *extra = table_extra(&w->table, s);
	const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)pkt_l4(p);

	if (direction == 1) {
		if ((p->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
			extra->server_first = rte_be_to_cpu_32(tcp->sent_seq) + 1;
		return;
	}
	if (p->tcp_flags & TCP_SYN)
		toa_erase(pkt_l4(p), TCP_HEADER_MAX);
	else if (p->tcp_flags & TCP_RST || !(p->tcp_flags & TCP_ACK))
		return;
	else if (rte_be_to_cpu_32(tcp->recv_ack) == extra->server_first)
		tell(w, p, s, room);
	else
		told(w, s, extra);
}

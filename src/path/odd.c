/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What few sessions need of forward(): answers that go back to the neighbour that the client came
 * by (symmetric return), and the end of sessions whose server is gone. Neither costs the others
 * anything: both are found out where a session has no ordinary next hop.
 *
 * A server that is gone leads nowhere (server_set_gone()), and its sessions look again for the way
 * to their clients; the next packet of either side ends the session as its service wants it. Those
 * that are silent the sweep ends. A reset has to carry the right sequence number, which nobody here
 * knows: the client of a TCP session that is to be reset is asked for it with a segment out of its
 * window, which it answers with an ACK (RFC 9293, 3.10.7.4), and that is such a next packet.
 */
#include "path/odd.h"

#include <string.h>

#include <rte_ether.h>

#include "balance/server.h"
#include "net/nexthop.h"
#include "path/answer.h"
#include "path/forward.h"
#include "path/limit.h"
#include "path/room.h"
#include "path/vpc.h"
#include "session/l4_tcp.h"
#include "session/translate.h"

bool odd_symmetric_allowed(struct worker *w, struct batch *b, unsigned int at, struct session *s,
			   unsigned int length)
{
	const struct iface *iface = iface_get(table_extra(&w->table, s)->client_iface);
	struct pkt *p = &b->pkt[at];
	unsigned int mtu;

	if (!iface) {
		s->epoch = w->epoch - 1; // taken away: by the routes from now on
		pkt_drop(p, DROP_iface_down);
		return false;
	}
	mtu = iface->mtu;
	if ((s->form & FORM_KIND) == FORM_FAMILY) // it is of the server's family yet
		mtu = p->flags & PKT_IPV6 ? translate_mtu_to6(mtu) : translate_mtu_to4(mtu);
	if (length > mtu) {
		answer_too_big(w, b, at, mtu);
		return false;
	}
	return true;
}

/* Back to the neighbour that the client came by: its Ethernet header is written here. */
void odd_symmetric(struct worker *w, struct pkt *p, const struct session *s)
{
	const struct session_extra *extra = table_extra(&w->table, s);
	const struct iface *iface = iface_get(extra->client_iface);
	struct rte_ether_hdr *ether;

	if (!iface) {
		pkt_drop(p, DROP_iface_down);
		return;
	}
	p->mbuf->data_off += p->l3 - sizeof(*ether);
	p->mbuf->data_len -= p->l3 - sizeof(*ether);
	p->mbuf->pkt_len -= p->l3 - sizeof(*ether);
	p->l3 = sizeof(*ether);
	ether = rte_pktmbuf_mtod(p->mbuf, struct rte_ether_hdr *);
	memcpy(&ether->dst_addr, extra->client_mac, sizeof(ether->dst_addr));
	ether->src_addr = iface->mac;
	ether->ether_type = p->flags & PKT_IPV6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6)
						: RTE_BE16(RTE_ETHER_TYPE_IPV4);
	p->iface = extra->client_iface;
	p->fate = FATE_BARE;
}

enum {
	PROBE_SECONDS = 4, // for an answer to come
	PROBE_STALE = 8,   // it was asked when its server was gone before
};

static uint8_t session_protocol(struct session *s, bool wide)
{
	const struct key4 *k4 = session_key(s, wide, 0);
	const struct key6 *k6 = session_key(s, wide, 0);

	return session_key_is_ipv6(s, wide, 0) ? k6->zone_protocol : k4->zone_protocol;
}

bool odd_gone_is_over(struct worker *w, struct session *s, bool wide)
{
	uint16_t age = w->batch.seconds - s->stamp;

	if (server_table[s->server].gone != REMOVED_RESET ||
	    session_protocol(s, wide) != IPPROTO_TCP || tcp_state_is_over(s->state))
		return true;
	if ((s->form & FORM_PROBED) && age < PROBE_STALE)
		return age >= PROBE_SECONDS;
	if (answer_probe(w, s, wide)) {
		s->form |= FORM_PROBED;
		s->stamp = w->batch.seconds;
	}
	return false;
}

/* The server is gone: end the session as the service wants it. */
bool odd_gone(struct worker *w, struct batch *b, unsigned int at, struct session *s,
	      unsigned int direction)
{
	struct pkt *p = &b->pkt[at];
	bool reset = server_table[s->server].gone == REMOVED_RESET;
	uint32_t entry = p->session & ~ENTRY_REVERSE;

	if (!reset && (direction == 1 || (p->flags & PKT_NEW))) {
		pkt_drop(p, DROP_server_gone); // the client's next packet chooses
		return false;
	}
	if (reset && pkt_protocol(p) == IPPROTO_TCP)
		answer_reset_other(w, b, p, s, direction);
	w->stats.gone_ended++;
	session_end(w, entry);
	p->session = 0;
	if (!reset) {
		balance_first(w, b, at);
	} else if (p->tcp_flags & TCP_RST) {
		pkt_drop(p, DROP_server_gone);
	} else if (pkt_protocol(p) == IPPROTO_TCP) {
		answer_reset(w, b, at);
	} else {
		answer_unreachable(w, b, at);
	}
	return p->session != 0;
}

enum odd odd_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s,
		     unsigned int direction)
{
	if ((s->flags & SESSION_EXTRA) && !limit_forward(w, b, at, s))
		return ODD_DONE;
	if (s->flags & SESSION_VPC)
		return vpc_forward(w, b, at, s, direction) ? ODD_AGAIN : ODD_DONE;
	if (!(s->flags & SESSION_LOCAL))
		return ODD_NOT;
	if (s->form & FORM_LENT)
		lend_forward(w, b, at, s);
	else
		forward_local(w, b, &b->pkt[at], s, direction);
	return ODD_DONE;
}

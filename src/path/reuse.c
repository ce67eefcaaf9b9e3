/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Reuse: a client begins a connection on a port whose last session is over and still there.
 *
 * A SYN (or INIT) ends that session and is the first packet of a new one. Where the SYN proxy
 * answers SYNs, anybody could have sent it: the cookie is sent and the session stays, and only who
 * acknowledges the cookie ends it. In which states that may be, the service says
 * (conn_reuse_state); in any other the packet is for the real server of the session.
 *
 * The ACK that began this session, or a copy of what came with it, proves nothing new: a session of
 * the SYN proxy knows its own cookie.
 */
#include "path/reuse.h"

#include <netinet/in.h>

#include "balance/classify.h"
#include "path/syn_proxy.h"
#include "session/l4_sctp.h"
#include "session/l4_tcp.h"

_Static_assert(SYN_PROXY_REUSE_STATES == STATE_CLOSE - STATE_FIN_WAIT + 1, "one for each state");

/* May it be reused with the SYN proxy, in the state in which it is? */
static bool may_be_reused(const struct service *service, const struct session *s)
{
	return service->syn_proxy.reuse[s->state - STATE_FIN_WAIT];
}

/* Is it the cookie that this session began with? */
static bool is_own_cookie(struct worker *w, const struct session *s, const struct syn_proof *proof)
{
	const struct session_extra *extra;

	if (!(s->flags & SESSION_EXTRA))
		return false;
	extra = table_extra(&w->table, s);
	return extra->spliced && extra->server_first + extra->server_shift == proof->cookie + 1;
}

/* No SYN: does it acknowledge another cookie? */
static enum reuse judge_ack(struct worker *w, const struct pkt *p, const struct session *s)
{
	const struct service *service;
	struct syn_proof proof;

	if ((p->tcp_flags & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_ACK ||
	    !tcp_state_is_over(s->state) || (p->flags & (PKT_FROM_KERNEL | PKT_LOCAL)))
		return REUSE_NOT;
	service = service_classify_again(&w->balancer, p);
	if (!service || !service->syn_proxy.mode || !may_be_reused(service, s) ||
	    !syn_proxy_proves(p, &proof) || is_own_cookie(w, s, &proof))
		return REUSE_NOT;
	return REUSE_ENDS;
}

enum reuse reuse_judge(struct worker *w, const struct pkt *p, struct session *s)
{
	const struct service *service;

	if (!tcp_state_is_over(s->state) && !sctp_state_is_over(s->state))
		return REUSE_NOT;
	if ((p->session & ENTRY_REVERSE) || (p->flags & (PKT_NEW | PKT_ICMP_ERROR)))
		return REUSE_NOT;
	if ((p->tcp_flags & (TCP_EVENTS | TCP_ACK)) != TCP_SYN)
		return judge_ack(w, p, s);
	if (pkt_protocol(p) != IPPROTO_TCP || (p->flags & PKT_FROM_KERNEL))
		return REUSE_ENDS;
	service = service_classify_again(&w->balancer, p);
	if (!service || !service->syn_proxy.mode || !syn_proxy_is_wanted(w, p, service))
		return REUSE_ENDS;
	return may_be_reused(service, s) ? REUSE_ASKS : REUSE_NOT;
}

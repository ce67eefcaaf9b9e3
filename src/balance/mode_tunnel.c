/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Tunnel: the packet goes to the server inside another one, by whatever way leads there. The
 * server takes the outer header off, finds its own VIP inside, and answers the client by itself.
 * What the outer header is was decided when the server was published (tunnel/template.c).
 *
 * The other direction's key is the turned one of the client's: the server's address may be of the
 * other family and has no room in it. No packet is looked up by it.
 */
#include "balance/mode.h"

static enum drop tunnel_bind(struct balancer *b, const struct service *service,
			     const struct server *server, const struct pkt *p, struct session *s)
{
	s->form = FORM_TUNNEL;
	if (p->flags & PKT_IPV6)
		*session_key6(s, 1) = key6_turn(&p->key6);
	else
		s->key4[1] = key4_turn(&p->key4);
	return DROP_none;
}

const struct mode mode_tunnel = {.name = "tunnel", .one_way = true, .bind = tunnel_bind};

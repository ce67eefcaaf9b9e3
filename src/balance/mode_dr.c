/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Direct routing: the packet goes to the server as it is, in a frame for the server's MAC. The
 * server has the VIP too, where it does not answer ARP for it, and answers the client by itself.
 *
 * The other direction's key is what an answer would be if it came through here. No packet is looked
 * up by it: it tells listings who the server is, and forwarding which next hop is the right one.
 */
#include <string.h>

#include "balance/mode.h"
#include "balance/server.h"

static enum drop dr_bind(struct balancer *b, const struct service *service,
			 const struct server *server, const struct pkt *p, struct session *s)
{
	s->form = FORM_DIRECT;
	if (p->flags & PKT_IPV6) {
		struct key6 *key = session_key6(s, 1);

		*key = key6_turn(&p->key6);
		memcpy(key->source, server->addr.bytes, 16);
	} else {
		s->key4[1] = key4_turn(&p->key4);
		s->key4[1].source = server->addr.v4;
	}
	return DROP_none;
}

const struct mode mode_dr = {.name = "dr", .one_way = true, .bind = dr_bind};

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "balance/service_data.h"
#include "path/worker.h"

/*
 * A session of a service that speaks the PROXY protocol to its real servers is being made by this
 * packet. False: it was dropped, because a server must not be left to believe what a client says.
 */
bool proxy_protocol_begin(struct worker *w, const struct service *service, struct pkt *p,
			  struct session *s);

/*
 * By how many bytes the client's stream is behind the server's until the server has the header:
 * what is taken off the sequence number of its SYN. 0: by none. Worker.
 */
static inline unsigned int proxy_protocol_length(const struct table *t, const struct session *s)
{
	const struct session_extra *extra = s->flags & SESSION_EXTRA ? table_extra(t, s) : NULL;

	return extra && extra->proxy.kind ? extra->proxy.length : 0;
}

/*
 * A packet of a session with session_extra.proxy.kind, with the client's own sequence numbers: from
 * the client before they are shifted, from the server after. Its headers may move, and it may grow
 * by `room`. False: its fate is settled.
 */
bool proxy_protocol_from_client(struct worker *w, struct batch *b, struct pkt *p, struct session *s,
				struct session_extra *extra, unsigned int room);
void proxy_protocol_from_server(struct worker *w, struct pkt *p, struct session *s,
				struct session_extra *extra);

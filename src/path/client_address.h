/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "balance/service_data.h"
#include "path/worker.h"

/* A session of a service that tells its real servers the client's address was made. */
void client_address_begin(struct worker *w, const struct service *service, const struct pkt *p,
			  struct session *s);

/*
 * A packet of a session whose server is still being told (session_extra.toa is not 0), before it is
 * rewritten. `room`: by how many bytes it may grow. Its headers may move: pkt_l3() tells where to.
 */
void client_address_forward(struct worker *w, struct pkt *p, struct session *s,
			    unsigned int direction, unsigned int room);

/*
 * A datagram of a client whose server is still being told (session_extra.uoa is not 0), as the
 * family that it leaves in. pkt.l4 follows its transport header.
 */
void client_address_datagram(struct worker *w, struct pkt *p, struct session *s, unsigned int room);

/* Something that the extra line was there for is over: free it when that was the last. */
void client_address_release(struct worker *w, struct session *s, const struct session_extra *extra);

/* How much shorter the client's segments have to be, so that the option has room. */
static inline unsigned int client_address_size(const struct table *t, const struct session *s)
{
	return s->flags & SESSION_EXTRA ? table_extra(t, s)->toa : 0;
}

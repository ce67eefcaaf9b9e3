/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "path/worker.h"

/* DR and Tunnel: servers that answer clients by themselves; see one_way.c. */

/* A packet of a session of DR or Tunnel, and an ICMP error about an answer to one. */
void one_way_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s,
		     uint16_t nexthop, unsigned int length);
void one_way_icmp_error(struct worker *w, struct batch *b, unsigned int at, struct session *s);
/* To a server that its service's hash has chosen; false: its mode needs a session. */
bool one_way_without_session(struct worker *w, struct batch *b, unsigned int at, uint32_t server);

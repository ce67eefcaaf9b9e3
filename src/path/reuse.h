/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "path/worker.h"

/* What becomes of a session that is over when a packet of its client may begin another one. */
enum reuse {
	REUSE_NOT,  // nothing: the packet belongs to it
	REUSE_ASKS, // it stays until the client has proved its address; the packet has no session
	REUSE_ENDS, // it ends, and the packet is the first of a new one
};

enum reuse reuse_judge(struct worker *w, const struct pkt *p, struct session *s);

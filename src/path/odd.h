/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "path/worker.h"

/* A packet with NEXTHOP_SYMMETRIC: may it leave by that interface? False: its fate is settled. */
bool odd_symmetric_allowed(struct worker *w, struct batch *b, unsigned int at, struct session *s,
			   unsigned int length);
/* Write the Ethernet header that leads back to where the client came from. */
void odd_symmetric(struct worker *w, struct pkt *p, const struct session *s);
/* A packet of a session whose server is gone. True: it has a new session and is to be forwarded. */
bool odd_gone(struct worker *w, struct batch *b, unsigned int at, struct session *s,
	      unsigned int direction);

/*
 * A packet of a session that a worker's own flags make special: one whose packets are limited, one
 * of a VM, one of Linux. ODD_DONE: its fate is settled; ODD_AGAIN: it has a new session; ODD_NOT: go
 * on as with any.
 */
enum odd { ODD_NOT, ODD_DONE, ODD_AGAIN };
enum odd odd_forward(struct worker *w, struct batch *b, unsigned int at, struct session *s,
		     unsigned int direction);

/* The sweep meets such a session; true: it ends now. */
bool odd_gone_is_over(struct worker *w, struct session *s, bool wide);

/*
 * answer.c: ask the client of a TCP session where it is in the stream, with a segment that it cannot
 * take for anything else; false: not now.
 */
bool answer_probe(struct worker *w, struct session *s, bool wide);
/* answer.c: turn a packet into the answer that its port cannot be reached. */
void answer_unreachable(struct worker *w, struct batch *b, unsigned int at);
/* answer.c: a reset towards the end of the session that this packet would have gone to. */
void answer_reset_other(struct worker *w, struct batch *b, const struct pkt *p, struct session *s,
			unsigned int direction);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "path/worker.h"

/* The largest packet that goes on from this direction, as it leaves; 0: not known. */
unsigned int mss_mtu(struct worker *w, struct pkt *p, struct session *s, unsigned int direction);

/* Lower the MSS of a SYN or SYN-ACK of a session in both directions. */
void mss_clamp(struct worker *w, struct pkt *p, struct session *s);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "path/worker.h"

/* Lower the MSS of a SYN or SYN-ACK of a session in both directions. */
void mss_clamp(struct worker *w, struct pkt *p, struct session *s);

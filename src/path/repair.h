/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "path/worker.h"

/*
 * Complete a transport checksum of `length` bytes: with the sum of the pseudo-header, and of SCTP.
 */
void repair_checksum(struct worker *w, struct pkt *p, uint64_t pseudo, unsigned int length);
void repair_sctp(struct worker *w, struct pkt *p, unsigned int length);
/* Bring all headers into the first segment, as far as they fit. */
void repair_gather(struct rte_mbuf *m);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "path/worker.h"

/* answer.c: turn a packet into an answer to its sender, or say why not. Fills in fate. */
void answer_reset(struct worker *w, struct batch *b, unsigned int at);
/* ... to what a limit or the SYN proxy refuses, counted as `reason`: by a reset, by an ICMP error. */
void answer_reset_as(struct worker *w, struct batch *b, unsigned int at, enum drop reason);
void answer_prohibited(struct worker *w, struct batch *b, unsigned int at, enum drop reason);
void answer_too_big(struct worker *w, struct batch *b, unsigned int at, uint16_t mtu);
/* ... counted as `reason`, also where the sender forbids no fragments and can not be told. */
void answer_too_big_as(struct worker *w, struct batch *b, unsigned int at, uint16_t mtu,
		       enum drop reason);
/* Make the frame end behind `length` bytes, which are in its first piece. */
void answer_trim(struct rte_mbuf *m, unsigned int length);
/* Of a packet that is in no batch: it becomes the error, nothing else; false: too many of late. */
bool answer_make_too_big(struct worker *w, struct pkt *p, uint16_t mtu);
void answer_ttl_exceeded(struct worker *w, struct batch *b, unsigned int at);
/* Whom the packet is for cannot be reached; `reason` is what is counted. */
void answer_host_unreachable(struct worker *w, struct batch *b, unsigned int at, enum drop reason);

/*
 * tunnel_error.c: an ICMP error about what was sent through a tunnel. False: it is about something
 * else. Else its fate is settled.
 */
bool tunnel_error_take(struct worker *w, struct batch *b, unsigned int at);

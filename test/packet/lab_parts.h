/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "lab.h"

/* What the files of the lab share. */
struct rte_mbuf;

/* lab_catch.c: what leaves and what is punted is kept, to be compared with what is expected. */
void lab_catch_begin(void);
uint16_t lab_catch_sent(uint16_t port, uint16_t queue, struct rte_mbuf *packets[], uint16_t count,
			void *arg);
bool lab_catch_punted(uint16_t iface, enum punt_class class, struct rte_mbuf *m);
/* The frame of a packet that is put, and the interface where it arrives. */
unsigned int lab_frame_in(const struct packet *p, uint8_t *frame, unsigned int *iface);

/* lab_service.c */
void lab_withdraw_all(void);

/* lab_check.c: call `visit` with each session of a worker; counters of packets alone. */
void lab_sessions_visit(struct worker *w, void (*visit)(struct worker *w, uint32_t entry));
void lab_flow_check(struct worker *w);

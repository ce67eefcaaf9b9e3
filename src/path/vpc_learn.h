/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "path/worker.h"

/*
 * The table does not have the VM that a packet comes from (`number` 0, or without a host), or knows it
 * elsewhere. It waits until it is learned, or is dropped, for `reason` where nothing is learned.
 */
void vpc_learn(struct worker *w, struct pkt *p, uint32_t number, enum drop reason);
/* Into the batch, packets whose VM has been learned meanwhile. Is there any? */
void vpc_learn_released(struct worker *w, struct batch *b);
bool vpc_learn_pending(const struct worker *w);

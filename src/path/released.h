/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "path/fragment.h"
#include "path/syn_proxy.h"
#include "path/tunnelled.h"
#include "path/vpc_learn.h"

/* What the worker itself has held or made goes into the batch first. */
static inline void released(struct worker *w, struct batch *b)
{
	if (unlikely(w->opened_count > 0))
		tunnelled_released(w, b);
	if (unlikely(w->frag.ready_count > 0))
		reassembly_released(w, b);
	if (unlikely(w->learner.waiting_count > 0))
		vpc_learn_released(w, b);
	if (unlikely(w->handshakes.ready != 0))
		syn_proxy_released(w, b);
}

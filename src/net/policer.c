/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/policer.h"

enum { POLICER_BURST_LEAST = 64, POLICER_BURST_PER_SECOND = 10 };

void policer_init(struct policer *p, uint32_t per_second, uint32_t burst, unsigned int share,
		  uint64_t hz)
{
	p->due = 0;
	p->cost = 0;
	p->depth = 0;
	if (per_second == 0)
		return;
	if (burst == 0) {
		burst = per_second / POLICER_BURST_PER_SECOND;
		if (burst < POLICER_BURST_LEAST)
			burst = POLICER_BURST_LEAST;
	}
	burst = (burst + share - 1) / share;
	p->cost = hz * share / per_second;
	p->depth = (burst - 1) * p->cost;
}

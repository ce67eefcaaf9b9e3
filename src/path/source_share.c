/* SPDX-License-Identifier: BSD-3-Clause */
#include "path/source_share.h"

#include <string.h>

#include "base/hash.h"

/* The cell of a packet's source in the window of now. */
static uint16_t *share_cell(struct source_share *s, const struct pkt *p, uint64_t tsc,
			    uint64_t window)
{
	uint64_t words[2] = {0, 0};

	if (tsc >= s->until) {
		memset(s->used, 0, sizeof(s->used));
		s->reserve_used = 0;
		s->windows++;
		s->until = tsc + window;
	}
	if (p->flags & PKT_IPV6)
		memcpy(&words[0], p->key6.source, 6);
	else
		memcpy(&words[0], &p->key4.source, 3);
	words[1] = s->windows | (uint64_t)(p->flags & PKT_IPV6) << 32;
	return &s->used[(uint64_t)hash_two(words) * SHARE_CELLS >> 32];
}

void source_share_count(struct source_share *s, const struct pkt *p, uint64_t tsc, uint64_t window)
{
	uint16_t *cell = share_cell(s, p, tsc, window);

	*cell += *cell < UINT16_MAX;
}

bool source_share_take(struct source_share *s, const struct pkt *p, uint64_t tsc, uint64_t window,
		       unsigned int few, unsigned int reserve)
{
	uint16_t *cell = share_cell(s, p, tsc, window);

	if (*cell >= few || s->reserve_used >= reserve)
		return false;
	(*cell)++;
	s->reserve_used++;
	return true;
}

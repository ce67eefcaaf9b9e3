/* SPDX-License-Identifier: BSD-3-Clause */

/* Lookup: sort the flow lane into packets of known sessions and packets of none. */
#include "path/worker.h"

void lookup(struct worker *w, struct batch *b)
{
	if (b->flow.count > 0)
		table_find_batch(&w->table, b);
}

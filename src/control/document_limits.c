/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/document_fields.h"

#include <errno.h>

/* As in LVS, the lower one is no use above the upper one, or without it. */
int document_check_thresholds(struct decode *d, const struct model_server *server)
{
	if (server->lower <= server->upper)
		return 0;
	decode_enter(d, ".lower_threshold");
	return decode_fail(d, -EINVAL, "must be at most the upper_threshold, which is %u",
			   server->upper);
}

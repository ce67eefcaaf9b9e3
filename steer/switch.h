/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "plan.h"

/*
 * The switch, by way of its tools ovs-vsctl and ovs-ofctl. All return 0 or a negative errno after
 * filling in `error`; seen_free() and plan_free() are the caller's in both cases.
 */
/* `openflow`: the group and the flows too, for which the switch itself must run. */
int switch_read(const struct setup *setup, bool openflow, struct seen *seen, struct error *error);
int switch_change(const struct setup *setup, const struct plan *plan, struct error *error);
/* Remove all that was made. */
int switch_remove(const struct setup *setup, bool *any, struct error *error);
/* How many packets each bucket had: the line of ovs-ofctl dump-group-stats; the caller frees. */
int switch_statistics(const struct setup *setup, char **line, struct error *error);

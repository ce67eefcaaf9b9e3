/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "plan.h"

/* What the switch has of what is wanted; `statistics`: the line of the group, NULL for none. */
json_t *show_make(const struct setup *setup, const struct seen *seen, const char *statistics);
void show_print(const json_t *shown);
/* What Open vSwitch says of a gateway: "up", "down", ..., "no port". */
const char *show_state(const struct seen *seen, const struct setup_gateway *gateway);

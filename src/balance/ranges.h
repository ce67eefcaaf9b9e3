/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "balance/service_data.h"

/*
 * Services on ranges of ports, by address and protocol. Control: enter or replace (`s` NULL: take
 * out) the service with this key. -EEXIST when its range overlaps another one's, which is written
 * to `other`; -ENOMEM, -ENOSPC. A worker may see the old one until a grace period is over.
 */
int ranges_put(const struct service_key *key, const struct service *s, struct service_key *other);

int ranges_start(void);
void ranges_stop(void);

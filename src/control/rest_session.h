/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "control/rest.h"

/*
 * The parameter `service` as paths have it ("tcp/10.0.0.100/80", "fwmark/ipv4/5"): the number of the
 * service. Left out: `*number` is 0. -EINVAL, -ENOENT.
 */
int request_service_number(const struct request *request, uint32_t *number, struct error *error);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "base/error.h"
#include "control/config.h"

/*
 * The IPVS door: the generic netlink of the kernel's IPVS on a unix socket, for stock ipvsadm and
 * keepalived with shim/libweir-ipvs.so.
 */
int ipvs_door_start(const struct config *config, struct error *error);
void ipvs_door_stop(void);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * The addresses that mean something to the balancer: VIPs and local addresses, each counted by how
 * many services name it. Control adds and removes; workers ask, without a lock.
 */
enum address_role { ADDRESS_VIP, ADDRESS_LOCAL, ADDRESS_ROLES };

int address_set_start(void);
void address_set_stop(void);
int address_set_add(enum address_role role, const struct addr *addr); // 0 or -ENOSPC
void address_set_remove(enum address_role role, const struct addr *addr);
bool address_set_has(enum address_role role, const struct addr *addr);

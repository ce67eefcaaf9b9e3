/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/error.h"
#include "control/model.h"

struct config_address; // control/config.h

/*
 * Addresses that weir puts on TAPs: local addresses, which services and the pool share and which
 * are counted, and the addresses of the file's ports. What was there before stays there when the
 * last user is gone.
 */

/*
 * Use a local address on its interface, and no longer; of `local` only the address, the interface
 * and `unclaimed` count, and a release must be of what was taken. -ENODEV: there is no such
 * interface; -EEXIST: it is in use on another one; or what Linux said.
 */
int claim_take(const struct model_local *local, struct error *error);
void claim_release(const struct model_local *local);
/* May packets leave with this address, which is in use? Not while Linux has not got it. */
bool claim_usable(const struct addr *addr);
/*
 * Look whether unclaimed addresses have come to Linux or gone. True: some have, and for these
 * claim_changed() is true until claim_settle().
 */
bool claim_follow(void);
bool claim_changed(const struct addr *addr);
void claim_settle(void);
/* The interface's index of an address that is in use, 0 when it is not. */
uint16_t claim_iface(const struct addr *addr);
/* An address that is in use on this interface, or NULL. */
const struct addr *claim_on_iface(uint16_t iface);
unsigned int claim_count(void);
/* Forget everything; Linux is left as it is. */
void claim_stop(void);

/* Make the file's addresses be on the TAPs: add `wanted`, take away what is only in `had`. */
int claim_port_addresses(const struct config_address *had, unsigned int had_count,
			 const struct config_address *wanted, unsigned int wanted_count,
			 struct error *error);

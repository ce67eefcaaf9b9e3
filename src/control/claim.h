/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

#include "base/addr.h"
#include "base/error.h"

struct config_address; // control/config.h

/*
 * Addresses that weir puts on TAPs: local addresses, which services and the pool share and which
 * are counted, and the addresses of the file's ports. What was there before stays there when the
 * last user is gone.
 */

/*
 * Use an address on an interface. -ENODEV: there is no such interface; -EEXIST: it is in use on
 * another one; or what Linux said. `*iface` (may be NULL) becomes the interface's index.
 */
int claim_take(const struct addr *addr, const char *iface, uint16_t *index, struct error *error);
void claim_release(const struct addr *addr);
/* The interface's index of an address that is in use, 0 when it is not. */
uint16_t claim_iface(const struct addr *addr);
unsigned int claim_count(void);
/* Forget everything; Linux is left as it is. */
void claim_stop(void);

/* Make the file's addresses be on the TAPs: add `wanted`, take away what is only in `had`. */
int claim_port_addresses(const struct config_address *had, unsigned int had_count,
			 const struct config_address *wanted, unsigned int wanted_count,
			 struct error *error);

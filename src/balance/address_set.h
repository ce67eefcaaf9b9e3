/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * The addresses that mean something to the balancer: VIPs, local addresses and ends of tunnels, each
 * counted by how many services name it. Control adds and removes; workers ask, without a lock.
 */
enum address_role {
	ADDRESS_VIP,
	ADDRESS_LOCAL,
	ADDRESS_NAT_SERVER,
	ADDRESS_NAT_VIP,
	ADDRESS_TUNNEL, // the far ends of tunnels to real servers
	ADDRESS_ROLES
};

int address_set_start(void);
void address_set_stop(void);
int address_set_add(enum address_role role, const struct addr *addr); // 0 or -ENOSPC
/* A local address, and the logical interface that it is on; the first user's counts. */
int address_set_add_local(const struct addr *addr, uint16_t iface);
void address_set_remove(enum address_role role, const struct addr *addr);
bool address_set_has(enum address_role role, const struct addr *addr);
/*
 * Is it a local address? Its sixteen bytes, of IPv4 four and zeros. `port` is that of its interface,
 * STEER_NO_PORT when there is none. Not shared: each thread remembers what it has asked lately.
 */
bool address_set_local(const uint64_t address[2], bool ipv6, uint16_t *port);
/*
 * Servers that NAT has ever had, and VIPs of theirs: for owners alone, so they stay for ever. True
 * for `anywhere` when there was NAT without a VIP (a match, a mark).
 */
void address_set_note_nat(const struct addr *server, const struct addr *vip);
bool address_set_any_nat(bool *anywhere);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "io/port.h"

/*
 * A bond: a port that DPDK's bonding driver makes of other ports, its members, which have no
 * interface of their own. See port_bond.c. Control thread.
 */
struct port_bond_state {
	uint8_t mode, xmit_policy;
	uint32_t monitor_ms, up_ms, down_ms;
	int primary; // index of a port, -1: none
};

int port_bond_open(struct port *bond, unsigned int workers, struct error *error);
void port_bond_close(struct port *bond);

/* Members join when their link comes up, and leave when it goes down; as often as links are polled. */
void port_bond_poll(struct port *bond);
/* Has one of its members a link? */
bool port_bond_has_link(const struct port *bond);

void port_bond_get(const struct port *bond, struct port_bond_state *state);
bool port_bond_is_active(const struct port *bond, const struct port *member);
/* Is LACP in agreement with the other side on this member? False in other modes. */
bool port_bond_is_negotiated(const struct port *bond, const struct port *member);
/* Change a setting: fields of the error are those of the file. */
int port_bond_set(struct port *bond, const struct bond_config *wanted, struct error *error);
/* Take a member out, or back in. */
int port_bond_member(struct port *bond, struct port *member, bool in, struct error *error);

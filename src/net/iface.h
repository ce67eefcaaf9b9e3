/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>

#include "base/addr.h"
#include "io/port.h"

/*
 * A logical interface: a port, a VLAN on a port, or a bond, each with its TAP in Linux ("dpdk0"
 * and "dpdk0.kni"). Written by the control thread; workers read the fields marked "w" with plain
 * loads of one word, and everything else never changes after iface_create().
 */
enum { IFACE_MAX = 256, IFACE_NAME = 16 };

struct iface {
	char name[IFACE_NAME];	   // "dpdk0"
	char tap_name[IFACE_NAME]; // "dpdk0.kni"
	uint16_t index;		   // place in the table, from 1
	uint16_t port;		   // index of the port beneath
	uint16_t vlan;		   // 0: untagged
	int tap_fd;		   // read and written by the punt thread
	int kernel_index;	   // ifindex of the TAP
	uint16_t mtu;		   // w: as Linux has it
	bool up;		   // w: administratively up in Linux, and the port has a link
	struct rte_ether_addr mac; // w: as Linux has it
	uint32_t ups;		   // control: how often it came up, as Linux knows `up`
};

/* Make the TAP, with the port's MAC and MTU, and bring it up. `*out` lives until iface_destroy. */
int iface_create(struct port *port, struct iface **out, struct error *error);
void iface_destroy(struct iface *iface);
/* NULL when there is none. Control and punt threads; workers use the index they find in a queue. */
struct iface *iface_get(unsigned int index);
struct iface *iface_find(const char *name);	   // by its own or its TAP's name
struct iface *iface_find_kernel(int kernel_index); // by the TAP's ifindex
/* Mirror link state of the ports into the TAPs' carrier (TUNSETCARRIER). */
void iface_update_carrier(void);

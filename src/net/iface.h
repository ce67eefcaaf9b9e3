/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>

#include "base/addr.h"
#include "io/port.h"

/*
 * A logical interface: a port (or bond), a VLAN on another interface, a tunnel, or the inside of a
 * VNI, each with its TAP in Linux ("dpdk0" and "dpdk0.kni"; of a VNI both are "vni96"). Written by the control thread; workers read the fields
 * marked "w" with plain loads of one word, and everything else never changes once it is in the
 * table.
 */
enum { IFACE_MAX = 256, IFACE_NAME = 16, IFACE_TAGS = 8 };

enum iface_kind { IFACE_PORT, IFACE_VLAN, IFACE_TUNNEL, IFACE_VNI };

struct vlans;

struct iface {
	char name[IFACE_NAME];	   // "dpdk0"
	char tap_name[IFACE_NAME]; // "dpdk0.kni"
	uint16_t index;		   // place in the table, from 1
	uint16_t port;		   // index of the port beneath
	uint8_t kind;		   // enum iface_kind
	bool repair;		   // its frames may hold partial checksums
	bool no_arp;		   // there is one next hop, for whatever is routed there
	uint8_t tag_bytes;	   // 0, 4 or 8: how long the tags of its frames are on the wire
	uint8_t tags[IFACE_TAGS];  // they, as they stand behind the Ethernet addresses
	uint16_t parent;	   // index of the interface that a VLAN stands on
	uint16_t vlan, vlan_type;  // of a VLAN: its number, and 0x8100 or 0x88a8
	uint32_t vni;		   // of IFACE_VNI
	struct vlans *vlans;	   // w, atomic: the VLANs that stand on it, NULL: none
	int tap_fd;		   // read and written by the punt thread
	int kernel_index;	   // ifindex of the TAP
	uint16_t mtu;		   // w: as Linux has it
	bool up;		   // w: administratively up in Linux, and the port has a link
	struct rte_ether_addr mac; // w: as Linux has it
	uint32_t ups;		   // control: how often it came up, as Linux knows `up`
};

extern struct iface *iface_table[IFACE_MAX]; // atomic; by index, 0 is never used

/* Make the TAP, with the port's MAC and MTU, and bring it up. `*out` lives until iface_destroy. */
int iface_create(struct port *port, struct iface **out, struct error *error);
/*
 * The same of an interface that is no port's: `made` has what it is to be, with names, MAC and MTU.
 * Fields of the error are "name", "tap", "mtu".
 */
int iface_add(const struct iface *made, struct iface **out, struct error *error);
/* When no worker runs. */
void iface_destroy(struct iface *iface);
/* While workers run: at once for Linux and for new packets, the memory after a grace period. */
void iface_remove(struct iface *iface);

/* NULL when there is none. Any thread. */
static inline struct iface *iface_get(unsigned int index)
{
	return index < IFACE_MAX ? __atomic_load_n(&iface_table[index], __ATOMIC_ACQUIRE) : NULL;
}

struct iface *iface_find(const char *name);	   // by its own or its TAP's name
struct iface *iface_find_kernel(int kernel_index); // by the TAP's ifindex
/*
 * Mirror link state into the TAPs' carrier (TUNSETCARRIER): a port's of its device, a VLAN's of the
 * interface beneath.
 */
void iface_update_carrier(void);

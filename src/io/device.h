/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Linux's side of a device that weir works on through AF_XDP or AF_PACKET: what it is, and the
 * settings that it needs while weir has it. Control thread.
 */
enum { DEVICE_NAME = 16 };

enum device_kind {
	DEVICE_NONE,  // nothing that could be opened
	DEVICE_LINUX, // a network interface of this namespace
	DEVICE_PCI,   // "0000:3b:00.0" or "3b:00.0", perhaps with ",arguments"
	DEVICE_VDEV,  // "net_tap0,iface=x"
};

enum device_kind device_classify(const char *text);
/* The interface named in a vdev's arguments ("iface=veth1"); false when there is none. */
bool device_vdev_interface(const char *vdev, char name[DEVICE_NAME]);
/* Does a `device:` text mean this interface, by name or in a vdev's arguments? */
bool device_means(const char *text, const char *name);

/* The interface's addresses that somebody may be using, as "A, B"; false when there are none. */
bool device_addresses(const char *name, char *text, size_t size);
bool device_running(const char *name); // up and with a carrier
uint16_t device_mtu(const char *name); // 0 when it cannot be read
int device_node(const char *name);     // NUMA node, or -1
/* Receive queues as the driver has them set up now; 1 when it does not say. */
unsigned int device_receive_queues(const char *name);

/*
 * Where to remember the settings that device_take() changes, so that a start after a kill -9 knows
 * what they were. Without it they are remembered in memory only. The text must stay.
 */
void device_state_directory(const char *path);

/*
 * Take an interface: nobody else may have it (another weir in this namespace), it goes up, Linux's
 * own IPv4 and IPv6 on it fall silent, receive merging (GRO, LRO) is off, and it hears all
 * stations. `mtu` 0: as it is. -EBUSY, -EPERM, ...
 */
int device_take(const char *name, uint16_t mtu, struct error *error);
/* AF_XDP does not see a VLAN tag that the device strips: leave it in the frame from now on. */
void device_keep_vlan_tags(const char *name);
void device_release(const char *name); // everything as it was
/*
 * At start: give back the settings of interfaces that an earlier process took and did not release,
 * but of those that one of the `count` texts means, which will be taken again.
 */
void device_recover(const char *const *devices, unsigned int count);

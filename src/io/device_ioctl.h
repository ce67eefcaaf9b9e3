/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <net/if.h>

/* Requests about an interface by name, for the device_*.c files. 0 or negative errno. */
int device_ioctl(unsigned long request, const char *name, struct ifreq *ifr);
int device_ethtool(const char *name, void *command); // `command`: one of struct ethtool_...

/* Is there an XDP program on it? 0, 1 or negative errno. */
int device_xdp_attached(const char *name);
int device_xdp_detach(const char *name);

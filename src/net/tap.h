/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>

#include "base/error.h"

/*
 * A TAP: an interface of Linux whose wire is a file descriptor. It is not persistent: it goes, with
 * all addresses and routes on it, when the descriptor is closed. Control thread.
 */
struct tap {
	int fd;	     // non-blocking; one frame for each read and write
	int index;   // of the interface
	bool no_arp; // set before tap_create(): Linux resolves no neighbours on it
};

/* Error fields "tap" and "mtu". -EEXIST when an interface of this name is there already. */
int tap_create(struct tap *tap, const char *name, const struct rte_ether_addr *mac, uint16_t mtu,
	       struct error *error);
void tap_destroy(struct tap *tap);
int tap_set_carrier(const struct tap *tap, bool up);

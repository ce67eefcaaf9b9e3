/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/addr.h"

/*
 * Hosts that VMs run on: the way to each, and the outer IP header of packets to it, ready to copy.
 * Hosts are shared by address and counted. A line never changes while a worker may see it, but for
 * its path, which the control thread keeps up to date (net/nexthop.h), and its MTU.
 */
enum { HOST_MAX = 1 << 18 };

struct vm_host {
	uint8_t header[40]; // IPv4 or IPv6, weir's own address as source
	uint32_t path;
	uint16_t sum; // IPv4: of the header as it stands here, folded
	bool ipv6;
	uint8_t spare;
	uint16_t mtu; // atomic: what a router has said of the way there, 0: nothing
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct vm_host) == 64, "a host is one cache line");

extern struct vm_host *vm_host_table; // by number, from 1; touched as it is used

int vm_host_start(void);
void vm_host_stop(void);

/* Control: its number, counted once more; 0 when the table, or that of paths, is full. */
uint32_t vm_host_take(const struct addr *addr);
/* Once less; the last one frees it after a grace period. */
void vm_host_release(uint32_t host);
/* Control: the number of a host that is there, or 0. */
uint32_t vm_host_find(const struct addr *addr);
uint32_t vm_host_count(void);
void vm_host_address(const struct vm_host *host, struct addr *addr);

/*
 * Control: a router says that the way to `addr`, if that is a host, takes `mtu` bytes; believed for
 * PATH_MTU_SECONDS (path_mtu.h), and only ever less. Forget what is older; false: nothing is left.
 */
bool vm_host_lower_mtu(const struct addr *addr, uint16_t mtu, uint32_t seconds);
bool vm_host_age_mtus(uint32_t seconds);

/* Worker: is this the source address of an outer header from the host? */
static inline bool vm_host_is(const struct vm_host *host, const uint8_t *source, bool ipv6)
{
	return host->ipv6 == ipv6 && (ipv6 ? memcmp(host->header + 24, source, 16) == 0
					   : memcmp(host->header + 16, source, 4) == 0);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "net/iface.h"

/*
 * From which address packets of tunnels are sent on each interface. Control makes a new table when
 * addresses of Linux have changed and publishes it whole; workers read it once a packet.
 */
struct source_table {
	uint32_t v4[IFACE_MAX]; // network byte order, 0: none
	uint8_t v6[IFACE_MAX][16];
};

extern const struct source_table *source_table; // atomic; never NULL between start and stop

int source_start(void);
void source_stop(void);
/*
 * Control, after addresses of Linux or VIPs have come or gone: a new table when it would be another.
 * `skip`: addresses that must not be used.
 */
void source_refresh(bool (*skip)(const struct addr *addr));

/* Worker: the four or sixteen bytes, all zero when there is no such address. */
static inline const uint8_t *source_of(uint16_t iface, bool ipv6)
{
	const struct source_table *t = __atomic_load_n(&source_table, __ATOMIC_CONSUME);

	return ipv6 ? t->v6[iface] : (const uint8_t *)&t->v4[iface];
}

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

#include "base/error.h"

/*
 * The device that announced VIPs stand on: a TAP without a wire. It goes with the process, and the
 * VIPs with it. What Linux sends to it is read and thrown away, so that nothing piles up.
 */
int vip_device_open(const char *name, struct error *error); // after loop_start()
void vip_device_close(void);
/* Its ifindex; 0: it is not there (any more). */
int vip_device_index(void);
/* Frames that Linux sent to it, ever. */
uint64_t vip_device_discarded(void);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "base/error.h"

/*
 * Taking over an interface that Linux uses ("take_over: true"): its addresses and the routes over
 * it move to the port's TAP, and back when weir stops. In between they are remembered in a file,
 * so that a start after a kill -9 finds them. Control thread. The order is
 *
 *	takeover_begin()	before port_open_all(): reads, remembers, changes nothing
 *	port_open_all(), iface_create()
 *	takeover_apply()	moves to the TAP; a connection through it stalls for milliseconds
 *	...
 *	iface_destroy(), port_close_all()
 *	takeover_restore()	puts all back
 */
struct takeover;

/* Error fields are relative to the port: "device". -ENODEV, -EPERM, -ENOMEM, ... */
int takeover_begin(const char *state_dir, const char *device, struct takeover **out,
		   struct error *error);
/* 0, or the first error; what could not be moved is named in the log and the rest is moved. */
int takeover_apply(struct takeover *t, int tap_index);
/*
 * Everything back on the device. The same about errors. `t` is gone afterwards, the file too unless
 * something failed.
 */
int takeover_restore(struct takeover *t);

/*
 * At start, after device_recover() and before any takeover_begin(): put back what an earlier
 * process had taken and did not give back, of interfaces that none of the `count` texts of
 * `device:` with take_over means.
 */
void takeover_recover(const char *state_dir, const char *const *devices, unsigned int count);

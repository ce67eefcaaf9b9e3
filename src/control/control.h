/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "base/error.h"
#include "control/config.h"

/*
 * The control thread, which is the process's first thread: one event loop that serves the doors
 * (REST, the file, signals), the mirror of Linux, and the publishing of what they ask for.
 *
 * control_start() comes after ports, interfaces, kernel, routes, services, servers and workers
 * have been started: it takes in what was persisted and what the file says, puts addresses on the
 * TAPs, publishes every service and opens the socket. `config` is kept and must outlive
 * control_stop(). Addresses stay on the TAPs when it fails or stops: they go with them.
 *
 * instance_lock() (control/instance.h) should come before all other subsystems.
 */
int control_start(const struct config *config, struct error *error);
/* Serve until SIGTERM or SIGINT. 0, or negative errno when the loop itself failed. */
int control_run(void);
/* Close the socket and write what is to be kept. Sessions, TAPs and ports are left as they are. */
void control_stop(void);

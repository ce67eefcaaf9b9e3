/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/addr.h"
#include "base/error.h"
#include "control/config.h"
#include "control/quorum.h"

/*
 * Announced VIPs: the addresses of services with `announce: true` stand on a device of their own
 * (control/vip_device.h) while their services have a quorum and the node wants traffic
 * (control/node.h), and routing daemons announce what stands there. Control thread only.
 */

/* After the model has been restored. `config` is apply_running() and stays. Announces nothing yet. */
int announce_start(const struct announce_config *config, struct error *error);
void announce_stop(void); // and the device goes
/* About 20 times a second: follow the model, links and Linux. */
void announce_tick(void);
/* Something that decides has changed: look at once instead of at the next tick. */
void announce_changed(void);
/* Before the stop: withdraw everything; how many milliseconds to go on serving after that. */
unsigned int announce_withdraw(void);

/* VIPs that services want to announce, and how many of them are announced. */
unsigned int announce_count(unsigned int *announced);
/* VIPs that ought to be announced and that Linux refuses. */
unsigned int announce_refused(void);
/* Has somebody taken the device down, and with it all VIPs? */
bool announce_device_down(void);
const struct census *announce_census(void);

/* One VIP for listings; `*cursor` starts at 0; false at the end. Changes in between may be missed. */
enum { ANNOUNCE_REASON = sizeof(((struct error *)0)->text) };
struct announcement {
	struct addr vip;
	bool announced;
	uint64_t since;	  // milliseconds since the epoch
	uint32_t changes; // ever
	unsigned int services, services_quorum;
	const char *reason; // a sentence
	const char *device; // where else weir put it, for neighbour discovery; NULL: nowhere
};
bool announce_next(uint32_t *cursor, struct announcement *out);

/* The last changes of all VIPs, the newest first; false at the end. `index` counts from 0. */
struct announce_event {
	struct addr vip;
	bool announced;
	uint64_t time; // milliseconds since the epoch
	char reason[ANNOUNCE_REASON];
};
enum { ANNOUNCE_EVENTS = 256 };
const struct announce_event *announce_event(unsigned int index);

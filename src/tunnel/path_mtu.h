/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * What routers between here and the end of a tunnel have said of the MTU there: see path_mtu.c.
 * Workers report, the control thread gathers and writes it into the templates.
 */
enum {
	PATH_MTU_REPORTS = 16,	   // of a worker that control has not seen yet
	PATH_MTU_SECONDS = 600,	   // until a larger one is tried again
	PATH_MTU_LEAST_IPV4 = 576, // less is believed of nobody
	PATH_MTU_LEAST_IPV6 = 1280,
};

struct path_mtu_report {
	struct addr to; // the outer destination
	uint16_t mtu;	// of the outer packet
};

struct path_mtu_reports {
	struct path_mtu_report report[PATH_MTU_REPORTS]; // w
	uint32_t written;				 // w, atomic: counts up
	uint32_t read;					 // c, atomic: follows it
};

/* Worker: more than there is room for are lost; the next packet that is too large brings more. */
void path_mtu_report(struct path_mtu_reports *reports, const struct addr *to, uint16_t mtu);

/* Control: take over what a worker has reported. `seconds` is a clock that never goes back. */
void path_mtu_gather(struct path_mtu_reports *reports, uint32_t seconds);
/* Control, about once a second or less often: forget what is older than PATH_MTU_SECONDS. */
void path_mtu_age(uint32_t seconds);

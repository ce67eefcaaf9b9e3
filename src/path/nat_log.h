/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * Who had which address and port of SNAT (nat_log.c): a record when a session begins and one when it
 * ends, from the workers to the control thread.
 */
struct nat_record {
	bool end;	  // of the session; else it begins
	uint8_t protocol; // IPPROTO_; of ICMP the identifier of echoes stands for the port
	struct addr inside, wan, destination;
	uint32_t vni;					  // that `inside` is in; 0: none
	uint16_t inside_port, wan_port, destination_port; // host byte order
};

struct session;
struct worker;

/* Worker: a session with FORM_ROUTED begins or ends. Nothing when the log is off. */
void nat_log_session(const struct worker *w, const struct session *s, bool wide, bool end);

/* Control: on for this many workers, or off (0). 0 or -ENOMEM, with nothing changed. */
int nat_log_switch(unsigned int workers);
/* Control: the next record of any worker; false: there is none now. */
bool nat_log_next(struct nat_record *out);
/* Control: records for which a worker had no room, since the start. */
uint64_t nat_log_lost(void);
/* Workers have ended. */
void nat_log_stop(void);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

#include "base/addr.h"
#include "io/batch.h"

/*
 * weir's own firewall marks: rules that are tried in their order for the first packet of a
 * connection that no service by address is for; the first that fits gives the mark. There are few:
 * each first packet may look at all of them.
 */
enum { MARK_RULES_MAX = 256 };

struct mark_rule {
	struct prefix source, destination; // family AF_UNSPEC: any
	uint8_t protocol;		   // 0: any
	uint16_t port, port_end;	   // of the destination, host byte order; 0, 65535: any
	uint16_t iface;			   // index of the interface it came by, 0: any
	uint16_t counter;		   // place of its counter in balancer.mark_hits
	uint32_t mark;			   // not 0
};

/* Control: copies; in the order in which they are to be tried. 0, or -ENOMEM. */
int mark_publish(const struct mark_rule *rules, unsigned int count);
void mark_stop(void);

/* Worker: the mark of a packet, 0: none; counts the rule, if there are `hits` by counter. */
uint32_t mark_of_packet(uint64_t *hits, const struct pkt *p);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

#include "balance/counts.h"
#include "balance/mark.h"
#include "balance/persistence.h"
#include "balance/ports.h"
#include "io/batch.h"
#include "session/table.h"

/*
 * What one worker needs to choose servers and make sessions; part of struct worker. Only its
 * worker reads and writes it.
 */
struct service_state {
	uint32_t position; // rr, wrr: where in the list of servers
	uint32_t level;	   // wrr: weight of this round
	uint32_t local;	   // which local address is next
	uint32_t spare;
};

/* What the first packets of this batch were for, by destination (classify.c). */
enum { SERVICE_MEMOS = 16 };

struct service_memo {
	uint64_t destination[3]; // address; zone, protocol, port and family
	const struct service *service;
};

struct balancer {
	unsigned int worker;
	unsigned int workers;
	struct table *table;
	struct ports ports;
	struct persistence persistence;
	struct server_count *server_counts;
	struct service_count *service_counts;
	struct service_state *service_states; // by service number
	uint16_t seconds;
	uint16_t memos_valid; // a bit for each; none at the begin of a batch
	struct service_memo memos[SERVICE_MEMOS];
	uint64_t mark_hits[MARK_RULES_MAX]; // by the place of the rule's counter
	uint64_t ports_exhausted;	    // counts connections refused for want of a local port
};

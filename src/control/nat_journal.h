/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

/*
 * The log of who had which address and port of SNAT when, written to weir's own log: nat_journal.c.
 * Control thread only.
 */
enum { NAT_JOURNAL_RATE_MAX = 100000 };

struct nat_journal_counts {
	uint64_t written;
	uint64_t skipped; // more than the rate in one second
	uint64_t lost;	  // a worker had no room for them
};

/* At most so many lines a second; 0: off. 0 or -ENOMEM. */
int nat_journal_set(uint32_t rate);
uint32_t nat_journal_rate(void);
void nat_journal_counts(struct nat_journal_counts *out);
/* While workers still run: what they have said so far is written. */
void nat_journal_stop(void);

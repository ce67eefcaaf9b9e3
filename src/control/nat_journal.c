/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/nat_journal.h"

#include <stdio.h>

#include "base/log.h"
#include "base/protocol.h"
#include "control/loop.h"
#include "path/nat_log.h"
#include "path/workers.h"

/*
 * Ten times a second the rings of the workers are emptied, so that the time that the log gives a line
 * is right to a tenth of a second. Whole seconds are counted: what is more than the rate in one of
 * them is skipped, and one line says how many were. Nothing of it is in a worker's way: when this
 * thread is late, workers count what finds no room.
 */
enum {
	EVERY = 100,
	AT_ONCE = 10000
}; // milliseconds; lines of one turn, so that others come to theirs

static struct {
	struct loop_timer timer;
	uint32_t rate;
	uint64_t second; // of loop_now(), which `left` is for
	uint32_t left;
	struct nat_journal_counts counts, told;
} journal;

static void record_write(const struct nat_record *r)
{
	char inside[ENDPOINT_TEXT], wan[ENDPOINT_TEXT], destination[ENDPOINT_TEXT], vni[24] = "";

	if (r->vni)
		snprintf(vni, sizeof(vni), " of VNI %u", r->vni);
	log_write(LOG_NOTICE, "nat %s %s %s%s as %s to %s", r->end ? "end" : "begin",
		  protocol_name(r->protocol), endpoint_format(&r->inside, r->inside_port, inside),
		  vni, endpoint_format(&r->wan, r->wan_port, wan),
		  endpoint_format(&r->destination, r->destination_port, destination));
}

/* One line a second at most about what has no line of its own. */
static void missing_tell(void)
{
	uint64_t skipped = journal.counts.skipped - journal.told.skipped;
	uint64_t lost = journal.counts.lost - journal.told.lost;

	if (skipped + lost == 0)
		return;
	log_warning("nat: %llu lines were skipped (more than nat_log.rate, %u a second) and %llu "
		    "lost (no room)",
		    (unsigned long long)skipped, journal.rate, (unsigned long long)lost);
	journal.told = journal.counts;
}

static void second_begin(void)
{
	uint64_t now = loop_now() / 1000;

	if (now == journal.second)
		return;
	journal.second = now;
	journal.left = journal.rate;
	missing_tell();
}

static void drain(void)
{
	struct nat_record record;

	second_begin();
	for (unsigned int i = 0; i < AT_ONCE && nat_log_next(&record); i++) {
		if (journal.left == 0) {
			journal.counts.skipped++;
			continue;
		}
		journal.left--;
		journal.counts.written++;
		record_write(&record);
	}
	journal.counts.lost = nat_log_lost();
}

static void drain_again(void *arg)
{
	drain();
	loop_timer_set(&journal.timer, EVERY);
}

int nat_journal_set(uint32_t rate)
{
	int status;

	if (rate == journal.rate)
		return 0;
	if (rate == 0)
		drain();
	status = nat_log_switch(rate ? workers_count() : 0);
	if (status < 0)
		return status;
	journal.rate = rate;
	journal.second = 0;
	journal.timer.fire = drain_again;
	if (rate)
		loop_timer_set(&journal.timer, EVERY);
	else
		loop_timer_cancel(&journal.timer);
	return 0;
}

uint32_t nat_journal_rate(void)
{
	return journal.rate;
}

void nat_journal_counts(struct nat_journal_counts *out)
{
	journal.counts.lost = nat_log_lost();
	*out = journal.counts;
}

void nat_journal_stop(void)
{
	nat_journal_set(0);
}

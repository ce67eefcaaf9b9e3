/* SPDX-License-Identifier: BSD-3-Clause */
#include "path/nat_log.h"

#include <errno.h>
#include <netinet/in.h>

#include "fakes.h"

/* The log of SNAT */

static unsigned int nat_records, nat_workers;
static bool nat_switch_fails;

void fake_nat_records(unsigned int count)
{
	nat_records = count;
}

void fake_nat_fails(bool fails)
{
	nat_switch_fails = fails;
}

unsigned int fake_nat_workers(void)
{
	return nat_workers;
}

int nat_log_switch(unsigned int workers)
{
	if (nat_switch_fails)
		return -ENOMEM;
	nat_workers = workers;
	return 0;
}

bool nat_log_next(struct nat_record *out)
{
	if (nat_records == 0)
		return false;
	nat_records--;
	*out = (struct nat_record){
		.protocol = IPPROTO_TCP,
		.inside = addr_v4(0x0200000a),
		.wan = addr_v4(0x0100000a),
		.destination = addr_v4(0x0300000a),
	};
	return true;
}

uint64_t nat_log_lost(void)
{
	return 7;
}

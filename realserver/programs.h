/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <linux/types.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/error.h"
#include "realserver/shared.h"

/*
 * The programs of toa.bpf.c on a cgroup. Whether they are there is asked of the kernel, which keeps
 * them: no file has to be found again, and whoever attached them may have ended long ago.
 */
struct programs {
	int cgroup;  // file descriptor
	int trusted; // the maps of the programs that are attached, -1: they are not
	int counters;
	bool whole; // all of them are
};

/* Negative errno with `field` "cgroup". */
int programs_open(struct programs *p, const char *cgroup, struct error *error);
void programs_close(struct programs *p);

enum { INTERFACES_MAX = 64 };

struct programs_wanted {
	const struct prefix *trusted;
	unsigned int trusted_count;
	bool options;				// believe the IPv4 option of UDP datagrams
	const char *interfaces[INTERFACES_MAX]; // that UDP datagrams with a header come by
	unsigned int interface_count;
};

/* Attach what is not attached yet, and have it trust these prefixes and no others. */
int programs_attach(struct programs *p, const struct programs_wanted *wanted, struct error *error);
/* The interfaces of this network namespace where headers are taken off; how many there are. */
unsigned int programs_interfaces(char names[][IF_NAMESIZE], unsigned int most);
/* Take all of them off. Sockets whose clients they know show local addresses again. */
int programs_detach(struct programs *p, struct error *error);

/*
 * Of attached programs. How many prefixes were written, at most `most`; all CPUs' counts together.
 */
unsigned int programs_trusted(const struct programs *p, struct prefix *trusted, unsigned int most);
void programs_count(const struct programs *p, uint64_t counters[COUNTER_COUNT]);

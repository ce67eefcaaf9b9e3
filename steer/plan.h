/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "setup.h"

/*
 * What the switch has, as its tools print it, and what has to be done so that it has what is wanted.
 */
struct seen {
	json_t *interfaces; // by name: columns of the database, and "here": on our bridge
	json_t *bridge;	    // columns of ours
	char *group; // the group's line, "" when there is none; NULL: the switch was not asked
	char *flows; // the lines of our flows
};

struct plan {
	json_t *database;    // words for ovs-vsctl
	char *group;	     // for ovs-ofctl mod-group; "": nothing to do
	char *flows_added;   // lines for ovs-ofctl add-flows
	char *flows_removed; // lines for ovs-ofctl del-flows
	json_t *warnings;    // what has to wait for somebody else
	bool waits;	     // for numbers of ports that were just made
};

/* Of the whole database, so that no port of somebody else is taken. */
#define PLAN_MARK "weir-vpc-steer"

void seen_free(struct seen *seen);
/* 0, or a negative errno after filling in `error`; plan_free() in both cases. */
int plan_make(const struct setup *setup, const struct seen *seen, struct plan *plan,
	      struct error *error);
bool plan_is_empty(const struct plan *plan);
void plan_free(struct plan *plan);

/* Words for ovs-vsctl that remove all that carries our mark. */
json_t *plan_removal(const struct setup *setup, const struct seen *seen);
/* "cookie=.../...": all flows that are ours. */
void plan_cookies(const struct setup *setup, char text[static 64]);
/* The number of a port of our bridge in OpenFlow, 0 when it has none. */
uint32_t plan_port(const struct seen *seen, const char *name);
/* What marks our ports. */
void plan_owner(const struct setup *setup, char text[static SETUP_NAME + 16]);
/* group.c: the group as wanted, for ovs-ofctl; the caller frees. */
char *group_wanted(const struct setup *setup, const struct seen *seen);
/* Does a line of ovs-ofctl dump-groups say the same? */
bool group_equal(const char *wanted, const char *line);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/addr.h"
#include "control/check.h"
#include "events.h"
#include "judge.h"
#include "schedule.h"

/*
 * What is checked: an address, a port and settings. Real servers of several services that agree in
 * all of these are one target with a row for each, and are checked once.
 */
enum { TARGET_TEXT = 128 };

struct target_key {
	struct addr addr;
	uint16_t port; // host byte order, 0 for ping
	uint16_t zero;
	char device[16];    // that its packets leave by, of a server in a VNI; empty: as routed
	struct check check; // `port`, `on_failure` and `named` are 0
};

/* A real server of a service. */
struct row {
	char protocol[8];	  // these four as weir names the service
	char vip[ADDR_TEXT + 16]; // VIP, VIP@VNI, or the family of one by firewall mark
	uint32_t port;		  // or that mark
	uint16_t port_end;	  // of a range of ports, else 0
	uint16_t server_port;
	uint8_t state; // that weir has, enum judge_state
	uint32_t told; // the version of the target that weir knows; 0: none
};

struct target {
	struct target_key key;	   // first: what the table finds it by
	struct schedule_item item; // the next check, or the end of the one under way
	uint64_t base;		   // see schedule_next()
	struct judge judge;
	char reason[TARGET_TEXT]; // of the last change
	char result[TARGET_TEXT]; // of the last check; empty: none since we run
	uint32_t version;	  // raised whenever one of the above changes
	struct row *rows;
	uint32_t row_count, row_room;
	bool wanted;	      // while a list is taken in
	struct target *dirty; // in the list of those with something to tell
	bool is_dirty;
	// The check under way.
	bool running;
	struct watch watch;
	int fd;		   // -1: none
	void *http;	   // of http.c
	uint32_t number;   // of ping.c, and for the phase
	uint32_t sequence; // of ping.c
};

/*
 * Take in weir's list: targets that are in it already go on; those that are no longer are ended by
 * `end` and freed; new ones are scheduled. With `trust` states are taken from the list also for
 * those that are there. -EINVAL, -ENOMEM: what was there stays.
 */
int target_load(const json_t *list, bool trust, void (*end)(struct target *target));
uint32_t target_count(void);
/* By the number that it has as long as it lives; NULL: none. */
struct target *target_by_number(uint32_t number);

/* What a check has found out; true: weir should know soon, because the state has changed. */
bool target_judge(struct target *target, bool good, const char *result);
/* Schedule the next check. */
void target_wait(struct target *target);

/*
 * At most so many results that weir does not know yet, as a list for POST /v1/checks. They count as
 * told when target_told() is called, and are given again otherwise. Empty: weir knows all.
 */
json_t *target_results(uint32_t most);
void target_told(void);
void target_stop(void (*end)(struct target *target));

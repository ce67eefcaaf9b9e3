/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

/*
 * Stand-ins for everything below control/: they remember what they were asked for, and fail when
 * a test wants it. Two interfaces, dpdk0 and dpdk1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "balance/server.h"
#include "balance/service.h"
#include "base/addr.h"
#include "base/error.h"
#include "control/document.h"
#include "control/edit.h"
#include "control/model.h"
#include "net/kernel.h"
#include "path/workers.h"

struct fake {
	unsigned int publishes, withdraws; // calls that succeeded
	int publish_fails_in;		   // so many calls later; 0: never
	int server_fails_in;
	int address_fails_in;
	uint64_t address_generation;
	int route_code; // what Linux says to new routes
	int tap_code;	// what Linux says to a new TAP, and to a VIP on it
	int vip_code;
	unsigned int servers_made, servers_removed;
	unsigned int numbers_free; // service numbers that were given back
	bool grace_held;	   // no grace period ends
	unsigned int tokens;
	bool sessions; // servers that were removed still carry some
	uint64_t passes;
	bool pass_held;
};
extern struct fake fake;

/* Everything as at the start of the program. */
void fake_reset(void);
/* What workers see of a service; NULL: nothing. */
const struct service_spec *fake_service(const char *protocol, const char *vip, uint16_t port);
unsigned int fake_service_count(void);
/* Its server, by address; NULL: it has none such. */
const struct service_server *fake_server(const struct service_spec *spec, const char *address);
/* Is the address on an interface's TAP? */
bool fake_has_address(const char *address);
/* Put one there as if by `ip address add`. */
void fake_add_address(const char *interface, const char *address);
unsigned int fake_address_count(void);
/* A route that was put; NULL: there is none. */
const struct kernel_route *fake_route(const char *destination);
/* Linux takes the routes of an interface away and it comes up again. */
void fake_link_went_down(const char *interface);
/* Does it stand on the device of announced VIPs? And take it away as by `ip address delete`. */
bool fake_has_vip(const char *address);
unsigned int fake_vip_count(void);
void fake_take_vip(const char *address);
enum { FAKE_TAP = 99 }; // the ifindex of that device
/* Sessions for listings. */
/* So many records of SNAT are waiting; for how many workers is it on? */
void fake_nat_records(unsigned int count);
unsigned int fake_nat_workers(void);
void fake_nat_fails(bool fails);
void fake_set_sessions(const struct session_view *views, unsigned int count);

/* Helpers of several tests. */

/* Parse JSON in which ' stands for ". */
json_t *json_of(const char *text);
struct service_key key_of(const char *protocol, const char *vip, uint16_t port);
/* Decode a document of the file; the test fails when it is refused. */
struct document document_of(const char *text);
/* Apply a document to the model and publish; the code. */
int apply_text(const char *text, struct error *error);
/* Give grace periods time to end: a few rounds of the loop. */
void settle(void);

/* weir is a VPC gateway at these addresses (the second may be NULL); NULL: it is none again. */
void fake_vpc(const char *address, const char *address6);

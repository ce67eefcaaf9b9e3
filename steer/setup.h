/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/error.h"

/*
 * What is wanted of the switch, as its file says (weir-vpc-steer(8)).
 */
enum {
	SETUP_NAME = 64, // of a bridge or a port
	SETUP_GATEWAYS = 256,
	SETUP_VMS = 4096,
	SETUP_VIPS = 64,      // of one VM
	SETUP_BUCKETS = 1000, // all have to fit into one message to the switch
};

enum setup_hash { HASH_PORTS, HASH_ADDRESSES };

struct setup_gateway {
	struct addr address;
	char name[SETUP_NAME]; // of its tunnel port
	uint32_t weight;       // 0: watched, but gets no flows
	uint32_t copies;       // buckets: the weights divided by what they have in common
};

struct setup_vm {
	char port[SETUP_NAME];
	uint32_t vni;
	char mac[18]; // "" when the file has none
	struct addr vips[SETUP_VIPS];
	uint32_t vip_count; // 0: all that it sends goes to the gateways
};

struct setup {
	char bridge[SETUP_NAME];
	char run_directory[128]; // of Open vSwitch; "": its own default
	uint32_t group, table, priority;
	uint32_t interval; // milliseconds between two looks
	struct addr local; // outer source; AF_UNSPEC: as Linux routes
	uint16_t port;	   // of VXLAN
	uint8_t hash;	   // enum setup_hash
	uint32_t bfd_interval, bfd_multiplier;
	struct setup_gateway *gateways;
	uint32_t gateway_count;
	struct setup_vm *vms;
	uint32_t vm_count;
};

/* 0, or a negative errno after filling in `error`. What was there is lost; setup_free() ends it. */
int setup_read(const char *path, struct setup *setup, struct error *error);
int setup_parse(const char *text, size_t size, struct setup *setup, struct error *error);
/* Of an address and a number, the same on every host and in every order. */
uint32_t setup_hash(const struct addr *a, uint32_t more);
void setup_free(struct setup *setup);

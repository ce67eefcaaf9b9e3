/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/error.h"
#include "control/bfd_gate.h"
#include "io/port.h"
#include "net/iface.h"

/* The section `announce` of the file: what makes VIPs visible to routing daemons, and when. */
struct announce_config {
	char interface[IFACE_NAME];	 // of the TAP that VIPs stand on; read once at start
	uint8_t shared;			 // enum announce_shared
	uint32_t linger_ms;		 // how long to go on after VIPs were withdrawn at the stop
	char links[PORT_MAX][PORT_NAME]; // isolate when one of these ports has no link
	unsigned int link_count;
	struct bfd_name bfd[BFD_GATES]; // sessions, of which `bfd_quorum` have to be up
	unsigned int bfd_count, bfd_quorum;
	bool isolate_servers; // isolate when no service has a real server left
};

/* A VIP of several services: announced while all of them have their quorum, or while any has. */
enum announce_shared { SHARED_ALL, SHARED_ANY };

struct config;
struct decode;
struct field;

void announce_config_defaults(struct announce_config *config);
/* For the table of the file's sections: into a struct config. */
int decode_announce(struct decode *d, const json_t *value, const struct field *field, void *target);
/* What can only be checked when ports are known. 0 or -EINVAL. */
int announce_config_check(const struct config *config, struct error *error);
json_t *announce_config_json(const struct announce_config *config);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include <jansson.h>

#include "balance/syn_guard.h"
#include "base/addr.h"
#include "base/error.h"
#include "base/log.h"
#include "control/config_announce.h"
#include "control/document.h"
#include "control/interface.h"
#include "control/bfd.h"
#include "control/traffic.h"
#include "control/vpc.h"
#include "io/eal.h"
#include "io/pool.h"
#include "io/port.h"
#include "net/punt.h"
#include "path/workers.h"

/* An address that the file wants on a TAP. */
struct config_address {
	char iface[PORT_NAME]; // the interface's name
	struct prefix prefix;
};

enum {
	CONFIG_EAL_ARGUMENTS = 64,
	CONFIG_INSTANCE = 32,
	CONFIG_SOCKET = 108,
	CONFIG_BONDS_MAX = 8,
	CONFIG_FILE_MAX = 64 << 20,
};

/*
 * The file, decoded and checked as a whole. What stands before `log_level` is read once at start
 * (a later document that differs there needs a restart, and the answer says so); the rest can be
 * changed at any time.
 */
struct config {
	char path[PATH_MAX]; // empty for a document that came through a door
	uint64_t digest;     // of the file's bytes
	char instance[CONFIG_INSTANCE];
	char socket[CONFIG_SOCKET];
	char ipvs_socket[CONFIG_SOCKET];
	char state_dir[PATH_MAX];
	struct eal_config eal; // `instance` and `arguments` point into this structure
	char *eal_arguments[CONFIG_EAL_ARGUMENTS];
	struct pool_config pool;
	struct workers_config workers;
	struct punt_policer policers[PUNT_CLASSES];
	struct port_config ports[PORT_MAX];
	unsigned int port_count;
	struct port_config bonds[CONFIG_BONDS_MAX]; // ports that are made of some of these
	unsigned int bond_count;

	struct vpc_config vpc; // its lists can be changed at any time
	struct bfd_section bfd;
	struct traffic_section traffic;

	enum log_level log_level;
	uint32_t nat_log_rate;		     // lines a second, 0: off
	struct limit_settings limits;	     // of sources, whatever service they use
	struct syn_guard_settings syn_guard; // when automatic SYN proxies are on
	struct announce_config announce;     // its interface, too, needs a restart
	struct interface_config *interfaces; // beside those of ports
	unsigned int interface_count;
	struct config_address *addresses; // of all ports and interfaces
	unsigned int address_count;
	struct document document; // services, local addresses, timeouts
};

/*
 * Read and check a file. Every field has a value afterwards; on an error there is nothing to be
 * freed. Errors name the field; one in the syntax has no field, and its text begins with the line.
 */
int config_load(const char *path, struct config *config, struct error *error);
/*
 * The same of a document that came through a door. Sections before `log_level` that it does not
 * have are those of `running`.
 */
int config_decode(const json_t *json, const struct config *running, struct config *config,
		  struct error *error);
void config_free(struct config *config);

/* "weir.yaml: ports[0].device: sentence" on the log. */
void config_log_error(const char *path, const struct error *error);

/*
 * What differs in the part that needs a restart, as texts: ["workers: needs a restart (1 now,
 * 2 in the file)"].
 */
json_t *config_restart_json(const struct config *running, const struct config *wanted);
/* The part without `document`, in the shape of the file. */
json_t *config_json(const struct config *config);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "base/error.h"
#include "net/iface.h"
#include "net/vlan.h"
#include "tunnel/device.h"

/*
 * Interfaces that are made and removed while weir runs. See interface.c. Control thread only.
 */
enum interface_kind { INTERFACE_VLAN, INTERFACE_TUNNEL, INTERFACE_KINDS };

struct interface_config {
	enum interface_kind kind;
	union {
		// Every kind begins with these.
		struct {
			char name[IFACE_NAME], link[IFACE_NAME], tap[IFACE_NAME];
		};
		struct vlan_config vlan;
		struct tunnel_config tunnel;
	};
};

/* Those of the file, at start. Errors name "vlans[0].id" and the like. */
int interface_start(const struct interface_config *configs, unsigned int count,
		    struct error *error);
void interface_stop(void);

/*
 * Put one through a door. `*existed`: it was there, exactly so. -EEXIST: there is one of this name
 * and it differs, or `exclusive`. Errors name the field of the body.
 */
int interface_put(struct interface_config *config, bool exclusive, bool *existed,
		  struct error *error);
/* -ENOENT, -EBUSY when something stands on it. */
int interface_delete(enum interface_kind kind, const char *name, struct error *error);

/*
 * Another file: make what is new in it, or nothing; and afterwards, when addresses and services
 * have been changed, remove what is no longer in it. What has changed needs a restart, and is told
 * so by interface_restart_json().
 */
int interface_apply(const struct interface_config *configs, unsigned int count,
		    struct error *error);
void interface_apply_end(const struct interface_config *configs, unsigned int count);
void interface_restart_json(const struct interface_config *configs, unsigned int count,
			    json_t *texts);
/* How many of the file would be made and removed. */
unsigned int interface_differences(const struct interface_config *configs, unsigned int count,
				   json_t *texts);

/* Listings: of one kind, [{...}]; one by the interface. New references. */
json_t *interface_list_json(enum interface_kind kind);
json_t *interface_json(const struct iface *iface);
/* What network.json keeps of one kind, and back. */
json_t *interface_saved_json(enum interface_kind kind);
void interface_load(enum interface_kind kind, const json_t *list);

/* Whether so many workers can send by it: error field output_sequence. */
int interface_check_order(const struct interface_config *config, unsigned int workers,
			  struct error *error);

/* config_interface_json.c: bodies and entries of lists. `name`: of the path, or NULL: in the object. */
int interface_decode(enum interface_kind kind, const json_t *body, const char *name,
		     struct interface_config *config, struct error *error);
json_t *interface_config_json(const struct interface_config *config);
const char *interface_section(enum interface_kind kind); // "vlans"

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "control/config.h"
#include "control/decode.h"

/* The sections of bonds and of interfaces, those that the file has. After its ports. */
int config_decode_interfaces(const json_t *json, struct config *config, struct error *error);
int config_decode_bonds(struct decode *d, const json_t *list, struct config *config);
/* Settings of a running bond, over those that it has. */
int config_decode_bond_settings(const json_t *body, struct bond_config *bond, struct error *error);
json_t *config_bond_json(const struct port_config *bond);
extern const char *const config_xmit_policies[]; // NULL at the end
/* Does the file have an interface of this name, or with this TAP? */
bool config_has_interface(const struct config *config, const char *name);
/* Add {"vlans": [...]} and the like, those that there are. */
void config_interfaces_add(json_t *object, const struct config *config);
/* A copy for free(), or NULL. */
struct interface_config *config_interfaces_copy(const struct config *config);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "control/config.h"
#include "control/decode.h"

/* Sections of interfaces beside those of ports; see config_interface.c. */
int decode_interfaces(struct decode *d, const json_t *value, const struct field *field,
		      void *target);
/* Does the file have an interface of this name, or with this TAP? */
bool config_has_interface(const struct config *config, const char *name);
/* Add {"vlans": [...]} and the like, those that there are. */
void config_interfaces_add(json_t *object, const struct config *config);
/* A copy for free(), or NULL. */
struct interface_config *config_interfaces_copy(const struct config *config);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "control/network.h"
#include "io/port.h"

/* Settings of ports that doors change, see network_link.c. Control thread only. */

/* All that `wanted` names, or nothing. -ENODEV, -ENOTSUP, ... */
int network_link_set(const struct network_port *wanted, struct error *error);
/* What is kept, for network.json; and back, which sets it. */
json_t *network_link_json(void);
void network_link_load(const json_t *list);
/* Give Linux's devices their own MAC back, and forget. */
void network_link_stop(void);

/* The settings of an interface that is gone. */
void network_link_forget(const char *name);

/* As the device has it; a Linux interface beneath is kept promiscuous by weir. */
bool network_link_promiscuous(const struct port *port);
bool network_link_all_multicast(const struct port *port);

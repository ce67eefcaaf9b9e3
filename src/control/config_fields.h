/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "control/config.h"
#include "control/decode.h"

/* The fields of the file, into a struct config; what document.c decodes is passed over. */
extern const struct field config_fields[];
/* The words of "log_level", in the order of enum log_level; NULL at the end. */
extern const char *const config_log_levels[];
extern const char *const config_steerings[]; // by enum port_steering

/* A policer of so many packets per second, with the burst that goes with it. */
struct punt_policer config_policer(uint32_t packets_per_second);
/* A name of an interface as Linux takes it. */
int decode_interface_name(struct decode *d, const json_t *value, const struct field *field,
			  void *target);
/* Addresses of one interface: into the list, out of it, and the texts of a list. */
int config_decode_addresses(struct decode *d, const json_t *list, const char *iface,
			    struct config *config);
void config_drop_addresses(struct config *config, const char *iface);
json_t *config_addresses_json(const struct config *config, const char *iface);
/* Is a device's name a PCI address, "0000:03:00.0" or "03:00.0"? */
bool config_is_pci(const char *device);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "base/error.h"
#include "control/model.h"
#include "tunnel/vm_learn.h"
#include "tunnel/vm_table.h"
#include "tunnel/vni_local.h"
#include "tunnel/vxlan.h"

/*
 * The VPC gateway as doors see it: the section `vpc` of the file, VNIs with settings, and VMs. The
 * VM table (tunnel/vm_table.h) is the model of the VMs; there is no second copy of a million rows.
 */
struct vpc_vni {
	uint32_t vni;
	uint8_t origin;
	struct vni_settings settings;
	struct prefix locals[VNI_LOCALS_MAX]; // weir's towards VMs; the TAP has the lengths
	unsigned int local_count;
	bool no_tap;
};

/* The section, decoded. What stands before `vnis` is read once at start. */
struct vpc_config {
	struct vxlan_settings tunnel; // address_count 0: no VPC gateway
	struct prefix learn_from[VM_LEARN_HOSTS];
	unsigned int learn_from_count;
	struct vpc_vni *vnis; // in their order
	unsigned int vni_count;
	struct vm_row *vms;
	unsigned int vm_count;
};

struct config;
struct document;
struct decode;
struct field;

void vpc_config_defaults(struct vpc_config *config);
/* For the table of the file's sections: into a struct config. */
int decode_vpc(struct decode *d, const json_t *value, const struct field *field, void *target);
/* The lists of one that was copied are the other's. */
void vpc_config_drop_lists(struct vpc_config *config);
void vpc_config_free(struct vpc_config *config);
/* What is read once at start, NULL when there is none; and all of the section as it runs. */
json_t *vpc_config_json(const struct vpc_config *config);
json_t *vpc_running_json(const struct vpc_config *config);

/* What a section would do to VNIs and VMs; returns how many of them, and adds a line of text. */
unsigned int vpc_differences(const struct vpc_config *wanted, json_t *texts);
/* Can the hosts be reached as weir runs now? */
int vpc_check(const struct vpc_config *wanted, struct error *error);
/*
 * May a real server be in this VNI? weir needs a local address of its family there. -EINVAL without
 * a field: that is the door's. In the file the file decides, elsewhere what runs.
 */
int vpc_judge_server(const struct vpc_vni *vni, uint32_t number, const struct addr *server,
		     struct error *error);
int vpc_check_server(uint32_t vni, const struct addr *server, struct error *error);
int vpc_config_check_servers(const struct vpc_config *config, const struct document *document,
			     struct error *error);
/* Make VNIs and VMs of the file be as wanted; what other doors made stays. */
int vpc_apply(const struct vpc_config *wanted, struct error *error);
/* What other doors made before a restart comes back, and is kept from now on. */
int vpc_start(const struct vpc_config *config, const char *state_dir, struct error *error);
void vpc_stop(void);
/* About once a second. */
void vpc_tick(void);

/* Doors. All rows or none; -EINVAL with the field named. */
int vpc_decode_vms(const json_t *body, uint8_t origin, struct vm_row **rows, unsigned int *count,
		   struct error *error);
/* To be removed: what else a row says is not needed. */
int vpc_decode_vm_keys(const json_t *body, struct vm_row **rows, unsigned int *count,
		       struct error *error);
/* A body whose key stands in the path. */
int vpc_decode_vm(const json_t *body, struct vm_row *row, struct error *error);
int vpc_put_vms(const struct vm_row *rows, unsigned int count, struct error *error);
/* All or none; -ENOENT with the row named. */
int vpc_delete_vms(const struct vm_row *rows, unsigned int count, struct error *error);
int vpc_delete_vm(uint32_t vni, const struct addr *addr, struct error *error);
json_t *vpc_vm_json(const struct vm_row *row, bool marks);

int vpc_decode_vni(const json_t *body, struct vpc_vni *vni, struct error *error);
int vpc_put_vni(const struct vpc_vni *vni, struct error *error);
/* The same, not while a real server needs what it would take away: -EBUSY. */
int vpc_change_vni(const struct vpc_vni *vni, struct error *error);
int vpc_delete_vni(uint32_t vni, struct error *error);
json_t *vpc_vnis_json(bool marks);
/* Of a path: 1 to 16777215. */
int vpc_parse_vni(const char *text, uint32_t *vni, struct error *error);

/* SPDX-License-Identifier: BSD-3-Clause */
#include "setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/decode.h"
#include "control/yaml.h"

/*
 * The file by tables of fields, as weir's own. Names go into command lines and flow texts, so only
 * characters that mean nothing there are let in.
 */
enum {
	GROUP_MOST = 65535, // it stands in 16 bits of our flows' cookies
	TABLE_MOST = 253,
	PRIORITY = 1000,
	LOOK = 1000, // milliseconds
	BFD_INTERVAL = 100,
	BFD_MULTIPLIER = 3,
	VXLAN_PORT = 4789,
	VNI_MOST = (1 << 24) - 1,
	WEIGHT_MOST = 65535,
	FILE_MOST = 4 << 20,
};

static const char *const hash_words[] = {"ports", "addresses", NULL};

static int decode_name(struct decode *d, const json_t *value, const struct field *field,
		       void *target)
{
	const char *name = (const char *)target + field->offset;
	int status = decode_text(d, value, field, target);

	if (status == 0 &&
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")])
		return decode_fail(d, -EINVAL,
				   "must be of letters, digits, \"_\", \".\" and \"-\" alone");
	if (status == 0 && name[0] == '-')
		return decode_fail(d, -EINVAL, "must not begin with \"-\"");
	return status;
}

static int decode_unicast(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	const struct addr *a = (const struct addr *)((char *)target + field->offset);
	int status = decode_address(d, value, field, target);

	if (status == 0 && (addr_is_multicast(a) || addr_is_unspecified(a)))
		return decode_fail(d, -EINVAL, "must be the address of one host");
	return status;
}

static int decode_mac(struct decode *d, const json_t *value, const struct field *field,
		      void *target)
{
	const char *text = json_string_value(value);
	unsigned int b[6];
	char rest;

	if (text == NULL || sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3],
				   &b[4], &b[5], &rest) != 6)
		return decode_fail(d, -EINVAL, "must be a MAC address such as fa:16:3f:5d:6c:08");
	if (b[0] & 1)
		return decode_fail(d, -EINVAL, "is a group's MAC address, not that of one VM");
	snprintf((char *)target + field->offset, field->size, "%02x:%02x:%02x:%02x:%02x:%02x", b[0],
		 b[1], b[2], b[3], b[4], b[5]);
	return 0;
}

/* Gateways */

static const struct field gateway_fields[] = {
	{"address", decode_unicast, FIELD_OF(struct setup_gateway, address), .required = true},
	{"weight", decode_integer, FIELD_OF(struct setup_gateway, weight), .maximum = WEIGHT_MOST},
	{"name", decode_name, FIELD_OF(struct setup_gateway, name), .minimum = 1},
	{NULL},
};

/* The same on every host and in every order: flows of a VM that moves keep their gateway. */
uint32_t setup_hash(const struct addr *a, uint32_t more)
{
	uint32_t hash = 2166136261u;

	for (unsigned int i = 0; i < sizeof(a->bytes); i++)
		hash = (hash ^ a->bytes[i]) * 16777619u;
	for (unsigned int i = 0; i < 4; i++)
		hash = (hash ^ (more >> 8 * i & 255)) * 16777619u;
	return hash ^ hash >> 15;
}

static int decode_gateway(struct decode *d, const json_t *row, struct setup *setup)
{
	struct setup_gateway *g = &setup->gateways[setup->gateway_count];
	int status;

	g->weight = 1;
	status = decode_object(d, row, gateway_fields, g);
	if (status < 0)
		return status;
	if (g->name[0] == '\0') {
		uint32_t number = g->address.family == AF_INET ? ntohl(g->address.v4)
							       : setup_hash(&g->address, 0);

		snprintf(g->name, sizeof(g->name), "weir-%08x", number);
	}
	for (uint32_t i = 0; i < setup->gateway_count; i++) {
		bool same = addr_equal(&setup->gateways[i].address, &g->address);

		if (!same && strcmp(setup->gateways[i].name, g->name) != 0)
			continue;
		decode_enter(d, same ? ".address" : ".name");
		return decode_fail(d, -EINVAL, "is that of gateways[%u] too", i);
	}
	setup->gateway_count++;
	return 0;
}

static int decode_gateways(struct decode *d, const json_t *value, const struct field *field,
			   void *target)
{
	struct setup *setup = target;
	size_t size, i, length;
	json_t *row;
	int status = decode_list_size(d, value, SETUP_GATEWAYS, &size);

	if (status < 0)
		return status;
	setup->gateways = calloc(size + 1, sizeof(*setup->gateways));
	if (setup->gateways == NULL)
		return decode_fail(d, -ENOMEM, "out of memory");
	json_array_foreach ((json_t *)value, i, row) {
		length = decode_enter(d, "[%zu]", i);
		status = decode_gateway(d, row, setup);
		if (status < 0)
			return status;
		decode_leave(d, length);
	}
	return 0;
}

/* VMs */

static int decode_vips(struct decode *d, const json_t *value, const struct field *field,
		       void *target)
{
	struct field one = {.size = sizeof(struct addr)};
	struct setup_vm *vm = target;
	size_t size, i, length;
	json_t *row;
	int status = decode_list_size(d, value, SETUP_VIPS, &size);

	if (status < 0)
		return status;
	json_array_foreach ((json_t *)value, i, row) {
		length = decode_enter(d, "[%zu]", i);
		status = decode_unicast(d, row, &one, &vm->vips[i]);
		if (status < 0)
			return status;
		decode_leave(d, length);
	}
	vm->vip_count = size;
	return 0;
}

static const struct field vm_fields[] = {
	{"port", decode_name, FIELD_OF(struct setup_vm, port), .minimum = 1, .required = true},
	{"vni", decode_integer, FIELD_OF(struct setup_vm, vni), .minimum = 1, .maximum = VNI_MOST,
	 .required = true},
	{"mac", decode_mac, FIELD_OF(struct setup_vm, mac)},
	{"vips", decode_vips},
	{NULL},
};

/* What comes back has to find its VM. */
static int judge_vm(struct decode *d, const struct setup *setup, const struct setup_vm *vm)
{
	size_t length;

	for (uint32_t i = 0; i < setup->vm_count; i++) {
		const struct setup_vm *other = &setup->vms[i];

		if (strcmp(other->port, vm->port) == 0) {
			decode_enter(d, ".port");
			return decode_fail(d, -EINVAL, "is that of vms[%u] too", i);
		}
		if (other->vni != vm->vni)
			continue;
		length = decode_enter(d, ".mac");
		if (vm->mac[0] == '\0' || other->mac[0] == '\0')
			return decode_fail(d, -EINVAL,
					   "is needed here and in vms[%u]: VNI %u has several VMs",
					   i, vm->vni);
		if (strcmp(other->mac, vm->mac) == 0)
			return decode_fail(d, -EINVAL, "is that of vms[%u] in the same VNI too", i);
		decode_leave(d, length);
	}
	return 0;
}

static int decode_vms(struct decode *d, const json_t *value, const struct field *field,
		      void *target)
{
	struct setup *setup = target;
	size_t size, i, length;
	json_t *row;
	int status = decode_list_size(d, value, SETUP_VMS, &size);

	if (status < 0)
		return status;
	setup->vms = calloc(size + 1, sizeof(*setup->vms));
	if (setup->vms == NULL)
		return decode_fail(d, -ENOMEM, "out of memory");
	json_array_foreach ((json_t *)value, i, row) {
		length = decode_enter(d, "[%zu]", i);
		status = decode_object(d, row, vm_fields, &setup->vms[i]);
		if (status == 0)
			status = judge_vm(d, setup, &setup->vms[i]);
		if (status < 0)
			return status;
		setup->vm_count++;
		decode_leave(d, length);
	}
	return 0;
}

/* The whole */

static const struct field bfd_fields[] = {
	{"interval", decode_integer, FIELD_OF(struct setup, bfd_interval), .minimum = 10,
	 .maximum = 60000},
	{"multiplier", decode_integer, FIELD_OF(struct setup, bfd_multiplier), .minimum = 1,
	 .maximum = 255},
	{NULL},
};

static int decode_bfd_times(struct decode *d, const json_t *value, const struct field *field,
			    void *target)
{
	return decode_object(d, value, bfd_fields, target);
}

static const struct field setup_fields[] = {
	{"bridge", decode_name, FIELD_OF(struct setup, bridge), .minimum = 1, .required = true},
	{"group", decode_integer, FIELD_OF(struct setup, group), .minimum = 1,
	 .maximum = GROUP_MOST},
	{"table", decode_integer, FIELD_OF(struct setup, table), .maximum = TABLE_MOST},
	{"priority", decode_integer, FIELD_OF(struct setup, priority), .minimum = 1,
	 .maximum = 65535},
	{"interval", decode_integer, FIELD_OF(struct setup, interval), .minimum = 100,
	 .maximum = 3600000},
	{"run_directory", decode_text, FIELD_OF(struct setup, run_directory), .minimum = 1},
	{"local", decode_unicast, FIELD_OF(struct setup, local)},
	{"port", decode_integer, FIELD_OF(struct setup, port), .minimum = 1, .maximum = 65535},
	{"hash", decode_word, FIELD_OF(struct setup, hash), .more = hash_words},
	{"bfd", decode_bfd_times},
	{"gateways", decode_gateways, .required = true},
	{"vms", decode_vms},
	{NULL},
};

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
	while (b != 0) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/*
 * A bucket's weight is no share: Open vSwitch multiplies a score with it, and 2 beside 1 gets three
 * of four flows. So a gateway gets as many buckets as its weight says, all of weight 1.
 */
static int buckets_count(struct setup *setup, struct error *error)
{
	uint32_t divisor = 0, sum = 0;

	for (uint32_t i = 0; i < setup->gateway_count; i++)
		divisor = common_divisor(divisor, setup->gateways[i].weight);
	for (uint32_t i = 0; i < setup->gateway_count && divisor > 0; i++) {
		setup->gateways[i].copies = setup->gateways[i].weight / divisor;
		sum += setup->gateways[i].copies;
	}
	if (sum > SETUP_BUCKETS)
		return error_set(error, -EINVAL, "gateways",
				 "have weights that add up to %u where %u is the most; use smaller "
				 "numbers in about the same proportion",
				 sum, SETUP_BUCKETS);
	return 0;
}

static int families_check(struct decode *d, const struct setup *setup)
{
	for (uint32_t i = 0; i < setup->gateway_count; i++) {
		if (setup->local.family == AF_UNSPEC ||
		    setup->local.family == setup->gateways[i].address.family)
			continue;
		decode_enter(d, ".gateways[%u].address", i);
		return decode_fail(d, -EINVAL, "is not of the family of \"local\"");
	}
	return 0;
}

int setup_parse(const char *text, size_t size, struct setup *setup, struct error *error)
{
	struct decode d = {.error = error};
	json_t *json = yaml_parse(text, size, error);
	int status;

	*setup = (struct setup){
		.group = 1,
		.priority = PRIORITY,
		.interval = LOOK,
		.port = VXLAN_PORT,
		.bfd_interval = BFD_INTERVAL,
		.bfd_multiplier = BFD_MULTIPLIER,
	};
	if (json == NULL)
		return error->code;
	status = decode_object(&d, json, setup_fields, setup);
	json_decref(json);
	if (status == 0)
		status = families_check(&d, setup);
	if (status == 0 && setup->gateway_count == 0)
		status = error_set(error, -EINVAL, "gateways", "must name one at least");
	return status == 0 ? buckets_count(setup, error) : status;
}

int setup_read(const char *path, struct setup *setup, struct error *error)
{
	FILE *in = fopen(path, "re");
	char *text = malloc(FILE_MOST);
	size_t size;
	int status;

	memset(setup, 0, sizeof(*setup));
	if (in == NULL || text == NULL) {
		status = error_set(error, -errno, "", "%s: cannot be read: %m", path);
		goto close_file;
	}
	size = fread(text, 1, FILE_MOST, in);
	if (ferror(in) || size == FILE_MOST)
		status = error_set(error, -EINVAL, "", "%s: %s", path,
				   ferror(in) ? "cannot be read" : "is too long");
	else
		status = setup_parse(text, size, setup, error);
close_file:
	if (in != NULL)
		fclose(in);
	free(text);
	return status;
}

void setup_free(struct setup *setup)
{
	free(setup->gateways);
	free(setup->vms);
	memset(setup, 0, sizeof(*setup));
}

/* SPDX-License-Identifier: BSD-3-Clause */

/* The section `vpc` of the file, and rows of VMs and VNIs as every door has them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>

#include "control/config.h"
#include "control/document_fields.h"
#include "control/vpc.h"

enum {
	VNIS_MAX = 65536, // with settings of their own
	MTU_MIN = 1280,
	MTU_MAX = 9216,
};

/* weir's MAC in every VNI: "weir" and a 1, locally administered. */
static const uint8_t default_mac[RTE_ETHER_ADDR_LEN] = {0x02, 0x77, 0x65, 0x69, 0x72, 0x01};

void vpc_config_defaults(struct vpc_config *config)
{
	memset(config, 0, sizeof(*config));
	config->tunnel.port = TUNNEL_VXLAN_PORT;
	memcpy(config->tunnel.mac, default_mac, sizeof(default_mac));
}

void vpc_config_drop_lists(struct vpc_config *config)
{
	config->vnis = NULL;
	config->vms = NULL;
	config->vni_count = config->vm_count = 0;
}

void vpc_config_free(struct vpc_config *config)
{
	free(config->vnis);
	free(config->vms);
	vpc_config_drop_lists(config);
}

/* The MAC of one station. */
static int decode_station(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	const char *text = json_string_value(value);
	struct rte_ether_addr mac;

	if (text == NULL || rte_ether_unformat_addr(text, &mac) < 0)
		return decode_fail(d, -EINVAL, "must be a MAC address such as fa:16:3f:5d:6c:08");
	if (!rte_is_valid_assigned_ether_addr(&mac))
		return decode_fail(d, -EINVAL, "%s is no MAC address of one station", text);
	memcpy((char *)target + field->offset, mac.addr_bytes, RTE_ETHER_ADDR_LEN);
	return 0;
}

/* VMs */

static const struct field vm_fields[] = {
	{"vni", decode_integer, FIELD_OF(struct vm_row, vni), .minimum = 1, .maximum = VNI_MAX,
	 .required = true},
	{"address", document_decode_unicast, FIELD_OF(struct vm_row, addr), .required = true},
	{"mac", decode_station, FIELD_OF(struct vm_row, mac), .required = true},
	{"host", document_decode_unicast, FIELD_OF(struct vm_row, host), .required = true},
	{"origin", decode_ignore},
	{"age", decode_ignore},
	{"path_mtu", decode_ignore},
	{NULL},
};

static int check_host(struct decode *d, const struct vm_row *row)
{
	bool reachable = row->host.family == AF_INET6 ? vxlan.has_v6 : vxlan.v4 != 0;

	if (reachable || vxlan.port == VXLAN_PORT_OFF)
		return 0;
	decode_enter(d, ".host");
	return decode_fail(d, -EINVAL, "is IPv%c, and vpc.addresses of weir has none of that",
			   row->host.family == AF_INET6 ? '6' : '4');
}

/* Of the file, which is judged when all of it is known; to be put now; to be removed, named by their keys. */
enum rows_for { ROWS_FILE, ROWS_PUT, ROWS_REMOVE };

static int decode_rows(struct decode *d, const json_t *list, uint8_t origin, enum rows_for purpose,
		       struct vm_row **rows, unsigned int *count)
{
	struct field fields[sizeof(vm_fields) / sizeof(vm_fields[0])];
	size_t length, wanted;
	int status = decode_list_size(d, list, VM_MAX, &wanted);

	if (status < 0)
		return status;
	memcpy(fields, vm_fields, sizeof(fields));
	for (unsigned int i = 2; purpose == ROWS_REMOVE && fields[i].name != NULL; i++)
		fields[i].required = false;
	free(*rows);
	*count = 0;
	*rows = calloc(wanted + 1, sizeof(**rows));
	if (*rows == NULL)
		return decode_fail(d, -ENOMEM, "out of memory");
	for (size_t i = 0; i < wanted; i++) {
		struct vm_row *row = &(*rows)[i];

		row->origin = origin;
		length = decode_enter(d, "[%zu]", i);
		status = decode_object(d, json_array_get(list, i), fields, row);
		if (status == 0 && purpose == ROWS_PUT)
			status = check_host(d, row);
		if (status < 0)
			return status;
		decode_leave(d, length);
		(*count)++;
	}
	return 0;
}

static int need_tunnel(struct error *error)
{
	if (vxlan.port != VXLAN_PORT_OFF)
		return 0;
	return error_set(error, -EINVAL, "",
			 "this weir is no VPC gateway: vpc.addresses in its file says where "
			 "VXLAN packets arrive");
}

static int decode_body(const json_t *body, uint8_t origin, enum rows_for purpose,
		       struct vm_row **rows, unsigned int *count, struct error *error)
{
	struct decode d = {.error = error};
	const json_t *list = json_object_get(body, "vms");
	int status = need_tunnel(error);

	*rows = NULL;
	*count = 0;
	if (status < 0)
		return status;
	decode_enter(&d, ".vms");
	if (list == NULL)
		return decode_fail(&d, -EINVAL, "is missing");
	status = decode_rows(&d, list, origin, purpose, rows, count);
	if (status < 0) {
		free(*rows);
		*rows = NULL;
	}
	return status;
}

int vpc_decode_vms(const json_t *body, uint8_t origin, struct vm_row **rows, unsigned int *count,
		   struct error *error)
{
	return decode_body(body, origin, ROWS_PUT, rows, count, error);
}

int vpc_decode_vm_keys(const json_t *body, struct vm_row **rows, unsigned int *count,
		       struct error *error)
{
	return decode_body(body, ORIGIN_REST, ROWS_REMOVE, rows, count, error);
}

int vpc_decode_vm(const json_t *body, struct vm_row *row, struct error *error)
{
	struct decode d = {.error = error};
	const struct vm_row wanted = *row;
	struct field fields[sizeof(vm_fields) / sizeof(vm_fields[0])];
	int status = need_tunnel(error);

	memcpy(fields, vm_fields, sizeof(fields));
	fields[0].required = fields[1].required = false; // they stand in the path
	if (status == 0)
		status = document_check_unicast(&d, &row->addr);
	if (status == 0)
		status = decode_object(&d, body, fields, row);
	if (status == 0)
		status = check_host(&d, row);
	if (status == 0 && (row->vni != wanted.vni || !addr_equal(&row->addr, &wanted.addr)))
		return error_set(error, -EINVAL, "",
				 "vni and address differ from those in the path");
	return status;
}

/* VNIs */

static int decode_check_host(struct decode *d, const json_t *value, const struct field *field,
			     void *target)
{
	struct vpc_vni *vni = target;

	if (!json_is_boolean(value))
		return decode_fail(d, -EINVAL, "must be true or false");
	vni->settings.trusted = json_is_false(value);
	return 0;
}

static int decode_vni_tap(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	if (!json_is_boolean(value))
		return decode_fail(d, -EINVAL, "must be true or false");
	((struct vpc_vni *)target)->no_tap = json_is_false(value);
	return 0;
}

static int decode_local(struct decode *d, const json_t *value, struct vpc_vni *vni)
{
	const char *text = json_string_value(value);
	struct prefix *local = &vni->locals[vni->local_count];

	if (text == NULL || strchr(text, '/') == NULL || prefix_parse(text, local) < 0)
		return decode_fail(d, -EINVAL,
				   "must be an address with its prefix length, such as "
				   "172.16.25.1/24");
	for (unsigned int i = 0; i < vni->local_count; i++)
		if (addr_equal(&vni->locals[i].addr, &local->addr))
			return decode_fail(d, -EINVAL, "is the same as [%u]", i);
	return document_check_unicast(d, &local->addr);
}

static int decode_vni_locals(struct decode *d, const json_t *value, const struct field *field,
			     void *target)
{
	struct vpc_vni *vni = target;
	size_t length, count;
	int status = decode_list_size(d, value, VNI_LOCALS_MAX, &count);

	vni->local_count = 0;
	for (size_t i = 0; i < count && status == 0; i++) {
		length = decode_enter(d, "[%zu]", i);
		status = decode_local(d, json_array_get(value, i), vni);
		if (status < 0)
			return status;
		vni->local_count++;
		decode_leave(d, length);
	}
	return status;
}

static const struct field vni_fields[] = {
	{"vni", decode_integer, FIELD_OF(struct vpc_vni, vni), .minimum = 1, .maximum = VNI_MAX,
	 .required = true},
	{"mtu", decode_integer, FIELD_OF(struct vpc_vni, settings.mtu), .minimum = MTU_MIN,
	 .maximum = MTU_MAX},
	{"check_host", decode_check_host},
	{"local_addresses", decode_vni_locals},
	{"tap", decode_vni_tap},
	{"learn", decode_boolean, FIELD_OF(struct vpc_vni, settings.learn)},
	{"learn_max", decode_integer, FIELD_OF(struct vpc_vni, settings.learn_max), .minimum = 1,
	 .maximum = VM_MAX},
	{"learn_age", decode_integer, FIELD_OF(struct vpc_vni, settings.learn_age), .minimum = 1,
	 .maximum = VM_LEARN_AGE_MAX},
	{"learned", decode_ignore},
	{"origin", decode_ignore},
	{NULL},
};

/* `hosts`: how many prefixes learn_from has. */
static int judge_vni(struct decode *d, struct vpc_vni *vni, unsigned int hosts)
{
	struct vni_settings *settings = &vni->settings;

	if (!settings->learn && (settings->learn_max || settings->learn_age)) {
		decode_enter(d, settings->learn_max ? ".learn_max" : ".learn_age");
		return decode_fail(d, -EINVAL, "goes only with learn: true");
	}
	if (!settings->learn)
		return 0;
	if (hosts == 0) {
		decode_enter(d, ".learn");
		return decode_fail(d, -EINVAL,
				   "needs vpc.learn_from in the file: the prefixes of hosts whose "
				   "VMs are learned, such as 10.162.0.0/16");
	}
	if (settings->learn_max == 0)
		settings->learn_max = VM_LEARN_MAX_DEFAULT;
	if (settings->learn_age == 0)
		settings->learn_age = VM_LEARN_AGE_DEFAULT;
	return 0;
}

int vpc_decode_vni(const json_t *body, struct vpc_vni *vni, struct error *error)
{
	struct field fields[sizeof(vni_fields) / sizeof(vni_fields[0])];
	struct decode d = {.error = error};
	uint32_t wanted = vni->vni;
	int status = need_tunnel(error);

	memcpy(fields, vni_fields, sizeof(fields));
	fields[0].required = false;
	if (status == 0)
		status = decode_object(&d, body, fields, vni);
	if (status == 0)
		status = judge_vni(&d, vni, vm_learn_permitted());
	if (status == 0 && vni->vni != wanted)
		return error_set(error, -EINVAL, "vni", "differs from that in the path");
	return status;
}

int vpc_parse_vni(const char *text, uint32_t *vni, struct error *error)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || number == 0 || number > VNI_MAX)
		return error_set(error, -EINVAL, "vni", "\"%.32s\" is no VNI, 1 to %d", text,
				 VNI_MAX);
	*vni = (uint32_t)number;
	return 0;
}

static int decode_vnis(struct decode *d, const json_t *value, const struct field *field,
		       void *target)
{
	struct vpc_config *vpc = target;
	size_t length, count;
	int status = decode_list_size(d, value, VNIS_MAX, &count);

	if (status < 0)
		return status;
	free(vpc->vnis);
	vpc->vni_count = 0;
	vpc->vnis = calloc(count + 1, sizeof(*vpc->vnis));
	if (vpc->vnis == NULL)
		return decode_fail(d, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		length = decode_enter(d, "[%zu]", i);
		status = decode_object(d, json_array_get(value, i), vni_fields, &vpc->vnis[i]);
		if (status < 0)
			return status;
		decode_leave(d, length);
		vpc->vni_count++;
	}
	return 0;
}

/* The section */

static int decode_addresses(struct decode *d, const json_t *value, const struct field *field,
			    void *target)
{
	struct vxlan_settings *tunnel = &((struct vpc_config *)target)->tunnel;
	struct field place = {.size = sizeof(struct addr)};
	size_t length, count;
	int status = decode_list_size(d, value, 2, &count);

	tunnel->address_count = 0;
	for (size_t i = 0; i < count && status == 0; i++) {
		length = decode_enter(d, "[%zu]", i);
		status = document_decode_unicast(d, json_array_get(value, i), &place,
						 &tunnel->addresses[i]);
		if (status == 0 && i == 1 &&
		    tunnel->addresses[0].family == tunnel->addresses[1].family)
			status = decode_fail(d, -EINVAL,
					     "is of the same family as [0]: there is one of each");
		if (status < 0)
			return status;
		tunnel->address_count++;
		decode_leave(d, length);
	}
	return status;
}

static int decode_vms(struct decode *d, const json_t *value, const struct field *field,
		      void *target)
{
	struct vpc_config *vpc = target;

	return decode_rows(d, value, ORIGIN_FILE, ROWS_FILE, &vpc->vms, &vpc->vm_count);
}

static int decode_learn_from(struct decode *d, const json_t *value, const struct field *field,
			     void *target)
{
	struct vpc_config *vpc = target;
	size_t length, count;
	int status = decode_list_size(d, value, VM_LEARN_HOSTS, &count);

	vpc->learn_from_count = 0;
	for (size_t i = 0; i < count && status == 0; i++) {
		const char *text = json_string_value(json_array_get(value, i));

		length = decode_enter(d, "[%zu]", i);
		if (text == NULL || prefix_parse(text, &vpc->learn_from[i]) < 0)
			return decode_fail(d, -EINVAL, "must be a prefix such as 10.162.0.0/16");
		vpc->learn_from_count++;
		decode_leave(d, length);
	}
	return status;
}

static const struct field vpc_fields[] = {
	{"addresses", decode_addresses},
	{"learn_from", decode_learn_from},
	{"port", decode_integer, FIELD_OF(struct vpc_config, tunnel.port), .minimum = 1,
	 .maximum = 65535},
	{"mac", decode_station, FIELD_OF(struct vpc_config, tunnel.mac)},
	{"vnis", decode_vnis},
	{"vms", decode_vms},
	{NULL},
};

static int judge_vnis(struct decode *d, struct vpc_config *vpc)
{
	int status = 0;

	for (unsigned int i = 0; i < vpc->vni_count && status == 0; i++) {
		size_t length = decode_enter(d, ".vnis[%u]", i);

		status = judge_vni(d, &vpc->vnis[i], vpc->learn_from_count);
		if (status == 0)
			decode_leave(d, length);
	}
	return status;
}

/* Every host needs an end of the tunnel of its family here. */
static int check_families(struct decode *d, const struct vpc_config *vpc)
{
	bool has[2] = {false, false};

	for (unsigned int i = 0; i < vpc->tunnel.address_count; i++)
		has[vpc->tunnel.addresses[i].family == AF_INET6] = true;
	for (unsigned int i = 0; i < vpc->vm_count; i++) {
		bool ipv6 = vpc->vms[i].host.family == AF_INET6;

		if (has[ipv6])
			continue;
		decode_enter(d, ".vms[%u].host", i);
		return decode_fail(d, -EINVAL, "is IPv%c, and vpc.addresses has none of that",
				   ipv6 ? '6' : '4');
	}
	return 0;
}

int decode_vpc(struct decode *d, const json_t *value, const struct field *field, void *target)
{
	struct vpc_config *vpc = &((struct config *)target)->vpc;
	int status = json_is_null(value) ? 0 : decode_object(d, value, vpc_fields, vpc);

	if (status < 0 || json_is_null(value))
		return status;
	if (vpc->tunnel.address_count == 0) {
		decode_enter(d, ".addresses");
		return decode_fail(d, -EINVAL,
				   "is missing: the addresses at which VXLAN packets arrive, one "
				   "of each family at most");
	}
	status = judge_vnis(d, vpc);
	return status < 0 ? status : check_families(d, vpc);
}

static json_t *learn_from_json(const struct vpc_config *config)
{
	json_t *list = json_array();
	char text[PREFIX_TEXT];

	for (unsigned int i = 0; i < config->learn_from_count; i++)
		json_array_append_new(list,
				      json_string(prefix_format(&config->learn_from[i], text)));
	return list;
}

/* Real servers in a VNI */

static bool vni_has_local(const struct vpc_vni *vni, uint8_t family)
{
	for (unsigned int i = 0; vni != NULL && i < vni->local_count; i++)
		if (vni->locals[i].addr.family == family)
			return true;
	return false;
}

int vpc_judge_server(const struct vpc_vni *vni, uint32_t number, const struct addr *server,
		     struct error *error)
{
	if (vni_has_local(vni, server->family))
		return 0;
	return error_set(error, -EINVAL, "vni",
			 "weir has no local address of IPv%c in VNI %u: it is one of "
			 "local_addresses in the settings of the VNI",
			 server->family == AF_INET6 ? '6' : '4', number);
}

static const struct vpc_vni *config_vni(const struct vpc_config *config, uint32_t number)
{
	for (unsigned int i = 0; i < config->vni_count; i++)
		if (config->vnis[i].vni == number)
			return &config->vnis[i];
	return NULL;
}

static int config_check_servers(const struct vpc_config *config,
				const struct model_service *service, struct error *error)
{
	char name[SERVICE_TEXT], server[ENDPOINT_TEXT];

	for (unsigned int i = 0; i < service->server_count; i++) {
		const struct model_server *s = &service->servers[i];
		struct error inner;

		if (s->vni == 0 ||
		    vpc_judge_server(config_vni(config, s->vni), s->vni, &s->addr, &inner) == 0)
			continue;
		return error_set(error, inner.code, "services",
				 "%s, servers, %s: vni: %s (vpc.vnis of this file)",
				 model_service_format(&service->key, name),
				 endpoint_format(&s->addr, s->port, server), inner.text);
	}
	return 0;
}

int vpc_config_check_servers(const struct vpc_config *config, const struct document *document,
			     struct error *error)
{
	int status = 0;

	for (unsigned int i = 0; i < document->service_count && status == 0; i++)
		status = config_check_servers(config, document->services[i], error);
	return status;
}

json_t *vpc_config_json(const struct vpc_config *config)
{
	json_t *addresses = json_array(), *object;
	char text[ADDR_TEXT], mac[RTE_ETHER_ADDR_FMT_SIZE];

	if (config->tunnel.address_count == 0) {
		json_decref(addresses);
		return NULL;
	}
	for (unsigned int i = 0; i < config->tunnel.address_count; i++)
		json_array_append_new(addresses,
				      json_string(addr_format(&config->tunnel.addresses[i], text)));
	rte_ether_format_addr(mac, sizeof(mac), (const struct rte_ether_addr *)config->tunnel.mac);
	object = json_pack("{s:o, s:i, s:s}", "addresses", addresses, "port", config->tunnel.port,
			   "mac", mac);
	if (config->learn_from_count > 0)
		json_object_set_new(object, "learn_from", learn_from_json(config));
	return object;
}

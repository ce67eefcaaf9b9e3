/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/config_fields.h"

#include "control/config_interface.h"
#include "control/document_fields.h"
#include "control/nat_journal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Sections are decoded over what was there, so that a section that names one field leaves the
 * others at their default (or as they run). Lists are replaced.
 */
const char *const config_log_levels[] = {
	[LOG_ERROR] = "error", [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
	[LOG_INFO] = "info",   [LOG_DEBUG] = "debug",	  NULL,
};

struct punt_policer config_policer(uint32_t packets_per_second)
{
	uint32_t burst = packets_per_second / 4;

	return (struct punt_policer){
		.packets_per_second = packets_per_second,
		.burst = burst < 64 ? 64 : burst,
	};
}

bool config_is_pci(const char *device)
{
	unsigned int domain, bus, slot, function;
	int length = 0;

	if (sscanf(device, "%4x:%2x:%2x.%1x%n", &domain, &bus, &slot, &function, &length) != 4)
		length = 0;
	if (length == 0 && sscanf(device, "%2x:%2x.%1x%n", &bus, &slot, &function, &length) != 3)
		length = 0;
	return length > 0 && device[length] == '\0';
}

/* A word for names of files and of DPDK's own: letters, digits, "-" and "_". */
static int decode_instance(struct decode *d, const json_t *value, const struct field *field,
			   void *target)
{
	int status = decode_text(d, value, field, target);
	const char *text = (const char *)target + field->offset;

	if (status < 0)
		return status;
	for (; *text != '\0'; text++) {
		if (!isalnum((unsigned char)*text) && *text != '-' && *text != '_')
			return decode_fail(d, -EINVAL, "may hold letters, digits, - and _ only");
	}
	return 0;
}

static int decode_path(struct decode *d, const json_t *value, const struct field *field,
		       void *target)
{
	int status = decode_text(d, value, field, target);

	if (status == 0 && *((char *)target + field->offset) != '/')
		return decode_fail(d, -EINVAL, "must be an absolute path");
	return status;
}

/* Workers */

static int check_cpu(struct decode *d, int cpu)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);

	if (cpu >= cpus)
		return decode_fail(d, -EINVAL, "there is no CPU %d: this machine has %ld", cpu,
				   cpus);
	return 0;
}

/* A number of workers, or a list of CPUs with a worker on each. */
static int decode_workers(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	struct workers_config *workers = &((struct config *)target)->workers;
	struct field number = {.size = 4, .minimum = 1, .maximum = WORKERS_MAX};
	struct field cpu = {.size = 4, .minimum = 0, .maximum = 1023};
	size_t length, count;
	uint32_t cpus = 0;
	int status;

	for (unsigned int i = 0; i < WORKERS_MAX; i++)
		workers->cpus[i] = -1;
	if (!json_is_array(value)) {
		status = decode_integer(d, value, &number, &cpus);
		workers->count = cpus;
		return status;
	}
	status = decode_list_size(d, value, WORKERS_MAX, &count);
	if (status < 0)
		return status;
	if (count == 0)
		return decode_fail(d, -EINVAL, "must name at least one CPU");
	for (size_t i = 0; i < count; i++) {
		length = decode_enter(d, "[%zu]", i);
		status = decode_integer(d, json_array_get(value, i), &cpu, &workers->cpus[i]);
		if (status == 0)
			status = check_cpu(d, workers->cpus[i]);
		for (size_t k = 0; k < i && status == 0; k++) {
			if (workers->cpus[k] == workers->cpus[i])
				status = decode_fail(d, -EINVAL,
						     "CPU %d is named by workers[%zu] already",
						     workers->cpus[i], k);
		}
		if (status < 0)
			return status;
		decode_leave(d, length);
	}
	workers->count = (unsigned int)count;
	return 0;
}

static int decode_cpu(struct decode *d, const json_t *value, const struct field *field,
		      void *target)
{
	int status = decode_integer(d, value, field, target);

	return status < 0 ? status : check_cpu(d, *(int *)((char *)target + field->offset));
}

static const struct field session_fields[] = {
	{"ipv4", decode_integer, FIELD_OF(struct config, workers.sessions), .minimum = 1024,
	 .maximum = 1 << 30},
	{"ipv6", decode_integer, FIELD_OF(struct config, workers.sessions_wide), .minimum = 1024,
	 .maximum = 1 << 30},
	{"half_open_percent", decode_integer, FIELD_OF(struct config, workers.half_open_percent),
	 .minimum = 1, .maximum = 100},
	{NULL},
};

/* Memory */

static int decode_hugepages(struct decode *d, const json_t *value, const struct field *field,
			    void *target)
{
	static const char *const words[] = {"never", "always", "auto", NULL};
	struct field word = {.size = 1, .more = words};
	uint8_t index = 0;
	int status = decode_word(d, value, &word, &index);

	if (status == 0)
		((struct config *)target)->eal.hugepages = index == 2 ? -1 : index;
	return status;
}

static const struct field memory_fields[] = {
	{"hugepages", decode_hugepages},
	{"megabytes", decode_integer, FIELD_OF(struct config, eal.memory_mb), .minimum = 32,
	 .maximum = 1 << 20},
	{"buffers", decode_integer, FIELD_OF(struct config, pool.buffers), .maximum = 1 << 26},
	{"data_room", decode_integer, FIELD_OF(struct config, pool.data_room), .minimum = 1024,
	 .maximum = 16384},
	{NULL},
};

static int decode_eal(struct decode *d, const json_t *value, const struct field *field,
		      void *target)
{
	struct config *config = target;
	size_t length, count;
	int status = decode_list_size(d, value, CONFIG_EAL_ARGUMENTS, &count);

	if (status < 0)
		return status;
	for (unsigned int i = 0; i < CONFIG_EAL_ARGUMENTS; i++) {
		free(config->eal_arguments[i]);
		config->eal_arguments[i] = NULL;
	}
	config->eal.argument_count = 0;
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(value, i));

		length = decode_enter(d, "[%zu]", i);
		if (text == NULL)
			return decode_fail(d, -EINVAL, "must be text");
		config->eal_arguments[i] = strdup(text);
		if (config->eal_arguments[i] == NULL)
			return decode_fail(d, -ENOMEM, "out of memory");
		config->eal.argument_count++;
		decode_leave(d, length);
	}
	return 0;
}

/* Policers */

static int decode_policer(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	struct field rate = {.size = 4, .maximum = UINT32_MAX / 2};
	uint32_t packets_per_second;
	int status = decode_integer(d, value, &rate, &packets_per_second);

	if (status == 0)
		*(struct punt_policer *)((char *)target + field->offset) =
			config_policer(packets_per_second);
	return status;
}

static const struct field policer_fields[] = {
	{"neighbour", decode_policer, FIELD_OF(struct config, policers[PUNT_NEIGHBOUR])},
	{"routing", decode_policer, FIELD_OF(struct config, policers[PUNT_ROUTING])},
	{"icmp", decode_policer, FIELD_OF(struct config, policers[PUNT_ICMP])},
	{"rest", decode_policer, FIELD_OF(struct config, policers[PUNT_REST])},
	{NULL},
};

static const struct field nat_log_fields[] = {
	{"rate", decode_integer, FIELD_OF(struct config, nat_log_rate),
	 .maximum = NAT_JOURNAL_RATE_MAX},
	{NULL},
};

/* When automatic SYN proxies are on: half of a rate, which turns one off again, has to be a rate. */
static const struct field syn_guard_fields[] = {
	{"service_rate", decode_integer, FIELD_OF(struct config, syn_guard.service_rate),
	 .minimum = 10, .maximum = 1000000000},
	{"node_rate", decode_integer, FIELD_OF(struct config, syn_guard.node_rate), .minimum = 10,
	 .maximum = 1000000000},
	{"quiet", decode_integer, FIELD_OF(struct config, syn_guard.quiet), .minimum = 1,
	 .maximum = 86400},
	{NULL},
};

/* Ports */

/* A name of an interface as Linux takes it. */
int decode_interface_name(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	int status = decode_text(d, value, field, target);
	const char *text = (const char *)target + field->offset;

	if (status < 0)
		return status;
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return decode_fail(d, -EINVAL, "\"%s\" is no name for an interface", text);
	for (; *text != '\0'; text++) {
		if (isspace((unsigned char)*text) || *text == '/' || *text == ':')
			return decode_fail(d, -EINVAL, "must not hold \"%c\"", *text);
	}
	return 0;
}

static int decode_one_address(struct decode *d, const json_t *value, const char *iface,
			      struct config *config)
{
	const char *text = json_string_value(value);
	struct config_address address = {0};
	struct config_address *larger;

	if (text == NULL || strchr(text, '/') == NULL || prefix_parse(text, &address.prefix) < 0)
		return decode_fail(d, -EINVAL,
				   "must be an address with its prefix length, "
				   "such as 10.0.0.1/24");
	snprintf(address.iface, sizeof(address.iface), "%s", iface);
	larger = realloc(config->addresses,
			 (config->address_count + 1) * sizeof(*config->addresses));
	if (larger == NULL)
		return decode_fail(d, -ENOMEM, "out of memory");
	config->addresses = larger;
	config->addresses[config->address_count++] = address;
	return 0;
}

int config_decode_addresses(struct decode *d, const json_t *list, const char *iface,
			    struct config *config)
{
	size_t inner, count = 0;
	int status = list ? decode_list_size(d, list, 4096, &count) : 0;

	for (size_t i = 0; i < count && status == 0; i++) {
		inner = decode_enter(d, "[%zu]", i);
		status = decode_one_address(d, json_array_get(list, i), iface, config);
		if (status == 0)
			decode_leave(d, inner);
	}
	return status;
}

void config_drop_addresses(struct config *config, const char *iface)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < config->address_count; i++)
		if (strcmp(config->addresses[i].iface, iface) != 0)
			config->addresses[kept++] = config->addresses[i];
	config->address_count = kept;
}

json_t *config_addresses_json(const struct config *config, const char *iface)
{
	json_t *texts = json_array();
	char text[PREFIX_TEXT];

	for (unsigned int i = 0; i < config->address_count; i++)
		if (strcmp(config->addresses[i].iface, iface) == 0)
			json_array_append_new(texts, json_string(prefix_format(
							     &config->addresses[i].prefix, text)));
	return texts;
}

/* In the order of enum port_steering. */
const char *const config_steerings[] = {"auto", "rss", "flow", "hand-over", NULL};

static const struct field port_fields[] = {
	{"name", decode_interface_name, FIELD_OF(struct port_config, name), .minimum = 1,
	 .required = true},
	{"device", decode_text, FIELD_OF(struct port_config, device), .minimum = 1,
	 .required = true},
	{"tap", decode_interface_name, FIELD_OF(struct port_config, tap), .minimum = 1},
	{"take_over", decode_boolean, FIELD_OF(struct port_config, take_over)},
	{"mtu", decode_integer, FIELD_OF(struct port_config, mtu), .maximum = 9216},
	{"descriptors", decode_integer, FIELD_OF(struct port_config, descriptors), .minimum = 64,
	 .maximum = 16384},
	{"steering", decode_word, FIELD_OF(struct port_config, steering), .more = config_steerings},
	{"addresses", decode_ignore}, // after the others, see port_decode()
	{NULL},
};

/* Decode one port into the place behind those that are there. */
static int port_decode(struct decode *d, const json_t *value, struct config *config)
{
	struct port_config *port = &config->ports[config->port_count];
	const json_t *addresses = json_object_get(value, "addresses");
	size_t length;
	int status;

	memset(port, 0, sizeof(*port));
	status = decode_object(d, value, port_fields, port);
	if (status < 0 || addresses == NULL)
		return status;
	length = decode_enter(d, ".addresses");
	status = config_decode_addresses(d, addresses, port->name, config);
	if (status == 0)
		decode_leave(d, length);
	return status;
}

static int check_port_twice(struct decode *d, const struct config *config)
{
	const struct port_config *port = &config->ports[config->port_count];

	for (unsigned int i = 0; i < config->port_count; i++) {
		const char *field = NULL;

		if (strcmp(config->ports[i].name, port->name) == 0)
			field = "name";
		else if (strcmp(config->ports[i].device, port->device) == 0)
			field = "device";
		else if (port->tap[0] != '\0' && strcmp(config->ports[i].tap, port->tap) == 0)
			field = "tap";
		if (field == NULL)
			continue;
		decode_enter(d, ".%s", field);
		return decode_fail(d, -EINVAL, "is the same as that of ports[%u]", i);
	}
	return 0;
}

static int decode_ports(struct decode *d, const json_t *value, const struct field *field,
			void *target)
{
	struct config *config = target;
	size_t length, count;
	int status = decode_list_size(d, value, PORT_MAX, &count);

	if (status < 0)
		return status;
	for (unsigned int i = 0; i < config->port_count; i++)
		config_drop_addresses(config, config->ports[i].name);
	config->port_count = 0;
	for (size_t i = 0; i < count; i++) {
		length = decode_enter(d, "[%zu]", i);
		status = port_decode(d, json_array_get(value, i), config);
		if (status == 0)
			status = check_port_twice(d, config);
		if (status < 0)
			return status;
		config->port_count++;
		decode_leave(d, length);
	}
	return 0;
}

/* The whole file */

static int decode_section(struct decode *d, const json_t *value, const struct field *field,
			  void *target)
{
	return json_is_null(value) ? 0 : decode_object(d, value, field->more, target);
}

static int decode_unknown_vip(struct decode *d, const json_t *value, const struct field *field,
			      void *target)
{
	static const char *const words[] = {"drop", "punt", NULL};
	struct field word = {.size = 1, .more = words};
	uint8_t index = 0;
	int status;

	if (json_is_string(value) && strcmp(json_string_value(value), "reset") == 0)
		return decode_fail(d, -EOPNOTSUPP,
				   "reset is not available yet; there is: drop, "
				   "punt");
	status = decode_word(d, value, &word, &index);
	if (status == 0)
		((struct config *)target)->workers.punt_unknown_vip_tcp = index == 1;
	return status;
}

/* Of sources, whatever service they use. */
static int decode_node_limits(struct decode *d, const json_t *value, const struct field *field,
			      void *target)
{
	return document_limits_decode(d, value, true, &((struct config *)target)->limits);
}

const struct field config_fields[] = {
	{"instance", decode_instance, FIELD_OF(struct config, instance), .minimum = 1},
	{"socket", decode_path, FIELD_OF(struct config, socket), .minimum = 1},
	{"ipvs_socket", decode_path, FIELD_OF(struct config, ipvs_socket), .minimum = 1},
	{"state_dir", decode_path, FIELD_OF(struct config, state_dir), .minimum = 1},
	{"log_level", decode_word, FIELD_OF(struct config, log_level), .more = config_log_levels},
	{"workers", decode_workers},
	{"main_cpu", decode_cpu, FIELD_OF(struct config, eal.main_cpu), .maximum = 1023},
	{"memory", decode_section, .more = memory_fields},
	{"sessions", decode_section, .more = session_fields},
	{"eal", decode_eal},
	{"unknown_vip_port", decode_unknown_vip},
	{"policers", decode_section, .more = policer_fields},
	{"ports", decode_ports},
	{"announce", decode_announce},
	{"nat_log", decode_section, .more = nat_log_fields},
	{"timeouts", decode_ignore}, // these three: document.c
	{"local_addresses", decode_ignore},
	{"marks", decode_ignore},
	{"services", decode_ignore},
	{"bonds", decode_ignore}, // these two: config_interface.c
	{"vlans", decode_ignore},
	{"tunnels", decode_ignore},
	{"vpc", decode_vpc},
	{"bfd", decode_bfd},
	{"traffic_control", decode_traffic},
	{"sets", decode_ignore}, // these four: document.c
	{"allow", decode_ignore},
	{"deny", decode_ignore},
	{"denied_sessions", decode_ignore},
	{"limits", decode_node_limits},
	{"syn_proxy", decode_section, .more = syn_guard_fields},
	{"checks", decode_later, .more = "a section of checks apart from services"},
	{"session_sync", decode_later, .more = "session synchronisation"},
	{NULL},
};

/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/config_fields.h"
#include "control/config_interface.h"
#include "control/decode.h"
#include "control/document_fields.h"
#include "control/yaml.h"

/*
 * One decoder serves the file at start and every later document. The difference is what a missing
 * section means: at start its default, later what is running.
 */

/* The file's bytes */

/* FNV-1a: it only has to tell whether a file is the one of last time. */
static uint64_t bytes_digest(const char *bytes, size_t size)
{
	uint64_t digest = 0xcbf29ce484222325;

	for (size_t i = 0; i < size; i++)
		digest = (digest ^ (uint8_t)bytes[i]) * 0x100000001b3;
	return digest;
}

/* Everything in the file, for free(). NULL after an error. */
static char *file_read(const char *path, size_t *size, struct error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	char *bytes = NULL;
	ssize_t got;

	*size = 0;
	if (fd < 0 || fstat(fd, &status) < 0) {
		error_set(error, -errno, "", "%s", strerror(errno));
		goto close_file;
	}
	if (!S_ISREG(status.st_mode) || status.st_size > CONFIG_FILE_MAX) {
		error_set(error, -EINVAL, "", "is no regular file of at most %d megabytes",
			  CONFIG_FILE_MAX >> 20);
		goto close_file;
	}
	bytes = malloc((size_t)status.st_size + 1);
	if (bytes == NULL) {
		error_set(error, -ENOMEM, "", "out of memory");
		goto close_file;
	}
	while ((off_t)*size < status.st_size &&
	       (got = read(fd, bytes + *size, (size_t)status.st_size - *size)) > 0)
		*size += (size_t)got;
close_file:
	if (fd >= 0)
		close(fd);
	return bytes;
}

/* Defaults */

static void config_defaults(struct config *config)
{
	static const uint32_t rates[PUNT_CLASSES] = {
		[PUNT_NEIGHBOUR] = 2000,
		[PUNT_ROUTING] = 10000,
		[PUNT_ICMP] = 1000,
		[PUNT_REST] = 50000,
	};

	strcpy(config->instance, "weir");
	config->eal.hugepages = -1;
	config->eal.memory_mb = 512;
	config->eal.main_cpu = -1;
	config->pool.data_room = 2048;
	config->workers.count = 1;
	for (unsigned int i = 0; i < WORKERS_MAX; i++)
		config->workers.cpus[i] = -1;
	config->workers.sessions = 1000000;
	config->workers.sessions_wide = 250000;
	config->workers.half_open_percent = 50;
	for (unsigned int i = 0; i < PUNT_CLASSES; i++)
		config->policers[i] = config_policer(rates[i]);
	config->log_level = LOG_INFO;
	config->nat_log_rate = 0;
	memset(&config->limits, 0, sizeof(config->limits));
	config->syn_guard = (struct syn_guard_settings)SYN_GUARD_DEFAULTS;
	announce_config_defaults(&config->announce);
	vpc_config_defaults(&config->vpc);
}

/* "/run/weir/weir.sock" -> "/run/weir/weir.ipvs.sock". One that gets too long is found out later. */
static void ipvs_socket_derive(struct config *config)
{
	size_t length = strlen(config->socket);

	if (length > 5 && strcmp(config->socket + length - 5, ".sock") == 0)
		length -= 5;
	if (length + sizeof(".ipvs.sock") > sizeof(config->ipvs_socket))
		length = sizeof(config->ipvs_socket) - sizeof(".ipvs.sock");
	memcpy(config->ipvs_socket, config->socket, length);
	strcpy(config->ipvs_socket + length, ".ipvs.sock");
}

/* The name in Linux, unless it was given. */
static void tap_derive(struct port_config *port)
{
	if (port->tap[0] != '\0')
		return;
	memcpy(port->tap, port->name, sizeof(port->tap));
	strcpy(port->tap + strnlen(port->name, sizeof(port->tap) - 5), ".kni");
}

/* What follows from other fields unless it was given. */
static void config_derive(struct config *config)
{
	if (config->socket[0] == '\0')
		snprintf(config->socket, sizeof(config->socket), "/run/weir/%s.sock",
			 config->instance);
	if (config->ipvs_socket[0] == '\0')
		ipvs_socket_derive(config);
	if (config->state_dir[0] == '\0')
		snprintf(config->state_dir, sizeof(config->state_dir), "/var/lib/weir/%s",
			 config->instance);
	for (unsigned int i = 0; i < config->port_count; i++) {
		struct port_config *port = &config->ports[i];

		tap_derive(port);
		if (port->descriptors == 0)
			port->descriptors = 1024;
		if (config_is_pci(port->device))
			config->eal.use_pci = true;
	}
	for (unsigned int i = 0; i < config->bond_count; i++)
		tap_derive(&config->bonds[i]);
	config->eal.instance = config->instance;
	config->eal.arguments = config->eal_arguments;
}

/* Sections that can only be set at start, taken over from what runs. */
static int config_inherit(struct config *config, const struct config *running)
{
	*config = *running;
	config->path[0] = '\0';
	config->addresses = NULL;
	vpc_config_drop_lists(&config->vpc);
	bfd_section_drop(&config->bfd);
	traffic_section_drop(&config->traffic);
	config->interfaces = config_interfaces_copy(running);
	memset(&config->document, 0, sizeof(config->document));
	memset(config->eal_arguments, 0, sizeof(config->eal_arguments));
	for (unsigned int i = 0; i < running->eal.argument_count; i++) {
		config->eal_arguments[i] = strdup(running->eal_arguments[i]);
		if (config->eal_arguments[i] == NULL)
			return -ENOMEM;
	}
	config->log_level = LOG_INFO;
	config->nat_log_rate = 0;
	memset(&config->limits, 0, sizeof(config->limits));
	config->syn_guard = (struct syn_guard_settings)SYN_GUARD_DEFAULTS;
	announce_config_defaults(&config->announce);
	strcpy(config->announce.interface, running->announce.interface);
	config->addresses = calloc(running->address_count + 1, sizeof(*config->addresses));
	if (config->addresses == NULL || config->interfaces == NULL)
		return -ENOMEM;
	if (running->address_count > 0)
		memcpy(config->addresses, running->addresses,
		       running->address_count * sizeof(*config->addresses));
	return 0;
}

/* Is it the name of a port, or of a port's TAP? */
static bool port_exists(const char *name, const void *arg)
{
	const struct config *config = arg;

	for (unsigned int i = 0; i < config->port_count; i++) {
		if (!config->ports[i].member && (strcmp(config->ports[i].name, name) == 0 ||
						 strcmp(config->ports[i].tap, name) == 0))
			return true;
	}
	return config_has_interface(config, name);
}

static int config_fill(const json_t *json, struct config *config, struct error *error)
{
	const struct document_source source = {
		.origin = ORIGIN_FILE, .has_interface = port_exists, .arg = config};
	struct decode d = {.error = error};
	int status;

	if (json_is_null(json))
		return error_set(error, -EINVAL, "", "the file is empty");
	status = decode_object(&d, json, config_fields, config);
	if (status < 0)
		return status;
	status = config_decode_interfaces(json, config, error);
	if (status < 0)
		return status;
	config_derive(config);
	status = announce_config_check(config, error);
	if (status < 0)
		return status;
	status = document_decode(json, &source, &config->document, error);
	return status < 0 ? status
			  : vpc_config_check_servers(&config->vpc, &config->document, error);
}

int config_decode(const json_t *json, const struct config *running, struct config *config,
		  struct error *error)
{
	int status = config_inherit(config, running);

	if (status < 0)
		error_set(error, status, "", "out of memory");
	else
		status = config_fill(json, config, error);
	if (status < 0)
		config_free(config);
	return status;
}

int config_load(const char *path, struct config *config, struct error *error)
{
	size_t size;
	char *bytes = file_read(path, &size, error);
	json_t *json;
	int status;

	memset(config, 0, sizeof(*config));
	if (bytes == NULL)
		return error->code;
	snprintf(config->path, sizeof(config->path), "%s", path);
	config->digest = bytes_digest(bytes, size);
	json = yaml_parse(bytes, size, error);
	free(bytes);
	if (json == NULL)
		return error->code;
	config_defaults(config);
	status = config_fill(json, config, error);
	json_decref(json);
	if (status == 0 && config->port_count == 0)
		status = error_set(error, -EINVAL, "ports", "is missing");
	if (status < 0)
		config_free(config);
	return status;
}

void config_free(struct config *config)
{
	for (unsigned int i = 0; i < CONFIG_EAL_ARGUMENTS; i++)
		free(config->eal_arguments[i]);
	free(config->addresses);
	free(config->interfaces);
	vpc_config_free(&config->vpc);
	bfd_section_free(&config->bfd);
	traffic_section_free(&config->traffic);
	document_free(&config->document);
	memset(config, 0, sizeof(*config));
}

void config_log_error(const char *path, const struct error *error)
{
	log_error("%s: %s%s%s", path, error->field, error->field[0] ? ": " : "", error->text);
}

/* JSON */

static json_t *ports_json(const struct config *config)
{
	json_t *ports = json_array();

	for (unsigned int i = 0; i < config->port_count; i++) {
		const struct port_config *port = &config->ports[i];
		json_t *object = json_pack("{s:s, s:s, s:s, s:b, s:i, s:i, s:s}", "name",
					   port->name, "device", port->device, "tap", port->tap,
					   "take_over", port->take_over, "mtu", port->mtu,
					   "descriptors", port->descriptors, "steering",
					   config_steerings[port->steering]);

		json_object_set_new(object, "addresses", config_addresses_json(config, port->name));
		json_array_append_new(ports, object);
	}
	return ports;
}

static json_t *workers_json(const struct workers_config *workers)
{
	json_t *cpus;

	if (workers->cpus[0] < 0)
		return json_integer(workers->count);
	cpus = json_array();
	for (unsigned int i = 0; i < workers->count; i++)
		json_array_append_new(cpus, json_integer(workers->cpus[i]));
	return cpus;
}

json_t *config_json(const struct config *config)
{
	static const char *const hugepages[] = {"auto", "never", "always"};
	const struct punt_policer *policers = config->policers;
	json_t *eal = json_array();
	json_t *object;

	for (unsigned int i = 0; i < config->eal.argument_count; i++)
		json_array_append_new(eal, json_string(config->eal_arguments[i]));
	object = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:o, s:{s:s, s:I, s:I, s:i}, s:{s:I, s:I, s:i}, s:o, "
		"s:s, "
		"s:{s:I, s:I, s:I, s:I}, s:o}",
		"instance", config->instance, "socket", config->socket, "ipvs_socket",
		config->ipvs_socket, "state_dir", config->state_dir, "log_level",
		config_log_levels[config->log_level], "workers", workers_json(&config->workers),
		"memory", "hugepages", hugepages[config->eal.hugepages + 1], "megabytes",
		(json_int_t)config->eal.memory_mb, "buffers", (json_int_t)config->pool.buffers,
		"data_room", config->pool.data_room, "sessions", "ipv4",
		(json_int_t)config->workers.sessions, "ipv6",
		(json_int_t)config->workers.sessions_wide, "half_open_percent",
		config->workers.half_open_percent, "eal", eal, "unknown_vip_port",
		config->workers.punt_unknown_vip_tcp ? "punt" : "drop", "policers", "neighbour",
		(json_int_t)policers[PUNT_NEIGHBOUR].packets_per_second, "routing",
		(json_int_t)policers[PUNT_ROUTING].packets_per_second, "icmp",
		(json_int_t)policers[PUNT_ICMP].packets_per_second, "rest",
		(json_int_t)policers[PUNT_REST].packets_per_second, "ports", ports_json(config));
	if (config->eal.main_cpu >= 0)
		json_object_set_new(object, "main_cpu", json_integer(config->eal.main_cpu));
	json_object_set_new(object, "announce", announce_config_json(&config->announce));
	json_object_set_new(object, "nat_log",
			    json_pack("{s:I}", "rate", (json_int_t)config->nat_log_rate));
	json_object_set_new(object, "syn_proxy",
			    json_pack("{s:I, s:I, s:I}", "service_rate",
				      (json_int_t)config->syn_guard.service_rate, "node_rate",
				      (json_int_t)config->syn_guard.node_rate, "quiet",
				      (json_int_t)config->syn_guard.quiet));
	if (limit_is_any(&config->limits))
		json_object_set_new(object, "limits", document_limits_json(&config->limits));
	if (config->vpc.tunnel.address_count > 0)
		json_object_set_new(object, "vpc", vpc_config_json(&config->vpc));
	config_interfaces_add(object, config);
	return object;
}

/* Compare one section; `addresses` of ports, `log_level` and `nat_log` need no restart. */
static void section_compare(json_t *texts, const char *name, const json_t *now, const json_t *then)
{
	char *had, *wanted;

	if (now == then || json_equal(now, then))
		return; // two that are absent are the same
	had = json_dumps(now, JSON_COMPACT | JSON_ENCODE_ANY);
	wanted = json_dumps(then, JSON_COMPACT | JSON_ENCODE_ANY);
	json_array_append_new(texts, json_sprintf("%s: needs a restart (runs with %s, the file "
						  "says %s)",
						  name, had ? had : "nothing",
						  wanted ? wanted : "nothing"));
	free(had);
	free(wanted);
}

/* Port by port, so that the answer names the one that differs. */
static void ports_compare(json_t *texts, const char *section, const json_t *now, const json_t *then)
{
	size_t count = json_array_size(now), wanted = json_array_size(then);
	char name[32];

	for (size_t i = 0; i < count || i < wanted; i++) {
		json_t *had = json_array_get(now, i), *port = json_array_get(then, i);

		json_object_del(had, "addresses");
		json_object_del(port, "addresses");
		snprintf(name, sizeof(name), "%s[%zu]", section, i);
		section_compare(texts, name, had, port);
	}
}

json_t *config_restart_json(const struct config *running, const struct config *wanted)
{
	json_t *now = config_json(running), *then = config_json(wanted);
	json_t *texts = json_array(), *value;
	const char *name;

	json_object_del(now, "log_level");
	json_object_del(now, "nat_log");
	json_object_del(now, "limits");
	json_object_del(now, "syn_proxy");
	for (enum interface_kind kind = 0; kind < INTERFACE_KINDS; kind++)
		json_object_del(now, interface_section(kind)); // interface_restart_json()
	// Of this section, the rest can change at any time.
	json_object_set_new(now, "announce",
			    json_pack("{s:s}", "interface", running->announce.interface));
	json_object_set_new(then, "announce",
			    json_pack("{s:s}", "interface", wanted->announce.interface));
	json_object_foreach (now, name, value) {
		const json_t *other = json_object_get(then, name);

		if (strcmp(name, "ports") == 0 || strcmp(name, "bonds") == 0)
			ports_compare(texts, name, value, other);
		else
			section_compare(texts, name, value, other);
	}
	if (json_object_get(now, "main_cpu") == NULL)
		section_compare(texts, "main_cpu", NULL, json_object_get(then, "main_cpu"));
	if (json_object_get(now, "vpc") == NULL)
		section_compare(texts, "vpc", NULL, json_object_get(then, "vpc"));
	json_decref(now);
	json_decref(then);
	return texts;
}

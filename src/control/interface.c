/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/interface.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/log.h"
#include "control/claim.h"
#include "control/network.h"
#include "path/workers.h"

/*
 * Interfaces beside those of the ports. Some are of the file, which can change while weir runs;
 * the others came through a door (REST, weirctl, dpip) and are kept in network.json until they are
 * removed through one.
 *
 * They are kept in the order in which they were made, because one may stand on another. What
 * network.json has and cannot be made, because the port beneath is not in the file this time, stays
 * in network.json.
 */
struct interface {
	TAILQ_ENTRY(interface) all;
	struct interface_config config;
	bool of_file;
	struct iface *iface;	       // NULL: could not be made
	struct iface_traffic baseline; // what an earlier one with its number had counted
	bool fresh;		       // made by the apply that runs
};

static TAILQ_HEAD(interface_list, interface) interfaces = TAILQ_HEAD_INITIALIZER(interfaces);

static struct interface *interface_find(const char *name)
{
	struct interface *interface;

	TAILQ_FOREACH (interface, &interfaces, all)
		if (strcmp(interface->config.name, name) == 0)
			return interface;
	return NULL;
}

static bool configs_equal(const struct interface_config *a, const struct interface_config *b)
{
	json_t *one = interface_config_json(a), *other = interface_config_json(b);
	bool equal = a->kind == b->kind && json_equal(one, other);

	json_decref(one);
	json_decref(other);
	return equal;
}

static void interface_complete(struct interface_config *config)
{
	if (config->kind == INTERFACE_VLAN)
		vlan_complete(&config->vlan);
	else
		device_complete_tunnel(&config->tunnel);
}

/* Numbers tell an order, which packets of several workers do not have. */
int interface_check_order(const struct interface_config *config, unsigned int workers,
			  struct error *error)
{
	if (config->kind != INTERFACE_TUNNEL || !config->tunnel.output_sequence || workers <= 1)
		return 0;
	return error_set(error, -EINVAL, "output_sequence",
			 "needs one worker and there are %u: packets of several workers leave in "
			 "no order that could be numbered",
			 workers);
}

static int interface_make(struct interface *interface, struct error *error)
{
	struct interface_config *config = &interface->config;
	int status = interface_check_order(config, workers_count(), error);

	if (status < 0)
		return status;
	status = config->kind == INTERFACE_VLAN
			 ? vlan_create(&config->vlan, &interface->iface, error)
			 : device_create_tunnel(&config->tunnel, &interface->iface, error);
	if (status < 0)
		return status;
	workers_iface_traffic(interface->iface->index, &interface->baseline);
	log_notice("%s is made, its TAP is %s", interface->iface->name, interface->iface->tap_name);
	return 0;
}

/* A new entry of the list, made. */
static int interface_add(const struct interface_config *config, bool of_file, struct error *error)
{
	struct interface *interface = calloc(1, sizeof(*interface));
	int status;

	if (interface == NULL)
		return error_set(error, -ENOMEM, "", "out of memory");
	interface->config = *config;
	interface->of_file = of_file;
	status = interface_make(interface, error);
	if (status < 0) {
		free(interface);
		return status;
	}
	TAILQ_INSERT_TAIL(&interfaces, interface, all);
	return 0;
}

static int interface_unmake(struct interface *interface, struct error *error)
{
	struct iface *iface = interface->iface;
	char name[IFACE_NAME], text[ADDR_TEXT];
	const struct addr *claimed = iface ? claim_on_iface(iface->index) : NULL;
	int status = 0;

	snprintf(name, sizeof(name), "%s", interface->config.name);
	if (claimed != NULL)
		return error_set(error, -EBUSY, "name",
				 "%s is a local address on %s: take it from there first",
				 addr_format(claimed, text), name);
	if (iface != NULL && interface->config.kind == INTERFACE_TUNNEL)
		device_remove_tunnel(iface);
	else if (iface != NULL)
		status = vlan_remove(iface, error);
	if (status < 0)
		return status;
	TAILQ_REMOVE(&interfaces, interface, all);
	free(interface);
	network_forget(name);
	log_notice("%s is removed", name);
	return 0;
}

/* Doors */

int interface_put(struct interface_config *config, bool exclusive, bool *existed,
		  struct error *error)
{
	struct interface *interface;
	int status;

	interface_complete(config);
	interface = interface_find(config->name);
	*existed = interface != NULL;
	if (interface != NULL && exclusive)
		return error_set(error, -EEXIST, "name", "there is an interface \"%s\" already",
				 config->name);
	if (interface != NULL && !configs_equal(&interface->config, config))
		return error_set(error, -EEXIST, "name",
				 "%s is there with other settings: remove it first", config->name);
	if (interface != NULL)
		return 0;
	status = interface_add(config, false, error);
	if (status == 0)
		network_changed();
	return status;
}

int interface_delete(enum interface_kind kind, const char *name, struct error *error)
{
	const struct iface *iface = iface_find(name); // it may be named by its TAP
	struct interface *interface = interface_find(iface ? iface->name : name);
	int status;

	if (interface == NULL || interface->config.kind != kind)
		return error_set(error, -ENOENT, "name", "\"%.32s\" is none of the %s", name,
				 interface_section(kind));
	status = interface_unmake(interface, error);
	if (status == 0)
		network_changed();
	return status;
}

/* The file */

static void place_error(const struct interface_config *configs, unsigned int at,
			struct error *error)
{
	char field[64];
	unsigned int number = 0;

	for (unsigned int i = 0; i < at; i++)
		number += configs[i].kind == configs[at].kind;
	snprintf(field, sizeof(field), "%.60s", error->field);
	snprintf(error->field, sizeof(error->field), "%s[%u]%s%s",
		 interface_section(configs[at].kind), number, *field ? "." : "", field);
}

int interface_apply(const struct interface_config *configs, unsigned int count, struct error *error)
{
	struct error ignored;
	unsigned int i;
	int status = 0;

	for (i = 0; i < count; i++) {
		struct interface_config config = configs[i];
		struct interface *interface;

		interface_complete(&config);
		interface = interface_find(config.name);
		if (interface != NULL)
			continue;
		status = interface_add(&config, true, error);
		if (status < 0)
			break;
		TAILQ_LAST(&interfaces, interface_list)->fresh = true;
	}
	for (struct interface *made = TAILQ_FIRST(&interfaces), *next; made; made = next) {
		next = TAILQ_NEXT(made, all);
		if (status < 0 && made->fresh)
			interface_unmake(made, &ignored);
		else
			made->fresh = false;
	}
	if (status < 0)
		place_error(configs, i, error);
	return status;
}

static const struct interface_config *config_find(const struct interface_config *configs,
						  unsigned int count, const char *name)
{
	for (unsigned int i = 0; i < count; i++) {
		struct interface_config config = configs[i];

		interface_complete(&config);
		if (strcmp(config.name, name) == 0)
			return &configs[i];
	}
	return NULL;
}

void interface_apply_end(const struct interface_config *configs, unsigned int count)
{
	struct interface *interface, *before;
	struct error error;

	for (interface = TAILQ_LAST(&interfaces, interface_list); interface; interface = before) {
		before = TAILQ_PREV(interface, interface_list, all);
		if (!interface->of_file || config_find(configs, count, interface->config.name))
			continue;
		if (interface_unmake(interface, &error) < 0)
			log_warning("an interface that is no longer in the file stays: %s",
				    error.text);
	}
}

unsigned int interface_differences(const struct interface_config *configs, unsigned int count,
				   json_t *texts)
{
	struct interface *interface;
	unsigned int differences = 0;

	for (unsigned int i = 0; i < count; i++) {
		struct interface_config config = configs[i];

		interface_complete(&config);
		if (interface_find(config.name) != NULL)
			continue;
		json_array_append_new(texts, json_sprintf("+ interface %s", config.name));
		differences++;
	}
	TAILQ_FOREACH (interface, &interfaces, all) {
		if (!interface->of_file || config_find(configs, count, interface->config.name))
			continue;
		json_array_append_new(texts,
				      json_sprintf("- interface %s", interface->config.name));
		differences++;
	}
	return differences;
}

void interface_restart_json(const struct interface_config *configs, unsigned int count,
			    json_t *texts)
{
	for (unsigned int i = 0; i < count; i++) {
		struct interface_config config = configs[i];
		const struct interface *interface;

		interface_complete(&config);
		interface = interface_find(config.name);
		if (interface != NULL && !configs_equal(&interface->config, &config))
			json_array_append_new(
				texts,
				json_sprintf("%s: %s needs a restart: it is there with other "
					     "settings",
					     interface_section(config.kind), config.name));
	}
}

int interface_start(const struct interface_config *configs, unsigned int count, struct error *error)
{
	return interface_apply(configs, count, error);
}

void interface_stop(void)
{
	struct interface *interface;

	while ((interface = TAILQ_LAST(&interfaces, interface_list)) != NULL) {
		TAILQ_REMOVE(&interfaces, interface, all);
		if (interface->iface && interface->config.kind == INTERFACE_TUNNEL)
			device_remove_tunnel(interface->iface);
		else if (interface->iface)
			iface_remove(interface->iface);
		free(interface);
	}
}

/* Listings */

static void add_iface(json_t *object, const struct iface *iface)
{
	char mac[RTE_ETHER_ADDR_FMT_SIZE];

	rte_ether_format_addr(mac, sizeof(mac), &iface->mac);
	json_object_update_new(object, json_pack("{s:s, s:s, s:s, s:i, s:b}", "name", iface->name,
						 "tap", iface->tap_name, "mac", mac, "mtu",
						 (int)iface->mtu, "up", iface->up));
}

static void add_traffic(json_t *object, const struct interface *interface)
{
	struct iface_traffic now;

	workers_iface_traffic(interface->iface->index, &now);
	json_object_update_new(
		object,
		json_pack("{s:I, s:I, s:I, s:I}", "packets_in",
			  (json_int_t)(now.packets[0] - interface->baseline.packets[0]),
			  "packets_out",
			  (json_int_t)(now.packets[1] - interface->baseline.packets[1]), "bytes_in",
			  (json_int_t)(now.bytes[0] - interface->baseline.bytes[0]), "bytes_out",
			  (json_int_t)(now.bytes[1] - interface->baseline.bytes[1])));
}

/* What routers have said of the way to the other side, while that is believed. */
static void add_path_mtu(json_t *object, const struct interface *interface)
{
	const struct template *outer = device_template(interface->iface->index);

	if (outer != NULL && outer->mtu != TEMPLATE_MTU_UNKNOWN)
		json_object_set_new(object, "path_mtu", json_integer(outer->mtu));
}

static json_t *one_json(const struct interface *interface)
{
	json_t *object = interface_config_json(&interface->config);

	json_object_set_new(object, "origin", json_string(interface->of_file ? "file" : "door"));
	if (interface->iface == NULL)
		return object;
	add_iface(object, interface->iface);
	add_traffic(object, interface);
	if (interface->config.kind == INTERFACE_TUNNEL)
		add_path_mtu(object, interface);
	return object;
}

json_t *interface_list_json(enum interface_kind kind)
{
	const struct interface *interface;
	json_t *list = json_array();

	TAILQ_FOREACH (interface, &interfaces, all)
		if (interface->config.kind == kind)
			json_array_append_new(list, one_json(interface));
	return list;
}

json_t *interface_json(const struct iface *iface)
{
	const struct interface *interface = interface_find(iface->name);

	return interface ? one_json(interface) : NULL;
}

/* Kept over a restart */

json_t *interface_saved_json(enum interface_kind kind)
{
	const struct interface *interface;
	json_t *list = json_array();

	TAILQ_FOREACH (interface, &interfaces, all)
		if (interface->config.kind == kind && !interface->of_file)
			json_array_append_new(list, interface_config_json(&interface->config));
	return list;
}

/* One that cannot be made now stays in the list, so that it is not lost. */
static void load_one(struct interface_config *config)
{
	struct interface *interface;
	struct error error;

	if (interface_find(config->name) != NULL || interface_add(config, false, &error) == 0)
		return; // or the file has it now
	log_warning("interface %s cannot be put back: %s: %s", config->name, error.field,
		    error.text);
	interface = calloc(1, sizeof(*interface));
	if (interface == NULL)
		return;
	interface->config = *config;
	TAILQ_INSERT_TAIL(&interfaces, interface, all);
}

void interface_load(enum interface_kind kind, const json_t *list)
{
	size_t i;
	json_t *entry;

	json_array_foreach (list, i, entry) {
		struct interface_config config;
		struct error error;

		if (interface_decode(kind, entry, NULL, &config, &error) == 0) {
			interface_complete(&config);
			load_one(&config);
		} else {
			log_warning("network.json: %s[%zu] is left out: %s: %s",
				    interface_section(kind), i, error.field, error.text);
		}
	}
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/network.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "control/claim.h"
#include "control/interface.h"
#include "control/model.h"
#include "control/network_link.h"
#include "control/saver.h"

/*
 * Addresses, routes and neighbours stand in Linux, and the data path follows Linux. What a door
 * puts there (REST, weirctl, dpip) is also written down here, because weir's interfaces go with
 * its process, and Linux takes routes away when an interface is set down: it is put back when weir
 * starts and when its interface comes up again, and until it is taken away through a door.
 *
 * What cannot be put back yet, such as a route whose gateway is in a network that a routing daemon
 * has still to bring, stays and is tried again every second. An address that stands on another
 * interface by then, because weir.yaml says so, is forgotten.
 */
enum { NETWORK_VERSION = 1, RETRY_TICKS = 10 };

TAILQ_HEAD(address_list, network_address);
TAILQ_HEAD(route_list, network_route);
TAILQ_HEAD(neighbour_list, network_neighbour);

static struct {
	struct saver saver;
	struct address_list addresses;
	struct route_list routes;
	struct neighbour_list neighbours;
	unsigned int pending;
	bool retrying; // look only at what is pending
	unsigned int ticks;
	uint32_t ups[IFACE_MAX]; // of each interface as last seen
} network = {
	.addresses = TAILQ_HEAD_INITIALIZER(network.addresses),
	.routes = TAILQ_HEAD_INITIALIZER(network.routes),
	.neighbours = TAILQ_HEAD_INITIALIZER(network.neighbours),
};

void network_changed(void)
{
	saver_changed(&network.saver);
}

/* Put back */

/* Came back, is there already, or has to wait? */
static void restored(int status, bool *pending, const char *what, const char *text,
		     const char *iface)
{
	if (status == 0 || status == -EEXIST) {
		if (status == 0)
			log_info("%s %s on %s is put back", what, text, iface);
		*pending = false;
		return;
	}
	if (!*pending)
		log_warning("%s %s on %s cannot be put back yet: %s", what, text, iface,
			    kernel_reason(status));
	*pending = true;
	network.pending++;
}

static bool passed_over(bool pending)
{
	return network.retrying && !pending;
}

/* Seconds from now until then; 0 when it is over. */
static int64_t left_until(int64_t until)
{
	int64_t now = time(NULL);

	return until == KERNEL_FOREVER ? KERNEL_FOREVER : until > now ? until - now : 0;
}

/* False when it is to be forgotten. */
static bool address_restore(struct network_address *address, struct iface *iface)
{
	struct kernel_address is = address->is;
	const struct iface *owner = kernel_address_owner(&is.prefix.addr);
	char text[PREFIX_TEXT];

	prefix_format(&is.prefix, text);
	is.valid = left_until(address->valid_until);
	is.preferred = left_until(address->preferred_until);
	if (is.valid == 0)
		return false;
	if (owner != NULL && owner != iface) {
		log_warning("address %s stays on %s and is not put back on %s", text, owner->name,
			    iface->name);
		return false;
	}
	restored(kernel_address_put(iface, &is, true), &address->pending, "address", text,
		 iface->name);
	return true;
}

static void addresses_restore(struct iface *iface)
{
	struct network_address *address, *next;

	for (address = TAILQ_FIRST(&network.addresses); address; address = next) {
		next = TAILQ_NEXT(address, all);
		if (strcmp(address->iface, iface->name) != 0 || passed_over(address->pending) ||
		    address_restore(address, iface))
			continue;
		TAILQ_REMOVE(&network.addresses, address, all);
		free(address);
		network_changed();
	}
}

/* Those on the link first: the gateways of the others stand on them. */
static void routes_restore(struct iface *iface, bool gateways)
{
	struct network_route *route;
	char text[PREFIX_TEXT];

	TAILQ_FOREACH (route, &network.routes, all) {
		if (strcmp(route->iface, iface->name) != 0 || route->scope == SCOPE_KNI_HOST ||
		    (route->is.gateway.family != AF_UNSPEC) != gateways ||
		    passed_over(route->pending))
			continue;
		route->is.iface = iface;
		if (kernel_route_present(&route->is)) {
			route->pending = false;
			continue;
		}
		restored(kernel_route_put(&route->is, true), &route->pending, "route",
			 prefix_format(&route->is.prefix, text), iface->name);
	}
}

static void neighbours_restore(struct iface *iface)
{
	struct network_neighbour *neighbour;
	char text[ADDR_TEXT];

	TAILQ_FOREACH (neighbour, &network.neighbours, all) {
		if (strcmp(neighbour->iface, iface->name) == 0 && !passed_over(neighbour->pending))
			restored(kernel_neighbour_put(iface, &neighbour->addr, &neighbour->mac,
						      false),
				 &neighbour->pending, "neighbour",
				 addr_format(&neighbour->addr, text), iface->name);
	}
}

static void iface_restore(struct iface *iface)
{
	if (!network.retrying)
		network.ups[iface->index] = iface->ups;
	addresses_restore(iface);
	routes_restore(iface, false);
	routes_restore(iface, true);
	neighbours_restore(iface);
}

static void all_restore(bool retrying)
{
	network.retrying = retrying;
	network.pending = 0;
	for (unsigned int i = 1; i < IFACE_MAX; i++)
		if (iface_get(i) != NULL)
			addresses_restore(iface_get(i));
	for (unsigned int i = 1; i < IFACE_MAX; i++)
		if (iface_get(i) != NULL)
			iface_restore(iface_get(i));
	network.retrying = false;
}

void network_tick(void)
{
	if (network.pending != 0 && ++network.ticks % RETRY_TICKS == 0)
		all_restore(true);
	for (unsigned int i = 1; i < IFACE_MAX; i++) {
		struct iface *iface = iface_get(i);

		if (iface != NULL && iface->ups != network.ups[i])
			iface_restore(iface);
	}
}

/* Addresses */

static struct network_address *address_find(const char *iface, const struct prefix *prefix)
{
	struct network_address *address;

	TAILQ_FOREACH (address, &network.addresses, all) {
		if (strcmp(address->iface, iface) == 0 && address->is.prefix.len == prefix->len &&
		    addr_equal(&address->is.prefix.addr, &prefix->addr))
			return address;
	}
	return NULL;
}

/*
 * Linux changes of an address that is there the lifetimes only: for anything else it has to go and
 * come again, with what went with it.
 */
static int address_replace(struct iface *iface, const struct kernel_address *had,
			   const struct kernel_address *wanted)
{
	const struct kernel_address before = *had;
	int status;

	if (had->scope == wanted->scope && addr_equal(&had->broadcast, &wanted->broadcast))
		return kernel_address_put(iface, wanted, false);
	status = kernel_address_delete(iface, &wanted->prefix);
	if (status < 0)
		return status;
	status = kernel_address_put(iface, wanted, true);
	if (status < 0)
		kernel_address_put(iface, &before, true);
	iface_restore(iface);
	return status;
}

int network_address_put(const struct network_address *wanted, bool exclusive, bool *existed,
			struct error *error)
{
	const struct iface *owner = kernel_address_owner(&wanted->is.prefix.addr);
	struct network_address *entry = address_find(wanted->iface, &wanted->is.prefix);
	const struct kernel_address *had;
	char text[PREFIX_TEXT];
	struct iface *iface;
	int status = network_iface(wanted->iface, &iface, error);

	if (status < 0)
		return status;
	prefix_format(&wanted->is.prefix, text);
	had = kernel_address_get(iface, &wanted->is.prefix);
	*existed = had != NULL;
	if (had != NULL && exclusive)
		return error_set(error, -EEXIST, "address", "%s is on %s already", text,
				 iface->name);
	if (owner != NULL && owner != iface)
		return error_set(error, -EEXIST, "address",
				 "%s is an address of %s: take it from there first", text,
				 owner->name);
	if (entry == NULL) {
		entry = calloc(1, sizeof(*entry));
		if (entry == NULL)
			return error_set(error, -ENOMEM, "", "out of memory");
	} else {
		TAILQ_REMOVE(&network.addresses, entry, all);
	}
	status = had != NULL ? address_replace(iface, had, &wanted->is)
			     : kernel_address_put(iface, &wanted->is, true);
	if (status < 0) {
		free(entry);
		return error_set(error, status, "address", "Linux refuses %s on %s: %s", text,
				 iface->tap_name, kernel_reason(status));
	}
	*entry = *wanted;
	snprintf(entry->iface, sizeof(entry->iface), "%s", iface->name);
	TAILQ_INSERT_TAIL(&network.addresses, entry, all);
	network_changed();
	return 0;
}

/* Who uses a local address: the text says whose it is. */
static int local_in_use(const struct addr *addr, struct error *error)
{
	const struct model_service *service;
	char text[ADDR_TEXT], name[SERVICE_TEXT];
	uint32_t cursor = 0;

	addr_format(addr, text);
	while ((service = model_next(&cursor)) != NULL) {
		if (model_local_find(service->locals, service->local_count, addr) != NULL)
			return error_set(error, -EBUSY, "address",
					 "%s is a local address of %s: take it from there first",
					 text, model_service_format(&service->key, name));
	}
	return error_set(error, -EBUSY, "address",
			 "%s is a local address of the pool: take it from there first", text);
}

int network_address_delete(const char *name, const struct prefix *prefix, struct error *error)
{
	struct iface *iface = iface_find(name);
	struct network_address *entry = address_find(iface != NULL ? iface->name : name, prefix);
	char text[PREFIX_TEXT];
	int status = 0;

	if (iface == NULL && entry == NULL)
		return network_iface(name, &iface, error);
	prefix_format(prefix, text);
	if (iface != NULL && claim_iface(&prefix->addr) == iface->index)
		return local_in_use(&prefix->addr, error);
	if (iface != NULL && kernel_address_get(iface, prefix) != NULL) {
		status = kernel_address_delete(iface, prefix);
		if (status < 0 && status != -EADDRNOTAVAIL)
			return error_set(error, status, "address",
					 "Linux does not take %s from %s: %s", text,
					 iface->tap_name, kernel_reason(status));
	} else if (entry == NULL) {
		return error_set(error, -ENOENT, "address", "%s is no address of %s", text,
				 iface->name);
	}
	if (entry != NULL) {
		TAILQ_REMOVE(&network.addresses, entry, all);
		free(entry);
		network_changed();
	}
	// Without a primary address Linux takes away the secondary ones and their routes, too.
	if (iface != NULL)
		iface_restore(iface);
	return 0;
}

/* Routes */

static bool route_matches(const struct network_route *route, const struct network_route *which)
{
	return route->is.prefix.len == which->is.prefix.len &&
	       addr_equal(&route->is.prefix.addr, &which->is.prefix.addr) &&
	       (!which->iface[0] || strcmp(route->iface, which->iface) == 0) &&
	       (which->is.gateway.family == AF_UNSPEC ||
		addr_equal(&route->is.gateway, &which->is.gateway)) &&
	       (which->is.metric == 0 || route->is.metric == which->is.metric) &&
	       (which->scope == SCOPE_NONE || route->scope == which->scope);
}

/* The one that `wanted` takes the place of: Linux tells routes apart by destination and metric. */
static struct network_route *route_find(const struct network_route *wanted)
{
	struct network_route *route;

	TAILQ_FOREACH (route, &network.routes, all) {
		if (route->is.prefix.len == wanted->is.prefix.len &&
		    addr_equal(&route->is.prefix.addr, &wanted->is.prefix.addr) &&
		    route->is.metric == wanted->is.metric && route->is.local == wanted->is.local &&
		    (route->scope == SCOPE_KNI_HOST) == (wanted->scope == SCOPE_KNI_HOST))
			return route;
	}
	return NULL;
}

/* Find the interface, by name or by the gateway, and check what Linux would only call invalid. */
static int route_prepare(struct network_route *route, struct error *error)
{
	char text[ADDR_TEXT];
	int status;

	if (route->iface[0] == '\0' && route->is.gateway.family != AF_UNSPEC) {
		route->is.iface = kernel_route_iface(&route->is.gateway);
		if (route->is.iface == NULL)
			return error_set(error, -ENODEV, "via",
					 "%s is on the link of no interface of weir: name the "
					 "interface, or add an address or route for its network",
					 addr_format(&route->is.gateway, text));
	} else if (route->iface[0] == '\0') {
		return error_set(error, -EINVAL, "interface",
				 "is missing: a route needs an interface or a gateway");
	} else {
		status = network_iface(route->iface, &route->is.iface, error);
		if (status < 0)
			return status;
	}
	snprintf(route->iface, sizeof(route->iface), "%s", route->is.iface->name);
	if (route->is.source.family != AF_UNSPEC && !kernel_address_known(&route->is.source))
		return error_set(error, -EINVAL, "source",
				 "%s is no address of this host: add it first",
				 addr_format(&route->is.source, text));
	return 0;
}

static int route_refused(const struct network_route *route, int status, struct error *error)
{
	const char *reason = kernel_reason(status);
	char text[PREFIX_TEXT];

	if (route->is.gateway.family != AF_UNSPEC &&
	    (status == -ENETUNREACH || status == -EHOSTUNREACH || status == -EINVAL))
		return error_set(error, -EINVAL, "via",
				 "%s cannot be reached on the link of %s: add an address or a "
				 "route for its network there first (Linux: %s)",
				 addr_format(&route->is.gateway, text), route->iface, reason);
	prefix_format(&route->is.prefix, text);
	if (status == -EEXIST)
		return error_set(error, -EEXIST, "destination",
				 "there is a route to %s with this metric already", text);
	if (status == -ENETDOWN)
		return error_set(error, -EINVAL, "interface", "%s is down", route->iface);
	return error_set(error, status, "destination", "Linux refuses the route to %s: %s", text,
			 reason);
}

int network_route_put(struct network_route *wanted, bool exclusive, bool *existed,
		      struct error *error)
{
	struct network_route *entry;
	char text[PREFIX_TEXT];
	int status = route_prepare(wanted, error);

	if (status < 0)
		return status;
	entry = route_find(wanted);
	*existed = entry != NULL;
	if (entry != NULL && exclusive && wanted->scope == SCOPE_KNI_HOST)
		return error_set(error, -EEXIST, "destination",
				 "there is a route to %s of scope kni_host already",
				 prefix_format(&wanted->is.prefix, text));
	if (wanted->scope != SCOPE_KNI_HOST) {
		status = kernel_route_put(&wanted->is, exclusive);
		if (status < 0)
			return route_refused(wanted, status, error);
	}
	if (entry == NULL) {
		entry = calloc(1, sizeof(*entry));
		if (entry == NULL) {
			if (wanted->scope != SCOPE_KNI_HOST)
				kernel_route_delete(&wanted->is);
			return error_set(error, -ENOMEM, "", "out of memory");
		}
	} else {
		TAILQ_REMOVE(&network.routes, entry, all);
	}
	*entry = *wanted;
	TAILQ_INSERT_TAIL(&network.routes, entry, all);
	network_changed();
	return 0;
}

int network_route_delete(const struct network_route *which, struct error *error)
{
	struct network_route *entry, wanted = *which;
	char text[PREFIX_TEXT];
	int status = 0;

	if (which->iface[0] != '\0') {
		status = network_iface(which->iface, &wanted.is.iface, error);
		if (status < 0)
			return status;
		snprintf(wanted.iface, sizeof(wanted.iface), "%s", wanted.is.iface->name);
	}
	TAILQ_FOREACH (entry, &network.routes, all) {
		if (route_matches(entry, &wanted))
			break;
	}
	if (entry != NULL) {
		wanted = *entry;
		wanted.is.iface = iface_find(entry->iface);
	} else {
		wanted.is.local = which->scope == SCOPE_HOST;
	}
	if (wanted.scope != SCOPE_KNI_HOST)
		status = kernel_route_delete(&wanted.is);
	if (entry == NULL && (status == -ESRCH || wanted.scope == SCOPE_KNI_HOST))
		return error_set(error, -ENOENT, "destination", "there is no such route to %s",
				 prefix_format(&which->is.prefix, text));
	if (status < 0 && status != -ESRCH)
		return error_set(error, status, "destination",
				 "Linux does not take the route to %s away: %s",
				 prefix_format(&which->is.prefix, text), kernel_reason(status));
	if (entry != NULL) {
		TAILQ_REMOVE(&network.routes, entry, all);
		free(entry);
		network_changed();
	}
	return 0;
}

json_t *network_kni_hosts_json(void)
{
	json_t *list = json_array();
	struct network_route *route;

	TAILQ_FOREACH (route, &network.routes, all) {
		char text[PREFIX_TEXT];
		bool own = kernel_address_known(&route->is.prefix.addr);
		struct iface *iface = iface_find(route->iface);

		if (route->scope == SCOPE_KNI_HOST)
			json_array_append_new(
				list,
				json_pack("{s:s, s:s, s:s, s:I, s:s, "
					  "s:[{s:s, s:s, s:i, s:s}], s:b, s:s}",
					  "destination", prefix_format(&route->is.prefix, text),
					  "type", "kni_host", "table", "local", "metric",
					  (json_int_t)route->is.metric, "protocol", "static",
					  "legs", "interface", route->iface, "device",
					  iface ? iface->tap_name : route->iface, "weight", 1,
					  "state", own ? "local" : "no-address", "data_path", own,
					  "scope", "kni_host"));
	}
	return list;
}

/* Neighbours */

static struct network_neighbour *neighbour_find(const char *iface, const struct addr *addr)
{
	struct network_neighbour *neighbour;

	TAILQ_FOREACH (neighbour, &network.neighbours, all) {
		if (strcmp(neighbour->iface, iface) == 0 && addr_equal(&neighbour->addr, addr))
			return neighbour;
	}
	return NULL;
}

int network_neighbour_put(const struct network_neighbour *wanted, bool exclusive, bool *existed,
			  struct error *error)
{
	struct network_neighbour *entry;
	char text[ADDR_TEXT];
	struct iface *iface;
	int status = network_iface(wanted->iface, &iface, error);

	if (status < 0)
		return status;
	addr_format(&wanted->addr, text);
	entry = neighbour_find(iface->name, &wanted->addr);
	*existed = entry != NULL;
	if (entry != NULL && exclusive)
		return error_set(error, -EEXIST, "address", "%s is a neighbour on %s already", text,
				 iface->name);
	// One that Linux has found out by itself is no reason to refuse.
	status = kernel_neighbour_put(iface, &wanted->addr, &wanted->mac, false);
	if (status < 0)
		return error_set(error, status, "address", "Linux refuses %s on %s: %s", text,
				 iface->tap_name, kernel_reason(status));
	if (entry == NULL) {
		entry = calloc(1, sizeof(*entry));
		if (entry == NULL) {
			kernel_neighbour_delete(iface, &wanted->addr);
			return error_set(error, -ENOMEM, "", "out of memory");
		}
		TAILQ_INSERT_TAIL(&network.neighbours, entry, all);
	}
	snprintf(entry->iface, sizeof(entry->iface), "%s", iface->name);
	entry->addr = wanted->addr;
	entry->mac = wanted->mac;
	network_changed();
	return 0;
}

int network_neighbour_delete(const struct network_neighbour *which, struct error *error)
{
	struct iface *iface = iface_find(which->iface);
	struct network_neighbour *entry = neighbour_find(iface != NULL ? iface->name : which->iface,
							 &which->addr);
	char text[ADDR_TEXT];
	int status;

	if (iface == NULL && entry == NULL)
		return network_iface(which->iface, &iface, error);
	status = iface != NULL ? kernel_neighbour_delete(iface, &which->addr) : -ENOENT;
	addr_format(&which->addr, text);
	if (status == -ENOENT && entry == NULL)
		return error_set(error, -ENOENT, "address", "there is no neighbour %s on %s", text,
				 which->iface);
	if (status < 0 && status != -ENOENT)
		return error_set(error, status, "address", "Linux does not take %s away: %s", text,
				 kernel_reason(status));
	if (entry != NULL) {
		TAILQ_REMOVE(&network.neighbours, entry, all);
		free(entry);
		network_changed();
	}
	return 0;
}

/* Ports */

int network_port_patch(const struct network_port *wanted, struct error *error)
{
	int status = network_link_set(wanted, error);
	struct iface *iface = iface_find(wanted->name);

	if (status < 0)
		return status;
	network_changed();
	if (wanted->up == 1 && iface != NULL)
		iface_restore(iface);
	return 0;
}

/* Take from a list what stands on an interface. */
#define FORGET(type, list, name)                               \
	do {                                                   \
		struct type *one_ = TAILQ_FIRST(list), *next_; \
		for (; one_ != NULL; one_ = next_) {           \
			next_ = TAILQ_NEXT(one_, all);         \
			if (strcmp(one_->iface, name) != 0)    \
				continue;                      \
			TAILQ_REMOVE(list, one_, all);         \
			free(one_);                            \
		}                                              \
	} while (0)

void network_forget(const char *iface)
{
	FORGET(network_address, &network.addresses, iface);
	FORGET(network_route, &network.routes, iface);
	FORGET(network_neighbour, &network.neighbours, iface);
	network_link_forget(iface);
	network_changed();
}

/* The file */

static json_t *network_json(void)
{
	json_t *addresses = json_array(), *routes = json_array(), *neighbours = json_array();
	json_t *object;
	const struct network_neighbour *neighbour;
	const struct network_address *address;
	const struct network_route *route;

	TAILQ_FOREACH (address, &network.addresses, all)
		json_array_append_new(addresses, network_address_json(address));
	TAILQ_FOREACH (route, &network.routes, all)
		json_array_append_new(routes, network_route_json(route));
	TAILQ_FOREACH (neighbour, &network.neighbours, all)
		json_array_append_new(neighbours, network_neighbour_json(neighbour));
	object = json_pack("{s:i, s:o, s:o, s:o, s:o}", "version", NETWORK_VERSION, "addresses",
			   addresses, "routes", routes, "neighbours", neighbours, "ports",
			   network_link_json());
	for (enum interface_kind kind = 0; kind < INTERFACE_KINDS; kind++)
		json_object_set_new(object, interface_section(kind), interface_saved_json(kind));
	return object;
}

/* Take in one kind of entries; one that is damaged costs nothing but itself. */
#define LOAD(json, name, type, load, list)                                                      \
	do {                                                                                    \
		size_t at_;                                                                     \
		json_t *entry_;                                                                 \
		json_array_foreach (json_object_get(json, name), at_, entry_) {                 \
			struct error error_;                                                    \
			type *made_ = calloc(1, sizeof(*made_));                                \
			if (made_ != NULL && load(entry_, made_, &error_) == 0) {               \
				TAILQ_INSERT_TAIL(list, made_, all);                            \
				continue;                                                       \
			}                                                                       \
			log_warning("network.json: " name "[%zu] is left out: %s: %s", at_,     \
				    made_ ? error_.field : "", made_ ? error_.text : "memory"); \
			free(made_);                                                            \
		}                                                                               \
	} while (0)

static void network_load(const char *path)
{
	json_error_t where;
	json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, &where);

	if (json == NULL ||
	    json_integer_value(json_object_get(json, "version")) != NETWORK_VERSION) {
		log_warning("what was saved in %s is not taken: %s", path,
			    json == NULL ? where.text : "version: is not 1");
		saver_set_aside(path);
		json_decref(json);
		return;
	}
	for (enum interface_kind kind = 0; kind < INTERFACE_KINDS; kind++)
		interface_load(kind, json_object_get(json, interface_section(kind)));
	LOAD(json, "addresses", struct network_address, network_load_address, &network.addresses);
	LOAD(json, "routes", struct network_route, network_load_route, &network.routes);
	LOAD(json, "neighbours", struct network_neighbour, network_load_neighbour,
	     &network.neighbours);
	network_link_load(json_object_get(json, "ports"));
	json_decref(json);
}

int network_start(const char *state_dir, struct error *error)
{
	char path[SAVER_PATH];

	snprintf(path, sizeof(path), "%s/network.json", state_dir);
	if (access(path, F_OK) == 0)
		network_load(path);
	all_restore(false);
	return saver_start(&network.saver, state_dir, "network.json", network_json, error);
}

static void network_free(void)
{
	struct network_neighbour *neighbour;
	struct network_address *address;
	struct network_route *route;

	while ((address = TAILQ_FIRST(&network.addresses)) != NULL) {
		TAILQ_REMOVE(&network.addresses, address, all);
		free(address);
	}
	while ((route = TAILQ_FIRST(&network.routes)) != NULL) {
		TAILQ_REMOVE(&network.routes, route, all);
		free(route);
	}
	while ((neighbour = TAILQ_FIRST(&network.neighbours)) != NULL) {
		TAILQ_REMOVE(&network.neighbours, neighbour, all);
		free(neighbour);
	}
}

void network_stop(void)
{
	saver_stop(&network.saver);
	network_link_stop();
	network_free();
	network.pending = 0;
}

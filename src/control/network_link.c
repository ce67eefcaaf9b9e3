/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/network_link.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_ethdev.h>

#include "base/log.h"

/*
 * A port's device belongs to DPDK, its TAP to Linux. Promiscuous mode and the MAC are the
 * device's, the MAC the TAP's as well; "up" is the TAP's alone, because the data path goes by it.
 *
 * A device that is itself an interface of Linux (AF_XDP, AF_PACKET) is promiscuous as long as weir
 * has it (io/device_take.c): real server MACs, VRRP and multicast need it, and it cannot be
 * switched off. Its MAC is set in Linux, and given back when weir stops.
 *
 * What is set is kept over a restart, but for "up": a port that was down is up after a restart.
 */
static TAILQ_HEAD(, network_port) kept = TAILQ_HEAD_INITIALIZER(kept);

static struct network_port *kept_get(const char *name)
{
	struct network_port *port;

	TAILQ_FOREACH (port, &kept, all)
		if (strcmp(port->name, name) == 0)
			return port;
	port = calloc(1, sizeof(*port));
	if (port == NULL)
		return NULL;
	snprintf(port->name, sizeof(port->name), "%s", name);
	port->promiscuous = port->all_multicast = port->up = -1;
	TAILQ_INSERT_TAIL(&kept, port, all);
	return port;
}

/* DPDK ports */

/* A port of several queues may be several DPDK ports; is this the first queue of its one? */
static bool queue_is_first(const struct port *port, unsigned int queue)
{
	for (unsigned int i = 0; i < queue; i++)
		if (port->queues[i].dpdk_port == port->queues[queue].dpdk_port)
			return false;
	return true;
}

static int each_dpdk_port(const struct port *port, int (*call)(uint16_t dpdk_port))
{
	int status = 0;

	for (unsigned int i = 0; i < port->queue_count && status == 0; i++)
		if (queue_is_first(port, i))
			status = call(port->queues[i].dpdk_port);
	return status;
}

bool network_link_promiscuous(const struct port *port)
{
	return port->kernel_device[0] || rte_eth_promiscuous_get(port->queues[0].dpdk_port) == 1;
}

bool network_link_all_multicast(const struct port *port)
{
	return port->kernel_device[0] || rte_eth_allmulticast_get(port->queues[0].dpdk_port) == 1;
}

static int device_refused(const struct port *port, const char *field, int status,
			  struct error *error)
{
	if (status == -ENOTSUP || status == -ENODEV)
		return error_set(error, -EOPNOTSUPP, field, "the driver %s of %s cannot do this",
				 port->driver, port->config.name);
	return error_set(error, status, field, "%s: %s", port->config.name, rte_strerror(-status));
}

static int promiscuous_set(const struct port *port, bool on, struct error *error)
{
	int status;

	if (port->kernel_device[0] && !on)
		return error_set(error, -EOPNOTSUPP, "promiscuous",
				 "%s stays promiscuous as long as weir has it: VRRP and real "
				 "server MACs need it",
				 port->kernel_device);
	if (port->kernel_device[0])
		return 0;
	status = each_dpdk_port(port,
				on ? rte_eth_promiscuous_enable : rte_eth_promiscuous_disable);
	return status < 0 ? device_refused(port, "promiscuous", status, error) : 0;
}

static int all_multicast_set(const struct port *port, bool on, struct error *error)
{
	int status;

	if (port->kernel_device[0] && !on)
		return error_set(error, -EOPNOTSUPP, "all_multicast",
				 "%s hears all multicast as long as weir has it: routing daemons "
				 "need it",
				 port->kernel_device);
	if (port->kernel_device[0])
		return 0;
	status = each_dpdk_port(port,
				on ? rte_eth_allmulticast_enable : rte_eth_allmulticast_disable);
	return status < 0 ? device_refused(port, "all_multicast", status, error) : 0;
}

/* MAC */

static int device_mac_set(const struct port *port, const struct rte_ether_addr *mac,
			  struct error *error)
{
	struct rte_ether_addr copy = *mac;
	int status = 0;

	if (port->kernel_device[0]) {
		status = kernel_link_set_mac((int)if_nametoindex(port->kernel_device), mac);
		if (status < 0)
			return error_set(error, status, "mac", "Linux refuses it for %s: %s",
					 port->kernel_device, kernel_reason(status));
		return 0;
	}
	for (unsigned int i = 0; i < port->queue_count && status == 0; i++)
		if (queue_is_first(port, i))
			status = rte_eth_dev_default_mac_addr_set(port->queues[i].dpdk_port, &copy);
	return status < 0 ? device_refused(port, "mac", status, error) : 0;
}

static int mac_set(const struct port *port, struct iface *iface, const struct rte_ether_addr *mac,
		   struct error *error)
{
	const struct rte_ether_addr before = iface->mac;
	struct error ignored;
	int status = device_mac_set(port, mac, error);

	if (status < 0)
		return status;
	status = kernel_link_set_mac(iface->kernel_index, mac);
	if (status < 0) {
		error_set(error, status, "mac", "Linux refuses it for %s: %s", iface->tap_name,
			  kernel_reason(status));
		device_mac_set(port, &before, &ignored);
	}
	return status;
}

static int up_set(struct iface *iface, bool up, struct error *error)
{
	int status = kernel_link_set_up(iface->kernel_index, up);

	if (status < 0)
		return error_set(error, status, "up", "Linux does not set %s %s: %s",
				 iface->tap_name, up ? "up" : "down", kernel_reason(status));
	return 0;
}

/* Doors */

static void keep(const struct network_port *wanted, const char *name)
{
	struct network_port *entry = kept_get(name);

	if (entry == NULL)
		return; // it is set, and lost with the process, as is what there is no memory for
	if (wanted->promiscuous >= 0)
		entry->promiscuous = wanted->promiscuous;
	if (wanted->all_multicast >= 0)
		entry->all_multicast = wanted->all_multicast;
	if (wanted->has_mac) {
		entry->has_mac = true;
		entry->mac = wanted->mac;
	}
}

/* An interface that is no port's has a TAP, and nothing beneath that could be set for it alone. */
static int stacked_set(const struct network_port *wanted, struct iface *iface, struct error *error)
{
	struct rte_ether_addr mac = iface->mac;
	int status = 0;

	if (wanted->promiscuous >= 0 || wanted->all_multicast >= 0)
		return error_set(error, -EINVAL,
				 wanted->promiscuous >= 0 ? "promiscuous" : "all_multicast",
				 "is a setting of a port, which %s is not", iface->name);
	if (wanted->has_mac)
		status = kernel_link_set_mac(iface->kernel_index, &wanted->mac);
	if (status < 0)
		return error_set(error, status, "mac", "Linux refuses it for %s: %s",
				 iface->tap_name, kernel_reason(status));
	if (wanted->up >= 0)
		status = up_set(iface, wanted->up, error);
	if (status < 0 && wanted->has_mac)
		kernel_link_set_mac(iface->kernel_index, &mac);
	if (status == 0)
		keep(wanted, iface->name);
	return status;
}

int network_link_set(const struct network_port *wanted, struct error *error)
{
	struct iface *iface = NULL;
	int status = network_iface(wanted->name, &iface, error);
	struct port *port = iface ? port_get(iface->port) : NULL;
	struct rte_ether_addr mac;
	bool promiscuous, all_multicast;
	struct error ignored;

	if (status < 0 || port == NULL)
		return status < 0 ? status : -ENODEV;
	if (iface->kind != IFACE_PORT)
		return stacked_set(wanted, iface, error);
	promiscuous = network_link_promiscuous(port);
	all_multicast = network_link_all_multicast(port);
	mac = iface->mac;
	if (wanted->promiscuous >= 0)
		status = promiscuous_set(port, wanted->promiscuous, error);
	if (status < 0)
		return status;
	if (wanted->all_multicast >= 0)
		status = all_multicast_set(port, wanted->all_multicast, error);
	if (status < 0)
		goto undo_promiscuous;
	if (wanted->has_mac)
		status = mac_set(port, iface, &wanted->mac, error);
	if (status < 0)
		goto undo_all_multicast;
	if (wanted->up >= 0)
		status = up_set(iface, wanted->up, error);
	if (status < 0)
		goto undo_mac;
	keep(wanted, port->config.name);
	return 0;

undo_mac:
	if (wanted->has_mac)
		mac_set(port, iface, &mac, &ignored);
undo_all_multicast:
	if (wanted->all_multicast >= 0)
		all_multicast_set(port, all_multicast, &ignored);
undo_promiscuous:
	if (wanted->promiscuous >= 0)
		promiscuous_set(port, promiscuous, &ignored);
	return status;
}

/* Kept over a restart */

void network_link_forget(const char *name)
{
	struct network_port *entry;

	TAILQ_FOREACH (entry, &kept, all) {
		if (strcmp(entry->name, name) != 0)
			continue;
		TAILQ_REMOVE(&kept, entry, all);
		free(entry);
		return;
	}
}

json_t *network_link_json(void)
{
	json_t *list = json_array();
	const struct network_port *port;

	TAILQ_FOREACH (port, &kept, all)
		json_array_append_new(list, network_port_json(port));
	return list;
}

void network_link_load(const json_t *list)
{
	size_t i;
	json_t *entry;

	json_array_foreach (list, i, entry) {
		struct network_port port = {0};
		struct error error;

		if (network_load_port(entry, &port, &error) < 0 ||
		    network_link_set(&port, &error) < 0) {
			log_warning("network.json: ports[%zu] is left out: %s: %s", i, error.field,
				    error.text);
			if (iface_find(port.name) == NULL && port.name[0])
				keep(&port, port.name); // the port may come back
		}
	}
}

void network_link_stop(void)
{
	struct network_port *entry;
	struct error ignored;

	while ((entry = TAILQ_FIRST(&kept)) != NULL) {
		struct port *port = port_find(entry->name);

		if (entry->has_mac && port != NULL && port->kernel_device[0])
			device_mac_set(port, &port->mac, &ignored);
		TAILQ_REMOVE(&kept, entry, all);
		free(entry);
	}
}

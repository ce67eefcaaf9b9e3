/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of ports, and what the rest of weir does with them: open all at start, look them up,
 * poll their link, close all. How a device is found and attached is in port_device.c, how a DPDK
 * port is configured in port_setup.c, what Linux has to be told in device_take.c.
 *
 * All on the control thread. Workers read a port's fields, which do not change while workers run.
 */
#include "io/port.h"

#include "base/log.h"
#include "io/device.h"
#include "io/port_bond.h"
#include "io/port_device.h"
#include "io/steer_flow.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct port port_table[PORT_MAX];
static unsigned int port_used;

unsigned int port_count(void)
{
	return port_used;
}

struct port *port_get(unsigned int index)
{
	return index < port_used ? &port_table[index] : NULL;
}

struct port *port_find(const char *name)
{
	for (unsigned int i = 0; i < port_used; i++)
		if (strcmp(port_table[i].config.name, name) == 0)
			return &port_table[i];
	return NULL;
}

static bool port_read_link(const struct port *port)
{
	struct rte_eth_link link;

	if (port->config.bond.member_count > 0 && !port_bond_has_link(port))
		return false;
	// AF_XDP and AF_PACKET say "up" whatever happens to the device beneath.
	if (port->kernel_device[0])
		return device_running(port->kernel_device);
	return rte_eth_link_get_nowait(port->queues[0].dpdk_port, &link) == 0 &&
	       link.link_status == RTE_ETH_LINK_UP;
}

bool port_poll_links(void)
{
	bool changed = false;

	for (unsigned int i = 0; i < port_used; i++) {
		struct port *port = &port_table[i];
		bool up;

		if (port->config.bond.member_count > 0)
			port_bond_poll(port);
		up = port_read_link(port);

		if (up == port->link_up)
			continue;
		__atomic_store_n(&port->link_up, up, __ATOMIC_RELAXED);
		port->link_changed = rte_rdtsc();
		log_notice("port %s: link %s", port->config.name, up ? "up" : "down");
		changed = true;
	}
	return changed;
}

/* Put the port's place in the file in front of the field that a lower function has named. */
static void port_error_place(const struct port_config *configs, unsigned int index,
			     struct error *error)
{
	bool bond = configs[index].bond.member_count > 0;
	char field[sizeof(error->field)];
	unsigned int number = 0;

	snprintf(field, sizeof(field), "%.100s", error->field);
	// A field with a dot is one of another section ("memory.buffers").
	if (strchr(field, '.'))
		return;
	for (unsigned int i = 0; i < index; i++)
		number += (configs[i].bond.member_count > 0) == bond;
	snprintf(error->field, sizeof(error->field), "%s[%u]%s%.100s", bond ? "bonds" : "ports",
		 number, *field ? "." : "", field);
}

static int port_check_names(const struct port_config *configs, unsigned int count,
			    struct error *error)
{
	for (unsigned int i = 0; i < count; i++) {
		for (unsigned int j = 0; j < i; j++) {
			if (strcmp(configs[i].name, configs[j].name) == 0)
				return error_set(error, -EEXIST, "name",
						 "two ports are called \"%s\"", configs[i].name);
			if (configs[i].device[0] &&
			    strcmp(configs[i].device, configs[j].device) == 0)
				return error_set(error, -EEXIST, "device",
						 "ports \"%s\" and \"%s\" have the same device",
						 configs[j].name, configs[i].name);
		}
	}
	return 0;
}

static int port_open(struct port *port, unsigned int workers, struct error *error)
{
	int result;

	if (port->config.bond.member_count > 0) {
		result = port_bond_open(port, workers, error);
		if (result < 0)
			port_bond_close(port);
		return result;
	}
	if (!port->config.member)
		return port_device_open(port, workers, error);
	result = port_device_attach(port, workers, error);
	if (result < 0)
		port_device_close(port);
	return result;
}

int port_open_all(const struct port_config *configs, unsigned int count, unsigned int workers,
		  struct error *error)
{
	int result = 0;

	assert(workers >= 1 && workers <= PORT_QUEUES_MAX && port_used == 0);
	if (count > PORT_MAX)
		return error_set(error, -E2BIG, "ports", "%u ports, the limit is %d", count,
				 PORT_MAX);
	for (unsigned int i = 0; i < count; i++) {
		struct port *port = &port_table[i];

		memset(port, 0, sizeof(*port));
		port->config = configs[i];
		port->index = i;
		result = port_check_names(configs, i + 1, error);
		if (result == 0)
			result = port_open(port, workers, error);
		if (result < 0) {
			port_error_place(configs, i, error);
			goto close_ports;
		}
		port->link_up = port_read_link(port);
		port_used = i + 1;
		log_notice("port %s: %s, %s; link %s", port->config.name, port->config.device,
			   port->why, port->link_up ? "up" : "down");
	}
	return 0;

close_ports:
	port_close_all();
	return result;
}

void port_close_all(void)
{
	while (port_used > 0) {
		struct port *port = &port_table[port_used - 1];

		steer_flow_clear(port);
		if (port->config.bond.member_count > 0)
			port_bond_close(port);
		else
			port_device_close(port);
		port_used--;
	}
}

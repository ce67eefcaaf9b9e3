/* SPDX-License-Identifier: BSD-3-Clause */
/* Devices beside two ports: none is ever made here. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/port_bond.h"
#include "net/vlan.h"
#include "tunnel/device.h"

/* Bonds */
void port_bond_get(const struct port *bond, struct port_bond_state *state)
{
	memset(state, 0, sizeof(*state));
}

bool port_bond_is_active(const struct port *bond, const struct port *member)
{
	return false;
}

bool port_bond_is_negotiated(const struct port *bond, const struct port *member)
{
	return false;
}

int port_bond_set(struct port *bond, const struct bond_config *wanted, struct error *error)
{
	return 0;
}

int port_bond_member(struct port *bond, struct port *member, bool in, struct error *error)
{
	return 0;
}

/* VLANs */
void vlan_complete(struct vlan_config *config)
{
	if (!config->name[0])
		snprintf(config->name, sizeof(config->name), "%.10s.%u", config->link,
			 config->id & VLAN_MAX);
	if (!config->tap[0])
		snprintf(config->tap, sizeof(config->tap), "%.11s.kni", config->name);
}

int vlan_create(const struct vlan_config *config, struct iface **out, struct error *error)
{
	return error_set(error, -ENODEV, "link", "there is no interface \"%s\"", config->link);
}

int vlan_remove(struct iface *iface, struct error *error)
{
	return 0;
}

void iface_remove(struct iface *iface)
{
}

/* Tunnels */
void device_complete_tunnel(struct tunnel_config *config)
{
	if (!config->tap[0])
		snprintf(config->tap, sizeof(config->tap), "%.11s.kni", config->name);
}

int device_create_tunnel(struct tunnel_config *config, struct iface **out, struct error *error)
{
	return error_set(error, -ENOSPC, "", "no tunnel is ever made here");
}

struct template *device_template(unsigned int iface)
{
	return NULL;
}

void device_remove_tunnel(struct iface *iface)
{
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VLAN interfaces. Each interface that VLANs stand on has a table of them by tag, so a frame's
 * interface is found by its tags one after the other, and an untagged frame never comes here.
 *
 * The inner tag of a frame with two is of an interface that stands on that of the outer one. On the
 * side of Linux there are no tags: its TAP sends and receives plain frames.
 *
 * AF_PACKET has the kernel strip the outer tag and puts it back as 802.1Q, whatever it was. On such
 * a port an interface of 802.1ad is found by either tag, and a number can be used only once.
 */
#include "net/vlan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Does the driver lose the kind of the outer tag? */
static bool vlan_type_lost(const struct iface *parent)
{
	const struct port *port = port_get(parent->port);

	return parent->kind == IFACE_PORT && port && strcmp(port->driver, "net_af_packet") == 0;
}

void vlan_complete(struct vlan_config *config)
{
	const struct iface *parent = iface_find(config->link);

	if (parent) // it may be named by its TAP
		snprintf(config->link, sizeof(config->link), "%s", parent->name);
	if (!config->name[0])
		snprintf(config->name, sizeof(config->name), "%.10s.%u", config->link,
			 config->id & VLAN_MAX);
	if (!config->tap[0])
		snprintf(config->tap, sizeof(config->tap), "%.11s.kni", config->name);
}

static const struct iface *vlan_occupant(const struct iface *parent, uint16_t type, uint16_t id)
{
	uint16_t index = vlan_find(parent, rte_cpu_to_be_16(type), id);

	if (index == 0 && vlan_type_lost(parent))
		index = vlan_find(parent, RTE_BE16(RTE_ETHER_TYPE_VLAN), id);
	return index ? iface_get(index) : NULL;
}

static int vlan_check(const struct vlan_config *config, const struct iface *parent,
		      struct error *error)
{
	const struct iface *occupant;

	if (!parent)
		return error_set(error, -ENODEV, "link", "there is no interface \"%s\"",
				 config->link);
	if (config->id < 1 || config->id >= VLAN_MAX)
		return error_set(error, -EINVAL, "id", "%u is no number of a VLAN, 1 to %d",
				 config->id, VLAN_MAX - 1);
	if (parent->kind == IFACE_TUNNEL || parent->kind == IFACE_VNI)
		return error_set(error, -EINVAL, "link",
				 "%s is a tunnel: a VLAN stands on a port, "
				 "a bond or another VLAN",
				 parent->name);
	if (parent->tag_bytes + sizeof(struct rte_vlan_hdr) > IFACE_TAGS)
		return error_set(error, -EINVAL, "link",
				 "%s has two tags already: more than two are not possible",
				 parent->name);
	if (config->mtu > parent->mtu)
		return error_set(error, -EINVAL, "mtu", "%u is more than the %u of %s", config->mtu,
				 parent->mtu, parent->name);
	occupant = vlan_occupant(parent, config->type, config->id);
	if (occupant)
		return error_set(error, -EEXIST, "id", "VLAN %u on %s is %s already%s", config->id,
				 parent->name, occupant->name,
				 occupant->vlan_type != config->type
					 ? ": AF_PACKET cannot tell 802.1q from 802.1ad"
					 : "");
	return 0;
}

static void vlan_set(struct iface *parent, const struct iface *iface, uint16_t index)
{
	struct vlans *vlans = parent->vlans;

	__atomic_store_n(&vlans->index[iface->vlan_type == RTE_ETHER_TYPE_QINQ][iface->vlan], index,
			 __ATOMIC_RELEASE);
	if (iface->vlan_type == RTE_ETHER_TYPE_QINQ && vlan_type_lost(parent))
		__atomic_store_n(&vlans->index[0][iface->vlan], index, __ATOMIC_RELEASE);
}

/* What a frame of it has behind the addresses: the tags beneath, then its own. */
static void vlan_fill_tags(struct iface *made, const struct iface *parent)
{
	uint16_t tag[2] = {rte_cpu_to_be_16(made->vlan_type), rte_cpu_to_be_16(made->vlan)};

	memcpy(made->tags, parent->tags, parent->tag_bytes);
	memcpy(made->tags + parent->tag_bytes, tag, sizeof(tag));
	made->tag_bytes = parent->tag_bytes + sizeof(tag);
}

int vlan_create(const struct vlan_config *config, struct iface **out, struct error *error)
{
	struct iface *parent = iface_find(config->link);
	struct iface made = {.kind = IFACE_VLAN, .vlan = config->id, .vlan_type = config->type};
	struct vlans *vlans;
	int result = vlan_check(config, parent, error);

	if (result < 0)
		return result;
	snprintf(made.name, sizeof(made.name), "%s", config->name);
	snprintf(made.tap_name, sizeof(made.tap_name), "%s", config->tap);
	made.port = parent->port;
	made.parent = parent->index;
	made.repair = parent->repair;
	made.mac = parent->mac;
	made.mtu = config->mtu ? config->mtu : parent->mtu;
	vlan_fill_tags(&made, parent);
	if (!parent->vlans) {
		vlans = calloc(1, sizeof(*vlans));
		if (!vlans)
			return error_set(error, -ENOMEM, "", "out of memory");
		__atomic_store_n(&parent->vlans, vlans, __ATOMIC_RELEASE);
	}
	result = iface_add(&made, out, error);
	if (result < 0)
		return result;
	vlan_set(parent, *out, (*out)->index);
	return 0;
}

int vlan_remove(struct iface *iface, struct error *error)
{
	for (unsigned int i = 1; i < IFACE_MAX; i++) {
		const struct iface *other = iface_get(i);

		if (other && other->kind == IFACE_VLAN && other->parent == iface->index)
			return error_set(error, -EBUSY, "name", "%s stands on %s: remove it first",
					 other->name, iface->name);
	}
	vlan_set(iface_get(iface->parent), iface, 0);
	iface_remove(iface);
	return 0;
}

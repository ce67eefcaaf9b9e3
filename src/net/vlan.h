/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <rte_byteorder.h>
#include <rte_ether.h>

#include "net/iface.h"

/*
 * Interfaces of VLANs (802.1Q) and of VLANs in VLANs (802.1ad). A worker finds the interface of a
 * tagged frame by one load for each tag; see vlan.c.
 */
enum { VLAN_MAX = 4095, VLAN_TAGS = 2 };

/* Which interface stands on this one, by kind of tag and number. Control writes single entries. */
struct vlans {
	uint16_t index[2][VLAN_MAX + 1]; // 0: none; [0]: 802.1Q, [1]: 802.1ad
};

struct vlan_config {
	char name[IFACE_NAME]; // "": "<link>.<id>"
	char link[IFACE_NAME]; // the interface that it stands on
	char tap[IFACE_NAME];  // "": "<name>.kni", cut to 15
	uint16_t id;	       // 1 to 4094
	uint16_t type;	       // RTE_ETHER_TYPE_VLAN or RTE_ETHER_TYPE_QINQ
	uint16_t mtu;	       // 0: that of the interface beneath
};

/* Is this Ethernet type (network byte order) the beginning of a tag? */
static inline bool vlan_is_tag(uint16_t type)
{
	return type == RTE_BE16(RTE_ETHER_TYPE_VLAN) || type == RTE_BE16(RTE_ETHER_TYPE_QINQ);
}

/* Worker: the index of the interface of a tag, 0: none. `type` in network byte order. */
static inline uint16_t vlan_find(const struct iface *iface, uint16_t type, uint16_t id)
{
	const struct vlans *vlans = __atomic_load_n(&iface->vlans, __ATOMIC_ACQUIRE);

	if (!vlans)
		return 0;
	return __atomic_load_n(&vlans->index[type == RTE_BE16(RTE_ETHER_TYPE_QINQ)][id],
			       __ATOMIC_RELAXED);
}

/* The names that follow from the others, where they are empty. */
void vlan_complete(struct vlan_config *config);
/* Control thread. Fields of the error are those of the configuration. */
int vlan_create(const struct vlan_config *config, struct iface **out, struct error *error);
/* -EBUSY when another VLAN stands on it. */
int vlan_remove(struct iface *iface, struct error *error);

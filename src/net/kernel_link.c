/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Links: all interfaces of the namespace by index. Those that are the TAP of one of ours carry
 * their MTU, MAC and state over to it.
 */
#include "net/kernel_mirror.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/log.h"
#include "net/group.h"
#include "net/kernel.h"
#include "net/map.h"
#include "net/neigh.h"
#include "net/retire.h"

struct link {
	struct map_node node; // hash: the index itself
	struct kernel_link link;
	LIST_ENTRY(link) all;
	uint16_t iface; // index of ours, or 0
	uint32_t generation;
};

static LIST_HEAD(, link) link_all = LIST_HEAD_INITIALIZER(link_all);
static struct map link_map;
static uint32_t link_generation;

int link_start(void)
{
	LIST_INIT(&link_all);
	return map_create(&link_map, 64);
}

void link_stop(void)
{
	struct link *link;

	while ((link = LIST_FIRST(&link_all))) {
		LIST_REMOVE(link, all);
		free(link);
	}
	map_destroy(&link_map);
}

static struct link *link_search(int index)
{
	struct link *link;

	LIST_FOREACH (link, &link_all, all)
		if (link->link.index == index)
			return link;
	return NULL;
}

const struct kernel_link *link_find(int index)
{
	struct link *link = link_search(index);

	return link ? &link->link : NULL;
}

bool kernel_link_is_up(int index)
{
	const struct kernel_link *link = link_find(index);

	return link && (link->flags & IFF_UP);
}

const char *link_name(int index)
{
	static char text[IFNAMSIZ + 4];
	struct link *link = link_search(index);

	if (link)
		return link->link.name;
	snprintf(text, sizeof(text), "if%d", index);
	return text;
}

/* Carry over what workers need to know. */
static void link_update_iface(struct iface *iface, const struct link *link, uint32_t mtu,
			      const struct nlattr *mac)
{
	bool up = (link->link.flags & IFF_UP) && (link->link.flags & IFF_LOWER_UP);
	bool header_changed = false;

	if (mtu && mtu <= UINT16_MAX && iface->mtu != mtu) {
		__atomic_store_n(&iface->mtu, (uint16_t)mtu, __ATOMIC_RELAXED);
		header_changed = true;
	}
	if (mac && mnl_attr_get_payload_len(mac) == RTE_ETHER_ADDR_LEN &&
	    memcmp(&iface->mac, mnl_attr_get_payload(mac), RTE_ETHER_ADDR_LEN)) {
		memcpy(&iface->mac, mnl_attr_get_payload(mac), RTE_ETHER_ADDR_LEN);
		header_changed = true;
	}
	if (header_changed)
		neigh_iface_changed(iface->index);
	if (iface->up != up) {
		__atomic_store_n(&iface->up, up, __ATOMIC_RELAXED);
		iface->ups += up;
		log_info("%s (%s) is %s", iface->name, iface->tap_name, up ? "up" : "down");
		group_iface_changed(iface->index);
	}
}

static void link_remove(struct link *link)
{
	int index = link->link.index;

	map_remove(&link_map, &link->node);
	LIST_REMOVE(link, all);
	if (link->iface) {
		neigh_iface_gone(link->iface);
		group_iface_changed(link->iface);
	}
	free(link);
	address_link_gone(index);
	rib_links_changed();
	kernel_want_dumps(DUMPS_ROUTES);
}

/* It became one of ours, or ceased to be. */
static void link_set_iface(struct link *link, const struct iface *iface)
{
	uint16_t number = iface ? iface->index : 0;

	if (link->iface == number)
		return;
	if (link->iface)
		neigh_iface_gone(link->iface);
	link->iface = number;
	rib_all_changed();
	kernel_want_dumps(DUMPS_NEIGHS);
}

static void link_set_flags(struct link *link, uint32_t flags)
{
	uint32_t changed = link->link.flags ^ flags;

	link->link.flags = flags;
	if (!(changed & (IFF_UP | IFF_LOWER_UP)))
		return;
	if ((changed & IFF_UP) && !(flags & IFF_UP))
		rib_links_changed();
	kernel_want_dumps(DUMPS_ROUTES);
}

void link_message(const struct nlmsghdr *message, bool event)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attributes[ATTRIBUTES_MAX];
	struct iface *iface;
	struct link *link;

	if (info->ifi_family != AF_UNSPEC)
		return; // of bridges: about the same link again
	link = link_search(info->ifi_index);
	if (message->nlmsg_type == RTM_DELLINK) {
		if (link)
			link_remove(link);
		return;
	}
	if (!link) {
		link = calloc(1, sizeof(*link));
		if (!link) {
			log_error("no memory for a link");
			return;
		}
		link->link.index = info->ifi_index;
		LIST_INSERT_HEAD(&link_all, link, all);
		map_insert(&link_map, &link->node, info->ifi_index);
	}
	attributes_of_message(message, sizeof(*info), attributes);
	link->generation = link_generation;
	if (attributes[IFLA_IFNAME])
		snprintf(link->link.name, sizeof(link->link.name), "%s",
			 mnl_attr_get_str(attributes[IFLA_IFNAME]));
	iface = iface_find_kernel(info->ifi_index);
	link_set_iface(link, iface);
	link_set_flags(link, info->ifi_flags);
	if (iface)
		link_update_iface(iface, link, attribute_u32(attributes[IFLA_MTU], 0),
				  attributes[IFLA_ADDRESS]);
}

void link_dump_begin(void)
{
	link_generation++;
}

void link_dump_end(bool complete)
{
	struct link *link, *next;

	for (link = LIST_FIRST(&link_all); complete && link; link = next) {
		next = LIST_NEXT(link, all);
		if (link->generation != link_generation)
			link_remove(link);
	}
}

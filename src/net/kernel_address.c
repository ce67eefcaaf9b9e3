/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses of all interfaces of the namespace: for listing, and to tell which of our interfaces
 * carries one. That an address is Linux's own is a matter of routes (type local).
 */
#include "net/kernel_mirror.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/log.h"
#include "net/kernel.h"
#include "net/map.h"

#include <rte_jhash.h>

struct address {
	struct map_node node;
	LIST_ENTRY(address) all;
	int link;
	struct kernel_address is; // lifetimes as they were at `told_ms`
	uint64_t told_ms;
	uint32_t flags;
	bool deleted;	     // while a dump runs: not to be brought back by it
	uint32_t generation; // of the dump that saw it last
	uint32_t touched;    // generation in which an event spoke of it
};

static struct map address_map; // by address
static LIST_HEAD(, address) address_all;
static uint32_t address_generation;
static bool dump_running;

int address_start(void)
{
	LIST_INIT(&address_all);
	address_generation = 0;
	dump_running = false;
	return map_create(&address_map, 256);
}

static uint32_t address_hash(const struct addr *addr)
{
	return rte_jhash(addr, sizeof(*addr), 0);
}

static struct address *address_search(int link, const struct prefix *prefix)
{
	uint32_t hash = address_hash(&prefix->addr);

	for (struct map_node *node = map_first(&address_map, hash); node; node = map_next(node)) {
		struct address *address = (struct address *)node;

		if (address->link == link && address->is.prefix.len == prefix->len &&
		    addr_equal(&address->is.prefix.addr, &prefix->addr))
			return address;
	}
	return NULL;
}

static uint64_t changes;

uint64_t kernel_address_generation(void)
{
	return changes;
}

static struct address *address_create(int link, const struct prefix *prefix)
{
	struct address *address = calloc(1, sizeof(*address));

	if (!address)
		return NULL;
	address->link = link;
	address->is.prefix = *prefix;
	changes++;
	LIST_INSERT_HEAD(&address_all, address, all);
	map_insert(&address_map, &address->node, address_hash(&prefix->addr));
	return address;
}

static void address_destroy(struct address *address)
{
	changes++;
	map_remove(&address_map, &address->node);
	LIST_REMOVE(address, all);
	free(address);
}

void address_stop(void)
{
	while (!LIST_EMPTY(&address_all))
		address_destroy(LIST_FIRST(&address_all));
	map_destroy(&address_map);
}

static int64_t lifetime_read(uint32_t seconds)
{
	return seconds == UINT32_MAX ? KERNEL_FOREVER : (int64_t)seconds;
}

static bool address_read(const struct nlmsghdr *message, int *link, struct kernel_address *is,
			 uint32_t *flags)
{
	struct prefix *prefix = &is->prefix;
	const struct ifa_cacheinfo *lifetimes;
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attributes[ATTRIBUTES_MAX];

	attributes_of_message(message, sizeof(*info), attributes);
	// On point-to-point links IFA_ADDRESS is the other end's.
	if (!attribute_addr(attributes[IFA_LOCAL], info->ifa_family, &prefix->addr) &&
	    !attribute_addr(attributes[IFA_ADDRESS], info->ifa_family, &prefix->addr))
		return false;
	prefix->len = info->ifa_prefixlen;
	*link = info->ifa_index;
	*flags = attribute_u32(attributes[IFA_FLAGS], info->ifa_flags);
	is->scope = info->ifa_scope;
	is->valid = is->preferred = KERNEL_FOREVER;
	attribute_addr(attributes[IFA_BROADCAST], info->ifa_family, &is->broadcast);
	if (attributes[IFA_CACHEINFO] &&
	    mnl_attr_get_payload_len(attributes[IFA_CACHEINFO]) >= sizeof(*lifetimes)) {
		lifetimes = mnl_attr_get_payload(attributes[IFA_CACHEINFO]);
		is->valid = lifetime_read(lifetimes->ifa_valid);
		is->preferred = lifetime_read(lifetimes->ifa_prefered);
	}
	return true;
}

static void address_set(int link, const struct kernel_address *is, uint32_t flags, bool event)
{
	struct address *address = address_search(link, &is->prefix);

	if (!address)
		address = address_create(link, &is->prefix);
	if (!address) {
		log_error("no memory for an address");
		return;
	}
	if (event)
		address->touched = address_generation;
	else if (address->touched == address_generation)
		return;
	changes += address->deleted;
	address->deleted = false;
	address->is = *is;
	address->told_ms = kernel_now_ms();
	address->flags = flags;
	address->generation = address_generation;
}

static void address_delete(int link, const struct prefix *prefix)
{
	struct address *address = address_search(link, prefix);

	if (!address)
		return;
	changes++;
	address->deleted = true;
	address->touched = address_generation;
	if (!dump_running)
		address_destroy(address);
}

void address_message(const struct nlmsghdr *message, bool event)
{
	struct kernel_address is = {};
	uint32_t flags;
	int link;

	if (!address_read(message, &link, &is, &flags))
		return;
	if (message->nlmsg_type == RTM_DELADDR)
		address_delete(link, &is.prefix);
	else
		address_set(link, &is, flags, event);
}

void address_dump_begin(void)
{
	address_generation++;
	dump_running = true;
}

void address_dump_end(bool complete)
{
	dump_running = false;
	for (struct address *address = LIST_FIRST(&address_all), *next; address; address = next) {
		next = LIST_NEXT(address, all);
		if (address->deleted || (complete && address->generation != address_generation &&
					 address->touched != address_generation))
			address_destroy(address);
	}
}

void address_link_gone(int index)
{
	for (struct address *address = LIST_FIRST(&address_all), *next; address; address = next) {
		next = LIST_NEXT(address, all);
		if (address->link == index)
			address_destroy(address);
	}
}

struct iface *kernel_address_owner(const struct addr *addr)
{
	uint32_t hash = address_hash(addr);

	for (struct map_node *node = map_first(&address_map, hash); node; node = map_next(node)) {
		struct address *address = (struct address *)node;
		struct iface *iface = iface_find_kernel(address->link);

		if (iface && !address->deleted && addr_equal(&address->is.prefix.addr, addr))
			return iface;
	}
	return NULL;
}

const struct kernel_address *kernel_address_get(const struct iface *iface,
						const struct prefix *prefix)
{
	const struct address *address = address_search(iface->kernel_index, prefix);

	return address && !address->deleted ? &address->is : NULL;
}

bool kernel_address_known(const struct addr *addr)
{
	struct map_node *node = map_first(&address_map, address_hash(addr));

	for (; node; node = map_next(node)) {
		const struct address *address = (struct address *)node;

		if (!address->deleted && addr_equal(&address->is.prefix.addr, addr))
			return true;
	}
	return false;
}

bool kernel_vip_stands(int link, const struct prefix *vip)
{
	const struct address *address = address_search(link, vip);

	return address && !address->deleted;
}

unsigned int kernel_networks(struct kernel_network *out, unsigned int max)
{
	struct address *address;
	unsigned int count = 0;

	LIST_FOREACH (address, &address_all, all) {
		const struct prefix *prefix = &address->is.prefix;
		bool host = prefix->len == (prefix->addr.family == AF_INET ? 32 : 128);
		struct iface *iface = host ? NULL : iface_find_kernel(address->link);

		if (iface && iface->kind != IFACE_VNI && !address->deleted && count < max)
			out[count++] = (struct kernel_network){iface, *prefix};
	}
	return count;
}

void kernel_addresses_visit(void (*visit)(const struct iface *iface,
					  const struct kernel_address *address, bool usable,
					  void *arg),
			    void *arg)
{
	const uint32_t unusable = IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED;
	struct address *address;

	LIST_FOREACH (address, &address_all, all) {
		const struct iface *iface = iface_find_kernel(address->link);

		if (iface && !address->deleted)
			visit(iface, &address->is, (address->flags & unusable) == 0, arg);
	}
}

static const char *scope_name(uint8_t scope, char text[static 4])
{
	switch (scope) {
	case RT_SCOPE_UNIVERSE:
		return "global";
	case RT_SCOPE_LINK:
		return "link";
	case RT_SCOPE_HOST:
		return "host";
	}
	snprintf(text, 4, "%u", scope);
	return text;
}

/* What is left of a lifetime; it only shows when it ends. */
static void lifetime_put(json_t *object, const char *name, int64_t seconds, uint64_t told_ms)
{
	int64_t passed = (int64_t)((kernel_now_ms() - told_ms) / 1000);

	if (seconds != KERNEL_FOREVER)
		json_object_set_new(object, name,
				    json_integer(seconds > passed ? seconds - passed : 0));
}

static json_t *address_json(const struct address *address)
{
	const struct iface *iface = iface_find_kernel(address->link);
	char text[PREFIX_TEXT], broadcast[ADDR_TEXT], scope[4];
	json_t *object = json_pack("{s:s, s:s, s:s?, s:s, s:b, s:b}", "address",
				   prefix_format(&address->is.prefix, text), "device",
				   link_name(address->link), "interface",
				   iface ? iface->name : NULL, "scope",
				   scope_name(address->is.scope, scope), "tentative",
				   (address->flags & IFA_F_TENTATIVE) != 0, "permanent",
				   (address->flags & IFA_F_PERMANENT) != 0);

	if (address->is.broadcast.family != AF_UNSPEC)
		json_object_set_new(object, "broadcast",
				    json_string(addr_format(&address->is.broadcast, broadcast)));
	lifetime_put(object, "valid_lifetime", address->is.valid, address->told_ms);
	lifetime_put(object, "preferred_lifetime", address->is.preferred, address->told_ms);
	return object;
}

json_t *kernel_addresses_json(void)
{
	json_t *list = json_array();
	struct address *address;

	LIST_FOREACH (address, &address_all, all)
		if (!address->deleted)
			json_array_append_new(list, address_json(address));
	return list;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses of all interfaces of the namespace: for listing, and to tell which of our interfaces
 * carries one. That an address is Linux's own is a matter of routes (type local).
 */
#include "net/kernel_mirror.h"

#include <errno.h>
#include <linux/if_addr.h>
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
	struct prefix prefix;
	uint32_t flags;
	bool deleted;	     // while a dump runs: not to be brought back by it
	uint32_t generation; // of the dump that saw it last
	uint32_t touched;    // generation in which an event spoke of it
};

static struct map address_map; // by address
static LIST_HEAD(, address) address_all;
static uint32_t address_generation;
static bool dump_running;
static struct mnl_socket *request_socket;

int address_start(void)
{
	struct error error;

	LIST_INIT(&address_all);
	address_generation = 0;
	dump_running = false;
	if (map_create(&address_map, 256) < 0)
		return -ENOMEM;
	request_socket = kernel_socket_open(0, true, &error);
	if (request_socket)
		return 0;
	map_destroy(&address_map);
	return error.code;
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

		if (address->link == link && address->prefix.len == prefix->len &&
		    addr_equal(&address->prefix.addr, &prefix->addr))
			return address;
	}
	return NULL;
}

static struct address *address_create(int link, const struct prefix *prefix)
{
	struct address *address = calloc(1, sizeof(*address));

	if (!address)
		return NULL;
	address->link = link;
	address->prefix = *prefix;
	LIST_INSERT_HEAD(&address_all, address, all);
	map_insert(&address_map, &address->node, address_hash(&prefix->addr));
	return address;
}

static void address_destroy(struct address *address)
{
	map_remove(&address_map, &address->node);
	LIST_REMOVE(address, all);
	free(address);
}

void address_stop(void)
{
	while (!LIST_EMPTY(&address_all))
		address_destroy(LIST_FIRST(&address_all));
	map_destroy(&address_map);
	if (request_socket)
		mnl_socket_close(request_socket);
	request_socket = NULL;
}

static bool address_read(const struct nlmsghdr *message, int *link, struct prefix *prefix,
			 uint32_t *flags)
{
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
	return true;
}

static void address_set(int link, const struct prefix *prefix, uint32_t flags, bool event)
{
	struct address *address = address_search(link, prefix);

	if (!address)
		address = address_create(link, prefix);
	if (!address) {
		log_error("no memory for an address");
		return;
	}
	if (event)
		address->touched = address_generation;
	else if (address->touched == address_generation)
		return;
	address->deleted = false;
	address->flags = flags;
	address->generation = address_generation;
}

static void address_delete(int link, const struct prefix *prefix)
{
	struct address *address = address_search(link, prefix);

	if (!address)
		return;
	address->deleted = true;
	address->touched = address_generation;
	if (!dump_running)
		address_destroy(address);
}

void address_message(const struct nlmsghdr *message, bool event)
{
	struct prefix prefix = {};
	uint32_t flags;
	int link;

	if (!address_read(message, &link, &prefix, &flags))
		return;
	if (message->nlmsg_type == RTM_DELADDR)
		address_delete(link, &prefix);
	else
		address_set(link, &prefix, flags, event);
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

		if (iface && !address->deleted && addr_equal(&address->prefix.addr, addr))
			return iface;
	}
	return NULL;
}

static int address_request(uint16_t type, uint16_t flags, const struct iface *iface,
			   const struct prefix *prefix)
{
	const struct addr *addr = &prefix->addr;
	char buffer[256] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ifaddrmsg *info;
	size_t size = addr->family == AF_INET6 ? 16 : 4;
	int result;

	if (addr->family != AF_INET && addr->family != AF_INET6)
		return -EAFNOSUPPORT;
	message->nlmsg_type = type;
	message->nlmsg_flags = flags;
	info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	info->ifa_family = addr->family;
	info->ifa_prefixlen = prefix->len;
	info->ifa_index = iface->kernel_index;
	// Duplicate address detection would leave the address unusable for a second or two.
	if (addr->family == AF_INET6 && type == RTM_NEWADDR)
		info->ifa_flags = IFA_F_NODAD;
	mnl_attr_put(message, IFA_LOCAL, size, addr->bytes);
	mnl_attr_put(message, IFA_ADDRESS, size, addr->bytes);
	result = kernel_request(request_socket, message);
	// What follows from it is on its way already, of IPv6 some milliseconds later: let the
	// mirror know before we return.
	kernel_read();
	if (result == 0 && type == RTM_NEWADDR)
		address_set(iface->kernel_index, prefix, info->ifa_flags | IFA_F_PERMANENT, true);
	else if (result == 0)
		address_delete(iface->kernel_index, prefix);
	return result;
}

int kernel_address_add(struct iface *iface, const struct prefix *address)
{
	return address_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, iface, address);
}

int kernel_address_delete(struct iface *iface, const struct prefix *address)
{
	return address_request(RTM_DELADDR, 0, iface, address);
}

json_t *kernel_addresses_json(void)
{
	json_t *list = json_array();
	struct address *address;

	LIST_FOREACH (address, &address_all, all) {
		const struct iface *iface = iface_find_kernel(address->link);
		char text[PREFIX_TEXT];

		if (address->deleted)
			continue;
		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:s?, s:b, s:b}", "address",
				  prefix_format(&address->prefix, text), "device",
				  link_name(address->link), "interface", iface ? iface->name : NULL,
				  "tentative", (address->flags & IFA_F_TENTATIVE) != 0, "permanent",
				  (address->flags & IFA_F_PERMANENT) != 0));
	}
	return list;
}

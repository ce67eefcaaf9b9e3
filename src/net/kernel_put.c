/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What doors ask for, written through to Linux: addresses, routes, neighbours and link settings.
 *
 * Linux stays the one place where these stand. A request is sent, its answer awaited (the kernel
 * answers before the send returns), and the events that it caused are taken in, so that whoever
 * asked sees it in the mirror at once. Everything runs in the control thread.
 */
#include "net/kernel_mirror.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <stdio.h>
#include <string.h>

#include "net/kernel.h"
#include "net/kernel_rib.h"

static struct mnl_socket *put_socket;
static char put_reason[KERNEL_REASON];

int put_start(struct error *error)
{
	int on = 1;

	put_socket = kernel_socket_open(0, true, error);
	if (!put_socket)
		return error->code;
	// Without these, on an old kernel, there is the errno only.
	mnl_socket_setsockopt(put_socket, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(put_socket, NETLINK_CAP_ACK, &on, sizeof(on));
	return 0;
}

void put_stop(void)
{
	if (put_socket)
		mnl_socket_close(put_socket);
	put_socket = NULL;
}

const char *kernel_reason(int code)
{
	return put_reason[0] ? put_reason : strerror(-code);
}

static int put_send(struct nlmsghdr *message)
{
	int result = kernel_request(put_socket, message, put_reason);

	kernel_read();
	return result;
}

static void put_addr(struct nlmsghdr *message, uint16_t type, const struct addr *addr)
{
	mnl_attr_put(message, type, addr->family == AF_INET6 ? 16 : 4, addr->bytes);
}

static uint16_t create_flags(bool exclusive)
{
	return NLM_F_CREATE | (exclusive ? NLM_F_EXCL : NLM_F_REPLACE);
}

/* Addresses */

enum { PUT_BUFFER = 512, IPV6_DEFAULT_METRIC = 1024 };

static struct ifaddrmsg *address_head(struct nlmsghdr *message, int link,
				      const struct prefix *prefix)
{
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	info->ifa_family = prefix->addr.family;
	info->ifa_prefixlen = prefix->len;
	info->ifa_index = link;
	put_addr(message, IFA_LOCAL, &prefix->addr);
	put_addr(message, IFA_ADDRESS, &prefix->addr);
	return info;
}

/* The events of IPv6 addresses come some milliseconds later: the request says the same. */
static int address_send(struct nlmsghdr *message)
{
	int result = put_send(message);

	if (result == 0)
		address_message(message, true);
	return result;
}

static int address_put(int link, const struct kernel_address *address, bool exclusive)
{
	char buffer[PUT_BUFFER] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ifa_cacheinfo lifetimes = {.ifa_valid = UINT32_MAX, .ifa_prefered = UINT32_MAX};
	const struct prefix *prefix = &address->prefix;
	struct ifaddrmsg *info;

	if (prefix->addr.family != AF_INET && prefix->addr.family != AF_INET6)
		return -EAFNOSUPPORT;
	message->nlmsg_type = RTM_NEWADDR;
	message->nlmsg_flags = create_flags(exclusive);
	info = address_head(message, link, prefix);
	info->ifa_scope = address->scope;
	// Duplicate address detection would leave the address unusable for a second or two.
	if (prefix->addr.family == AF_INET6)
		info->ifa_flags = IFA_F_NODAD;
	if (address->valid == KERNEL_FOREVER)
		info->ifa_flags |= IFA_F_PERMANENT;
	else
		lifetimes.ifa_valid = (uint32_t)address->valid;
	if (address->preferred != KERNEL_FOREVER)
		lifetimes.ifa_prefered = (uint32_t)address->preferred;
	mnl_attr_put(message, IFA_CACHEINFO, sizeof(lifetimes), &lifetimes);
	if (address->broadcast.family != AF_UNSPEC)
		put_addr(message, IFA_BROADCAST, &address->broadcast);
	if (address->metric)
		mnl_attr_put_u32(message, IFA_RT_PRIORITY, address->metric);
	return address_send(message);
}

int kernel_address_put(struct iface *iface, const struct kernel_address *address, bool exclusive)
{
	return address_put(iface->kernel_index, address, exclusive);
}

int kernel_address_add(struct iface *iface, const struct prefix *prefix)
{
	const struct kernel_address address = {
		.prefix = *prefix, .valid = KERNEL_FOREVER, .preferred = KERNEL_FOREVER};

	return kernel_address_put(iface, &address, true);
}

static int address_delete(int link, const struct prefix *prefix)
{
	char buffer[PUT_BUFFER] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	if (prefix->addr.family != AF_INET && prefix->addr.family != AF_INET6)
		return -EAFNOSUPPORT;
	message->nlmsg_type = RTM_DELADDR;
	address_head(message, link, prefix);
	return address_send(message);
}

int kernel_address_delete(struct iface *iface, const struct prefix *prefix)
{
	return address_delete(iface->kernel_index, prefix);
}

int kernel_vip_add(int link, const struct prefix *vip)
{
	const struct kernel_address address = {
		.prefix = *vip,
		.valid = KERNEL_FOREVER,
		.preferred = vip->addr.family == AF_INET6 ? 0 : KERNEL_FOREVER,
	};

	return address_put(link, &address, true);
}

int kernel_vip_delete(int link, const struct prefix *vip)
{
	return address_delete(link, vip);
}

/* Routes */

static struct rtmsg *route_head(struct nlmsghdr *message, const struct kernel_route *route)
{
	struct rtmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	info->rtm_family = route->prefix.addr.family;
	info->rtm_dst_len = route->prefix.len;
	info->rtm_table = route->local ? RT_TABLE_LOCAL : RT_TABLE_MAIN;
	put_addr(message, RTA_DST, &route->prefix.addr);
	if (route->iface)
		mnl_attr_put_u32(message, RTA_OIF, route->iface->kernel_index);
	if (route->gateway.family != AF_UNSPEC)
		put_addr(message, RTA_GATEWAY, &route->gateway);
	if (route->metric)
		mnl_attr_put_u32(message, RTA_PRIORITY, route->metric);
	return info;
}

int kernel_route_put(const struct kernel_route *route, bool exclusive)
{
	char buffer[PUT_BUFFER] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct nlattr *metrics;
	struct rtmsg *info;

	message->nlmsg_type = RTM_NEWROUTE;
	message->nlmsg_flags = create_flags(exclusive);
	info = route_head(message, route);
	info->rtm_type = route->local ? RTN_LOCAL : RTN_UNICAST;
	info->rtm_scope = route->scope;
	info->rtm_protocol = RTPROT_STATIC;
	info->rtm_flags = route->onlink ? RTNH_F_ONLINK : 0;
	if (route->source.family != AF_UNSPEC)
		put_addr(message, RTA_PREFSRC, &route->source);
	if (route->mtu) {
		metrics = mnl_attr_nest_start(message, RTA_METRICS);
		mnl_attr_put_u32(message, RTAX_MTU, route->mtu);
		mnl_attr_nest_end(message, metrics);
	}
	return put_send(message);
}

int kernel_route_delete(const struct kernel_route *route)
{
	char buffer[PUT_BUFFER] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct rtmsg *info;

	message->nlmsg_type = RTM_DELROUTE;
	info = route_head(message, route);
	info->rtm_scope = RT_SCOPE_NOWHERE; // any
	return put_send(message);
}

bool kernel_route_present(const struct kernel_route *route)
{
	bool ipv6 = route->prefix.addr.family == AF_INET6;
	uint32_t metric = route->metric || !ipv6 ? route->metric : IPV6_DEFAULT_METRIC;

	return rib_route_find(&route->prefix, route->local, metric, route->iface->kernel_index);
}

struct iface *kernel_route_iface(const struct addr *addr)
{
	const struct rib_prefix *entry = rib_search(addr);
	const struct rib_route *best = entry ? rib_best(entry) : NULL;

	if (!best || best->type != RTN_UNICAST || !best->leg_count ||
	    best->legs[0].gateway.family != AF_UNSPEC)
		return NULL;
	return iface_find_kernel(best->legs[0].link);
}

int kernel_route_gateway(const struct addr *addr, struct addr *gateway)
{
	const struct rib_prefix *entry = rib_search(addr);
	const struct rib_route *best = entry ? rib_best(entry) : NULL;
	struct rib_leg leg;
	bool blackhole;

	if (!best || best->type != RTN_UNICAST || rib_route_legs(best, &leg, 1, &blackhole) == 0 ||
	    !iface_find_kernel(leg.link))
		return -ENETUNREACH;
	*gateway = leg.gateway;
	return 0;
}

struct iface *kernel_route_towards(const struct addr *addr)
{
	const struct rib_prefix *entry = rib_search(addr);
	const struct rib_route *best = entry ? rib_best(entry) : NULL;
	struct rib_leg leg;
	bool blackhole;

	if (!best || best->type != RTN_UNICAST || rib_route_legs(best, &leg, 1, &blackhole) == 0)
		return NULL;
	return iface_find_kernel(leg.link);
}

/* Neighbours */

static struct ndmsg *neighbour_head(struct nlmsghdr *message, const struct iface *iface,
				    const struct addr *addr)
{
	struct ndmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	info->ndm_family = addr->family;
	info->ndm_ifindex = iface->kernel_index;
	put_addr(message, NDA_DST, addr);
	return info;
}

int kernel_neighbour_put(const struct iface *iface, const struct addr *addr,
			 const struct rte_ether_addr *mac, bool exclusive)
{
	char buffer[PUT_BUFFER] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	message->nlmsg_type = RTM_NEWNEIGH;
	message->nlmsg_flags = create_flags(exclusive);
	neighbour_head(message, iface, addr)->ndm_state = NUD_PERMANENT;
	mnl_attr_put(message, NDA_LLADDR, sizeof(*mac), mac);
	return put_send(message);
}

int kernel_neighbour_delete(const struct iface *iface, const struct addr *addr)
{
	char buffer[PUT_BUFFER] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	message->nlmsg_type = RTM_DELNEIGH;
	neighbour_head(message, iface, addr);
	return put_send(message);
}

/* Links */

int kernel_link_set_up(int index, bool up)
{
	char buffer[PUT_BUFFER] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	message->nlmsg_type = RTM_NEWLINK;
	info->ifi_index = index;
	info->ifi_change = IFF_UP;
	info->ifi_flags = up ? IFF_UP : 0;
	return put_send(message);
}

int kernel_link_set_mac(int index, const struct rte_ether_addr *mac)
{
	char buffer[PUT_BUFFER] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	message->nlmsg_type = RTM_NEWLINK;
	info->ifi_index = index;
	mnl_attr_put(message, IFLA_ADDRESS, sizeof(*mac), mac);
	return put_send(message);
}

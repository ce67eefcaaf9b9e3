/* SPDX-License-Identifier: BSD-3-Clause */
/* Route messages of rtnetlink, read into the routing information base (kernel_rib.c). */
#include "net/kernel_mirror.h"

#include <linux/lwtunnel.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "net/kernel_rib.h"

/* RTA_GATEWAY, or RTA_VIA, a gateway of the other family: family (2 bytes) and address. */
static void leg_read_gateway(struct rib_leg *leg, uint8_t family, const struct nlattr **attributes)
{
	const struct nlattr *via = attributes[RTA_VIA];
	const uint8_t *bytes;
	uint16_t via_family;

	if (attribute_addr(attributes[RTA_GATEWAY], family, &leg->gateway) || !via ||
	    mnl_attr_get_payload_len(via) < sizeof(via_family))
		return;
	bytes = mnl_attr_get_payload(via);
	memcpy(&via_family, bytes, sizeof(via_family));
	bytes += sizeof(via_family);
	if (via_family == AF_INET6 && mnl_attr_get_payload_len(via) >= sizeof(via_family) + 16) {
		leg->gateway = addr_v6(bytes);
	} else if (via_family == AF_INET &&
		   mnl_attr_get_payload_len(via) >= sizeof(via_family) + 4) {
		leg->gateway = (struct addr){.family = AF_INET};
		memcpy(&leg->gateway.v4, bytes, 4);
	}
}

static bool encapsulated(const struct nlattr **attributes)
{
	const struct nlattr *type = attributes[RTA_ENCAP_TYPE];

	return type && mnl_attr_get_payload_len(type) >= sizeof(uint16_t) &&
	       mnl_attr_get_u16(type) != LWTUNNEL_ENCAP_NONE;
}

/* The legs of RTA_MULTIPATH; returns how many. */
static unsigned int legs_read(const struct nlattr *multipath, uint8_t family, struct rib_leg *legs)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(multipath);
	int left = mnl_attr_get_payload_len(multipath);
	const struct nlattr *attributes[ATTRIBUTES_MAX];
	unsigned int count = 0;

	while (RTNH_OK(hop, left) && count < GROUP_LEGS_MAX) {
		struct rib_leg *leg = &legs[count++];

		*leg = (struct rib_leg){.link = hop->rtnh_ifindex, .weight = hop->rtnh_hops + 1};
		attributes_of_bytes(RTNH_DATA(hop), hop->rtnh_len - RTNH_LENGTH(0), attributes);
		leg_read_gateway(leg, family, attributes);
		if (encapsulated(attributes))
			leg->link = 0;
		left -= RTNH_ALIGN(hop->rtnh_len);
		hop = RTNH_NEXT(hop);
	}
	return count;
}

static uint16_t mtu_read(const struct nlattr *metrics)
{
	const struct nlattr *attributes[ATTRIBUTES_MAX];
	uint32_t mtu;

	if (!metrics)
		return 0;
	attributes_of_nest(metrics, attributes);
	mtu = attribute_u32(attributes[RTAX_MTU], 0);
	return mtu <= UINT16_MAX ? mtu : 0;
}

static int leg_sort(const void *a, const void *b)
{
	return rib_leg_compare(a, b);
}

static struct rib_route *route_read(const struct rtmsg *info, const struct nlattr **attributes)
{
	struct rib_leg legs[GROUP_LEGS_MAX];
	struct rib_route *route;
	unsigned int count = 0;

	if (attributes[RTA_MULTIPATH]) {
		count = legs_read(attributes[RTA_MULTIPATH], info->rtm_family, legs);
	} else if (attributes[RTA_OIF]) {
		legs[0] = (struct rib_leg){.weight = 1};
		legs[0].link = attribute_u32(attributes[RTA_OIF], 0);
		leg_read_gateway(&legs[0], info->rtm_family, attributes);
		count = 1;
	}
	route = calloc(1, sizeof(*route) +
				  (count + (attributes[RTA_PREFSRC] != NULL)) * sizeof(legs[0]));
	if (!route)
		return NULL;
	route->table = attribute_u32(attributes[RTA_TABLE], info->rtm_table);
	route->metric = attribute_u32(attributes[RTA_PRIORITY], 0);
	route->object = attribute_u32(attributes[RTA_NH_ID], 0);
	route->mtu = mtu_read(attributes[RTA_METRICS]);
	route->tos = info->rtm_tos;
	route->type = info->rtm_type;
	route->protocol = info->rtm_protocol;
	route->scope = info->rtm_scope;
	route->foreign = info->rtm_src_len || encapsulated(attributes);
	route->leg_count = count;
	qsort(legs, count, sizeof(legs[0]), leg_sort);
	memcpy(route->legs, legs, count * sizeof(legs[0]));
	route->source_at = count;
	if (attributes[RTA_PREFSRC])
		route->has_source = attribute_addr(attributes[RTA_PREFSRC], info->rtm_family,
						   &route->legs[count].gateway);
	return route;
}

static bool prefix_read(const struct rtmsg *info, const struct nlattr **attributes,
			struct prefix *prefix)
{
	*prefix = (struct prefix){.addr.family = info->rtm_family, .len = info->rtm_dst_len};
	if (info->rtm_dst_len > (info->rtm_family == AF_INET6 ? 128 : 32))
		return false;
	return !attributes[RTA_DST] ||
	       attribute_addr(attributes[RTA_DST], info->rtm_family, &prefix->addr);
}

static enum rib_how route_how(const struct nlmsghdr *message, bool event)
{
	if (!event)
		return RIB_DUMPED;
	if (message->nlmsg_flags & NLM_F_REPLACE)
		return RIB_REPLACED;
	return message->nlmsg_flags & NLM_F_APPEND ? RIB_APPENDED : RIB_ADDED;
}

/* Addresses inside a VNI are not those of the underlay, whatever Linux does with them. */
static bool is_inside(const struct nlattr **attributes)
{
	const struct iface *iface = iface_find_kernel((int)attribute_u32(attributes[RTA_OIF], 0));

	return iface && iface->kind == IFACE_VNI;
}

void route_message(const struct nlmsghdr *message, bool event)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attributes[ATTRIBUTES_MAX];
	struct rib_route *route;
	struct prefix prefix;
	uint32_t table;

	// Other families are multicast routing; cloned ones are what IPv6 learned of path MTUs.
	if ((info->rtm_family != AF_INET && info->rtm_family != AF_INET6) ||
	    (info->rtm_flags & RTM_F_CLONED))
		return;
	attributes_of_message(message, sizeof(*info), attributes);
	table = attribute_u32(attributes[RTA_TABLE], info->rtm_table);
	if (table != RT_TABLE_LOCAL && table != RT_TABLE_MAIN && table != RT_TABLE_DEFAULT)
		return;
	if (!prefix_read(info, attributes, &prefix) || is_inside(attributes))
		return;
	route = route_read(info, attributes);
	if (!route) {
		log_error("no memory for a route");
		return;
	}
	if (message->nlmsg_type == RTM_NEWROUTE) {
		rib_add(&prefix, route, route_how(message, event));
		return;
	}
	rib_delete(&prefix, route);
	free(route);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Routes and neighbours for people and programs, as `weirctl route` and REST show them. */
#include "net/kernel.h"

#include <limits.h>
#include <linux/neighbour.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/kernel_rib.h"
#include "net/neigh.h"
#include "net/nexthop.h"

static const char *route_type_name(uint8_t type)
{
	static const char *const names[] = {
		[RTN_UNSPEC] = "unspecified",
		[RTN_UNICAST] = "unicast",
		[RTN_LOCAL] = "local",
		[RTN_BROADCAST] = "broadcast",
		[RTN_ANYCAST] = "anycast",
		[RTN_MULTICAST] = "multicast",
		[RTN_BLACKHOLE] = "blackhole",
		[RTN_UNREACHABLE] = "unreachable",
		[RTN_PROHIBIT] = "prohibit",
		[RTN_THROW] = "throw",
		[RTN_NAT] = "nat",
	};

	return type < sizeof(names) / sizeof(names[0]) && names[type] ? names[type] : "unknown";
}

static json_t *route_protocol_json(uint8_t protocol)
{
	static const struct {
		uint8_t number;
		const char *name;
	} names[] = {
		{RTPROT_KERNEL, "kernel"}, {RTPROT_BOOT, "boot"},
		{RTPROT_STATIC, "static"}, {RTPROT_RA, "ra"},
		{RTPROT_ZEBRA, "zebra"},   {RTPROT_BIRD, "bird"},
		{RTPROT_DHCP, "dhcp"},	   {RTPROT_KEEPALIVED, "keepalived"},
		{RTPROT_BGP, "bgp"},	   {RTPROT_OSPF, "ospf"},
		{RTPROT_ISIS, "isis"},
	};
	char text[8];

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == protocol)
			return json_string(names[i].name);
	snprintf(text, sizeof(text), "%u", protocol);
	return json_string(text);
}

/* Linux gives IPv6 routes no scope of their own: there it follows from what they lead to. */
static const char *route_scope_name(const struct rib_prefix *entry, const struct rib_route *route)
{
	if (route->type == RTN_LOCAL || route->scope == RT_SCOPE_HOST)
		return "host";
	if (route->scope == RT_SCOPE_LINK)
		return "link";
	if (entry->prefix.addr.family == AF_INET6 && route->type == RTN_UNICAST &&
	    route->leg_count && route->legs[0].gateway.family == AF_UNSPEC)
		return "link";
	return "global";
}

static const char *route_table_name(uint32_t table)
{
	return table == RT_TABLE_LOCAL ? "local" : table == RT_TABLE_MAIN ? "main" : "default";
}

/* Why a leg is used by the data path, or not. */
static const char *leg_state(const struct rib_leg *leg, const struct rib_prefix *entry)
{
	const struct iface *iface = iface_find_kernel(leg->link);

	if (!iface)
		return "foreign";
	if (!iface->up)
		return "down";
	if (leg->gateway.family == AF_UNSPEC)
		return "on-link";
	for (unsigned int i = 0; entry->group && i < entry->group->leg_count; i++) {
		const struct group_leg *mine = &entry->group->legs[i];

		if (mine->leg.iface == iface->index && mine->gateway.neigh &&
		    addr_equal(&mine->leg.gateway, &leg->gateway))
			return neigh_usable(mine->gateway.neigh) ? "resolved" : "unresolved";
	}
	return "unused";
}

static json_t *legs_json(const struct rib_prefix *entry, const struct rib_route *route)
{
	struct rib_leg legs[GROUP_LEGS_MAX];
	json_t *list = json_array();
	unsigned int count;
	bool blackhole;

	count = rib_route_legs(route, legs, GROUP_LEGS_MAX, &blackhole);
	for (unsigned int i = 0; i < count; i++) {
		const struct iface *iface = iface_find_kernel(legs[i].link);
		bool on_link = legs[i].gateway.family == AF_UNSPEC;
		char via[ADDR_TEXT];

		json_array_append_new(
			list, json_pack("{s:s?, s:s?, s:s, s:i, s:s}", "via",
					on_link ? NULL : addr_format(&legs[i].gateway, via),
					"interface", iface ? iface->name : NULL, "device",
					link_name(legs[i].link), "weight", (int)legs[i].weight,
					"state", leg_state(&legs[i], entry)));
	}
	return list;
}

/* Is this the route that the data path obeys, and does it lead somewhere? */
static bool route_in_data_path(const struct rib_prefix *entry, const struct rib_route *route)
{
	return entry->group && entry->group->number != GROUP_NONE && !entry->refused &&
	       rib_best(entry) == route;
}

static json_t *route_json(const struct rib_prefix *entry, const struct rib_route *route)
{
	char text[PREFIX_TEXT], source[ADDR_TEXT];
	json_t *item = json_pack(
		"{s:s, s:s, s:s, s:I, s:o, s:o, s:b}", "destination",
		prefix_format(&entry->prefix, text), "type", route_type_name(route->type), "table",
		route_table_name(route->table), "metric", (json_int_t)route->metric, "protocol",
		route_protocol_json(route->protocol), "legs", legs_json(entry, route), "data_path",
		route_in_data_path(entry, route));

	json_object_set_new(item, "scope", json_string(route_scope_name(entry, route)));
	if (rib_route_source(route))
		json_object_set_new(item, "source",
				    json_string(addr_format(rib_route_source(route), source)));
	if (route->mtu)
		json_object_set_new(item, "mtu", json_integer(route->mtu));
	if (route->object)
		json_object_set_new(item, "nexthop", json_integer(route->object));
	return item;
}

struct kernel_listing {
	struct rib_cursor cursor;
};

struct kernel_listing *kernel_listing_open(void)
{
	struct kernel_listing *listing = malloc(sizeof(*listing));

	if (listing)
		rib_cursor_open(&listing->cursor);
	return listing;
}

json_t *kernel_listing_next(struct kernel_listing *listing, unsigned int prefixes)
{
	json_t *list = listing->cursor.next ? json_array() : NULL;

	while (listing->cursor.next && prefixes--) {
		const struct rib_prefix *entry = rib_cursor_next(&listing->cursor);
		const struct rib_route *route;

		for (route = entry->routes; route; route = route->next)
			json_array_append_new(list, route_json(entry, route));
	}
	return list;
}

void kernel_listing_close(struct kernel_listing *listing)
{
	rib_cursor_close(&listing->cursor);
	free(listing);
}

json_t *kernel_routes_json(void)
{
	struct kernel_listing *listing = kernel_listing_open();
	json_t *list = listing ? kernel_listing_next(listing, UINT_MAX) : NULL;

	if (listing)
		kernel_listing_close(listing);
	return list ? list : json_array();
}

static const char *neigh_state_name(const struct neigh *neigh)
{
	static const struct {
		uint16_t state;
		const char *name;
	} names[] = {
		{NUD_INCOMPLETE, "incomplete"}, {NUD_REACHABLE, "reachable"},
		{NUD_STALE, "stale"},		{NUD_DELAY, "delay"},
		{NUD_PROBE, "probe"},		{NUD_FAILED, "failed"},
		{NUD_NOARP, "noarp"},		{NUD_PERMANENT, "permanent"},
	};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (neigh->state & names[i].state)
			return names[i].name;
	return "none";
}

json_t *kernel_neighbours_json(void)
{
	json_t *list = json_array();
	struct neigh *neigh;

	TAILQ_FOREACH (neigh, &neigh_all, all) {
		const struct iface *iface = iface_get(neigh->iface);
		char address[ADDR_TEXT], mac[RTE_ETHER_ADDR_FMT_SIZE];

		if (!neigh->present && !neigh_wanted(neigh))
			continue;
		rte_ether_format_addr(mac, sizeof(mac), &neigh->mac);
		json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:s, s:b, s:b}",
						      "interface", iface ? iface->name : "",
						      "address", addr_format(&neigh->addr, address),
						      "mac", neigh->has_mac ? mac : NULL, "state",
						      neigh_state_name(neigh), "usable",
						      neigh_usable(neigh), "managed",
						      neigh->ours && neigh_wanted(neigh)));
	}
	return list;
}

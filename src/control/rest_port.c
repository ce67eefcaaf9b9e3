/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_mempool.h>

#include "control/interface.h"
#include "control/network.h"
#include "control/network_link.h"
#include "control/port_stats.h"
#include "control/rest.h"
#include "control/rest_bond.h"
#include "io/offload.h"
#include "io/pool.h"
#include "io/steer_home.h"

/* Ports: what they are, their counters, and of one of them all that its device tells. */

/* Of the link, and what was asked of it. */
static void port_add_link(json_t *object, const struct port *port)
{
	const struct iface *iface = iface_find(port->config.name);
	uint16_t dpdk_port = port->queues[0].dpdk_port;
	struct rte_eth_link link = {0};
	struct rte_eth_dev_info info;
	int status = rte_eth_link_get_nowait(dpdk_port, &link);
	bool told = status == 0 && link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN;

	if (iface != NULL) {
		char mac[RTE_ETHER_ADDR_FMT_SIZE];

		rte_ether_format_addr(mac, sizeof(mac), &iface->mac);
		json_object_set_new(object, "mac", json_string(mac));
		json_object_set_new(object, "mtu", json_integer(iface->mtu));
	}
	if (rte_eth_dev_info_get(dpdk_port, &info) < 0)
		memset(&info, 0, sizeof(info));
	json_object_update_new(
		object,
		json_pack("{s:i, s:b, s:i, s:b, s:b, s:i, s:i, s:i, s:b, s:b}", "id",
			  (int)port->index, "up", iface != NULL && iface->up, "speed_mbps",
			  told ? (int)link.link_speed : 0, "full_duplex",
			  link.link_duplex == RTE_ETH_LINK_FULL_DUPLEX, "autonegotiation",
			  link.link_autoneg == RTE_ETH_LINK_AUTONEG, "socket", port->socket,
			  "receive_queues", (int)port->rx_queue_count, "transmit_queues",
			  (int)port->tx_queue_count, "promiscuous", network_link_promiscuous(port),
			  "all_multicast", network_link_all_multicast(port)));
}

/* Where VXLAN's checksums and segments are made, and what the device could do of it. */
static void port_add_vxlan(json_t *object, const struct port *port)
{
	const char *names[OFFLOAD_VXLAN_MAX];
	json_t *list = json_array();
	struct rte_eth_dev_info info;
	unsigned int count = 0;

	if (rte_eth_dev_info_get(port->queues[0].dpdk_port, &info) == 0)
		count = offload_vxlan(&info, names);
	for (unsigned int i = 0; i < count; i++)
		json_array_append_new(list, json_string(names[i]));
	json_object_set_new(object, "vxlan", json_string("software"));
	json_object_set_new(object, "vxlan_offloads", list);
}

static json_t *port_json(const struct port *port)
{
	char mac[RTE_ETHER_ADDR_FMT_SIZE];
	struct rte_eth_stats stats;
	json_t *object;

	rte_ether_format_addr(mac, sizeof(mac), &port->mac);
	object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:i, s:i, s:b, s:b, s:b}", "name",
			   port->config.name, "device", port->config.device, "driver", port->driver,
			   "tap", port->config.tap, "mac", mac, "link_up", port->link_up, "mtu",
			   port->mtu, "queues", port->queue_count, "rss", port->rss,
			   "partial_checksums", port->partial_checksums, "transmit_checksum",
			   port->transmit_checksum);
	port_add_link(object, port);
	port_add_vxlan(object, port);
	port_stats_get(port, &stats);
	json_object_update_new(
		object,
		json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "packets_in",
			  (json_int_t)stats.ipackets, "packets_out", (json_int_t)stats.opackets,
			  "bytes_in", (json_int_t)stats.ibytes, "bytes_out",
			  (json_int_t)stats.obytes, "missed", (json_int_t)stats.imissed,
			  "errors_in", (json_int_t)stats.ierrors, "errors_out",
			  (json_int_t)stats.oerrors, "no_buffer", (json_int_t)stats.rx_nombuf));
	json_object_set_new(object, "why", json_string(port->why));
	json_object_update_new(object, json_pack("{s:s, s:s, s:I, s:I}", "steering",
						 steer_way_name(port->steering), "steering_why",
						 port->steering_why, "flow_rules",
						 (json_int_t)port->flow_rules, "flow_refused",
						 (json_int_t)port->flow_refused));
	json_object_update_new(object, json_pack("{s:b, s:b}", "tc_egress",
						 traffic_trees[TRAFFIC_OUT][port->index] != NULL,
						 "tc_ingress",
						 traffic_trees[TRAFFIC_IN][port->index] != NULL));
	if (port->config.bond.member_count > 0)
		json_object_set_new(object, "bond", rest_bond_json(port));
	if (port->bond != 0)
		json_object_set_new(object, "member_of",
				    json_string(port_get(port->bond - 1)->config.name));
	return object;
}

int rest_port_list(struct request *request, struct error *error)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < port_count(); i++)
		json_array_append_new(list, port_json(port_get(i)));
	return request_reply(request, 200, json_pack("{s:o}", "ports", list));
}

/* One port, with what only few want to know */

static json_t *info_json(const struct rte_eth_dev_info *info)
{
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:I, "
		"s:I, s:I, s:I, s:I, s:I, s:I}",
		"if_index", (json_int_t)info->if_index, "min_rx_bufsize",
		(json_int_t)info->min_rx_bufsize, "max_rx_pktlen", (json_int_t)info->max_rx_pktlen,
		"max_mac_addrs", (json_int_t)info->max_mac_addrs, "max_rx_queues",
		(json_int_t)info->max_rx_queues, "max_tx_queues", (json_int_t)info->max_tx_queues,
		"max_hash_addrs", (json_int_t)info->max_hash_mac_addrs, "max_vfs",
		(json_int_t)info->max_vfs, "max_vmdq_pools", (json_int_t)info->max_vmdq_pools,
		"rx_ol_capa", (json_int_t)info->rx_offload_capa, "tx_ol_capa",
		(json_int_t)info->tx_offload_capa, "reta_size", (json_int_t)info->reta_size,
		"hash_key_size", (json_int_t)info->hash_key_size, "flowtype_rss_ol",
		(json_int_t)info->flow_type_rss_offloads, "vmdq_que_base",
		(json_int_t)info->vmdq_queue_base, "vmdq_que_num", (json_int_t)info->vmdq_queue_num,
		"vmdq_pool_base", (json_int_t)info->vmdq_pool_base, "rx_desc_max",
		(json_int_t)info->rx_desc_lim.nb_max, "rx_desc_min",
		(json_int_t)info->rx_desc_lim.nb_min, "rx_desc_align",
		(json_int_t)info->rx_desc_lim.nb_align, "tx_desc_max",
		(json_int_t)info->tx_desc_lim.nb_max, "tx_desc_min",
		(json_int_t)info->tx_desc_lim.nb_min, "speed_capa", (json_int_t)info->speed_capa);
}

/* The driver's own counters of the port's first device: [{id, name, value}], or null. */
static json_t *xstats_json(uint16_t dpdk_port)
{
	int count = rte_eth_xstats_get_names(dpdk_port, NULL, 0);
	struct rte_eth_xstat_name *names = count > 0 ? calloc(count, sizeof(*names)) : NULL;
	struct rte_eth_xstat *values = count > 0 ? calloc(count, sizeof(*values)) : NULL;
	json_t *list = NULL;

	if (names != NULL && values != NULL &&
	    rte_eth_xstats_get_names(dpdk_port, names, count) == count &&
	    rte_eth_xstats_get(dpdk_port, values, count) == count) {
		list = json_array();
		for (int i = 0; i < count; i++)
			json_array_append_new(list, json_pack("{s:I, s:s, s:I}", "id",
							      (json_int_t)values[i].id, "name",
							      names[values[i].id].name, "value",
							      (json_int_t)values[i].value));
	}
	free(values);
	free(names);
	return list != NULL ? list : json_null();
}

/* Packet buffers of the pool that the port receives into. */
static void buffers_add(json_t *object, const struct port *port)
{
	const struct rte_mempool *pool = pool_get(port->socket);

	json_object_set_new(object, "buffers_available",
			    json_integer(rte_mempool_avail_count(pool)));
	json_object_set_new(object, "buffers_used", json_integer(rte_mempool_in_use_count(pool)));
}

int rest_port_get(struct request *request, struct error *error)
{
	const struct iface *iface = iface_find(request_part(request, 0));
	struct rte_eth_dev_info info;
	const struct port *port;
	struct iface *found;
	uint16_t dpdk_port;
	json_t *object;

	port = port_find(request_part(request, 0)); // a member of a bond has no interface
	if (iface == NULL && port == NULL)
		return network_iface(request_part(request, 0), &found, error);
	if (iface != NULL && iface->kind != IFACE_PORT)
		return request_reply(request, 200, interface_json(iface));
	if (iface != NULL)
		port = port_get(iface->port);
	if (port == NULL)
		return error_set(error, -ENODEV, "name", "%s has no port", iface->name);
	dpdk_port = port->queues[0].dpdk_port;
	object = port_json(port);
	buffers_add(object, port);
	if (rte_eth_dev_info_get(dpdk_port, &info) == 0) {
		char name[RTE_ETH_NAME_MAX_LEN] = "";

		rte_eth_dev_get_name_by_port(dpdk_port, name);
		json_object_set_new(object, "address", json_string(name));
		json_object_set_new(object, "info", info_json(&info));
	}
	json_object_set_new(object, "xstats", xstats_json(dpdk_port));
	return request_reply(request, 200, object);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Configuring one DPDK port: as many receive and transmit queues as there are workers, or as many
 * as it has; checksum offload and RSS where they are real; then start it.
 *
 * RSS is taken as real only when the device also delivers the hash with each packet: several
 * software devices accept a key and an indirection table and then spread by something else. With
 * the hash in hand, path/ can check what it computes.
 */
#include "base/log.h"
#include "io/pool.h"
#include "io/port_device.h"
#include "io/steer.h"

#include <rte_ethdev.h>

#include <errno.h>
#include <string.h>

enum { PORT_TABLE = 128 }; // places after which the table begins again
enum { PORT_DESCRIPTORS = 1024 };

static const uint64_t PORT_RSS_WANTED = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP;
static const uint64_t PORT_CHECKSUMS = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM |
				       RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;

/* Can this device be told to spread by Toeplitz, and will it show the hash? */
static bool port_offers_rss(const struct rte_eth_dev_info *info)
{
	return (info->flow_type_rss_offloads & PORT_RSS_WANTED) != 0 &&
	       (info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0 && info->reta_size > 0;
}

/*
 * One key and one table for all ports, so that they spread alike; a device that does not take them
 * keeps its own, which are read back.
 */
static void port_set_table(uint16_t dpdk_port, const struct rte_eth_dev_info *info,
			   unsigned int queues)
{
	struct rte_eth_rss_reta_entry64 reta[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE];

	if (info->reta_size > RTE_ETH_RSS_RETA_SIZE_512)
		return;
	memset(reta, 0, sizeof(reta));
	for (unsigned int i = 0; i < info->reta_size; i++) {
		struct rte_eth_rss_reta_entry64 *group = &reta[i / RTE_ETH_RETA_GROUP_SIZE];

		group->mask |= UINT64_C(1) << i % RTE_ETH_RETA_GROUP_SIZE;
		group->reta[i % RTE_ETH_RETA_GROUP_SIZE] = i % PORT_TABLE * queues / PORT_TABLE;
	}
	rte_eth_dev_rss_reta_update(dpdk_port, reta, info->reta_size);
}

static int port_configure(struct port *port, uint16_t dpdk_port,
			  const struct rte_eth_dev_info *info, struct rte_eth_conf *wish)
{
	struct rte_eth_rss_conf *rss = &wish->rx_adv_conf.rss_conf;
	uint8_t key[PORT_RSS_KEY];
	int result;

	if (wish->rxmode.mq_mode == RTE_ETH_MQ_RX_RSS && info->hash_key_size >= STEER_KEY_MIN &&
	    info->hash_key_size <= PORT_RSS_KEY) {
		steer_key_default(key, info->hash_key_size);
		rss->rss_key = key;
		rss->rss_key_len = info->hash_key_size;
	}
	result = rte_eth_dev_configure(dpdk_port, port->rx_queue_count, port->tx_queue_count, wish);
	if (result < 0 && rss->rss_key) {
		rss->rss_key_len = 0;
		rss->rss_key = NULL;
		result = rte_eth_dev_configure(dpdk_port, port->rx_queue_count,
					       port->tx_queue_count, wish);
	}
	rss->rss_key = NULL;
	return result;
}

static void port_wish(struct port *port, const struct rte_eth_dev_info *info,
		      struct rte_eth_conf *wish)
{
	memset(wish, 0, sizeof(*wish));
	if ((info->tx_offload_capa & PORT_CHECKSUMS) == PORT_CHECKSUMS) {
		wish->txmode.offloads |= PORT_CHECKSUMS;
		port->transmit_checksum = true;
	}
	if (port->rx_queue_count > 1 && port_offers_rss(info)) {
		wish->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		wish->rxmode.offloads |= RTE_ETH_RX_OFFLOAD_RSS_HASH;
		wish->rx_adv_conf.rss_conf.rss_hf = info->flow_type_rss_offloads & PORT_RSS_WANTED;
	}
}

/* Read back key and table, which the device may have chosen itself. */
static void port_capture_rss(struct port *port, uint16_t dpdk_port,
			     const struct rte_eth_dev_info *info)
{
	struct rte_eth_rss_reta_entry64 reta[RTE_DIM(port->rss_reta) / RTE_ETH_RETA_GROUP_SIZE];
	struct rte_eth_rss_conf conf = {.rss_key = port->rss_key, .rss_key_len = PORT_RSS_KEY};
	unsigned int size = info->reta_size;

	if (info->hash_key_size > PORT_RSS_KEY || size > RTE_DIM(port->rss_reta) ||
	    !rte_is_power_of_2(size) || size < RTE_ETH_RETA_GROUP_SIZE)
		return;
	if (info->hash_key_size > 0)
		conf.rss_key_len = info->hash_key_size;
	memset(reta, 0, sizeof(reta));
	for (unsigned int group = 0; group < size / RTE_ETH_RETA_GROUP_SIZE; group++)
		reta[group].mask = UINT64_MAX;
	if (rte_eth_dev_rss_hash_conf_get(dpdk_port, &conf) < 0 ||
	    rte_eth_dev_rss_reta_query(dpdk_port, reta, size) < 0 || conf.rss_hf == 0)
		return;
	for (unsigned int i = 0; i < size; i++)
		port->rss_reta[i] =
			reta[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
	port->rss_reta_size = size;
	port->rss_key_len = conf.rss_key_len ? conf.rss_key_len : 40;
	port->rss = true;
}

static int port_setup_queues(struct port *port, uint16_t dpdk_port, const struct rte_eth_conf *wish,
			     const struct rte_eth_dev_info *info)
{
	uint16_t receive = port->config.descriptors ? port->config.descriptors : PORT_DESCRIPTORS;
	uint16_t transmit = receive;
	struct rte_mempool *pool = pool_get(port->socket);
	struct rte_eth_rxconf rx = info->default_rxconf;
	struct rte_eth_txconf tx = info->default_txconf;
	int socket = port->socket < 0 ? SOCKET_ID_ANY : port->socket;
	int result;

	rx.offloads = wish->rxmode.offloads;
	tx.offloads = wish->txmode.offloads;
	result = rte_eth_dev_adjust_nb_rx_tx_desc(dpdk_port, &receive, &transmit);
	for (uint16_t queue = 0; queue < port->rx_queue_count && result == 0; queue++)
		result = rte_eth_rx_queue_setup(dpdk_port, queue, receive, socket, &rx, pool);
	for (uint16_t queue = 0; queue < port->tx_queue_count && result == 0; queue++)
		result = rte_eth_tx_queue_setup(dpdk_port, queue, transmit, socket, &tx);
	return result;
}

/*
 * The MTU that the file asks for; of Linux interfaces device_take() has set it. A frame in several
 * buffers is not asked for: AF_XDP and AF_PACKET could not send it on. So a device whose own MTU is
 * beyond the buffers must be told a smaller one.
 */
static int port_set_mtu(struct port *port, uint16_t dpdk_port, const struct rte_eth_dev_info *info,
			struct error *error)
{
	uint16_t mtu = port->config.mtu, own = 0;
	int result;

	if (port->kernel_device[0])
		return 0;
	if (mtu == 0 && rte_eth_dev_get_mtu(dpdk_port, &own) == 0 &&
	    own + PORT_FRAME_HEADER > pool_data_room())
		return error_set(error, -EINVAL, "mtu",
				 "is missing: %s has %u, which needs memory.data_room of at least "
				 "%u; with %u it can be %u",
				 port->config.device, own, own + PORT_FRAME_HEADER,
				 pool_data_room(), pool_data_room() - PORT_FRAME_HEADER);
	if (mtu == 0)
		return 0;
	if (mtu + PORT_FRAME_HEADER > pool_data_room())
		return error_set(error, -EINVAL, "mtu",
				 "an MTU of %u needs memory.data_room of at least %u", mtu,
				 mtu + PORT_FRAME_HEADER);
	result = rte_eth_dev_set_mtu(dpdk_port, mtu);
	if (result == 0 || result == -ENOTSUP)
		return 0;
	return error_set(error, result, "mtu", "%s does not take an MTU of %u (%u to %u)",
			 port->driver, mtu, info->min_mtu, info->max_mtu);
}

int port_setup(struct port *port, uint16_t dpdk_port, unsigned int workers, struct error *error)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf wish;
	int result;

	result = rte_eth_dev_info_get(dpdk_port, &info);
	if (result < 0)
		return error_set(error, result, "device", "%s: %s", port->config.device,
				 rte_strerror(-result));
	port->rx_queue_count = RTE_MIN(workers, info.max_rx_queues);
	port->tx_queue_count = RTE_MIN(workers, info.max_tx_queues);
	if (port->rx_queue_count == 0 || port->tx_queue_count == 0)
		return error_set(error, -ENOTSUP, "device",
				 "%s has %u receive and %u transmit queues", port->config.device,
				 info.max_rx_queues, info.max_tx_queues);
	port_wish(port, &info, &wish);
	result = port_configure(port, dpdk_port, &info, &wish);
	if (result == 0)
		result = port_set_mtu(port, dpdk_port, &info, error);
	else
		error_set(error, result, "device", "%s cannot be configured for %u queues (%s)",
			  port->config.device, workers, rte_strerror(-result));
	if (result < 0)
		return result;
	result = port_setup_queues(port, dpdk_port, &wish, &info);
	if (result < 0)
		return error_set(error, result, "device", "%s: its queues cannot be set up (%s)",
				 port->config.device, rte_strerror(-result));
	result = rte_eth_dev_start(dpdk_port);
	if (result < 0)
		return error_set(error, result, "device", "%s does not start (%s)",
				 port->config.device, rte_strerror(-result));
	if (wish.rxmode.mq_mode == RTE_ETH_MQ_RX_RSS) {
		port_set_table(dpdk_port, &info, port->rx_queue_count);
		port_capture_rss(port, dpdk_port, &info);
	}
	// A Linux interface hears everything already, by device_take(); others where they can.
	if (!port->kernel_device[0]) {
		rte_eth_promiscuous_enable(dpdk_port);
		rte_eth_allmulticast_enable(dpdk_port);
	}
	return 0;
}

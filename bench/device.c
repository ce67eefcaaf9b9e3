/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver: makes DPDK ports net_weir_replay0 (clients) and net_weir_replay1 (servers) of the two
 * sides of one replay. Argument: control=FILE, the control block that bench/control.py has made.
 * One receive and one transmit queue; no offload, so that the program does all of the work.
 */
#include "replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bus_vdev_driver.h>
#include <ethdev_driver.h>
#include <ethdev_vdev.h>
#include <rte_ether.h>
#include <rte_kvargs.h>
#include <rte_log.h>

struct device {
	struct replay_side *side;
	struct rte_ether_addr mac;
};

/* Both ports share one replay: it is made with the first and freed with the last. */
static struct replay *device_replay;
static unsigned int device_count;

static int device_configure(struct rte_eth_dev *dev)
{
	return 0;
}

static int device_start(struct rte_eth_dev *dev)
{
	dev->data->dev_link.link_status = RTE_ETH_LINK_UP;
	dev->data->rx_queue_state[0] = RTE_ETH_QUEUE_STATE_STARTED;
	dev->data->tx_queue_state[0] = RTE_ETH_QUEUE_STATE_STARTED;
	return 0;
}

static int device_stop(struct rte_eth_dev *dev)
{
	dev->data->dev_link.link_status = RTE_ETH_LINK_DOWN;
	dev->data->rx_queue_state[0] = RTE_ETH_QUEUE_STATE_STOPPED;
	dev->data->tx_queue_state[0] = RTE_ETH_QUEUE_STATE_STOPPED;
	return 0;
}

static int device_close(struct rte_eth_dev *dev)
{
	struct device *device = dev->data->dev_private;

	dev->data->mac_addrs = NULL; // part of dev_private
	if (device->side == NULL)
		return 0;
	device->side = NULL;
	if (--device_count == 0) {
		replay_free(device_replay);
		device_replay = NULL;
	}
	return 0;
}

static int device_receive_setup(struct rte_eth_dev *dev, uint16_t queue, uint16_t descriptors,
				unsigned int socket, const struct rte_eth_rxconf *config,
				struct rte_mempool *pool)
{
	struct device *device = dev->data->dev_private;

	device->side->pool = pool;
	dev->data->rx_queues[queue] = device->side;
	return 0;
}

static int device_send_setup(struct rte_eth_dev *dev, uint16_t queue, uint16_t descriptors,
			     unsigned int socket, const struct rte_eth_txconf *config)
{
	struct device *device = dev->data->dev_private;

	dev->data->tx_queues[queue] = device->side;
	return 0;
}

static int device_info(struct rte_eth_dev *dev, struct rte_eth_dev_info *info)
{
	info->max_mac_addrs = 1;
	info->max_rx_pktlen = 9728;
	info->max_mtu = 9000;
	info->max_rx_queues = 1;
	info->max_tx_queues = 1;
	info->rx_desc_lim = (struct rte_eth_desc_lim){.nb_max = 8192, .nb_min = 32, .nb_align = 1};
	info->tx_desc_lim = info->rx_desc_lim;
	return 0;
}

static int device_stats(struct rte_eth_dev *dev, struct rte_eth_stats *stats)
{
	const struct device *device = dev->data->dev_private;
	const uint64_t length = device->side->shape.length;

	stats->ipackets = device->side->received;
	stats->ibytes = stats->ipackets * length;
	stats->opackets = device->side->sent + device->side->others;
	stats->obytes = stats->opackets * length;
	return 0;
}

static int device_accept(struct rte_eth_dev *dev)
{
	return 0;
}

static int device_set_mtu(struct rte_eth_dev *dev, uint16_t mtu)
{
	return 0;
}

static int device_update_link(struct rte_eth_dev *dev, int wait)
{
	return 0;
}

static int device_set_mac(struct rte_eth_dev *dev, struct rte_ether_addr *mac)
{
	return 0;
}

static int device_set_multicast(struct rte_eth_dev *dev, struct rte_ether_addr *list,
				uint32_t count)
{
	return 0;
}

static const struct eth_dev_ops device_ops = {
	.dev_configure = device_configure,
	.dev_start = device_start,
	.dev_stop = device_stop,
	.dev_close = device_close,
	.dev_infos_get = device_info,
	.rx_queue_setup = device_receive_setup,
	.tx_queue_setup = device_send_setup,
	.stats_get = device_stats,
	.stats_reset = device_accept,
	.promiscuous_enable = device_accept,
	.promiscuous_disable = device_accept,
	.allmulticast_enable = device_accept,
	.allmulticast_disable = device_accept,
	.mtu_set = device_set_mtu,
	.link_update = device_update_link,
	.mac_addr_set = device_set_mac,
	.set_mc_addr_list = device_set_multicast,
};

static int replay_share(struct rte_vdev_device *vdev)
{
	static const char *const known[] = {"control", NULL};
	struct rte_kvargs *arguments = rte_kvargs_parse(rte_vdev_device_args(vdev), known);
	const char *path = arguments ? rte_kvargs_get(arguments, "control") : NULL;
	int error = path ? 0 : -EINVAL;

	if (path && device_replay == NULL) {
		device_replay = replay_new(path);
		error = device_replay ? 0 : -errno;
	}
	if (error)
		rte_log(RTE_LOG_ERR, RTE_LOGTYPE_PMD, "replay: %s: %s\n",
			path ? path : "no control=FILE", strerror(-error));
	rte_kvargs_free(arguments);
	return error;
}

static int device_probe(struct rte_vdev_device *vdev)
{
	const char *name = rte_vdev_device_name(vdev);
	const unsigned int index = name[strlen(name) - 1] == '1' ? SIDE_SERVER : SIDE_CLIENT;
	struct rte_eth_dev *dev;
	struct device *device;
	int error = replay_share(vdev);

	if (error)
		return error;
	if (vdev->device.numa_node == SOCKET_ID_ANY)
		vdev->device.numa_node = rte_socket_id();
	dev = rte_eth_vdev_allocate(vdev, sizeof(*device));
	if (dev == NULL)
		return -ENOMEM;
	device = dev->data->dev_private;
	device->side = &device_replay->sides[index];
	device->side->port = dev->data->port_id;
	device->mac = (struct rte_ether_addr){.addr_bytes = {2, 0, 0, 0, 0, 1 + index}};
	device_count++;

	dev->data->nb_rx_queues = 1;
	dev->data->nb_tx_queues = 1;
	dev->data->dev_link = (struct rte_eth_link){
		.link_speed = RTE_ETH_SPEED_NUM_100G,
		.link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
		.link_status = RTE_ETH_LINK_DOWN,
		.link_autoneg = RTE_ETH_LINK_FIXED,
	};
	dev->data->mac_addrs = &device->mac;
	dev->data->dev_flags |= RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS;
	dev->dev_ops = &device_ops;
	dev->rx_pkt_burst = replay_receive;
	dev->tx_pkt_burst = replay_send;
	rte_eth_dev_probing_finish(dev);
	return 0;
}

static int device_remove(struct rte_vdev_device *vdev)
{
	struct rte_eth_dev *dev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));

	if (dev == NULL)
		return 0;
	device_close(dev);
	return rte_eth_dev_release_port(dev);
}

static struct rte_vdev_driver device_driver = {.probe = device_probe, .remove = device_remove};
RTE_PMD_REGISTER_VDEV(net_weir_replay, device_driver);
RTE_PMD_REGISTER_PARAM_STRING(net_weir_replay, "control=<file>");

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the text of `device:` to running DPDK ports.
 *
 * A Linux interface is tried with AF_XDP first, which takes frames before Linux sees them and
 * copies less, then with AF_PACKET, which works everywhere. AF_XDP needs a socket on every receive
 * queue that the interface has (what arrives on another goes to Linux), so it is for as many
 * workers as there are queues; and buffers within a page. AF_PACKET spreads by the kernel's own
 * flow hash over any number of queues. Whoever wants one of them writes it as a vdev
 * ("net_af_packet0,iface=veth1").
 *
 * What AF_XDP objects to shows only when its queues are set up, so a try is everything up to the
 * start; DPDK's messages are collected meanwhile, and the first one is the reason that is given.
 *
 * A vdev is attached by name at run time. PCI devices too: EAL is told to probe none by itself
 * (io/eal.c), so that several weirs share a host with several devices.
 */
#include "io/port_device.h"

#include "base/log.h"
#include "io/device.h"
#include "io/eal.h"
#include "io/pool.h"

#include <rte_dev.h>
#include <rte_ethdev.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	// What the kernel puts in front of a frame in AF_PACKET's ring, and the driver's check of
	// it.
	PACKET_RING_EXTRA = 80,
	PACKET_ROOM_EXTRA = 32,
	PACKET_FRAME_MIN = 2048,
	PACKET_FRAME_STEP = 512, // so that blocks of few pages hold whole frames
	PACKET_QUEUES_MAX = 16,
};

/* Drivers whose frames may come from a local sender that left the checksum to the device. */
static const char *const port_partial_drivers[] = {
	"net_af_xdp", "net_af_packet", "net_tap",   "net_pcap",
	"net_virtio", "net_vhost",     "net_memif",
};

/* The DPDK port of a device by its name, or -1. Its Ethernet device may be called otherwise. */
static int port_of_device(const char *name)
{
	uint16_t id;

	if (rte_eth_dev_get_port_by_name(name, &id) == 0)
		return id;
	RTE_ETH_FOREACH_DEV(id)
	{
		struct rte_eth_dev_info info;

		if (rte_eth_dev_info_get(id, &info) == 0 && info.device &&
		    strcmp(rte_dev_name(info.device), name) == 0)
			return id;
	}
	return -1;
}

int port_attach(struct port *port, const char *bus, const char *name, const char *arguments,
		unsigned int queue)
{
	int result, id;

	result = rte_eal_hotplug_add(bus, name, arguments);
	if (result < 0)
		return result;
	id = port_of_device(name);
	if (id < 0)
		return -ENODEV;
	port->queues[queue].dpdk_port = id;
	port->dpdk_port_count = queue + 1;
	return 0;
}

void port_detach(struct port *port)
{
	for (unsigned int i = 0; i < port->dpdk_port_count; i++) {
		uint16_t id = port->queues[i].dpdk_port;
		struct rte_eth_dev_info info;

		if (rte_eth_dev_info_get(id, &info) < 0)
			continue;
		rte_eth_dev_stop(id);
		rte_eth_dev_close(id);
		if (info.device)
			rte_dev_remove(info.device);
	}
	port->dpdk_port_count = 0;
}

void port_describe(struct port *port, unsigned int workers)
{
	uint16_t id = port->queues[0].dpdk_port;
	struct rte_eth_dev_info info;

	port->queue_count = workers;
	if (rte_eth_dev_info_get(id, &info) == 0 && info.driver_name)
		snprintf(port->driver, sizeof(port->driver), "%s", info.driver_name);
	// Drivers without a wire may have no MAC; the TAP needs one.
	if (rte_eth_macaddr_get(id, &port->mac) < 0 ||
	    !rte_is_valid_assigned_ether_addr(&port->mac))
		rte_eth_random_addr(port->mac.addr_bytes);
	if (port->kernel_device[0])
		port->mtu = device_mtu(port->kernel_device);
	else if (port->config.mtu)
		port->mtu = port->config.mtu;
	else
		rte_eth_dev_get_mtu(id, &port->mtu);
	for (unsigned int i = 0; i < RTE_DIM(port_partial_drivers); i++)
		if (strncmp(port->driver, port_partial_drivers[i],
			    strlen(port_partial_drivers[i])) == 0)
			port->partial_checksums = true;
}

/* Attach and set up the DPDK port that carries all queues. */
static int port_try_single(struct port *port, const char *bus, const char *name,
			   const char *arguments, unsigned int workers, struct error *error)
{
	int result;

	result = port_attach(port, bus, name, arguments, 0);
	if (result < 0)
		return error_set(error, result, "device", "DPDK cannot open %s (%s)", name,
				 rte_strerror(-result));
	if (port->socket < 0)
		port->socket = rte_eth_dev_socket_id(port->queues[0].dpdk_port);
	result = pool_prepare(port->socket, error);
	if (result == 0)
		result = port_setup(port, port->queues[0].dpdk_port, workers, error);
	if (result < 0)
		port_detach(port);
	return result;
}

/* One DPDK port carries all queues: worker i has queue i, or shares. */
static int port_open_single(struct port *port, const char *bus, const char *name,
			    const char *arguments, unsigned int workers, struct error *error)
{
	char reason[160];
	uint16_t id;
	int result;

	eal_messages_begin();
	result = port_try_single(port, bus, name, arguments, workers, error);
	eal_messages_end(reason, sizeof(reason));
	if (result < 0) {
		size_t used = strlen(error->text);

		if (*reason)
			snprintf(error->text + used, sizeof(error->text) - used, ": %s", reason);
		return result;
	}
	id = port->queues[0].dpdk_port;
	for (unsigned int i = 0; i < workers; i++) {
		port->queues[i].dpdk_port = id;
		port->queues[i].queue = i % port->tx_queue_count;
	}
	port->tx_shared = port->tx_queue_count < workers;
	port_describe(port, workers);
	return 0;
}

static unsigned int greatest_common_divisor(unsigned int a, unsigned int b)
{
	while (b != 0) {
		unsigned int rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* A place for one frame in AF_PACKET's ring. */
static unsigned int packet_frame(unsigned int mtu)
{
	unsigned int wanted = mtu + PORT_FRAME_HEADER + PACKET_RING_EXTRA;

	return RTE_MAX(RTE_ALIGN_CEIL(wanted, PACKET_FRAME_STEP), (unsigned int)PACKET_FRAME_MIN);
}

/*
 * AF_PACKET's ring: frames as long as the MTU asks and the buffers allow, whole frames in a block
 * and whole pages in a block, for the driver reckons with a ring without gaps.
 */
static void port_packet_arguments(const struct port *port, unsigned int workers, char *text,
				  size_t size)
{
	unsigned int page = sysconf(_SC_PAGESIZE), block, frames, per_block;
	unsigned int wanted = packet_frame(device_mtu(port->kernel_device)), frame = wanted;
	unsigned int allowed = pool_data_room() + PACKET_ROOM_EXTRA;

	if (frame > allowed) {
		frame = RTE_ALIGN_FLOOR(allowed, PACKET_FRAME_STEP);
		log_warning("port %s: %s has an MTU of %u: frames beyond %u bytes will be dropped; "
			    "raise memory.data_room to %u",
			    port->config.name, port->kernel_device, device_mtu(port->kernel_device),
			    frame - PACKET_RING_EXTRA, wanted - PACKET_ROOM_EXTRA);
	}
	block = frame / greatest_common_divisor(frame, page) * page;
	per_block = block / frame;
	frames = port->config.descriptors ? port->config.descriptors : 1024;
	frames = RTE_ALIGN_MUL_CEIL(frames, per_block);
	snprintf(text, size, "iface=%s,qpairs=%u,blocksz=%u,framesz=%u,framecnt=%u,qdisc_bypass=1",
		 port->kernel_device, RTE_MIN(workers, (unsigned int)PACKET_QUEUES_MAX), block,
		 frame, frames);
}

static int port_open_packet(struct port *port, unsigned int workers, const char *no_xdp,
			    struct error *error)
{
	char name[RTE_ETH_NAME_MAX_LEN], arguments[PORT_ARGUMENTS];
	unsigned int frame = packet_frame(port->config.mtu);
	unsigned int room = pool_data_room() + PACKET_ROOM_EXTRA;
	int result;

	// One that only stands at the device gets a warning: nothing larger may ever come.
	if (port->config.mtu && frame > room)
		return error_set(error, -EINVAL, "mtu",
				 "an MTU of %u needs memory.data_room of at least %u",
				 port->config.mtu, frame - PACKET_ROOM_EXTRA);
	snprintf(name, sizeof(name), "net_af_packet_%s", port->config.name);
	port_packet_arguments(port, workers, arguments, sizeof(arguments));
	result = port_open_single(port, "vdev", name, arguments, workers, error);
	if (result < 0)
		return result;
	snprintf(port->why, sizeof(port->why), "AF_PACKET, for AF_XDP cannot be: %s", no_xdp);
	return 0;
}

/* Take the interface beneath, unless it is in use. */
static int port_take_kernel_device(struct port *port, const char *name, struct error *error)
{
	char addresses[160];
	int result;

	if (!port->config.take_over && device_addresses(name, addresses, sizeof(addresses)))
		return error_set(error, -EBUSY, "device",
				 "%s carries %s: say \"take_over: true\" to have addresses and "
				 "routes moved to the TAP and back at the end",
				 name, addresses);
	result = device_take(name, port->config.mtu, error);
	if (result < 0)
		return result;
	snprintf(port->kernel_device, sizeof(port->kernel_device), "%.15s", name);
	port->socket = device_node(name);
	return 0;
}

static int port_open_linux(struct port *port, unsigned int workers, struct error *error)
{
	char reason[120], text[120];
	const char *no_xdp;
	int result;

	result = port_take_kernel_device(port, port->config.device, error);
	if (result < 0)
		return result;
	result = pool_prepare(port->socket, error);
	if (result < 0)
		return result;
	no_xdp = port_no_xdp(port, workers, text, sizeof(text));
	if (!no_xdp) {
		device_keep_vlan_tags(port->kernel_device);
		if (port_try_xdp(port, workers, reason, sizeof(reason)) == 0) {
			snprintf(port->why, sizeof(port->why),
				 "AF_XDP, one socket for each of %u queue%s", workers,
				 workers == 1 ? "" : "s");
			return 0;
		}
		no_xdp = reason;
	}
	return port_open_packet(port, workers, no_xdp, error);
}

/* "NAME,arguments" to its two parts; `arguments` is empty when there is no comma. */
static void port_split(const char *device, char name[RTE_ETH_NAME_MAX_LEN], const char **arguments)
{
	size_t length = strcspn(device, ",");

	*arguments = device[length] == ',' ? device + length + 1 : "";
	if (length >= RTE_ETH_NAME_MAX_LEN)
		length = RTE_ETH_NAME_MAX_LEN - 1;
	memcpy(name, device, length);
	name[length] = '\0';
}

static int port_open_vdev(struct port *port, unsigned int workers, struct error *error)
{
	char name[RTE_ETH_NAME_MAX_LEN], kernel_device[PORT_NAME];
	const char *arguments;
	int result;

	if (device_vdev_interface(port->config.device, kernel_device)) {
		if (device_classify(kernel_device) != DEVICE_LINUX)
			return error_set(error, -ENODEV, "device",
					 "there is no interface \"%s\" in this network namespace",
					 kernel_device);
		result = port_take_kernel_device(port, kernel_device, error);
		if (result < 0)
			return result;
	}
	port_split(port->config.device, name, &arguments);
	if (port_of_device(name) >= 0)
		return error_set(error, -EEXIST, "device",
				 "%s is there already: number it otherwise", name);
	result = port_open_single(port, "vdev", name, arguments, workers, error);
	if (result == 0)
		snprintf(port->why, sizeof(port->why), "driver %s, as the file names it",
			 port->driver);
	return result;
}

static int port_open_pci(struct port *port, unsigned int workers, struct error *error)
{
	char name[RTE_ETH_NAME_MAX_LEN], full[RTE_ETH_NAME_MAX_LEN + 8];
	const char *arguments;
	int result;

	port_split(port->config.device, name, &arguments);
	// The short form means domain 0.
	snprintf(full, sizeof(full), "%s%s", strlen(name) == 7 ? "0000:" : "", name);
	result = port_open_single(port, "pci", full, arguments, workers, error);
	if (result < 0) {
		size_t used = strlen(error->text);

		snprintf(error->text + used, sizeof(error->text) - used,
			 "; is it bound to vfio-pci (dpdk-devbind.py -s)?");
		return result;
	}
	snprintf(port->why, sizeof(port->why), "driver %s%s", port->driver,
		 port->rss ? ", spreads by RSS" : "");
	return 0;
}

int port_device_open(struct port *port, unsigned int workers, struct error *error)
{
	int result;

	port->socket = -1;
	switch (device_classify(port->config.device)) {
	case DEVICE_LINUX:
		result = port_open_linux(port, workers, error);
		break;
	case DEVICE_VDEV:
		result = port_open_vdev(port, workers, error);
		break;
	case DEVICE_PCI:
		result = port_open_pci(port, workers, error);
		break;
	default:
		return error_set(error, -ENODEV, "device",
				 "\"%s\" is no interface of this network namespace, no PCI address "
				 "and no DPDK device (net_...)",
				 port->config.device);
	}
	if (result < 0)
		port_device_close(port);
	return result;
}

static int port_attach_linux(struct port *port, unsigned int workers, struct error *error)
{
	char name[RTE_ETH_NAME_MAX_LEN], arguments[PORT_ARGUMENTS];
	int result = 0;

	if (!port->kernel_device[0])
		result = port_take_kernel_device(port, port->config.device, error);
	if (result < 0)
		return result;
	snprintf(name, sizeof(name), "net_af_packet_%s", port->config.name);
	port_packet_arguments(port, workers, arguments, sizeof(arguments));
	result = port_attach(port, "vdev", name, arguments, 0);
	return result < 0 ? error_set(error, result, "device", "DPDK cannot open %s (%s)", name,
				      rte_strerror(-result))
			  : 0;
}

int port_device_attach(struct port *port, unsigned int workers, struct error *error)
{
	enum device_kind kind = device_classify(port->config.device);
	char name[RTE_ETH_NAME_MAX_LEN], full[RTE_ETH_NAME_MAX_LEN + 8];
	const char *arguments;
	int result;

	if (kind == DEVICE_NONE)
		return error_set(error, -ENODEV, "device",
				 "\"%s\" is no interface of this network namespace, no PCI address "
				 "and no DPDK device (net_...)",
				 port->config.device);
	if (kind == DEVICE_LINUX) {
		result = port_attach_linux(port, workers, error);
	} else {
		port->socket = -1;
		port_split(port->config.device, name, &arguments);
		snprintf(full, sizeof(full), "%s%s",
			 kind == DEVICE_PCI && strlen(name) == 7 ? "0000:" : "", name);
		result = port_attach(port, kind == DEVICE_PCI ? "pci" : "vdev", full, arguments, 0);
		if (result < 0)
			error_set(error, result, "device", "DPDK cannot open %s (%s)", full,
				  rte_strerror(-result));
	}
	if (result < 0)
		return result;
	port_describe(port, 1);
	port->rx_queue_count = port->tx_queue_count = 0; // the bond's
	snprintf(port->why, sizeof(port->why), "driver %s, for a bond", port->driver);
	return 0;
}

void port_device_close(struct port *port)
{
	port_detach(port);
	if (port->kernel_device[0])
		device_release(port->kernel_device);
	port->kernel_device[0] = '\0';
}

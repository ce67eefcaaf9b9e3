/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>

#include "base/error.h"

/*
 * A port: what the user names in the file ("dpdk0"), with its device. One port may be several
 * DPDK ports (AF_XDP: one for each queue), so workers are given pairs of DPDK port and queue.
 * Opened and closed by the control thread; the fields are constant in between, but `link_up`.
 */
enum {
	PORT_MAX = 32,
	PORT_NAME = 16,
	PORT_DEVICE = 256,
	PORT_QUEUES_MAX = 64,
	PORT_RSS_KEY = 52,
};

/* How packets find the worker that owns them (io/steer_home.c). The first four are words too. */
enum port_steering {
	STEERING_AUTO,
	STEERING_RSS,
	STEERING_FLOW,
	STEERING_HAND_OVER,
	STEERING_NONE, // there is one worker
};

enum { BOND_MEMBERS_MAX = 8 };

struct bond_config {
	uint8_t mode;		 // 0 round robin, 1 active backup, 2 hash, 4 LACP
	uint8_t xmit_policy;	 // 0 layer2, 1 layer23, 2 layer34
	uint16_t monitor_ms;	 // how often links are looked at
	uint16_t up_ms, down_ms; // how long a link must be up, or down, before it counts
	char primary[PORT_NAME]; // of mode 1, "": the first
	uint8_t member_count;	 // 0: no bond
	char members[BOND_MEMBERS_MAX][PORT_NAME];
};

struct port_config {
	char name[PORT_NAME];	  // "dpdk0"
	char device[PORT_DEVICE]; // PCI address, Linux interface, or DPDK vdev ("net_tap0,iface=x")
	char tap[PORT_NAME];	  // name of the interface in Linux; default "<name>.kni", cut to 15
	bool take_over;		  // take the device though it carries addresses
	uint16_t mtu;		  // 0: the device's
	uint16_t descriptors;	  // per queue; 0: 1024
	uint8_t steering;	  // enum port_steering: what is asked for
	bool member;		  // of a bond: attached only, the bond does the rest
	struct bond_config bond;  // or it is one
};

struct port_queue {
	uint16_t dpdk_port;
	uint16_t queue;
};

struct port {
	struct port_config config;
	uint16_t index;		       // 0 to PORT_MAX - 1, in the order of the file
	char driver[32];	       // "net_af_xdp"
	char kernel_device[PORT_NAME]; // the Linux interface beneath AF_XDP or AF_PACKET, or empty
	char why[160];		       // one sentence: which driver was taken and why
	struct rte_ether_addr mac;
	uint16_t mtu;
	uint16_t queue_count;			   // = number of workers
	struct port_queue queues[PORT_QUEUES_MAX]; // worker i receives and sends on queues[i]
	uint16_t rx_queue_count;  // workers from this index on receive nothing from this port
	uint16_t tx_queue_count;  // below queue_count: see tx_shared
	bool tx_shared;		  // worker i may send only if i < tx_queue_count, else worker i %
				  // tx_queue_count
	uint16_t dpdk_port_count; // AF_XDP: one for each queue; else 1
	int socket;		  // NUMA node, or -1
	bool partial_checksums; // frames may carry only the pseudo-header sum (veth and TAP peers)
	bool transmit_checksum; // the device can fill in IPv4, TCP and UDP sums
	bool rss;		// the device spreads by Toeplitz with `rss_key` and `rss_reta`
	uint8_t rss_key[PORT_RSS_KEY];
	uint8_t rss_key_len;
	uint16_t rss_reta[512]; // queue by hash & (rss_reta_size - 1)
	uint16_t rss_reta_size;
	uint8_t steering;	 // enum port_steering: what it is; control writes
	bool distrusted;	 // it was STEERING_RSS
	char steering_why[168];	 // one sentence
	uint32_t flow_rules;	 // in the device now
	uint32_t flow_refused;	 // local addresses of which it took no rules
	uint16_t bond;		 // of a member: index of its bond + 1
	bool in_bond, taken_out; // of a member: it is in the bond; a door has taken it out
	uint64_t left;		 // of a member: grace period after which it may be detached
	uint64_t link_changed;	 // TSC of the last time that link_up changed, 0: never
	bool link_up;		 // control writes (port_poll_links), anybody reads
};

/*
 * A device that has fewer transmit queues than there are workers (net_pcap: one) is tx_shared: a
 * queue is one worker's, so a worker without one hands the packet to worker i % tx_queue_count.
 */
static inline bool port_may_send(const struct port *port, unsigned int worker)
{
	return worker < port->tx_queue_count;
}

/* Count of open ports, and one of them by index or by name (NULL when there is none). */
unsigned int port_count(void);
struct port *port_get(unsigned int index);
struct port *port_find(const char *name);

/*
 * Open `count` ports for `workers` workers: choose drivers, make pools on the right NUMA node,
 * set up queues, start. All or none. -EINVAL, -EBUSY (carries addresses and no take_over), ...
 * After pool_start(). Error fields are "ports[0].device" and the like.
 */
int port_open_all(const struct port_config *configs, unsigned int count, unsigned int workers,
		  struct error *error);
void port_close_all(void);
/* Refresh link_up; returns true when any changed. AF_XDP, AF_PACKET: of the device beneath. */
bool port_poll_links(void);

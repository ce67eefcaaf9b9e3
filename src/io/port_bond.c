/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bonds, by DPDK's bonding driver: round robin (0), active backup (1), hash (2), and LACP (4).
 * Members are attached and nothing else; the driver sets up their queues as it does the bond's.
 *
 * The driver asks its members for their link. AF_PACKET always says that there is one, so for a
 * member that is an interface of Linux the link is read from Linux: a member without one is taken
 * out of the bond, and put in again when it is back. The last member stays in any case, since a
 * bond without members loses its address.
 *
 * AF_PACKET's ports cannot be started twice, and the driver stops a port before it takes it in: so
 * a member that was taken out is detached, when no worker can be in the middle of it any more, and
 * attached anew.
 *
 * LACP's frames are taken in and sent out by the driver within the workers' bursts; a worker makes
 * an empty one when there is nothing to send (path/worker.c).
 */
#include "io/port_bond.h"

#include "base/log.h"
#include "io/eal.h"
#include "io/port_device.h"
#include "io/rcu.h"

#include <rte_eth_bond.h>
#include <rte_eth_bond_8023ad.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void bond_device_name(const struct port *bond, char name[RTE_ETH_NAME_MAX_LEN])
{
	snprintf(name, RTE_ETH_NAME_MAX_LEN, "net_bonding_%s", bond->config.name);
}

static uint16_t bond_id(const struct port *bond)
{
	return bond->queues[0].dpdk_port;
}

static bool bond_has(const struct port *bond, const struct port *member)
{
	return member->bond == bond->index + 1;
}

static unsigned int bond_members_in(const struct port *bond)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < port_count(); i++)
		count += bond_has(bond, port_get(i)) && port_get(i)->in_bond;
	return count;
}

static int member_join(struct port *bond, struct port *member, struct error *error)
{
	int status = 0;

	if (member->dpdk_port_count == 0)
		status = port_device_attach(member, bond->queue_count, error);
	if (status < 0)
		return status;
	status = rte_eth_bond_slave_add(bond_id(bond), member->queues[0].dpdk_port);
	if (status < 0) {
		port_detach(member);
		return error_set(error, -EIO, "members",
				 "%s cannot join %s: the driver %s has other queues or settings",
				 member->config.name, bond->config.name, member->driver);
	}
	member->in_bond = true;
	return 0;
}

/* Out of the bond now; its device is detached by port_bond_poll(), after a grace period. */
static void member_leave(struct port *bond, struct port *member)
{
	char ignored[160];

	eal_messages_begin(); // it asks for a reset that AF_PACKET has not got
	rte_eth_bond_slave_remove(bond_id(bond), member->queues[0].dpdk_port);
	eal_messages_end(ignored, sizeof(ignored));
	member->in_bond = false;
	member->left = rcu_token();
}

bool port_bond_has_link(const struct port *bond)
{
	for (unsigned int i = 0; i < port_count(); i++) {
		const struct port *member = port_get(i);

		if (bond_has(bond, member) && member->in_bond && member->link_up)
			return true;
	}
	return false;
}

/* Has the member's link been as it is now for long enough? */
static bool member_is_settled(const struct port *bond, const struct port *member)
{
	const struct bond_config *config = &bond->config.bond;
	uint64_t milliseconds = member->link_up ? config->up_ms : config->down_ms;

	return rte_rdtsc() - member->link_changed >= milliseconds * (rte_get_tsc_hz() / 1000);
}

static void member_poll(struct port *bond, struct port *member)
{
	struct error error;

	if (!member->in_bond && member->dpdk_port_count > 0 && rcu_passed(member->left))
		port_detach(member);
	if (!member->kernel_device[0] || member->taken_out || !member_is_settled(bond, member))
		return;
	if (!member->in_bond && member->link_up && member->dpdk_port_count == 0) {
		if (member_join(bond, member, &error) == 0)
			log_notice("bond %s: %s is back", bond->config.name, member->config.name);
	} else if (member->in_bond && !member->link_up && bond_members_in(bond) > 1) {
		member_leave(bond, member);
		log_notice("bond %s: goes on without %s", bond->config.name, member->config.name);
	}
}

void port_bond_poll(struct port *bond)
{
	for (unsigned int i = 0; i < port_count(); i++)
		if (bond_has(bond, port_get(i)))
			member_poll(bond, port_get(i));
}

static struct port *bond_member(const struct port *bond, const char *name)
{
	struct port *member = port_find(name);

	return member && bond_has(bond, member) ? member : NULL;
}

/* The delays are ours, because the driver's own are not among the functions that DPDK 22.11 exports. */
static int bond_check_delays(const struct port *bond, const struct bond_config *wanted,
			     struct error *error)
{
	if (wanted->up_ms == 0 && wanted->down_ms == 0)
		return 0;
	for (unsigned int i = 0; i < port_count(); i++) {
		const struct port *member = port_get(i);

		if (bond_has(bond, member) && !member->kernel_device[0])
			return error_set(error, -EOPNOTSUPP,
					 wanted->up_ms ? "link_up_delay" : "link_down_delay",
					 "is for members that are interfaces of Linux, which %s "
					 "is not: the bonding driver has no delays",
					 member->config.name);
	}
	return 0;
}

int port_bond_set(struct port *bond, const struct bond_config *wanted, struct error *error)
{
	uint16_t id = bond_id(bond);
	const struct port *primary = NULL;
	int status = 0;

	if (wanted->mode != rte_eth_bond_mode_get(id))
		return error_set(error, -EOPNOTSUPP, "mode",
				 "%s keeps its mode %d while it runs: change it in the file and "
				 "restart weir",
				 bond->config.name, rte_eth_bond_mode_get(id));
	if (wanted->primary[0]) {
		primary = bond_member(bond, wanted->primary);
		if (!primary || !primary->in_bond)
			return error_set(error, -EINVAL, "primary", "%s is no member of %s",
					 wanted->primary, bond->config.name);
	}
	status = bond_check_delays(bond, wanted, error);
	if (status < 0)
		return status;
	status = rte_eth_bond_xmit_policy_set(id, wanted->xmit_policy);
	status |= rte_eth_bond_link_monitoring_set(id, wanted->monitor_ms);
	if (primary)
		status |= rte_eth_bond_primary_set(id, primary->queues[0].dpdk_port);
	if (status != 0)
		return error_set(error, -EINVAL, "", "the bonding driver does not take it");
	bond->config.bond = *wanted;
	return 0;
}

int port_bond_member(struct port *bond, struct port *member, bool in, struct error *error)
{
	if (!bond_has(bond, member))
		return error_set(error, -EBUSY, "member",
				 "%s is not among the members of %s in the file: it is a port of "
				 "its own, or of another bond",
				 member->config.name, bond->config.name);
	if (in == !member->taken_out)
		return error_set(error, in ? -EEXIST : -ENOENT, "member", "%s is %s %s already",
				 member->config.name, in ? "in" : "out of", bond->config.name);
	if (!in && member->in_bond && bond_members_in(bond) == 1)
		return error_set(error, -EBUSY, "member", "%s is the last member of %s",
				 member->config.name, bond->config.name);
	if (!in && member->in_bond)
		member_leave(bond, member);
	member->taken_out = !in;
	if (in && !member->kernel_device[0])
		return member_join(bond, member, error);
	return 0; // else with the next poll, if there is a link
}

static int bond_join_all(struct port *bond, struct error *error)
{
	const struct bond_config *config = &bond->config.bond;
	int status = 0;

	for (unsigned int i = 0; i < config->member_count && status == 0; i++) {
		struct port *member = port_find(config->members[i]);

		if (!member || member->bond != 0)
			return error_set(error, -EINVAL, "members", "%s is %s", config->members[i],
					 member ? "in another bond" : "no port");
		status = member_join(bond, member, error);
		member->bond = status == 0 ? bond->index + 1 : 0;
		bond->partial_checksums |= member->partial_checksums;
	}
	return status;
}

/* The members' smallest, unless the file says what it is to be. */
static uint16_t bond_mtu(const struct port *bond)
{
	uint16_t mtu = 0;

	for (unsigned int i = 0; i < port_count(); i++) {
		const struct port *member = port_get(i);

		if (bond_has(bond, member) && (mtu == 0 || member->mtu < mtu))
			mtu = member->mtu;
	}
	return bond->config.mtu ? bond->config.mtu : mtu;
}

int port_bond_open(struct port *bond, unsigned int workers, struct error *error)
{
	char name[RTE_ETH_NAME_MAX_LEN], reason[160];
	bool partial;
	int id, status;

	bond_device_name(bond, name);
	bond->socket = port_get(0)->socket;
	bond->queue_count = workers;
	eal_messages_begin();
	id = rte_eth_bond_create(name, bond->config.bond.mode, bond->socket < 0 ? 0 : bond->socket);
	if (id < 0) {
		eal_messages_end(reason, sizeof(reason));
		return error_set(error, -EIO, "mode", "DPDK cannot make the bond: %s", reason);
	}
	bond->queues[0].dpdk_port = id;
	bond->dpdk_port_count = 1;
	status = bond_join_all(bond, error);
	if (status == 0)
		status = port_bond_set(bond, &bond->config.bond, error);
	if (status == 0)
		status = port_setup(bond, id, workers, error);
	eal_messages_end(reason, sizeof(reason));
	if (status < 0) {
		size_t used = strlen(error->text);

		if (*reason)
			snprintf(error->text + used, sizeof(error->text) - used, ": %s", reason);
		return status;
	}
	for (unsigned int i = 0; i < workers; i++) {
		bond->queues[i].dpdk_port = id;
		bond->queues[i].queue = i % bond->tx_queue_count;
	}
	bond->tx_shared = bond->tx_queue_count < workers;
	partial = bond->partial_checksums;
	port_describe(bond, workers);
	bond->partial_checksums = partial;
	bond->mtu = bond_mtu(bond);
	rte_eth_bond_mac_address_set(id, &bond->mac); // so that it stays when members change
	snprintf(bond->why, sizeof(bond->why), "a bond of %u ports in mode %u",
		 bond->config.bond.member_count, bond->config.bond.mode);
	return 0;
}

void port_bond_close(struct port *bond)
{
	char name[RTE_ETH_NAME_MAX_LEN];

	if (bond->dpdk_port_count == 0)
		return;
	rte_eth_dev_stop(bond_id(bond));
	// Each gets its own MAC back.
	for (unsigned int i = 0; i < port_count(); i++) {
		struct port *member = port_get(i);

		if (bond_has(bond, member) && member->in_bond)
			rte_eth_bond_slave_remove(bond_id(bond), member->queues[0].dpdk_port);
		member->in_bond = false;
	}
	bond_device_name(bond, name);
	rte_eth_bond_free(name);
	bond->dpdk_port_count = 0;
}

/* What there is to see */

void port_bond_get(const struct port *bond, struct port_bond_state *state)
{
	uint16_t id = bond_id(bond);
	int primary = rte_eth_bond_primary_get(id);

	*state = (struct port_bond_state){
		.mode = rte_eth_bond_mode_get(id),
		.xmit_policy = rte_eth_bond_xmit_policy_get(id),
		.monitor_ms = bond->config.bond.monitor_ms,
		.up_ms = bond->config.bond.up_ms,
		.down_ms = bond->config.bond.down_ms,
		.primary = -1,
	};
	for (unsigned int i = 0; i < port_count(); i++) {
		const struct port *member = port_get(i);

		if (bond_has(bond, member) && member->in_bond &&
		    member->queues[0].dpdk_port == primary)
			state->primary = i;
	}
}

bool port_bond_is_active(const struct port *bond, const struct port *member)
{
	uint16_t active[RTE_MAX_ETHPORTS];
	int count;

	if (!bond_has(bond, member) || !member->in_bond)
		return false;
	count = rte_eth_bond_active_slaves_get(bond_id(bond), active, RTE_MAX_ETHPORTS);
	for (int i = 0; i < count; i++)
		if (active[i] == member->queues[0].dpdk_port)
			return true;
	return false;
}

bool port_bond_is_negotiated(const struct port *bond, const struct port *member)
{
	const uint8_t wanted = STATE_SYNCHRONIZATION | STATE_COLLECTING | STATE_DISTRIBUTING;
	struct rte_eth_bond_8023ad_slave_info info;

	return bond->config.bond.mode == BONDING_MODE_8023AD && port_bond_is_active(bond, member) &&
	       rte_eth_bond_8023ad_slave_info(bond_id(bond), member->queues[0].dpdk_port, &info) ==
		       0 &&
	       (info.actor_state & wanted) == wanted && (info.partner_state & wanted) == wanted;
}

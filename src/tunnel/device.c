/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Tunnel interfaces. Each is an interface like any other, with a TAP; its wire is an outer header
 * (tunnel/template.c) that leads to one other host by the routes, on a path that is kept watch over
 * like that to a real server.
 *
 * IPIP and GRE carry IP packets. Nobody resolves neighbours on them: their TAPs are IFF_NOARP, and
 * there is one next hop for whatever is routed there (net/neigh.c). VXLAN carries frames, and its
 * TAP is one with ARP.
 *
 * There are at most IFACE_MAX of them. Workers look for one by going through a list that control
 * replaces whole, which for the handful that a load balancer has is as good as a table; the VPC
 * gateway with its thousands of networks has a table of its own.
 */
#include "tunnel/device.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "io/rcu.h"
#include "net/neigh.h"
#include "net/nexthop.h"

enum { GRE_KEY_FLAG = 0x20, GRE_SEQUENCE_FLAG = 0x10 };

const struct tunnel_device *tunnel_devices[IFACE_MAX];
unsigned int tunnel_device_count;

const struct tunnel_device *device_find(const struct addr *local, const struct addr *remote,
					const struct tunnel_outer *outer)
{
	for (unsigned int i = 1; i < IFACE_MAX; i++) {
		const struct tunnel_device *d = device_get(i);

		if (!d || d->config.kind != outer->kind || !addr_equal(&d->config.remote, remote))
			continue;
		if (!addr_is_unspecified(&d->config.local) && !addr_equal(&d->config.local, local))
			continue;
		if (d->config.has_input_key == outer->has_key &&
		    (!outer->has_key || d->config.input_key == outer->key))
			return d;
	}
	return NULL;
}

bool device_is_between(const struct addr *local, const struct addr *remote, uint8_t kind)
{
	for (unsigned int i = 1; i < IFACE_MAX; i++) {
		const struct tunnel_device *d = device_get(i);

		if (d && d->config.kind == kind && addr_equal(&d->config.remote, remote) &&
		    (addr_is_unspecified(&d->config.local) || addr_equal(&d->config.local, local)))
			return true;
	}
	return false;
}

bool device_is_vxlan_port(uint16_t port)
{
	for (unsigned int i = 1; i < IFACE_MAX; i++) {
		const struct tunnel_device *d = device_get(i);

		if (d && d->config.kind == TUNNEL_KIND_VXLAN && d->config.port == port)
			return true;
	}
	return false;
}

struct template *device_template(unsigned int iface)
{
	struct tunnel_device *d = (struct tunnel_device *)device_get(iface);

	return d ? &d->outer : NULL;
}

void device_complete_tunnel(struct tunnel_config *config)
{
	const struct iface *link = iface_find(config->link);

	if (link) // it may be named by its TAP
		snprintf(config->link, sizeof(config->link), "%s", link->name);
	if (!config->tap[0])
		snprintf(config->tap, sizeof(config->tap), "%.11s.kni", config->name);
}

static void device_fill_outer(struct tunnel_device *d)
{
	static const uint8_t types[TUNNEL_KINDS] = {TUNNEL_IPIP, TUNNEL_GRE, TUNNEL_GUE};
	const struct tunnel_config *c = &d->config;
	const struct tunnel_settings settings = {
		.type = types[c->kind],
		// IPv6 wants one of UDP.
		.checksum = c->output_checksum || (c->kind == TUNNEL_KIND_VXLAN &&
						   c->remote.family == AF_INET6)
				    ? TUNNEL_CHECKSUM_FULL
				    : TUNNEL_CHECKSUM_NONE,
		.port = c->port,
	};
	const struct addr any = {.family = AF_UNSPEC};
	uint32_t key = rte_cpu_to_be_32(c->output_key);

	template_fill(&d->outer, &settings, &c->remote,
		      addr_is_unspecified(&c->local) ? &any : &c->local);
	d->tail_at = d->length = d->outer.length;
	if (c->kind == TUNNEL_KIND_GRE) {
		if (c->has_output_key) {
			d->outer.header[d->outer.transport] |= GRE_KEY_FLAG;
			memcpy(d->tail, &key, sizeof(key));
			d->tail_length += sizeof(key);
		}
		if (c->output_sequence) {
			d->outer.header[d->outer.transport] |= GRE_SEQUENCE_FLAG;
			d->tail_length += TUNNEL_SEQUENCE;
		}
		d->length += d->tail_length;
	} else if (c->kind == TUNNEL_KIND_VXLAN) {
		// In place of GUE's header, which is half as long.
		key = rte_cpu_to_be_32(c->output_key << 8);
		d->tail[0] = TUNNEL_VXLAN_FLAGS;
		memcpy(d->tail + 4, &key, sizeof(key));
		d->tail_length = TUNNEL_VXLAN_HEADER;
		d->tail_at -= TUNNEL_VXLAN_HEADER / 2;
		d->length += TUNNEL_VXLAN_HEADER / 2;
	}
}

static int device_check(const struct tunnel_config *c, const struct iface *link,
			struct error *error)
{
	const struct tunnel_outer as = {
		.kind = c->kind,
		.has_key = c->has_input_key,
		.key = c->input_key,
	};
	const struct tunnel_device *other;

	if (c->link[0] && !link)
		return error_set(error, -ENODEV, "link", "there is no interface \"%s\"", c->link);
	if (link && link->kind == IFACE_TUNNEL)
		return error_set(error, -EINVAL, "link",
				 "%s is a tunnel: a tunnel in a tunnel is not possible",
				 link->name);
	other = device_find(&c->local, &c->remote, &as);
	if (other)
		return error_set(error, -EEXIST, "remote",
				 "%s is a tunnel of this kind to there with this key already",
				 other->config.name);
	return 0;
}

/* What is left of the interface towards the other side, or of the one that was named. */
static uint16_t device_mtu_default(const struct tunnel_device *d, const struct iface *link)
{
	uint16_t inside = d->config.kind == TUNNEL_KIND_VXLAN ? RTE_ETHER_HDR_LEN : 0;
	uint16_t nexthop = path_nexthop(d->path, 0);
	uint16_t mtu = RTE_ETHER_MTU;

	if (link)
		mtu = link->mtu;
	else if (nexthop >= NEXTHOP_FIRST)
		mtu = nexthop_table[nexthop].mtu;
	return mtu - d->length - inside;
}

static void device_free(void *arg)
{
	free(arg);
}

int device_create_tunnel(struct tunnel_config *config, struct iface **out, struct error *error)
{
	const struct iface *link = config->link[0] ? iface_find(config->link) : NULL;
	struct iface made = {.kind = IFACE_TUNNEL, .repair = true};
	struct tunnel_device *d;
	int result = device_check(config, link, error);

	if (result < 0)
		return result;
	d = aligned_alloc(_Alignof(struct tunnel_device), sizeof(*d)); // its template is a line
	if (!d)
		return error_set(error, -ENOMEM, "", "out of memory");
	memset(d, 0, sizeof(*d));
	d->config = *config;
	d->link = link ? link->index : 0;
	device_fill_outer(d);
	d->path = path_watch(&config->remote);
	if (d->path == PATH_NONE) {
		result = error_set(error, -ENOSPC, "remote", "too many destinations are watched");
		goto free_device;
	}
	snprintf(made.name, sizeof(made.name), "%s", config->name);
	snprintf(made.tap_name, sizeof(made.tap_name), "%s", config->tap);
	made.port = link ? link->port : 0;
	made.no_arp = config->kind != TUNNEL_KIND_VXLAN;
	made.mtu = config->mtu ? config->mtu : device_mtu_default(d, link);
	rte_eth_random_addr(made.mac.addr_bytes);
	result = iface_add(&made, out, error);
	if (result < 0)
		goto release_path;
	d->iface = (*out)->index;
	assert(d->iface < IFACE_MAX);
	__atomic_store_n(&tunnel_devices[d->iface], d, __ATOMIC_RELEASE);
	__atomic_store_n(&tunnel_device_count, tunnel_device_count + 1, __ATOMIC_RELAXED);
	if (made.no_arp)
		neigh_without_arp(d->iface);
	return 0;

release_path:
	path_release(d->path);
free_device:
	free(d);
	return result;
}

void device_remove_tunnel(struct iface *iface)
{
	struct tunnel_device *d = (struct tunnel_device *)device_get(iface->index);

	assert(d && iface->index < IFACE_MAX);
	__atomic_store_n(&tunnel_devices[iface->index], NULL, __ATOMIC_RELEASE);
	__atomic_store_n(&tunnel_device_count, tunnel_device_count - 1, __ATOMIC_RELAXED);
	iface_remove(iface);
	path_release(d->path);
	if (rcu_defer(device_free, d) < 0)
		log_warning("%s: no memory to free it", d->config.name);
}

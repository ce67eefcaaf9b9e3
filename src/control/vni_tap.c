/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/vni_tap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "net/iface.h"
#include "net/kernel.h"

/*
 * Linux has a route to each local address's network through the TAP, with so high a metric that one of
 * the underlay to the same network goes before it. Networks of several VNIs may be the same: who
 * speaks to a VM binds to the TAP, as health checks do. That is why answers are taken without asking
 * whether the route to their sender leads through the TAP (rp_filter 2).
 */
char *vni_tap_name(uint32_t vni, char name[static VNI_TAP_NAME])
{
	snprintf(name, VNI_TAP_NAME, "vni%u", vni);
	return name;
}

enum { ROUTE_METRIC = 65000 };

static struct iface *tap_of(uint32_t vni)
{
	return iface_get(vni_get(vni).iface);
}

/* What the smallest port leaves for packets inside. */
static uint16_t tap_mtu(const struct vpc_vni *vni)
{
	unsigned int overhead = vxlan.has_v6 ? VXLAN_OUTER6 : VXLAN_OUTER4, mtu = UINT16_MAX;

	for (unsigned int i = 0; i < port_count(); i++)
		if (port_get(i)->mtu < mtu)
			mtu = port_get(i)->mtu;
	if (vni->settings.mtu != 0)
		return vni->settings.mtu;
	return (uint16_t)(mtu > overhead + 1280 ? mtu - overhead : 1280);
}

static void tap_tune(const char *name)
{
	char path[80];
	FILE *file;
	bool written;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter", name);
	file = fopen(path, "we");
	written = file != NULL && fprintf(file, "2\n") > 0;
	if (file != NULL && fclose(file) != 0)
		written = false;
	if (!written)
		log_warning("%s: rp_filter cannot be written: answers of VMs may be dropped", name);
}

static int tap_make(const struct vpc_vni *vni, struct error *error)
{
	struct iface made = {.kind = IFACE_VNI, .vni = vni->vni, .mtu = tap_mtu(vni)};
	struct error inner;
	struct iface *iface;
	int status;

	vni_tap_name(vni->vni, made.name);
	vni_tap_name(vni->vni, made.tap_name);
	memcpy(&made.mac, vxlan.mac, sizeof(made.mac));
	status = iface_add(&made, &iface, &inner);
	if (status < 0)
		return error_set(error, status, "local_addresses",
				 "the TAP %s is not made: %s (without health checks of VMs the VNI "
				 "needs none: tap: false)",
				 made.name, inner.text);
	tap_tune(made.name);
	vni_set_iface(vni->vni, (uint8_t)iface->index);
	return 0;
}

static void tap_remove(uint32_t vni)
{
	struct iface *iface = tap_of(vni);

	vni_set_iface(vni, 0);
	if (iface != NULL)
		iface_remove(iface);
}

static bool has_local(const struct vpc_vni *vni, const struct prefix *local)
{
	for (unsigned int i = 0; vni != NULL && i < vni->local_count; i++)
		if (vni->locals[i].len == local->len &&
		    addr_equal(&vni->locals[i].addr, &local->addr))
			return true;
	return false;
}

static int tap_address(struct iface *iface, const struct prefix *local, struct error *error)
{
	const struct kernel_address address = {.prefix = *local,
					       .valid = KERNEL_FOREVER,
					       .preferred = KERNEL_FOREVER,
					       .metric = ROUTE_METRIC};
	int status = kernel_address_put(iface, &address, false);
	char text[PREFIX_TEXT];

	if (status == 0)
		return 0;
	return error_set(error, status, "local_addresses", "Linux does not take %s on %s: %s",
			 prefix_format(local, text), iface->tap_name, kernel_reason(status));
}

int vni_tap_set(const struct vpc_vni *before, const struct vpc_vni *after, struct error *error)
{
	struct iface *iface = tap_of(after->vni);
	bool fresh;
	int status = 0;

	if (after->local_count == 0 || after->no_tap) {
		tap_remove(after->vni);
		return 0;
	}
	if (iface != NULL && before != NULL && before->settings.mtu != after->settings.mtu)
		tap_remove(after->vni);
	fresh = tap_of(after->vni) == NULL;
	if (fresh)
		status = tap_make(after, error);
	iface = tap_of(after->vni);
	for (unsigned int i = 0; i < after->local_count && status == 0; i++)
		status = tap_address(iface, &after->locals[i], error);
	if (status < 0) {
		if (fresh)
			tap_remove(after->vni);
		return status;
	}
	for (unsigned int i = 0; !fresh && before != NULL && i < before->local_count; i++)
		if (!has_local(after, &before->locals[i]))
			kernel_address_delete(iface, &before->locals[i]);
	return 0;
}

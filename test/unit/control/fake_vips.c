/* SPDX-License-Identifier: BSD-3-Clause */
#include "fakes.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/kernel.h"
#include "net/tap.h"

/* VIPs stand beside the addresses of interfaces, on the one device that tap_create() makes. */
enum { FAKE_VIPS = 4096 };

static struct prefix vips[FAKE_VIPS];
static unsigned int vip_count;

int tap_create(struct tap *tap, const char *name, const struct rte_ether_addr *mac, uint16_t mtu,
	       struct error *error)
{
	if (fake.tap_code < 0)
		return error_set(error, fake.tap_code, "tap", "it cannot be made");
	tap->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	tap->index = FAKE_TAP;
	return tap->fd < 0 ? -errno : 0;
}

void tap_destroy(struct tap *tap)
{
	if (tap->fd >= 0)
		close(tap->fd);
	tap->fd = -1;
	vip_count = 0;
}

static unsigned int vip_place(const struct addr *addr)
{
	unsigned int i = 0;

	while (i < vip_count && !addr_equal(&vips[i].addr, addr))
		i++;
	return i;
}

int kernel_vip_add(int link, const struct prefix *vip)
{
	if (link != FAKE_TAP)
		return kernel_address_add(iface_get((unsigned int)link), vip);
	if (fake.vip_code < 0)
		return fake.vip_code;
	if (vip_place(&vip->addr) < vip_count)
		return -EEXIST;
	assert_true(vip_count < FAKE_VIPS);
	vips[vip_count++] = *vip;
	return 0;
}

int kernel_vip_delete(int link, const struct prefix *vip)
{
	unsigned int place = vip_place(&vip->addr);

	if (link != FAKE_TAP)
		return kernel_address_delete(iface_get((unsigned int)link), vip);
	if (place == vip_count)
		return -EADDRNOTAVAIL;
	vips[place] = vips[--vip_count];
	return 0;
}

bool kernel_vip_stands(int link, const struct prefix *vip)
{
	if (link != FAKE_TAP)
		return kernel_address_owner(&vip->addr) != NULL;
	return vip_place(&vip->addr) < vip_count;
}

bool kernel_link_is_up(int index)
{
	return true;
}

bool fake_has_vip(const char *address)
{
	struct addr addr;

	assert_int_equal(addr_parse(address, &addr), 0);
	return vip_place(&addr) < vip_count;
}

unsigned int fake_vip_count(void)
{
	return vip_count;
}

void fake_take_vip(const char *address)
{
	struct prefix prefix = {0};

	assert_int_equal(addr_parse(address, &prefix.addr), 0);
	assert_int_equal(kernel_vip_delete(FAKE_TAP, &prefix), 0);
}

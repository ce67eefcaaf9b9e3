/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/vip_device.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "control/loop.h"
#include "net/tap.h"

enum {
	VIP_DEVICE_MTU = 1500,
	VIP_DEVICE_FRAMES = 64, // read in one round; the loop comes back for the rest
};

static struct {
	struct tap tap;
	char name[16];
	uint64_t discarded;
} device = {.tap = {.fd = -1}};

static void device_discard(void *arg)
{
	char frame[2048];
	ssize_t size = 0;

	for (unsigned int i = 0; i < VIP_DEVICE_FRAMES; i++) {
		size = read(device.tap.fd, frame,
			    sizeof(frame)); // the rest of a longer one is lost
		if (size < 0)
			break;
		device.discarded++;
	}
	if (size >= 0 || errno == EAGAIN || errno == EINTR || errno == EIO) // EIO: it is not up
		return;
	log_error("%s is gone: %s", device.name, strerror(errno));
	vip_device_close();
}

int vip_device_open(const char *name, struct error *error)
{
	struct rte_ether_addr mac;
	int status;

	rte_eth_random_addr(mac.addr_bytes);
	status = tap_create(&device.tap, name, &mac, VIP_DEVICE_MTU, error);
	if (status < 0) {
		const struct error inner = *error;

		device.tap.fd = -1;
		if (status == -EEXIST)
			return error_set(error, status, "announce.interface",
					 "an interface \"%s\" exists already: delete it, or choose "
					 "another name",
					 name);
		return error_set(error, status, "announce.interface", "%s", inner.text);
	}
	status = loop_watch(device.tap.fd, device_discard, NULL);
	if (status < 0) {
		tap_destroy(&device.tap);
		return error_set(error, status, "announce.interface", "epoll: %s",
				 strerror(-status));
	}
	strncpy(device.name, name, sizeof(device.name) - 1);
	return 0;
}

void vip_device_close(void)
{
	if (device.tap.fd < 0)
		return;
	loop_unwatch(device.tap.fd);
	tap_destroy(&device.tap);
	device.tap.index = 0;
}

int vip_device_index(void)
{
	return device.tap.fd < 0 ? 0 : device.tap.index;
}

uint64_t vip_device_discarded(void)
{
	return device.discarded;
}

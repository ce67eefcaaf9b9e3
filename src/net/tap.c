/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making a TAP and giving it what weir wants of it.
 *
 * No IFF_VNET_HDR: without it Linux fills in checksums and cuts segments itself before it hands
 * over a frame, so what comes out of the descriptor can go on the wire as it is.
 *
 * Neighbours: what weir sends follows Linux's neighbour table, so Linux has to notice a silent next
 * hop fast, though it sends nothing itself. With these settings, and neighbours marked managed
 * (net/kernel.c), it takes 1.4 s instead of 33, and a silent change of MAC 7.5 s instead of 34.
 *
 * rp_filter is left as the administrator has it. Linux sees only what is punted, and its answers
 * leave by the same TAP, so strict checking passes wherever routing is symmetric; with asymmetric
 * routing between two TAPs it has to be 0 or 2, as it would without weir.
 */
#include "net/tap.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef TUNSETCARRIER
#define TUNSETCARRIER _IOW('T', 226, int)
#endif

struct tap_setting {
	const char *name;
	int value;
};

/*
 * Under /proc/sys/net/ipv{4,6}/neigh/TAP/. A silent neighbour is known as such after at most 1.5
 * times base_reachable_time, the delay and three probes, 2.25 s (doc/decisions).
 */
static const struct tap_setting tap_neighbour_settings[] = {
	{"base_reachable_time_ms", 1000},
	{"delay_first_probe_time", 0},
	{"retrans_time_ms", 250},
};

/*
 * Linux would take the IPv6 addresses of an interface away when it is set down, unlike those of IPv4.
 * Under /proc/sys/net/ipv6/conf/TAP/.
 */
static const struct tap_setting tap_keep_addresses = {"keep_addr_on_down", 1};

/* False when the setting is not there or may not be written. */
static bool tap_sysctl(const char *name, const char *folder, const struct tap_setting *setting)
{
	char path[160];
	FILE *file;
	bool written;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/%s/%s", folder, name, setting->name);
	file = fopen(path, "we");
	if (!file)
		return false;
	written = fprintf(file, "%d\n", setting->value) > 0;
	return fclose(file) == 0 && written;
}

static void tap_tune_neighbours(const char *name)
{
	unsigned int failed = 0;

	for (size_t i = 0; i < RTE_DIM(tap_neighbour_settings); i++) {
		const struct tap_setting *setting = &tap_neighbour_settings[i];

		failed += !tap_sysctl(name, "ipv4/neigh", setting);
		// IPv6 may be off as a whole.
		if (access("/proc/sys/net/ipv6", F_OK) == 0)
			failed += !tap_sysctl(name, "ipv6/neigh", setting);
	}
	if (access("/proc/sys/net/ipv6", F_OK) == 0 &&
	    !tap_sysctl(name, "ipv6/conf", &tap_keep_addresses))
		log_warning("%s: IPv6 addresses will be gone when it is set down", name);
	if (failed > 0)
		log_warning(
			"%s: %u neighbour settings cannot be written under /proc/sys/net: a silent "
			"next hop will be noticed late",
			name, failed);
}

static int tap_request(int fd, unsigned long request, struct ifreq *ifr, const char *name)
{
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
	return ioctl(fd, request, ifr) < 0 ? -errno : 0;
}

static int tap_attach(const char *name, struct error *error)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL};
	int fd, result;

	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return error_set(error, -errno, "tap", "/dev/net/tun cannot be opened: %s",
				 strerror(errno));
	result = tap_request(fd, TUNSETIFF, &ifr, name);
	if (result == 0)
		return fd;
	close(fd);
	if (result == -EBUSY || result == -EEXIST)
		return error_set(error, -EEXIST, "tap",
				 "an interface \"%s\" exists already: delete it, or choose another "
				 "name with \"tap:\"",
				 name);
	return error_set(error, result, "tap", "the TAP \"%s\" cannot be made: %s", name,
			 strerror(-result));
}

/* MAC, MTU, up; in this order, so that nobody sees it up with another MAC. */
static int tap_configure(struct tap *tap, const char *name, const struct rte_ether_addr *mac,
			 uint16_t mtu, struct error *error)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), result;
	struct ifreq ifr = {.ifr_ifindex = 0};

	if (fd < 0)
		return error_set(error, -errno, "tap", "no socket: %s", strerror(errno));
	ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(ifr.ifr_hwaddr.sa_data, mac->addr_bytes, RTE_ETHER_ADDR_LEN);
	result = tap_request(fd, SIOCSIFHWADDR, &ifr, name);
	if (result < 0) {
		error_set(error, result, "tap", "%s: its MAC cannot be set: %s", name,
			  strerror(-result));
		goto close_socket;
	}
	ifr.ifr_mtu = mtu;
	result = tap_request(fd, SIOCSIFMTU, &ifr, name);
	if (result < 0) {
		error_set(error, result, "mtu", "%s: an MTU of %u cannot be set: %s", name, mtu,
			  strerror(-result));
		goto close_socket;
	}
	tap_tune_neighbours(name);
	result = tap_request(fd, SIOCGIFFLAGS, &ifr, name);
	if (result == 0) {
		ifr.ifr_flags |= tap->no_arp ? IFF_UP | IFF_NOARP : IFF_UP;
		result = tap_request(fd, SIOCSIFFLAGS, &ifr, name);
	}
	if (result == 0)
		result = tap_request(fd, SIOCGIFINDEX, &ifr, name);
	if (result < 0)
		error_set(error, result, "tap", "%s cannot be brought up: %s", name,
			  strerror(-result));
	else
		tap->index = ifr.ifr_ifindex;

close_socket:
	close(fd);
	return result;
}

/* Letters, digits and what Linux's own names hold; the sysctl tree splits at '/' and '.'. */
static bool tap_name_valid(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	return strcspn(name, "/: \t\n%") == length;
}

int tap_create(struct tap *tap, const char *name, const struct rte_ether_addr *mac, uint16_t mtu,
	       struct error *error)
{
	int result;

	tap->fd = -1;
	if (!tap_name_valid(name))
		return error_set(error, -EINVAL, "tap",
				 "\"%s\" is no name for an interface: 1 to 15 characters without "
				 "slash, colon, percent sign and space",
				 name);
	result = tap_attach(name, error);
	if (result < 0)
		return result;
	tap->fd = result;
	result = tap_configure(tap, name, mac, mtu, error);
	if (result < 0)
		tap_destroy(tap);
	return result < 0 ? result : 0;
}

void tap_destroy(struct tap *tap)
{
	if (tap->fd >= 0)
		close(tap->fd);
	tap->fd = -1;
}

int tap_set_carrier(const struct tap *tap, bool up)
{
	int value = up;

	return ioctl(tap->fd, TUNSETCARRIER, &value) < 0 ? -errno : 0;
}

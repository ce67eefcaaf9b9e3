/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a `device:` text means, and what Linux says about an interface. Questions are asked by
 * ioctl and not through /sys, which may show another network namespace than the one we are in.
 */
#include "io/device.h"

#include "base/addr.h"
#include "io/device_ioctl.h"

#include <rte_common.h>

#include <ctype.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Drivers whose iface= is an interface that is there before; others make one of that name. */
static const char *const device_vdev_drivers[] = {
	"net_af_xdp", "net_af_packet", "eth_af_packet", "net_pcap", "eth_pcap",
};

int device_ioctl(unsigned long request, const char *name, struct ifreq *ifr)
{
	static int fd = -1;

	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
	return ioctl(fd, request, ifr) < 0 ? -errno : 0;
}

int device_ethtool(const char *name, void *command)
{
	struct ifreq ifr = {.ifr_data = command};

	return device_ioctl(SIOCETHTOOL, name, &ifr);
}

/* Exactly `count` hexadecimal digits at `text`; returns what follows them, or NULL. */
static const char *device_skip_hex(const char *text, unsigned int count)
{
	for (; count > 0; count--, text++)
		if (!isxdigit((unsigned char)*text))
			return NULL;
	return text;
}

static bool device_text_is_pci(const char *text)
{
	const char *at = device_skip_hex(text, 4);

	// A domain in front is optional.
	at = at && *at == ':' ? at + 1 : text;
	at = device_skip_hex(at, 2);
	if (!at || *at != ':')
		return false;
	at = device_skip_hex(at + 1, 2);
	if (!at || *at != '.')
		return false;
	return at[1] >= '0' && at[1] <= '7' && (at[2] == '\0' || at[2] == ',');
}

enum device_kind device_classify(const char *text)
{
	struct ifreq ifr;

	if (strlen(text) < IFNAMSIZ && *text != '\0' && device_ioctl(SIOCGIFINDEX, text, &ifr) == 0)
		return DEVICE_LINUX;
	if (device_text_is_pci(text))
		return DEVICE_PCI;
	// All network drivers of DPDK are called net_..., some by an alias of old, eth_...
	if (strncmp(text, "net_", 4) == 0 || strncmp(text, "eth_", 4) == 0)
		return DEVICE_VDEV;
	return DEVICE_NONE;
}

bool device_vdev_interface(const char *vdev, char name[DEVICE_NAME])
{
	const char *at = strstr(vdev, ",iface=");
	size_t length;
	unsigned int i = 0;

	while (i < RTE_DIM(device_vdev_drivers) &&
	       strncmp(vdev, device_vdev_drivers[i], strlen(device_vdev_drivers[i])) != 0)
		i++;
	if (!at || i == RTE_DIM(device_vdev_drivers))
		return false;
	at += strlen(",iface=");
	length = strcspn(at, ",");
	if (length == 0 || length >= DEVICE_NAME)
		return false;
	memcpy(name, at, length);
	name[length] = '\0';
	return true;
}

bool device_means(const char *text, const char *name)
{
	char interface[DEVICE_NAME];

	if (strcmp(text, name) == 0)
		return true;
	return device_vdev_interface(text, interface) && strcmp(interface, name) == 0;
}

bool device_addresses(const char *name, char *text, size_t size)
{
	struct ifaddrs *all, *one;
	size_t used = 0;

	text[0] = '\0';
	if (getifaddrs(&all) < 0)
		return false;
	for (one = all; one; one = one->ifa_next) {
		char shown[ADDR_TEXT];
		struct addr a;

		if (!one->ifa_addr || strcmp(one->ifa_name, name) != 0)
			continue;
		if (one->ifa_addr->sa_family == AF_INET) {
			a = addr_v4(((struct sockaddr_in *)one->ifa_addr)->sin_addr.s_addr);
		} else if (one->ifa_addr->sa_family == AF_INET6) {
			struct in6_addr *in6 = &((struct sockaddr_in6 *)one->ifa_addr)->sin6_addr;

			// Every interface has a link-local one, which nobody misses.
			if (IN6_IS_ADDR_LINKLOCAL(in6))
				continue;
			a = addr_v6(in6->s6_addr);
		} else {
			continue;
		}
		if (used < size)
			used += snprintf(text + used, size - used, "%s%s", used ? ", " : "",
					 addr_format(&a, shown));
	}
	freeifaddrs(all);
	return text[0] != '\0';
}

bool device_running(const char *name)
{
	const short both = IFF_UP | IFF_RUNNING;
	struct ifreq ifr;

	if (device_ioctl(SIOCGIFFLAGS, name, &ifr) < 0)
		return false;
	return (ifr.ifr_flags & both) == both;
}

uint16_t device_mtu(const char *name)
{
	struct ifreq ifr;

	if (device_ioctl(SIOCGIFMTU, name, &ifr) < 0 || ifr.ifr_mtu < 0)
		return 0;
	return ifr.ifr_mtu > UINT16_MAX ? UINT16_MAX : ifr.ifr_mtu;
}

int device_node(const char *name)
{
	char path[128];
	int node = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/class/net/%s/device/numa_node", name);
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (fscanf(file, "%d", &node) != 1)
		node = -1;
	fclose(file);
	return node;
}

unsigned int device_receive_queues(const char *name)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};

	if (device_ethtool(name, &channels) < 0)
		return 1;
	if (channels.combined_count + channels.rx_count == 0)
		return 1;
	return channels.combined_count + channels.rx_count;
}

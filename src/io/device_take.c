/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Taking an interface away from Linux and giving it back.
 *
 * AF_PACKET hands out copies: Linux gets every frame too, and would answer beside us, since VIPs
 * are its own addresses (on the TAP) and it accepts packets to them from any interface. So on a
 * taken interface IPv6 is disabled, and rp_filter is on: as the interface has no address and no
 * route leads out of it, the reverse path check fails for every IPv4 packet, and with it the
 * answer to every ARP request but probes, which arp_ignore 8 forbids. AF_XDP takes the frames
 * away before; the settings do no harm there and are the same for both.
 *
 * GRO and LRO merge frames before AF_PACKET sees them, beyond any buffer: off.
 *
 * What ends by itself with the process does so: a packet socket's membership makes the interface
 * promiscuous (real server MACs, VRRP, multicast of routing protocols), and a name in the abstract
 * unix socket space, which like interfaces is per network namespace, keeps a second weir off.
 * What does not is written to a file in the state folder before it is changed; if the file is
 * there at the next start, of the same boot and interface, its values are the ones to go back to.
 */
#include "io/device.h"

#include "base/log.h"
#include "io/device_ioctl.h"

#include <dirent.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { DEVICE_TAKEN_MAX = 32, DEVICE_BOOT = 37 };

/* Settings that are changed and given back; the order of struct device_taken's `before`. */
enum device_setting {
	SETTING_XDP,
	SETTING_DISABLE_IPV6,
	SETTING_RP_FILTER,
	SETTING_ARP_IGNORE,
	SETTING_MTU,
	SETTING_UP,
	SETTING_GRO,
	SETTING_FLAGS, // ETHTOOL_GFLAGS: LRO, VLAN stripping
	SETTING_COUNT,
};

static const char *const setting_names[SETTING_COUNT] = {
	"xdp", "disable_ipv6", "rp_filter", "arp_ignore", "mtu", "up", "gro", "flags",
};

static const char *const setting_sysctls[] = {
	[SETTING_DISABLE_IPV6] = "/proc/sys/net/ipv6/conf/%s/disable_ipv6",
	[SETTING_RP_FILTER] = "/proc/sys/net/ipv4/conf/%s/rp_filter",
	[SETTING_ARP_IGNORE] = "/proc/sys/net/ipv4/conf/%s/arp_ignore",
};

enum { SETTING_UNKNOWN = -1 };

struct device_taken {
	char name[DEVICE_NAME]; // empty: place is free
	int index;
	int lock_fd;
	int listen_fd; // holds the promiscuous membership
	int before[SETTING_COUNT];
};

static struct device_taken device_taken[DEVICE_TAKEN_MAX];
static const char *device_directory;

void device_state_directory(const char *path)
{
	device_directory = path;
}

static int sysctl_read(const char *path)
{
	FILE *file = fopen(path, "re");
	int value;

	if (!file)
		return SETTING_UNKNOWN;
	if (fscanf(file, "%d", &value) != 1)
		value = SETTING_UNKNOWN;
	fclose(file);
	return value;
}

static int sysctl_write(const char *path, int value)
{
	FILE *file = fopen(path, "we");
	int result = 0;

	if (!file)
		return -errno;
	if (fprintf(file, "%d\n", value) < 0)
		result = -EIO;
	// The kernel's answer comes with the write, which is here.
	if (fclose(file) != 0)
		result = -errno;
	return result;
}

/* A setting's value now, or SETTING_UNKNOWN where the system does not have it. */
static int setting_read(const char *name, enum device_setting setting)
{
	struct ethtool_value command = {.cmd = ETHTOOL_GGRO};
	struct ifreq ifr;
	char path[128];
	int result;

	switch (setting) {
	case SETTING_XDP:
		result = device_xdp_attached(name);
		return result < 0 ? SETTING_UNKNOWN : result;
	case SETTING_MTU:
		return device_ioctl(SIOCGIFMTU, name, &ifr) < 0 ? SETTING_UNKNOWN : ifr.ifr_mtu;
	case SETTING_UP:
		if (device_ioctl(SIOCGIFFLAGS, name, &ifr) < 0)
			return SETTING_UNKNOWN;
		return (ifr.ifr_flags & IFF_UP) != 0;
	case SETTING_FLAGS:
		command.cmd = ETHTOOL_GFLAGS;
		// fall through
	case SETTING_GRO:
		return device_ethtool(name, &command) < 0 ? SETTING_UNKNOWN : (int)command.data;
	default:
		snprintf(path, sizeof(path), setting_sysctls[setting], name);
		return sysctl_read(path);
	}
}

static int setting_write(const char *name, enum device_setting setting, int value)
{
	struct ethtool_value command = {.cmd = ETHTOOL_SGRO, .data = value};
	struct ifreq ifr;
	char path[128];
	int result;

	switch (setting) {
	case SETTING_XDP:
		return value ? 0 : device_xdp_detach(name);
	case SETTING_MTU:
		ifr.ifr_mtu = value;
		return device_ioctl(SIOCSIFMTU, name, &ifr);
	case SETTING_UP:
		result = device_ioctl(SIOCGIFFLAGS, name, &ifr);
		if (result < 0)
			return result;
		ifr.ifr_flags = value ? ifr.ifr_flags | IFF_UP : ifr.ifr_flags & ~IFF_UP;
		return device_ioctl(SIOCSIFFLAGS, name, &ifr);
	case SETTING_FLAGS:
		command.cmd = ETHTOOL_SFLAGS;
		// fall through
	case SETTING_GRO:
		return device_ethtool(name, &command);
	default:
		snprintf(path, sizeof(path), setting_sysctls[setting], name);
		return sysctl_write(path, value);
	}
}

static bool device_boot_id(char id[DEVICE_BOOT])
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	bool read = file && fgets(id, DEVICE_BOOT, file);

	if (file)
		fclose(file);
	return read;
}

static void device_state_path(const struct device_taken *d, char *path, size_t size)
{
	snprintf(path, size, "%s/device-%s", device_directory, d->name);
}

/*
 * Values that an earlier process found and did not live to give back take the place of today's.
 * False when there are none.
 */
static bool device_state_load(struct device_taken *d)
{
	char path[4096], boot[DEVICE_BOOT] = "", of[DEVICE_BOOT] = "", word[32];
	int index = 0, value;
	bool known = false;
	FILE *file;

	if (!device_directory)
		return false;
	device_state_path(d, path, sizeof(path));
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fscanf(file, "boot %36s\nifindex %d\n", of, &index) == 2 && index == d->index &&
	    device_boot_id(boot) && strcmp(boot, of) == 0) {
		known = true;
		while (fscanf(file, "%31s %d\n", word, &value) == 2)
			for (unsigned int i = 0; i < SETTING_COUNT; i++)
				if (strcmp(word, setting_names[i]) == 0)
					d->before[i] = value;
	}
	fclose(file);
	return known;
}

static void device_state_save(const struct device_taken *d)
{
	char path[4096], boot[DEVICE_BOOT];
	bool whole = true;
	FILE *file;

	if (!device_directory || !device_boot_id(boot))
		return;
	device_state_path(d, path, sizeof(path));
	file = fopen(path, "we");
	if (!file) {
		log_warning("cannot write %s (%s): after a kill -9 the settings of %s would stay "
			    "changed",
			    path, strerror(errno), d->name);
		return;
	}
	whole = fprintf(file, "boot %s\nifindex %d\n", boot, d->index) > 0;
	for (unsigned int i = 0; i < SETTING_COUNT; i++)
		if (d->before[i] != SETTING_UNKNOWN)
			whole &= fprintf(file, "%s %d\n", setting_names[i], d->before[i]) > 0;
	if (fclose(file) != 0 || !whole)
		log_warning("cannot write %s", path);
}

static void device_state_remove(const struct device_taken *d)
{
	char path[4096];

	if (!device_directory)
		return;
	device_state_path(d, path, sizeof(path));
	if (unlink(path) < 0 && errno != ENOENT)
		log_warning("cannot remove %s: %s", path, strerror(errno));
}

static int device_lock(int index)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int length, result;

	if (fd < 0)
		return -errno;
	length = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "weir-device-%d",
			  index);
	length += offsetof(struct sockaddr_un, sun_path) + 1;
	if (bind(fd, (struct sockaddr *)&address, length) == 0)
		return fd;
	result = errno == EADDRINUSE ? -EBUSY : -errno;
	close(fd);
	return result;
}

/* A socket that receives nothing and makes the interface hear everything while it is open. */
static int device_listen(int index)
{
	struct packet_mreq all = {.mr_ifindex = index, .mr_type = PACKET_MR_PROMISC};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	int result;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) == 0)
		return fd;
	result = -errno;
	close(fd);
	return result;
}

/* Change one setting if it is known and differs; a warning when that fails and matters. */
static int device_set(const struct device_taken *d, enum device_setting setting, int value)
{
	int now = setting_read(d->name, setting), result;

	if (now == SETTING_UNKNOWN || now == value)
		return 0;
	result = setting_write(d->name, setting, value);
	if (result < 0)
		log_warning("%s: cannot set %s to %d: %s", d->name, setting_names[setting], value,
			    strerror(-result));
	return result;
}

static struct device_taken *device_find(const char *name)
{
	for (unsigned int i = 0; i < DEVICE_TAKEN_MAX; i++)
		if (strcmp(device_taken[i].name, name) == 0)
			return &device_taken[i];
	return NULL;
}

static int device_prepare(struct device_taken *d, uint16_t mtu, struct error *error)
{
	int result;

	// A program that an earlier weir left; not one that somebody else has put there.
	if (d->before[SETTING_XDP] == 0)
		device_set(d, SETTING_XDP, 0);
	device_set(d, SETTING_DISABLE_IPV6, 1);
	device_set(d, SETTING_RP_FILTER, 1);
	device_set(d, SETTING_ARP_IGNORE, 8);
	device_set(d, SETTING_GRO, 0);
	if (d->before[SETTING_FLAGS] != SETTING_UNKNOWN)
		device_set(d, SETTING_FLAGS, d->before[SETTING_FLAGS] & ~ETH_FLAG_LRO);
	result = mtu ? device_set(d, SETTING_MTU, mtu) : 0;
	if (result < 0)
		return error_set(error, result, "mtu", "%s does not take an MTU of %u: %s", d->name,
				 mtu, strerror(-result));
	result = device_set(d, SETTING_UP, 1);
	if (result < 0)
		return error_set(error, result, "device", "%s cannot be brought up: %s", d->name,
				 strerror(-result));
	d->listen_fd = device_listen(d->index);
	if (d->listen_fd < 0)
		return error_set(error, d->listen_fd, "device",
				 "no packet socket on %s (%s): weir needs CAP_NET_RAW and "
				 "CAP_NET_ADMIN",
				 d->name, strerror(-d->listen_fd));
	return 0;
}

int device_take(const char *name, uint16_t mtu, struct error *error)
{
	struct device_taken *d = device_find("");
	struct ifreq ifr;
	int result;

	if (!d)
		return error_set(error, -ENOSPC, "device", "too many interfaces");
	result = device_ioctl(SIOCGIFINDEX, name, &ifr);
	if (result < 0)
		return error_set(error, result, "device", "%s: %s", name, strerror(-result));
	memset(d, 0, sizeof(*d));
	d->index = ifr.ifr_ifindex;
	d->listen_fd = -1;
	d->lock_fd = device_lock(d->index);
	if (d->lock_fd < 0)
		return error_set(error, d->lock_fd, "device", "%s %s", name,
				 d->lock_fd == -EBUSY ? "is in use by another port or another weir"
						      : strerror(-d->lock_fd));
	snprintf(d->name, sizeof(d->name), "%s", name);
	for (unsigned int i = 0; i < SETTING_COUNT; i++)
		d->before[i] = setting_read(name, i);
	if (device_state_load(d))
		log_notice("%s: an earlier weir ended without giving it back; its settings from "
			   "before are known",
			   name);
	device_state_save(d);
	result = device_prepare(d, mtu, error);
	if (result < 0)
		device_release(name);
	return result;
}

void device_keep_vlan_tags(const char *name)
{
	struct device_taken *d = device_find(name);

	if (d && d->before[SETTING_FLAGS] != SETTING_UNKNOWN)
		device_set(d, SETTING_FLAGS,
			   d->before[SETTING_FLAGS] & ~(ETH_FLAG_LRO | ETH_FLAG_RXVLAN));
}

/* Put all known settings back. */
static void device_settings_restore(const struct device_taken *d)
{
	// The interface may be gone, with a namespace or by `ip link del`.
	if (setting_read(d->name, SETTING_UP) == SETTING_UNKNOWN)
		return;
	for (unsigned int i = 0; i < SETTING_COUNT; i++)
		if (d->before[i] != SETTING_UNKNOWN)
			device_set(d, i, d->before[i]);
}

void device_release(const char *name)
{
	struct device_taken *d = device_find(name);

	if (!d || *name == '\0')
		return;
	if (d->listen_fd >= 0)
		close(d->listen_fd);
	device_settings_restore(d);
	device_state_remove(d);
	close(d->lock_fd);
	memset(d, 0, sizeof(*d));
}

static void device_recover_one(const char *name)
{
	struct device_taken d = {.lock_fd = -1};
	struct ifreq ifr;

	snprintf(d.name, sizeof(d.name), "%s", name);
	for (unsigned int i = 0; i < SETTING_COUNT; i++)
		d.before[i] = SETTING_UNKNOWN;
	if (device_ioctl(SIOCGIFINDEX, name, &ifr) == 0) {
		d.index = ifr.ifr_ifindex;
		d.lock_fd = device_lock(d.index);
		// Another weir has it now, perhaps with another state folder.
		if (d.lock_fd < 0)
			return;
	}
	if (device_state_load(&d)) {
		device_settings_restore(&d);
		log_notice("%s: has its settings back that an earlier weir changed", name);
	}
	device_state_remove(&d);
	if (d.lock_fd >= 0)
		close(d.lock_fd);
}

void device_recover(const char *const *devices, unsigned int count)
{
	DIR *folder = device_directory ? opendir(device_directory) : NULL;
	const size_t prefix = strlen("device-");
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		const char *name = entry->d_name + prefix;
		unsigned int i = 0;

		if (strncmp(entry->d_name, "device-", prefix) != 0 || strlen(name) >= DEVICE_NAME)
			continue;
		while (i < count && !device_means(devices[i], name))
			i++;
		if (i == count)
			device_recover_one(name);
	}
	if (folder)
		closedir(folder);
}

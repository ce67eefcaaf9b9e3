/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Loading and finding. A program that is attached to a cgroup keeps itself and its maps in the
 * kernel until it is taken off or the cgroup goes. So nothing is pinned in a file system: the
 * cgroup is asked for its programs, those with our names are ours, and their maps are found through
 * them.
 */
#include "realserver/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "realserver/object.h"

enum { PROGRAMS_MOST = 64, MAPS_MOST = 8 };

static const struct program {
	const char *name;
	enum bpf_attach_type type;
	bool optional;
} programs[] = {
	{"weir_toa", BPF_CGROUP_SOCK_OPS},
	{"weir_peer4", BPF_CGROUP_INET4_GETPEERNAME},
	{"weir_peer6", BPF_CGROUP_INET6_GETPEERNAME},
	{"weir_option", BPF_CGROUP_GETSOCKOPT},
	{"weir_receive4", BPF_CGROUP_UDP4_RECVMSG},
	{"weir_receive6", BPF_CGROUP_UDP6_RECVMSG},
	{"weir_send4", BPF_CGROUP_UDP4_SENDMSG},
	{"weir_send6", BPF_CGROUP_UDP6_SENDMSG},
	{"weir_datagram", BPF_CGROUP_INET_INGRESS, .optional = true},
};
enum { PROGRAM_COUNT = sizeof(programs) / sizeof(programs[0]) };

/* Of the filter at an interface; by these it is found again. */
enum { FILTER_HANDLE = 1, FILTER_PRIORITY = 32021 };
static const char filter_name[] = "weir_header";
static const char *const shared_maps[] = {"weir_trusted", "weir_counters", "weir_udp_client",
					  "weir_udp_back"};

/* A descriptor of the map of this name that a program uses; -1: it uses none. */
static int program_map(int program, const char *name)
{
	__u32 numbers[MAPS_MOST], size = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = {
		.nr_map_ids = MAPS_MOST,
		.map_ids = (uintptr_t)numbers,
	};

	if (bpf_obj_get_info_by_fd(program, &info, &size) < 0)
		return -1;
	for (unsigned int i = 0; i < info.nr_map_ids && i < MAPS_MOST; i++) {
		struct bpf_map_info map = {0};
		int fd = bpf_map_get_fd_by_id(numbers[i]);

		size = sizeof(map);
		if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &map, &size) == 0 &&
		    strcmp(map.name, name) == 0)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

/* A descriptor of the program that is attached to the cgroup; -1: it is not. */
static int program_find(int cgroup, const struct program *wanted)
{
	__u32 numbers[PROGRAMS_MOST], count = PROGRAMS_MOST;

	if (bpf_prog_query(cgroup, wanted->type, 0, NULL, numbers, &count) < 0)
		return -1;
	for (unsigned int i = 0; i < count; i++) {
		struct bpf_prog_info info = {0};
		__u32 size = sizeof(info);
		int fd = bpf_prog_get_fd_by_id(numbers[i]);

		if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 &&
		    strcmp(info.name, wanted->name) == 0)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

static void maps_find(struct programs *p)
{
	p->trusted = p->counters = -1;
	p->whole = true;
	for (unsigned int i = 0; i < PROGRAM_COUNT; i++) {
		int fd = program_find(p->cgroup, &programs[i]);

		if (fd < 0) {
			p->whole = p->whole && programs[i].optional;
			continue;
		}
		if (p->trusted < 0)
			p->trusted = program_map(fd, "weir_trusted");
		if (p->counters < 0)
			p->counters = program_map(fd, "weir_counters");
		close(fd);
	}
	p->whole = p->whole && p->trusted >= 0 && p->counters >= 0;
}

static void maps_close(struct programs *p)
{
	if (p->trusted >= 0)
		close(p->trusted);
	if (p->counters >= 0)
		close(p->counters);
	p->trusted = p->counters = -1;
}

int programs_open(struct programs *p, const char *cgroup, struct error *error)
{
	p->trusted = p->counters = -1;
	p->cgroup = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->cgroup < 0)
		return error_set(error, -errno, "cgroup", "can not open %s: %s", cgroup,
				 strerror(errno));
	maps_find(p);
	return 0;
}

void programs_close(struct programs *p)
{
	maps_close(p);
	close(p->cgroup);
}

static struct trusted_key key_of(const struct prefix *prefix)
{
	struct trusted_key key = {.bits = prefix->len};

	if (prefix->addr.family == AF_INET6) {
		memcpy(key.addr, prefix->addr.bytes, 16);
		return key;
	}
	key.bits += 96;
	key.addr[10] = key.addr[11] = 0xff;
	memcpy(key.addr + 12, &prefix->addr.v4, 4);
	return key;
}

static struct prefix prefix_of(const struct trusted_key *key)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct prefix prefix = {.len = key->bits};
	uint32_t v4;

	if (key->bits < 96 || memcmp(key->addr, mapped, 12) != 0) {
		prefix.addr = addr_v6(key->addr);
		return prefix;
	}
	memcpy(&v4, key->addr + 12, 4);
	prefix.addr = addr_v4(v4);
	prefix.len = key->bits - 96;
	return prefix;
}

/* First what is new, then out with what is not wanted: who stays is trusted all the time. */
static int trust(int map, const struct prefix *trusted, unsigned int count, struct error *error)
{
	static struct trusted_key old[TRUSTED_MAX];
	unsigned int olds = 0;
	const __u32 one = 1;

	for (struct trusted_key *before = NULL;
	     olds < TRUSTED_MAX && bpf_map_get_next_key(map, before, &old[olds]) == 0; olds++)
		before = &old[olds];
	for (unsigned int i = 0; i < count; i++) {
		struct trusted_key key = key_of(&trusted[i]);

		if (bpf_map_update_elem(map, &key, &one, BPF_ANY) < 0)
			return error_set(error, -errno, "trusted",
					 "the kernel does not take it: %s", strerror(errno));
	}
	for (unsigned int i = 0; i < olds; i++) {
		bool wanted = false;

		for (unsigned int j = 0; j < count && !wanted; j++) {
			struct trusted_key key = key_of(&trusted[j]);

			wanted = memcmp(&key, &old[i], sizeof(key)) == 0;
		}
		if (!wanted)
			bpf_map_delete_elem(map, &old[i]);
	}
	return 0;
}

/* A map that programs on the cgroup have already, for one that is still to be loaded. */
static void maps_reuse(const struct programs *p, struct bpf_object *object)
{
	for (unsigned int i = 0; i < sizeof(shared_maps) / sizeof(shared_maps[0]); i++) {
		for (unsigned int k = 0; k < PROGRAM_COUNT; k++) {
			int program = program_find(p->cgroup, &programs[k]);
			int map = program < 0 ? -1 : program_map(program, shared_maps[i]);

			if (program >= 0)
				close(program);
			if (map < 0)
				continue;
			bpf_map__reuse_fd(bpf_object__find_map_by_name(object, shared_maps[i]),
					  map);
			close(map);
			break;
		}
	}
}

static int load(const struct programs *p, struct bpf_object **object, struct error *error)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "weir_realserver");
	int status;

	*object = bpf_object__open_mem(object_begin, object_size, &options);
	if (*object == NULL)
		return error_set(error, -errno, "", "the programs can not be read: %s",
				 strerror(errno));
	if (p->whole)
		maps_reuse(p, *object);
	status = bpf_object__load(*object);
	if (status == 0)
		return 0;
	bpf_object__close(*object);
	if (status == -EPERM)
		return error_set(error, status, "",
				 "needs root, or the capabilities BPF and NET_ADMIN");
	return error_set(error, status, "",
			 "the kernel does not take the programs (it has to be 5.10 or newer): %s",
			 strerror(-status));
}

/* Is our filter on this interface? Without "clsact" there is none. */
static bool filter_is_there(int iface)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = iface, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, found, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
	struct bpf_prog_info info = {0};
	__u32 size = sizeof(info);
	bool ours;
	int fd;

	if (bpf_tc_query(&hook, &found) < 0)
		return false;
	fd = bpf_prog_get_fd_by_id(found.prog_id);
	ours = fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 &&
	       strcmp(info.name, filter_name) == 0;
	if (fd >= 0)
		close(fd);
	return ours;
}

static int filter_attach(struct bpf_object *object, const char *name, struct error *error)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(name),
		    .attach_point = BPF_TC_INGRESS);
	struct bpf_program *program = bpf_object__find_program_by_name(object, filter_name);
	LIBBPF_OPTS(bpf_tc_opts, filter, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY,
		    .flags = BPF_TC_F_REPLACE, .prog_fd = bpf_program__fd(program));
	int status;

	if (hook.ifindex == 0)
		return error_set(error, -ENODEV, "interface", "there is no interface \"%s\"", name);
	status = bpf_tc_hook_create(&hook);
	if (status == 0 || status == -EEXIST)
		status = bpf_tc_attach(&hook, &filter);
	return status == 0 ? 0
			   : error_set(error, status, "interface", "%s does not take %s: %s", name,
				       filter_name, strerror(-status));
}

unsigned int programs_interfaces(char names[][IF_NAMESIZE], unsigned int most)
{
	struct if_nameindex *all = if_nameindex();
	unsigned int count = 0;

	for (struct if_nameindex *i = all; i && i->if_index != 0 && count < most; i++)
		if (filter_is_there((int)i->if_index))
			snprintf(names[count++], IF_NAMESIZE, "%s", i->if_name);
	if (all)
		if_freenameindex(all);
	return count;
}

static void filters_detach(void)
{
	char names[INTERFACES_MAX][IF_NAMESIZE];
	unsigned int count = programs_interfaces(names, INTERFACES_MAX);

	for (unsigned int i = 0; i < count; i++) {
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(names[i]),
			    .attach_point = BPF_TC_INGRESS);
		LIBBPF_OPTS(bpf_tc_opts, filter, .handle = FILTER_HANDLE,
			    .priority = FILTER_PRIORITY);

		bpf_tc_detach(&hook, &filter);
	}
}

static int attach_one(struct programs *p, struct bpf_object *object, const struct program *program,
		      struct error *error)
{
	struct bpf_program *code = bpf_object__find_program_by_name(object, program->name);

	if (bpf_prog_attach(bpf_program__fd(code), p->cgroup, program->type, BPF_F_ALLOW_MULTI) ==
	    0)
		return 0;
	return error_set(error, -errno, "cgroup", "can not attach %s: %s", program->name,
			 strerror(errno));
}

int programs_attach(struct programs *p, const struct programs_wanted *wanted, struct error *error)
{
	bool was_whole = p->whole;
	struct bpf_object *object;
	int status;

	if (was_whole) {
		status = trust(p->trusted, wanted->trusted, wanted->trusted_count, error);
		if (status < 0 || (!wanted->options && wanted->interface_count == 0))
			return status;
	} else {
		programs_detach(p, error); // half of them is an attempt that was cut short
	}
	status = load(p, &object, error);
	if (status < 0)
		return status;
	if (!was_whole)
		status = trust(bpf_object__find_map_fd_by_name(object, "weir_trusted"),
			       wanted->trusted, wanted->trusted_count, error);
	for (unsigned int i = 0; i < PROGRAM_COUNT && status == 0; i++) {
		int there = programs[i].optional ? program_find(p->cgroup, &programs[i]) : -1;

		if (there >= 0)
			close(there);
		else if (programs[i].optional ? wanted->options : !was_whole)
			status = attach_one(p, object, &programs[i], error);
	}
	for (unsigned int i = 0; i < wanted->interface_count && status == 0; i++)
		status = filter_attach(object, wanted->interfaces[i], error);
	if (status < 0 && !was_whole)
		programs_detach(p, &(struct error){0});
	else
		maps_find(p);
	bpf_object__close(object);
	return status;
}

int programs_detach(struct programs *p, struct error *error)
{
	int status = 0;

	filters_detach();
	for (unsigned int i = 0; i < PROGRAM_COUNT; i++) {
		int fd;

		while (status == 0 && (fd = program_find(p->cgroup, &programs[i])) >= 0) {
			if (bpf_prog_detach2(fd, p->cgroup, programs[i].type) < 0)
				status = error_set(error, -errno, "cgroup", "can not detach %s: %s",
						   programs[i].name, strerror(errno));
			close(fd);
		}
	}
	maps_close(p);
	p->whole = false;
	return status;
}

unsigned int programs_trusted(const struct programs *p, struct prefix *trusted, unsigned int most)
{
	struct trusted_key key, *before = NULL;
	unsigned int count = 0;

	while (count < most && bpf_map_get_next_key(p->trusted, before, &key) == 0) {
		trusted[count++] = prefix_of(&key);
		before = &key;
	}
	return count;
}

void programs_count(const struct programs *p, uint64_t counters[COUNTER_COUNT])
{
	int cpus = libbpf_num_possible_cpus();

	for (__u32 i = 0; i < COUNTER_COUNT; i++) {
		uint64_t values[cpus > 0 ? cpus : 1];

		counters[i] = 0;
		if (cpus <= 0 || bpf_map_lookup_elem(p->counters, &i, values) < 0)
			continue;
		for (int cpu = 0; cpu < cpus; cpu++)
			counters[i] += values[cpu];
	}
}

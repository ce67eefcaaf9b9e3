/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Loading and finding. A program that is attached to a cgroup keeps itself and its maps in the kernel
 * until it is taken off or the cgroup goes. So nothing is pinned in a file system: the cgroup is asked
 * for its programs, those with our names are ours, and their maps are found through them.
 */
#include "realserver/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "realserver/object.h"

enum { PROGRAMS_MOST = 64, MAPS_MOST = 8 };

static const struct program {
	const char *name;
	enum bpf_attach_type type;
} programs[] = {
	{"weir_toa", BPF_CGROUP_SOCK_OPS},
	{"weir_peer4", BPF_CGROUP_INET4_GETPEERNAME},
	{"weir_peer6", BPF_CGROUP_INET6_GETPEERNAME},
	{"weir_option", BPF_CGROUP_GETSOCKOPT},
};
enum { PROGRAM_COUNT = sizeof(programs) / sizeof(programs[0]) };

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
			p->whole = false;
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

static int load(struct bpf_object **object, struct error *error)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "weir_realserver");
	int status;

	*object = bpf_object__open_mem(object_begin, object_size, &options);
	if (*object == NULL)
		return error_set(error, -errno, "", "the programs can not be read: %s",
				 strerror(errno));
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

int programs_attach(struct programs *p, const struct prefix *trusted, unsigned int count,
		    struct error *error)
{
	struct bpf_object *object;
	int status, map;

	if (p->whole)
		return trust(p->trusted, trusted, count, error);
	// Half of them is an attempt that was cut short.
	programs_detach(p, error);
	status = load(&object, error);
	if (status < 0)
		return status;
	map = bpf_object__find_map_fd_by_name(object, "weir_trusted");
	status = trust(map, trusted, count, error);
	if (status < 0)
		goto close_object;
	for (unsigned int i = 0; i < PROGRAM_COUNT; i++) {
		struct bpf_program *program = bpf_object__find_program_by_name(object,
									       programs[i].name);

		status = bpf_prog_attach(bpf_program__fd(program), p->cgroup, programs[i].type,
					 BPF_F_ALLOW_MULTI);
		if (status < 0) {
			status = error_set(error, -errno, "cgroup", "can not attach %s: %s",
					   programs[i].name, strerror(errno));
			programs_detach(p, &(struct error){0});
			goto close_object;
		}
	}
	maps_find(p);
close_object:
	bpf_object__close(object);
	return status;
}

int programs_detach(struct programs *p, struct error *error)
{
	int status = 0;

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

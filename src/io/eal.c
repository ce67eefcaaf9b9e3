/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DPDK's environment, started once, on the control thread.
 *
 * DPDK knows one core only, the control thread's; every other thread is ours and registers itself
 * (io/thread.c), so that CPUs, stacks and signals are ours to decide. The environment lives in
 * memory alone (--in-memory): no files in /run or on a hugetlbfs, no sockets, no secondary
 * processes. So nothing of an earlier run, however it ended, can stand in the way of this one,
 * and weir needs no mounted hugetlbfs. The kernel takes the pages back when the process ends.
 *
 * Whether hugepages are used is decided here, before DPDK is asked, because DPDK can be started
 * only once: the pages are reserved on trial, which also sees limits that the free counts do not
 * show. DPDK's own messages are kept at warning level; while a port is being tried they are
 * collected instead (eal_messages_begin), so that the reason of a refusal can be quoted.
 */
#include "io/eal.h"

#include "base/log.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#endif

enum { EAL_ARGUMENTS_MAX = 96, EAL_ARGUMENT_TEXT = 64, EAL_CPU_LIST = 1024 };

/* The command line that DPDK is given; it keeps pointers into it. */
static struct {
	char *argv[EAL_ARGUMENTS_MAX];
	int argc;
	char file_prefix[EAL_ARGUMENT_TEXT];
	char memory[EAL_ARGUMENT_TEXT];
	char lcores[EAL_CPU_LIST];
} eal_line;

static bool eal_running;
static bool eal_huge;
static size_t eal_bytes;
static cpu_set_t eal_cpus; // of the process, as it was started

/* DPDK's messages while they are collected: the memory stream and what it has gathered. */
static FILE *eal_message_stream;
static char *eal_message_text;
static size_t eal_message_size;

/* Can `bytes` be had in pages of `page` bytes? Reserves them on trial and gives them back. */
static bool eal_hugepages_reserve(size_t bytes, size_t page)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;
	size_t length = (bytes + page - 1) / page * page;
	void *area;

	flags |= __builtin_ctzll(page) << MAP_HUGE_SHIFT;
	area = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (area == MAP_FAILED)
		return false;
	munmap(area, length);
	return true;
}

/* Bytes that the free hugepages of all sizes hold, and the same that can really be reserved. */
static void eal_hugepages_survey(size_t wanted, size_t *free_bytes, size_t *usable_bytes)
{
	DIR *sizes = opendir("/sys/kernel/mm/hugepages");
	struct dirent *entry;

	*free_bytes = 0;
	*usable_bytes = 0;
	if (!sizes)
		return;
	while ((entry = readdir(sizes))) {
		unsigned long kilobytes, count = 0;
		char path[320];
		size_t bytes;
		FILE *file;

		if (sscanf(entry->d_name, "hugepages-%lukB", &kilobytes) != 1)
			continue;
		snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/%s/free_hugepages",
			 entry->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fscanf(file, "%lu", &count) != 1)
			count = 0;
		fclose(file);
		bytes = count * kilobytes * 1024;
		*free_bytes += bytes;
		if (bytes > wanted)
			bytes = wanted;
		if (bytes > 0 && eal_hugepages_reserve(bytes, kilobytes * 1024))
			*usable_bytes += bytes;
	}
	closedir(sizes);
}

/* Decide, say so in one line, and return 0; or an error when they are insisted on. */
static int eal_choose_memory(const struct eal_config *config, struct error *error)
{
	size_t wanted = config->memory_mb << 20, free_bytes, usable_bytes;

	if (config->hugepages == 0) {
		eal_huge = false;
		log_notice("memory: %zu MB in ordinary pages, as the file asks", config->memory_mb);
		return 0;
	}
	eal_hugepages_survey(wanted, &free_bytes, &usable_bytes);
	eal_huge = usable_bytes >= wanted;
	if (eal_huge) {
		log_notice("memory: %zu MB in hugepages (%zu MB were free)", config->memory_mb,
			   free_bytes >> 20);
		return 0;
	}
	if (config->hugepages > 0)
		return error_set(error, -ENOMEM, "memory.hugepages",
				 "%zu MB of hugepages are free and %zu MB are needed: raise "
				 "vm.nr_hugepages, or say \"auto\" to do without",
				 free_bytes >> 20, config->memory_mb);
	log_notice("memory: %zu MB in ordinary pages, slower: only %zu MB of hugepages are %s",
		   config->memory_mb, (free_bytes < wanted ? free_bytes : usable_bytes) >> 20,
		   free_bytes < wanted ? "free" : "allowed to this process");
	return 0;
}

static int eal_argument(const char *text)
{
	if (eal_line.argc >= EAL_ARGUMENTS_MAX - 1)
		return -E2BIG;
	eal_line.argv[eal_line.argc] = strdup(text);
	if (!eal_line.argv[eal_line.argc])
		return -ENOMEM;
	eal_line.argc++;
	return 0;
}

static void eal_arguments_free(void)
{
	while (eal_line.argc > 0)
		free(eal_line.argv[--eal_line.argc]);
	memset(&eal_line, 0, sizeof(eal_line));
}

/* May this thread run on the CPU? Tried and undone: a CPU set apart from the scheduler may be. */
static bool eal_cpu_usable(int cpu)
{
	cpu_set_t one;
	bool usable;

	if (cpu >= CPU_SETSIZE)
		return false;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	usable = sched_setaffinity(0, sizeof(one), &one) == 0;
	sched_setaffinity(0, sizeof(eal_cpus), &eal_cpus);
	return usable;
}

/* "0@(1,2,5)": core 0 may run where the process may, or only on main_cpu. */
static int eal_format_lcores(int main_cpu, struct error *error)
{
	char *text = eal_line.lcores;
	size_t used, size = sizeof(eal_line.lcores);
	const char *comma = "";

	if (sched_getaffinity(0, sizeof(eal_cpus), &eal_cpus) < 0)
		return error_set(error, -errno, "", "cannot read the CPUs of the process: %s",
				 strerror(errno));
	if (main_cpu >= 0 && !eal_cpu_usable(main_cpu))
		return error_set(error, -EINVAL, "main_cpu", "CPU %d is not there for this process",
				 main_cpu);
	if (main_cpu >= 0) {
		snprintf(text, size, "0@%d", main_cpu);
		return 0;
	}
	used = snprintf(text, size, "0@(");
	for (int cpu = 0; cpu < CPU_SETSIZE && used < size - 8; cpu++) {
		if (!CPU_ISSET(cpu, &eal_cpus))
			continue;
		used += snprintf(text + used, size - used, "%s%d", comma, cpu);
		comma = ",";
	}
	snprintf(text + used, size - used, ")");
	return 0;
}

void eal_process_cpus(cpu_set_t *set)
{
	*set = eal_cpus;
	// DPDK was started by somebody else, in a test.
	if (CPU_COUNT(set) == 0)
		sched_getaffinity(0, sizeof(*set), set);
}

/*
 * Ports attach their PCI devices themselves, by address. So that DPDK does not take all that are
 * bound to vfio at start, which may be another weir's, it is told to allow only one that cannot be;
 * unless the user's own arguments say which.
 */
static int eal_pci_arguments(const struct eal_config *config)
{
	int result;

	if (!config->use_pci)
		return eal_argument("--no-pci");
	for (unsigned int i = 0; i < config->argument_count; i++) {
		const char *own = config->arguments[i];

		if (strncmp(own, "-a", 2) == 0 || strncmp(own, "-b", 2) == 0 ||
		    strncmp(own, "--allow", 7) == 0 || strncmp(own, "--block", 7) == 0)
			return 0;
	}
	result = eal_argument("-a");
	return result < 0 ? result : eal_argument("0000:00:00.0");
}

static int eal_build_line(const struct eal_config *config, struct error *error)
{
	int result;

	result = eal_format_lcores(config->main_cpu, error);
	if (result < 0)
		return result;
	snprintf(eal_line.file_prefix, sizeof(eal_line.file_prefix), "--file-prefix=%s",
		 config->instance);
	snprintf(eal_line.memory, sizeof(eal_line.memory), "%zu", config->memory_mb);

	const char *const fixed[] = {
		"weir",
		"--lcores",
		eal_line.lcores,
		"--no-telemetry",
		"--log-level=warning",
		eal_line.file_prefix,
		"-m",
		eal_line.memory,
	};
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]) && result == 0; i++)
		result = eal_argument(fixed[i]);
	// Ordinary pages are one anonymous mapping, which DPDK does not let "in memory" go with;
	// no shared configuration is what is left of that for it to do.
	if (result == 0)
		result = eal_argument(eal_huge ? "--in-memory" : "--no-huge");
	if (result == 0 && !eal_huge)
		result = eal_argument("--no-shconf");
	if (result == 0)
		result = eal_pci_arguments(config);
	for (unsigned int i = 0; i < config->argument_count && result == 0; i++)
		result = eal_argument(config->arguments[i]);
	if (result < 0)
		return error_set(error, result, "eal", "%s",
				 result == -E2BIG ? "too many EAL arguments" : "out of memory");
	return 0;
}

/* DPDK's own threads inherit the signal mask: none of them may take a signal meant for control. */
static int eal_init_masked(void)
{
	sigset_t all, before;
	char *argv[EAL_ARGUMENTS_MAX];
	int result;

	// DPDK reorders the array that it is given; ours stays as it is, to be freed.
	memcpy(argv, eal_line.argv, sizeof(argv));
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	result = rte_eal_init(eal_line.argc, argv);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return result;
}

int eal_start(const struct eal_config *config, struct error *error)
{
	char reason[160];
	int result;

	if (eal_running)
		return error_set(error, -EALREADY, "", "DPDK is running already");
	eal_bytes = config->memory_mb << 20;
	result = eal_choose_memory(config, error);
	if (result < 0)
		return result;
	result = eal_build_line(config, error);
	if (result < 0)
		goto free_arguments;
	eal_messages_begin();
	if (eal_init_masked() < 0) {
		result = rte_errno > 0 ? -rte_errno : -EINVAL;
		eal_messages_end(reason, sizeof(reason));
		error_set(error, result, config->argument_count ? "eal" : "",
			  "DPDK does not start: %s%s%s", rte_strerror(-result), *reason ? ": " : "",
			  reason);
		goto free_arguments;
	}
	eal_messages_end(NULL, 0);
	// DPDK makes this folder for files that it then does not make.
	rmdir(rte_eal_get_runtime_dir());
	eal_running = true;
	return 0;

free_arguments:
	eal_arguments_free();
	return result;
}

bool eal_uses_hugepages(void)
{
	return eal_huge;
}

size_t eal_memory(void)
{
	return eal_bytes;
}

void eal_stop(void)
{
	if (!eal_running)
		return;
	rte_eal_cleanup();
	eal_running = false;
	eal_arguments_free();
}

void eal_messages_begin(void)
{
	if (eal_message_stream)
		return;
	eal_message_stream = open_memstream(&eal_message_text, &eal_message_size);
	if (eal_message_stream)
		rte_openlog_stream(eal_message_stream);
}

void eal_messages_end(char *first, size_t size)
{
	char *line, *rest;

	if (size > 0)
		first[0] = '\0';
	if (!eal_message_stream)
		return;
	rte_openlog_stream(NULL);
	fclose(eal_message_stream);
	eal_message_stream = NULL;
	rest = eal_message_text;
	while ((line = strsep(&rest, "\n"))) {
		if (*line == '\0')
			continue;
		if (size > 0 && first[0] == '\0')
			snprintf(first, size, "%s", line);
		log_debug("DPDK: %s", line);
	}
	free(eal_message_text);
	eal_message_text = NULL;
}

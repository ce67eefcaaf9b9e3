/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* What the file says about DPDK's environment. */
struct eal_config {
	const char *instance;	// becomes the file prefix, so that several weirs run on one host
	bool use_pci;		// some port is a PCI address
	int hugepages;		// 1 insist, 0 never, -1 use them when there are enough
	size_t memory_mb;	// for packet buffers and DPDK's own needs
	char *const *arguments; // further EAL arguments, may hold "-d LIBRARY"
	unsigned int argument_count;
	int main_cpu; // where the control thread lives, -1: any
};

/*
 * Start DPDK on the calling (control) thread; says in one log line whether hugepages are used and
 * why. Only once in the life of a process, as DPDK has it. Keeps nothing outside the process: what
 * an earlier one held was given back by the kernel when it ended, even by kill -9.
 */
int eal_start(const struct eal_config *config, struct error *error);
bool eal_uses_hugepages(void);
size_t eal_memory(void); // what DPDK was given, in bytes
/* The CPUs that the process might use when it was started, before DPDK pinned this thread. */
void eal_process_cpus(cpu_set_t *set);
/* Release everything. */
void eal_stop(void);

/*
 * Collect DPDK's messages instead of printing them, then give the first of them, which tells most
 * of a failure (empty when there was none; `first` may be NULL with size 0). All go to our log at
 * debug level. Control thread.
 */
void eal_messages_begin(void);
void eal_messages_end(char *first, size_t size);

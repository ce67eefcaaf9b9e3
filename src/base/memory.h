/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Large tables in mappings of their own: named (seen in /proc/PID/maps), zeroed, and resident only
 * as they are touched. On the NUMA node of the CPU that touches them first. Not for the packet
 * path; any thread.
 */
enum memory_pages {
	MEMORY_SMALL, // sparse tables, where a huge page would be mostly waste
	MEMORY_LARGE, // transparent huge pages where the system grants them
	MEMORY_HUGE,  // explicit huge pages when there are enough, else as MEMORY_LARGE
};

struct memory {
	void *base;
	size_t bytes; // as mapped, a multiple of 2 MB
	bool huge;    // explicit huge pages
};

/* 0 or -ENOMEM. */
int memory_map(struct memory *m, const char *name, size_t bytes, enum memory_pages pages);
void memory_unmap(struct memory *m);

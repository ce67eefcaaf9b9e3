/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_prefetch.h>

#include "base/addr.h"

/*
 * The source classifier: which lists is an address on? One lookup answers for all lists of all
 * services at once: it gives the address's class, a number, and a class is the combination of
 * lists that contain the address. Class 0 is on none.
 *
 * A list is a bare number here: the addresses of a named set, or those that one service allows or
 * denies. A longer prefix of a list decides over a shorter one of the same list; with `nomatch` it
 * takes its addresses out again.
 */
enum {
	SOURCE_LISTS = 1 << 16,
	SOURCE_CLASSES = 1 << 20, // combinations that exist at once
};

struct source_class {
	uint64_t mask;	    // bit (list % 64) of each list that is mentioned
	uint32_t *mentions; // list << 1 | nomatch, ascending
	uint32_t count;
	uint32_t references; // control's
};

int source_list_start(void);
void source_list_stop(void);

/* Control thread. A number from 1 on; 0 when there is none left. */
uint32_t source_list_take(void);
/* An empty list that no worker refers to any more. */
void source_list_free(uint32_t list);
/*
 * Put a prefix on a list, or change it; take one off that is there. Workers see it at the next
 * source_commit(). -ENOMEM, -ENOSPC; then nothing has changed.
 */
int source_put(uint32_t list, const struct prefix *prefix, bool nomatch);
void source_remove(uint32_t list, const struct prefix *prefix);
/*
 * Show all changes, prefix by prefix. When memory is short, some stay as they were until a later
 * commit: -ENOMEM.
 */
int source_commit(void);
/* Memory that is in use, in bytes. */
size_t source_bytes(void);

/* Workers: one lookup; the class is good until the worker's next quiescent state. */
uint32_t source_find(const uint8_t *address, bool ipv6);

#define SOURCE_NODE \
	0x80000000u // of what workers read: the rest is a node's line; otherwise a class

static inline bool source_is_unknown(uint32_t value)
{
	return value & SOURCE_NODE;
}

extern struct source_class *source_classes;
extern uint32_t *source_slots[2];	// IPv4, IPv6: by the first 24 bits; atomic
extern uint32_t source_everybody_count; // atomic: lists with any such bit
extern uint8_t *source_everybody; // by list: bit 0: all IPv4 addresses are on it, bit 1: all IPv6

/*
 * Workers: the same in steps that hide the memory's latency, for the packets of a batch: prefetch,
 * then begin, then step while source_is_unknown() says so. Each but the first returns what the next
 * goes on from, in the end the class.
 */
uint32_t source_step(uint32_t value, const uint8_t *address);
void source_prefetch_node(uint32_t value);

static inline uint32_t *source_slot(const uint8_t *address, bool ipv6)
{
	uint32_t first;

	memcpy(&first, address, sizeof(first));
	return &source_slots[ipv6][rte_be_to_cpu_32(first) >> 8];
}

static inline void source_prefetch(const uint8_t *address, bool ipv6)
{
	rte_prefetch0(source_slot(address, ipv6));
}

static inline uint32_t source_begin(const uint8_t *address, bool ipv6)
{
	uint32_t value = __atomic_load_n(source_slot(address, ipv6), __ATOMIC_ACQUIRE);

	if (source_is_unknown(value))
		source_prefetch_node(value);
	else
		rte_prefetch0(&source_classes[value]);
	return value;
}

/* Are there lists that have everybody on them, which no class mentions? */
static inline bool source_everybody_lists(void)
{
	return __atomic_load_n(&source_everybody_count, __ATOMIC_RELAXED) > 0;
}

/* Is an address of this class on the list? */
static inline bool source_has(const struct source_class *class, uint32_t list, bool ipv6)
{
	const uint32_t *mentions = class->mentions;
	uint32_t low = 0, high = class->count;

	if (class->mask >> (list % 64) & 1) {
		while (low < high) {
			uint32_t middle = (low + high) / 2;

			if (mentions[middle] >> 1 < list)
				low = middle + 1;
			else
				high = middle;
		}
		if (low < class->count && mentions[low] >> 1 == list)
			return !(mentions[low] & 1);
	}
	return source_everybody[list] >> ipv6 & 1;
}

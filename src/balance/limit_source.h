/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "balance/limit.h"
#include "base/memory.h"

/*
 * What a worker knows of the sources of services that limit them: connections now, and what each
 * has paid for its rates. A table of fixed size; where a newcomer finds no room, it takes the place of the
 * source that is least worth remembering. Only its worker touches it.
 */
enum { SOURCE_WAYS = 8, SOURCE_SETS = 8192, LIMIT_SOURCES = SOURCE_WAYS * SOURCE_SETS };

struct limit_source_key {
	uint8_t prefix[16];
	uint32_t service; // 0: of all together
	uint32_t family;
};

struct limit_source {
	struct limit_source_key key;
	uint64_t next[LIMIT_KINDS]; // TSC by which what has passed is paid; [0] is not used
	uint32_t connections;
	uint16_t seconds; // when it was last seen
	uint8_t in_use;
} __attribute__((aligned(64)));

struct limit_sources {
	struct limit_source *sources;
	uint64_t used, forgotten; // now; that had connections when they gave way
	struct memory memory;
};

int limit_sources_create(struct limit_sources *t, unsigned int worker);
void limit_sources_destroy(struct limit_sources *t);
/* The source, made if it is not there. */
struct limit_source *limit_source_get(struct limit_sources *t, const struct limit_source_key *key,
				      uint16_t seconds);
/* NULL: it is not remembered. */
struct limit_source *limit_source_find(const struct limit_sources *t,
				       const struct limit_source_key *key);
/* The part of an address that counts, of 4 or 16 bytes. */
void limit_source_key(struct limit_source_key *key, uint32_t service, bool ipv6,
		      const void *address, const struct limit_settings *settings);

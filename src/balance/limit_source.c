/* SPDX-License-Identifier: BSD-3-Clause */
#include "balance/limit_source.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/hash.h"

int limit_sources_create(struct limit_sources *t, unsigned int worker)
{
	char name[32];
	int result;

	memset(t, 0, sizeof(*t));
	snprintf(name, sizeof(name), "sources-%u", worker);
	result = memory_map(&t->memory, name, LIMIT_SOURCES * sizeof(struct limit_source),
			    MEMORY_SMALL);
	if (result == 0)
		t->sources = t->memory.base;
	return result;
}

void limit_sources_destroy(struct limit_sources *t)
{
	memory_unmap(&t->memory);
}

static struct limit_source *set_of(const struct limit_sources *t,
				   const struct limit_source_key *key)
{
	uint64_t words[5] = {0};

	memcpy(words, key, sizeof(*key));
	return &t->sources[(uint64_t)hash_five(words) * SOURCE_SETS >> 32 << 3];
}
_Static_assert(SOURCE_WAYS == 1 << 3, "set_of() shifts by this");

struct limit_source *limit_source_find(const struct limit_sources *t,
				       const struct limit_source_key *key)
{
	struct limit_source *set = set_of(t, key);

	for (unsigned int i = 0; i < SOURCE_WAYS; i++)
		if (set[i].in_use && memcmp(&set[i].key, key, sizeof(*key)) == 0)
			return &set[i];
	return NULL;
}

/* One without connections that owes nothing has nothing to be remembered for. */
static bool is_worth_less(const struct limit_source *a, const struct limit_source *b,
			  uint16_t seconds)
{
	if (a->in_use != b->in_use)
		return !a->in_use;
	if (a->connections != b->connections)
		return a->connections < b->connections;
	return (uint16_t)(seconds - a->seconds) > (uint16_t)(seconds - b->seconds);
}

struct limit_source *limit_source_get(struct limit_sources *t, const struct limit_source_key *key,
				      uint16_t seconds)
{
	struct limit_source *source = limit_source_find(t, key), *set;

	if (!source) {
		source = set = set_of(t, key);
		for (unsigned int i = 1; i < SOURCE_WAYS; i++)
			if (is_worth_less(&set[i], source, seconds))
				source = &set[i];
		t->used += !source->in_use;
		t->forgotten += source->connections > 0;
		memset(source, 0, sizeof(*source));
		source->key = *key;
		source->in_use = 1;
	}
	source->seconds = seconds;
	return source;
}

void limit_source_key(struct limit_source_key *key, uint32_t service, bool ipv6,
		      const void *address, const struct limit_settings *settings)
{
	unsigned int bits = ipv6 ? settings->prefix6 : settings->prefix4;

	memset(key, 0, sizeof(*key));
	key->service = service;
	key->family = ipv6 ? AF_INET6 : AF_INET;
	memcpy(key->prefix, address, ipv6 ? 16 : 4);
	for (unsigned int i = 0; i < (ipv6 ? 16u : 4u); i++) {
		unsigned int kept = bits < 8 ? bits : 8;

		key->prefix[i] &= 0xff << (8 - kept);
		bits -= kept;
	}
}

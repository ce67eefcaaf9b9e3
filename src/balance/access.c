/* SPDX-License-Identifier: BSD-3-Clause */
#include "balance/access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balance/service.h"
#include "balance/source_list.h"
#include "base/memory.h"
#include "io/rcu.h"

uint32_t access_epoch, access_users;
bool access_keep;
const struct access **access_table;

static struct memory table_memory, hits_memory[RCU_WORKERS_MAX];
static unsigned int worker_count;
static uint32_t *hits_unused;
static uint32_t hits_unused_count, hits_unused_room, hits_made;

int access_start(unsigned int workers)
{
	char name[32];

	if (source_list_start() < 0)
		return -ENOMEM;
	if (memory_map(&table_memory, "access-lists", SERVICE_MAX * sizeof(*access_table),
		       MEMORY_SMALL) < 0) {
		source_list_stop();
		return -ENOMEM;
	}
	access_table = table_memory.base;
	for (unsigned int i = 0; i < workers; i++) {
		snprintf(name, sizeof(name), "access-hits-%u", i);
		if (memory_map(&hits_memory[i], name, ACCESS_HITS * sizeof(uint64_t),
			       MEMORY_SMALL) < 0) {
			access_stop();
			return -ENOMEM;
		}
		worker_count = i + 1;
	}
	hits_made = 1;
	return 0;
}

void access_stop(void)
{
	// What was handed over for a grace period comes back before its tables go.
	rcu_wait(rcu_token());
	rcu_poll();
	for (uint32_t i = 0; access_table && i < SERVICE_MAX && access_users > 0; i++) {
		access_users -= access_table[i] != NULL;
		free((void *)access_table[i]);
	}
	memory_unmap(&table_memory);
	for (unsigned int i = 0; i < worker_count; i++)
		memory_unmap(&hits_memory[i]);
	free(hits_unused);
	source_list_stop();
	hits_unused = NULL;
	access_table = NULL;
	worker_count = hits_unused_count = hits_unused_room = access_users = 0;
}

const struct access *access_current(uint32_t number)
{
	return access_table[number];
}

void access_publish(uint32_t number, struct access *access)
{
	void *old = (void *)access_table[number];

	if (access && !old)
		__atomic_store_n(&access_users, access_users + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&access_table[number], access, __ATOMIC_RELEASE);
	if (!access && old)
		__atomic_store_n(&access_users, access_users - 1, __ATOMIC_RELAXED);
	if (old)
		rcu_defer(free, old);
}

void access_changed(void)
{
	if (!access_keep)
		__atomic_store_n(&access_epoch, access_epoch + 1, __ATOMIC_RELEASE);
}

void access_set_keep(bool keep)
{
	__atomic_store_n(&access_keep, keep, __ATOMIC_RELEASE);
}

/* Counters */

uint32_t access_hits_take(void)
{
	if (hits_unused_count > 0)
		return hits_unused[--hits_unused_count];
	return hits_made < ACCESS_HITS ? hits_made++ : 0;
}

void access_hits_free(uint32_t hits)
{
	if (hits == 0)
		return;
	if (hits_unused_count == hits_unused_room) {
		uint32_t room = hits_unused_room ? 2 * hits_unused_room : 64;
		uint32_t *larger = realloc(hits_unused, room * sizeof(*larger));

		if (!larger)
			return; // one counter less
		hits_unused = larger;
		hits_unused_room = room;
	}
	hits_unused[hits_unused_count++] = hits;
}

uint64_t access_hits(uint32_t hits)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < worker_count; i++)
		sum += __atomic_load_n(&access_worker_hits(i)[hits], __ATOMIC_RELAXED);
	return sum;
}

uint64_t *access_worker_hits(unsigned int worker)
{
	return hits_memory[worker].base;
}

/* Judging */

/* The first of these entries that the packet is on; NULL: none. */
static const struct access_entry *entries_find(const struct access_entry *entries,
					       unsigned int count, const struct source_class *class,
					       const struct pkt *p)
{
	bool ipv6 = p->flags & PKT_IPV6;

	for (unsigned int i = 0; i < count; i++)
		if (entries[i].list ? source_has(class, entries[i].list, ipv6)
				    : set_has_packet(entries[i].set, p, false))
			return &entries[i];
	return NULL;
}

static void hit(uint64_t *counters, uint32_t number)
{
	if (counters)
		counters[number]++;
}

/* Is there nothing in these lists that could have this class on it? */
static bool none_has(const struct access *access, const struct source_class *class)
{
	return !(access->mask & class->mask) && !access->asks && !source_everybody_lists();
}

bool access_denies(const struct access *access, const struct pkt *p, uint32_t class,
		   uint64_t *counters)
{
	const struct source_class *source = &source_classes[class];
	const struct access_entry *found;

	if (none_has(access, source))
		return false;
	found = entries_find(access->entries, access->denied, source, p);
	if (found)
		hit(counters, found->hits);
	return found;
}

enum drop access_judge(uint32_t number, const struct pkt *p, uint32_t class, uint64_t *counters)
{
	const struct access *access = access_of(number);
	const struct source_class *source = &source_classes[class];
	const struct access_entry *found = NULL;

	if (!access)
		return DROP_none;
	if (access_denies(access, p, class, counters))
		return number == ACCESS_NODE ? DROP_acl_node_denied : DROP_acl_denied;
	if (access->allowed == 0)
		return DROP_none;
	if (!none_has(access, source))
		found = entries_find(access->entries + access->denied, access->allowed, source, p);
	hit(counters, found ? found->hits : access->missed);
	if (found)
		return DROP_none;
	return number == ACCESS_NODE ? DROP_acl_node_not_allowed : DROP_acl_not_allowed;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "balance/ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_hash.h>
#include <rte_hash_crc.h>

#include "io/rcu.h"

/*
 * For each address and protocol that has any range, a sorted list of ranges that do not overlap:
 * one lookup and a search by halves. A list is replaced as a whole.
 */
enum { RANGES_ADDRESSES_MAX = 1 << 14 };

struct range_list {
	unsigned int count;
	const struct service *services[]; // in the order of their ports
};

static struct rte_hash *lists;

int ranges_start(void)
{
	struct rte_hash_parameters parameters = {
		.name = "weir_ranges",
		.entries = RANGES_ADDRESSES_MAX,
		.key_len = sizeof(struct service_key),
		.hash_func = rte_hash_crc,
		.socket_id = SOCKET_ID_ANY,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF |
			      RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};

	lists = rte_hash_create(&parameters);
	return lists ? 0 : -ENOMEM;
}

void ranges_stop(void)
{
	const void *key;
	void *list;
	uint32_t at = 0;

	while (lists && rte_hash_iterate(lists, &key, &list, &at) >= 0)
		free(list);
	rte_hash_free(lists);
	lists = NULL;
}

/* What all ranges of one address and protocol have in common. */
static struct service_key common_key(const struct service_key *key)
{
	struct service_key common = *key;

	common.port = common.port_end = 0;
	return common;
}

static void position_free(void *arg)
{
	rte_hash_free_key_with_position(lists, (intptr_t)arg);
}

static int list_replace(const struct service_key *common, struct range_list *old,
			struct range_list *list)
{
	int32_t position;

	if (list && rte_hash_add_key_data(lists, common, list) < 0) {
		free(list);
		return -ENOSPC;
	}
	if (!list && old) {
		position = rte_hash_del_key(lists, common);
		rcu_defer(position_free, (void *)(intptr_t)position);
	}
	if (old)
		rcu_defer(free, old);
	return 0;
}

int ranges_put(const struct service_key *key, const struct service *s, struct service_key *other)
{
	const struct service_key common = common_key(key);
	struct range_list *list, *old = NULL;
	unsigned int count, kept = 0;
	void *found = NULL;

	if (rte_hash_lookup_data(lists, &common, &found) >= 0)
		old = found;
	count = old ? old->count : 0;
	list = malloc(sizeof(*list) + (count + 1) * sizeof(struct service *));
	if (!list)
		return -ENOMEM;
	for (unsigned int i = 0; i < count; i++) {
		const struct service *service = old->services[i];

		if (memcmp(&service->key, key, sizeof(*key)) == 0)
			continue;
		if (s && service->key.port <= key->port_end && service->key.port_end >= key->port) {
			*other = service->key;
			free(list);
			return -EEXIST;
		}
		list->services[kept++] = service;
	}
	if (s) {
		unsigned int at = kept++;

		for (; at > 0 && list->services[at - 1]->key.port > key->port; at--)
			list->services[at] = list->services[at - 1];
		list->services[at] = s;
	}
	list->count = kept;
	if (kept == 0) {
		free(list);
		list = NULL;
	}
	return list_replace(&common, old, list);
}

const struct service *service_find_range(const struct service_key *key)
{
	const struct service_key common = common_key(key);
	const struct range_list *list;
	unsigned int low = 0, high;
	void *found;

	if (rte_hash_lookup_data(lists, &common, &found) < 0)
		return NULL;
	list = found;
	high = list->count;
	while (low < high) {
		unsigned int middle = (low + high) / 2;
		const struct service *service = list->services[middle];

		if (key->port < service->key.port)
			high = middle;
		else if (key->port > service->key.port_end)
			low = middle + 1;
		else
			return service;
	}
	return NULL;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "balance/address_set.h"

#include <errno.h>
#include <stdint.h>

#include <rte_hash.h>
#include <rte_hash_crc.h>

#include "io/rcu.h"

/*
 * One lock-free hash for each role; the value is the count of users, which only control looks at.
 * A position that was taken out may still be read by a worker, so it is freed after a grace period.
 */
enum { ADDRESSES_MAX = 1 << 18 };

static struct rte_hash *sets[ADDRESS_ROLES];

int address_set_start(void)
{
	static const char *const names[] = {"weir_vip", "weir_local"};

	for (int i = 0; i < ADDRESS_ROLES; i++) {
		struct rte_hash_parameters parameters = {
			.name = names[i],
			.entries = ADDRESSES_MAX,
			.key_len = sizeof(struct addr),
			.hash_func = rte_hash_crc,
			.socket_id = SOCKET_ID_ANY,
			.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF |
				      RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
		};

		sets[i] = rte_hash_create(&parameters);
		if (!sets[i])
			return -ENOMEM;
	}
	return 0;
}

void address_set_stop(void)
{
	for (int i = 0; i < ADDRESS_ROLES; i++) {
		rte_hash_free(sets[i]);
		sets[i] = NULL;
	}
}

int address_set_add(enum address_role role, const struct addr *addr)
{
	void *users = NULL;
	int result;

	rte_hash_lookup_data(sets[role], addr, &users);
	result = rte_hash_add_key_data(sets[role], addr, (void *)((uintptr_t)users + 1));
	return result < 0 ? -ENOSPC : 0;
}

static void position_free(void *arg)
{
	uintptr_t packed = (uintptr_t)arg;

	rte_hash_free_key_with_position(sets[packed % ADDRESS_ROLES], packed / ADDRESS_ROLES);
}

void address_set_remove(enum address_role role, const struct addr *addr)
{
	void *users = NULL;
	int32_t position;

	if (rte_hash_lookup_data(sets[role], addr, &users) < 0)
		return;
	if ((uintptr_t)users > 1) {
		rte_hash_add_key_data(sets[role], addr, (void *)((uintptr_t)users - 1));
		return;
	}
	position = rte_hash_del_key(sets[role], addr);
	if (position >= 0)
		rcu_defer(position_free, (void *)(position * (uintptr_t)ADDRESS_ROLES + role));
}

bool address_set_has(enum address_role role, const struct addr *addr)
{
	return rte_hash_lookup(sets[role], addr) >= 0;
}

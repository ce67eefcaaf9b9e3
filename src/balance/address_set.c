/* SPDX-License-Identifier: BSD-3-Clause */
#include "balance/address_set.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <rte_hash.h>
#include <rte_hash_crc.h>

#include "io/rcu.h"
#include "io/steer_home.h"
#include "net/iface.h"

/*
 * One lock-free hash for each role, those of NAT and tunnels made with the first service that needs
 * them; the value is the count of users, which only control looks at, and of local addresses the
 * number of a port above it.
 * A position that was taken out may still be read by a worker, so it is freed after a grace period.
 */
enum { ADDRESSES_MAX = 1 << 18, PLACE_SHIFT = 32 };

static struct rte_hash *sets[ADDRESS_ROLES];
static bool nat_any, nat_anywhere; // control writes

/*
 * What a thread has found out about addresses lately, by what they are spread by: each packet that
 * another worker owns asks, and nearly all of them about a few. Good while the epoch is the set's.
 */
enum { LATELY_BITS = 6 };

struct lately {
	uint64_t word[2]; // the address, an IPv4 one with zeros behind
	uint32_t epoch;
	uint16_t port;
	bool ipv6, local;
};

static __thread struct lately lately[1 << LATELY_BITS];
static uint32_t local_epoch = 1; // atomic; control raises it after each change of local addresses

/* NULL while it has not been made. */
static struct rte_hash *set_of(enum address_role role)
{
	return __atomic_load_n(&sets[role], __ATOMIC_ACQUIRE);
}

/* An address stands at four bytes, and rte_hash_crc() reads words of eight. */
static uint32_t address_hash(const void *addr, uint32_t length, uint32_t initial)
{
	uint64_t words[3] = {0};

	memcpy(words, addr, length);
	return rte_hash_crc(words, sizeof(words), initial);
}

static struct rte_hash *set_make(enum address_role role)
{
	static const char *const names[] = {"weir_vip", "weir_local", "weir_nat_server",
					    "weir_nat_vip", "weir_tunnel"};
	struct rte_hash_parameters parameters = {
		.name = names[role],
		.entries = ADDRESSES_MAX,
		.key_len = sizeof(struct addr),
		.hash_func = address_hash,
		.socket_id = SOCKET_ID_ANY,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF |
			      RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};
	struct rte_hash *set = set_of(role);

	if (set)
		return set;
	set = rte_hash_create(&parameters);
	__atomic_store_n(&sets[role], set, __ATOMIC_RELEASE);
	return set;
}

int address_set_start(void)
{
	return set_make(ADDRESS_VIP) && set_make(ADDRESS_LOCAL) ? 0 : -ENOMEM;
}

void address_set_stop(void)
{
	for (int i = 0; i < ADDRESS_ROLES; i++) {
		rte_hash_free(sets[i]);
		sets[i] = NULL;
	}
	nat_any = nat_anywhere = false;
}

/* One user more; `place` is remembered from the first. */
static int set_add(enum address_role role, const struct addr *addr, uintptr_t place)
{
	void *value = NULL;
	struct rte_hash *set = set_make(role);
	bool first = set && rte_hash_lookup_data(set, addr, &value) < 0;
	uintptr_t now = first ? place << PLACE_SHIFT : (uintptr_t)value;

	if (!set || rte_hash_add_key_data(set, addr, (void *)(now + 1)) < 0)
		return -ENOSPC;
	if (first && role == ADDRESS_LOCAL) {
		steer_local_add(place, addr);
		__atomic_fetch_add(&local_epoch, 1, __ATOMIC_RELEASE);
	}
	return 0;
}

int address_set_add(enum address_role role, const struct addr *addr)
{
	return set_add(role, addr, STEER_NO_PORT);
}

int address_set_add_local(const struct addr *addr, uint16_t iface)
{
	const struct iface *on = iface ? iface_get(iface) : NULL;

	return set_add(ADDRESS_LOCAL, addr, on ? on->port : STEER_NO_PORT);
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

	if (!sets[role] || rte_hash_lookup_data(sets[role], addr, &users) < 0)
		return;
	if ((uint32_t)(uintptr_t)users > 1) {
		rte_hash_add_key_data(sets[role], addr, (void *)((uintptr_t)users - 1));
		return;
	}
	if (role == ADDRESS_LOCAL)
		steer_local_remove((uintptr_t)users >> PLACE_SHIFT, addr);
	position = rte_hash_del_key(sets[role], addr);
	if (role == ADDRESS_LOCAL)
		__atomic_fetch_add(&local_epoch, 1, __ATOMIC_RELEASE);
	if (position >= 0)
		rcu_defer(position_free, (void *)(position * (uintptr_t)ADDRESS_ROLES + role));
}

bool address_set_has(enum address_role role, const struct addr *addr)
{
	const struct rte_hash *set = set_of(role);

	return set && rte_hash_lookup(set, addr) >= 0;
}

static __attribute__((noinline)) void lately_ask(struct lately *l, uint32_t epoch)
{
	const struct rte_hash *set = set_of(ADDRESS_LOCAL);
	struct addr addr = {.family = l->ipv6 ? AF_INET6 : AF_INET};
	void *value = NULL;

	memcpy(addr.bytes, l->word, sizeof(addr.bytes));
	l->local = set && rte_hash_lookup_data(set, &addr, &value) >= 0;
	l->port = l->local ? (uintptr_t)value >> PLACE_SHIFT : STEER_NO_PORT;
	l->epoch = epoch;
}

bool address_set_local(const uint64_t address[2], bool ipv6, uint16_t *port)
{
	uint32_t epoch = __atomic_load_n(&local_epoch, __ATOMIC_ACQUIRE);
	uint64_t mixed = (address[0] ^ address[1]) * 0x9e3779b97f4a7c15u;
	struct lately *l = &lately[mixed >> (64 - LATELY_BITS)];

	if (l->epoch != epoch || l->word[0] != address[0] || l->word[1] != address[1] ||
	    l->ipv6 != ipv6) {
		l->word[0] = address[0];
		l->word[1] = address[1];
		l->ipv6 = ipv6;
		lately_ask(l, epoch);
	}
	*port = l->port;
	return l->local;
}

void address_set_note_nat(const struct addr *server, const struct addr *vip)
{
	if (!address_set_has(ADDRESS_NAT_SERVER, server))
		address_set_add(ADDRESS_NAT_SERVER, server);
	if (!vip)
		__atomic_store_n(&nat_anywhere, true, __ATOMIC_RELAXED);
	else if (!address_set_has(ADDRESS_NAT_VIP, vip))
		address_set_add(ADDRESS_NAT_VIP, vip);
	__atomic_store_n(&nat_any, true, __ATOMIC_RELEASE);
}

bool address_set_any_nat(bool *anywhere)
{
	*anywhere = __atomic_load_n(&nat_anywhere, __ATOMIC_RELAXED);
	return __atomic_load_n(&nat_any, __ATOMIC_ACQUIRE);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The VM table: lines by number, and an index from (VNI, address) to numbers.
 *
 * The index is an array of words with linear probing: 32 bits of the key's hash, 32 bits of number.
 * A worker reads one word as a rule and then the line, whose key it compares. The control thread,
 * the only writer, enters a word when the line behind it is complete, and puts a mark of "gone on"
 * in its place when the entry goes. When more than half of the words are used it builds a larger
 * index beside, from the words alone, publishes it, and frees the old one after a grace period.
 *
 * What a VM is reached by is in its line: MAC and host, each one atomic word. A VM that moves is one
 * store. A packet in the very middle of a change of both may see the one new and the other old: it
 * is lost, as it would have been a moment earlier.
 *
 * An entry that goes is first unlinked from the index. Sessions hold its number: their packets are
 * dropped by name from then on, the sweep ends them, and the number is free for another VM when
 * there was a grace period (no worker can make a session with it) and after that a whole pass over
 * all sessions (none is left). An entry that is held for a real server stays as a line without a
 * host, so that the sessions of a server whose VM comes back go on.
 */
#include "tunnel/vm_table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "io/rcu.h"
#include "tunnel/vm_learn.h"
#include "tunnel/vni_local.h"

enum { INDEX_MIN = 1 << 10 };
#define GONE_ON UINT32_MAX // the number of a word whose entry is gone

struct index {
	uint32_t words; // a power of two
	uint32_t used;	// those that are not zero
	uint64_t word[];
};

/* Numbers that are unlinked: first those that wait for a grace period, then for a pass. */
struct leaving {
	uint32_t *number;
	uint32_t count, room;
	uint64_t token; // of the last one
};

struct vm *vm_table;
struct vni *vni_table;

static struct memory table_memory, vni_memory;
static struct index *vm_index; // atomic
static struct leaving leaving[2];
static bool pass_wanted; // leaving[1] waits for `pass`
static uint64_t pass;
static uint32_t *free_numbers;
static uint32_t free_count, high, live, vms;

static struct index *index_new(uint32_t words)
{
	struct index *index = calloc(1, sizeof(*index) + words * sizeof(*index->word));

	if (index)
		index->words = words;
	return index;
}

int vm_table_start(void)
{
	if (memory_map(&table_memory, "vms", (VM_MAX + 1) * sizeof(*vm_table), MEMORY_SMALL) < 0)
		return -ENOMEM;
	if (memory_map(&vni_memory, "vnis", (VNI_MAX + 1) * sizeof(*vni_table), MEMORY_SMALL) < 0)
		goto unmap_table;
	if (vni_local_start() < 0)
		goto unmap_vnis;
	if (vm_learn_start() < 0)
		goto stop_locals;
	if (vm_host_start() < 0)
		goto stop_learning;
	vm_index = index_new(INDEX_MIN);
	free_numbers = calloc(VM_MAX, sizeof(*free_numbers));
	if (!vm_index || !free_numbers)
		goto stop_hosts;
	vm_table = table_memory.base;
	vni_table = vni_memory.base;
	return 0;

stop_hosts:
	free(vm_index);
	free(free_numbers);
	vm_host_stop();
stop_learning:
	vm_learn_stop();
stop_locals:
	vni_local_stop();
unmap_vnis:
	memory_unmap(&vni_memory);
unmap_table:
	memory_unmap(&table_memory);
	return -ENOMEM;
}

void vm_table_stop(void)
{
	for (uint32_t number = 1; vm_table && number <= high; number++)
		if (vm_table[number].host)
			vm_host_release(vm_table[number].host);
	rcu_wait(rcu_token());
	rcu_poll();
	vm_host_stop();
	vni_local_stop();
	vm_learn_stop();
	memory_unmap(&vni_memory);
	memory_unmap(&table_memory);
	vm_table = NULL;
	vni_table = NULL;
	free(vm_index);
	free(free_numbers);
	vm_index = NULL;
	free_numbers = NULL;
	for (unsigned int i = 0; i < 2; i++)
		free(leaving[i].number);
	memset(leaving, 0, sizeof(leaving));
	pass_wanted = false;
	free_count = high = live = vms = 0;
}

/* Keys */

static inline uint32_t hash4(uint32_t vni, uint32_t address)
{
	const uint64_t words[2] = {address | (uint64_t)vni << 32, AF_INET};

	return hash_two(words);
}

static inline uint32_t hash6(uint32_t vni, const uint8_t address[16])
{
	uint64_t words[5] = {0, 0, vni, AF_INET6, 0};

	memcpy(words, address, 16);
	return hash_five(words);
}

static uint32_t hash_of(uint32_t vni, const struct addr *addr)
{
	return addr->family == AF_INET6 ? hash6(vni, addr->bytes) : hash4(vni, addr->v4);
}

static inline bool vm_is4(const struct vm *vm, uint32_t vni, uint32_t address)
{
	return vm->vni == vni && vm->addr.family == AF_INET && vm->addr.v4 == address;
}

static inline bool vm_is6(const struct vm *vm, uint32_t vni, const uint8_t address[16])
{
	return vm->vni == vni && vm->addr.family == AF_INET6 &&
	       memcmp(vm->addr.bytes, address, 16) == 0;
}

/* The index */

static inline uint32_t index_home(const struct index *index, uint32_t hash)
{
	return (uint64_t)hash * index->words >> 32;
}

/*
 * The number of the entry with this hash that is the same as `vni` and `address`. At most half of
 * the words are used, so that there is always an empty one at which the search ends.
 */
static inline uint32_t index_find(uint32_t hash, uint32_t vni, uint32_t v4, const uint8_t *v6)
{
	const struct index *index = __atomic_load_n(&vm_index, __ATOMIC_CONSUME);
	uint32_t at = index_home(index, hash);

	for (;;) {
		uint64_t word = __atomic_load_n(&index->word[at], __ATOMIC_ACQUIRE);
		uint32_t number = (uint32_t)word;

		if (word == 0)
			return 0;
		if (word >> 32 == hash && number != GONE_ON &&
		    (v6 ? vm_is6(&vm_table[number], vni, v6) : vm_is4(&vm_table[number], vni, v4)))
			return number;
		at = (at + 1) & (index->words - 1);
	}
}

uint32_t vm_find4(uint32_t vni, uint32_t address)
{
	return index_find(hash4(vni, address), vni, address, NULL);
}

uint32_t vm_find6(uint32_t vni, const uint8_t address[16])
{
	return index_find(hash6(vni, address), vni, 0, address);
}

uint32_t vm_find(uint32_t vni, const struct addr *addr)
{
	return addr->family == AF_INET6 ? vm_find6(vni, addr->bytes) : vm_find4(vni, addr->v4);
}

static void index_enter(struct index *index, uint32_t hash, uint32_t number)
{
	uint32_t at = index_home(index, hash);

	while (index->word[at] != 0)
		at = (at + 1) & (index->words - 1);
	index->used++;
	__atomic_store_n(&index->word[at], (uint64_t)hash << 32 | number, __ATOMIC_RELEASE);
}

static void index_leave(uint32_t hash, uint32_t number)
{
	uint32_t at = index_home(vm_index, hash);

	while ((uint32_t)vm_index->word[at] != number)
		at = (at + 1) & (vm_index->words - 1);
	__atomic_store_n(&vm_index->word[at], GONE_ON, __ATOMIC_RELAXED);
}

/* Room for `more` entries with at most half of the words used. -ENOMEM. */
static int index_reserve(uint32_t more)
{
	struct index *before = vm_index, *after;
	uint32_t words = before->words;

	if (before->used + more <= before->words / 2)
		return 0;
	while ((live + more) * 2 > words / 2)
		words *= 2;
	after = index_new(words);
	if (!after)
		return -ENOMEM;
	for (uint32_t i = 0; i < before->words; i++) {
		uint64_t word = before->word[i];

		if (word != 0 && (uint32_t)word != GONE_ON)
			index_enter(after, word >> 32, (uint32_t)word);
	}
	__atomic_store_n(&vm_index, after, __ATOMIC_RELEASE);
	// Not before: until now workers have begun to read the old one, grace period or not.
	if (rcu_defer(free, before) < 0)
		log_error("out of memory: an index of VMs is lost");
	return 0;
}

/* Settings of VNIs */

static void vni_store(uint32_t vni, struct vni settings)
{
	__atomic_store(&vni_table[vni], &settings, __ATOMIC_RELAXED);
}

static void vni_count(uint32_t vni, int by)
{
	struct vni settings = vni_table[vni];

	settings.entries += by;
	vni_store(vni, settings);
}

void vni_set(uint32_t vni, const struct vni_settings *wanted)
{
	struct vni settings = {.entries = vni_table[vni].entries, .iface = vni_table[vni].iface};

	if (wanted) {
		settings.mtu = wanted->mtu;
		settings.flags = VNI_NAMED | (wanted->trusted ? VNI_TRUSTED : 0);
	}
	vni_store(vni, settings);
	vm_learn_set(vni, wanted);
}

void vni_flag(uint32_t vni, uint8_t flag, bool on)
{
	struct vni settings = vni_table[vni];

	settings.flags = on ? settings.flags | flag : settings.flags & ~flag;
	vni_store(vni, settings);
}

void vni_set_iface(uint32_t vni, uint8_t iface)
{
	struct vni settings = vni_table[vni];

	settings.iface = iface;
	vni_store(vni, settings);
}

/* Entries */

static uint32_t numbers_left(void)
{
	return free_count + (VM_MAX - high);
}

/* A new line for a key that has none; the caller has seen that there is room. */
static uint32_t entry_new(uint32_t vni, const struct addr *addr, uint64_t mac, uint32_t host)
{
	uint32_t number = free_count > 0 ? free_numbers[--free_count] : ++high;

	vm_table[number] =
		(struct vm){.mac = mac, .host = host, .vni = vni, .addr = *addr, .in_use = 1};
	index_enter(vm_index, hash_of(vni, addr), number);
	vni_count(vni, 1);
	live++;
	return number;
}

static void leaving_add(uint32_t number)
{
	struct leaving *l = &leaving[0];

	if (l->count == l->room) {
		uint32_t room = l->room ? l->room * 2 : 64;
		uint32_t *more = realloc(l->number, room * sizeof(*more));

		if (!more) {
			log_error("out of memory: the number of a VM is lost");
			return;
		}
		l->number = more;
		l->room = room;
	}
	l->number[l->count++] = number;
	l->token = 0;
}

/* Neither a VM nor an address of weir's own is left of it. */
static void entry_leave(uint32_t number)
{
	struct vm *vm = &vm_table[number];

	index_leave(hash_of(vm->vni, &vm->addr), number);
	vni_count(vm->vni, -1);
	live--;
	vm->in_use = 0;
	leaving_add(number);
}

static void entry_leave_unused(uint32_t number)
{
	const struct vm *vm = &vm_table[number];

	if (vm->own == 0 && vm->host == 0 && vm->held == 0)
		entry_leave(number);
}

static uint64_t mac_word(const uint8_t mac[6])
{
	uint64_t word = 0;

	memcpy(&word, mac, 6);
	return word;
}

static void entry_set(uint32_t number, const struct vm_row *row, uint32_t host, uint32_t mark)
{
	struct vm *vm = &vm_table[number];
	uint32_t before = vm->host;

	__atomic_store_n(&vm->mac, mac_word(row->mac), __ATOMIC_RELAXED);
	__atomic_store_n(&vm->host, host, __ATOMIC_RELEASE);
	vm->origin = row->origin;
	vm->mark = mark;
	vm_learn_note(number, row->learned);
	if (before)
		vm_host_release(before);
	else
		vms++;
}

/* The host of each row, all counted; on an error none is. */
static uint32_t *hosts_take(const struct vm_row *rows, uint32_t count)
{
	uint32_t *hosts = malloc((count + 1) * sizeof(*hosts));

	for (uint32_t i = 0; hosts && i < count; i++) {
		hosts[i] = vm_host_take(&rows[i].host);
		if (hosts[i] != 0)
			continue;
		while (i-- > 0)
			vm_host_release(hosts[i]);
		free(hosts);
		errno = ENOSPC;
		return NULL;
	}
	return hosts;
}

int vm_upsert(const struct vm_row *rows, uint32_t count, uint32_t mark)
{
	uint32_t *hosts, fresh = 0;

	for (uint32_t i = 0; i < count; i++)
		fresh += vm_find(rows[i].vni, &rows[i].addr) == 0;
	if (fresh > numbers_left())
		return -ENOSPC;
	errno = ENOMEM;
	if (index_reserve(fresh) < 0)
		return -ENOMEM;
	hosts = hosts_take(rows, count);
	if (!hosts)
		return -errno;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t number = vm_find(rows[i].vni, &rows[i].addr);

		if (number == 0)
			number = entry_new(rows[i].vni, &rows[i].addr, mac_word(rows[i].mac), 0);
		entry_set(number, &rows[i], hosts[i], mark);
	}
	free(hosts);
	return 0;
}

static void entry_unset(uint32_t number)
{
	struct vm *vm = &vm_table[number];

	vm_learn_note(number, false);
	vm_host_release(vm->host);
	__atomic_store_n(&vm->host, 0, __ATOMIC_RELAXED);
	vms--;
	entry_leave_unused(number);
}

int vm_remove(uint32_t vni, const struct addr *addr)
{
	uint32_t number = vm_find(vni, addr);

	if (number == 0 || vm_table[number].host == 0)
		return -ENOENT;
	entry_unset(number);
	return 0;
}

uint32_t vm_remove_unmarked(uint8_t origin, uint32_t mark)
{
	uint32_t removed = 0;

	for (uint32_t number = 1; number <= high; number++) {
		const struct vm *vm = &vm_table[number];

		if (!vm->in_use || vm->host == 0 || vm->origin != origin || vm->mark == mark)
			continue;
		entry_unset(number);
		removed++;
	}
	return removed;
}

/* The number of a line that may be without a VM; 0 and errno: no room. */
static uint32_t entry_have(uint32_t vni, const struct addr *addr)
{
	uint32_t number = vm_find(vni, addr);

	if (number != 0)
		return number;
	errno = ENOSPC;
	if (numbers_left() == 0)
		return 0;
	errno = ENOMEM;
	return index_reserve(1) < 0 ? 0 : entry_new(vni, addr, 0, 0);
}

int vm_own_add(uint32_t vni, const struct addr *addr)
{
	uint32_t number = entry_have(vni, addr);

	if (number == 0)
		return -errno;
	__atomic_store_n(&vm_table[number].own, vm_table[number].own + 1, __ATOMIC_RELAXED);
	return 0;
}

void vm_own_set_local(uint32_t vni, const struct addr *addr, bool local)
{
	uint32_t number = vm_find(vni, addr);

	assert(number != 0 && vm_table[number].own > 0);
	__atomic_store_n(&vm_table[number].local, local, __ATOMIC_RELAXED);
}

uint32_t vm_hold(uint32_t vni, const struct addr *addr)
{
	uint32_t number = entry_have(vni, addr);

	if (number != 0)
		vm_table[number].held++;
	return number;
}

void vm_let_go(uint32_t number)
{
	assert(vm_table[number].held > 0);
	vm_table[number].held--;
	entry_leave_unused(number);
}

void vm_own_remove(uint32_t vni, const struct addr *addr)
{
	uint32_t number = vm_find(vni, addr);
	struct vm *vm = &vm_table[number];

	assert(number != 0 && vm->own > 0);
	__atomic_store_n(&vm->own, vm->own - 1, __ATOMIC_RELAXED);
	entry_leave_unused(number);
}

/* Listings */

void vm_row_of(const struct vm *vm, struct vm_row *row)
{
	memset(row, 0, sizeof(*row));
	row->vni = vm->vni;
	row->addr = vm->addr;
	memcpy(row->mac, &vm->mac, 6);
	row->origin = vm->origin;
	row->learned = vm->learned;
	row->age = vm->learned ? vm_learn_age(vm) : 0;
	if (vm->host == 0)
		return;
	vm_host_address(&vm_host_table[vm->host], &row->host);
	row->path_mtu = vm_host_table[vm->host].mtu;
}

const struct vm *vm_next(uint32_t *cursor)
{
	while (*cursor < high) {
		const struct vm *vm = &vm_table[++*cursor];

		if (vm->in_use && vm->host)
			return vm;
	}
	return NULL;
}

uint32_t vm_count(void)
{
	return vms;
}

/* Leaving */

static void leaving_free(struct leaving *l)
{
	for (uint32_t i = 0; i < l->count; i++) {
		memset(&vm_table[l->number[i]], 0, sizeof(*vm_table));
		free_numbers[free_count++] = l->number[i];
	}
	l->count = 0;
}

uint32_t vm_reap(uint64_t (*begin)(void), bool (*over)(uint64_t pass))
{
	struct leaving *first = &leaving[0], *second = &leaving[1], swap;

	if (pass_wanted && over(pass)) {
		leaving_free(second);
		pass_wanted = false;
	}
	if (first->count > 0 && first->token == 0)
		first->token = rcu_token();
	if (!pass_wanted && first->count > 0 && rcu_passed(first->token)) {
		swap = *first;
		*first = *second;
		*second = swap;
		pass = begin();
		pass_wanted = true;
	}
	return first->count + second->count;
}

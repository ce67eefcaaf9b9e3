/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Sessions are told apart by kind, peer and VNI until the peer knows our discriminator, and by that
 * from then on: its lower bits are the session's number, the rest is random. The worker that runs a
 * session follows from the number; packets that come in elsewhere are handed over to it.
 *
 * A worker follows `wanted` when it next looks, within a millisecond, so that nothing that it
 * writes is ever written by control. A session that is removed leaves the index at once and its slot
 * after a grace period.
 */
#include "bfd/table.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include <rte_hash.h>
#include <rte_hash_crc.h>

#include "base/memory.h"
#include "io/rcu.h"
#include "net/nexthop.h"
#include "tunnel/vm_host.h"

enum {
	NUMBER_BITS = 12,
	NUMBER_MASK = (1 << NUMBER_BITS) - 1,
	HEARD = 16,
	CHANGES = 512,
	COPIES = 8
};
_Static_assert((int)BFD_SESSIONS_MAX <= (int)NUMBER_MASK, "a number fits into a discriminator");

/* One worker writes, control reads. What does not fit is lost: control sees the state anyway. */
struct outbox {
	uint32_t head, tail; // atomic
	struct bfd_heard heard[HEARD];
	uint32_t change_head, change_tail; // atomic
	struct bfd_change changes[CHANGES];
} __attribute__((aligned(64)));

struct bfd_slot *bfd_table;
uint32_t bfd_highest;

static struct memory memory;
static struct rte_hash *by_name;
static struct outbox *outboxes;
static unsigned int workers;
static bool listening;

int bfd_table_start(unsigned int worker_count)
{
	struct rte_hash_parameters parameters = {
		.name = "weir_bfd",
		.entries = BFD_SESSIONS_MAX + 1,
		.key_len = sizeof(struct bfd_name),
		.hash_func = rte_hash_crc,
		.socket_id = SOCKET_ID_ANY,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF |
			      RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};

	workers = worker_count;
	outboxes = aligned_alloc(64, worker_count * sizeof(*outboxes));
	if (!outboxes)
		return -ENOMEM;
	memset(outboxes, 0, worker_count * sizeof(*outboxes));
	if (memory_map(&memory, "bfd", (BFD_SESSIONS_MAX + 1) * sizeof(*bfd_table), MEMORY_SMALL) <
	    0)
		goto free_outboxes;
	by_name = rte_hash_create(&parameters);
	if (!by_name)
		goto unmap;
	bfd_table = memory.base;
	return 0;

unmap:
	memory_unmap(&memory);
free_outboxes:
	free(outboxes);
	outboxes = NULL;
	return -ENOMEM;
}

void bfd_table_stop(void)
{
	for (uint32_t i = 1; bfd_table && i <= bfd_highest; i++)
		free((void *)bfd_table[i].wanted);
	rte_hash_free(by_name);
	if (bfd_table)
		memory_unmap(&memory);
	free(outboxes);
	outboxes = NULL;
	by_name = NULL;
	bfd_table = NULL;
	bfd_highest = 0;
	listening = false;
}

static const struct bfd_wanted *wanted_copy(const struct bfd_wanted *wanted)
{
	struct bfd_wanted *copy = malloc(sizeof(*copy));

	if (copy)
		*copy = *wanted;
	return copy;
}

/* The way to the peer; the path of a VXLAN peer is its host's. */
static int slot_reach(struct bfd_slot *slot)
{
	if (slot->name.kind == BFD_VXLAN) {
		slot->host = vm_host_take(&slot->name.peer);
		slot->path = slot->host ? vm_host_table[slot->host].path : 0;
	} else {
		slot->path = path_watch(&slot->name.peer);
	}
	return slot->path ? 0 : -ENOSPC;
}

static void slot_leave(struct bfd_slot *slot)
{
	if (slot->name.kind == BFD_VXLAN && slot->host)
		vm_host_release(slot->host);
	else if (slot->path)
		path_release(slot->path);
}

static uint32_t number_free(void)
{
	for (uint32_t i = 1; i <= BFD_SESSIONS_MAX; i++)
		if (!bfd_table[i].in_use)
			return i;
	return 0;
}

int bfd_add(const struct bfd_name *name, const struct addr *local, const struct bfd_wanted *wanted,
	    uint32_t *number)
{
	const struct bfd_wanted *copy = wanted_copy(wanted);
	struct bfd_slot *slot;
	uint32_t random = 0;
	int status = -ENOMEM;

	if (!copy)
		return -ENOMEM;
	*number = number_free();
	if (bfd_find(name) || *number == 0) {
		status = *number ? -EEXIST : -ENOSPC;
		goto free_copy;
	}
	slot = &bfd_table[*number];
	*slot = (struct bfd_slot){
		.name = *name, .local = *local, .number = *number, .noted = BFD_DOWN};
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = *number;
	slot->discriminator = random << NUMBER_BITS | *number;
	status = slot_reach(slot);
	if (status < 0)
		goto free_copy;
	if (rte_hash_add_key_data(by_name, name, (void *)(uintptr_t)*number) < 0) {
		status = -ENOSPC;
		slot_leave(slot);
		goto free_copy;
	}
	slot->in_use = true;
	__atomic_store_n(&slot->wanted, copy, __ATOMIC_RELEASE);
	if (*number > bfd_highest)
		__atomic_store_n(&bfd_highest, *number, __ATOMIC_RELEASE);
	return 0;

free_copy:
	free((void *)copy);
	return status;
}

static void wanted_free(void *arg)
{
	free(arg);
}

int bfd_change(uint32_t number, const struct bfd_wanted *wanted)
{
	struct bfd_slot *slot = &bfd_table[number];
	const struct bfd_wanted *copy = wanted_copy(wanted), *old = slot->wanted;

	if (!copy)
		return -ENOMEM;
	__atomic_store_n(&slot->wanted, copy, __ATOMIC_RELEASE);
	return rcu_defer(wanted_free, (void *)old);
}

static void slot_free(void *arg)
{
	struct bfd_slot *slot = arg;

	slot_leave(slot);
	slot->in_use = false;
	while (bfd_highest > 0 && !bfd_table[bfd_highest].in_use)
		__atomic_store_n(&bfd_highest, bfd_highest - 1, __ATOMIC_RELEASE);
}

static void position_free(void *arg)
{
	rte_hash_free_key_with_position(by_name, (intptr_t)arg);
}

void bfd_remove(uint32_t number)
{
	struct bfd_slot *slot = &bfd_table[number];
	const struct bfd_wanted *old = slot->wanted;
	int32_t position = rte_hash_del_key(by_name, &slot->name);

	__atomic_store_n(&slot->wanted, NULL, __ATOMIC_RELEASE);
	rcu_defer(position_free, (void *)(intptr_t)position);
	rcu_defer(wanted_free, (void *)old);
	rcu_defer(slot_free, slot);
}

/* Two copies that are equal are one that was not being written. */
bool bfd_read(uint32_t number, struct bfd_session *session)
{
	const struct bfd_slot *slot = &bfd_table[number];
	struct bfd_session again;

	if (!__atomic_load_n(&slot->seen, __ATOMIC_ACQUIRE))
		return false;
	for (unsigned int i = 0; i < COPIES; i++) {
		memcpy(session, &slot->session, sizeof(*session));
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		memcpy(&again, &slot->session, sizeof(again));
		if (memcmp(session, &again, sizeof(again)) == 0)
			break;
	}
	return session->my_discriminator != 0;
}

uint32_t bfd_find(const struct bfd_name *name)
{
	void *number;

	return rte_hash_lookup_data(by_name, name, &number) < 0 ? 0 : (uintptr_t)number;
}

uint32_t bfd_by_discriminator(uint32_t discriminator)
{
	uint32_t number = discriminator & NUMBER_MASK;

	if (number == 0 || number > __atomic_load_n(&bfd_highest, __ATOMIC_ACQUIRE) ||
	    bfd_table[number].discriminator != discriminator)
		return 0;
	return __atomic_load_n(&bfd_table[number].wanted, __ATOMIC_ACQUIRE) ? number : 0;
}

unsigned int bfd_worker(uint32_t number)
{
	return number % workers;
}

bool bfd_is_wanted(void)
{
	return __atomic_load_n(&bfd_highest, __ATOMIC_RELAXED) != 0 ||
	       __atomic_load_n(&listening, __ATOMIC_RELAXED);
}

void bfd_listen(bool wanted)
{
	__atomic_store_n(&listening, wanted, __ATOMIC_RELAXED);
}

void bfd_hear(unsigned int worker, const struct bfd_heard *heard)
{
	struct outbox *box = &outboxes[worker];
	uint32_t head = box->head;

	if (!__atomic_load_n(&listening, __ATOMIC_RELAXED) ||
	    head - __atomic_load_n(&box->tail, __ATOMIC_ACQUIRE) == HEARD)
		return;
	box->heard[head % HEARD] = *heard;
	__atomic_store_n(&box->head, head + 1, __ATOMIC_RELEASE);
}

void bfd_note(struct bfd_slot *slot)
{
	struct outbox *box = &outboxes[bfd_worker(slot->number)];
	const struct bfd_session *s = &slot->session;
	uint32_t head = box->change_head;

	if (s->state == slot->noted)
		return;
	if (head - __atomic_load_n(&box->change_tail, __ATOMIC_ACQUIRE) < CHANGES) {
		box->changes[head % CHANGES] = (struct bfd_change){
			.name = slot->name,
			.from = slot->noted,
			.to = s->state,
			.diagnostic = s->diagnostic,
			.remote_diagnostic = s->remote_diagnostic,
		};
		__atomic_store_n(&box->change_head, head + 1, __ATOMIC_RELEASE);
	}
	slot->noted = s->state;
}

bool bfd_next_change(struct bfd_change *change)
{
	for (unsigned int i = 0; i < workers; i++) {
		struct outbox *box = &outboxes[i];
		uint32_t tail = box->change_tail;

		if (tail == __atomic_load_n(&box->change_head, __ATOMIC_ACQUIRE))
			continue;
		*change = box->changes[tail % CHANGES];
		__atomic_store_n(&box->change_tail, tail + 1, __ATOMIC_RELEASE);
		return true;
	}
	return false;
}

bool bfd_next_heard(struct bfd_heard *heard)
{
	for (unsigned int i = 0; i < workers; i++) {
		struct outbox *box = &outboxes[i];
		uint32_t tail = box->tail;

		if (tail == __atomic_load_n(&box->head, __ATOMIC_ACQUIRE))
			continue;
		*heard = box->heard[tail % HEARD];
		__atomic_store_n(&box->tail, tail + 1, __ATOMIC_RELEASE);
		return true;
	}
	return false;
}

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * VMs that are learned from traffic, as a bridge learns stations.
 *
 * A VNI may allow it. A packet of a VM that the table does not have then says all that a row needs:
 * the VNI, the inner source address and MAC, and the outer source, the host. A worker does not write
 * the table. It puts what it has heard into a ring of its own, keeps the packet, and goes on with it
 * when control, twenty times a second, has entered the row (path/vpc_learn.c): a first connection
 * starts that much later, not after the sender's retransmission. The same happens when a learned VM
 * speaks from another host or with another MAC. What is configured always wins.
 *
 * Hosts are believed only if the file says so (vpc.learn_from), and then each may claim any address
 * of a VNI that learns. A flood from such a host finds three bounds: the rows of the VNI
 * (learn_max), the ring and the packets that wait.
 *
 * A row ages out when its VM has been silent. Each worker notes when it has last seen it, in an array
 * of its own: with first packets, ARP and ping, and in the sweep for each session that the VM has.
 * So a VM has a row for as long as it has a session, and those end by their own timeouts.
 * Control looks at all learned rows once a second, a share at a time.
 */
#include "tunnel/vm_learn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum {
	SHARES = 20,	   // looks in which all rows are seen
	SHARE_LEAST = 256, // rows
	WARN_SECONDS = 10,
	SWEEP_SECONDS = 2, // in which a worker has surely looked at all its sessions
};

/* Of a VNI that learns, or has learned. */
struct limits {
	uint32_t rows, most, age;
};

static struct memory limits_memory;
static struct limits *limits;
static struct prefix permitted[VM_LEARN_HOSTS];
static unsigned int permitted_count;
static uint32_t *learned; // numbers, in no order
static uint32_t learned_count, learned_room, look_at;
static uint32_t now, warned;

int vm_learn_start(void)
{
	if (memory_map(&limits_memory, "vni-limits", (VNI_MAX + 1) * sizeof(*limits),
		       MEMORY_SMALL) < 0)
		return -ENOMEM;
	limits = limits_memory.base;
	return 0;
}

void vm_learn_stop(void)
{
	memory_unmap(&limits_memory);
	limits = NULL;
	free(learned);
	learned = NULL;
	learned_count = learned_room = look_at = permitted_count = 0;
}

void vm_learn_permit(const struct prefix *hosts, unsigned int count)
{
	memcpy(permitted, hosts, count * sizeof(*hosts));
	permitted_count = count;
}

unsigned int vm_learn_permitted(void)
{
	return permitted_count;
}

int vm_learner_create(struct vm_learner *learner)
{
	int result = memory_map(&learner->memory, "vm-heard",
				(VM_MAX + 1) * sizeof(*learner->spoke), MEMORY_SMALL);

	learner->spoke = learner->memory.base;
	return result;
}

void vm_learner_destroy(struct vm_learner *learner)
{
	for (unsigned int i = 0; i < learner->waiting_count; i++)
		rte_pktmbuf_free(learner->waiting[i]);
	learner->waiting_count = 0;
	memory_unmap(&learner->memory);
	learner->spoke = NULL;
}

/* Worker */

bool vm_learn_permits(const struct addr *host)
{
	for (unsigned int i = 0; i < permitted_count; i++)
		if (prefix_contains(&permitted[i], host))
			return true;
	return false;
}

bool vm_learn_hear(struct vm_learner *learner, const struct vm_heard *heard)
{
	uint32_t written = learner->written;
	uint32_t read = __atomic_load_n(&learner->read, __ATOMIC_ACQUIRE);

	for (uint32_t i = read; i != written; i++)
		if (memcmp(&learner->heard[i % VM_LEARN_RING], heard, sizeof(*heard)) == 0)
			return true;
	if (written - read == VM_LEARN_RING)
		return false;
	learner->heard[written % VM_LEARN_RING] = *heard;
	__atomic_store_n(&learner->written, written + 1, __ATOMIC_RELEASE);
	return true;
}

/* Which rows are learned ones */

static void full_update(uint32_t vni)
{
	vni_flag(vni, VNI_FULL, limits[vni].rows >= limits[vni].most);
}

static void learned_leave(struct vm *vm)
{
	uint32_t last = learned[--learned_count];

	learned[vm->learned_at] = last;
	vm_table[last].learned_at = vm->learned_at;
	limits[vm->vni].rows--;
	full_update(vm->vni);
}

static void learned_enter(struct vm *vm, uint32_t number)
{
	learned[learned_count] = number;
	vm->learned_at = learned_count++;
	limits[vm->vni].rows++;
	full_update(vm->vni);
}

void vm_learn_note(uint32_t number, bool is_learned)
{
	struct vm *vm = &vm_table[number];

	vm->heard = now;
	if (is_learned == (bool)vm->learned)
		return;
	if (is_learned)
		learned_enter(vm, number);
	else
		learned_leave(vm);
	__atomic_store_n(&vm->learned, is_learned, __ATOMIC_RELAXED);
}

/* Room in the list for one more, before the table is touched. */
static bool learned_reserve(void)
{
	uint32_t room = learned_room ? learned_room * 2 : 1024, *more;

	if (learned_count < learned_room)
		return true;
	more = realloc(learned, room * sizeof(*more));
	if (!more)
		return false;
	learned = more;
	learned_room = room;
	return true;
}

static void row_remove(uint32_t number)
{
	const struct vm *vm = &vm_table[number];
	const struct addr addr = vm->addr;

	vm_remove(vm->vni, &addr);
}

void vm_learn_set(uint32_t vni, const struct vni_settings *settings)
{
	bool learns = settings && settings->learn;

	if (!learns && limits[vni].rows == 0)
		return;
	limits[vni].most = learns ? settings->learn_max : 0;
	limits[vni].age = learns ? settings->learn_age : 0;
	for (uint32_t i = learned_count; i-- > 0 && limits[vni].rows > limits[vni].most;)
		if (vm_table[learned[i]].vni == vni)
			row_remove(learned[i]);
	vni_flag(vni, VNI_LEARNS, learns);
	full_update(vni);
}

uint32_t vm_learn_age(const struct vm *vm)
{
	return now - vm->heard;
}

uint32_t vm_learn_count(uint32_t vni)
{
	return limits[vni].rows;
}

/* What workers have heard */

static void learn_warn(int status)
{
	if (warned != 0 && now - warned < WARN_SECONDS)
		return;
	warned = now;
	log_warning("a VM could not be learned: %s", strerror(-status));
}

/* The same questions as the worker has asked: the answers may have changed. */
static void learn(const struct vm_heard *heard)
{
	uint32_t number = vm_find(heard->vni, &heard->addr);
	const struct vm *vm = &vm_table[number];
	struct vm_row row = {.vni = heard->vni,
			     .addr = heard->addr,
			     .host = heard->host,
			     .origin = VM_LEARN_ORIGIN,
			     .learned = true};
	uint8_t flags = vni_get(heard->vni).flags;
	bool there = number != 0 && vm->host != 0;
	int status;

	if (!(flags & VNI_LEARNS) || (number != 0 && vm->own > 0) || (there && !vm->learned) ||
	    (!there && (flags & VNI_FULL)))
		return;
	memcpy(row.mac, heard->mac, sizeof(row.mac));
	status = learned_reserve() ? vm_upsert(&row, 1, 0) : -ENOMEM;
	if (status < 0)
		learn_warn(status);
}

unsigned int vm_learn_gather(struct vm_learner *learner)
{
	uint32_t read = learner->read;
	uint32_t count = __atomic_load_n(&learner->written, __ATOMIC_ACQUIRE) - read;

	for (uint32_t i = 0; i < count; i++)
		learn(&learner->heard[(read + i) % VM_LEARN_RING]);
	__atomic_store_n(&learner->read, read + count, __ATOMIC_RELEASE);
	return count;
}

/* Who has fallen silent */

void vm_learn_clock(uint32_t seconds)
{
	now = seconds;
}

/* The smallest time since any worker has seen it; `seconds` are the workers' clocks. */
static uint32_t silence_of(uint32_t number, struct vm_learner *const *learners,
			   const uint16_t *seconds, unsigned int workers)
{
	uint32_t silence = now - vm_table[number].heard;

	for (unsigned int i = 0; i < workers; i++) {
		uint16_t spoke = __atomic_load_n(&learners[i]->spoke[number], __ATOMIC_RELAXED);
		uint16_t since = seconds[i] - spoke;

		if (spoke == 0)
			continue;
		// It may have spoken after the clock was read.
		if ((int16_t)since < 0)
			since = since > (uint16_t)-8 ? 0 : UINT16_MAX;
		if (since < silence)
			silence = since;
	}
	return silence;
}

void vm_learn_expire(struct vm_learner *const *learners, const uint16_t *seconds,
		     unsigned int workers)
{
	uint32_t share = learned_count / SHARES + SHARE_LEAST;

	if (look_at == 0 || look_at > learned_count)
		look_at = learned_count;
	// Downwards: who goes is replaced by the last, which has been looked at.
	for (; share > 0 && look_at > 0; share--) {
		uint32_t number = learned[--look_at];
		struct vm *vm = &vm_table[number];
		uint32_t silence = silence_of(number, learners, seconds, workers);

		if (vm->heard != now - silence) // workers read this line
			vm->heard = now - silence;
		if (silence >= limits[vm->vni].age + SWEEP_SECONDS)
			row_remove(number);
	}
}

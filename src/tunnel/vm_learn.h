/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/addr.h"
#include "base/memory.h"
#include "tunnel/vm_table.h"

/* VMs that are learned from traffic: see vm_learn.c. */
enum {
	VM_LEARN_RING = 64,	     // of a worker: VMs that control has not seen yet
	VM_LEARN_WAITING = 64,	     // of a worker: their packets
	VM_LEARN_HOSTS = 64,	     // prefixes of hosts that are believed
	VM_LEARN_MAX_DEFAULT = 1024, // rows of a VNI
	VM_LEARN_AGE_DEFAULT = 300,  // seconds
	VM_LEARN_AGE_MAX = 8 * 3600, // far less than 16 bits of seconds
	VM_LEARN_ORIGIN = UINT8_MAX, // of a row: none of the doors'
};

/* What a packet has said. */
struct vm_heard {
	uint32_t vni;
	struct addr addr, host;
	uint8_t mac[6];
	uint8_t zero[2]; // it is compared as a whole
};

/* Of one worker. */
struct vm_learner {
	struct vm_heard heard[VM_LEARN_RING];	    // w
	uint32_t written;			    // w, atomic: counts up
	uint32_t read;				    // c, atomic: follows it
	struct rte_mbuf *waiting[VM_LEARN_WAITING]; // w: in the order of their arrival
	uint32_t until[VM_LEARN_WAITING];	    // w: each waits for `read` to get there
	unsigned int waiting_count;		    // w
	uint16_t *spoke;			    // w: by number, the worker's seconds, 0: never
	struct memory memory;
};

int vm_learn_start(void);
void vm_learn_stop(void);
/* Before the workers start: the hosts that are believed; constant then. */
void vm_learn_permit(const struct prefix *hosts, unsigned int count);
unsigned int vm_learn_permitted(void);

/* Control, for vm_table.c: a row is, or no longer is, a learned one; the settings of a VNI. */
void vm_learn_note(uint32_t number, bool learned);
void vm_learn_set(uint32_t vni, const struct vni_settings *settings);
/* Control: seconds since it was heard; how many a VNI has. */
uint32_t vm_learn_age(const struct vm *vm);
uint32_t vm_learn_count(uint32_t vni);

/* Control, some times a second. `seconds` never goes back. */
void vm_learn_clock(uint32_t seconds);
/* Control: enter what a worker has heard; returns how many. */
unsigned int vm_learn_gather(struct vm_learner *learner);
/* Control: a look at a share of the learned rows, from one on: which have fallen silent? */
void vm_learn_expire(struct vm_learner *const *learners, const uint16_t *seconds,
		     unsigned int workers);

int vm_learner_create(struct vm_learner *learner);
void vm_learner_destroy(struct vm_learner *learner);

/* Worker: may VMs of this host be learned? */
bool vm_learn_permits(const struct addr *host);
/* Worker: tell control; false: there is no room. Twice the same is told once. */
bool vm_learn_hear(struct vm_learner *learner, const struct vm_heard *heard);

/* Worker: the VM is there. */
static inline void vm_learn_spoke(struct vm_learner *learner, uint32_t number, uint16_t seconds)
{
	if (__atomic_load_n(&vm_table[number].learned, __ATOMIC_RELAXED))
		__atomic_store_n(&learner->spoke[number], seconds ? seconds : UINT16_MAX,
				 __ATOMIC_RELAXED);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "tunnel/vm_host.h"

/*
 * The VM table: (VNI, address) -> (MAC of the VM, host that it runs on). See vm_table.c.
 *
 * An entry has a number for as long as any session may hold it. Sessions hold the number and read
 * the line with every packet, so that a VM that moves takes its running sessions along at once.
 * weir's own addresses in a VNI, the VIPs of services there, stand in the same table.
 *
 * The control thread writes. Workers read, without a lock.
 */
enum { VNI_MAX = (1 << 24) - 1, VM_MAX = 1 << 20 };

struct vm {
	uint64_t mac;  // atomic: six bytes in the order of the wire, then two of zero
	uint32_t host; // atomic: number of its host, 0: no VM has this address (any more)
	uint32_t vni;
	struct addr addr;
	uint32_t own; // atomic: how many users weir's own address has, 0: it is none
	bool local;   // atomic: that, and towards VMs a local address (vni_local.h)

	// The control thread's alone.
	uint32_t mark; // of the whole document that named it last
	uint32_t held; // by real servers that are this VM, there or not
	uint8_t origin;
	uint8_t in_use;

	uint8_t learned;     // atomic: from traffic (vm_learn.h); else as configured
	uint32_t heard;	     // control: when a learned one was heard last, seconds
	uint32_t learned_at; // control: its place in the list of those
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct vm) == 64, "an entry is one cache line");

enum vni_flags {
	VNI_NAMED = 1 << 0,   // has settings, and is known without any VM
	VNI_TRUSTED = 1 << 1, // outer sources are not compared with the table
	VNI_LEARNS = 1 << 2,  // VMs that the table does not have are learned (vm_learn.h)
	VNI_FULL = 1 << 3,    // ... but no more of them
};

/* What holds for all VMs of a VNI. Read and written as one word. */
struct vni {
	uint32_t entries; // lines of vm_table in it
	uint16_t mtu;	  // of packets inside, 0: what the way to the host leaves
	uint8_t flags;	  // enum vni_flags
	uint8_t iface;	  // index of its TAP's interface, 0: none
} __attribute__((aligned(8)));
_Static_assert(sizeof(struct vni) == 8, "the settings of a VNI are one word");

extern struct vm *vm_table;   // by number, from 1; touched as it is used
extern struct vni *vni_table; // by VNI; touched as it is used

int vm_table_start(void);
void vm_table_stop(void);

/* A row as a door gives it. */
struct vm_row {
	uint32_t vni;
	struct addr addr, host;
	uint8_t mac[6];
	uint8_t origin;
	bool learned;
	uint32_t age;	   // out of a line: seconds since a learned one was heard
	uint16_t path_mtu; // out of a line: that of its host (vm_host.h)
};

/*
 * Control: insert or change, all rows or none: -ENOSPC (VM_MAX, HOST_MAX), -ENOMEM. A row of which
 * there are two counts as the last says. `mark` is written to each.
 */
int vm_upsert(const struct vm_row *rows, uint32_t count, uint32_t mark);
/* -ENOENT when there is none. Its sessions end with the next pass over them. */
int vm_remove(uint32_t vni, const struct addr *addr);
/* Those of this origin that bear another mark; returns how many. */
uint32_t vm_remove_unmarked(uint8_t origin, uint32_t mark);
/* Out of a line. */
void vm_row_of(const struct vm *vm, struct vm_row *row);
/* In the order of numbers, VMs only: `*cursor` starts at 0; NULL at the end. */
const struct vm *vm_next(uint32_t *cursor);
uint32_t vm_count(void);

/* Control: an address of weir's own in a VNI; counted. 0, -ENOSPC or -ENOMEM. */
int vm_own_add(uint32_t vni, const struct addr *addr);
void vm_own_remove(uint32_t vni, const struct addr *addr);
/* Of an own address: answers from VMs to it belong to the worker that has chosen their port. */
void vm_own_set_local(uint32_t vni, const struct addr *addr, bool local);

/*
 * Control: keep the number of an address, be there a VM or not, until it is let go as often; a VM
 * that comes, goes or moves does so under this number. 0: no room. Of a real server in a VNI.
 */
uint32_t vm_hold(uint32_t vni, const struct addr *addr);
void vm_let_go(uint32_t number);

/* Control: the settings of a VNI; NULL takes them back. */
struct vni_settings {
	uint16_t mtu;
	bool trusted;
	bool learn;
	uint32_t learn_max; // rows
	uint32_t learn_age; // seconds of silence
};
void vni_set(uint32_t vni, const struct vni_settings *settings);
void vni_flag(uint32_t vni, uint8_t flag, bool on);
/* Its TAP, by the index of the interface (net/iface.h); 0: none. */
void vni_set_iface(uint32_t vni, uint8_t iface);

/*
 * Control, about once a second: free the numbers of entries that are gone. No worker finds them any
 * more after a grace period, and no session holds one after a whole pass over all sessions:
 * `begin` starts such a pass and `over` says whether it has ended. Returns how many are left.
 */
uint32_t vm_reap(uint64_t (*begin)(void), bool (*over)(uint64_t pass));

/* Worker: the number, 0 when the table has no such address. Valid until the next quiescent state. */
uint32_t vm_find4(uint32_t vni, uint32_t address);
uint32_t vm_find6(uint32_t vni, const uint8_t address[16]);
uint32_t vm_find(uint32_t vni, const struct addr *addr);

static inline struct vni vni_get(uint32_t vni)
{
	struct vni settings;

	__atomic_load(&vni_table[vni], &settings, __ATOMIC_RELAXED);
	return settings;
}

static inline bool vni_is_known(uint32_t vni)
{
	struct vni settings = vni_get(vni);

	return settings.entries > 0 || (settings.flags & VNI_NAMED);
}

/* The line of the host that a VM is on now, NULL when the VM is gone. */
static inline const struct vm_host *vm_host_of(const struct vm *vm)
{
	uint32_t host = __atomic_load_n(&vm->host, __ATOMIC_ACQUIRE);

	return host ? &vm_host_table[host] : NULL;
}

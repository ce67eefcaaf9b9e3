/* SPDX-License-Identifier: BSD-3-Clause */
#include "tunnel/vni_local.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "io/rcu.h"
#include "tunnel/vm_table.h"

/* By VNI, touched as it is used: a list that is never changed, replaced as a whole. */
static struct vni_locals **lists;
static struct memory list_memory;

int vni_local_start(void)
{
	if (memory_map(&list_memory, "vni-locals", (VNI_MAX + 1) * sizeof(*lists), MEMORY_SMALL) <
	    0)
		return -ENOMEM;
	lists = list_memory.base;
	return 0;
}

void vni_local_stop(void)
{
	memory_unmap(&list_memory);
	lists = NULL;
}

const struct vni_locals *vni_local_get(uint32_t vni)
{
	return __atomic_load_n(&lists[vni], __ATOMIC_ACQUIRE);
}

static bool list_has(const struct vni_locals *list, const struct addr *addr)
{
	for (unsigned int i = 0; list && i < list->count; i++)
		if (addr_equal(&list->address[i], addr))
			return true;
	return false;
}

/* Weir's own no longer, but for those that stand in the new list too. */
static void list_leave(uint32_t vni, const struct vni_locals *before,
		       const struct vni_locals *after)
{
	for (unsigned int i = 0; before && i < before->count; i++) {
		if (!list_has(after, &before->address[i]))
			vm_own_set_local(vni, &before->address[i], false);
		vm_own_remove(vni, &before->address[i]);
	}
}

/* What is in both lists is counted twice for a moment, and local all the time. */
static int addresses_enter(uint32_t vni, const struct addr *addresses, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		int status = vm_own_add(vni, &addresses[i]);

		if (status < 0) {
			while (i-- > 0)
				vm_own_remove(vni, &addresses[i]);
			return status;
		}
	}
	return 0;
}

int vni_local_set(uint32_t vni, const struct addr *addresses, unsigned int count)
{
	struct vni_locals *before = lists[vni], *after = NULL;
	int status;

	if (count > 0) {
		after = malloc(sizeof(*after) + count * sizeof(*addresses));
		if (!after)
			return -ENOMEM;
		after->count = count;
		memcpy(after->address, addresses, count * sizeof(*addresses));
	}
	status = addresses_enter(vni, addresses, count);
	if (status < 0) {
		free(after);
		return status;
	}
	for (unsigned int i = 0; i < count; i++)
		vm_own_set_local(vni, &addresses[i], true);
	list_leave(vni, before, after);
	__atomic_store_n(&lists[vni], after, __ATOMIC_RELEASE);
	if (before && rcu_defer(free, before) < 0)
		log_error("out of memory: the local addresses of a VNI are lost");
	return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

#include "base/addr.h"

/*
 * Local addresses of VNIs: those by which weir speaks to VMs, with ports of its own choice, as
 * FullNAT does with local addresses on the underlay. They stand in the VM table as weir's own.
 */
enum { VNI_LOCALS_MAX = 8 };

struct vni_locals {
	unsigned int count;
	struct addr address[];
};

int vni_local_start(void);
void vni_local_stop(void);

/* Control: replace those of a VNI. 0, -ENOSPC or -ENOMEM; then they are as before. */
int vni_local_set(uint32_t vni, const struct addr *addresses, unsigned int count);
/* NULL: none. Of workers: valid until the next quiescent state. */
const struct vni_locals *vni_local_get(uint32_t vni);

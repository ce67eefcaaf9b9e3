/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "control/vpc.h"

/*
 * The TAP of a VNI, "vni96": there while the VNI has local addresses, which stand on it, unless its
 * settings say `tap: false`.
 */
enum { VNI_TAP_NAME = 16 };

char *vni_tap_name(uint32_t vni, char name[static VNI_TAP_NAME]);
/* Make, change or remove it as `after` says, which may be without addresses. Fields: local_addresses. */
int vni_tap_set(const struct vpc_vni *before, const struct vpc_vni *after, struct error *error);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "dpip.h"

/* Bonds: what dpip_link.c finds in the words of `dpip link`. */
enum exit_code dpip_bond_status(struct dpip *dpip, const char *name);
/* `set BOND bond-... VALUE` */
enum exit_code dpip_bond_set(struct dpip *dpip, const char *name, const char *item,
			     const char *value);
/* `add BOND bond-slave NIC`, and `del` */
enum exit_code dpip_bond_member(struct dpip *dpip);

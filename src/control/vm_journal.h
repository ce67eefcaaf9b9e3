/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

#include "base/addr.h"
#include "base/error.h"
#include "tunnel/vm_table.h"

/* VMs that did not come from the file, kept over restarts: see vm_journal.c. Control thread. */

/*
 * Before vm_journal_start(): rows that are kept come back into the table. Returns how many were left
 * out, because weir has no end of a tunnel of their host's family any more.
 */
unsigned int vm_journal_restore(const char *state_dir, uint8_t origin, uint32_t mark);
/* `whole`: what is kept is to be written anew. Before it, and after the stop, nothing is noted. */
int vm_journal_start(const char *state_dir, bool whole, struct error *error);
/* Write what is not written yet. */
void vm_journal_stop(void);

void vm_journal_put(const struct vm_row *rows, uint32_t count);
void vm_journal_remove(uint32_t vni, const struct addr *addr);

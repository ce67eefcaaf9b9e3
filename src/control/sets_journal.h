/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "control/sets.h"

/* Named sets over restarts: see sets_journal.c. Control thread. */
/* Read what was written; after this, changes are noted. */
void sets_journal_start(const char *state_dir);
void sets_journal_stop(void);
void sets_journal_make(const struct named_set *named);
void sets_journal_remove(const char *name);
void sets_journal_put(const struct set *set, const struct set_row *row, uint8_t origin);
void sets_journal_take(const struct set *set, const struct set_item *item);
void sets_journal_flush(const struct set *set);

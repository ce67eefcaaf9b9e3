/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "control/sets.h"

/* Named sets over restarts: see sets_journal.c. Control thread, if nothing else is said. */
/* Read what was written; after this, changes are noted. -EMFILE and so on. */
int sets_journal_start(const char *state_dir, struct error *error);
void sets_journal_stop(void);

/*
 * What is noted between these two has happened as a whole or not at all, and is Linux's when the
 * last one returns: whoever ends weir afterwards, by SIGKILL too, does not make it undone.
 */
void sets_journal_begin(void);
void sets_journal_end(void);
void sets_journal_make(const struct named_set *named);
void sets_journal_remove(const char *name);
void sets_journal_put(const struct set *set, const struct set_row *row, uint8_t origin);
void sets_journal_take(const struct set *set, const struct set_item *item);
void sets_journal_flush(const struct set *set);

/*
 * All entries of a set that is being made, for those that have very many: written to a file of its
 * own, by any thread, one at a time; and then named as what the set has. 0 or negative errno.
 */
int sets_journal_rows(const struct set *set, size_t *bytes);
void sets_journal_load(const struct set *set, size_t bytes);

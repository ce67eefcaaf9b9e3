/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

#include "balance/set.h"
#include "base/error.h"
#include "control/sets.h"

/*
 * A set as it shall be, made beside the one that is there: see set_build.c. Zeroed before its use.
 */
enum set_change {
	SET_PUT,      // what there is, and the rows
	SET_TAKE,     // what there is, without the rows
	SET_REPLACE,  // the rows
	SET_DOCUMENT, // the rows, and what there is that came from no document
};

struct set_build {
	struct set *set; // after set_build_place(): what was there before
	struct set_prefix *prefixes;
	uint32_t shown; // of them
};

/*
 * Any thread, while nobody changes `old` (NULL: there is none). All or nothing; the error names the
 * row. What is there already is changed when `force`, and else refused; what is not there is left
 * out when `force`.
 */
int set_build_make(struct set_build *build, const struct set_settings *settings,
		   const struct set *old, enum set_change change, const struct set_rows *rows,
		   uint8_t origin, bool force, struct error *error);
/* Control: the next `most` prefixes into the classifier. 1: there are more. -ENOMEM, -ENOSPC. */
int set_build_show(struct set_build *build, uint32_t most, struct error *error);
/* Control: all have been shown, put it in the place of `set`. -ENOMEM, and nothing has changed. */
int set_build_place(struct set_build *build, struct set *set, struct error *error);
/* Control: make it a set of its own, which the caller gets. */
struct set *set_build_take(struct set_build *build);
/* What is not needed any more goes: at once when no worker has seen it, otherwise in slices. */
void set_build_drop(struct set_build *build);

/* A set that is referred to no more goes in slices, after a grace period. */
void set_retire(struct set *set);
/* Who reads a content in slices asks for it each time by its number; NULL: it is not there. */
struct set *set_retired_find(uint64_t content);
void set_retired_stop(void);

/* sets.c: what `set_add()` and so on have refused, in words. */
int set_row_error(const struct set *set, uint32_t row, int status, struct error *error);

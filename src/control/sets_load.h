/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "base/error.h"
#include "control/rest.h"
#include "control/set_build.h"

/*
 * A change of a set that is too large for the control thread to do at once: see sets_load.c. There
 * is one at a time.
 */
enum {
	SETS_LOAD_BYTES = 64 << 10, // of a body, or
	SETS_LOAD_ROWS = 512,	    // entries: more take more than a few milliseconds
};

/* Is one under way? Has a change of this set to wait for it? */
bool sets_loading(void);
bool sets_load_holds(const char *name);
/*
 * Begin, when none is under way. The body is {"entries": [...], "force": true}, or with `whole`
 * that of a set; without bytes there are no entries. Takes the body.
 */
int sets_load_begin(const char *name, enum set_change change, bool whole,
		    const struct request_text *body, uint8_t origin, struct error *error);
/* Who began it asks until this is not -EAGAIN; how many entries the body had, or an error. */
int sets_load_result(uint32_t *rows, struct error *error);
/* Nobody will ask. */
void sets_load_abandon(void);
/* At once, for somebody who can not wait; and at the end, without it. */
void sets_load_finish(void);
void sets_load_stop(void);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "base/error.h"
#include "control/config.h"
#include "control/document.h"

/*
 * What lasts over a restart: the whole model with the marks of its objects, in
 * STATE_DIR/model.json, together with the digest of the start file that it stood on.
 */

/* Settings that may be changed while weir runs and are no part of the model. */
struct persist_settings {
	bool has_nat_log; // false: saved before there was one
	uint32_t nat_log_rate;
};

/*
 * Read it. `*digest` becomes that of the file. -ENOENT when there is nothing; what is damaged is
 * set aside as model.json.bad, which is -EINVAL.
 */
int persist_load(const char *state_dir, struct document *document, uint64_t *digest,
		 struct persist_settings *settings, struct error *error);

/* From now on keep it written. */
int persist_start(const char *state_dir, uint64_t digest, struct error *error);
/* Write what is not written yet. */
void persist_stop(void);
/* The model has changed: write it soon. */
void persist_changed(void);
/* Another start file was taken in. */
void persist_set_digest(uint64_t digest);

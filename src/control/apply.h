/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "base/error.h"
#include "control/config.h"

/*
 * Applying a whole document: the file at a signal, or the body of PUT /v1/config.
 */
struct apply_result {
	unsigned int added, changed, removed;
	json_t *differences; // texts, at most APPLY_TEXTS unless it was a dry run
	json_t *restart;     // texts about settings that need a restart
	bool published;	     // workers must see something: answer after a grace period
};
enum { APPLY_TEXTS = 1000 };

/* The settings that weir runs with; `config` is kept. Puts the addresses of ports on the TAPs. */
int apply_start(const struct config *config, struct error *error);
void apply_stop(void);
/* What runs: the start file, with what later documents changed in it. */
const struct config *apply_running(void);
/* The rate of nat_log, until a document is applied. 0 or -ENOMEM. */
int apply_nat_log(uint32_t rate);

/* All or nothing. `door` is for the log. `result` is the caller's to free on success. */
int apply_config(const struct config *wanted, bool dry_run, const char *door,
		 struct apply_result *result, struct error *error);
void apply_result_free(struct apply_result *result);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <jansson.h>

#include "control/edit.h"

/* What an edit does to the model, in words. */
struct describe {
	unsigned int added, changed, removed; // services, servers, local addresses, settings
	json_t *texts;	    // "+ server ...", "- ...", "~ ...: weight 1 -> 5"; NULL: only count
	unsigned int limit; // of texts
};

void describe_edit(const struct edit *edit, struct describe *describe);

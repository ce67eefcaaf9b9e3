/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/follow.h"

#include <stdint.h>

#include "base/log.h"
#include "control/claim.h"
#include "control/edit.h"
#include "control/model.h"
#include "control/publish.h"
#include "net/kernel.h"

/*
 * Called from the event loop only, so never between the steps of another edit. What could not be
 * published is tried again the next time.
 */
static uint64_t seen;

static bool locals_changed(const struct model_local *locals, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		if (locals[i].unclaimed && claim_changed(&locals[i].addr))
			return true;
	}
	return false;
}

static int edit_touched(struct edit *edit)
{
	const struct model_local *pool;
	struct model_service *service;
	unsigned int pool_count;
	uint32_t cursor = 0;
	bool pool_changed;
	int status = 0;

	pool = model_pool(&pool_count);
	pool_changed = locals_changed(pool, pool_count);
	while (status == 0 && (service = model_next(&cursor)) != NULL) {
		if (service->local_count > 0 ? locals_changed(service->locals, service->local_count)
					     : pool_changed)
			status = edit_republish(edit, service);
	}
	return status;
}

void follow_addresses(void)
{
	uint64_t now = kernel_address_generation();
	struct edit edit = {0};
	unsigned int services;
	struct error error;
	int status;

	if (now == seen)
		return;
	seen = now;
	if (!claim_follow())
		return;
	status = edit_touched(&edit);
	services = edit.count;
	if (status < 0)
		error_set(&error, status, "", "out of memory");
	else
		status = publish_edit(&edit, &error);
	if (status == 0) {
		log_info("unclaimed local addresses have come or gone: %u services follow",
			 services);
		claim_settle();
	} else {
		log_error("services could not follow their local addresses: %s", error.text);
		seen = now - 1;
	}
	edit_free(&edit);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "control/edit.h"
#include "control/model.h"

/*
 * Giving back what a published change no longer needs. A `remains` is made with room for all that
 * an edit may leave behind, before anything is published, so that none of the later calls fails.
 */
struct remains;

struct remains *remains_new(const struct edit *edit); // NULL: no memory
void remains_free(struct remains *remains);	      // one that was not begun

/* What `old` has and `kept` (NULL: the service is gone, see remains_departed) has not. */
void remains_service(struct remains *remains, const struct model_service *old,
		     const struct model_service *kept);
void remains_locals(struct remains *remains, const struct model_local *locals, unsigned int count);
/* The number and the local addresses of a removed service, kept while its sessions last. -ENOMEM */
int remains_departed(struct remains *remains, const struct model_service *service);
void remains_drop_departed(struct remains *remains);

/* Everything in it is given back after a grace period. Takes it. */
void remains_begin(struct remains *remains);

/* Once a second: free servers without sessions, and what waited for them. */
void remains_reap(void);
/* Servers that were removed and still carry sessions, at the last remains_reap(). */
unsigned int remains_leaving(void);
void remains_stop(void);

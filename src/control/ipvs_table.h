/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "base/error.h"
#include "control/edit.h"
#include "control/ipvs_message.h"
#include "control/ipvs_peer.h"
#include "control/model.h"

/*
 * Carry out a command that changes the table: services, servers, timeouts, FLUSH. When it returns 0
 * the change is published (workers take it up within their next round) and on its way to the disk.
 * Otherwise nothing has changed, the code is the one that the kernel's IPVS gives for it, which
 * ipvsadm and keepalived have sentences for, and `error` says more.
 */
int ipvs_table_change(const struct ipvs_request *request, const struct ipvs_peer *peer,
		      struct error *error);

/* Publish, log as done by `who`, and persist. Frees the edit. */
int ipvs_table_publish(struct edit *edit, const char *who, struct error *error);

/*
 * Has IPVS words for such a service? One by match or in a VNI is not listed at its door and not
 * flushed by it: nobody there knows of it.
 */
static inline bool ipvs_table_has_words(const struct model_service *service)
{
	return service->key.kind != SERVICE_MATCH && service->key.zone == 0;
}

/* Tell the log what it was not told yet. */
void ipvs_table_stop(void);

/* The service that a request names. -ESRCH. */
int ipvs_table_find(const struct ipvs_service *asked, struct model_service **service,
		    struct error *error);

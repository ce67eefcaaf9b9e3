/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "control/ipvs_reply.h"
#include "control/model.h"
#include "control/text.h"

/*
 * A listing that is produced datagram by datagram while the reader takes them, so that it may be as
 * long as it likes; what changes meanwhile is seen or not.
 */
enum ipvs_listing_kind {
	IPVS_LIST_NONE,	 // there is none under way
	IPVS_LIST_EMPTY, // of which nothing exists
	IPVS_LIST_SERVICES,
	IPVS_LIST_SERVERS,
	IPVS_LIST_FILE,
};

struct ipvs_listing {
	enum ipvs_listing_kind kind;
	uint32_t cursor;			    // services
	struct service_key key;			    // servers: of which service,
	struct model_server last;		    // and after which one to go on
	bool (*more)(struct ipvs_listing *listing); // files: add to `text`; false: that was all
	uint64_t walk, templates;
	bool sessions_over;
	struct text text;
	size_t sent; // of `text`
	bool complete;
};

/* "ip_vs", "ip_vs_conn" or "ip_vs_stats" of /proc/net. -ENOENT. */
int ipvs_listing_open_file(struct ipvs_listing *listing, const char *name, struct error *error);
/* Fill one datagram. False: it is the last one. */
bool ipvs_listing_next(struct ipvs_listing *listing, struct ipvs_reply *reply);
void ipvs_listing_close(struct ipvs_listing *listing);

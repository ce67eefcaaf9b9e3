/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <jansson.h>

#include "control/ipvs_peer.h"
#include "control/model.h"

/*
 * keepalived over a table that is not empty. It makes its entries when it starts and never looks
 * at what is there; the table outlives it, and weir. Told of the changes of each run of keepalived,
 * this removes what an earlier run has left behind and the present one does not want.
 */

/*
 * Milliseconds: a start is over after so long without a change, and a service of which no server was
 * wanted keeps its servers so long. Tests make them shorter.
 */
extern unsigned int ipvs_keeper_quiet, ipvs_keeper_patience;

/* A keepalived is about to change the table. Another peer: nothing. */
void ipvs_keeper_hear(const struct ipvs_peer *peer);
/* It wants this service, or (`server` not NULL) this real server of it. */
void ipvs_keeper_confirm(const struct ipvs_peer *peer, const struct service_key *key,
			 const struct addr *server, uint16_t port);

/* The runs that are known, for persist.c. NULL: no memory. */
json_t *ipvs_keeper_json(void);
void ipvs_keeper_restore(const json_t *runs);
void ipvs_keeper_stop(void);

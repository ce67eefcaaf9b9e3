/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "balance/service.h"
#include "base/match.h"

/*
 * Matches by number, so that the key of a service by match has a fixed size. Equal matches have
 * equal numbers for as long as the model has a service of them. Control thread only.
 */

/* The key of the service by this match; `mark` is 0 when there is no room for more matches. */
struct service_key match_key(const struct match *match);
/* The match of such a key. */
const struct match *match_of_key(const struct service_key *key);
void match_numbers_stop(void);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/match.h"
#include "io/batch.h"

struct service;

/*
 * The services by match, in the order in which they are tried: the narrower first (match_compare()).
 * Control publishes a new list for each change; workers walk it for first packets that no other
 * service wants.
 */
enum { MATCHES_MAX = 1024 };

/* Interfaces by their index, 0: any. */
struct match_rule {
	struct match match;
	uint16_t in, out;
	uint32_t number; // of the match: service_key.mark
	const struct service *service;
};

/* Control: insert, or replace the rule of this number. -ENOMEM, -ENOSPC. */
int matches_put(const struct match_rule *rule);
void matches_remove(uint32_t number);
void matches_stop(void);

/* Worker: the first service that takes this packet, or NULL. */
const struct service *matches_find(const struct pkt *p);
/* Worker: could a match take it, if only its next hop were known? */
bool matches_is_undecided(const struct pkt *p);
/* Worker: does any match want ICMP echoes, or did one? */
bool matches_want_echo(void);

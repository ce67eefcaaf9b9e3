/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "session/offer.h"

/*
 * SYN cookies: the sequence number of a SYN-ACK that stands for all that would have to be
 * remembered of the SYN (cookie.c). `key` is a struct key4 or key6, of the client's packets.
 */
enum { COOKIE_PERIOD = 120 /* seconds; a cookie lives for one to two of them */ };

/* Control: before workers run, with fresh secrets; -EIO when there is no randomness. */
int cookie_start(void);
/* Control, once every COOKIE_PERIOD: a new secret; that before the last is no longer valid. */
int cookie_rotate(void);
/* Control, at least once in a few seconds: rotates when it is time. `now`: seconds. */
void cookie_tick(uint64_t now);

/* Workers. Of the offer: MSS (rounded down), window scale, SACK, whether there are timestamps. */
uint32_t cookie_make(const void *key, bool ipv6, uint32_t sequence, const struct offer *offer);
/* False: it is none of ours, or too old. Else `offer` is what it was made of, with times 0. */
bool cookie_check(const void *key, bool ipv6, uint32_t sequence, uint32_t cookie,
		  struct offer *offer);

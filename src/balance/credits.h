/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

/*
 * Leased credits: a quantity that all workers share, such as the connections that a real server may
 * have or the packets that a service may take in a second, without a word that two of them write.
 * Each worker has a lease, which it spends by itself; control moves what is not used to where it is
 * wanted. See credits.c for why the leases never amount to more than the whole.
 */
struct credits_share {
	uint64_t lease;	 // what the worker may use; what credits_move() decides
	uint64_t seen;	 // the most that the worker may still believe its lease to be
	uint64_t held;	 // of a quantity that is held (connections): what it has now, else 0
	uint64_t wanted; // what it asked for of late, used or refused; only the proportion counts
};

/* Control: decide all leases anew. */
void credits_move(uint64_t total, struct credits_share *shares, unsigned int count);
/* Control: a grace period has passed since the last credits_move(); every worker has its lease. */
void credits_settle(struct credits_share *shares, unsigned int count);

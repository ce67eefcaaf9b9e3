/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control.h"

/*
 * The other ends of BFD sessions (RFC 5880), multihop over IPv4 (RFC 5883), without authentication:
 * traffic->peers of them, all behind the clients' gateway. Each sends every traffic->interval
 * microseconds, less up to a quarter at random, and judges what comes back as any BFD does.
 */
enum { PEERS_FRAME = 66 };

struct peers;

/* NULL with errno. `hz`: of the TSC. */
struct peers *peers_new(struct control *control, uint64_t hz);
void peers_free(struct peers *peers);

/* The next packet that is due at `now`, in TSC ticks: PEERS_FRAME bytes. */
bool peers_next(struct peers *peers, uint64_t now, uint8_t *out);
/* A frame that the program sent: true when it is one of BFD. */
bool peers_take(struct peers *peers, uint64_t now, const uint8_t *frame, uint32_t length);
/* Now and then: whom has nothing reached for too long? */
void peers_look(struct peers *peers, uint64_t now);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <jansson.h>

#include "control/model.h"

/* Draining single real servers; see server_drain.c. */

/* A deadline in milliseconds of the wall clock, which goes on while weir is stopped; and back. */
uint64_t server_drain_until_wall(uint64_t until);
uint64_t server_drain_until_loop(uint64_t wall);
/* Once a second: end the drains whose deadline has passed. */
void server_drain_tick(void);
/* Add "drain" and, with a deadline, "drain_remaining" to the listing of a server that is drained. */
void server_drain_add(json_t *object, const struct model_server *server);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <jansson.h>

#include "control/model.h"

/* Draining single real servers; see server_drain.c. */

/* Once a second: end the drains whose deadline has passed. */
void server_drain_tick(void);
/* Add "drain" and, with a deadline, "drain_remaining" to the listing of a server that is drained. */
void server_drain_add(json_t *object, const struct model_server *server);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "control/config.h"
#include "control/quorum.h"

/*
 * What holds for the node as a whole: whether its VIPs may be announced. A person drains it, a lost
 * link or the loss of all real servers isolates it, and it withdraws before it stops. Control
 * thread only.
 */
enum { NODE_DEADLINE_MAX = 7 * 24 * 3600 }; // seconds

/* `config` is kept. Writes the file that stock keepalived can track. */
void node_start(const struct config *config);
void node_stop(void);

/* Why no VIP may be announced, a sentence; NULL: nothing speaks against it. */
const char *node_withheld(void);
/* Look at links and services again. True when node_withheld() has changed. */
bool node_judge(const struct announce_config *config, const struct census *census);
void node_stopping(void);

/*
 * Drained until node_undrain(), also over a restart. `deadline`: after how many milliseconds to
 * give up waiting for sessions to end, 0: never. `door` is for the log.
 */
void node_drain(uint64_t deadline, const char *door);
void node_undrain(const char *door); // nothing happens when it is not drained
bool node_is_drained(void);
bool node_is_isolated(void);
/* Once a second: say when a drain is over. */
void node_tick(void);

/* {"drained":true,"state":"draining","sessions":12,...} */
json_t *node_drain_json(void);
/* "serving", "isolated", "draining", "drained" or "stopping". */
const char *node_state(void);
/* For what lasts over a restart. */
json_t *node_saved_json(void);
void node_restore(const json_t *saved);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

#include <jansson.h>

/*
 * What is wrong and not bad enough to keep traffic away: it is told, and waits for a person.
 * Control thread only.
 */
void degraded_tick(void); // once a second
void degraded_stop(void);
bool degraded_is(void);
/* Sentences, as of the last tick. */
json_t *degraded_json(void);

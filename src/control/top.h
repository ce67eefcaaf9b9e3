/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

#include <jansson.h>

/*
 * The flows that carry most, for each interface, see top.c. Off at start. Control thread only.
 */
void top_enable(bool on);
bool top_enabled(void);
/* Somebody wants to know: false until the present sample is complete; call again soon. */
bool top_want(void);
/* Rows of the last sample, most bytes first for each interface; a new reference. */
json_t *top_json(void);
double top_interval(void); // seconds between its snapshots
void top_stop(void);

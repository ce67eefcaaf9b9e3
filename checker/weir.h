/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/*
 * The connection to weir: what is to be checked comes from there, and results go there, once a
 * second and in one request.
 */
int weir_start(const char *socket, struct error *error);
void weir_stop(void);

/* Ask and tell, when it is time. */
void weir_turn(void);
/* There is something to tell that should not wait for the next second. */
void weir_hurry(void);
/* When weir_turn() has something to do, in milliseconds of events_now(). */
uint64_t weir_due(void);
/* Is weir there? Without it checks mean nothing: they go through it. */
bool weir_answers(void);
/* Another checker is at work, or weir is too old: why we cannot go on. NULL: we can. */
const char *weir_refusal(void);

/* Tell what is to be told, and that we end. Over when weir_is_told(). */
void weir_end(void);
bool weir_is_told(void);

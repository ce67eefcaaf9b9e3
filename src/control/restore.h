/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "base/error.h"
#include "control/config.h"

/*
 * At the start: publish what was saved and what the file says. An object of the file that cannot
 * be published fails the start; one that came through another door, or was changed through one,
 * is left out with a warning, so that an old change cannot keep weir from starting.
 */
int restore_model(const struct config *config, struct error *error);

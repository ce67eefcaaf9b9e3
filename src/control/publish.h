/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "base/error.h"
#include "control/edit.h"

/*
 * From the model to the workers. publish_edit() prepares everything that can fail (numbers,
 * servers, timeout sets, addresses on interfaces), publishes one service after the other, and
 * takes the edit into the model. On an error everything is as it was, and the error says why. It
 * does not wait: the caller answers its request when a grace period has passed.
 */
int publish_edit(struct edit *edit, struct error *error);

void publish_stop(void);

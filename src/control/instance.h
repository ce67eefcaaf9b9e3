/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "base/error.h"
#include "control/config.h"

/*
 * To be called before anything that an earlier process of this instance may have left behind is
 * cleaned up: makes the state folder, and makes sure that this is the only process of the
 * instance. -EBUSY, with the other's pid in the text. The lock is dropped with the process, however
 * it ends. A second call changes nothing.
 */
int instance_lock(const struct config *config, struct error *error);
void instance_unlock(void);

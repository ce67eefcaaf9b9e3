/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "dpip.h"

/*
 * Listings of queueing disciplines and classifiers in the lines of DPVS' dpip: of one queue or
 * classifier by its handle, or NULL: of all; classifiers also by the queue that they stand at.
 */
enum exit_code dpip_qsch_show(struct dpip *dpip, const char *device, const char *handle);
enum exit_code dpip_cls_show(struct dpip *dpip, const char *device, const char *queue,
			     const char *handle);

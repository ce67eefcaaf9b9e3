/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>

#include "control/model.h"
#include "path/workers.h"

/*
 * Setting counters to zero, as people see them. The counters of the workers only ever grow (and
 * so do those of /metrics); what is set to zero is a baseline that listings subtract. Connections
 * that are open are no counter and stay what they are.
 */

/*
 * From now on, one service with its servers, or all. Packets and bytes that were counted before
 * the last pass over the sessions are gone: begin a pass (workers_pass_begin()) and call when it is
 * over. -ENOMEM; then nothing has changed.
 */
int zero_service(const struct model_service *service);
int zero_all(void);

/* workers_service_traffic() and workers_server_traffic(), less what was there before. */
void zero_service_traffic(uint32_t number, struct traffic *out);
void zero_server_traffic(uint32_t number, struct traffic *out);

/* For publish.c: the number is given to something else, whose counters begin at zero. */
void zero_forget_service(uint32_t number);
void zero_forget_server(uint32_t number);

void zero_stop(void);

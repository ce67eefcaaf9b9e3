/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "balance/service_data.h"
#include "io/batch.h"

struct balancer;

/* Worker: a batch begins. */
void service_classify_begin(struct balancer *b);
/*
 * Worker: the service that the first packet of a connection is for, or NULL. Valid until the
 * worker's next quiescent state.
 */
const struct service *service_classify(struct balancer *b, const struct pkt *p);
/* The same of a packet that may belong to a session: no rule has been hit by it. */
const struct service *service_classify_again(struct balancer *b, const struct pkt *p);

/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>

#include "balance/service_data.h"
#include "io/batch.h"

struct worker;

/*
 * Worker: may this packet, which has no session, have something of the service that it is for?
 * Called for whatever comes to a service and is not known: first packets, and also TCP segments
 * and SCTP chunks that begin nothing. False: its fate is settled, and a drop has its name.
 */
bool guard_admits(struct worker *w, struct batch *b, unsigned int at,
		  const struct service *service);

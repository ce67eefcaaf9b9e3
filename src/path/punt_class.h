/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "io/batch.h"
#include "net/punt.h"
#include "path/worker.h"

/* The policer that a packet for Linux has to pass. */
enum punt_class punt_class_of(const struct pkt *p);
/*
 * Give a packet to Linux: takes it when it returns true. Where the policer of its class has nothing
 * left there is a reserve for prefixes that have had few (source_share.h), so that a flood from one
 * does not keep everybody else from ssh.
 */
bool punt_give(struct worker *w, const struct batch *b, const struct pkt *p);

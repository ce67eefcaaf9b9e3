/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "io/batch.h"
#include "net/punt.h"

/* The policer that a packet for Linux has to pass. */
enum punt_class punt_class_of(const struct pkt *p);

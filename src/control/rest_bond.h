/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <jansson.h>

#include "io/port.h"

/* Settings of a bond and what its members are at, as a new object. */
json_t *rest_bond_json(const struct port *bond);
